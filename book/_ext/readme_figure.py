"""Copy the book's best known figure, as the last build drew it, to where the README shows it.

make readme-figure
"""

import re
import shutil
from pathlib import Path

BOOK = Path(__file__).parents[1]
PAGES = BOOK.parent / "_build" / "html" / "book"

page = (PAGES / "reach.html").read_text(encoding="utf-8")
figure = page[page.index('id="fig-memory-distance"') :]
image = re.search(r'src="([^"]+\.svg)"', figure).group(1)
shutil.copy(PAGES / image, BOOK / "_static" / "readme-figure.svg")
print(f"copied {Path(image).name}")

"""The boxes to try, as they stand in the sources of the pages."""

import re
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "book" / "_ext"), str(ROOT / "book" / "_live")]
import kernel  # noqa: E402, F401 (of the book, as the three below; tests import them from here)
import live_runtime  # noqa: E402, F401
from folds import prompt  # noqa: E402
from layout import CELL  # noqa: E402


class Box(NamedTuple):
    page: str
    number: int
    opening: str
    code: str
    check: str


def tagged(cell, tag):
    """Whether a cell of a page's source has a tag."""
    tags = re.search(r"^:?tags: *\[([^\]]*)\]", cell["head"], re.MULTILINE)
    return tags is not None and tag in re.split(r", *", tags[1])


def boxes_of(text, page="page"):
    """The boxes of a page, with the paragraph before each and the check directly after it."""
    cells, found = [*CELL.finditer(text)], []
    for cell, after in zip(cells, [*cells[1:], None]):
        if tagged(cell, "try-it"):
            check, opening = "", text[: cell.start()].strip().rpartition("\n\n")[2]
            if after and not text[cell.end() : after.start()].strip():
                if tagged(after, "hide-input") and prompt(after["code"], {}) == "Check":
                    check = after["code"]
            found.append(Box(page, len(found) + 1, opening, cell["code"], check))
    return found


PAGES = sorted((ROOT / "book").glob("*.md"))
BOXES = [box for page in PAGES for box in boxes_of(page.read_text("utf-8"), page.stem)]

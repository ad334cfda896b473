"""Slides for three lectures, made of pieces of the built book. `make teacher` builds them.

The theme and reveal.js come with sphinx-revealjs as files, so a deck needs no network. The
mathematics is drawn by the book's own MathJax, with the book's own macros.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "teacher"), str(HERE)]

import conf as of_the_book  # noqa: E402 (the settings of the book)

project, author, copyright = of_the_book.project, of_the_book.author, of_the_book.copyright
version = release = of_the_book.version

root_doc = "index"
exclude_patterns = ["*.css"]
extensions = ["myst_parser", "sphinx_revealjs", "from_book"]
myst_enable_extensions = ["attrs_block", "dollarmath"]
pygments_style = of_the_book.pygments_style

mathjax_path, mathjax3_config = of_the_book.mathjax_path, of_the_book.mathjax3_config
html_favicon = str(ROOT / of_the_book.html_favicon)

# --- The deck --------------------------------------------------------------------------------

revealjs_html_theme = "revealjs-simple"  # the other one forbids to enlarge the page
revealjs_style_theme = "white"  # its fonts are files; slides.css has the colours, light and dark
revealjs_static_path = ["slides.css", *of_the_book.html_static_path[1:]]
revealjs_static_path += [str(ROOT / "book" / "_static" / "explorable.js")]
revealjs_css_files = ["pygments.css", "slides.css"]
revealjs_script_files = ["explorable.js"]  # figures with a slider move as they do in the book
revealjs_script_plugins = [{"src": "revealjs/plugin/notes/notes.js", "name": "RevealNotes"}]
revealjs_script_conf = {
    "width": 1280,
    "height": 720,
    "margin": 0.04,
    "center": False,
    "hash": True,  # the address says which slide it is
    "slideNumber": "c/t",
    "transition": "none",
}
html_copy_source = False
suppress_warnings = ["toc.not_included"]  # the first page links to the decks

"""Pieces of the book as it was built: its figures, equations, cells, questions and numbers.

They are read from the finished pages, so they are what a reader sees. What is not there raises a
LookupError that names it: a figure that a chapter no longer has breaks what is made of it.
"""

import html
import json
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

ROOT = Path(__file__).parents[1]
FORMULA = re.compile(r"\\\((.*?)\\\)", re.S)
# The code of a cell, and what follows it up to the next cell or section; in that, what it printed.
CELL = re.compile(
    r'<div class="cell_input docutils container">\s*(<div class="highlight.*?</pre></div>\s*</div>)'
    r'\s*</div>(.*?)(?=<div class="cell |<section|</section)',
    re.S,
)
OUTPUT = re.compile(r'<div class="output stream[^>]*>\s*(<div class="highlight">.*?</div>)', re.S)

QUESTION = re.compile(
    r'<details class="[^"]*solution[^"]*">\s*<summary[^>]*>(.*?)</summary>(.*?)</details>', re.S
)


def text_of(markup):
    """What stands in a piece of a page, with formulas as they are written: $h_t$."""
    markup = re.sub(r'<a class="headerlink".*?</a>', "", markup)
    text = html.unescape(re.sub(r"<[^>]+>", "", markup))
    return " ".join(FORMULA.sub(r"$\1$", text).split())


class Figure(NamedTuple):
    """A figure of a page."""

    name: str
    page: str
    number: str  # "Fig. 6.5"
    caption: str
    alt: str
    file: Path | None  # its drawing; None if it moves
    slider: str  # its drawing with all that moves it; empty if it does not move

    @property
    def svg(self):
        """Its drawing; of a figure that moves, the one with which it begins."""
        if self.file:
            return self.file.read_text(encoding="utf-8")
        (drawing,) = re.findall(r"<svg\b.*?</svg>", self.slider, re.S)
        wide, high = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawing).groups()
        size = f'<svg width="{wide}pt" height="{high}pt"'
        return '<?xml version="1.0" encoding="utf-8"?>\n' + drawing.replace("<svg", size, 1)


class Book:
    """The pages of a build."""

    def __init__(self, built):
        self.built = Path(built)
        if not (self.built / "book").is_dir():
            raise LookupError(f"there is no book in {self.built}: make html builds it")
        self.pages = sorted(path.stem for path in (self.built / "book").glob("*.html"))
        self.page = cache(self._page)
        self.figures = cache(self._figures)

    def _page(self, name):
        path = self.built / "book" / f"{name}.html"
        if not path.exists():
            raise LookupError(f"the book has no page {name}")
        return path.read_text(encoding="utf-8")

    def _found(self, pattern, page, what):
        found = re.findall(pattern, self.page(page), re.S)
        if len(found) != 1:
            raise LookupError(f"{page} has {len(found)} times {what}")
        return found[0]

    def title(self, page):
        return text_of(self._found(r"<h1>([^\n]*?)<a ", page, "a title"))

    def _figures(self, page):
        found = {}
        pattern = r'<figure\b[^>]*\bid="([^"]+)"[^>]*>(.*?)</figure>'
        for name, markup in re.findall(pattern, self.page(page), re.S):
            number = re.search(r'<span class="caption-number">(.*?)</span>', markup)
            caption = re.search(
                r'<span class="caption-text">(.*?)</span>\s*<a class="headerl', markup, re.S
            )
            slider = re.search(r'<div class="explorable">.*?</script></div>', markup, re.S)
            file = None
            if slider:  # the page says what moves; what it shows at first stands in the source
                source = (ROOT / "book" / f"{page}.md").read_text(encoding="utf-8")
                alt = re.search(rf"^:name: {name}\n:alt: (.+)$", source, re.M)[1]
            else:
                image = re.search(r'<img alt="([^"]*)" src="\.\./(_images/[^"]+)"', markup)
                alt, file = html.unescape(image[1]), self.built / unquote(image[2])
            found[name] = Figure(
                name,
                page,
                text_of(number[1]) if number else "",
                text_of(caption[1]) if caption else "",
                alt,
                file,
                slider[0] if slider else "",
            )
        return found

    def figure(self, page, name):
        if name not in self.figures(page):
            raise LookupError(f"{page} has no figure {name}")
        return self.figures(page)[name]

    def equation(self, page, label):
        """(number, source with the marks of MathJax) of an equation."""
        pattern = rf'<div class="math[^"]*" id="equation-{label}">\s*(.*?)</div>'
        markup = self._found(pattern, page, f"the equation {label}")
        number, _, formula = re.match(
            r'(?:<span class="eqno">(.*?)(<a.*?)?</span>)?(.*)', markup, re.S
        ).groups()
        return number, html.unescape(formula).strip()

    def cell(self, page, phrase):
        """(code, what it printed) of the cell whose code holds the phrase, as on the page."""
        found = [
            (code, OUTPUT.findall(rest))
            for code, rest in CELL.findall(self.page(page))
            if phrase in html.unescape(re.sub(r"<[^>]+>", "", code))
        ]
        if len(found) != 1:
            raise LookupError(f"{page} has {len(found)} cells with {phrase!r}")
        return found[0][0], "".join(found[0][1])

    def question(self, page, phrase):
        """(question, answer) of the list "Ask yourself", each as on the page, by words of it."""
        section = self._found(r'<section id="ask-yourself">(.*?)</section>', page, "Ask yourself")
        found = [pair for pair in QUESTION.findall(section) if phrase in text_of(pair[0])]
        if len(found) != 1:
            raise LookupError(f"{page} has {len(found)} questions with {phrase!r}")
        return found[0]

    def exercise(self, label):
        """The number of an exercise."""
        pattern = rf'<div class="exercise admonition" id="{label}">.*?Exercise ([\d.]+)'
        found = [
            number for page in self.pages for number in re.findall(pattern, self.page(page), re.S)
        ]
        if len(found) != 1:
            raise LookupError(f"the book has {len(found)} exercises {label}")
        return found[0]

    def said(self, page, name):
        """A number that a cell handed to its page by `quote`."""
        path = self.built.parent / "jupyter_execute" / "book" / f"{page}.glue.json"
        glued = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        try:
            return float(glued[name]["data"]["text/plain"])
        except (KeyError, ValueError):
            raise LookupError(f"{page} quotes no number {name}") from None

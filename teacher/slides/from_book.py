"""Directives that put pieces of the built book on a slide. Nothing of the book is copied here.

`{book-figure}`, `{book-equation}`, `{book-cell}` and `{book-question}` name a page and what they
want of it; `{said}` gives a number that a cell computed, `{exercise}` that of an exercise. What the
book does not have stops the build. Captions and answers go to the notes of the speaker.
"""

import html
import os
import re

from docutils import nodes
from docutils.parsers.rst import directives
from pages import ROOT, Book, text_of
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole


def raw(markup):
    return nodes.raw("", markup, format="html")


def notes(*texts):
    paragraphs = "".join(f"<p>{html.escape(text)}</p>" for text in texts)
    return raw(f'<aside class="notes">{paragraphs}</aside>')


class FromBook:
    """What the directives and the role have in common."""

    @property
    def book(self):
        return self.env.app.book

    def wanted(self, method, *arguments):
        try:
            return method(*arguments)
        except LookupError as error:
            raise ExtensionError(f"{self.env.docname}: {error}") from None


class BookFigure(FromBook, SphinxDirective):
    """A figure with its number; one that has a slider moves."""

    required_arguments = 2

    def run(self):
        figure = self.wanted(self.book.figure, *self.arguments)
        title = re.sub(r"^\d+\. ", "", self.wanted(self.book.title, figure.page))
        if figure.slider:
            picture = raw(figure.slider)
        else:
            uri = os.path.relpath(figure.file, self.env.srcdir)
            picture = nodes.image(uri=f"/{uri}", alt=figure.alt, classes=["drawing"])
        label = raw(f'<p class="source">{figure.number}, {html.escape(title)}</p>')
        return [picture, label, notes(f"{figure.number}. {figure.caption}")]


class BookEquation(FromBook, SphinxDirective):
    """An equation with its number."""

    required_arguments = 2

    def run(self):
        number, formula = self.wanted(self.book.equation, *self.arguments)
        block = nodes.math_block("", formula, nowrap=True, number=None, label=None)
        return [block, raw(f'<p class="source">Equation {number}</p>')]


class BookCell(FromBook, SphinxDirective):
    """The cell that holds the words after the page: its code, what it printed, or both."""

    required_arguments, final_argument_whitespace, optional_arguments = 1, True, 1
    option_spec = {"only": lambda text: directives.choice(text, ("code", "output"))}

    def run(self):
        code, output = self.wanted(self.book.cell, *self.arguments)
        only = self.options.get("only")
        if only != "code" and not output:
            raise ExtensionError(f"{self.env.docname}: {self.arguments} prints nothing")
        parts = [code] * (only != "output") + [f'<div class="printed">{output}</div>'] * (
            only != "code"
        )
        return [raw(part) for part in parts]


class BookQuestion(FromBook, SphinxDirective):
    """The question of "Ask yourself" with the words after the page; its answer in the notes."""

    required_arguments, final_argument_whitespace, optional_arguments = 1, True, 1

    def run(self):
        asked, answer = self.wanted(self.book.question, *self.arguments)
        return [raw(f'<p class="question">{asked}</p>'), notes(f"Expected. {text_of(answer)}")]


class Said(FromBook, SphinxRole):
    """A number: its page, its name and its format, as in `{said}`memory reach .0%``."""

    def run(self):
        page, name, form = self.text.split()
        number = format(self.wanted(self.book.said, page, name), form)
        return [nodes.Text(number.replace("-", "\N{MINUS SIGN}"))], []


class Exercise(FromBook, SphinxRole):
    """The number of an exercise."""

    def run(self):
        return [nodes.Text(self.wanted(self.book.exercise, self.text))], []


def open_book(app):
    app.book = Book(app.config.book_html)


def setup(app):
    app.add_config_value("book_html", str(ROOT / "_build" / "html"), "env")
    for name in ("figure", "equation", "cell", "question"):
        app.add_directive(f"book-{name}", globals()[f"Book{name.capitalize()}"])
    app.add_role("said", Said())
    app.add_role("exercise", Exercise())
    app.connect("builder-inited", open_book)
    return {"parallel_read_safe": False, "parallel_write_safe": True}

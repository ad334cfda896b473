"""The book on paper and as an EPUB: what Sphinx's builders leave to be done.

The captions of the contents become parts, pages without a number become appendices, and the
solutions and answers stand in the last of them. Code that is folded on the screen is left out.
"""

import html
import posixpath
import re
import textwrap
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from exercises import question
from house import in_cell
from sphinx import addnodes
from sphinx.builders.epub3 import Epub3Builder
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.math import get_node_equation_number
from sphinx_exercise import nodes as library

ROOM = r"\needspace{8\baselineskip}"  # for a heading and the first lines below it


FRONT = r"""
\chapter*{About this edition}
This book is also a set of pages that run their own code. Every number and every figure was computed
when the book was built. Where a figure sets a prediction beside a measurement, the prediction is
dashed and the measurement solid. Code that only sets up a page, checks what the text says or draws
a figure is left out here; the source of the book has it%s. The solutions of the exercises are in
the last appendix, and so are the answers to what a chapter has you ask yourself.

Text and figures may be shared and changed under the licence CC BY 4.0, the code under the 3-clause
BSD licence.
"""


def latex(text):
    return nodes.raw("", text, format="latex")


class Folded(SphinxPostTransform):
    """Leave out the code that a browser folds: what sets up a page, checks or draws."""

    default_priority = 190  # before MyST-NB folds it

    def is_supported(self):
        return self.app.builder.name in ("latex", "epub")

    def run(self):
        for cell in list(self.document.findall(nodes.container)):
            if cell.get("hide_mode") and cell[0].get("nb_element") == "cell_code_source":
                del cell[0], cell["hide_mode"]


class LongTables(SphinxPostTransform):
    """Let a table that a cell wrote go on over the page; Sphinx lets only those of 30 rows."""

    default_priority = 190
    formats = ("latex",)

    def run(self):
        for table in self.document.findall(nodes.table):
            if in_cell(table):
                table["classes"].append("longtable")


class Parts(SphinxPostTransform):
    """Say first what edition this is; open a part at the first page of each table of contents.

    The page of the bibliography gives only its entries, as LaTeX has a chapter of its own for them.
    """

    default_priority = 900  # after everything is resolved
    formats = ("latex",)

    def run(self):
        starts, numbered = {}, True
        root = self.env.get_doctree(self.config.root_doc)
        for contents in root.findall(addnodes.toctree):
            part = rf"\part{{{contents['caption'].partition('. ')[2] or contents['caption']}}}"
            if numbered and not contents["numbered"]:
                part += r"\appendix"
            numbered = bool(contents["numbered"])
            starts[contents["entries"][0][1]] = part
        address = self.config.html_theme_options.get("repository_url")
        where = rf" (\url{{{address}}})" if address else ""
        pages = list(self.document.findall(addnodes.start_of_file))
        pages[0].parent.insert(0, latex(FRONT % where))
        for page in pages:
            if page["docname"] in starts:
                page.parent.insert(page.parent.index(page), latex(starts[page["docname"]]))
            if page["docname"] == "book/bibliography":
                page.children = list(page.findall(nodes.citation))


class Solutions(SphinxPostTransform):
    """Move answers and solutions behind everything else, each chapter's under its own heading."""

    default_priority = 901
    formats = ("latex",)

    def run(self):
        pages = list(self.document.findall(addnodes.start_of_file))
        appendix = nodes.section("", nodes.title("", "Solutions"), ids=["solutions"])
        for page in pages:
            solutions = list(page.findall(library.solution_node))
            questions = list(page.findall(question))
            if solutions or questions:
                title = nodes.title("", self.env.titles[page["docname"]].astext())
                chapter = nodes.section("", title, ids=[f"{page['docname']}-solutions"])
                for number, (asked, *answer) in enumerate(questions):
                    label = f"answer:{page['docname']}-{number}"
                    line = latex(rf"\par\nopagebreak\hfill Answer on page~\pageref{{{label}}}")
                    place = nodes.paragraph("", "", *asked.deepcopy().children, line)
                    asked.parent.replace_self(place)
                    here = latex(rf"{ROOM}\phantomsection\label{{{label}}}")
                    chapter += [here, nodes.rubric("", "", *asked.children), *answer]
                for solution in solutions:
                    solution.parent.remove(solution)
                    chapter += [latex(ROOM), solution]
                    for link in list(solution[0].findall(nodes.reference)):
                        to = library.exercise_latex_number_reference(refid=solution["target_label"])
                        link.replace_self([nodes.Text(" "), to])
                        to += link.children
                for exercise in list(page.findall(library.is_exercise_node)):
                    label = f"solution:{exercise['label']}"
                    line = rf"\par\nopagebreak\hfill Solution on page~\pageref{{{label}}}"
                    exercise += latex(line)
                    exercise.parent.insert(exercise.parent.index(exercise), latex(ROOM))
                holder = addnodes.start_of_file(docname=page["docname"])
                holder += chapter
                appendix += holder
        if pages and len(appendix) > 1:
            pages[-1].parent.append(appendix)


# --- The EPUB: formulas in MathML, as readers of books run no scripts ----------------------------

XML = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"}


class Book(Epub3Builder):
    """Sphinx's builder, with slips mended that epubcheck finds."""

    def get_toc(self):  # the index, seen from a first page in a folder, is not on the list of files
        super().get_toc()
        for entry in self.refnodes:
            entry["refuri"] = posixpath.normpath(entry["refuri"])

    def toc_metadata(self, *args):  # both lists of contents name the same book
        return super().toc_metadata(*args) | {"uid": self.config.epub_identifier}

    def build_content(self):  # the list of files says which pages hold MathML, and nothing twice
        super().build_content()
        path, items = Path(self.outdir) / "content.opf", []
        for line in dict.fromkeys(path.read_text(encoding="utf-8").splitlines()):
            page = re.search(r'<item .*href="(book/[^"]+\.xhtml)"', line)
            if page and "<math" in (Path(self.outdir) / page[1]).read_text(encoding="utf-8"):
                line = line.replace("<item ", '<item properties="mathml" ')
            items.append(line)
        path.write_text("\n".join(items) + "\n", encoding="utf-8")


def own_styles(app, pagename, templatename, context, doctree):
    """The extensions copy their styles too late for the EPUB, which needs none of them."""
    if app.builder.name == "epub":
        own = ("pygments.css", "epub.css", "book.css")
        context["css_files"] = [f for f in context["css_files"] if str(f.filename).endswith(own)]


def mathml(source, block=False):
    """MathML of a formula, by docutils, which wants braces around each part of a fraction."""
    for ours, known in ((r"\dplus", r"\partial^{+}"), (r"\dots", r"\ldots"), (r"\tfrac", r"\frac")):
        source = source.replace(ours, known)
    source = re.sub(r"\\frac\s*(\w)", r"\\frac{\1}", source)
    source = re.sub(r"(\\frac\{\w\})\s*(\w)", r"\1{\2}", source)
    return re.sub(r"&[A-Za-z]+;", named_for_xml, tex2mathml(source, as_block=block))


def named_for_xml(entity):
    """XML knows five names of characters, HTML two thousand."""
    return entity[0] if entity[0] in XML else html.unescape(entity[0])


def visit_math(self, node):
    self.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def visit_math_block(self, node):
    self.body.append(self.starttag(node, "div", CLASS="math"))
    number = f"({get_node_equation_number(self, node)})" if node["number"] else ""
    formula = mathml(node.astext(), block=True)
    self.body.append(f'<span class="eqno">{number}</span>{formula}</div>\n')
    raise nodes.SkipNode


def draw_cover(app):
    """The first page of the EPUB: the mark of the book, its title and its authors."""
    if app.builder.name != "epub":
        return
    from matplotlib.figure import Figure  # here, as other builds start faster without it
    from matplotlib.patches import Ellipse

    cover = Figure(figsize=(6.25, 10), facecolor="#0072B2")  # inches; 1,000 by 1,600 pixels
    for k in range(10):  # a memory that keeps seven tenths a step, as in mark.svg
        size, left = 0.09 * 0.7**k, 0.162 + 0.74 * (1 - 0.7**k)
        cover.add_artist(Ellipse((left, 0.42), 1.6 * size, size, color="white"))
    project, subtitle = app.config.project, app.config.latex_documents[0][2].partition(": ")[2]
    lines = "\n".join(textwrap.wrap(subtitle, 34))
    cover.text(0.09, 0.83, project, color="white", size=42, weight="bold")
    cover.text(0.09, 0.78, lines, color="white", size=18, va="top", linespacing=1.5)
    cover.text(0.09, 0.07, app.config.author, color="white", size=15)
    path = Path(app.outdir) / app.config.epub_cover[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    cover.savefig(path, dpi=160)


def name_contents(app):
    """The contents of the PDF would have the caption of the first part."""
    if app.builder.name == "latex":
        app.builder.get_contentsname = lambda indexfile: "Contents"


def setup(app):
    app.connect("builder-inited", name_contents)
    app.connect("builder-inited", draw_cover)
    renderers = {
        "inline_renderers": (visit_math, None),
        "block_renderers": (visit_math_block, None),
    }
    app.add_html_math_renderer("mathml", **renderers)
    app.add_builder(Book, override=True)
    app.connect("html-page-context", own_styles, priority=900)
    app.add_post_transform(Folded)
    app.add_post_transform(LongTables)
    app.add_post_transform(Parts)
    app.add_post_transform(Solutions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Exercises, solutions and questions: what two libraries leave to be done for a browser.

A solution is the browser's own folding element, so it opens by keyboard and without scripts, and
searching in the page opens it. Exercises and solutions keep their addresses when others are added.
A dropdown is a question with its answer, folded in the same way.
"""

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_design.shared import is_component
from sphinx_exercise import nodes as library


class question(nodes.Admonition, nodes.Element):
    """A question, in its title, and below it the answer."""


class Questions(SphinxPostTransform):
    """Take the dropdowns from sphinx-design, whose marks no EPUB and no notebook can hold."""

    default_priority = 190  # before the library makes them its own
    formats = ("html", "latex")

    def run(self):
        for node in list(self.document.findall(lambda node: is_component(node, "dropdown"))):
            asked, *answer = node.children
            title = nodes.title("", "", *asked.children)
            node.replace_self(question("", title, *answer, classes=["solution"]))


def anchor(app, doctree):
    """Name a solution after its exercise, not after its place among all; repeat no name."""
    for node in doctree.findall(library.is_extension_node):
        name = node["label"]
        if isinstance(node, library.solution_node):
            name = f"{node['target_label']}-solution"
            node["ids"] = [name]
        for section in node.findall(nodes.section):
            section["ids"] = [f"{name}-text"]


def visit_exercise(self, node):
    link = f'<a class="headerlink" href="#{node["ids"][0]}" title="Link to this exercise">#</a>'
    node[0] += nodes.raw("", link, format="html")
    library.visit_exercise_enumerable_node(self, node)


def visit_solution(self, node):
    title = node.pop(0)
    for link in list(title.findall(nodes.reference)):  # a link inside a button is two in one
        link.replace_self(link.children)
    self.body.append(self.starttag(node, "details", CLASS="admonition"))
    self.body.append('<summary class="admonition-title">')
    for child in title.children:
        child.walkabout(self)
    self.body.append("</summary>\n")


def depart_solution(self, node):
    self.body.append("</details>\n")


def visit_solution_on_paper(self, node):
    # Without the library's frame, in which LaTeX allows no figure.
    self.body.append(rf"\phantomsection\label{{solution:{node['target_label']}}}\par\bigskip")


def depart_solution_on_paper(self, node):
    self.body.append(r"\par")


def setup(app):
    app.setup_extension("sphinx_exercise")
    html = (visit_solution, depart_solution)
    latex = (visit_solution_on_paper, depart_solution_on_paper)
    app.add_node(library.solution_node, override=True, html=html, latex=latex)
    html = (visit_exercise, library.depart_exercise_enumerable_node)
    latex = (library.visit_exercise_enumerable_node, library.depart_exercise_enumerable_node)
    app.add_node(library.exercise_enumerable_node, override=True, html=html, latex=latex)
    app.add_node(question, html=(visit_solution, depart_solution))  # paper.py moves them
    app.add_post_transform(Questions)
    app.connect("doctree-read", anchor, priority=900)  # after the library has registered them
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Folded cells say what they hold: "Draw", "Check" or "Set up". Wide outputs are marked.

A cell with the tag hide-input is folded by MyST-NB, with the same words for all. What a cell does
stands in its code, so the words come from there; a cell that gives its own prompts keeps them.
"""

import ast
from html import escape

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode, depart_HideCellInput
from sphinx.transforms import SphinxTransform


def called(node):
    """The last word of the name of what a node calls: "plot" of `ax.plot(x)`."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "id", None) or getattr(function, "attr", "")


def run_by(statement):
    """The nodes that run with a statement: not what stands in a function that it defines."""
    yield statement
    for child in ast.iter_child_nodes(statement):
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            yield from run_by(child)


def checks(node):
    return isinstance(node, ast.Assert) or called(node).startswith(("quote", "assert_"))


def prompt(source, metadata):
    """What a folded cell does, in a word or two."""
    nodes_run = [node for statement in ast.parse(source).body for node in run_by(statement)]
    if "figure" in metadata.get("mystnb", {}) or any(called(n) == "explorable" for n in nodes_run):
        return "Draw"
    brings = any(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes_run)
    return "Check" if any(map(checks, nodes_run)) and not brings else "Set up"


class Prompts(SphinxTransform):
    """Name each folded cell by what it does."""

    default_priority = 400

    def apply(self):
        for cell in self.document.findall(nodes.container):
            if cell.get("hide_mode") != "input" or cell[0].get("nb_element") != "cell_code_source":
                continue
            metadata = cell["cell_metadata"]
            code = next(cell[0].findall(nodes.literal_block))  # a warning may stand beside it
            words = prompt(code.astext(), metadata)
            own = metadata.get("mystnb", {})
            cell["prompt_show"] = own.get("code_prompt_show", words)
            cell["prompt_hide"] = own.get("code_prompt_hide", words)


class Widths(SphinxTransform):
    """Mark the outputs with a line of over 50 columns: on a phone their letters are smaller."""

    default_priority = 400

    def apply(self):
        for output in self.document.findall(nodes.container):
            if output.get("nb_element") == "cell_code_output":
                texts = [block.astext() for block in output.findall(nodes.literal_block)]
                if any(len(line) > 50 for text in texts for line in text.splitlines()):
                    output["classes"].append("wide")


def visit_fold(self, node):
    """As MyST-NB does, but it tells a screen reader the same words for all."""
    words = [("collapsed", node["prompt_show"]), ("expanded", node["prompt_hide"])]
    titles = [f'<p class="{state} admonition-title">{escape(text)}</p>' for state, text in words]
    classes = " ".join(["admonition hide", *node["classes"]])
    self.body.append(f'<details class="{classes}">\n<summary>\n{"".join(titles)}\n</summary>\n')


def setup(app):
    app.add_transform(Prompts)
    app.add_transform(Widths)
    app.add_node(HideCodeCellNode, override=True, html=(visit_fold, depart_HideCellInput))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

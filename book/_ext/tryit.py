"""Boxes to try: a cell with the tag try-it can be edited and run in its page.

While the book is built it is a cell like any other, on paper and in a notebook too. For HTML it is
framed, together with the paragraph before it; a check that follows goes along, for the tests. If a
folder with the Python for pages was given (`make live-runtime` fills it), it is served beside the
pages, and a script adds the buttons. Nothing of it is loaded before a reader presses Run.
"""

import base64
import functools
import gzip
import hashlib
import json
import shutil
from html import escape
from pathlib import Path

from docutils import nodes
from folds import prompt
from sphinx.errors import ExtensionError
from sphinx.util import logging

TAG, OPENING = "try-it", "Try it."
PLACE = "_static/live"
log = logging.getLogger(__name__)


class box(nodes.Element):
    """The paragraph that says what to change, the cell, and the check of what it computes."""


def is_cell(node, tag):
    """Whether a node is a cell with this tag."""
    cell = isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"
    return cell and tag in node["cell_metadata"].get("tags", [])


def source(cell):
    """The code of a cell."""
    return next(cell[0].findall(nodes.literal_block)).astext()


def check_of(cell):
    """The code of the check that stands directly after a cell, or nothing."""
    after = cell.next_node(descend=False, siblings=True)
    if after is not None and is_cell(after, "hide-input"):
        code = source(after)
        return code if prompt(code, after["cell_metadata"]) == "Check" else ""
    return ""


def frame(app, doctree, docname):
    """Frame the boxes of a page of HTML."""
    if app.builder.name != "html":
        return
    cells = [node for node in doctree.findall(nodes.container) if is_cell(node, TAG)]
    for number, cell in enumerate(cells, 1):
        place = cell.parent.index(cell)
        opening = cell.parent[place - 1] if place else None
        if not isinstance(opening, nodes.paragraph) or not opening.astext().startswith(OPENING):
            raise ExtensionError(f"{docname}: before a box stands a paragraph, **{OPENING}** …")
        digest = hashlib.sha256(source(cell).encode()).hexdigest()[:12]
        framed = box("", number=number, count=len(cells), check=check_of(cell))
        framed["kept"] = f"{docname} {number} {digest}"
        cell.parent[place - 1 : place + 1] = [framed]
        framed += [opening, cell]


def visit_box(self, node):
    label = f"Try it, {node['number']} of {node['count']}"
    kept = escape(node["kept"])
    self.body.append(f'<section class="try-it" aria-label="{label}" data-kept="{kept}">\n')


def depart_box(self, node):
    if node["check"]:
        self.body.append(f'<template class="try-it-check">{escape(node["check"])}</template>\n')
    self.body.append("</section>\n")


@functools.cache
def weight(folder):
    """What a reader loads, in megabytes, from a server that compresses what can be compressed.

    To find out takes half a second, so it is asked only where a page with boxes is written.
    """
    total = 0
    for path in folder.iterdir():
        data = path.read_bytes()
        packed = path.suffix in {".mjs", ".js", ".json", ".wasm", ".py"}
        total += len(gzip.compress(data, 6)) if packed else len(data)
    return total / 1e6


def plan(app):
    """What is served for the boxes: a folder named after all that it holds."""
    app.try_it = None
    if app.builder.name != "html" or not app.config.tryit_runtime:
        return
    runtime = Path(app.srcdir, app.config.tryit_runtime)
    if not (runtime / "pyodide-lock.json").exists():
        raise ExtensionError(f"{runtime} holds no Python for pages: make live-runtime fills it")
    wheel, book = app.builder.wheel, Path(app.srcdir) / "book"
    packed = hashlib.sha256(wheel.read_bytes())
    says = {"wheel": f"../../../book/{wheel.name}?v={packed.hexdigest()[:8]}"}
    says["integrity"] = f"sha256-{base64.b64encode(packed.digest()).decode()}"
    files = {path.name: path for path in sorted(runtime.iterdir()) if path.name != "filled-by"}
    files |= {name: book / "_live" / name for name in ("kernel.py", "worker.js")}
    files["matplotlibrc"] = book / "_kernel" / "matplotlibrc"
    digest = hashlib.sha256(json.dumps(says).encode())
    for name, path in files.items():
        digest.update(name.encode() + path.read_bytes())
    app.try_it = {"says": says, "files": files, "folder": digest.hexdigest()[:12]}
    app.try_it["runtime"] = runtime


def add_script(app, pagename, templatename, context, doctree):
    """Bring the script that makes the buttons to a page with boxes."""
    if app.try_it and doctree is not None and next(doctree.findall(box), None) is not None:
        data = {"data-live": context["pathto"](f"{PLACE}/", 1)}
        megabytes = weight(app.try_it["runtime"]) + app.builder.wheel.stat().st_size / 1e6
        data["data-megabytes"] = f"{megabytes:.0f}"
        app.add_js_file("tryit.js", loading_method="defer", **data)


def serve(app, exception):
    """Put the Python for pages beside them; say so if there is none."""
    if exception is not None or app.builder.name != "html":
        return
    place = Path(app.outdir) / PLACE
    if app.try_it is None:
        shutil.rmtree(place, ignore_errors=True)
        log.info("The boxes to try have no Run: make live-runtime fetches the Python for it.")
        return
    target = place / app.try_it["folder"]
    if not (target / "plan.json").exists():
        shutil.rmtree(place, ignore_errors=True)
        target.mkdir(parents=True)
        for name, path in app.try_it["files"].items():
            shutil.copyfile(path, target / name)
        (target / "plan.json").write_text(json.dumps(app.try_it["says"]), encoding="utf-8")
    says = json.dumps({"folder": app.try_it["folder"]})
    (place / "live.json").write_text(says, encoding="utf-8")


def setup(app):
    app.add_config_value("tryit_runtime", "", "html", str)
    app.add_node(box, html=(visit_box, depart_box))
    app.connect("builder-inited", plan, priority=900)  # when the wheel is built
    app.connect("doctree-resolved", frame, priority=1000)  # when the notebook is written
    app.connect("html-page-context", add_script)
    app.connect("build-finished", serve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

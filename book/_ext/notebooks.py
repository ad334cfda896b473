"""The chapters as notebooks that run anywhere, and the wheel of the package that they install.

The words of a notebook are those of its page as Sphinx resolved it, in Markdown: a reference has
its number, its text and its address. Code and outputs are those that ran for the page. What a
notebook cannot hold stops the build.
"""

import ast
import functools
import importlib.metadata
import re
import sys
from pathlib import Path
from zipfile import ZipFile

import nbformat
from docutils import nodes
from hatchling.builders.wheel import WheelBuilder
from jupyter_cache import get_cache
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sphinx.errors import ExtensionError
from words import Writer

GLUED = "application/papermill.record/"
distributions = functools.cache(importlib.metadata.packages_distributions)
FIRST = """\
# The package of the book, and what else this chapter imports, where they are missing.
# {where}
from importlib.util import find_spec

if not all(map(find_spec, {modules})):
    %pip install -q {packages}
"""
BESIDE = "lies beside the pages of the book: put it into the folder of this file."
STORED = """
import sys
from importlib.resources import files

# Stored results, and the code that made them: they come with the package.
BOOK = next(p for p in (files("rnn_src") / "_book", files("rnn_src").parent) if p.is_dir())
sys.path.append(str(BOOK))
"""


def build_wheel(app):
    """Put the wheel of the package beside the pages. It has no dates, so its bytes are the same."""
    if app.builder.name == "html":
        folder = Path(app.outdir) / "book"
        for old in folder.glob("*.whl"):
            old.unlink()
        wheels = WheelBuilder(str(app.srcdir)).build(directory=str(folder), versions=["standard"])
        (app.builder.wheel,) = map(Path, wheels)


def wheel_role(name, rawtext, text, lineno, inliner, options=None, content=()):
    """A link to the wheel, which has the version of the book in its name."""
    version = inliner.document.settings.env.config.release
    file = f"rnn_src-{version}-py3-none-any.whl"
    return [nodes.reference(rawtext, text, refuri=file)], []


def cleaned(cell, docname, wheel):
    """A cell as a reader's own notebook needs it."""
    if cell["cell_type"] == "code":
        source, outputs = cell["source"], []
        for path in set(re.findall(r'"\.\./([^"]+)"', source)):  # of the repository
            if f"rnn_src/_book/{path}" not in wheel.namelist():
                raise ExtensionError(f"{docname} reads {path}, which is not in the wheel")
            source = source.replace(f'"../{path}"', f'BOOK / "{path}"')
        last = [ast.unparse(n) for n in ast.parse(source).body[-1:] if isinstance(n, ast.Expr)]
        if last and not last[0].startswith(("print(", "quote(")) and not source.endswith(";"):
            source += ";"  # a page shows what is printed or drawn, not the value of the last line
        for output in cell["outputs"]:
            if "scrapbook" not in output.get("metadata", {}):
                outputs.append(output)
            elif still := output["data"].get(f"{GLUED}image/png"):  # where a page has a slider
                outputs.append(new_output("display_data", {"image/png": still}))
        folded = {"source_hidden": True} if "hide-input" in cell["metadata"].get("tags", []) else {}
        cell = new_code_cell(source, outputs=outputs, execution_count=cell["execution_count"])
        cell["metadata"] = {"jupyter": folded} if folded else {}
    return cell


def first_cell(app, source):
    """Install what is missing: the wheel and the packages that the code imports."""
    tree, wheel = ast.parse(source), app.builder.wheel.name
    found = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    found |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    found = {name.partition(".")[0] for name in found} | {"matplotlib"}
    found |= {"sklearn"} if "digit_" in source else set()  # it holds the digits
    found -= {*sys.stdlib_module_names, "rnn_src", "experiments", "numpy", "IPython"}
    site = app.config.html_baseurl
    where = f"{site}book/{wheel}" if site else f"./{wheel}"
    others = sorted(distributions()[name][0] for name in found)
    text = FIRST.format(
        where=f"The wheel is {where}." if site else f"{wheel} {BESIDE}",
        modules=str(["rnn_src", *sorted(found)]).replace("'", '"'),
        packages=" ".join([where, *others]),
    )
    stored = "BOOK" in source or re.search(r"^(from|import) experiments\b", source, re.MULTILINE)
    return new_code_cell((text + STORED * bool(stored)).rstrip())


def write_notebook(app, doctree, docname):
    """Write the notebook of a page that runs code. The first page has none: it leads to others."""
    source = Path(app.outdir).parent / "jupyter_execute" / f"{docname}.ipynb"
    if app.builder.name != "html" or not source.exists() or docname == app.config.root_doc:
        return
    notebook = nbformat.read(source, as_version=4)
    if app.config.nb_execution_mode == "cache":
        # MyST-NB writes the outputs of a page that ran, and none where it took them from the cache.
        cache = get_cache(app.config.nb_execution_cache_path)
        _, notebook = cache.merge_match_into_notebook(notebook)
    with ZipFile(app.builder.wheel) as wheel:
        cells = [cleaned(cell, docname, wheel) for cell in notebook["cells"]]
    writer, found = Writer(app, docname, cells), []
    for block in writer.blocks(doctree):
        if not isinstance(block, str):
            found.append(block)
        elif not found or found[-1]["cell_type"] == "code" or block.startswith("#"):
            found.append(new_markdown_cell(block))
        elif block:
            found[-1]["source"] += f"\n\n{block}"
    code = [cell for cell in found if cell["cell_type"] == "code"]
    if code != [cell for cell in cells if cell["cell_type"] == "code"]:
        raise ExtensionError(f"{docname}: its notebook would have other code than the page")
    found.insert(0, first_cell(app, "\n".join(cell["source"].rstrip(";") for cell in code)))
    for number, cell in enumerate(found):
        cell["id"] = f"cell-{number}"  # they are random, and builds must be equal
        pictures = {n: p for n, p in writer.pictures.items() if f"(attachment:{n})" in cell.source}
        if pictures:
            cell["attachments"] = pictures
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    target = Path(app.outdir) / "_sources" / f"{docname}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=found, metadata=metadata), target)


def offer_notebook(app, pagename, templatename, context, doctree):
    """Put the notebook of a page behind the theme's download button."""
    if (Path(app.outdir) / "_sources" / f"{pagename}.ipynb").exists():
        context["ipynb_source"] = f"{pagename}.ipynb"


def setup(app):
    app.add_role("wheel", wheel_role)
    app.connect("builder-inited", build_wheel)
    app.connect("doctree-resolved", write_notebook, priority=999)  # when all others are done
    app.connect("html-page-context", offer_notebook, priority=100)  # before the theme's buttons
    return {"parallel_read_safe": True, "parallel_write_safe": True}

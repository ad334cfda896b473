"""What a build says when a cell fails, and what it clears away.

A failing cell is reported by Sphinx in 150 lines with the reason in the middle, and differently
with and without parallel workers. Here the last lines of the output name the page, the line, the
statement and the reason.
"""

import ast
import atexit
import multiprocessing
import re
import sys
import textwrap
from functools import partial
from pathlib import Path

from myst_nb.core.execute import cache
from myst_nb.core.execute.cache import NotebookClientCache
from myst_nb.core.render import strip_ansi
from nbclient.exceptions import CellExecutionError
from sphinx.errors import SphinxError, SphinxParallelError

RUNS = {}  # the place of the cell that runs; a kernel that dies at once leaves no other trace


class CellFailed(SphinxError):
    """A cell raised an error, did not end, or took its kernel with it."""

    category = "A cell failed"


def statement(source, line):
    """The first line of the innermost statement that holds this line of a cell, and its text."""
    lines = source.splitlines()
    try:
        found = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.stmt)]
    except SyntaxError:
        found = []
    found = [n for n in found if n.lineno <= line <= n.end_lineno]
    if found:
        inner = min(found, key=lambda n: n.end_lineno - n.lineno)
        return inner.lineno, lines[inner.lineno - 1 : inner.end_lineno]
    return line, lines[line - 1 : line]


def account(notebook, path, error):
    """Where in its page a notebook failed, with which statement, and why."""
    failed, line = RUNS["cell"], 1
    reason = f"{type(error).__name__}: {error}".partition("\n")[0]
    for output in notebook.cells[failed].outputs:
        if output.output_type == "error":
            if isinstance(error, CellExecutionError):  # else the cell was told to stop
                reason = f"{output.ename}: {output.evalue}".removesuffix(": ")
            place = re.search(
                r"Cell In\[\d+\], line (\d+)", strip_ansi("\n".join(output.traceback))
            )
            line = int(place[1]) if place else 1
    source = notebook.cells[failed].source
    line, text = statement(source, line)
    # The map has the line of the cell's fence; the options of the cell stand between.
    page, wanted = path.read_text(encoding="utf-8").splitlines(), source.splitlines()
    begin = notebook.metadata["source_map"][failed]
    starts = (k for k in range(begin, len(page)) if page[k : k + len(wanted)] == wanted)
    shown = textwrap.dedent("\n".join(text[:12] + ["..."] * (len(text) > 12)))
    return next(starts, begin) + line, f"{textwrap.indent(shown, '    ')}\n{reason}"


def report_failures(root):
    """Let the client that runs the cells say where they failed; it only knows the page."""
    start = NotebookClientCache.start_client

    def begins(cell, cell_index):
        RUNS["cell"] = cell_index

    cache.single_nb_execution = partial(cache.single_nb_execution, on_cell_execute=begins)

    def start_client(self):
        RUNS["cell"] = 0
        try:
            start(self)
        except Exception as error:
            cause = error.__cause__ or error
            if not type(cause).__module__.startswith("nbclient"):
                raise
            line, text = account(self.notebook, self.path, cause)
            page = self.path.relative_to(root).as_posix()
            raise CellFailed(f"{page}:{line}: this statement fails\n{text}") from cause

    NotebookClientCache.start_client = start_client


def say_last(app, exception):
    """Repeat, below the traceback, what has to be mended."""
    if exception is None:
        return
    text = f"{type(exception).__module__}.{type(exception).__name__}: {exception}"
    if isinstance(exception, SphinxParallelError):
        text = str(exception)  # a worker's error as text, written like the one above
    known = re.match(r"(sphinx\.errors|upkeep)\.\w+: ", text)
    if known and "threw an exception" not in text:
        text = text[known.end() :]
    else:  # an error that nobody foresaw
        text += "\nIf the sources are sound, what earlier builds left is not: make clean-cache"
    # After the build has failed Sphinx still says where to report errors of Sphinx.
    atexit.register(print, f"\n{text}", file=sys.stderr)


def stop_workers(app, exception):
    """End the workers of a build that has failed.

    Sphinx would wait for them at its end, and no longer reads what they have to say: a worker with
    a long answer, and so the build, would wait for ever.
    """
    if exception is not None:
        for worker in multiprocessing.active_children():
            worker.terminate()


def clear_away(app, exception):
    """Remove what was written for pages and figures that the book no longer has."""
    if exception is not None or app.builder.format != "html" or app.builder.name == "epub":
        return
    out, known = Path(app.outdir), app.env.found_docs
    notebooks = out.parent / "jupyter_execute"
    for folder in (out, out / "_sources", notebooks):
        # Sphinx's own pages stand beside this folder, not in it.
        for path in folder.glob("book/**/*.*"):
            name = path.relative_to(folder).as_posix()
            page = re.sub(r"\.(html|md|md\.txt|ipynb|glue\.json)$", "", name)
            if page != name and page not in known:
                path.unlink()
    cards = {page.replace("/", "_") for page in known}  # summary_PAGE_ and eight digits
    for path in out.glob("_images/social_previews/summary_*_????????.png"):
        if path.stem[len("summary_") : -9] not in cards:
            path.unlink()
    wanted = {name for _, name in app.env.images.values()}
    for path in out.glob("_images/*.*"):
        if path.name not in wanted:
            path.unlink()


def setup(app):
    report_failures(Path(app.srcdir))
    app.connect("build-finished", say_last)
    app.connect("build-finished", stop_workers)
    app.connect("build-finished", clear_away)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

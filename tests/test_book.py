"""The promises of the book.

The first half builds a tiny book with the real settings and plants a fault in it. The second
half reads the sources of the real book.
"""

import ast
import filecmp
import importlib
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rnn_src.cells import CELLS

ROOT = Path(__file__).parent.parent
FIGURE = """\
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
ax.plot([1, 0]);
"""
TEXTS = {"alt": "A line falls.", "name": "fig-fall", "caption": "It falls."}

# --- A tiny book with the real settings ------------------------------------------------------


def cell(source, alt=None, name=None, caption=None):
    """A code cell; with the three texts, one that draws a figure."""
    figure = {"image": {"alt": alt}, "figure": {"name": name, "caption": caption}}
    figure = {kind: {k: v for k, v in texts.items() if v} for kind, texts in figure.items()}
    figure = {kind: texts for kind, texts in figure.items() if texts}
    options = f"---\n{yaml.safe_dump({'mystnb': figure})}---\n" if figure else ""
    return f"```{{code-cell}} ipython3\n{options}{source}\n```\n"


def tiny_book(root, *cells):
    """Write a book of one chapter that holds these cells."""
    folders = [f"book/{name}" for name in ("_ext", "_kernel", "_root", "_templates")]
    files = ("conf.py", "CITATION.cff", "LICENSE-CODE", "pyproject.toml", "requirements.txt")
    for path in (*files, *folders):
        copy = shutil.copytree if (ROOT / path).is_dir() else shutil.copy
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / path, root / path)
    shutil.copytree(ROOT / "book/_static", root / "book/_static")
    (root / "rnn_src").mkdir()
    (root / "rnn_src/__init__.py").write_text("ANSWER = 41\n")
    (root / "book/references.bib").touch()
    (root / "book/index.md").write_text("# Tiny\n\n```{toctree}\n:numbered:\n\nchapter\n```\n")
    head = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n# Chapter\n\n$h_t$\n\n"
    (root / "book/chapter.md").write_text(head + "\n".join(cells))
    return root


def build(root, *options):
    """Build the book's HTML on a machine with its own plotting backend; return code and log."""
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-T",
        "-j",
        "2",
        *options,
        root,
        root / "_build/html",
    ]
    environment = os.environ | {"MPLBACKEND": "agg", "LIVE": ""}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    return run.returncode, run.stdout + run.stderr


SLOW = "import time\nfor k in range(3):\n    print(k)\n    time.sleep(0.4)"
GOOD = (
    cell("import rnn_src\nprint('answer', rnn_src.ANSWER)"),
    cell(FIGURE, **TEXTS),
    cell(SLOW),
    "```{eval-rst}\n* A *word*.\n```\n",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tiny_book(tmp_path_factory.mktemp("one"), *GOOD)
    code, log = build(root, "-n", "-W", "--keep-going")
    assert code == 0, log
    assert "Executed notebook" in log
    shutil.copytree(root / "_build/html", root / "cold")
    return root


def test_second_build_executes_nothing(built):
    code, log = build(built)
    assert code == 0, log
    assert "Executing notebook" not in log
    assert "0 added, 0 changed, 0 removed" in log


def test_a_page_keeps_no_other_document(built):
    kept = (built / "_build/html/.doctrees/book/chapter.doctree").read_bytes()
    page = pickle.loads(kept)
    word = next(page.findall(lambda node: node.astext() == "word"))
    assert word.document is page and all(node.document is page for node in page.findall())


def test_a_cell_prints_in_one_piece(built):
    notebook = json.loads((built / "_build/jupyter_execute/book/chapter.ipynb").read_text())
    assert [len(c["outputs"]) for c in notebook["cells"] if c["cell_type"] == "code"] == [1, 1, 1]


def test_two_cold_builds_are_byte_equal(built, tmp_path):
    other = tiny_book(tmp_path / "other", *GOOD)
    assert build(other)[0] == 0
    first, second = built / "cold", other / "_build/html"
    names = [
        {p.relative_to(top).as_posix() for p in top.rglob("*") if p.is_file()}
        for top in (first, second)
    ]
    names = [{n for n in part if not n.startswith(".doctrees/")} for part in names]
    assert names[0] == names[1]
    assert any(n.endswith(".svg") for n in names[0])
    assert filecmp.cmpfiles(first, second, names[0], shallow=False)[1:] == ([], [])


@pytest.mark.parametrize(("answer", "passes"), [("2", True), ("3", False)])
def test_doctest_builder_reads_the_examples_of_a_page(answer, passes, tmp_path):
    root = tiny_book(tmp_path / "book", f"```{{doctest}}\n>>> 1 + 1\n{answer}\n```")
    code, log = build(root, "-b", "doctest")
    assert (code == 0) is passes, log


def test_edited_package_runs_the_chapter_again(tmp_path):
    root = tiny_book(tmp_path / "book", GOOD[0])
    page = root / "_build/html/book/chapter.html"
    assert build(root)[0] == 0
    assert "answer 41" in page.read_text()
    (root / "rnn_src/__init__.py").write_text("ANSWER = 42\n")
    assert build(root)[0] == 0
    assert "answer 42" in page.read_text()


FAULTS = {
    "false claim": (cell("assert 1 + 1 == 3"), "AssertionError"),
    "warning": (cell("import numpy as np\nnp.float64(1) / 0"), "RuntimeWarning"),
    "deprecated": (
        cell("import warnings\nwarnings.warn('old', DeprecationWarning)"),
        "DeprecationWarning",
    ),
    "no alt": (cell(FIGURE, **(TEXTS | {"alt": None})), "has no alt text"),
    "no name": (cell(FIGURE, **(TEXTS | {"name": None})), "has no name"),
    "no caption": (cell(FIGURE, **(TEXTS | {"caption": None})), "has no caption"),
    "image without alt": ("![](_static/readme-figure.svg)", "has no alt text"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_breaks_the_build_twice(fault, tmp_path):
    source, message = FAULTS[fault]
    root = tiny_book(tmp_path / "book", source)
    for _ in range(2):
        code, log = build(root)
        assert code != 0
        assert message in log


# What a browser loads without being asked: not the target of an ordinary link.
LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*\b(?:src|data)\s*=\s*["']?(?:https?:)?//"""
    r"""|<link\b(?![^>]*\brel=["'](?:canonical|license|author|next|prev)["'])[^>]*\bhref\s*=\s*["']?(?:https?:)?//"""
    r"""|url\(\s*["']?(?:https?:)?//|@import\s+["'](?:https?:)?//""",
    re.IGNORECASE,
)


@pytest.mark.parametrize(
    "text, asks",
    [
        ('<script src="https://cdn.example/a.js"></script>', True),
        ('<link rel="stylesheet" href="//fonts.example/a.css">', True),
        ("a { background: url(https://img.example/a.png) }", True),
        ('<a href="https://doi.example/1">a paper</a>', False),
        ('<script src="../_static/a.js"></script>', False),
    ],
)
def test_the_scan_for_other_hosts_sees(text, asks):
    assert bool(LOADED.search(text)) == asks


def test_built_book_asks_no_other_host(built):
    pages = [p for p in (built / "_build/html").rglob("*") if p.suffix in {".html", ".css"}]
    asking = {p.name: m[0] for p in pages if (m := LOADED.search(p.read_text(errors="replace")))}
    assert len(pages) > 5 and not asking
    chapter = (built / "_build/html/book/chapter.html").read_text()
    assert "tex-svg-full.js" in chapter and (built / "_build/html/_static/tex-svg-full.js").exists()


def test_notebook_can_be_downloaded(built):
    assert "_sources/book/chapter.ipynb" in (built / "_build/html/book/chapter.html").read_text()
    assert "answer 41" in (built / "_build/html/_sources/book/chapter.ipynb").read_text()


# --- The sources of the real book ------------------------------------------------------------

PAGES = [p for p in sorted((ROOT / "book").rglob("*.md")) if "/_" not in p.as_posix()]
FRONT = ROOT / "book/index.md"  # runs code for its figure, and is no chapter
CHAPTERS = [p for p in PAGES if "\nkernelspec:" in p.read_text(encoding="utf-8")[:300]]
CHAPTERS.remove(FRONT)
FENCE = re.compile(r"^(?P<ticks>`{3,}|:{3,})\{(?P<kind>[^}]+)\} *(?P<argument>.*)$")
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)


def fences(text):
    """Yield (kind, argument, options, source lines) of each directive."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        if not (match := FENCE.match(line)):
            continue
        body = []
        for inner in lines[start + 1 :]:
            if inner.strip() == match["ticks"]:
                break
            body.append(inner)
        options = {}
        if body and body[0] == "---":
            end = body.index("---", 1)
            options, body = yaml.safe_load("\n".join(body[1:end])) or {}, body[end + 1 :]
        while body and (option := re.match(r":([\w-]+):(.*)", body[0])):
            options[option[1]] = yaml.safe_load(option[2])
            body = body[1:]
        yield match["kind"], match["argument"].strip(), options, body


def faults_of_page(text):
    """Everything in a page's source that breaks a rule of the house."""
    found = list(fences(text))
    tested = [line for kind, *_, body in found if kind == "doctest" for line in body]
    shown = [line for line in text.splitlines() if line.lstrip().startswith(">>>")]
    for _ in range(len(shown) - sum(line.lstrip().startswith(">>>") for line in tested)):
        yield "a >>> that no doctest reads"
    if LOADED.search(text) or re.search(r"!\[[^\]]*\]\(https?:", text):
        yield "a request to another host"
    solved = {arg for kind, arg, *_ in found if kind in {"solution", "solution-start"}}
    for kind, _, options, _ in found:
        if kind in {"exercise", "exercise-start"} and options.get("label") not in solved:
            yield f"exercise {options.get('label')} has no solution"
    for kind, _, options, _ in found:
        if kind != "code-cell":
            continue
        mystnb = options.get("mystnb", {})
        texts = {**mystnb.get("image", {}), **mystnb.get("figure", {})}
        if texts and not {"alt", "name", "caption"} <= set(texts):
            yield f"a figure that declares only {sorted(texts)}"


PLANTED = {
    "no doctest reads": "```python\n>>> 1 + 1\n2\n```",
    "another host": "![A line falls.](https://img.example/a.png)",
    "no solution": "```{exercise}\n:label: ex-a\n\nWhy?\n```",
    "declares only": cell("draw()", alt="A line falls."),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_the_reading_of_a_page_sees(fault):
    assert [f for f in faults_of_page(PLANTED[fault]) if fault in f]


@every_page
def test_page_keeps_the_rules(page):
    assert not list(faults_of_page(page.read_text(encoding="utf-8")))


def test_every_public_name_is_used_in_a_chapter():
    used = ""
    for page in CHAPTERS:
        text = page.read_text(encoding="utf-8")
        used += "\n".join(re.findall(r"\{py:\w+\}`[^`]+`", text))
        for kind, _, options, body in fences(text):
            if kind == "code-cell":
                used += "\n".join(body)
            used += f" {options.get('pyobject', '')} "
    public = set()
    for path in (ROOT / "rnn_src").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if not any(part.startswith("_") and part != "__init__" for part in parts):
            name = ".".join(part for part in parts if part != "__init__")
            public |= set(getattr(importlib.import_module(name), "__all__", ()))
    public -= {cell.params.__name__ for cell in CELLS.values()}  # used by the names of the cells
    assert public
    assert not sorted(n for n in public if not re.search(rf"\b{re.escape(n)}\b", used))


def reading_order():
    """The chapters by their stems, as the contents on the first page have them."""
    contents = FRONT.read_text(encoding="utf-8")
    lines = [line for kind, _, _, body in fences(contents) if kind == "toctree" for line in body]
    return [line for line in lines if ROOT / f"book/{line}.md" in CHAPTERS]


def test_the_front_page_has_a_sentence_for_every_chapter_in_their_order():
    listed = FRONT.read_text(encoding="utf-8").partition("\n## The chapters\n")[2]
    items = re.findall(r"^(?:(\d+)\.|-) \{ref\}`([\w-]+)`\. (.+)\.$", listed, re.M)
    labels = {p.stem: re.search(r"^\((ch-[\w-]+)\)=", p.read_text(), re.M)[1] for p in CHAPTERS}
    assert [label for _, label, _ in items] == [labels[name] for name in reading_order()]
    numbers = [int(number) for number, *_ in items if number]
    assert numbers == [*range(1, len(numbers) + 1)] and len(numbers) >= 14
    assert all(len(sentence.split()) > 8 for *_, sentence in items)


def test_every_symptom_on_the_front_page_leads_to_a_section():
    _, _, table = FRONT.read_text(encoding="utf-8").partition("\n| What you see |")
    rows = table.partition("\n\n")[0].splitlines()[2:]
    assert len(rows) >= 12
    assert not [row for row in rows if not re.search(r"\]\([\w-]+\.md#[\w-]+\)", row)]


def prose(text):
    """The lines of a page that stand in no code, formula or drawing."""
    inside = ""
    for line in text.splitlines():
        fence = FENCE.match(line)
        if inside or line.startswith(("```", ":::")):
            inside = "" if line.strip() == inside else inside
            if fence and not inside and fence["kind"] in {"code-cell", "literalinclude", "math"}:
                inside = fence["ticks"]
        else:
            yield line


def explained(text):
    """The names that a page explains: those in its prose, by link or as code, and shown lines."""
    code = re.findall(r"`([^`]+)`", "\n".join(prose(text)))
    shown = [o["pyobject"] for _, _, o, _ in fences(text) if "pyobject" in o]
    return {name for part in [*code, *shown] for name in re.findall(r"\w+", part)}


def imported_names(text):
    """(module, name) of all that a page imports of the package but what draws and quotes."""
    for kind, _, _, body in fences(text):
        for node in ast.walk(ast.parse("\n".join(body))) if kind == "code-cell" else ():
            if isinstance(node, ast.ImportFrom) and re.match(r"rnn_src(?!\.figures)", node.module):
                yield from ((node.module, alias.name) for alias in node.names)


def too_early(order, texts):
    """What a chapter imports before any has explained it, unless it links to the one that will.

    A chapter explains a name if it names it in its prose or shows its lines, or if the name's
    docstring (of a constant: that of its module) says so.
    """
    labels = {re.search(r"^\((ch-[\w-]+)\)=", texts[page], re.M)[1]: page for page in order}

    def cited(text):
        return {labels[label] for label in re.findall(r"\bch-[\w-]+", text) if label in labels}

    explains = {page: explained(texts[page]) for page in order}
    for page in order:
        so_far = {*order[: order.index(page) + 1]} | cited("\n".join(prose(texts[page])))
        for module, name in imported_names(texts[page]):
            package, module = module, importlib.import_module(module)
            thing = getattr(module, name, None) or importlib.import_module(f"{package}.{name}")
            said = thing if callable(thing) or isinstance(thing, type(module)) else module
            where = cited(said.__doc__) | {p for p in order if name in explains[p]}
            if not where & so_far:
                yield f"{page} imports {name}, explained in {', '.join(sorted(where)) or 'none'}"


def test_a_chapter_imports_only_what_is_introduced():
    order = reading_order()
    texts = {page: (ROOT / f"book/{page}.md").read_text(encoding="utf-8") for page in order}
    assert len(order) == len(CHAPTERS) and [*too_early(order, texts)] == []


USES = cell("from rnn_src.theory import mean_field  # of ch-signal")


@pytest.mark.parametrize(
    ("first", "early"),
    [
        (USES, True),
        (USES + "\n```{math}\n`mean_field`\n```\n", True),
        (USES + "\n{ref}`ch-cell` follows.\n", True),
        (USES + "\n{ref}`ch-signal` explains it.\n", False),
        (USES + "\n`mean_field` solves this.\n", False),
        (USES + "\n{py:func}`rnn_src.theory.mean_field` does.\n", False),
        (USES + "\n```{literalinclude} /x.py\n:pyobject: mean_field\n```\n", False),
        (cell("from rnn_src.figures import heat"), False),
    ],
)
def test_an_import_before_its_chapter_is_seen(first, early):
    texts = {"memory": f"(ch-memory)=\n{first}", "signal": "(ch-signal)=\n"}
    found = [*too_early(["memory", "signal"], texts)]
    assert found == ["memory imports mean_field, explained in signal"] * early
    assert [*too_early(["signal", "memory"], texts)] == []


def test_every_module_has_an_api_page():
    api = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "book").rglob("api/*.md"))
    modules = {p.stem for p in (ROOT / "rnn_src").iterdir() if not p.name.startswith("_")}
    shown = {m for m in modules if importlib.import_module(f"rnn_src.{m}").__all__}
    assert not {m for m in shown if f"automodule:: rnn_src.{m}\n" not in api}


def test_every_dependency_has_a_reason():
    lines = (ROOT / "requirements.in").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert wanted and all(re.fullmatch(r"[\w.=*-]+ +# .{10,}", line) for line in wanted)


def test_the_benchmark_times_the_numpy_of_the_lock():
    lock, bench = (
        re.findall(r"^numpy==([\d.]+)", (ROOT / path).read_text(), re.MULTILINE)
        for path in ("requirements.txt", "bench/requirements.txt")
    )
    assert lock == bench != []


def test_nothing_names_this_machine_or_an_index():
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    banned = [f"/{top}/" for top in ("root", "work", "home")]  # so this file does not name them
    banned += ["pypi" + ".org", "python" + "hosted", "--index" + "-url"]
    for name in files.splitlines():
        text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
        assert not [word for word in banned if word in text], name


# --- The claims on trial ----------------------------------------------------------------------

CLAIMS = ROOT / "book/claims.md"
VERDICTS = ["true", "true with conditions", "half true", "false", "not even wrong"]


def anchor(heading):
    """What a link to a heading ends with."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def trials(text):
    """(slogan, anchor, verdict, mark) of each section, in its order."""
    for section in re.split(r"^### ", text, flags=re.M)[1:]:
        heading = section.splitlines()[0]
        if heading.startswith('"'):
            said = re.search(r"\*\*Verdict: ([a-z ]+)\.\*\*(?: \*Mark (\d)\.\*)?", section)
            assert re.search(r"\*\*More:\*\* \{numref\}`ch-[\w-]+`", section), heading
            yield heading.strip('"'), anchor(heading), said[1], said[2]


def fair(rows):
    """Whether the verdicts and marks are those of the law, with a mark for all that is not true."""
    return all(
        verdict in VERDICTS and (verdict == "true") == (mark is None) and mark in {None, *"12345"}
        for *_, verdict, mark in rows
    )


def test_the_trials_keep_the_law():
    text = CLAIMS.read_text(encoding="utf-8")
    rows = [*trials(text)]
    assert len(rows) == len(set(rows)) == 22 + 4 and fair(rows)
    verdicts, marks = ([row[k] for row in rows] for k in (2, 3))
    assert {*verdicts} == {*VERDICTS} and {*marks} == {None, *"12345"}
    for told in (text, FRONT.read_text(encoding="utf-8")):
        assert "wenty-two sentences that are said of recurrent networks, and four" in told
    assert "Only one of the 26 is simply true" in text and verdicts.count("true") == 1
    assert "The commonest [mark](#the-law) is the third" in text
    assert marks.count("3") > max(marks.count(mark) for mark in "1245")
    for old, new in (("false.** *Mark 2.*", "false.**"), ("*Mark 1.*", "*Mark 6.*")):
        changed = text.replace(old, new, 1)
        assert changed != text and not fair(trials(changed))


def test_every_trial_has_its_four_parts_a_counterexample_and_a_section():
    text = CLAIMS.read_text(encoding="utf-8")
    for section in re.split(r"^### ", text, flags=re.M)[1:]:
        if not section.startswith('"'):
            continue
        section = section.partition("\n## ")[0]
        marks = ("**Said by** ", "**Verdict: ", "**In truth:**", "**More:**")
        places = [section.index(mark) for mark in marks]
        assert places == sorted(places)
        cells = [(o, body) for kind, _, o, body in fences(section) if kind == "code-cell"]
        shown = [body for options, body in cells if "tags" not in options]
        assert any("print(" in line for body in shown for line in body)
        assert any("assert" in line for options, body in cells for line in body)
        for page, place in re.findall(r"\]\(([\w-]+\.md)#([\w-]+)\)", section):
            headings = re.findall(r"^#+ (.+)$", (ROOT / "book" / page).read_text(), re.M)
            assert place in map(anchor, headings), (page, place)


# --- Who may import whom ---------------------------------------------------------------------

HELPERS = {"checks", "trees"}  # anyone's
MAY_IMPORT = {
    "cells": {"cells"},
    "truncation": {"cells"},
    "scan": {"cells", "initializers", "truncation"},
    "initializers": set(),
    "readout": {"initializers"},
    "optimizers": set(),
    "tasks": {"tasks"},
    "regularizers": {"scan", "cells"},
    "linear": {"linear", "initializers", "scan", "cells"},  # Newton runs cells a step at a time
    "training": {
        "tasks",
        "optimizers",
        "readout",
        "scan",
        "cells",
        "initializers",
        "regularizers",
    },
    "gradient_flow": {"stack", "scan", "cells"},
    "gradcheck": set(),
    "interop": {"interop", "cells"},
    "stack": {"interop", "scan", "cells"},
    "theory": {"theory"},
    "figures": {"figures"},
    "checkup": {"cells", "scan", "gradient_flow", "interop", "stack", "figures"},
}


def imported(tree):
    """The package's modules that a module imports, and the other packages."""
    ours, others = set(), set()
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full: from rnn_src.scan import ..."
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            first, second, *_ = [*name.split("."), ""]
            ours.add(second) if first == "rnn_src" else others.add(first)
    return ours, others


@pytest.mark.parametrize("module", MAY_IMPORT)
def test_module_imports_only_what_it_may(module):
    paths = [*(ROOT / "rnn_src").glob(f"{module}.py"), *(ROOT / "rnn_src").glob(f"{module}/*.py")]
    for path in paths:
        ours, others = imported(ast.parse(path.read_text(encoding="utf-8")))
        helpers = {"checks"} if module in {"theory", "figures"} else HELPERS
        assert ours <= MAY_IMPORT[module] | helpers
        assert "matplotlib" not in others or module == "figures"
        # interop reads arrays, whoever made them; checkup opens files of PyTorch, where it is
        libraries = {"torch", "keras", "onnx", "flax"}
        assert not others & libraries or module == "checkup"
        assert module != "cells" or others <= {"numpy", "typing", "collections", "functools"}


def test_no_private_name_is_imported_from_another_module():
    found = set()
    for path in (ROOT / "rnn_src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("rnn_src"):
                # a folder may share a file of its own
                shared = path.parent == ROOT / node.module.replace(".", "/")
                names = [] if shared else [alias.name for alias in node.names]
                found |= {name for name in names if name.startswith("_")}
    assert not found


def code_lines(function, source):
    """The lines of a function's code: neither empty nor of its docstring."""
    first = function.body[0]
    doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    said = range(first.lineno, first.end_lineno + 1) if doc else ()
    lines = range(function.lineno, function.end_lineno + 1)
    return sum(bool(source[k - 1].strip()) for k in lines if k not in said)


def test_every_function_reads_in_one_screen():
    counts = {}
    for path in (ROOT / "rnn_src").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                counts[path.stem, node.name] = code_lines(node, source.splitlines())
    assert counts["scan", "backward"] > 5
    assert not {where for where, count in counts.items() if count > 50}


def test_numerics_never_load_matplotlib():
    modules = [m for m in MAY_IMPORT if m != "figures" and list((ROOT / "rnn_src").glob(f"{m}*"))]
    code = f"import sys, {', '.join(f'rnn_src.{m}' for m in modules)}\n"
    code += "assert 'numpy' in sys.modules\nassert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)

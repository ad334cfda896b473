"""The boxes to try, on this machine: what they may hold, that each runs alone, what is made of one.

tests/browser.py runs every one of them in its page.
"""

import ast
import json
import re
import shutil
import sys
import time
import warnings
import zipfile

import matplotlib.pyplot as plt
import numpy as np
import pytest
from boxes import BOXES, PAGES, ROOT, boxes_of, kernel, leaks, live_runtime
from chrome import served
from test_book import FIGURE, TEXTS, build, cell, tiny_book

ALLOWED = {*sys.stdlib_module_names, "numpy", "matplotlib", "rnn_src"}
CPU = 2.0  # seconds on a slow machine; a box that takes half a second here takes three in a page

# --- Every box -------------------------------------------------------------------------------

every_box = pytest.mark.parametrize("box", BOXES, ids=lambda box: f"{box.page}-{box.number}")


@every_box
def test_box_keeps_the_rules(box):
    assert box.opening.startswith("**Try it.** ") and len(box.opening.split()) > 8
    assert len([line for line in box.code.splitlines() if line.strip()]) <= 26
    tree = ast.parse(box.code)
    names = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    names += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    assert {name.partition(".")[0] for name in names} <= ALLOWED


@every_box
def test_box_runs_alone(box, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where there is no file to read
    said, variables, before = [], {}, time.process_time()
    with plt.rc_context():
        ended = kernel.run(box.code, variables, said.append, strict=True)
        spent = time.process_time() - before
        assert ended["error"] is None, ended["error"]["text"]
        assert said or ended["figures"]
        error = kernel.check(box.check, variables)
    assert error is None, error["text"]
    assert spent <= CPU


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_later_cell_of_a_page_reads_what_a_box_left(page):
    assert [*leaks(page.read_text("utf-8"))] == []


def test_what_a_later_cell_reads_from_a_box_is_found():
    page = cell("import numpy as np\nT = 3\nk = 0")
    page += "```{code-cell}\n:tags: [try-it]\nimport numpy as np\nT = k = n = 5\n```\n"
    page += cell("assert T == 5")  # directly behind it: its check
    page += cell("k = 2\n\n\ndef f(n):\n    return np.zeros(T), k, n")
    page += cell("T, total = 4, n + 1") + cell("print(T)")
    assert [*leaks(page)] == [(1, "T"), (1, "n")]


def test_a_page_has_one_to_four_boxes():
    pages = [box.page for box in BOXES]
    assert BOXES and max(map(pages.count, pages)) <= 4


# --- How a box is found ----------------------------------------------------------------------

CODE = "print(6 * 7)"
BOX = f"""\
**Try it.** Change the 7 to any other number, and say before what is printed.

```{{code-cell}} ipython3
:tags: [try-it]
{CODE}
```

```{{code-cell}} ipython3
:tags: [hide-input]
assert 6 * 7 == 42
```
"""


def test_a_box_is_found_with_its_paragraph_and_its_check():
    (box,) = boxes_of(f"# Title\n\n{BOX}\nText.\n")
    assert box.opening.startswith("**Try it.** Change") and box.code == f"{CODE}\n"
    assert box.check == "assert 6 * 7 == 42\n"
    fence = "```{code-cell} ipython3\n:tags: [hide-input]"
    assert boxes_of(BOX.replace(fence, f"Text.\n\n{fence}"))[0].check == ""
    assert boxes_of(BOX.replace("assert 6 * 7 == 42", "x = 1"))[0].check == ""
    assert not boxes_of(BOX.replace("try-it", "try"))


# --- What runs a box -------------------------------------------------------------------------


def ran(code, strict=False):
    said = []
    return kernel.run(code, {}, said.append, strict=strict) | {"said": "".join(said)}


def test_what_is_printed_comes_in_whole_lines_and_in_order():
    said = []
    kernel.run("print(1, end=' ')\nprint(2)\nprint(3, end='')", {}, said.append)
    assert said == ["1 2\n", "3"]


@pytest.mark.parametrize(
    ("code", "line", "text"),
    [
        ("a = 1\nb = a / 0", 2, "b = a / 0\nZeroDivisionError: division by zero"),
        ("def f(x):\n    return x + y\n\nf(1)", 2, "    return x + y\nNameError: "),
        ("a = 1\nb = (", 2, "b = (\nSyntaxError: "),
        ("import json\n\njson.loads('{')", 3, "json.loads('{')\njson.decoder.JSONDecodeError: "),
        ("raise SystemExit", 1, "raise SystemExit\nSystemExit"),
        ("assert 1 > 2, 'no'", 1, "assert 1 > 2, 'no'\nAssertionError: no"),
    ],
)
def test_a_failing_box_shows_the_readers_own_line(code, line, text):
    error = ran(f"print('before')\n{code}")["error"]
    assert error["line"] == line + 1 and error["text"].startswith(f"Line {line + 1}:\n{text}")
    assert ("found in json/" in error["text"]) is ("json" in code)


def test_a_figure_that_cannot_be_drawn_fails_after_the_last_line():
    code = "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.title('$x^$')"
    assert ran(code)["error"]["text"].startswith("After the last line:\n")
    assert not plt.get_fignums()


def test_a_warning_is_printed_with_its_line_and_stops_a_build():
    code = "import numpy as np\nprint(np.float64(1) / 0)"
    found = ran(code)
    assert found["error"] is None and found["said"].startswith("RuntimeWarning: divide by zero")
    assert "(line 2)\n" in found["said"] and found["said"].endswith("inf\n")
    assert ran(code, strict=True)["error"]["line"] == 2
    assert ran("import warnings\nwarnings.warn('old', DeprecationWarning)", True)["error"] is None
    with pytest.warns(UserWarning):  # what stood before stands again
        warnings.warn("mine", UserWarning, stacklevel=1)


def test_figures_come_as_drawings_with_a_description():
    code = f"{FIGURE}\nax.set(xlabel='step $t$', yscale='log')\nax.text(0, 1, 'falls')"
    (figure,) = ran(code)["figures"]
    assert figure["svg"].startswith("<?xml") and "</svg>" in figure["svg"]
    assert "across step t, -0.05 to 1.05" in figure["alt"] and "logarithmic" in figure["alt"]
    assert "1 line;" in figure["alt"] and "the words falls" in figure["alt"]
    assert not plt.get_fignums()


def test_numbers_of_a_namespace_are_found_wherever_they_are():
    kernel.run(
        "import math\nfrom typing import NamedTuple\nimport numpy as np\n"
        "class P(NamedTuple):\n    W: object\n    kind: str\n"
        "a = 0.5\nn, s = 3, 'x'\np = P(np.ones((2, 2)), 'rnn')\n_hidden = 1.0\n"
        "d = {'k': [1.5, 2, np.float32(3)], 'z': 1j}\ndef f():\n    pass",
        variables := {},
    )
    found = kernel.numbers(variables)
    assert {*found} == {"a", "p.0", "d.k.0", "d.k.2", "d.z"}
    assert found["p.0"].shape == (2, 2) and found["d.k.2"].dtype == np.float32
    assert kernel.packed_numbers({"a": 0.5}) == {"a": ["<f8", "AAAAAAAA4D8="]}


# --- What is made of a box -------------------------------------------------------------------

KIND = "```{code-cell} ipython3\nprint('no box')\n```\n"


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A tiny book with a box, and a folder that stands for the Python that runs in a page."""
    drawn = cell(FIGURE, **TEXTS).replace("---\n", "---\ntags: [try-it]\n", 1)
    root = tiny_book(
        tmp_path_factory.mktemp("tryit"), KIND, BOX, f"**Try it.** Change the 0.\n\n{drawn}"
    )
    shutil.copytree(ROOT / "book/_live", root / "book/_live")
    (root / "live").mkdir()
    (root / "live/pyodide-lock.json").write_text("{}")
    return root


@pytest.fixture(scope="module")
def plain(book):
    code, log = build(book, "-W")
    assert code == 0, log
    assert log.count("make live-runtime") == 1
    return (book / "_build/html/book/chapter.html").read_text()


def test_a_box_is_framed_with_what_stands_before_it(plain):
    first, second = plain.split('<section class="try-it"')[1:]
    assert first.startswith(' aria-label="Try it, 1 of 2" data-kept="book/chapter 1 ')
    first = first.partition("</section>")[0]
    assert "<strong>Try it.</strong> Change the 7" in first and ">42\n<" in first
    assert '<template class="try-it-check">assert 6 * 7 == 42</template>' in first
    assert 'id="fig-fall"' in second.partition("</section>")[0]
    assert "no box" in plain.partition('<section class="try-it"')[0]


def test_without_a_runtime_there_is_no_script_and_the_build_says_so(book, plain):
    assert "tryit.js" not in plain and not (book / "_build/html/_static/live").exists()


def test_with_a_runtime_the_page_has_the_script_and_the_files_lie_beside_it(book, plain):
    code, log = build(book, "-W", "-D", "tryit_runtime=live")
    assert code == 0 and "make live-runtime" not in log, log
    assert "Executing notebook" not in log
    html = book / "_build/html"
    page, index = [(html / f"book/{name}.html").read_text() for name in ("chapter", "index")]
    assert 'data-live="../_static/live/"' in page and "tryit.js" in page
    assert "tryit.js" not in index
    folder = json.loads((html / "_static/live/live.json").read_text())["folder"]
    served = html / "_static/live" / folder
    assert {"plan.json", "kernel.py", "worker.js", "matplotlibrc", "pyodide-lock.json"} == {
        path.name for path in served.iterdir()
    }
    wheel = json.loads((served / "plan.json").read_text())["wheel"].partition("?")[0]
    assert (served / wheel).resolve().exists()
    # What is served changes: it lies under another address, and the old one is gone.
    (book / "live/pyodide-lock.json").write_text('{"packages": {}}')
    assert build(book, "-D", "tryit_runtime=live")[0] == 0
    assert not served.exists()
    # Without a runtime again: nothing is left of it.
    assert build(book)[0] == 0
    assert "tryit.js" not in (html / "book/chapter.html").read_text()
    assert not (html / "_static/live").exists()


def test_on_paper_and_in_a_notebook_a_box_is_a_cell(book, plain):
    notebook = json.loads((book / "_build/html/_sources/book/chapter.ipynb").read_text())
    assert CODE in ["".join(c["source"]) for c in notebook["cells"]]
    code, log = build(book, "-b", "text")
    assert code == 0 and CODE in (book / "_build/html/book/chapter.txt").read_text(), log


def test_a_box_without_its_paragraph_stops_the_build(tmp_path):
    root = tiny_book(tmp_path / "book", BOX.replace("**Try it.** Change", "Change"))
    code, log = build(root)
    assert code != 0 and "before a box stands a paragraph" in log


def test_a_folder_without_a_runtime_stops_the_build(tmp_path):
    code, log = build(tiny_book(tmp_path / "book", BOX), "-D", "tryit_runtime=nothing")
    assert code != 0 and "holds no Python for pages" in log


# --- What fills the folder -------------------------------------------------------------------


def test_a_file_that_is_not_the_pinned_one_is_refused():
    digest = live_runtime.sha256(b"right")
    assert live_runtime.checked(b"right", "a.whl", digest) == b"right"
    with pytest.raises(SystemExit, match=r"a\.whl is not the file that was pinned"):
        live_runtime.checked(b"wrong", "a.whl", digest)


def test_a_release_is_fetched_file_by_file_and_refused_if_one_differs(tmp_path, monkeypatch):
    """A release in small: the core and a lock file that names packages, served as they would be."""
    release = tmp_path / "release"
    release.mkdir()
    packages = {}
    for name, needs in {"numpy": [], "matplotlib": ["cycler"], "cycler": [], "pytz": []}.items():
        (release / f"{name}.whl").write_bytes(name.encode())
        packages[name] = {"depends": needs, "file_name": f"{name}.whl"}
        packages[name]["sha256"] = live_runtime.sha256(name.encode())
    (release / "pyodide-lock.json").write_text(json.dumps({"packages": packages}))
    (release / "pyodide.mjs").write_text("// the core")
    core = ("pyodide.mjs", "pyodide-lock.json")
    pinned = {name: live_runtime.sha256((release / name).read_bytes()) for name in core}
    monkeypatch.setattr(live_runtime, "CORE", pinned)
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir(), second.mkdir()
    with served(release) as address:
        live_runtime.from_release(first, address)
        (release / "matplotlib.whl").write_bytes(b"another")
        with pytest.raises(SystemExit, match=r"matplotlib\.whl is not the file that was pinned"):
            live_runtime.from_release(second, address)
    wanted = {*core, "numpy.whl", "matplotlib.whl", "cycler.whl"}
    assert {path.name for path in first.iterdir()} == wanted
    assert all((first / name).read_bytes() for name in wanted)
    assert not (second / "matplotlib.whl").exists()


def test_the_packages_of_a_page_are_numpy_matplotlib_and_what_they_need():
    needs = {"numpy": [], "cycler": ["six"], "matplotlib": ["cycler", "numpy", "fonttools"]}
    packages = {name: {"depends": needs.get(name, [])} for name in (*needs, "six", "fonttools")}
    assert [*live_runtime.closure(packages)] == ["numpy", "matplotlib", "cycler", "six"]


def test_what_the_lock_names_is_read_for_the_python_of_the_page():
    (line,) = live_runtime.locked({"contourpy"}, "3.14.2")
    assert line.startswith("contourpy==") and line.count("--hash=sha256:") > 10
    assert line != [*live_runtime.locked({"contourpy"}, "3.11.0")][0]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("numpy/lib/_npyio_impl.py", True),
        ("numpy/testing/__init__.py", True),
        ("numpy/linalg/_umath_linalg.cpython-314-wasm32-emscripten.so", True),
        ("numpy/tests/test_lazyloading.py", False),
        ("numpy/_core/include/numpy/arrayobject.h", False),
        ("numpy/__init__.pyi", False),
        ("matplotlib/mpl-data/fonts/ttf/DejaVuSans.ttf", True),
        ("matplotlib/mpl-data/fonts/ttf/cmr10.ttf", True),
        ("matplotlib/mpl-data/fonts/ttf/DejaVuSerif.ttf", False),
        ("matplotlib/mpl-data/matplotlibrc", True),
        ("matplotlib/backends/backend_svg.py", True),
        ("matplotlib/backends/backend_tkagg.py", False),
        ("matplotlib-3.10.9.dist-info/licenses/LICENSE", True),
    ],
)
def test_what_no_page_can_use_is_left_out(name, kept):
    assert bool(re.search(live_runtime.LEFT_OUT, name)) is not kept


def test_what_was_filled_is_whole_if_it_is_there():
    folder = ROOT / "_build/live"
    if not (folder / "pyodide-lock.json").exists():
        pytest.skip("make live-runtime was not run")
    lock = json.loads((folder / "pyodide-lock.json").read_text())
    for package in lock["packages"].values():
        path = folder / package["file_name"]
        assert live_runtime.sha256(path.read_bytes()) == package["sha256"]
        with zipfile.ZipFile(path) as wheel:
            names = wheel.namelist()
        assert not [name for name in names if re.search(live_runtime.LEFT_OUT, name)]
        assert [name for name in names if "LICEN" in name.upper() or name.endswith("METADATA")]

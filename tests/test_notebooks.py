"""What a reader takes home: the wheel of the package, and chapters as notebooks that run with it.

A tiny book shows what becomes of each role and directive. Three real chapters run in an empty
folder, in an environment that holds NumPy, Matplotlib and a kernel alone.
"""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import nbformat
import pytest
import yaml
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from test_book import FIGURE, ROOT, TEXTS, build, cell, tiny_book

SITE = "https://example.org/time/"

# --- The wheel -------------------------------------------------------------------------------


def make_wheel(folder):
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return Path(path)


def test_two_wheels_are_byte_equal_and_hold_the_package_and_what_chapters_read(tmp_path):
    first, second = make_wheel(tmp_path / "a"), make_wheel(tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as wheel:
        held = {*wheel.namelist()}
    stored = [*ROOT.glob("experiments/*.py"), *ROOT.glob("experiments/results/*.jsonl")]
    stored += [*ROOT.glob("bench/results/*.json"), *ROOT.glob("tests/data/*.npz")]
    code = [p for p in (ROOT / "rnn_src").rglob("*") if p.is_file() and p.suffix != ".pyc"]
    assert len(stored) > 20 and len(code) > 30
    wanted = {p.relative_to(ROOT).as_posix() for p in code}
    wanted |= {f"rnn_src/_book/{p.relative_to(ROOT).as_posix()}" for p in stored}
    assert wanted <= held
    assert {name.split("/")[0] for name in held} == {
        "rnn_src",
        first.name.replace("-py3-none-any.whl", ".dist-info"),
    }


def test_the_wheel_says_what_the_citation_says(tmp_path):
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    with zipfile.ZipFile(make_wheel(tmp_path)) as wheel:
        (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        said = message_from_bytes(wheel.read(name))
        licence = wheel.read(name.replace("METADATA", "licenses/LICENSE-CODE"))
    assert (said["Name"], said["Version"]) == ("rnn_src", cited["version"])
    assert said["Summary"] == cited["title"]
    assert said["Author"] == ", ".join(author["name"] for author in cited["authors"])
    assert sorted(said["Keywords"].split(",")) == sorted(cited["keywords"])
    assert said["License-Expression"] in cited["license"]
    assert licence == (ROOT / "LICENSE-CODE").read_bytes()
    needs = [r for r in said.get_all("Requires-Dist") if "extra" not in r]
    assert [Requirement(r).name for r in needs] == ["numpy"]


# --- What becomes of a page ------------------------------------------------------------------

CHAPTER = r"""
(ch-tiny)=
# A title: of `code` and $x_t$

## The *first* section

Roles: {ref}`ch-tiny`, {numref}`fig-fall`, {numref}`tab-one`, {eq}`eq-one`, {cite:t}`gauss1801`,
{doc}`index`, {py:func}`rnn_src.shown`, {glue:text}`loss:.2f`, [a link](https://example.com/a_b),
{wheel}`the wheel`.
Marks: 2 * 3 * 4, a_b, \_x, \$5, `a|b` and \<tag>[^note].

[^note]: A footnote.

```{math}
:label: eq-one

h_t = f(x_t), \\ g = \dplus h
```

$$
a = b
$$

- one
- two

  more of two

1. first
2. second

> A quotation,
> of two lines.

```{list-table} What is what
:name: tab-one
:header-rows: 1

* - name
  - size
* - $|x|$
  - `a|b`
```

```{dropdown} Why $x_t$?
Because.
```

```{note}
Mind the *gap*.
```

![A square.](square.svg)

```{literalinclude} /rnn_src/__init__.py
:pyobject: shown
```

```{code-cell} ipython3
:tags: [hide-input]
import json
from pathlib import Path
import rnn_src
from rnn_src.figures import quote
stored = json.loads(Path("../bench/results/stored.json").read_text())
quote(lambda loss: loss < 1, loss=0.125)
rnn_src.shown(stored)
```

FIGURE
```{exercise-start} How far?
:label: ex-far
```
How far is $T$?
```{exercise-end}
```

```{solution-start} ex-far
```
So far:

```{code-cell} ipython3
print(stored["far"])
```

Not farther.
```{solution-end}
```
""".replace("FIGURE\n", cell(FIGURE, **TEXTS))

CELLS = r"""
# The package of the book, and what else this chapter imports, where they are missing.
# The wheel is SITE/book/WHEEL.
from importlib.util import find_spec

if not all(map(find_spec, ["rnn_src", "matplotlib"])):
    %pip install -q SITE/book/WHEEL matplotlib

import sys
from importlib.resources import files

# Stored results, and the code that made them: they come with the package.
BOOK = next(p for p in (files("rnn_src") / "_book", files("rnn_src").parent) if p.is_dir())
sys.path.append(str(BOOK))
~~~
# 1. A title: of `code` and $x_t$
~~~
## The *first* section

Roles: [A title: of code and x_t](PAGE#ch-tiny), [Fig. 1.1](PAGE#fig-fall), \
[Table 1.1](PAGE#tab-one), [(1.1)](PAGE#equation-eq-one), \
Gauss [[1801](SITE/book/index.html#id2)], [Tiny](SITE/book/index.html), \
[`rnn_src.shown()`](SITE/book/index.html#rnn_src.shown), 0.12, [a link](https://example.com/a_b), \
[the wheel](SITE/book/WHEEL). \
Marks: 2 \* 3 \* 4, a_b, \_x, \$5, `a|b` and \<tag>[1].

$$
\begin{aligned}h_t = f(x_t), \\ g = \partial^{+} h\end{aligned}\tag{1.1}
$$

$$
a = b
$$

- one
- two

  more of two

1. first
2. second

> A quotation, of two lines.

**Table 1.1.** What is what

| name | size |
| --- | --- |
| $\vert x\vert $ | `a\|b` |
~~~
### Why $x_t$?

Because.
~~~
### Note

Mind the *gap*.

![A square.](attachment:square.svg)

```python
def shown(x):
    '''Show it.'''
    return x
```
~~~
import json
from pathlib import Path
import rnn_src
from rnn_src.figures import quote
stored = json.loads(Path(BOOK / "bench/results/stored.json").read_text())
quote(lambda loss: loss < 1, loss=0.125)
rnn_src.shown(stored);
~~~
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
ax.plot([1, 0]);
~~~
**Fig. 1.1.** It falls.
~~~
### Exercise 1.1 (How far?)

How far is $T$?
~~~
### Solution to [Exercise 1.1 (How far?)](PAGE#ex-far)

So far:
~~~
print(stored["far"])
~~~
Not farther.

---

[1] A footnote.
"""


def write_book(root, chapter=CHAPTER):
    tiny_book(root)
    shutil.copytree(ROOT / "rnn_src/figures", root / "rnn_src/figures")
    shutil.copy(ROOT / "rnn_src/checks.py", root / "rnn_src")
    code = "def shown(x):\n    '''Show it.'''\n    return x\n"
    (root / "rnn_src/__init__.py").write_text(code)
    (root / "bench/results").mkdir(parents=True)
    (root / "bench/results/stored.json").write_text('{"far": 7}')
    (root / "book/square.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    cited = "@book{gauss1801, author={Gauss, Carl}, title={T}, year={1801}, publisher={P}}"
    (root / "book/references.bib").write_text(cited)
    index = (root / "book/index.md").read_text()
    index += "\n```{eval-rst}\n.. autofunction:: rnn_src.shown\n```\n\n```{bibliography}\n```\n"
    (root / "book/index.md").write_text(index)
    head = (root / "book/chapter.md").read_text().partition("# Chapter")[0]
    (root / "book/chapter.md").write_text(head + chapter)
    return root


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BOOK_URL", SITE)
        root = write_book(tmp_path_factory.mktemp("published"))
        code, log = build(root)
    assert code == 0, log
    return root


def downloaded(root):
    return nbformat.read(root / "_build/html/_sources/book/chapter.ipynb", as_version=4)


def test_a_page_becomes_plain_markdown_and_code_that_stands_alone(published):
    notebook, site = downloaded(published), published / "_build/html/book"
    (wheel,) = site.glob("*.whl")
    wanted = CELLS.replace("\\\n", "").replace("PAGE", "SITE/book/chapter.html")
    wanted = wanted.replace("SITE/", SITE).replace("WHEEL", wheel.name).strip().split("\n~~~\n")
    assert [c.source for c in notebook.cells] == wanted
    assert [c.id for c in notebook.cells] == [f"cell-{k}" for k in range(len(wanted))]


def test_outputs_and_pictures_come_along_and_folded_cells_stay_folded(published):
    cells = downloaded(published).cells
    folded, drawn, printed = [c for c in cells[1:] if c.cell_type == "code"]
    assert folded.metadata.jupyter.source_hidden and not folded.outputs  # quoted is no output
    assert "image/svg+xml" in drawn.outputs[0].data and not drawn.metadata
    assert printed.outputs[0].text == "7\n"
    (pictures,) = [c.attachments for c in cells if "attachments" in c]
    assert [*pictures] == ["square.svg"] and [*pictures["square.svg"]] == ["image/svg+xml"]


def test_without_an_address_links_are_words_and_the_wheel_is_in_the_folder(published, tmp_path):
    root = tmp_path / "book"
    shutil.copytree(published, root)  # with its results, as everything else is the same
    code, log = build(root)
    assert code == 0, log
    cells = downloaded(root).cells
    (wheel,) = (root / "_build/html/book").glob("*.whl")
    assert f"# {wheel.name} lies beside the pages" in cells[0].source
    assert f"%pip install -q ./{wheel.name} matplotlib" in cells[0].source
    assert (
        cells[2]
        .source.partition("Roles: ")[2]
        .startswith(
            "A title: of code and x_t, Fig. 1.1, Table 1.1, (1.1), Gauss [1801], Tiny, "
            "`rnn_src.shown()`, 0.12, [a link](https://example.com/a_b), the wheel."
        )
    )


@pytest.mark.parametrize(
    ("chapter", "says"),
    [
        (cell('print(open("../CITATION.cff"))'), "book/chapter reads CITATION.cff, which is not"),
        ("```{topic} Aside\nWords.\n```", "book/chapter: no notebook can hold a topic"),
    ],
)
def test_what_a_notebook_cannot_hold_stops_the_build(chapter, says, tmp_path):
    code, log = build(
        write_book(tmp_path / "book", "# A\n\n" + chapter), "-D", "nb_execution_mode=off"
    )
    assert code != 0 and says in log.rstrip().splitlines()[-1]


# --- Real chapters, elsewhere ----------------------------------------------------------------

# Quick ones. Two of them read stored results.
TAKEN = ("cell", "bptt", "speed")


def needed(*names):
    """These distributions and all that they need, as installed here."""
    found, todo = set(), [*names]
    while todo:
        if (name := todo.pop().lower()) not in found:
            found.add(name)
            needs = map(Requirement, importlib.metadata.requires(name) or [])
            todo += [r.name for r in needs if not r.marker or r.marker.evaluate({"extra": ""})]
    return found


def make_environment(folder, *names):
    """A Python that sees these distributions alone, and the folder of its packages."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for distribution in map(importlib.metadata.distribution, needed(*names)):
        for top in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(distribution.locate_file(top))
    return folder / "bin/python", site


def test_downloaded_chapters_run_in_an_empty_folder_and_a_fresh_environment(tmp_path):
    pages = ",".join(f"book/{name}.md" for name in ("index", *TAKEN))
    options = ["-b", "html", "-D", f"include_patterns={pages}", "-D", "nb_execution_mode=off"]
    sphinx = [sys.executable, "-m", "sphinx", "-Q", *options, "-d", tmp_path / "doctrees"]
    subprocess.run([*sphinx, ROOT, tmp_path / "html"], check=True)
    python, site = make_environment(tmp_path / "fresh", "numpy", "matplotlib", "ipykernel")
    kernel = tmp_path / "jupyter/kernels/fresh/kernel.json"
    kernel.parent.mkdir(parents=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": command, "display_name": "fresh", "language": "python"}))
    folder = tmp_path / "downloads"
    folder.mkdir()
    (wheel,) = (tmp_path / "html/book").glob("*.whl")
    shutil.copy(wheel, folder)
    for name in TAKEN:
        shutil.copy(tmp_path / f"html/_sources/book/{name}.ipynb", folder)
    last = nbformat.read(folder / "speed.ipynb", as_version=4)
    stored = "from experiments import load\nprint(len(load('temporal_order')), BOOK)"
    last.cells.append(nbformat.v4.new_code_cell(stored))
    nbformat.write(last, folder / "speed.ipynb")

    assert not (site / "rnn_src").exists()
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "MPLBACKEND")}
    clean |= {"JUPYTER_PATH": str(tmp_path / "jupyter"), "IPYTHONDIR": str(tmp_path / "ipython")}
    clean |= {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}  # nothing is downloaded
    script = "from nbclient.cli import main; main()"
    execute = [sys.executable, "-c", script, "--kernel_name=fresh", "--timeout=900", "--inplace"]
    for name in TAKEN:
        done = subprocess.run(
            [*execute, f"{name}.ipynb"], cwd=folder, env=clean, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    ran = nbformat.read(folder / "speed.ipynb", as_version=4)
    assert ran.cells[-1].outputs[0].text.split()[1] == str(site / "rnn_src/_book")

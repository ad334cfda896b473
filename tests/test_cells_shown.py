"""How the book shows its cells and the numbers that they hand to the text."""

import re
import sys
from pathlib import Path

import pytest
from test_book import build, cell, every_page, fences, tiny_book

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "book" / "_ext"))
import layout  # noqa: E402 (of the book, as the two below)
from folds import prompt  # noqa: E402
from typeset import typeset  # noqa: E402

# --- What a folded cell says ------------------------------------------------------------------

FIGURE = {"mystnb": {"figure": {"name": "fig-a"}}}


@pytest.mark.parametrize(
    ("source", "metadata", "words"),
    [
        ("x = 1", {}, "Set up"),
        ("def f(x):\n    assert x", {}, "Set up"),
        ("import numpy as np\nassert np", {}, "Set up"),
        ("x = 1\nassert x", {}, "Check"),
        ("for x in (1, 2):\n    assert x", {}, "Check"),
        ("quote(lambda x: x > 1, x=2)", {}, "Check"),
        ("np.testing.assert_array_equal(x, y)", {}, "Check"),
        ("fig, ax = plt.subplots()\nassert x", FIGURE, "Draw"),
        ("explorable(fig, turn)", {}, "Draw"),
    ],
)
def test_a_folded_cell_says_what_it_does(source, metadata, words):
    assert prompt(source, metadata) == words


# --- Numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("7e-09", r"7 \times 10^{-9}"),
        ("-3.2e-17", r"-3.2 \times 10^{-17}"),
        ("9.99e+04", r"9.99 \times 10^{4}"),
        ("0e+00", "0"),
        ("5e-02", "0.05"),
        ("1.50e+03", "1,500"),
        ("-0.12", "−0.12"),
        ("-1.5%", "−1.5%"),
        ("-1,234.5", "−1,234.5"),
        ("-0.00", "0.00"),
        ("+0.3", "+0.3"),
        ("1,234", "1,234"),
        ("12.50", "12.50"),
        ("lstm-2", "lstm-2"),
    ],
)
def test_a_number_looks_as_it_does_on_paper(text, shown):
    assert ("".join(node.astext() for node in typeset(text)) or text) == shown


# --- Both in a page ---------------------------------------------------------------------------

GLUED = """\
from myst_nb import glue
glue("tiny", 7.2e-9, display=False)
glue("below", -0.12, display=False)
print(7.2e-9, -0.12)"""
FOLDED = """\
```{code-cell} ipython3
:tags: [hide-input]
assert 1 + 1 == 2
```

```{code-cell} ipython3
---
tags: [hide-input]
mystnb:
  code_prompt_show: Try
  code_prompt_hide: Tried
---
1 + 1
```

It is {glue:text}`tiny:.0e`, below {glue:text}`below:.2f`.

Of all states ($h_t$), *the* $k$-th, if $k > 1$. And $h$ and $W h$

Then, *say*, $a$, $b$ and $c$; (*or*) ($d$) and ($e$).
"""


def test_a_page_shows_both(tmp_path):
    printing = [cell(f"print('.' * {columns})") for columns in (50, 51)]
    root = tiny_book(tmp_path / "book", cell(GLUED), FOLDED, *printing)
    contents = root / "book/index.md"  # a part of the PDF has a name
    contents.write_text(contents.read_text().replace(":numbered:", ":numbered:\n:caption: I. Part"))
    code, log = build(root, "-n", "-W", "--keep-going")
    assert code == 0, log
    page = (root / "_build/html/book/chapter.html").read_text(encoding="utf-8")
    for state, words in [("collapsed", "Check"), ("expanded", "Check"), ("expanded", "Tried")]:
        assert f'<p class="{state} admonition-title">{words}</p>' in page
    assert "Toggle hidden content" not in page
    assert page.count('class="cell_output wide') == 1
    assert r"\(7 \times 10^{-9}\)" in page and "−0.12</span>" in page
    assert "7.2e-09 -0.12" in page  # what is printed is Python's
    kept = [r"(\(h_t\)),", r"\(k\)-th", r"\(k &gt; 1\)."]  # no line ends within these
    found = re.findall(r'<span class="together">(.*?)</span>(\S*)</span>', page)
    kept += [r"\(a\),", r"\(c\);", r"(\(d\))", r"(\(e\))."]
    assert [re.sub("<.+?>", "", "".join(parts)) for parts in found] == [
        r"\(7 \times 10^{-9}\),",
        *kept,
    ]
    plain = re.sub("<.+?>", "", page)  # and no mark is lost or doubled
    assert r"Then, say, \(a\), \(b\) and \(c\); (or) (\(d\)) and (\(e\))." in plain
    notebook = (root / "_build/html/_sources/book/chapter.ipynb").read_text(encoding="utf-8")
    assert r"It is $7 \\times 10^{-9}$, below " in notebook
    # On paper the folded code is left out, and the numbers are set in the same way.
    code, log = build(root, "-b", "latex")
    assert code == 0, log
    paper = (root / "_build/html/through-time.tex").read_text(encoding="utf-8")
    assert r"7 \times 10^{-9}" in paper and "−0.12" in paper and "1 + 1" not in paper


# --- How the code of a page is laid out --------------------------------------------------------

SLOPPY = """\
Words, `x = {'a':1}` in a line.

```{code-cell}
---
tags: [hide-input]
mystnb: {figure: {name: fig-a}}
---
x = {'a':1}; y=2
ax.plot(x);
```

```{code-cell} ipython3
:tags: [hide-input]

assert x == {'a' : 1} and some_very_long_name_of_a_function(y) < other(y, 2, 3)
```

```{doctest}
>>> {'a':1}
```
"""
NEAT = """\
Words, `x = {'a':1}` in a line.

```{code-cell}
---
tags: [hide-input]
mystnb: {figure: {name: fig-a}}
---
x = {"a": 1}
y = 2
ax.plot(x);
```

```{code-cell} ipython3
:tags: [hide-input]

assert x == {"a": 1} and some_very_long_name_of_a_function(y) < other(
    y, 2, 3
)
```

```{doctest}
>>> {'a':1}
```
"""


def test_cells_are_laid_out_and_nothing_else_changes():
    assert layout.lay_out(SLOPPY) == NEAT == layout.lay_out(NEAT)
    assert layout.lay_out("No code.\n") == "No code.\n"


def test_a_cell_that_is_no_python_is_named():
    with pytest.raises(ValueError, match="page"):
        layout.lay_out("```{code-cell}\nx = = 1\n```\n")


def test_layout_that_changes_what_a_cell_does_is_refused(monkeypatch):
    monkeypatch.setattr(layout, "ruff", lambda codes, name: ["x = 2"])
    with pytest.raises(ValueError, match="would change what it does"):
        layout.lay_out("```{code-cell}\nx = 1\n```\n")


@every_page
def test_code_of_a_page_is_at_most_76_columns_wide(page):
    cells = [cell["code"] for cell in layout.CELL.finditer(page.read_text(encoding="utf-8"))]
    assert all(len(line) <= 76 for code in cells for line in code.splitlines())
    kinds = [kind for kind, *_ in fences(page.read_text(encoding="utf-8"))]
    assert len(cells) == kinds.count("code-cell")

"""Figures: what each function puts on the axes. Nothing here looks at pixels."""

import json
import re
import sys
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import is_color_like

from rnn_src.figures import (
    COLORS,
    STYLE,
    end_label,
    explorable,
    heat,
    level,
    measured,
    predicted,
    quote,
    seeds,
    spectrum,
    text_strip,
    unrolled,
)

X, Y = [1.0, 2.0, 4.0], [0.5, 0.25, 0.125]


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_style_and_colors_are_known_to_matplotlib():
    assert all(is_color_like(color) for color in COLORS.values())
    with plt.rc_context(STYLE):
        assert plt.rcParams["axes.grid"]


@pytest.mark.parametrize("draw, style", [(predicted, "--"), (measured, "-")])
def test_theory_is_dashed_and_measurement_solid(ax, draw, style):
    draw(ax, X, Y, "a curve", color=COLORS["rnn"], dx=3, dy=-2)
    (line,) = ax.lines
    assert line.get_linestyle() == style and line.get_color() == COLORS["rnn"]
    np.testing.assert_array_equal(line.get_xydata(), np.transpose([X, Y]))
    (label,) = ax.texts
    assert label.get_text() == "a curve" and label.get_color() == COLORS["rnn"]
    assert label.xy == (4.0, 0.125) and label.get_position() == (3, -2)
    draw(ax, X, Y)
    assert len(ax.lines) == 2 and len(ax.texts) == 1  # no label, no text


def test_seeds_are_dots_and_a_line_of_medians(ax):
    runs = np.array([[1.0, 5.0, 2.0], [4.0, 4.0, 9.0]])
    seeds(ax, [10, 20], runs, "runs")
    *dots, line = ax.lines
    np.testing.assert_array_equal(np.transpose([dot.get_ydata() for dot in dots]), runs)
    assert all(dot.get_linestyle() == "None" and dot.get_marker() == "o" for dot in dots)
    assert line.get_ydata().tolist() == [2.0, 4.0] and texts(ax) == ["runs"]


def test_a_level_lies_at_its_height(ax):
    level(ax, 0.25, "chance")
    assert set(ax.lines[0].get_ydata()) == {0.25} and ax.lines[0].get_linestyle() == ":"
    assert texts(ax) == ["chance"] and ax.texts[0].xy[1] == 0.25
    level(ax, 0.5, "", predicted=True)
    assert ax.lines[1].get_linestyle() == "--"


def test_heat_shows_the_matrix_on_a_scale_about_0(ax):
    values = np.array([[1.0, -2.0, 0.0], [0.5, 3.0, -1.0]])
    heat(ax, values, xlabels=["a", "b", "c"], ylabels=["up", "down"], limit=3, bar="weight")
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), values)
    assert image.get_clim() == (-3, 3)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b", "c"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["up", "down"]
    assert ax.figure.axes[1].get_ylabel() == "weight"


def test_a_spectrum_has_its_eigenvalues_and_the_unit_circle(ax):
    W = np.random.default_rng(0).standard_normal((6, 6)) / 3
    spectrum(ax, W, "gaussian")
    circle, dots = ax.lines
    np.testing.assert_allclose(np.hypot(*circle.get_data()), 1)
    drawn = np.sort_complex(dots.get_xdata() + 1j * dots.get_ydata())
    np.testing.assert_allclose(drawn, np.sort_complex(np.linalg.eigvals(W)))
    assert ax.get_title() == "gaussian" and ax.get_aspect() == 1


def test_a_text_strip_has_each_character_on_its_square(ax):
    text_strip(ax, "hello", [1.0, 2.0, 3.0, 4.0, 8.0], columns=2, limit=8, bar="bits")
    assert texts(ax) == [*"hello"]
    positions = [text.get_position() for text in ax.texts]
    assert positions == [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2)]
    grid = ax.images[0].get_array()
    assert grid.shape == (3, 2) and grid[2, 0] == 8 and np.ma.is_masked(grid[2, 1])
    assert ax.figure.axes[1].get_ylabel() == "bits"


@pytest.fixture
def glued(monkeypatch):
    """What a page gets, by name."""
    found = {}
    glue = lambda name, value, display: found.update({name: value})  # noqa: E731
    monkeypatch.setitem(sys.modules, "myst_nb", SimpleNamespace(glue=glue))
    return found


def test_quoted_numbers_are_checked_and_go_to_the_page(glued):
    quote(lambda steps, loss: loss < steps, steps=7, loss=np.float32(0.5))
    assert glued == {"steps": 7, "loss": 0.5}
    assert [type(value) for value in glued.values()] == [int, float]


@pytest.mark.parametrize(
    ("claim", "values", "error", "says"),
    [
        (lambda a, b: a < b, {"a": 2.0, "b": 1}, AssertionError, "is false for a = 2, b = 1"),
        (lambda a: True, {"a": 2.0}, ValueError, "claim must depend on a, but holds for NaN too"),
        (lambda a, b: a < 3 or b, {"a": 2.0, "b": 1.0}, ValueError, "must depend on a"),
        (lambda a: not a > 3, {"a": 2.0}, ValueError, "must depend on a"),
        (lambda a: a < 3, {"a": 2.0, "b": 1.0}, ValueError, "must take the values, a, b, by their"),
        (lambda a, b: a < b, {"a": 2.0}, ValueError, "but it takes a, b"),
        (lambda: True, {}, ValueError, "must take the values, none"),
        (lambda a: a > 0, {"a": np.inf}, ValueError, "a must be finite, got inf"),
        (lambda a: a > 0, {"a": np.ones(2)}, TypeError, "a must be a number, got ndarray"),
        (True, {"a": 1.0}, TypeError, "claim must be a function of the values, got bool"),
    ],
)  # fmt: skip
def test_a_number_without_a_true_claim_about_it_cannot_be_quoted(claim, values, error, says, glued):
    with pytest.raises(error, match=says):
        quote(claim, **values)
    assert not glued  # nothing reaches the page


def bend(title=False):
    """A figure, and what a slider does to it."""
    figure, ax = plt.subplots()
    (line,) = ax.plot([0.0, 0.5, 1.0], [0, 0, 1])

    def frame(power):
        line.set_ydata(np.array([0.0, 0.5, 1.0]) ** power)
        if title:
            ax.set_title(f"power {power}")
        return f"At {power} the middle is at {0.5**power} < 1."

    return figure, frame


@pytest.mark.parametrize("title", [False, True])
def test_every_frame_of_an_explorable_can_be_put_together_again(glued, title):
    """Each place's parts, put into the first drawing, give the drawing of that place."""
    values = [1, 2, 3]
    figure, frame = bend(title)
    explorable("bend", figure, "the <power>", values, frame, start=1)
    page = glued["bend"]._repr_mimebundle_()["text/html"]
    assert 'value="1"' in page and "&lt;power&gt;" in page
    frames = json.loads(re.search(r'<script type="application/json">(.*)</script>', page)[1])
    assert [f["says"] for f in frames] == [frame(value) for value in values]
    assert len({json.dumps(f["parts"]) for f in frames}) == 3
    assert {len(f["parts"]) for f in frames} == {2 if title else 1}

    def drawn(start):
        figure, frame = bend(title)
        explorable("bend", figure, "power", values, frame, start=start)
        page = glued["bend"]._repr_mimebundle_()["text/html"]
        return ET.fromstring(re.search(r"<svg.*</svg>", page, re.S)[0])

    for place, parts in enumerate(frames):
        tree, space = drawn(1), "http://www.w3.org/2000/svg"
        for name, inner in parts["parts"].items():
            (group,) = [g for g in tree.iter() if g.get("id") == name]
            wrapped = f'<g xmlns="{space}" xmlns:xlink="http://www.w3.org/1999/xlink">{inner}</g>'
            group[:] = list(ET.fromstring(wrapped))
        tree.set("aria-label", parts["says"])
        want = drawn(place)
        assert ET.canonicalize(ET.tostring(tree), strip_text=True) == ET.canonicalize(
            ET.tostring(want), strip_text=True
        )


def test_two_explorables_share_no_id_and_leave_no_figure_open(glued):
    before = plt.get_fignums()
    for name in ("one", "two"):
        figure, frame = bend()
        explorable(name, figure, "power", [1, 2], frame)
    ids = [set(re.findall(r'\bid="([^"]+)"', str(glued[n].page))) for n in ("one", "two")]
    assert ids[0] and not ids[0] & ids[1] and plt.get_fignums() == before
    assert glued["one"].still.startswith(b"\x89PNG")


def test_in_a_downloaded_chapter_a_quote_only_checks_and_an_explorable_is_shown(monkeypatch):
    monkeypatch.setitem(sys.modules, "myst_nb", None)  # as if it were not installed
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    quote(lambda a: a < 3, a=2.0)
    with pytest.raises(AssertionError, match="the claim is false for a = 2"):
        quote(lambda a: a < 1, a=2.0)
    assert not shown
    figure, frame = bend()
    explorable("bend", figure, "power", [1, 2], frame)
    assert [*shown[0]._repr_mimebundle_()] == ["text/html", "image/png"] and len(shown) == 1


def test_an_explorable_says_what_it_wants(glued):
    figure, frame = bend()
    for values, start in (([1], 0), ([1, 2], 2), ([1, 2], -1)):
        with pytest.raises(ValueError, match="start must be a place among 2 or more values"):
            explorable("bend", figure, "power", values, frame, start)
    with pytest.raises(ValueError, match="frame must return a sentence, got None"):
        explorable("bend", figure, "power", [1, 2], lambda value: None)
    with pytest.raises(ValueError, match="must not change the size"):
        explorable("bend", figure, "power", [3, 4], lambda v: figure.set_size_inches(v, v) or "s")
    assert not glued
    plt.close(figure)


@pytest.mark.parametrize("outputs", [None, np.array([[0.9], [-0.9]])])
def test_an_unrolled_network_prints_every_number_and_name(ax, outputs):
    x, states = np.array([[0.11], [0.22]]), np.array([[0.0, 0.31], [0.41, 0.51], [0.61, -0.71]])
    unrolled(ax, x, states, outputs)
    wanted = [
        "0.11",
        "0.22",
        "0.31",
        "0.41",
        "0.51",
        "0.61",
        "-0.71",
        "$h_{0}$",
        "$h_{2}$",
        "$x_{1}$",
    ]
    wanted += ["0.90", "-0.90", "$o_{2}$"] if outputs is not None else []
    assert set(wanted) <= set(texts(ax)) and "$x_{0}$" not in texts(ax)
    arrows = 2 if outputs is None else 3
    assert sum(text in ("$U$", "$W$", "$V$") for text in texts(ax)) == arrows * len(x)


@pytest.mark.parametrize(
    "draw, error, message",
    [
        (lambda ax: end_label(ax, 1, 2, None, "k"), TypeError, "label must be a string, got None"),
        (
            lambda ax: predicted(ax, X, Y[:2]),
            ValueError,
            r"x and y must be .*got \(3,\) and \(2,\)",
        ),
        (lambda ax: measured(ax, [], []), ValueError, r"x and y must be .*got \(0,\) and \(0,\)"),
        (lambda ax: measured(ax, [X], [Y]), ValueError, r"x and y must be one-dimensional"),
        (lambda ax: seeds(ax, X, Y), ValueError, r"runs must be \(3, seeds\).*got \(3,\)"),
        (lambda ax: seeds(ax, X, [Y]), ValueError, r"runs must be \(3, seeds\).*got \(1, 3\)"),
        (lambda ax: level(ax, np.nan, ""), ValueError, "y must be a number in .*got nan"),
        (lambda ax: heat(ax, X), ValueError, r"values must be \(rows, columns\), got \(3,\)"),
        (lambda ax: heat(ax, [[np.nan]]), ValueError, "values must be finite"),
        (lambda ax: heat(ax, [X], limit=0), ValueError, r"limit must be a number in \(0, .*got 0"),
        (lambda ax: spectrum(ax, np.ones((2, 3))), ValueError, r"W must be square, got \(2, 3\)"),
        (lambda ax: text_strip(ax, "ab", [1.0]), ValueError, r"values must be \(2,\).*got \(1,\)"),
        (
            lambda ax: text_strip(ax, "a", [1.0], columns=0),
            ValueError,
            "columns must be an integer of at least 1, got 0",
        ),
        (lambda ax: unrolled(ax, [X], [X]), ValueError, r"states must have T \+ 1 = 2 rows, got 1"),
        (lambda ax: unrolled(ax, X, [X]), ValueError, r"x must be \(T, D\), got \(3,\)"),
    ],
)
def test_bad_input(ax, draw, error, message):
    with pytest.raises(error, match=message):
        draw(ax)

"""Drawings are read back as graphs, and computed: what is drawn must be what the cells do."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import same_color

from rnn_src import forward, init, jacobians
from rnn_src.figures import (
    COLORS,
    cobweb,
    draw_cell,
    draw_loop,
    draw_task,
    unit_paths,
    weight_paths,
)
from rnn_src.figures._strokes import fork
from rnn_src.theory import latch_threshold, rests

CELLS = ("rnn", "lstm", "gru")
ON_PHONE = 326 / 407  # a drawing of 4.2 inches, on its card in the dark of a page of 390 pixels


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def nodes(ax):
    """What is written in each named node."""
    return {text.get_label(): text.get_text() for text in ax.texts if text.get_label()}


def wires(ax):
    """The wires as pairs of names."""
    labels = [patch.get_label() for patch in ax.patches]
    return [tuple(label.split(" > ")) for label in labels if " > " in label]


def marked(ax):
    """The pieces of the band as pairs of names."""
    lines = [line for line in ax.lines if same_color(line.get_color(), COLORS["direct"])]
    return [tuple(line.get_label().split(" > ")) for line in lines]


def paths(edges, start, stop):
    """All ways along the edges from one name to another."""
    if start == stop:
        return [[stop]]
    return [[start, *rest] for a, b in edges if a == start for rest in paths(edges, b, stop)]


# --- Cells -----------------------------------------------------------------------------------


def letters(params, cell):
    """The parameters by the names that the equations give them."""
    if cell == "rnn":
        return {"W": params.W, "U": params.U, "b": params.b}
    gates = {"lstm": "ifgo", "gru": "rzn"}[cell]
    found = {}
    for name in "WUb":
        blocks = np.split(getattr(params, name), len(gates))
        found |= {f"{name}_{g}": block for g, block in zip(gates, blocks)}
    if cell == "gru":
        found |= {"b^x_n": found["b_n"], "b_n": params.b_n}
    return found


def computed(ax, given, weights):
    """The value of every node: what comes in along the wires, put through what is written."""
    written, edges, values = nodes(ax), wires(ax), dict(given)
    functions = {"$\\sigma$": lambda a: 1 / (1 + np.exp(-a)), "$\\tanh$": np.tanh}
    functions["$1 - z_t$"] = lambda z: 1 - z

    def value(name):
        if name not in values:
            sources = [a for a, b in edges if b == name]
            text, arrived = written[name], {source: value(source) for source in sources}
            if text in "×+":
                assert len(sources) >= 2
                parts = [*arrived.values()]
                values[name] = np.prod(parts, axis=0) if text == "×" else np.sum(parts, axis=0)
            elif text in functions or name in ("h", "c", "o"):
                (values[name],) = (functions.get(text, lambda a: a)(v) for v in arrived.values())
            else:
                used = {"W": "h old", "U": "x", "V": "act"}
                terms = re.findall(r"[WUVb](?:\^x)?(?:_\w)?", text)
                assert {used[term[0]] for term in terms if term[0] != "b"} == {*sources}
                values[name] = sum(
                    weights[t] if t[0] == "b" else weights[t] @ arrived[used[t[0]]] for t in terms
                )
        return values[name]

    return {name: value(name) for name in written}


def a_step(ax, cell, recurrent=1.0):
    """A drawn cell, its parameters, and what the drawing makes of random numbers."""
    rng = np.random.default_rng(5)
    params = init(cell, 3, 4, rng)._replace(b=rng.standard_normal(len(init(cell, 3, 4, rng).b)))
    params = params._replace(W=recurrent * params.W)
    if cell == "gru":
        params = params._replace(b_n=rng.standard_normal(4))
    x, s = rng.standard_normal(3), rng.standard_normal(8 if cell == "lstm" else 4)
    given, weights = {"x": x, "h old": s[:4], "c old": s[4:]}, letters(params, cell)
    if cell == "rnn":
        given |= {"b": params.b, "c": np.array([0.3, -2.0])}
        weights["V"] = rng.standard_normal((2, 4))
    draw_cell(ax, cell)
    return params, x, s, computed(ax, given, weights), weights


@pytest.mark.parametrize("cell", CELLS)
def test_a_drawn_cell_computes_what_the_cell_computes(ax, cell):
    params, x, s, found, weights = a_step(ax, cell)
    after = forward(cell, params, x[None, None], s[None])[0][1, 0]
    np.testing.assert_allclose(found["h"], after[:4], rtol=1e-12)
    if cell == "lstm":
        np.testing.assert_allclose(found["c"], after[4:], rtol=1e-12)
    if cell == "rnn":
        np.testing.assert_allclose(found["o"], weights["V"] @ after + [0.3, -2.0], rtol=1e-12)


@pytest.mark.parametrize("cell, gate, state", [("lstm", "f", "c"), ("gru", "z", "h")])
def test_the_band_is_the_one_way_round_the_matrices(ax, cell, gate, state):
    """Without recurrent weights the Jacobian is what the band says: the gate that it meets."""
    params, x, s, found, _ = a_step(ax, cell, recurrent=0.0)
    boxes = {name for name, text in nodes(ax).items() if re.match(r"\$[WUV]", text)}
    free = [edge for edge in wires(ax) if not boxes & {*edge}]
    (way,) = paths(free, f"{state} old", state)
    assert marked(ax) == list(zip(way, way[1:]))
    times = [name for name in way if nodes(ax)[name] == "×"]
    assert [a for a, b in wires(ax) if b in times and a not in way] == [gate]
    J = jacobians(cell, params, x[None, None], s[None])[0, 0]
    np.testing.assert_allclose(J[-4:, -4:], np.diag(found[gate]), atol=1e-12)


def test_the_vanilla_cell_has_no_way_round(ax):
    draw_cell(ax, "rnn")
    assert marked(ax) == []
    assert paths(wires(ax), "h old", "h") == [["h old", "W", "a", "act", "h"]]


def test_three_boxes_of_the_gru_read_the_state(ax):
    """The terms of its Jacobian beside the direct one."""
    draw_cell(ax, "gru")
    assert {b for a, b in wires(ax) if a == "h old"} == {"to z", "to r", "m", "keep"}


def test_wires_part_where_they_stop_having_the_same_points():
    stem = [(0, 0), (4, 0)]
    assert fork(stem, [(0, 0), (2, 0), (2, 3)]) == (2, 0)
    assert fork(stem, [(0, 0), (4, 0), (4, 3)]) is None
    assert fork(stem, [(1, 0), (4, 0)]) is None
    assert fork([(0, 0), (0, 2)], stem) == (0, 0)


# --- Networks in time ------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 3])
def test_the_unrolled_network_is_the_loop_at_every_step(ax, steps):
    draw_loop(ax, steps)
    written, edges = nodes(ax), wires(ax)
    loop = [edge for edge in edges if not re.search(r"\d", "".join(edge))]
    assert ("W", "h") in loop and ("h", "W") in loop
    for t in range(1, steps + 1):
        copy = {(f"h {t - 1}", f"W {t}"), (f"W {t}", f"h {t}")}
        copy |= {(f"x {t}", f"U {t}"), (f"U {t}", f"h {t}")}
        assert copy <= {*edges} and written[f"W {t}"] == "$W$" and written[f"U {t}"] == "$U$"
        rolled = {tuple(re.sub(r" \d", "", name) for name in edge) for edge in copy}
        assert rolled <= {*loop}
    assert [a for a, b in edges if b == "V"] == ["h", f"h {steps}"]  # one answer, at the end


@pytest.mark.parametrize(
    "reads, counts, feeds",
    [
        ([1, 0, 0, 0], [1, 1, 1, 1], True),
        ([1, 1, 1, 1], [0, 0, 0, 1], False),
        ([1, 1, 1, 1], [1, 1, 1, 1], False),
        ([1, 1, 0, 0], [0, 0, 1, 1], False),
    ],
)
def test_a_task_reads_and_answers_where_it_should(ax, reads, counts, feeds):
    draw_task(ax, reads, counts, feeds)
    edges, T = wires(ax), len(reads)
    assert [(f"h {t}", f"h {t + 1}") in edges for t in range(1, T)] == [True] * (T - 1)
    asked = [(f"h {t}", f"o {t}") in edges for t in range(1, T + 1)]
    fed = [(f"x {t}", f"h {t}") in edges for t in range(1, T + 1)]
    back = [(f"o {t - 1}", f"x {t}") in edges for t in range(1, T + 1)]
    assert asked == [bool(c) for c in counts]
    assert back == [feeds and not r and t > 0 for t, r in enumerate(reads)]
    assert fed == [bool(r) or b for r, b in zip(reads, back)]
    assert len(edges) == T - 1 + sum(asked) + sum(fed) + sum(back)


# --- Paths -----------------------------------------------------------------------------------


def test_every_path_of_the_weight_is_drawn_with_a_dot_at_each_state(ax):
    uses, w = np.array([0, 1, 1.5]), 0.5
    weight_paths(ax, uses, w)
    edges = [("w 1", "h 1"), ("w 2", "h 2"), ("w 3", "h 3"), ("h 1", "h 2"), ("h 2", "h 3")]
    edges.append(("h 3", "L"))
    ways = [way for k in (1, 2, 3) for way in paths(edges, f"w {k}", "L")]
    drawn = [p for p in ax.patches if p.get_label().startswith("path")]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(drawn) == len(ways) == 3
    states = [sum(name.startswith("h") for name in way) for way in ways]
    assert [len(line.get_xdata()) for line in dots] == states == [3, 2, 1]
    for patch, line in zip(drawn, dots):
        assert same_color(patch.get_edgecolor(), line.get_color())
        lane, first = line.get_ydata()[0], line.get_xdata()[0]
        corners = patch.get_path().vertices[:3]
        assert np.allclose(corners[1:, 1], lane) and np.allclose(corners[:2, 0], first)
    texts = [text.get_text() for text in ax.texts]
    worth = uses * [w**2, w, 1]
    assert all(f"{n} × {v:g}" in texts for n, v in zip(states, worth))
    total_L, total_h = np.array([w**2, w, 1]), np.array([0, 1, 2])
    assert total_L @ total_h == worth @ states == 2.5 and "2.5" in texts
    assert total_L @ uses == worth.sum() == 2 and "2" in texts


def test_a_chain_shows_what_its_units_hold_and_one_of_its_paths(ax):
    a, c, way = 0.9, 10.0, [2, 2, 1, 1, 1]
    W = np.array([[a, c], [0, a]])
    unit_paths(ax, W, [0, 1], way)
    for k in range(5):
        held = np.linalg.matrix_power(W, k) @ [0, 1]
        for i in (1, 2):
            assert abs(float(nodes(ax)[f"{i} at {k}"]) - held[i - 1]) < 0.06
    assert len(paths(wires(ax), "2 at 0", "1 at 4")) == 4 and not paths(
        wires(ax), "1 at 0", "2 at 4"
    )
    on = [p for p in ax.patches if same_color(p.get_edgecolor(), COLORS["wrong"])]
    steps = [tuple(p.get_label().split(" > ")) for p in on if " > " in p.get_label()]
    names = [f"{unit} at {k}" for k, unit in enumerate(way)]
    assert steps == list(zip(names, names[1:])) and names in paths(wires(ax), "2 at 0", "1 at 4")
    red = [t.get_text() for t in ax.texts if same_color(t.get_color(), COLORS["wrong"])]
    factors = [float(text[2:]) for text in red if text.startswith("×")]
    assert sorted(factors) == [a, a, a, c]
    assert np.isclose(4 * np.prod(factors), np.linalg.matrix_power(W, 4)[0, 1])


# --- Cobwebs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "strength, kinds, end",
    [
        (0.9, ["stable", "unstable", "stable"], 1),
        (1.0, ["stable", "fold"], 1),
        (1.1, ["stable"], -1),
    ],
)
def test_a_cobweb_is_computed_from_the_map(ax, strength, kinds, end):
    h = strength * latch_threshold(2.0)

    def step(x):
        return np.tanh(2 * x - h)

    (last,) = cobweb(ax, step, [0.95], 50, rests(step, -1.2, 1.2), -1.2, 1.2)
    assert np.sign(last) == end
    (walk,) = (line for line in ax.lines if line.get_label() == "walk")
    x, y = walk.get_data()
    assert (x[0], y[0]) == (0.95, 0.95) and len(x) == 101
    np.testing.assert_allclose(y[1::2], step(x[1::2]), rtol=1e-14)  # up or down to the curve
    assert (x[1::2] == x[:-1:2]).all() and (x[2::2] == y[2::2]).all()  # and to the diagonal
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_label() for line in dots] == kinds
    full = {"stable": "full", "unstable": "none", "fold": "top"}
    assert [line.get_fillstyle() for line in dots] == [full[kind] for kind in kinds]
    for line in dots:
        (at,) = line.get_xdata()
        assert abs(step(at) - at) < 1e-5 and line.get_ydata()[0] == at


def test_a_fold_from_below_is_full_below(ax):
    h = latch_threshold(2.0)

    def step(x):
        return np.tanh(2 * x + h)

    cobweb(ax, step, [-0.95], 50, rests(step, -1.2, 1.2), -1.2, 1.2)
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_fillstyle() for line in dots] == ["bottom", "full"]


# --- All -------------------------------------------------------------------------------------

DRAWINGS = {
    **{cell: lambda ax, cell=cell: draw_cell(ax, cell) for cell in CELLS},
    "loop": draw_loop,
    "weight": lambda ax: weight_paths(ax, [0, 1, 1.5], 0.5),
    "units": lambda ax: unit_paths(ax, [[0.9, 10.0], [0, 0.9]], [0, 1], [2, 2, 1, 1, 1]),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_no_text_is_too_small_for_a_phone_or_runs_into_another(name):
    figure, ax = plt.subplots(figsize=(4.2, 4.2), layout="constrained")
    DRAWINGS[name](ax)
    figure.canvas.draw()
    assert all(text.get_fontsize() * ON_PHONE >= 8 for text in ax.texts)
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text()]
    assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
    plt.close(figure)


@pytest.mark.parametrize(
    "draw, error, message",
    [
        (lambda ax: draw_cell(ax, "elman"), ValueError, "cell must be one of rnn, gru, lstm, got"),
        (lambda ax: draw_loop(ax, 0), ValueError, "steps must be an integer of at least 1"),
        (lambda ax: draw_loop(ax, 4), ValueError, "steps must be at most 3, got 4"),
        (lambda ax: draw_task(ax, [1], [1, 1]), ValueError, "must be as long, got 1 and 2"),
        (lambda ax: draw_task(ax, [], []), ValueError, "must be as long, got 0 and 0"),
        (
            lambda ax: draw_task(ax, [1, 0], [0, 1], True),
            ValueError,
            "counts must be true wherever the next step reads the answer",
        ),
        (lambda ax: weight_paths(ax, [1, 2], 1), ValueError, r"uses must be \(3,\), got \(2,\)"),
        (lambda ax: weight_paths(ax, [1, 2, 3], np.nan), ValueError, "w must be a number in"),
        (lambda ax: unit_paths(ax, [[1, 2]], [1], [1, 1]), ValueError, "W must be square"),
        (lambda ax: unit_paths(ax, np.eye(2), [1], [1, 1]), ValueError, r"start must be \(H,\)"),
        (lambda ax: unit_paths(ax, np.eye(2), [1, 1], [1, 2]), ValueError, "path must lead along"),
        (lambda ax: unit_paths(ax, np.eye(2), [1, 1], [1, 3]), ValueError, "path must lead along"),
        (lambda ax: unit_paths(ax, np.eye(2), [1, 1], [0]), ValueError, "path must be an integer"),
        (lambda ax: cobweb(ax, np.tanh, [1], 0, [], 0, 1), ValueError, "steps must be an integer"),
        (lambda ax: cobweb(ax, np.tanh, [1], 1, [], 1, 0), ValueError, "high must be a number in"),
    ],
)
def test_bad_input(ax, draw, error, message):
    with pytest.raises(error, match=message):
        draw(ax)

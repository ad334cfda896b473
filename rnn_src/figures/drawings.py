"""Drawings: a cell by its equations, a network unrolled, and the paths through both."""

import matplotlib.pyplot as plt  # noqa: F401 (the examples draw)
import numpy as np

from rnn_src import checks
from rnn_src.figures import _strokes as strokes
from rnn_src.figures._strokes import end, function, gate, matrix, state
from rnn_src.figures.style import COLORS

__all__ = ["draw_cell", "draw_loop", "draw_task", "unit_paths", "weight_paths"]

SMALL, SQUARE = (0.4, 0.36), (0.34, 0.34)  # halves of a box with one letter

# --- Cells -----------------------------------------------------------------------------------

# Each: width and height, nodes, wires with their corners, the nodes along the band, notes.
RNN = (
    (8.4, 6.4),
    {
        "h old": end(0.5, 2.6, "$h_{t-1}$", (0.5, 0.3)),
        "x": end(3.6, 0.3, "$x_t$"),
        "b": end(3.6, 4.1, "$b$", (0.25, 0.3)),
        "c": end(5.1, 4.9, "$c$", (0.25, 0.3)),
        "W": matrix(2.15, 2.6, "$W$", SMALL),
        "U": matrix(3.6, 1.4, "$U$", SMALL),
        "a": gate(3.6, 2.6, "+"),
        "act": function(5.1, 2.6, "$\\tanh$"),
        "V": matrix(6.5, 3.75, "$V$", SMALL),
        "out": gate(6.5, 4.9, "+"),
        "h": end(7.8, 2.6, "$h_t$"),
        "o": end(6.5, 6.0, "$o_t$"),
    },
    [
        ("h old", "W"),
        ("W", "a"),
        ("x", "U"),
        ("U", "a"),
        ("b", "a"),
        ("a", "act"),
        ("act", "h"),
        ("act", "V", (6.5, 2.6)),
        ("V", "out"),
        ("c", "out"),
        ("out", "o"),
    ],
    (),
    [(4.22, 2.9, "$a_t$")],
)

LSTM = (
    (8.4, 8.2),
    {
        "c old": end(0.55, 7.2, "$c_{t-1}$", (0.5, 0.3)),
        "h old": end(0.55, 1.75, "$h_{t-1}$", (0.5, 0.3)),
        "x": end(1.75, 0.3, "$x_t$"),
        "to f": matrix(1.75, 3.0, "$W_f\\;U_f$\n$b_f$"),
        "to i": matrix(3.25, 3.0, "$W_i\\;U_i$\n$b_i$"),
        "to g": matrix(4.75, 3.0, "$W_g\\;U_g$\n$b_g$"),
        "to o": matrix(6.25, 3.0, "$W_o\\;U_o$\n$b_o$"),
        "f": function(1.75, 4.3, "$\\sigma$"),
        "i": function(3.25, 4.3, "$\\sigma$"),
        "g": function(4.75, 4.3, "$\\tanh$"),
        "o": function(6.25, 4.3, "$\\sigma$"),
        "keep": gate(1.75, 7.2, "×"),
        "write": gate(4.0, 5.7, "×"),
        "add": gate(4.0, 7.2, "+"),
        "act": function(7.1, 6.3, "$\\tanh$"),
        "show": gate(7.1, 5.2, "×"),
        "c": end(8.0, 7.2, "$c_t$"),
        "h": end(8.0, 5.2, "$h_t$"),
    },
    [
        ("c old", "keep"),
        ("keep", "add"),
        ("add", "c"),
        ("add", "act", (7.1, 7.2)),
        ("act", "show"),
        ("show", "h"),
        ("f", "keep"),
        ("i", "write", (3.25, 5.7)),
        ("g", "write", (4.75, 5.7)),
        ("write", "add"),
        ("o", "show", (6.25, 5.2)),
        *[("h old", f"to {k}", (x - 0.25, 1.75)) for k, x in zip("figo", (1.75, 3.25, 4.75, 6.25))],
        *[
            ("x", f"to {k}", (1.75, 1.15), (x + 0.25, 1.15))
            for k, x in zip("figo", (1.75, 3.25, 4.75, 6.25))
        ],
        *[(f"to {k}", k) for k in "figo"],
    ],
    ("c old", "keep", "add", "c"),
    [
        (2.05, 5.0, "$f_t$"),
        (3.55, 5.0, "$i_t$"),
        (5.05, 5.0, "$g_t$"),
        (5.95, 5.0, "$o_t$"),
    ],
)

GRU = (
    (8.4, 8.2),
    {
        "h old": end(0.55, 7.2, "$h_{t-1}$", (0.5, 0.3)),
        "x": end(2.5, 0.3, "$x_t$"),
        "to z": matrix(2.0, 3.0, "$W_z\\;U_z$\n$b_z$"),
        "to r": matrix(3.5, 3.0, "$W_r\\;U_r$\n$b_r$"),
        "m": matrix(5.0, 3.0, "$W_n$\n$b_n$"),
        "to n": matrix(6.5, 3.0, "$U_n$\n$b^x_n$"),
        "z": function(2.0, 4.3, "$\\sigma$"),
        "r": function(3.5, 4.3, "$\\sigma$"),
        "reset": gate(5.0, 4.3, "×"),
        "a n": gate(6.5, 4.3, "+"),
        "n": function(6.5, 5.2, "$\\tanh$"),
        "rest": function(4.25, 6.2, "$1 - z_t$", (0.72, 0.33)),
        "write": gate(6.5, 6.2, "×"),
        "keep": gate(2.0, 7.2, "×"),
        "add": gate(6.5, 7.2, "+"),
        "h": end(8.0, 7.2, "$h_t$"),
    },
    [
        ("h old", "keep"),
        ("keep", "add"),
        ("add", "h"),
        *[
            ("h old", k, (1.16, 7.2), (1.16, 1.75), (x, 1.75))
            for k, x in (("to z", 1.75), ("to r", 3.25), ("m", 5.0))
        ],
        *[
            ("x", k, (2.5, 1.15), (x, 1.15))
            for k, x in (("to z", 2.25), ("to r", 3.75), ("to n", 6.5))
        ],
        ("to z", "z"),
        ("to r", "r"),
        ("r", "reset"),
        ("m", "reset"),
        ("reset", "a n"),
        ("to n", "a n"),
        ("a n", "n"),
        ("n", "write"),
        ("z", "keep"),
        ("z", "rest", (2.0, 6.2)),
        ("rest", "write"),
        ("write", "add"),
    ],
    ("h old", "keep", "add", "h"),
    [
        (2.3, 5.25, "$z_t$"),
        (4.35, 4.6, "$r_t$"),
        (5.4, 3.75, "$m_t$"),
        (6.85, 5.72, "$n_t$"),
    ],
)


def draw_cell(ax, cell):
    """Draw one step of a cell, each operation of its equations once.

    A grey box multiplies what arrives by its matrices and adds its bias. A rounded box is a
    function of each number by itself, a circle multiplies or adds. The band marks the direct
    path, the way of the state round all matrices; the vanilla cell has none.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw; 4.2 inches wide, and 4.1 high (the vanilla cell: 3.1).
    cell : {"rnn", "gru", "lstm"}
        Which cell.

    Raises
    ------
    ValueError
        If there is no drawing of the cell.

    Notes
    -----
    The equations are :eq:`eq-cell-state` and :eq:`eq-cell-output` of :ref:`ch-cell`,
    :eq:`eq-lstm`, drawn in :ref:`ch-lstm`, and :eq:`eq-gru-here` of :ref:`ch-gru`.

    Examples
    --------
    >>> _, ax = plt.subplots(figsize=(4.2, 3.1))
    >>> draw_cell(ax, "rnn")
    >>> "$W$" in [text.get_text() for text in ax.texts]
    True
    """
    size, nodes, wires, direct, notes = checks.choice(
        "cell", cell, {"rnn": RNN, "gru": GRU, "lstm": LSTM}
    )
    strokes.sheet(ax, *size)
    strokes.graph(ax, nodes, wires, direct)
    for x, y, text in notes:
        strokes.write(ax, x, y, text, 11)


# --- Networks in time ------------------------------------------------------------------------


def draw_loop(ax, steps=3):
    """Draw a network that answers at its end: as a loop, and with a copy for each step.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw; 4.2 inches wide, 4.2 high.
    steps : int
        How many steps are unrolled, from 1 to 3.

    Raises
    ------
    ValueError
        If `steps` is not 1, 2 or 3.

    Notes
    -----
    Used in :ref:`ch-memory`.

    Examples
    --------
    >>> _, ax = plt.subplots(figsize=(4.2, 4.2))
    >>> draw_loop(ax)
    >>> [text.get_text() for text in ax.texts].count("$W$")  # the loop's, and three copies
    4
    """
    if checks.positive_integer("steps", steps) > 3:
        raise ValueError(f"steps must be at most 3, got {steps}")
    strokes.sheet(ax, 8.4, 8.4)
    loop = {
        "x": end(2.3, 5.2, "$x_t$"),
        "U": matrix(3.6, 5.2, "$U$", SQUARE),
        "h": state(4.8, 6.2, "$h_t$", 0.42),
        "W": matrix(4.8, 7.6, "$W$", SQUARE),
        "V": matrix(6.35, 6.2, "$V$", SQUARE),
        "answer": end(7.6, 6.2, "answer", (0.66, 0.3)),
    }
    strokes.graph(
        ax,
        loop,
        [
            ("x", "U"),
            ("U", "h", (4.8, 5.2)),
            ("h", "W", (5.6, 6.2), (5.6, 7.6)),
            ("W", "h", (3.8, 7.6), (3.8, 6.2)),
            ("h", "V"),
            ("V", "answer"),
        ],
    )
    strokes.write(ax, 3.6, 7.0, "one step\nlater", ha="right")
    nodes = {"h 0": state(0.5, 2.2, "$h_0$", 0.42)}
    wires = []
    for t in range(1, steps + 1):
        x = 0.5 + 2.38 * t
        nodes |= {
            f"x {t}": end(x, 0.3, f"$x_{t}$"),
            f"U {t}": matrix(x, 1.2, "$U$", SQUARE),
            f"W {t}": matrix(x - 1.19, 2.2, "$W$", SQUARE),
            f"h {t}": state(x, 2.2, f"$h_{t}$", 0.42),
        }
        wires += [
            (f"h {t - 1}", f"W {t}"),
            (f"W {t}", f"h {t}"),
            (f"x {t}", f"U {t}"),
            (f"U {t}", f"h {t}"),
        ]
    nodes |= {"V": matrix(x, 3.3, "$V$", SQUARE), "answer": end(x, 4.2, "answer", (0.66, 0.3))}
    strokes.graph(ax, nodes, [*wires, (f"h {steps}", "V"), ("V", "answer")])


def draw_task(ax, reads, counts, feeds_back=False):
    """Draw the shape of a task: at which steps it reads, and which answers count.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw; as wide as 0.36 inches a step, and 1.4 high.
    reads, counts : (T,) sequences of bool
        Whether a step has an input from outside, and whether its answer counts.
    feeds_back : bool
        Whether each step without an input reads the answer before it.

    Raises
    ------
    ValueError
        If `reads` and `counts` are not of one length, or a step would read an answer that is
        not drawn.

    Notes
    -----
    Used in :ref:`ch-sequences`.

    Examples
    --------
    >>> _, ax = plt.subplots(figsize=(1.5, 1.4))
    >>> draw_task(ax, [True, True, True], [False, False, True])  # many-to-one
    >>> len(ax.patches)  # 3 inputs, 3 states, an answer; 3, 2 and 1 arrows
    13
    """
    reads, counts = [bool(r) for r in reads], [bool(c) for c in counts]
    if len(reads) != len(counts) or not reads:
        raise ValueError(f"reads and counts must be as long, got {len(reads)} and {len(counts)}")
    own = [feeds_back and not read and t > 0 for t, read in enumerate(reads)]
    if any(now and not counts[t - 1] for t, now in enumerate(own)):
        raise ValueError("counts must be true wherever the next step reads the answer")
    strokes.sheet(ax, 0.8 * len(reads) + 0.2, 2.9)
    red = COLORS["wrong"]
    for t, (read, count) in enumerate(zip(reads, counts)):
        x = 0.5 + 0.8 * t
        column = {"in": (x, 0.35, 0.2), "state": (x, 1.45, 0.22), "out": (x, 2.55, 0.2)}
        bottom, middle, top = (state(a, b, "", r) for a, b, r in column.values())
        strokes.place(ax, f"h {t + 1}", middle._replace(kind="matrix"), lw=1.6)
        if own[t]:
            points = strokes.route(
                {"o": top._replace(x=x - 0.8), "x": bottom},
                "o",
                "x",
                (x - 0.48, 2.55),
                (x - 0.48, 0.35),
            )
            strokes.wire(ax, points, f"o {t} > x {t + 1}", color=red, style=(0, (2.2, 1.4)))
        if t:
            strokes.wire(ax, [(x - 0.58, 1.45), (x - 0.22, 1.45)], f"h {t} > h {t + 1}")
        if read or own[t]:
            strokes.place(ax, f"x {t + 1}", bottom)
            strokes.wire(ax, [(x, 0.55), (x, 1.23)], f"x {t + 1} > h {t + 1}")
        if count:
            strokes.place(ax, f"o {t + 1}", top, color=red, lw=2.4)
            strokes.wire(ax, [(x, 1.67), (x, 2.35)], f"h {t + 1} > o {t + 1}")


# --- Paths -----------------------------------------------------------------------------------


def weight_paths(ax, uses, w):
    """Draw each path from the copies of one weight to the loss, a dot at every state it passes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw; 4.2 inches wide, 2.9 high.
    uses : (3,) array
        What each copy multiplies: the states before steps 1 to 3.
    w : float
        The weight, by which every state multiplies on its way into the next.

    Raises
    ------
    ValueError
        If `uses` does not hold three numbers.

    Notes
    -----
    A path is worth the product of its arrows. The sum over the paths is the derivative of the
    last state by the weight. Total with total counts a path at each of its dots (:ref:`ch-bptt`).

    Examples
    --------
    >>> _, ax = plt.subplots(figsize=(4.2, 2.9))
    >>> weight_paths(ax, [0, 1, 1.5], 0.5)
    >>> "2 × 0.5" in [text.get_text() for text in ax.texts]
    True
    """
    uses = checks.array("uses", np.asarray(uses, dtype=float), (3,))
    w = checks.number("w", w)
    strokes.sheet(ax, 8.4, 5.8)
    columns, lanes, loss = (0.75, 2.35, 3.95), (4.35, 3.65, 2.95), 5.25
    shades = (COLORS["chance"], COLORS["wrong"], COLORS["rnn"])
    for k, (x, color) in enumerate(zip(columns, shades)):
        box = function(x, 3.65, "", (0.42, 1.15))
        strokes.place(ax, f"h {k + 1}", box)
        strokes.write(ax, x, 5.15, f"$h_{k + 1}$", 12)
        strokes.write(ax, x, 0.35, f"$w^{{({k + 1})}}$", 12, color)
        strokes.write(ax, x + 0.1, 1.4, f"× $h_{k}$ = {uses[k]:g}", color=color, ha="left")
        factor = w if k < 2 else 1
        strokes.write(ax, (x + (*columns, loss)[k + 1]) / 2, 5.15, f"× {factor:g}")
    strokes.place(ax, "L", function(loss, 3.65, "", (0.3, 1.15)))
    strokes.write(ax, loss, 5.15, "$L$", 12)
    strokes.write(ax, 6.45, 5.35, "each\npath")
    strokes.write(ax, 7.7, 5.35, "total ×\ntotal")
    worth = uses * w ** np.arange(2, -1, -1)
    for k, (y, color) in enumerate(zip(lanes, shades)):
        strokes.wire(
            ax, [(columns[k], 0.75), (columns[k], y), (loss, y)], f"path {k + 1}", color, 2.2
        )
        ax.patches[-1].set_zorder(5)
        stations = np.array(columns[k:])
        ax.plot(stations, np.full(len(stations), y), "o", color=color, ms=6.5, zorder=6)
        strokes.write(ax, 6.45, y, f"{worth[k]:g}", color=color)
        strokes.write(ax, 7.7, y, f"{3 - k} × {worth[k]:g}", color=color)
    ax.plot([5.95, 8.35], [2.5, 2.5], color=strokes.INK, lw=0.8)
    strokes.write(ax, 6.45, 2.1, f"{worth.sum():g}")
    strokes.write(ax, 7.7, 2.1, f"{worth @ [3, 2, 1]:g}")


def unit_paths(ax, W, start, path):
    """Draw what the units of a linear network hold, step by step, and one path through them.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw; 4.2 inches wide, 2.25 high for two units and four steps.
    W : (H, H) array
        The recurrent matrix. An entry of 0 is no arrow.
    start : (H,) array
        The state at step 0.
    path : list of int
        The unit that the marked path visits at each step, counted from 1. Its length is the
        number of columns.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the path uses an entry that is 0.

    Notes
    -----
    Used in :ref:`ch-jacobians`.

    Examples
    --------
    >>> _, ax = plt.subplots(figsize=(4.2, 2.25))
    >>> unit_paths(ax, [[0.9, 10.0], [0.0, 0.9]], [0, 1], [2, 1, 1])
    >>> [text.get_text() for text in ax.texts].count("× 10")
    2
    """
    W = checks.array("W", np.asarray(W, dtype=float), ("H", "H"))
    H = len(W)
    if W.shape != (H, H):
        raise ValueError(f"W must be square, got {W.shape}")
    held = [checks.array("start", np.asarray(start, dtype=float), (("H", H),))]
    path = [checks.positive_integer("path", unit) - 1 for unit in path]
    if max(path) >= H or any(W[b, a] == 0 for a, b in zip(path, path[1:])):
        raise ValueError(f"path must lead along entries of W that are not 0, got {path}")
    held += [np.linalg.matrix_power(W, k) @ held[0] for k in range(1, len(path))]
    strokes.sheet(ax, 8.4, 2.2 * H + 0.1)
    x = np.linspace(1.5, 7.9, len(path))
    y = 2.2 * (H - 1 - np.arange(H)) + 1.25
    nodes = {}
    for k, values in enumerate(held):
        for i, value in enumerate(values):
            text = f"{value:.{2 if abs(value) < 1 else 3}g}"
            nodes[k, i] = state(x[k], y[i], text, 0.44)
            on = path[k] == i
            color = COLORS["wrong"] if on else strokes.INK
            strokes.place(ax, f"{i + 1} at {k}", nodes[k, i], 10, color, 2 if on else 1.1)
        strokes.write(ax, x[k], 0.3, f"step {k}")
    for i in range(H):
        strokes.write(ax, 0.5, y[i], f"unit {i + 1}")
    for k in range(len(path) - 1):
        for i, j in np.argwhere(W):
            points = strokes.route(nodes, (k, j), (k + 1, i))
            on = path[k] == j and path[k + 1] == i
            color = COLORS["wrong"] if on else strokes.INK
            name = f"{j + 1} at {k} > {i + 1} at {k + 1}"
            strokes.wire(ax, points, name, color, 2.2 if on else 1.2)
            middle = np.mean(points, axis=0)
            shift = (0, 0.42) if i == j else (-0.1, 0.08)
            where = "center" if i == j else "right"
            at = middle + shift
            strokes.write(ax, *at, f"× {W[i, j]:g}", color=color, ha=where)

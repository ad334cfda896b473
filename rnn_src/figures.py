"""What a page shows: arrays drawn onto axes, and the numbers quoted in its text.

Only chapters import this module, it imports nothing of the package, and nothing here computes a
result. One look for the whole book: measurement is solid, prediction is dashed, a prediction whose
height was fitted to the measurement is dash-dotted, and a level to compare with is dotted. A model
keeps its colour in every chapter (`COLORS`), and curves are labelled where they end.
"""

import functools
import html
import inspect
import io
import json
import numbers
import re
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colormaps
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

__all__ = [
    "COLORS",
    "STYLE",
    "end_label",
    "explorable",
    "heat",
    "level",
    "measured",
    "predicted",
    "quote",
    "seeds",
    "spectrum",
    "text_strip",
    "unrolled",
]

#: What each colour means, in every chapter. The hues are those of Okabe and Ito (2008), safe for
#: colour-blind readers.
#:
#: :meta hide-value:
COLORS = {
    "rnn": "#0072B2",
    "relu": "#56B4E9",
    "gru": "#009E73",
    "lstm": "#D55E00",
    "window": "#CC79A7",
    "bag": "#E69F00",
    "wrong": "#D55E00",
    "theory": "#000000",
    "chance": "#767676",
}

#: Matplotlib settings of every figure.
#:
#: :meta hide-value:
STYLE = {
    "figure.figsize": (6.4, 3.6),
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "font.size": 10.5,
    "lines.linewidth": 1.8,
    "image.cmap": "RdBu_r",
}


def _line(x, y):
    """Two one-dimensional arrays of one length."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.ndim != 1 or x.shape != y.shape or x.size == 0:
        raise ValueError(
            f"x and y must be one-dimensional and equally long, got {x.shape} and {y.shape}"
        )
    return x, y


def _matrix(name, values, dimensions=2):
    """A finite array of that many dimensions."""
    values = np.asarray(values, dtype=float)
    if values.ndim != dimensions or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, of {dimensions} dimensions, got {values.shape}")
    return values


def _limit(limit):
    if not limit > 0:
        raise ValueError(f"limit must be above 0, got {limit!r}")
    return limit


def quote(claim, /, **values):
    """Check what the text says of computed numbers and hand it just these numbers.

    ``{glue:text}`` puts them where the text names them. What is checked is what is printed, so that
    the two cannot drift apart.

    Parameters
    ----------
    claim : function
        What the text says of the numbers: it takes them by their names, all of them, and returns
        whether it holds. It must not hold if one of them is NaN, so that none is left out.
    **values
        Finite numbers by the name that the text calls them.

    Raises
    ------
    AssertionError
        If the claim is false.
    TypeError
        If `claim` is not a function, or a value is not a number.
    ValueError
        If a number is NaN or infinite, if `claim` does not take just these names, or if it holds
        whatever one of the numbers is.

    Notes
    -----
    Used in :ref:`ch-memory`.

    Examples
    --------
    >>> quote(lambda loss: loss < 0.1, loss=0.3)
    Traceback (most recent call last):
    ...
    AssertionError: the claim is false for loss = 0.3
    >>> quote(lambda loss: True, loss=0.3)
    Traceback (most recent call last):
    ...
    ValueError: claim must depend on loss, but holds for NaN too
    """
    from myst_nb import glue

    if not callable(claim):
        raise TypeError(f"claim must be a function of the values, got {type(claim).__name__}")
    takes = list(inspect.signature(claim).parameters)
    if not values or sorted(takes) != sorted(values):
        raise ValueError(
            f"claim must take the values, {', '.join(values) or 'none'}, by their names, "
            f"but it takes {', '.join(takes) or 'none'}"
        )
    for name, value in values.items():
        if not isinstance(value, (numbers.Real, np.bool_)):
            raise TypeError(f"{name} must be a number, got {type(value).__name__}")
        if not np.isfinite(value):
            raise ValueError(f"{name} must be finite, got {value}")
    if not claim(**values):
        told = ", ".join(f"{name} = {value:.6g}" for name, value in values.items())
        raise AssertionError(f"the claim is false for {told}")
    for name in values:
        if claim(**values | {name: np.nan}):
            raise ValueError(f"claim must depend on {name}, but holds for NaN too")
    for name, value in values.items():
        kind = int if isinstance(value, numbers.Integral) else float
        glue(name, kind(value), display=False)


class _Explorable:
    """What a page shows where it names it: HTML with a slider, or a still where there is none."""

    def __init__(self, page, still):
        self.page, self.still = page, still

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self.page, "image/png": self.still}


def explorable(name, figure, label, values, frame, start=0):
    """Hand a figure with a slider to the page, where ``{glue:figure}`` puts it.

    Every frame is drawn now. The page holds the first one as SVG and, of the others, only the parts
    that differ, so it needs no network and no plotting library.

    Parameters
    ----------
    name : str
        What the page calls it.
    figure : matplotlib.figure.Figure
        The figure whose artists `frame` moves.
    label : str
        What the slider changes.
    values : sequence
        One for each place of the slider.
    frame : function
        Takes a value, changes the figure's artists, and returns a sentence that says what is to be
        seen. The sentence stands below the figure, and a screen reader reads it.
    start : int
        The place at which the slider stands first; what a reader without scripts sees.

    Raises
    ------
    ValueError
        If there are fewer than two values, `start` is not one of their places, or a sentence is
        empty.

    Notes
    -----
    Used in :ref:`ch-jacobians`.

    Examples
    --------
    >>> figure, ax = plt.subplots()
    >>> (line,) = ax.plot([0, 1], [0, 1])
    >>> explorable("slope", figure, "slope", [1, 2], lambda value: "")
    Traceback (most recent call last):
    ...
    ValueError: frame must return a sentence, got ''
    """
    from myst_nb import glue

    if len(values) < 2 or not 0 <= start < len(values):
        raise ValueError(f"start must be a place among 2 or more values, got {start} of {values}")
    frame(values[start])
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the axes must not move with their contents
    says, trees = [], []
    for value in values:
        says.append(frame(value))
        if not isinstance(says[-1], str) or not says[-1]:
            raise ValueError(f"frame must return a sentence, got {says[-1]!r}")
        trees.append(_svg(figure, name))
    frame(values[start])
    still = io.BytesIO()
    figure.savefig(still, format="png", dpi=200)
    plt.close(figure)

    moving = _moving(trees)
    parts = []
    for say, tree in zip(says, trees, strict=True):
        moved = {g.get("id"): _inner(g) for g in tree.iter() if g.get("id") in moving}
        parts.append({"says": say, "parts": moved})
    trees[start].set("aria-label", says[start])
    data = json.dumps(parts, separators=(",", ":")).replace("</", "<\\/")
    page = (
        f'<div class="explorable">{ET.tostring(trees[start], encoding="unicode")}'
        f'<p class="explorable-control" hidden><label for="{name}-slider">{html.escape(label)}'
        f'</label> <input id="{name}-slider" type="range" min="0" max="{len(values) - 1}" '
        f'value="{start}" autocomplete="off"></p>'
        f'<p class="explorable-says">{html.escape(says[start])}</p>'
        f'<script type="application/json">{data}</script></div>'
    )
    glue(name, _Explorable(page, still.getvalue()), display=False)


def _svg(figure, name):
    """The figure as a tree whose ids carry the name, so that no two on a page are the same."""
    for prefix, uri in (
        ("", "http://www.w3.org/2000/svg"),
        ("xlink", "http://www.w3.org/1999/xlink"),
    ):
        ET.register_namespace(prefix, uri)
    drawn = io.StringIO()
    with plt.rc_context({"svg.hashsalt": name}):  # without it each drawing has ids of its own
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", drawn.getvalue())
    short = functools.partial(re.sub, r"(\.\d\d)\d+", r"\1")  # a hundredth of a point is enough
    text = re.sub(r'\bd="[^"]*"', lambda path: short(path[0]), text)
    tree = ET.fromstring(text)
    tree.remove(next(child for child in tree if child.tag.endswith("metadata")))
    width = tree.attrib.pop("width")
    tree.attrib.pop("height")
    tree.attrib |= {"role": "img", "style": f"max-width: {width}"}
    return tree


def _moving(trees):
    """The ids of the smallest elements that hold all that differs between the trees."""
    found = set()

    def inside(nodes):
        """Is all that differs inside children with ids?"""
        columns = [*zip(*nodes, strict=False)]
        if len({(len(n), tuple(n.attrib.items()), n.text) for n in nodes}) > 1:
            return False
        for column in columns:
            if len({ET.tostring(child) for child in column}) == 1:
                continue
            here = len({child.get("id") for child in column}) == 1 and column[0].get("id")
            if not here or len({tuple(child.attrib.items()) for child in column}) > 1:
                return False
            before = set(found)
            if not inside(column):
                found.clear()
                found.update(before | {here})
        return True

    if not inside(trees):
        raise ValueError("frame must not change the size of the figure")
    return found


def _inner(node):
    """What stands between the tags of an element."""
    text = "".join(ET.tostring(child, encoding="unicode") for child in node)
    return re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)


def end_label(ax, x, y, label, color, dx=6, dy=0):
    """Write a curve's name beside its last point.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x, y : float
        The point, in data units.
    label : str
        What to write.
    color : str
        A colour.
    dx, dy : float
        Offset in points.

    Raises
    ------
    TypeError
        If `label` is not a string.

    Notes
    -----
    Used in :ref:`ch-memory`.

    Examples
    --------
    >>> _, ax = plt.subplots()
    >>> end_label(ax, 1.0, 2.0, "here", COLORS["rnn"])
    >>> ax.texts[0].get_text()
    'here'
    """
    if not isinstance(label, str):
        raise TypeError(f"label must be a string, got {label!r}")
    ax.annotate(
        label,
        (x, y),
        (dx, dy),
        textcoords="offset points",
        color=color,
        va="center",
        annotation_clip=False,
    )


def predicted(ax, x, y, label="", color=COLORS["theory"], scaled=False, **place):
    """Draw what theory says: a dashed line, or a dash-dotted one if only its shape is predicted.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x, y : (N,) array
        The curve.
    label : str
        Written at its end.
    color : str
        A colour; black if not given.
    scaled : bool
        Whether the height was taken from the measurement, so that only the shape is predicted.
    **place
        `dx`, `dy` of `end_label`.

    Raises
    ------
    ValueError
        If `x` and `y` are not one-dimensional and equally long.

    Notes
    -----
    Used in :ref:`ch-memory`.

    Examples
    --------
    >>> _, ax = plt.subplots()
    >>> predicted(ax, [1, 2], [3, 4], "theory")
    >>> ax.lines[0].get_linestyle()
    '--'
    """
    x, y = _line(x, y)
    ax.plot(x, y, "-." if scaled else "--", color=color, zorder=4, lw=1.5)
    if label:
        end_label(ax, x[-1], y[-1], label, color, **place)


def measured(ax, x, y, label="", color=COLORS["rnn"], marker="", **place):
    """Draw what was measured: a solid line.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x, y : (N,) array
        The curve.
    label : str
        Written at its end.
    color : str
        A colour of `COLORS`.
    marker : str
        A Matplotlib marker; none if not given.
    **place
        `dx`, `dy` of `end_label`.

    Raises
    ------
    ValueError
        If `x` and `y` are not one-dimensional and equally long.

    Notes
    -----
    Used in :ref:`ch-memory`.

    Examples
    --------
    >>> _, ax = plt.subplots()
    >>> measured(ax, [1, 2], [3, 4], "measurement")
    >>> ax.lines[0].get_linestyle()
    '-'
    """
    x, y = _line(x, y)
    ax.plot(x, y, "-", color=color, marker=marker, ms=4)
    if label:
        end_label(ax, x[-1], y[-1], label, color, **place)


def seeds(ax, x, runs, label="", color=COLORS["rnn"], **place):
    """Draw repeated runs: a dot for each seed and a line through the medians.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x : (N,) array
        Where the runs were made.
    runs : (N, seeds) array
        One result for each place and seed.
    label : str
        Written at the line's end.
    color : str
        A colour of `COLORS`.
    **place
        `dx`, `dy` of `end_label`.

    Raises
    ------
    ValueError
        If `runs` has not one row for each place.

    Notes
    -----
    Used in :ref:`ch-memory`.

    Examples
    --------
    >>> _, ax = plt.subplots()
    >>> seeds(ax, [1, 2], [[0.1, 0.3, 0.2], [0.5, 0.4, 0.9]])
    >>> ax.lines[-1].get_ydata().tolist()
    [0.2, 0.5]
    """
    x, runs = np.asarray(x, dtype=float), np.asarray(runs, dtype=float)
    if runs.ndim != 2 or len(runs) != len(x):
        raise ValueError(f"runs must be ({len(x)}, seeds), one row a place, got {runs.shape}")
    ax.plot(x, runs, "o", color=color, ms=4, alpha=0.45, mew=0)
    measured(ax, x, np.median(runs, axis=1), label, color, **place)


def level(ax, y, label, color=COLORS["chance"], at=0.01, predicted=False):
    """Draw a horizontal line to compare with, its name above it: dotted, or dashed if predicted.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    y : float
        Its height.
    label : str
        Written above the line.
    color : str
        A colour.
    at : float
        Where the name starts, as a share of the axes' width.
    predicted : bool
        Whether theory says that a measured curve lies at this height.

    Raises
    ------
    ValueError
        If `y` is not a number.

    Notes
    -----
    Used in :ref:`ch-memory`.

    Examples
    --------
    >>> _, ax = plt.subplots()
    >>> level(ax, 0.25, "chance")
    >>> ax.texts[0].get_text()
    'chance'
    """
    _matrix("y", y, 0)
    ax.axhline(y, ls="--" if predicted else ":", lw=1.5, color=color, zorder=1)
    ax.annotate(
        label, (at, y), (0, 3), xycoords=("axes fraction", "data"), textcoords="offset points",
        color=color, fontsize=9.5,
    )  # fmt: skip


def heat(ax, values, xlabels=None, ylabels=None, limit=1.0, bar=""):
    """Draw a matrix as colours, red above 0 and blue below.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    values : (rows, columns) array
        What to show.
    xlabels, ylabels : list of str, optional
        One for each column or row.
    limit : float
        The value of the darkest colours, above 0.
    bar : str
        Label of the colour bar.

    Raises
    ------
    ValueError
        If `values` is not a matrix or `limit` is not above 0.

    Notes
    -----
    Used in :ref:`ch-memory`.

    Examples
    --------
    >>> _, ax = plt.subplots()
    >>> heat(ax, np.eye(2), xlabels=["a", "b"])
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['a', 'b']
    """
    values, limit = _matrix("values", values), _limit(limit)
    image = ax.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    ax.grid(False)
    if xlabels is not None:
        ax.set_xticks(range(values.shape[1]), xlabels)
    if ylabels is not None:
        ax.set_yticks(range(values.shape[0]), ylabels)
    ax.figure.colorbar(image, ax=ax, label=bar, pad=0.02)


def spectrum(ax, W, label="", color=COLORS["rnn"]):
    """Draw the eigenvalues of a matrix in the complex plane, with the unit circle dotted.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    W : (H, H) array
        A real matrix.
    label : str
        Title of the axes.
    color : str
        A colour of `COLORS`.

    Raises
    ------
    ValueError
        If `W` is not a square matrix.

    Notes
    -----
    Used in :ref:`ch-cell`.

    Examples
    --------
    >>> _, ax = plt.subplots()
    >>> spectrum(ax, np.eye(3), "identity")
    >>> ax.get_title()
    'identity'
    """
    W = _matrix("W", W)
    if W.shape[0] != W.shape[1]:
        raise ValueError(f"W must be square, got {W.shape}")
    around = np.exp(2j * np.pi * np.linspace(0, 1, 200))
    values = np.linalg.eigvals(W)
    ax.plot(around.real, around.imag, ":", color=COLORS["theory"], lw=1)
    ax.plot(values.real, values.imag, "o", color=color, ms=3, alpha=0.7, mew=0)
    ax.set(title=label, aspect="equal", xlim=(-1.25, 1.25), ylim=(-1.25, 1.25))
    ax.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])


def text_strip(ax, text, values, columns=48, limit=8.0, bar=""):
    """Draw text on a grid, each character on a square coloured by its value.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    text : str
        The characters.
    values : (len(text),) array
        One value a character, from 0 (white) to `limit` (dark).
    columns : int
        Characters a row.
    limit : float
        The value of the darkest colour, above 0.
    bar : str
        Label of the colour bar.

    Raises
    ------
    ValueError
        If there is not one value for each character, or `columns` or `limit` is not above 0.

    Notes
    -----
    Used in :ref:`ch-sequences`.

    Examples
    --------
    >>> _, ax = plt.subplots()
    >>> text_strip(ax, "ab", [0.5, 4.0])
    >>> [t.get_text() for t in ax.texts]
    ['a', 'b']
    """
    values = np.asarray(values, dtype=float)
    if not text or values.shape != (len(text),):
        raise ValueError(f"values must be ({len(text)},), one a character, got {values.shape}")
    limit = _limit(limit)
    if not isinstance(columns, int) or columns < 1:
        raise ValueError(f"columns must be an integer of at least 1, got {columns!r}")
    rows = -(-len(text) // columns)
    grid = np.full(rows * columns, np.nan)
    grid[: len(text)] = values
    image = ax.imshow(
        grid.reshape(rows, columns), cmap="Oranges", vmin=0, vmax=limit, aspect="auto"
    )
    for k, symbol in enumerate(text):
        shade = "white" if values[k] > 0.7 * limit else "black"
        ax.text(
            k % columns,
            k // columns,
            symbol,
            ha="center",
            va="center",
            color=shade,
            family="monospace",
        )
    ax.axis("off")
    ax.figure.colorbar(image, ax=ax, label=bar, pad=0.02)


def unrolled(ax, x, states, outputs=None, limit=1.0, digits=2):
    """Draw a network unrolled in time, each unit coloured by the value it really had.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x : (T, D) array
        Inputs of one sequence.
    states : (T+1, H) array
        Its states, the first before any input.
    outputs : (T, O) array, optional
        Its outputs.
    limit : float
        The value of the darkest colours, above 0.
    digits : int
        Decimals of the printed numbers.

    Raises
    ------
    ValueError
        If there is not one more state than inputs.

    Notes
    -----
    Used in :ref:`ch-cell`.

    Examples
    --------
    >>> _, ax = plt.subplots()
    >>> unrolled(ax, np.ones((2, 1)), np.zeros((3, 2)))
    >>> len(ax.texts) > 5
    True
    """
    x, states, limit = _matrix("x", x), _matrix("states", states), _limit(limit)
    if len(states) != len(x) + 1:
        raise ValueError(f"states must have T + 1 = {len(x) + 1} rows, got {len(states)}")

    def arrow(start, end, label, dx, dy):
        ax.add_patch(
            FancyArrowPatch(
                start, end, arrowstyle="-|>", mutation_scale=11, color="#555555", lw=1.2
            )
        )
        middle = np.mean([start, end], axis=0)
        ax.text(middle[0] + dx, middle[1] + dy, label, ha="center", va="center", fontsize=10)

    def column(t, bottom, values, name):
        """A stack of unit squares with their numbers; returns its lower and upper ends."""
        for k, value in enumerate(values):
            shade = colormaps["RdBu_r"](0.5 + 0.5 * np.clip(value / limit, -1, 1))
            low = bottom + 0.42 * k
            ax.add_patch(
                FancyBboxPatch(
                    (t - 0.27, low), 0.54, 0.36, "round,pad=0.02", fc=shade, ec="#555555"
                )
            )
            dark = abs(value) > 0.7 * limit
            number = f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0 turns -0 into 0
            color = "white" if dark else "black"
            ax.text(t, low + 0.18, number, ha="center", va="center", fontsize=8.5, color=color)
        top = bottom + 0.42 * len(values)
        ax.text(t - 0.34, (bottom + top) / 2, name, ha="right", va="center", fontsize=10.5)
        return bottom - 0.05, top

    T, gap = len(x), 0.75
    above = 0.42 * x.shape[1] + gap
    higher = above + 0.42 * states.shape[1] + gap
    middle = above + 0.21 * states.shape[1]
    for t in range(T + 1):
        low, high = column(1.6 * t, above, states[t], f"$h_{{{t}}}$")
        if t:
            _, top = column(1.6 * t, 0, x[t - 1], f"$x_{{{t}}}$")
            arrow((1.6 * t, top), (1.6 * t, low), "$U$", 0.13, 0)
            arrow((1.6 * t - 1.29, middle), (1.6 * t - 0.68, middle), "$W$", 0, 0.2)
            if outputs is not None:
                bottom, _ = column(1.6 * t, higher, np.asarray(outputs)[t - 1], f"$o_{{{t}}}$")
                arrow((1.6 * t, high), (1.6 * t, bottom), "$V$", 0.13, 0)
    ax.set(xlim=(-0.8, 1.6 * T + 0.5), ylim=(-0.2, higher + 1.0 if outputs is not None else higher))
    ax.axis("off")

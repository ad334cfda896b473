"""A sequence along its steps: text with its values, a network unrolled in time."""

import matplotlib.pyplot as plt  # noqa: F401 (the examples draw)
import numpy as np
from matplotlib import colormaps
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from rnn_src import checks

__all__ = ["text_strip", "unrolled"]


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
    Used in :ref:`ch-letters`.

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
    limit = checks.number("limit", limit, 0, low_open=True)
    columns = checks.positive_integer("columns", columns)
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
    x = checks.array("x", np.asarray(x, dtype=float), ("T", "D"))
    states = checks.array("states", np.asarray(states, dtype=float), ("T+1", "H"))
    limit = checks.number("limit", limit, 0, low_open=True)
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

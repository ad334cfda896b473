"""The walk of one unit: its map, the diagonal, its rests, and the staircase between them."""

import matplotlib.pyplot as plt  # noqa: F401 (the examples draw)
import numpy as np

from rnn_src import checks
from rnn_src.figures.style import COLORS

__all__ = ["cobweb"]


def cobweb(ax, step, starts, steps, rests, low, high, color=COLORS["rnn"], walk=COLORS["wrong"]):
    """Draw how one unit walks: from the diagonal to the curve, sideways to the diagonal, again.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    step : callable
        From the states of one step, an array, to those of the next.
    starts : list of float
        Where to start, marked by squares.
    steps : int
        How many steps the unit walks.
    rests : list of (float, str)
        From `rnn_src.theory.rests`.
    low, high : float
        Ends of both axes.
    color, walk : str
        Of the curve with its rests, and of the staircase.

    Returns
    -------
    list of float
        Where the walks end.

    Raises
    ------
    ValueError
        If `steps` is not a positive integer or `low` is not below `high`.

    Notes
    -----
    A stable rest is a full dot, an unstable one is open, and where two have just met, the dot is
    full on the side from which states still arrive. Used in :ref:`ch-half-lives` and
    :ref:`ch-walls`.

    Examples
    --------
    >>> _, ax = plt.subplots()
    >>> ends = cobweb(ax, lambda x: np.tanh(2 * x), [0.1, -0.1], 40, [], -1.2, 1.2)
    >>> [round(x, 3) for x in ends]
    [0.958, -0.958]
    """
    steps = checks.positive_integer("steps", steps)
    low = checks.number("low", low)
    high = checks.number("high", high, low, low_open=True)
    grid, ends = np.linspace(low, high, 400), []
    ax.plot([low, high], [low, high], color=COLORS["chance"], lw=1)
    ax.plot(grid, step(grid), color=color, lw=1.5)
    for x in starts:
        ax.plot(x, x, "s", color=COLORS["theory"], ms=4.5, zorder=6, label="start")
        corners = [(x, x)]
        for _ in range(steps):
            new = float(step(x))
            corners += [(x, new), (new, new)]
            x = new
        ax.plot(*np.transpose(corners), color=walk, lw=1, label="walk")
        ends.append(x)
    for at, kind in rests:
        full = {"stable": "full", "unstable": "none", "fold": "top"}[kind]
        if full == "top" and step(at - 0.01) > at - 0.01:
            full = "bottom"  # the curve lies above the diagonal: states arrive from below
        ax.plot(
            at, at, "o", color=color, fillstyle=full, markerfacecoloralt="white",
            mfc="white" if full == "none" else color, ms=6.5, zorder=5, label=kind,
        )  # fmt: skip
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    ax.set(xlabel="$x_{t-1}$", ylabel="$x_t$")
    return ends

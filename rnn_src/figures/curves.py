"""Curves that are labelled where they end: measured, predicted, repeated, and levels."""

import matplotlib.pyplot as plt  # noqa: F401 (the examples draw)
import numpy as np

from rnn_src import checks
from rnn_src.figures.style import COLORS

__all__ = ["end_label", "level", "measured", "predicted", "seeds"]


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
    Used in :ref:`ch-reach`.

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
    checks.number("y", y, low_open=True, high_open=True)
    ax.axhline(y, ls="--" if predicted else ":", lw=1.5, color=color, zorder=1)
    ax.annotate(
        label, (at, y), (0, 3), xycoords=("axes fraction", "data"), textcoords="offset points",
        color=color, fontsize=9.5,
    )  # fmt: skip


def _line(x, y):
    """Two one-dimensional arrays of one length."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.ndim != 1 or x.shape != y.shape or x.size == 0:
        raise ValueError(
            f"x and y must be one-dimensional and equally long, got {x.shape} and {y.shape}"
        )
    return x, y

"""A matrix by its entries and by its eigenvalues."""

import matplotlib.pyplot as plt  # noqa: F401 (the examples draw)
import numpy as np

from rnn_src import checks
from rnn_src.figures.style import COLORS

__all__ = ["heat", "spectrum"]


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
    values = checks.array("values", np.asarray(values, dtype=float), ("rows", "columns"))
    limit = checks.number("limit", limit, 0, low_open=True)
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
    W = checks.array("W", np.asarray(W, dtype=float), ("H", "H"))
    if W.shape[0] != W.shape[1]:
        raise ValueError(f"W must be square, got {W.shape}")
    around = np.exp(2j * np.pi * np.linspace(0, 1, 200))
    values = np.linalg.eigvals(W)
    ax.plot(around.real, around.imag, ":", color=COLORS["theory"], lw=1)
    ax.plot(values.real, values.imag, "o", color=color, ms=3, alpha=0.7, mew=0)
    ax.set(title=label, aspect="equal", xlim=(-1.25, 1.25), ylim=(-1.25, 1.25))
    ax.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])

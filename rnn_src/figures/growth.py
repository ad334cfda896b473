"""What a checkup measured, as one picture."""

import matplotlib.pyplot as plt
import numpy as np

from rnn_src.figures.curves import level, measured, predicted
from rnn_src.figures.style import COLORS, STYLE

__all__ = ["checkup_figure"]


def checkup_figure(found):
    """Draw how far a gradient reaches, and how the gradient of W is spread over lags.

    Parameters
    ----------
    found : Checkup
        From `rnn_src.checkup.checkup`.

    Returns
    -------
    matplotlib.figure.Figure
        Left: the median norm over the sequences by lag with their range, and dashed what the
        largest exponent predicts. Right, if the losses were given: what lags of k or more add to
        the gradient of W, and dotted the sampling error of the batch.

    Notes
    -----
    Drawn in :ref:`ch-bring`.

    Examples
    --------
    >>> from rnn_src import init
    >>> from rnn_src.checkup import checkup
    >>> rng = np.random.default_rng(0)
    >>> params = init("gru", 2, 8, rng)
    >>> figure = checkup_figure(checkup("gru", params, rng.standard_normal((30, 4, 2))))
    >>> figure.axes[0].get_xlabel()
    'lag'
    """
    with plt.rc_context(STYLE):
        return _drawn(found)


def _drawn(found):
    panels = 1 if found.shares is None else 2
    figure, axes = plt.subplots(1, panels, figsize=(3 * panels + 0.6, 3.4), squeeze=False)
    ax, color = axes[0, 0], COLORS.get(found.cell, COLORS["rnn"])
    lags, lines = np.arange(len(found.norms)), {}
    some = np.where(found.norms > 0, found.norms, np.nan)  # a logarithmic axis has no 0
    ax.fill_between(lags, np.nanmin(some, 1), np.nanmax(some, 1), color=color, alpha=0.2, lw=0)
    measured(ax, lags, np.nanmedian(some, axis=1), color=color)
    lines["median and range of the sequences"] = ax.lines[-1]
    rate = np.median(found.exponents[:, 0])
    if np.isfinite(rate):
        predicted(ax, lags, np.exp(rate * lags))
        lines[f"largest exponent, {rate:+.3f} a step"] = ax.lines[-1]
    level(ax, 1e-3, "a thousandth", at=0.5)
    ax.set(yscale="log", xlabel="lag", ylabel="norm of the Jacobians' product")
    ax.legend(lines.values(), lines, loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=9)
    if found.shares is not None:
        ax = axes[0, 1]
        shares = np.where(found.shares > 0, found.shares, np.nan)
        measured(ax, np.arange(len(shares)), shares, color=color)
        if found.noise:
            level(ax, found.noise, "noise of this batch", at=0.4)
        ax.set(yscale="log", xlabel="lag, and beyond", ylabel="share of W's gradient")
    return figure

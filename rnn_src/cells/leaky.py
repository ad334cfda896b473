"""Leaky units: each keeps most of its state and takes in a little, at a rate of its own.

h_t = (1 - alpha) h_{t-1} + alpha tanh(W h_{t-1} + U x_t + b), unit by unit, with fixed rates alpha.

Source: Mozer (1992), where each unit has a fixed time constant of its own. Jaeger et al. (2007)
study leaky units in echo-state networks, with one rate for all units.
"""

import functools

import numpy as np

from rnn_src.cells.base import Cell
from rnn_src.cells.rnn import RNNParams

__all__ = ["leak_rates"]

SLOWEST = 100.0  # steps


def leak_rates(hidden_size):
    """The rates alpha of the leaky cell: time constants 1 / alpha from 1 to 100 steps.

    The time constants are spread evenly on a logarithmic axis. The first unit, with alpha = 1, is a
    vanilla one; a single unit is that one.

    Parameters
    ----------
    hidden_size : int
        H, the number of units.

    Returns
    -------
    (H,) ndarray of float64
        From 1 down to 1 / 100.

    Notes
    -----
    Measured in :ref:`ch-starts`; the step before gates in :ref:`ch-gru`.

    Examples
    --------
    >>> leak_rates(3)
    array([1.  , 0.1 , 0.01])
    """
    return np.geomspace(1, 1 / SLOWEST, hidden_size)


@functools.cache
def _rates(hidden_size, dtype):
    """The rates in that dtype, made once: to make them at each step would cost more than it."""
    rates = leak_rates(hidden_size).astype(dtype)
    rates.setflags(write=False)
    return rates


def leaky_step(a, q, s, s_next):
    """A step of a running mean, whose new value is that of the vanilla cell; it is left in a."""
    (n,), (h,), (h_next,) = a, s, s_next
    n += q[0]
    np.tanh(n, out=n)
    np.subtract(n, h, out=h_next)
    h_next *= _rates(h.shape[-1], h.dtype)
    h_next += h


def leaky_slopes(a, s, s_next, out):
    """dh_t by what enters tanh, and by h_{t-1} past the product."""
    (n,), (by_n, by_h) = a, out
    alpha = _rates(n.shape[-1], n.dtype)
    np.multiply(1 - n * n, alpha, out=by_n)
    by_h[...] = 1 - alpha


def leaky_step_back(ds, slopes, da):
    """Everything is dh times a slope; what does not leak goes on."""
    (dh,) = ds
    np.multiply(dh, slopes[0], out=da[0])
    dh *= slopes[1]


#: The leaky cell.
RNN_LEAKY = Cell(
    "rnn_leaky",
    RNNParams,
    gates=1,
    parts=1,
    logistic=(),
    past=(("h", "h_next"),),
    step=leaky_step,
    slopes=leaky_slopes,
    step_back=leaky_step_back,
)

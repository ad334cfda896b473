"""The vanilla recurrent cell, h_t = phi(W h_{t-1} + U x_t + b), with phi = tanh, ReLU or none.

Source: Elman (1990), *Finding structure in time*, with tanh here; the ReLU variant as in Le, Jaitly
and Hinton (2015); the linear one as in Henaff, Szlam and LeCun (2016).
"""

from typing import NamedTuple

import numpy as np

from rnn_src.cells.base import Cell

__all__ = ["RNNParams"]


class RNNParams(NamedTuple):
    """Parameters of the vanilla cell, or their gradients.

    Parameters
    ----------
    W : (H, H) ndarray
        From the last state.
    U : (H, D) ndarray
        From the input.
    b : (H,) ndarray
        Bias.

    Notes
    -----
    The letters are those of :eq:`eq-cell-state` in :ref:`ch-cell`.

    Examples
    --------
    >>> p = RNNParams(W=np.zeros((2, 2)), U=np.zeros((2, 3)), b=np.zeros(2))
    >>> p.U.shape
    (2, 3)
    """

    W: np.ndarray
    U: np.ndarray
    b: np.ndarray


def tanh_step(a, q, s, s_next):
    """h_t = tanh(a + q), with a = U x_t + b and q = W h_{t-1}."""
    np.add(a, q, out=s_next)
    np.tanh(s_next, out=s_next)


def tanh_slopes(a, s, s_next, out):
    """tanh' = 1 - tanh^2, so h_t itself is all that the reverse needs."""
    np.multiply(s_next, s_next, out=out)
    np.subtract(1, out, out=out)


def relu_step(a, q, s, s_next):
    """h_t = max(0, a + q), with a = U x_t + b and q = W h_{t-1}."""
    np.add(a, q, out=s_next)
    np.maximum(s_next, 0, out=s_next)


def relu_slopes(a, s, s_next, out):
    """ReLU' is 1 where h_t > 0 and 0 elsewhere, the kink at 0 included."""
    np.greater(s_next.real, 0, out=out, casting="unsafe")


def linear_step(a, q, s, s_next):
    """h_t = a + q, with a = U x_t + b and q = W h_{t-1}."""
    np.add(a, q, out=s_next)


def linear_slopes(a, s, s_next, out):
    """The derivative of a + q is 1."""
    out[...] = 1


def step_back(ds, slopes, da):
    """Nothing reaches h_{t-1} except through W."""
    np.multiply(ds, slopes, out=da)


_SAME = {"gates": 1, "parts": 1, "logistic": (), "past": (), "step_back": step_back}
#: The vanilla cell with tanh.
RNN = Cell("rnn", RNNParams, step=tanh_step, slopes=tanh_slopes, **_SAME)
#: The vanilla cell with ReLU.
RNN_RELU = Cell("rnn_relu", RNNParams, step=relu_step, slopes=relu_slopes, **_SAME)
#: The linear cell: a and q are added, and nothing bends the sum.
RNN_LINEAR = Cell("rnn_linear", RNNParams, step=linear_step, slopes=linear_slopes, **_SAME)

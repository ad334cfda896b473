"""The vanilla recurrent cell, h_t = phi(W h_{t-1} + U x_t + b), with phi = tanh or ReLU.

Source: Elman (1990), *Finding structure in time*; the ReLU variant as in Le, Jaitly and Hinton
(2015).
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


def tanh_step(a, q, s):
    """h_t = tanh(a + q), with a = U x_t + b and q = W h_{t-1}."""
    h = np.tanh(a + q)
    return h, h


def tanh_step_back(dh, h):
    """tanh' = 1 - tanh^2, so the cache is h itself."""
    da = dh * (1 - h * h)
    return da, da, np.zeros_like(dh)


def relu_step(a, q, s):
    """h_t = max(0, a + q), with a = U x_t + b and q = W h_{t-1}."""
    h = np.maximum(a + q, 0)
    return h, h


def relu_step_back(dh, h):
    """ReLU' is 1 where h > 0 and 0 elsewhere, the kink at 0 included."""
    da = dh * (h.real > 0)
    return da, da, np.zeros_like(dh)


#: The vanilla cell with tanh.
RNN = Cell("rnn", RNNParams, gates=1, parts=1, step=tanh_step, step_back=tanh_step_back)
#: The vanilla cell with ReLU.
RNN_RELU = Cell("rnn_relu", RNNParams, gates=1, parts=1, step=relu_step, step_back=relu_step_back)

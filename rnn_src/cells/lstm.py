"""The long short-term memory: a second state c that is added to, and gates that decide how much.

i, f, o = logistic(W h_{t-1} + U x_t + b) and g = tanh(W h_{t-1} + U x_t + b), each with its own
rows; c_t = f c_{t-1} + i g and h_t = o tanh(c_t).

Source: Hochreiter and Schmidhuber (1997), with the forget gate of Gers, Schmidhuber and Cummins
(2000), in the form that is now usual: with tanh, and without peepholes. Equations and the order
i, f, g, o are PyTorch's.
"""

from typing import NamedTuple

import numpy as np

from rnn_src.cells.base import Cell

__all__ = ["LSTMParams"]


class LSTMParams(NamedTuple):
    """Parameters of the LSTM, or their gradients; blocks in the order i, f, g, o.

    Parameters
    ----------
    W : (4*H, H) ndarray
        From the last h.
    U : (4*H, D) ndarray
        From the input.
    b : (4*H,) ndarray
        Bias.

    Notes
    -----
    The letters are those of :eq:`eq-lstm` in :ref:`ch-mend`; introduced in :ref:`ch-lstm`.

    Examples
    --------
    >>> p = LSTMParams(W=np.zeros((8, 2)), U=np.zeros((8, 3)), b=np.zeros(8))
    >>> p.W.reshape(4, 2, 2)[1].shape  # the forget gate's
    (2, 2)
    """

    W: np.ndarray
    U: np.ndarray
    b: np.ndarray


def lstm_step(a, q, s, s_next):
    """logistic(v) = (1 + tanh(v / 2)) / 2; i, f, o come first and halved."""
    (_, c), (h_next, c_next) = s, s_next
    a += q
    np.tanh(a, out=a)
    logistic = a[:3]
    logistic *= 0.5
    logistic += 0.5
    i, f, o, g = a
    np.multiply(f, c, out=c_next)
    c_next += i * g
    np.tanh(c_next, out=h_next)
    h_next *= o


def lstm_slopes(a, s, s_next, out):
    """What i, f, g do to c_t and o to h_t; dh_t/dc_t; dc_t/dc_{t-1}."""
    i, f, o, g = a
    c, tanh_c = s[1], np.tanh(s_next[1])
    np.multiply(i * (1 - i), g, out=out[0])
    np.multiply(f * (1 - f), c, out=out[1])
    np.multiply(1 - g * g, i, out=out[2])
    np.multiply(o * (1 - o), tanh_c, out=out[3])
    np.multiply(1 - tanh_c * tanh_c, o, out=out[4])
    out[5] = f


def lstm_step_back(ds, slopes, da):
    """dc gathers what comes from c_{t+1} and by h_t, and goes on by f."""
    dh, dc = ds
    dc += dh * slopes[4]
    np.multiply(dc, slopes[:3], out=da[:3])
    np.multiply(dh, slopes[3], out=da[3])
    dc *= slopes[5]


#: The LSTM.
LSTM = Cell(
    "lstm",
    LSTMParams,
    gates=4,
    parts=2,
    logistic=(0, 1, 3),
    past=(("c_next", "h_next"), ("c", "c_next")),
    step=lstm_step,
    slopes=lstm_slopes,
    step_back=lstm_step_back,
)

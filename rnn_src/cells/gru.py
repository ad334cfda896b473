"""The gated recurrent unit: one state, kept where z is near 1 and rewritten where it is near 0.

r, z = logistic(W h_{t-1} + U x_t + b), each with its own rows;
n = tanh(U x_t + b + r (W h_{t-1} + b_n)) and h_t = (1 - z) n + z h_{t-1}.

Source: Cho et al. (2014), with the reset r after the matrix product, so that the candidate has a
recurrent bias b_n of its own. Equations and the order r, z, n are PyTorch's.
"""

from typing import NamedTuple

import numpy as np

from rnn_src.cells.base import Cell

__all__ = ["GRUParams"]


class GRUParams(NamedTuple):
    """Parameters of the GRU, or their gradients; blocks in the order r, z, n.

    Parameters
    ----------
    W : (3*H, H) ndarray
        From the last state.
    U : (3*H, D) ndarray
        From the input.
    b : (3*H,) ndarray
        Bias.
    b_n : (H,) ndarray
        The candidate's recurrent bias, inside the reset.

    Notes
    -----
    The letters are those of :eq:`eq-gru` in :ref:`ch-mend`; introduced in :ref:`ch-gru`.

    Examples
    --------
    >>> p = GRUParams(np.zeros((6, 2)), np.zeros((6, 3)), np.zeros(6), b_n=np.zeros(2))
    >>> p.W.reshape(3, 2, 2)[1].shape  # the update gate's
    (2, 2)
    """

    W: np.ndarray
    U: np.ndarray
    b: np.ndarray
    b_n: np.ndarray


def gru_step(a, q, s, s_next):
    """logistic(v) = (1 + tanh(v / 2)) / 2; r and z come halved. m comes as b_n."""
    r, z, n, m = a
    (h,), (h_next,) = s, s_next
    logistic = a[:2]
    logistic += q[:2]
    np.tanh(logistic, out=logistic)
    logistic *= 0.5
    logistic += 0.5
    m += q[2]
    n += r * m
    np.tanh(n, out=n)
    np.subtract(h, n, out=h_next)
    h_next *= z
    h_next += n


def gru_slopes(a, s, s_next, out):
    """dh_t by what enters r, z and m, by what enters n past m, and by h_{t-1} past the product."""
    r, z, n, m = a
    by_r, by_z, by_m, by_n, by_h = out
    np.multiply(1 - n * n, 1 - z, out=by_n)
    np.multiply(by_n, r, out=by_m)
    np.multiply(by_m, (1 - r) * m, out=by_r)
    np.multiply(z * (1 - z), s[0] - n, out=by_z)
    by_h[...] = z


def gru_step_back(ds, slopes, da):
    """Everything is dh times a slope; what z keeps goes on."""
    (dh,) = ds
    np.multiply(dh, slopes[:4], out=da)
    dh *= slopes[4]


#: The GRU.
GRU = Cell(
    "gru",
    GRUParams,
    gates=3,
    parts=1,
    logistic=(0, 1),
    past=(("h", "h_next"),),
    step=gru_step,
    slopes=gru_slopes,
    step_back=gru_step_back,
)

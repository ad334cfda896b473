"""A unit with one gate, which keeps where f is near 1 and takes in what is new where it is near 0.

f = logistic(W h_{t-1} + U x_t + b) and n = tanh(the same with rows of its own);
h_t = f h_{t-1} + (1 - f) n. The cell that test_readme.py adds to a copy of the repository.
"""

from typing import NamedTuple

import numpy as np

from rnn_src.cells.base import Cell

__all__ = ["ToyParams"]


class ToyParams(NamedTuple):
    """Parameters of the toy, or their gradients; blocks in the order f, n.

    Parameters
    ----------
    W : (2*H, H) ndarray
        From the last state.
    U : (2*H, D) ndarray
        From the input.
    b : (2*H,) ndarray
        Bias.

    Notes
    -----
    Compare the cells of :ref:`ch-gru`.

    Examples
    --------
    >>> ToyParams(np.zeros((4, 2)), np.zeros((4, 3)), np.zeros(4)).b.shape
    (4,)
    """

    W: np.ndarray
    U: np.ndarray
    b: np.ndarray


def toy_step(a, q, s, s_next):
    """logistic(v) = (1 + tanh(v / 2)) / 2; f comes first, and halved."""
    (h,), (h_next,) = s, s_next
    a += q
    np.tanh(a, out=a)
    a[0] *= 0.5
    a[0] += 0.5
    f, n = a
    np.subtract(h, n, out=h_next)
    h_next *= f
    h_next += n


def toy_slopes(a, s, s_next, out):
    """dh_t by what enters f and n, and by h_{t-1} past the product."""
    f, n = a
    np.multiply(f * (1 - f), s[0] - n, out=out[0])
    np.multiply(1 - n * n, 1 - f, out=out[1])
    out[2] = f


def toy_step_back(ds, slopes, da):
    """Everything is dh times a slope; what f keeps goes on."""
    (dh,) = ds
    np.multiply(dh, slopes[:2], out=da)
    dh *= slopes[2]


#: The toy.
TOY = Cell(
    "toy",
    ToyParams,
    gates=2,
    parts=1,
    logistic=(0,),
    keeps=2,
    slope_blocks=3,
    step=toy_step,
    slopes=toy_slopes,
    step_back=toy_step_back,
    direct=True,
)

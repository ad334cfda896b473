"""A unit with one gate, as z and as r of a GRU: it keeps where f is near 1, and forgets the rest.

f = logistic(W h_{t-1} + U x_t + b) and n = tanh(U x_t + b + f (W h_{t-1} + b_n)), with rows of its
own; h_t = f h_{t-1} + (1 - f) n. The cell that test_readme.py adds to a copy of the repository.
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
    b_n : (H,) ndarray
        The recurrent bias of n, inside the product with f.

    Notes
    -----
    Compare the cells of :ref:`ch-gru`.

    Examples
    --------
    >>> ToyParams(np.zeros((4, 2)), np.zeros((4, 3)), np.zeros(4), np.zeros(2)).b.shape
    (4,)
    """

    W: np.ndarray
    U: np.ndarray
    b: np.ndarray
    b_n: np.ndarray


def toy_step(a, q, s, s_next):
    """logistic(v) = (1 + tanh(v / 2)) / 2; f comes halved. m comes as b_n."""
    f, n, m = a
    (h,), (h_next,) = s, s_next
    f += q[0]
    np.tanh(f, out=f)
    f *= 0.5
    f += 0.5
    m += q[1]
    n += f * m
    np.tanh(n, out=n)
    np.subtract(h, n, out=h_next)
    h_next *= f
    h_next += n


def toy_slopes(a, s, s_next, out):
    """dh_t by what enters f and m, by what enters n past m, and by h_{t-1} past the product."""
    f, n, m = a
    by_f, by_m, by_n, by_h = out
    np.multiply(1 - n * n, 1 - f, out=by_n)
    np.multiply(by_n, f, out=by_m)
    np.multiply(s[0] - n + by_n * m, f * (1 - f), out=by_f)
    by_h[...] = f


def toy_step_back(ds, slopes, da):
    """Everything is dh times a slope; what f keeps goes on."""
    (dh,) = ds
    np.multiply(dh, slopes[:3], out=da)
    dh *= slopes[3]


#: The toy.
TOY = Cell(
    "toy",
    ToyParams,
    gates=2,
    parts=1,
    logistic=(0,),
    past=(("h", "h_next"),),
    step=toy_step,
    slopes=toy_slopes,
    step_back=toy_step_back,
)

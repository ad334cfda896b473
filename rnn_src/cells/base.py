"""What a cell is: a record of a few sizes and two elementwise functions."""

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Cell"]


class Cell(NamedTuple):
    """One recurrent cell, elementwise only: `rnn_src.scan` owns every matrix product.

    Parameters
    ----------
    name : str
        Its key in `CELLS`.
    params : type
        NamedTuple class of its parameters: W (G*H, H), U (G*H, D), b (G*H,), and what else it
        needs.
    gates : int
        G, the blocks of H rows in W, U and b.
    parts : int
        Vectors of H numbers in the state, so S = parts * H. The first part is always h.
    step : callable
        ``step(a, q, s) -> (s_next, cache)`` with a = U x + b (..., G*H), q = W h (..., G*H) and
        s (..., S). The cache holds what the reverse needs.
    step_back : callable
        ``step_back(ds_next, cache) -> (da, dq, ds)``: the exact reverse of `step`. It is linear in
        ds_next, which may carry extra leading axes; ds is the part that reaches s past the product
        W h.

    See Also
    --------
    rnn_src.scan.forward : Runs `step` over time.
    rnn_src.scan.backward : Runs `step_back` over time.

    Notes
    -----
    The split into elementwise steps and matrix products is explained in :ref:`ch-bptt`.

    Examples
    --------
    >>> from rnn_src.cells import CELLS
    >>> CELLS["rnn"].name, CELLS["rnn"].gates, CELLS["rnn"].parts
    ('rnn', 1, 1)
    """

    name: str
    params: type
    gates: int
    parts: int
    step: Callable
    step_back: Callable

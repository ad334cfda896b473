"""What a cell is: a record of a few sizes and three elementwise functions."""

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Cell"]


class Cell(NamedTuple):
    """One recurrent cell, elementwise only: `rnn_src.scan` owns every matrix product.

    Whatever a cell sees is a row of blocks of H numbers, stacked along the first axis, so that
    ``r, z, n, m = a`` names them. The functions write into the arrays that they are given.

    Parameters
    ----------
    name : str
        Its key in `CELLS`.
    params : type
        NamedTuple class of its parameters: W (G*H, H), U (G*H, D), b (G*H,), and b_n (H,) if the
        last gate, which is then not a logistic one, has a bias on the side of W h.
    gates : int
        G, the blocks of rows in W, U and b.
    parts : int
        P, the blocks of the state, so S = P * H. The first is always h.
    logistic : tuple of int
        The gates that pass through the logistic function, here (1 + tanh(v / 2)) / 2. Its error is
        a rounding of 1 and not of its own value: a gate closed to 1e-9 has 7 digits left of 16 in
        float64, and one below 3e-8 has none in float32.
    keeps : int
        Blocks of a step that are kept for the reverse besides the states: at least the blocks of a;
        or 0 if the states are enough, and then `step` finds a where it writes s_next.
    slope_blocks : int
        Blocks that `slopes` writes.
    step : callable
        ``step(a, q, s, s_next)`` with a = U x + b and q = W h (G, B, H), and s (P, B, H). It writes
        s_next, and leaves in a what the reverse needs. In a and q the logistic gates come first,
        and halved. With b_n, a has one more block, which holds it.
    slopes : callable
        ``slopes(a, s, s_next, out)``: the derivatives of a step from what it left, for any number
        of steps at once (blocks, steps, B, H).
    step_back : callable
        ``step_back(ds, slopes, da)``: the reverse of a step, linear in ds (P, ages, B, H). It
        writes into da (G, ages, B, H) the derivatives by W h of each gate, in the order of W, and
        leaves in ds what reaches s past the product W h. With b_n, da has one more block: the
        derivative by U x of the last gate.
    direct : bool
        Whether anything reaches h past the product; if not, ds[0] may be left as it came.

    See Also
    --------
    rnn_src.scan.forward : Runs `step` over time.
    rnn_src.scan.backward : Runs `slopes` and `step_back` over time.

    Notes
    -----
    The split into elementwise steps and matrix products is explained in :ref:`ch-bptt`.

    Examples
    --------
    >>> from rnn_src.cells import CELLS
    >>> {n: (CELLS[n].gates, CELLS[n].parts) for n in ("rnn", "rnn_leaky", "gru", "lstm")}
    {'rnn': (1, 1), 'rnn_leaky': (1, 1), 'gru': (3, 1), 'lstm': (4, 2)}
    """

    name: str
    params: type
    gates: int
    parts: int
    logistic: tuple
    keeps: int
    slope_blocks: int
    step: Callable
    slopes: Callable
    step_back: Callable
    direct: bool = False

    @property
    def extra(self):
        """1 with a bias b_n, else 0: the blocks by which da exceeds the gates."""
        return int("b_n" in self.params._fields)

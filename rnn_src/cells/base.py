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
        The gates that pass through the logistic function, which is (1 + tanh(v / 2)) / 2. `scan`
        halves their rows of W, U and b once for all steps, so that `step` calls tanh for every gate
        alike and then makes (1 + tanh) / 2 of these. Its error is a rounding of 1 and not of its
        own value: a gate closed to 1e-9 has 7 digits left of 16 in float64, and one below 3e-8 has
        none in float32.
    past : tuple of pairs of str
        The ways from s to s_next round the product W h, each as (from, to), in the names of
        `step`. Without one the state is what the gates make of W h.
    step : callable
        ``step(a, q, s, s_next)`` with a = U x + b and q = W h (G, B, H), and s (P, B, H). It writes
        s_next, and leaves in a what the reverse needs. With b_n, a has one more block, which holds
        it. In a and q the logistic gates come first, halved, then the others.
    slopes : callable
        ``slopes(a, s, s_next, out)``: the derivatives of a step from what it left, for any number
        of steps at once (blocks, steps, B, H): one block for each block of a, one for each way of
        `past`.
    step_back : callable
        ``step_back(ds, slopes, da)``: the reverse of a step, linear in ds (P, ..., B, H). It writes
        into da (G, ..., B, H) the derivatives by W h of each gate, in the order of W, and leaves in
        ds what reaches s past the product W h. With b_n, da has one more block: the derivative by
        U x of the last gate. If no way begins at h, ds[0] may be left as it came.

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
    >>> CELLS["gru"].past, CELLS["lstm"].past
    ((('h', 'h_next'),), (('c_next', 'h_next'), ('c', 'c_next')))
    """

    name: str
    params: type
    gates: int
    parts: int
    logistic: tuple
    past: tuple
    step: Callable
    slopes: Callable
    step_back: Callable

    @property
    def extra(self):
        """1 with a bias b_n, else 0: the blocks by which a and da exceed the gates."""
        return int("b_n" in self.params._fields)

    @property
    def direct(self):
        """Whether anything reaches h past the product."""
        return any(start == "h" for start, _ in self.past)

    @property
    def keeps(self):
        """Blocks of a step that are kept for the reverse besides the states: those of a.

        None, if each block of the state is one gate's value and so tells its slope. Then `step`
        finds a where it writes s_next.
        """
        return self.gates + self.extra if self.past or self.gates > self.parts else 0

    @property
    def slope_blocks(self):
        """Blocks that `slopes` writes."""
        return self.gates + self.extra + len(self.past)

    def shapes(self, D, H):
        """The shapes of the parameters by their names."""
        rows = self.gates * H
        sizes = {"W": (rows, H), "U": (rows, D), "b": (rows,), "b_n": (H,)}
        return {name: sizes[name] for name in self.params._fields}


def blocks(array, count):
    """View (..., B, count*H) as a cell sees it, (..., count, B, H)."""
    return array.reshape(*array.shape[:-1], count, -1).swapaxes(-3, -2)

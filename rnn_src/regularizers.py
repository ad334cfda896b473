"""A penalty on what a step back does to the size of a gradient."""

import numpy as np

from rnn_src import checks
from rnn_src.cells import Cell
from rnn_src.scan import Tape

__all__ = ["omega"]

# phi' from h = phi(a), for the cells whose Jacobian is diag(phi') W.
SLOPES = {"rnn": lambda h: 1 - h * h, "rnn_relu": lambda h: h > 0, "rnn_linear": np.ones_like}
LEAST = 1e-20  # of a squared norm: what is smaller says nothing about a direction


def omega(cell, params, tape, totals):
    """Measure how far the steps back are from keeping the size of the gradient.

    With delta_t = dL/dh_t and J_t = dh_t/dh_{t-1}, it is the mean of (ratio_t - 1)^2 over all steps
    and sequences, where ratio_t is the squared norm of J_t' delta_t over that of delta_t. Its
    gradient by W is the *immediate* one: delta_t and the slopes of the units are held fixed.

    Parameters
    ----------
    cell : Cell or str
        A vanilla cell: "rnn", "rnn_relu" or "rnn_linear".
    params : RNNParams
        The parameters that made the tape.
    tape : Tape
        From `rnn_src.scan.forward`, without lengths.
    totals : (T, B, H) ndarray
        The total derivatives delta, from `rnn_src.scan.backward`.

    Returns
    -------
    value : float
        The mean; 0 if there is no gradient at all.
    dW : (H, H) ndarray
        Its immediate gradient by W.

    Raises
    ------
    ValueError
        If the cell is not a vanilla one, the tape is of another cell or has lengths, or `totals`
        has another shape or is not finite.
    TypeError
        If `tape` is not a Tape.

    Notes
    -----
    :eq:`eq-without-gates-omega` in :ref:`ch-without-gates`. Pascanu, Mikolov and Bengio (2013),
    equation 10; the mean, and leaving out the terms where the squared norm of delta_t is below
    1e-20, are those of the code that they released.

    Examples
    --------
    >>> from rnn_src import backward, forward, init
    >>> params = init("rnn_linear", 1, 2, np.random.default_rng(0))
    >>> states, tape = forward("rnn_linear", params, np.ones((5, 3, 1)))
    >>> totals = np.empty((5, 3, 2))
    >>> _ = backward("rnn_linear", params, tape, np.ones((5, 3, 2)), totals=totals)
    >>> value, dW = omega("rnn_linear", params, tape, totals)
    >>> value < 1e-20  # W is orthogonal
    True
    """
    name = cell.name if isinstance(cell, Cell) else cell
    checks.choice("cell", name, SLOPES)
    if checks.instance("tape", tape, Tape).cell != name:
        raise ValueError(f"tape must be of cell {name!r}, got one of {tape.cell!r}")
    if tape.lengths is not None:
        raise ValueError(f"tape must be without lengths, got {len(tape.lengths)} of them")
    h = tape.states[1:]
    shape = tuple(zip(("T", "B", "H"), h.shape))
    delta = checks.array("totals", totals, shape, h.dtype)

    da = SLOPES[name](h) * delta
    back = da @ params.W
    size = np.square(delta).sum(axis=-1)
    counts = size >= LEAST
    if not counts.any():
        return 0.0, np.zeros_like(params.W)
    ratio = np.ones_like(size)
    np.divide(np.square(back).sum(axis=-1), size, out=ratio, where=counts)
    excess, H = ratio - 1, h.shape[-1]
    weight = 4 / counts.sum() * excess / np.where(counts, size, 1)
    dW = (weight[..., None] * da).reshape(-1, H).T @ back.reshape(-1, H)
    return float(np.square(excess).sum() / counts.sum()), dW.astype(params.W.dtype, copy=False)

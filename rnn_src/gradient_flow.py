"""What becomes of a gradient on its way back: measured on any cell, one lag at a time.

The lag of a contribution is the number of steps from a use of the weights to the loss that it
helped to cause.
"""

import numpy as np

from rnn_src import _checks
from rnn_src.scan import backward, forward, jacobians
from rnn_src.trees import tree_map

__all__ = ["gradient_by_lag"]


def gradient_by_lag(cell, params, x, dstates, s0=None):
    """Split the gradient of the parameters by lag.

    Parameters
    ----------
    cell : Cell or str
        A record of `CELLS` or its name.
    params : NamedTuple
        As `rnn_src.init` returns them.
    x : (T, B, D) array
        Inputs, time first.
    dstates : (T, B, S) array
        dL/d states[1:] from the losses alone.
    s0 : (B, S) array, optional
        The state before the first input, 0 if not given.

    Returns
    -------
    NamedTuple
        Of the parameters' type. Each array has one more axis in front, of length T: entry k is what
        the losses say about the uses of the weights k steps before them. The sum over this axis is
        the gradient of BPTT.

    Raises
    ------
    ValueError
        If a shape, dtype or value is not as `rnn_src.forward` and `rnn_src.backward` want it.
    TypeError
        If `params` are those of another cell.

    Notes
    -----
    The inner sums of :eq:`eq-bptt-pairs`, sorted by t - k; measured in :ref:`ch-truncation`. The
    losses' derivatives are carried back one step at a time by the Jacobians, all of them at once,
    and a window of 1 gives what they say there. No lag is got as the difference of two large
    gradients, so a lag whose contribution is tiny keeps its digits. Each sequence costs O(T^2 S^2),
    and O(T S^3) for the Jacobians.

    Examples
    --------
    >>> from rnn_src import init
    >>> params = init("rnn", 1, 2, np.random.default_rng(0))
    >>> x, dstates = np.ones((5, 3, 1)), np.ones((5, 3, 2))
    >>> by_lag = gradient_by_lag("rnn", params, x, dstates)
    >>> by_lag.W.shape
    (5, 2, 2)
    >>> _, tape = forward("rnn", params, x)
    >>> np.allclose(by_lag.W.sum(axis=0), backward("rnn", params, tape, dstates)[0].W)
    True
    """
    J = jacobians(cell, params, x, s0)
    states, tape = forward(cell, params, x, s0)
    T, B, S = len(J), *states.shape[1:]
    blame = _checks.array("dstates", dstates, (("T", T), ("B", B), ("S", S)), states.dtype)
    by_lag = []
    for _ in range(T):
        by_lag.append(backward(cell, params, tape, blame, window=1)[0])
        earlier = np.zeros_like(blame)
        earlier[:-1] = (blame[1:, :, None, :] @ J[1:])[:, :, 0]
        blame = earlier
    return tree_map(lambda *lags: np.stack(lags), *by_lag)

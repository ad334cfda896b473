"""The reverse lag by lag: what each loss says of the uses of the weights k steps before it.

The lag of a contribution is the number of steps from a use of the weights to the loss. On its way
back BPTT adds all losses up, so it cannot send each the same few steps. Here they go back apart,
but all of them at once: first every loss to its own step, then every one to the step before, and
so on. A window, truncated BPTT, is the sum over its first lags. Measured in :ref:`ch-truncation`.
"""

import itertools

import numpy as np

from rnn_src.cells.base import blocks

__all__ = []  # for `scan`, which knows the tape


# Rows, steps times batch, of the losses that `within` sends back together: what stays near by.
ROWS = 384


def by_lag(cell, W, slopes, losses, start=0):
    """Send losses back together, and give for each lag what reaches the gates and the states.

    Parameters
    ----------
    cell : Cell
        The record.
    W : (G*H, H) ndarray
        The recurrent weights.
    slopes : (blocks, T, B, H) ndarray
        Of all steps, as `rnn_src.scan.linearize` gives them.
    losses : (n, B, S) ndarray
        The immediate derivatives of n steps in a row, 0 in the padding.
    start : int
        The first of these steps.

    Yields
    ------
    steps : slice
        Where these losses are at this lag: fewer than n steps once the first of them is at s0.
    da : (steps, B, columns) ndarray
        What they say of these steps: the derivatives by what enters the gates. It is overwritten
        by the next lag.
    ds : (P, steps, B, H) ndarray
        What they say of the states before these steps; overwritten, too.
    """
    n, B, _ = losses.shape
    H, G, stop = W.shape[1], cell.gates + cell.extra, start + n
    ds = blocks(losses, cell.parts).swapaxes(0, 1).copy()
    da, past_W = np.empty((n, B, G * H), losses.dtype), np.empty((n * B, H), losses.dtype)
    for last in range(stop, 0, -1):
        steps = slice(max(0, last - n), last)
        da, ds = da[: last - steps.start], ds[:, steps.start - last :]
        cell.step_back(ds, slopes[:, steps], blocks(da, G).swapaxes(0, 1))
        dq, dh = da.reshape(-1, G * H)[:, : len(W)], ds[0].reshape(-1, H)
        past_W = past_W[: len(dh)] if cell.direct else dh
        np.dot(dq, W, out=past_W)
        if cell.direct:
            dh += past_W
        yield steps, da, ds


def within(cell, W, slopes, losses, window):
    """The sums over the first lags of all losses: da (T, B, columns), and ds0 (B, S)."""
    T, B, S = losses.shape
    total = np.zeros((T, B, (cell.gates + cell.extra) * W.shape[1]), losses.dtype)
    ds0 = np.zeros((cell.parts, B, W.shape[1]), losses.dtype)
    length = max(1, ROWS // B)
    first = losses.any(axis=(1, 2)).argmax()  # before the first loss nothing is sent back
    for start in range(first, T, length):
        lags = by_lag(cell, W, slopes, losses[start : start + length], start)
        for steps, da, ds in itertools.islice(lags, window):
            total[steps] += da
            if steps.start == 0:
                ds0 += ds[:, 0]
    return total, ds0.swapaxes(0, 1).reshape(B, S)

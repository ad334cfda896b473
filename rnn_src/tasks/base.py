"""What a task and a batch are, and how one is made from what draws its sequences."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rnn_src import checks

__all__ = ["Batch", "Task"]

TEST_SEED = 20_250_101  # test sets never share a generator with training


class Batch(NamedTuple):
    """One batch of sequences, time first.

    Parameters
    ----------
    x : (T, B, D) ndarray
        Inputs.
    targets : (T, B) ndarray of int, or (T, B, O) ndarray of float
        Classes or values; only those under the mask count.
    mask : (T, B) ndarray of bool
        True where an answer is asked for.

    Notes
    -----
    One form serves many-to-one (the mask keeps the last step) and many-to-many; see
    :ref:`ch-sequences`.

    Examples
    --------
    >>> from rnn_src.tasks import adding
    >>> batch = adding(length=10).batch(np.random.default_rng(0), 3)
    >>> batch.x.shape, int(batch.mask.sum())
    ((10, 3, 2), 3)
    """

    x: np.ndarray
    targets: np.ndarray
    mask: np.ndarray


class Task(NamedTuple):
    """A task: what to draw, what to lose, and what ignorance costs.

    Parameters
    ----------
    name : str
        Its key in `TASKS`.
    input_size, output_size : int
        D and O.
    loss : {"cross_entropy", "squared_error"}
        Which loss of `rnn_src.readout` it is scored by, averaged over the tokens under the mask.
    baseline : float
        Loss of the best prediction that knows the task and the time step but none of the input.
    batch : callable
        ``batch(rng, size) -> Batch`` for training; TypeError or ValueError if `rng` is not a
        Generator or `size` not a positive integer.
    test : Batch
        Fixed and never trained on.

    Notes
    -----
    The baselines are derived in :ref:`ch-sequences`.

    Examples
    --------
    >>> from rnn_src.tasks import adding
    >>> round(adding(length=10).baseline, 4)
    0.1667
    """

    name: str
    input_size: int
    output_size: int
    loss: str
    baseline: float
    batch: Callable
    test: Batch


def checked(batch):
    """The same function of (rng, size), with its arguments looked at first."""

    def draw(rng, size):
        return batch(checks.generator("rng", rng), checks.positive_integer("size", size))

    return draw


def make_task(name, input_size, output_size, loss, baseline, batch, test_size=500):
    """A task whose test set comes from the same generator of data, under its own seed."""
    test = batch(np.random.default_rng(TEST_SEED), test_size)
    return Task(name, input_size, output_size, loss, float(baseline), checked(batch), test)


def last_step(shape):
    """A mask that keeps the last step."""
    mask = np.zeros(shape, dtype=bool)
    mask[-1] = True
    return mask


def many_to_one(x, answers):
    """A many-to-one batch: (T, B, D) inputs, one class a sequence, asked for at the last step."""
    shape = x.shape[:2]
    return Batch(x, np.broadcast_to(answers, shape).copy(), last_step(shape))

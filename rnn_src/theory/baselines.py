"""Baselines: the loss of a guess that knows the task and none of its input."""

import math

from rnn_src import checks

__all__ = ["adding_baseline", "copy_baseline"]


def copy_baseline(T):
    """The loss of the copying task for a guess that knows everything but the ten symbols.

    Parameters
    ----------
    T : int
        The wait, at least 1; there are T + 20 steps.

    Returns
    -------
    float
        10 ln 8 / (T + 20), in nats a step.

    Raises
    ------
    ValueError
        If `T` is not a positive integer.

    Notes
    -----
    Arjovsky, Shah and Bengio (2016); derived in :ref:`ch-sequences`, used in :ref:`ch-plateaus`.

    Examples
    --------
    >>> round(copy_baseline(100), 4)
    0.1733
    """
    return 10 * math.log(8) / (checks.positive_integer("T", T, 1) + 20)


def adding_baseline():
    """The mean squared error of the adding task for the best constant guess: 1/6.

    Returns
    -------
    float
        The variance of the sum of two independent uniform numbers on [0, 1].

    Notes
    -----
    Derived in :ref:`ch-sequences`, used in :ref:`ch-plateaus`.

    Examples
    --------
    >>> round(adding_baseline(), 4)
    0.1667
    """
    return 1 / 6

"""Handwritten digits, read row by row or pixel by pixel."""

import numpy as np

from rnn_src.tasks.base import TEST_SEED, Task, checked, many_to_one

__all__ = ["digit_pixels", "digit_rows"]


def digit_rows(length=None):
    """Handwritten digits read row by row: 8 steps of 8 pixels.

    Parameters
    ----------
    length : int, optional
        8 or None; the image fixes it.

    Returns
    -------
    Task
        Many-to-one, D = 8, 10 classes, 1,437 digits to train on and 360 to test on. Baseline ln 10.

    Raises
    ------
    ValueError
        If `length` is another number.

    Notes
    -----
    The data are the UCI optical digits inside scikit-learn; trained in :ref:`ch-sequences`.

    Examples
    --------
    >>> digit_rows().test.x.shape
    (8, 360, 8)
    """
    return _digits("digit_rows", length, steps=8)


def digit_pixels(length=None):
    """Handwritten digits read pixel by pixel: 64 steps of 1 pixel.

    Parameters
    ----------
    length : int, optional
        64 or None; the image fixes it.

    Returns
    -------
    Task
        Many-to-one, D = 1, 10 classes, 1,437 digits to train on and 360 to test on. Baseline ln 10.

    Raises
    ------
    ValueError
        If `length` is another number.

    Notes
    -----
    The data are the UCI optical digits inside scikit-learn; trained in :ref:`ch-sequences`.

    Examples
    --------
    >>> digit_pixels().test.x.shape
    (64, 360, 1)
    """
    return _digits("digit_pixels", length, steps=64)


def _digits(name, length, steps):
    """scikit-learn's 1,797 digits of 8 x 8 pixels, cut into `steps` pieces."""
    if length not in (None, steps):
        raise ValueError(f"length must be {steps}, the steps of a digit, or None, got {length!r}")
    from sklearn.datasets import load_digits

    data = load_digits()
    x = (data.data / 16.0).reshape(-1, steps, 64 // steps).transpose(1, 0, 2)
    shuffled = np.random.default_rng(TEST_SEED).permutation(x.shape[1])
    train, test = shuffled[360:], shuffled[:360]

    def batch(rng, size):
        chosen = rng.choice(train, size=size)
        return many_to_one(x[:, chosen], data.target[chosen])

    held_out = many_to_one(x[:, test], data.target[test])
    return Task(name, x.shape[2], 10, "cross_entropy", float(np.log(10)), checked(batch), held_out)

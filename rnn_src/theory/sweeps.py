"""Newton's method over time in a wide tanh network: how its errors shrink from sweep to sweep."""

import numpy as np

from rnn_src import checks
from rnn_src.theory.many_units import mean_field

__all__ = ["newton_errors"]

# Mean squares of an old error for which its effects are tabulated. Larger ones count as the last.
# What they add has levelled off there. What they multiply by goes on falling, like one over their
# root; up to the largest gain it is already below 1/2. Smaller ones act by their square.
SIZES = np.logspace(-6, 1.5, 61)


def newton_errors(sigma_w, sigma_u, length, sweeps):
    """Mean-field theory of Newton's method over time: the error after each sweep, step by step.

    Parameters
    ----------
    sigma_w : float
        W has independent normal entries of variance sigma_w^2 / H; in (0, 5].
    sigma_u : float
        U x has variance sigma_u^2, independent from step to step; in [0, 5]. The states have
        settled, and the guess of all states is 0.
    length : int
        T, the steps.
    sweeps : int
        K, how many to follow.

    Returns
    -------
    (K+1, T+1) ndarray
        Mean square error over the units, of the guess and after each sweep; that of the first
        state is 0. A root mean square: the unit that is worst off is further off.

    Raises
    ------
    ValueError
        If a number is outside its range.

    Notes
    -----
    :eq:`eq-parallel-wave` in :ref:`ch-parallel`. From the second sweep on the state, an old error
    and a new one are taken for independent and normal. Errors above 1e150 are counted as that.

    Examples
    --------
    >>> errors = newton_errors(0.9, 1.0, length=40, sweeps=4)
    >>> np.sqrt(errors.max(axis=1)) < 1e-7
    array([False, False, False, False,  True])
    """
    sigma_w = checks.number("sigma_w", sigma_w, 0, 5, low_open=True)
    sigma_u = checks.number("sigma_u", sigma_u, 0, 5)
    length = checks.positive_integer("length", length)
    errors = np.zeros((checks.positive_integer("sweeps", sweeps) + 1, length + 1))
    q = mean_field(sigma_w, sigma_u).q
    errors[0, 1:] = (q - sigma_u**2) / sigma_w**2
    errors[1] = _first_sweep(sigma_w, sigma_u, errors[0])
    growth, source = _tables(sigma_w, q)
    logs = np.log(SIZES)
    for old, new in zip(errors[1:], errors[2:]):
        size = np.log(np.clip(old[:-1], 1e-150, SIZES[-1]))
        factors = np.interp(size, logs, growth)
        sources = np.exp(np.interp(size, logs, np.log(source)) + 2 * np.minimum(size - logs[0], 0))
        sources[old[:-1] == 0] = 0
        for t, (factor, added) in enumerate(zip(factors.tolist(), sources.tolist())):
            new[t + 1] = min(factor * new[t] + added, 1e150)
    return errors


def _normal(count):
    """Points and weights of a standard normal number."""
    z = np.linspace(-7, 7, count)
    weights = np.exp(-(z**2) / 2)
    return z, weights / weights.sum()


def _slope(a):
    return np.cosh(np.minimum(np.abs(a), 300)) ** -2


def _first_sweep(sigma_w, sigma_u, true):
    """From a guess of 0: the slopes are those of the inputs alone, and the new states linear.

    Their mean square and their product with the true states follow a recurrence each.
    """
    z, weights = _normal(141)
    u, both = sigma_u * z, np.outer(weights, weights)
    a = u[:, None] + sigma_w * np.sqrt(true[-1]) * z
    slope, size = _slope(u), np.tanh(u)
    grows = sigma_w**2 * weights @ slope**2, sigma_w**2 * np.sum(both * slope[:, None] * _slope(a))
    comes = weights @ size**2, np.sum(both * size[:, None] * np.tanh(a))
    square = product = true[-1]  # the first state is known, and so the first step is right
    errors = np.zeros_like(true)
    for t in range(2, len(true)):
        square = min(grows[0] * square + comes[0], 1e150)
        product = min(grows[1] * product + comes[1], 1e75)
        errors[t] = max(true[t] - 2 * product + square, 0.0)
    return errors


def _tables(sigma_w, q):
    """For each size of an old error: what multiplies a new one in a step, and what adds to it."""
    z, weights = _normal(281)
    both = np.outer(weights[::2] / weights[::2].sum(), weights)
    a = np.sqrt(q) * z[::2, None]
    growth, source = np.empty((2, len(SIZES)))
    for k, size in enumerate(SIZES):
        d = sigma_w * np.sqrt(size) * z
        slope = _slope(a + d)
        growth[k] = sigma_w**2 * np.sum(both * slope**2)
        source[k] = np.sum(both * (np.tanh(a) - np.tanh(a + d) + slope * d) ** 2)
    return growth, source

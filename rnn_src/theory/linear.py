"""Linear units that hear noise, and a linear memory of many keys: what each holds on average."""

import numpy as np

from rnn_src import checks

__all__ = ["delta_recall", "linear_sensitivity", "linear_variance", "ring_gain"]


def linear_variance(lam, correlation=0.0):
    """Mean square of h_t = lam h_{t-1} + x_t in the long run.

    Parameters
    ----------
    lam : float
        The factor, in (-1, 1).
    correlation : float
        r, in (-1, 1): inputs d steps apart have the correlation r^d; their mean is 0 and their mean
        square 1.

    Returns
    -------
    float
        (1 + r l) / ((1 - r l) (1 - l^2)).

    Raises
    ------
    ValueError
        If a number is outside its range.

    Notes
    -----
    :eq:`eq-linear-curse` in :ref:`ch-linear-memory` (Zucchet and Orvieto 2024).

    Examples
    --------
    >>> round(linear_variance(0.99), 2)
    50.25
    """
    lam, r = _inside("lam", lam), _inside("correlation", correlation)
    return (1 + r * lam) / ((1 - r * lam) * (1 - lam**2))


def linear_sensitivity(lam, correlation=0.0):
    """Mean square of dh_t/dlam in the long run, for h_t = lam h_{t-1} + x_t.

    Parameters
    ----------
    lam : float
        The factor, in (-1, 1).
    correlation : float
        As in `linear_variance`.

    Returns
    -------
    float
        Without correlation (1 + l^2) / (1 - l^2)^3.

    Raises
    ------
    ValueError
        If a number is outside its range.

    Notes
    -----
    :eq:`eq-linear-curse` in :ref:`ch-linear-memory` (Zucchet and Orvieto 2024). With
    lam = exp(-exp(nu)), the derivative by nu is lam ln(lam) times that by lam.

    Examples
    --------
    >>> round(linear_sensitivity(0.99))
    251263
    """
    lam, r = _inside("lam", lam), _inside("correlation", correlation)
    s = lam**2
    top = (1 + s) * (1 - s * r**2) + 2 * (1 - s) * lam * r
    return top / ((1 - s) ** 3 * (1 - lam * r) ** 2)


def ring_gain(r0, r1):
    """Mean over a ring of the mean square that a unit makes of white noise, 1 / (1 - abs(lam)^2).

    Parameters
    ----------
    r0, r1 : float
        Inner and outer radius, 0 <= r0 < r1 < 1; the squared radius is uniform between theirs.

    Returns
    -------
    float
        ln((1 - r0^2) / (1 - r1^2)) / (r1^2 - r0^2).

    Raises
    ------
    ValueError
        If a number is outside its range.

    Notes
    -----
    :eq:`eq-linear-gain` in :ref:`ch-linear-memory` (Orvieto et al. 2023).

    Examples
    --------
    >>> round(ring_gain(0.0, 0.99), 3), round(ring_gain(0.9, 0.999), 2)
    (3.997, 24.23)
    """
    r1 = checks.number("r1", r1, 0, 1, low_open=True, high_open=True)
    r0 = checks.number("r0", r0, 0, r1, high_open=True)
    return float(np.log((1 - r0**2) / (1 - r1**2)) / (r1**2 - r0**2))


def delta_recall(count, size):
    """Mean answer of a memory by the delta rule to each key that it stored, and its mean square.

    Parameters
    ----------
    count : int
        n, how many pairs are stored, one after the other, with beta = 1.
    size : int
        d, the numbers in a key. Keys have norm 1 and directions that are drawn evenly; the numbers
        of a value have mean 0 and mean square 1. All are independent.

    Returns
    -------
    signal : (count,) ndarray
        How much of the stored value is in the answer, by the writes since: (1 - 1/d)^j.
    power : (count,) ndarray
        Mean square of a number of the answer, by the writes since.

    Raises
    ------
    ValueError
        If a number is not a positive integer.

    Notes
    -----
    The mean square error is power - 2 signal + 1. A memory by sums, S + v k', has the signal 1 and
    the power 1 + (n - 1)/d at every age. :eq:`eq-families-delta` in :ref:`ch-families`.

    Examples
    --------
    >>> signal, power = delta_recall(3, 2)
    >>> signal.tolist(), power.tolist()
    ([1.0, 0.5, 0.25], [1.0, 0.9375, 0.90625])
    """
    n = checks.positive_integer("count", count)
    d = checks.positive_integer("size", size)
    signal = (1 - 1 / d) ** np.arange(n)
    memory = d * (1 - (1 - 1 / d) ** np.arange(1, n + 1))  # mean of |S|^2 after m writes
    power = np.ones(n)  # here of the key of write m + 1, which is the oldest first
    for m in range(1, n):
        gained = memory[m - 1] / (d * (d + 2)) + 1 / d
        power[:m] = power[:m] * (1 - 2 / d + 2 / (d * (d + 2))) + gained
    return signal, power[::-1].copy()


def _inside(name, value):
    return checks.number(name, value, -1, 1, low_open=True, high_open=True)

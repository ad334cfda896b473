"""A forget gate of a constant bias: how long it keeps."""

import math

import numpy as np

from rnn_src import checks
from rnn_src.theory._lags import lags, shaped

__all__ = ["chrono_decay", "forget_half_life"]


def forget_half_life(bias):
    """How many steps a forget gate of a constant bias takes to halve what it keeps.

    Parameters
    ----------
    bias : float
        The gate's pre-activation, finite: the gate is f = sigma(bias).

    Returns
    -------
    float
        ln(1/2) / ln f. Divided by ln 2 it is the time constant, after which 1/e is left.

    Raises
    ------
    ValueError
        If `bias` is not finite.

    Notes
    -----
    :eq:`eq-vanishing-half-life` in :ref:`ch-half-lives` (Gers, Schmidhuber and Cummins 2000, on the
    gate's bias). It speaks of the direct path through the cell state alone.

    Examples
    --------
    >>> forget_half_life(0.0)
    1.0
    >>> [round(forget_half_life(bias) / math.log(2), 2) for bias in (0.0, 1.0, 5.0)]
    [1.44, 3.19, 148.91]
    """
    bias = checks.number("bias", bias, -np.inf, np.inf, low_open=True, high_open=True)
    with np.errstate(divide="ignore"):
        return float(np.log(2) / np.logaddexp(0, -bias))


def chrono_decay(t_max, k):
    """What chrono initialisation keeps after k steps, on average over the units.

    Parameters
    ----------
    t_max : float
        The longest time that the task may ask for, above 2.
    k : int or array of int
        Steps, at least 0.

    Returns
    -------
    float or ndarray
        The mean of f^k, where f = sigma(b) and b = ln u with u uniform on [1, t_max - 1].

    Raises
    ------
    ValueError
        If `t_max` is not above 2 or a number of steps is not a whole number of at least 0.

    Notes
    -----
    :eq:`eq-vanishing-chrono` in :ref:`ch-half-lives` (Tallec and Ollivier 2018): the mean over T
    from 2 to t_max of (1 - 1/T)^k, by Gauss-Legendre quadrature in ln T.

    Examples
    --------
    >>> chrono_decay(100, [10, 50, 100]).round(3).tolist()
    [0.733, 0.33, 0.15]
    """
    t_max, k = checks.number("t_max", t_max, 2, low_open=True, high_open=True), lags("k", k)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    half = math.log(t_max / 2) / 2
    T = 2 * np.exp(half * (nodes + 1))
    kept = np.exp(k[..., None] * np.log1p(-1 / T)) * T
    return shaped(half * kept @ weights / (t_max - 2))

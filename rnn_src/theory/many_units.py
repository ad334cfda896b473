"""Many units: the mean-field theory of a wide tanh network."""

import math
from typing import NamedTuple

import numpy as np

from rnn_src import checks

__all__ = ["MeanField", "mean_field", "tanh_lyapunov"]


class MeanField(NamedTuple):
    """What mean-field theory says about a wide tanh network.

    Parameters
    ----------
    q : float
        The mean square of a pre-activation, once it has settled.
    chi : float
        The factor by which the mean square of a gradient changes in one step back.
    xi : float
        -1 / ln chi: over this many steps it falls to 1/e. Infinity at chi = 1, negative above.

    Notes
    -----
    :eq:`eq-signal-chi` in :ref:`ch-signal`.

    Examples
    --------
    >>> mean_field(0.5, 0.0)[:2]
    (0.0, 0.25)
    """

    q: float
    chi: float
    xi: float


def mean_field(sigma_w, sigma_u, second_moment=1.0, sigma_b=0.0):
    """Mean-field theory of a wide tanh network: the size of its signals and of its gradients.

    Parameters
    ----------
    sigma_w : float
        W has independent normal entries of variance sigma_w^2 / H; in [0, 1000].
    sigma_u : float
        U x has variance sigma_u^2 * second_moment, independent from step to step; in [0, 1000].
    second_moment : float
        The mean square of the inputs, in [0, 1000].
    sigma_b : float
        Standard deviation of the biases, in [0, 1000].

    Returns
    -------
    MeanField
        q, chi and xi.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Notes
    -----
    :eq:`eq-signal-q` and :eq:`eq-signal-chi` in :ref:`ch-signal` (Chen, Pennington and Schoenholz
    2018): q = sigma_w^2 E tanh^2(sqrt(q) z) + sigma_u^2 second_moment + sigma_b^2 and
    chi = sigma_w^2 E sech^4(sqrt(q) z), z standard normal. The right-hand side is concave in q, so
    the solution above 0 is unique; without inputs and biases, and with sigma_w at most 1, it is 0.

    Examples
    --------
    >>> [round(mean_field(*sigmas).chi, 4) for sigmas in ((0.9, 1.0), (1.3, 0.5), (2.0, 1.0))]
    [0.3325, 0.8252, 1.0963]
    """
    sigma_w = checks.number("sigma_w", sigma_w, 0, 1000)
    sigma_u = checks.number("sigma_u", sigma_u, 0, 1000)
    second_moment = checks.number("second_moment", second_moment, 0, 1000)
    given = sigma_u**2 * second_moment + checks.number("sigma_b", sigma_b, 0, 1000) ** 2
    q = _settled(sigma_w, given)
    chi = sigma_w**2 * _gaussian_mean(lambda a: np.cosh(np.minimum(np.abs(a), 300)) ** -4.0, q)
    with np.errstate(divide="ignore"):
        return MeanField(q, chi, float(-1 / np.log(chi)) if chi != 1 else float("inf"))


def tanh_lyapunov(g):
    """The largest Lyapunov exponent of a wide tanh network without input.

    Parameters
    ----------
    g : float
        W has independent normal entries of variance g^2 / H; in (0, 1000].

    Returns
    -------
    float
        Per step, in the limit of many units: ln g up to g = 1, where the state dies out, and
        positive beyond, where it is chaotic.

    Raises
    ------
    ValueError
        If `g` is outside its range.

    Notes
    -----
    :eq:`eq-chaos-lyapunov` in :ref:`ch-chaos` (after Sompolinsky, Crisanti and Sommers
    1988; Engelken, Wolf and Abbott 2023): half the logarithm of `mean_field(g, 0).chi`.

    Examples
    --------
    >>> [round(tanh_lyapunov(g), 4) for g in (1.5, 2.0, 3.0)]
    [0.0652, 0.1547, 0.3102]
    """
    g = checks.number("g", g, 0, 1000, low_open=True)
    return math.log(g) if g <= 1 else math.log(mean_field(g, 0.0).chi) / 2


def _gaussian_mean(function, q):
    """E function(sqrt(q) z), z standard normal.

    The trapezoidal rule, which converges exponentially for tanh and its derivative when its steps
    are short against their width.
    """
    width = math.sqrt(q)
    z = np.linspace(-12, 12, 2 * math.ceil(48 * max(1.0, width)) + 1)
    weights = np.exp(-(z**2) / 2)
    return float(function(width * z) @ weights / weights.sum())


def _settled(sigma_w, given):
    """The solution of q = sigma_w^2 E tanh^2(sqrt(q) z) + given, by bisection of ln q."""
    if given == 0 and sigma_w <= 1:
        return 0.0
    low, high = math.log(given or 1e-30), math.log(given + sigma_w**2 + 1e-300)
    for _ in range(100):
        q = math.exp((low + high) / 2)
        if sigma_w**2 * _gaussian_mean(lambda a: np.tanh(a) ** 2, q) + given > q:
            low = math.log(q)
        else:
            high = math.log(q)
    return q

"""One unit that feeds back on itself: when it latches, and the wall in its loss."""

import math

import numpy as np

from rnn_src import checks

__all__ = ["cliff_gradient", "fold_points", "latch_threshold", "rests"]


def latch_threshold(w):
    """How strong an input a latched tanh unit withstands: sqrt(w (w-1)) - artanh sqrt(1 - 1/w).

    Parameters
    ----------
    w : float
        The weight of the unit on itself, above 1.

    Returns
    -------
    float
        x*: under inputs that never pass x* in size, h_t = tanh(w h_{t-1} + x_t) never leaves the
        side that it is latched on.

    Raises
    ------
    ValueError
        If `w` is not above 1: then the unit has one rest and cannot latch.

    Notes
    -----
    :eq:`eq-vanishing-latch` in :ref:`ch-half-lives` (Bengio, Simard and Frasconi 1994). At a
    constant input of -x* a stable and an unstable rest meet, where w (1 - h^2) = 1.

    Examples
    --------
    >>> round(latch_threshold(1.25), 5), round(latch_threshold(2.0), 5)
    (0.07781, 0.53284)
    """
    w = checks.number("w", w, 1, low_open=True, high_open=True)
    return math.sqrt(w * (w - 1)) - math.asinh(math.sqrt(w - 1))  # the same artanh, for large w too


def fold_points(w):
    """The biases at which x -> w sigma(x) + b gains or loses a rest.

    Parameters
    ----------
    w : float
        The weight, above 4.

    Returns
    -------
    (float, float)
        The lower and the upper bias. Between them the map has three rests, outside one.

    Raises
    ------
    ValueError
        If `w` is not above 4: then the slope of the map never reaches 1 twice.

    Notes
    -----
    :eq:`eq-exploding-folds` in :ref:`ch-walls` (the system of Pascanu, Mikolov and Bengio
    2013): at a fold w s (1 - s) = 1 and b = logit(s) - w s.

    Examples
    --------
    >>> [round(b, 4) for b in fold_points(5.0)]
    [-2.6556, -2.3444]
    """
    w = checks.number("w", w, 4, low_open=True, high_open=True)
    root = math.sqrt(1 - 4 / w)
    # logit of s = (1 + root) / 2, which is 2 artanh(root); at the other fold it is the negative
    logit = 2 * math.asinh(math.sqrt(w / 4 - 1))
    return logit - w * (1 + root) / 2, -logit - w * (1 - root) / 2


_S = 1 / (1 + math.exp(-0.5))  # the logistic function at 1/2, and its slope there

_SLOPE = _S * (1 - _S)


def cliff_gradient(w, steps=50):
    """The gradient of the one-unit model on its wall, in closed form.

    Parameters
    ----------
    w : float
        The weight, above 1 / sigma'(1/2) = 4.2553: below it the rest at 1/2 is stable.
    steps : int
        How often the map is applied, at least 1.

    Returns
    -------
    (float, float)
        dE/db and dE/dw of E = (sigma(x_steps) - 0.7)^2, where x_t = w sigma(x_{t-1}) + b, x_0 = 1/2
        and b = 1/2 - w sigma(1/2), so that x_0 is the unstable rest.

    Raises
    ------
    ValueError
        If `w` is not above 4.2553 or `steps` is not a positive integer.

    Notes
    -----
    :eq:`eq-exploding-wall` in :ref:`ch-walls` (the system of Pascanu, Mikolov and Bengio 2013).

    Examples
    --------
    >>> db, dw = cliff_gradient(5.0)
    >>> round(db, 2), round(dw / db, 4)
    (-661.68, 0.6225)
    """
    w = checks.number("w", w, 1 / _SLOPE, low_open=True, high_open=True)
    steps = checks.positive_integer("steps", steps, 1)
    factor = _SLOPE * w
    with np.errstate(over="ignore"):
        paths = float(np.sum(factor ** np.arange(steps, dtype=float)))
    db = 2 * (_S - 0.7) * _SLOPE * paths
    return db, _S * db


def rests(step, low, high):
    """Where the curve of a map meets the diagonal, and how it lies there.

    Parameters
    ----------
    step : callable
        From the states of one step, an array, to those of the next.
    low, high : float
        The interval in which to look.

    Returns
    -------
    list of (float, str)
        Each rest from below, with "stable", "unstable", or "fold" where the curve touches the
        diagonal and turns back (within 1e-9).

    Raises
    ------
    ValueError
        If `low` is not below `high`.

    Notes
    -----
    For a map that rises, as those of one unit with a positive weight do: a rest is stable if the
    curve crosses the diagonal downwards, because its slope there is below 1
    (:ref:`ch-half-lives`, :ref:`ch-walls`).

    Examples
    --------
    >>> [(round(x, 3), kind) for x, kind in rests(lambda x: np.tanh(2 * x) + 0.1, -1.5, 1.5)]
    [(-0.83, 'stable'), (-0.103, 'unstable'), (1.073, 'stable')]
    """
    low = checks.number("low", low)
    high = checks.number("high", high, low, low_open=True)
    x = np.linspace(low, high, 200_000)  # an even number: 0 is not among them
    gap = step(x) - x
    side = np.where(np.abs(gap) < 1e-9, 0, np.sign(gap))
    away = np.flatnonzero(side)
    found = []
    for a, b in zip(away, away[1:]):
        if side[a] != side[b]:
            found.append(((x[a] + x[b]) / 2, "stable" if side[a] > 0 else "unstable"))
        elif b > a + 1:
            found.append(((x[a] + x[b]) / 2, "fold"))
    return [(float(at), kind) for at, kind in found]

"""What is predicted, before anything is run: bounds, limits and baselines.

Numbers go in and a number, or one for each lag, comes out. Nothing here runs a network, and the
module imports nothing of the package: a prediction that ran the simulation would not be one.
"""

import math
import numbers
from typing import NamedTuple

import numpy as np

__all__ = [
    "MeanField",
    "adding_baseline",
    "chrono_decay",
    "cliff_gradient",
    "copy_baseline",
    "fold_points",
    "forget_half_life",
    "fresh_gaussian_exponent",
    "kreiss_constant",
    "latch_threshold",
    "mean_field",
    "rounding_lag",
    "tanh_lyapunov",
    "transient_norm",
    "underflow_lag",
    "vanishing_bound",
]


def _number(name, value, low, high=np.inf, low_open=False, high_open=False):
    """A float inside a formula's range, or a sentence that says the range."""
    ok = isinstance(value, numbers.Real) and not isinstance(value, bool) and low <= value <= high
    if not ok or (low_open and value == low) or (high_open and value == high):
        left, right = "(" if low_open else "[", ")" if high_open else "]"
        raise ValueError(f"{name} must be a number in {left}{low}, {high}{right}, got {value!r}")
    return float(value)


def _whole(name, value, least):
    """An int, or a sentence that says the range."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
    return int(value)


def _lags(name, value):
    """Whole numbers of steps as floats; a scalar becomes an array without axes."""
    lags = np.asarray(value)
    whole = lags.dtype.kind in "iuf" and np.isfinite(lags).all() and not (lags % 1).any()
    if not whole or lags.size == 0 or (lags < 0).any():
        raise ValueError(f"{name} must be one or more integers of at least 0, got {value!r}")
    return lags.astype(float)


def _square(W):
    """A finite real square matrix."""
    W = np.asarray(W)
    if W.dtype.kind not in "iuf" or W.ndim != 2 or W.shape[0] != W.shape[1] or W.size == 0:
        raise ValueError(f"W must be a real square matrix, got {W.dtype} of shape {W.shape}")
    if not np.isfinite(W).all():
        raise ValueError("W must be finite, got NaN or infinity in it")
    return W.astype(float)


def _out(values):
    """A float if there is one value, else the array."""
    return float(values) if np.ndim(values) == 0 else values


# --- Products of Jacobians --------------------------------------------------------------------


def vanishing_bound(W, gamma, lag):
    """Bound the norm of a product of Jacobians from above: (gamma * sigma_max(W))^lag.

    Parameters
    ----------
    W : (H, H) array
        The recurrent matrix.
    gamma : float
        The largest slope of the nonlinearity, at least 0: 1 for tanh and ReLU, 1/4 for the logistic
        function.
    lag : int or array of int
        How many Jacobians are multiplied, at least 0.

    Returns
    -------
    float or ndarray
        One bound for each lag; infinity where it is above the largest float.

    Raises
    ------
    ValueError
        If `W` is not a finite real square matrix, `gamma` is negative or infinite, or a lag is not
        a whole number of at least 0.

    Notes
    -----
    :eq:`eq-jacobians-bound`, derived in :ref:`ch-jacobians` (Pascanu, Mikolov and Bengio 2013).
    True for every input and every state, because the norm of a product is at most the product of
    the norms. It says nothing when gamma * sigma_max is above 1.

    Examples
    --------
    >>> vanishing_bound([[0.6, 0.0], [0.0, 0.9]], 1.0, 10) == 0.9**10
    True
    """
    gamma = _number("gamma", gamma, 0, high_open=True)
    with np.errstate(over="ignore"):
        return _out((gamma * np.linalg.norm(_square(W), 2)) ** _lags("lag", lag))


def kreiss_constant(W):
    """The Kreiss constant of a matrix: sup over abs(z) > 1 of (abs(z) - 1) * norm((zI - W)^-1).

    Parameters
    ----------
    W : (n, n) array
        A real matrix.

    Returns
    -------
    float
        At least 1. Infinity if the spectral radius is above 1.

    Raises
    ------
    ValueError
        If `W` is not a finite real square matrix, or its spectral radius is within 1e-8 of 1 and W
        is not normal: there the answer would hang on a rounding.

    Notes
    -----
    K <= max over k of norm(W^k) <= e n K (Kreiss 1962; Spijker 1991 for the factor e n), see
    :ref:`ch-jacobians`. For a normal matrix of spectral radius up to 1 it is 1. Otherwise the
    supremum is looked for on a grid of radii and angles, which holds the angle of each eigenvalue,
    and the three best places are refined by a shrinking search. The value is that of a point, so it
    never is above the true one; a peak narrower than the grid could be missed.

    Examples
    --------
    >>> round(kreiss_constant([[0.9, 5.0], [0.0, 0.9]]), 1)
    12.5
    """
    W = _square(W)
    n, values = len(W), np.linalg.eigvals(W)
    rho = np.abs(values).max()
    with np.errstate(over="ignore", invalid="ignore"):
        skew = np.abs(W @ W.T - W.T @ W).max()
    if rho <= 1 + 1e-8 and skew <= 1e-14 * n * rho**2:
        return 1.0
    if abs(rho - 1) <= 1e-8:
        raise ValueError(
            "W must have a spectral radius below or above 1 by more than 1e-8, or be normal, "
            f"got {rho:.10f}"
        )
    if rho > 1:
        return float("inf")

    def resolvent(out, angle):
        """(abs(z) - 1) * norm((zI - W)^-1) at abs(z) = 1 + e^out."""
        z = (1 + np.exp(out)) * np.exp(1j * angle)
        smallest = np.linalg.svd(z[..., None, None] * np.eye(n) - W, compute_uv=False)[..., -1]
        return np.exp(out) / smallest

    lowest, highest = np.log((1 - rho) / 100), np.log(10 * (1 + np.linalg.norm(W, 2)))
    angles = np.union1d(np.linspace(0, np.pi, 33), np.abs(np.angle(values)))
    angle, out = (g.ravel() for g in np.meshgrid(angles, np.linspace(lowest, highest, 33)))
    rows = zip(out.reshape(33, -1), angle.reshape(33, -1), strict=True)  # one by one, for memory
    found, best = (
        np.concatenate([resolvent(*row) for row in rows]),
        1.0,
    )  # 1 is the limit at infinity
    for start in np.argsort(found)[-3:]:
        here, reach = np.array([out[start], angle[start]]), np.array([1.0, 0.2])
        for _ in range(60):
            near = here[:, None] + reach[:, None] * np.mgrid[-1:2, -1:2].reshape(2, -1)
            around = resolvent(*near)
            here, reach = near[:, around.argmax()], reach * (0.6 if around.argmax() == 4 else 1)
        best = max(best, around.max())
    return float(best)


def transient_norm(g, k):
    """The norm of the k-th power of a large Gaussian matrix: g^k sqrt((k+1)^(k+1) / k^k).

    Parameters
    ----------
    g : float
        W has independent normal entries of variance g^2/n; at least 0.
    k : int or array of int
        The power, at least 0.

    Returns
    -------
    float or ndarray
        The limit of norm(W^k) as n grows with k fixed, almost surely.

    Raises
    ------
    ValueError
        If `g` is negative or infinite or a power is not a whole number of at least 0.

    Notes
    -----
    :eq:`eq-jacobians-transient` in :ref:`ch-jacobians`: (k+1)^(k+1)/k^k is the right end of the
    Fuss-Catalan law, which the squared singular values of W^k follow (Alexeev, Gotze and Tikhomirov
    2010). About g^k sqrt(e (k + 1/2)); for k = 1 it is 2 g.

    Examples
    --------
    >>> transient_norm(0.5, 1)
    1.0
    >>> transient_norm(1.0, [0, 8]).round(2).tolist()
    [1.0, 4.81]
    """
    g, k = _number("g", g, 0, high_open=True), _lags("k", k)
    with np.errstate(over="ignore"):
        return _out(g**k * np.sqrt((k + 1) * (1 + 1 / np.maximum(k, 1)) ** k))


def fresh_gaussian_exponent(n, sigma):
    """Growth per step, in logarithms, of a product of independent Gaussian matrices.

    Parameters
    ----------
    n : int
        Size of the matrices, at least 1.
    sigma : float
        Standard deviation of each entry, above 0.

    Returns
    -------
    float
        The limit of (1/k) ln norm(W_k ... W_1 v), almost surely: ln sigma + (ln 2 + psi(n/2)) / 2.

    Raises
    ------
    ValueError
        If `n` is not a positive integer or `sigma` is not above 0.

    Notes
    -----
    :eq:`eq-jacobians-fresh` in :ref:`ch-jacobians` (Newman 1986): each step multiplies the squared
    length by sigma^2 times a chi-square variable of n degrees. psi is the digamma function, a
    finite sum at halves of whole numbers.

    Examples
    --------
    >>> round(fresh_gaussian_exponent(4, 1.0), 3)
    0.558
    """
    n, sigma = _whole("n", n, 1), _number("sigma", sigma, 0, low_open=True, high_open=True)
    if n % 2 == 0:
        digamma = -np.euler_gamma + sum(1 / j for j in range(1, n // 2))
    else:
        digamma = -np.euler_gamma - 2 * math.log(2) + sum(2 / j for j in range(1, n - 1, 2))
    return math.log(sigma) + (math.log(2) + digamma) / 2


# --- Numbers of finite precision --------------------------------------------------------------


def rounding_lag(rate, dtype="float32"):
    """The lag from which a term rate^lag, added to 1, changes nothing.

    Parameters
    ----------
    rate : float
        The factor of each step, in (0, 1).
    dtype : str or dtype
        float32 or float64.

    Returns
    -------
    int
        The first lag at which rate^lag is at most half the distance from 1 to the next number.

    Raises
    ------
    ValueError
        If `rate` is not between 0 and 1 or `dtype` is another.

    Notes
    -----
    :eq:`eq-vanishing-floors` in :ref:`ch-vanishing`. Rounding is to the nearest number, ties to
    even, as IEEE 754 asks. A term that is subtracted from 1 is lost one halving later.

    Examples
    --------
    >>> rounding_lag(0.9), rounding_lag(0.9, "float64")
    (158, 349)
    """
    digits = _format(dtype).nmant + 1
    return _steps(rate, digits)


def underflow_lag(rate, dtype="float32"):
    """The lag from which a term rate^lag is 0 as a floating-point number.

    Parameters
    ----------
    rate : float
        The factor of each step, in (0, 1).
    dtype : str or dtype
        float32 or float64.

    Returns
    -------
    int
        The first lag at which rate^lag, computed exactly and then rounded, is 0.

    Raises
    ------
    ValueError
        If `rate` is not between 0 and 1 or `dtype` is another.

    Notes
    -----
    :eq:`eq-vanishing-floors` in :ref:`ch-vanishing`. Half the smallest subnormal number still
    rounds to 0. A loop that multiplies by `rate` and rounds at each step may stop above 0.

    Examples
    --------
    >>> underflow_lag(0.9)
    987
    >>> import numpy as np
    >>> np.float32(0.9**986) > 0, np.float32(0.9**987) > 0
    (np.True_, np.False_)
    """
    info = _format(dtype)
    return _steps(rate, 1 - round(math.log2(info.smallest_subnormal)))


def _format(dtype):
    try:
        dtype = np.dtype(dtype if dtype is not None else object)
    except TypeError:
        dtype = np.dtype(object)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {dtype}")
    return np.finfo(dtype)


def _steps(rate, halvings):
    """The first k with rate^k <= 2^-halvings."""
    rate = _number("rate", rate, 0, 1, low_open=True, high_open=True)
    return math.ceil(halvings / -math.log2(rate))


# --- One unit ---------------------------------------------------------------------------------


def latch_threshold(w):
    """How strong an input a latched tanh unit withstands: sqrt(w (w-1)) - artanh sqrt(1 - 1/w).

    Parameters
    ----------
    w : float
        The weight of the unit on itself, above 1.

    Returns
    -------
    float
        h*: under inputs that never pass h* in size, x_t = tanh(w x_{t-1} + h_t) never leaves the
        side that it is latched on.

    Raises
    ------
    ValueError
        If `w` is not above 1: then the unit has one rest and cannot latch.

    Notes
    -----
    :eq:`eq-vanishing-latch` in :ref:`ch-vanishing` (Bengio, Simard and Frasconi 1994). At a
    constant input of h* a stable and an unstable rest meet, where w (1 - x^2) = 1.

    Examples
    --------
    >>> round(latch_threshold(1.25), 5), round(latch_threshold(2.0), 5)
    (0.07781, 0.53284)
    """
    w = _number("w", w, 1, low_open=True, high_open=True)
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
    :eq:`eq-exploding-folds` in :ref:`ch-exploding` (the system of Pascanu, Mikolov and Bengio
    2013): at a fold w s (1 - s) = 1 and b = logit(s) - w s.

    Examples
    --------
    >>> [round(b, 4) for b in fold_points(5.0)]
    [-2.6556, -2.3444]
    """
    w = _number("w", w, 4, low_open=True, high_open=True)
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
    :eq:`eq-exploding-wall` in :ref:`ch-exploding` (the system of Pascanu, Mikolov and Bengio 2013).

    Examples
    --------
    >>> db, dw = cliff_gradient(5.0)
    >>> round(db, 2), round(dw / db, 4)
    (-661.68, 0.6225)
    """
    w = _number("w", w, 1 / _SLOPE, low_open=True, high_open=True)
    steps = _whole("steps", steps, 1)
    factor = _SLOPE * w
    with np.errstate(over="ignore"):
        paths = float(np.sum(factor ** np.arange(steps, dtype=float)))
    db = 2 * (_S - 0.7) * _SLOPE * paths
    return db, _S * db


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
    :eq:`eq-vanishing-half-life` in :ref:`ch-vanishing` (Gers, Schmidhuber and Cummins 2000, on the
    gate's bias). It speaks of the direct path through the cell state alone.

    Examples
    --------
    >>> forget_half_life(0.0)
    1.0
    >>> [round(forget_half_life(bias) / math.log(2), 2) for bias in (0.0, 1.0, 5.0)]
    [1.44, 3.19, 148.91]
    """
    bias = _number("bias", bias, -np.inf, np.inf, low_open=True, high_open=True)
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
    :eq:`eq-vanishing-chrono` in :ref:`ch-vanishing` (Tallec and Ollivier 2018): the mean over T
    from 2 to t_max of (1 - 1/T)^k, by Gauss-Legendre quadrature in ln T.

    Examples
    --------
    >>> chrono_decay(100, [10, 50, 100]).round(3).tolist()
    [0.733, 0.33, 0.15]
    """
    t_max, k = _number("t_max", t_max, 2, low_open=True, high_open=True), _lags("k", k)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    half = math.log(t_max / 2) / 2
    T = 2 * np.exp(half * (nodes + 1))
    kept = np.exp(k[..., None] * np.log1p(-1 / T)) * T
    return _out(half * kept @ weights / (t_max - 2))


# --- Many units -------------------------------------------------------------------------------


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
    sigma_w = _number("sigma_w", sigma_w, 0, 1000)
    sigma_u = _number("sigma_u", sigma_u, 0, 1000)
    second_moment = _number("second_moment", second_moment, 0, 1000)
    given = sigma_u**2 * second_moment + _number("sigma_b", sigma_b, 0, 1000) ** 2
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
    :eq:`eq-exploding-lyapunov` in :ref:`ch-exploding` (after Sompolinsky, Crisanti and Sommers
    1988; Engelken, Wolf and Abbott 2023): half the logarithm of `mean_field(g, 0).chi`.

    Examples
    --------
    >>> [round(tanh_lyapunov(g), 4) for g in (1.5, 2.0, 3.0)]
    [0.0652, 0.1547, 0.3102]
    """
    g = _number("g", g, 0, 1000, low_open=True)
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


# --- Tasks ------------------------------------------------------------------------------------


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
    Arjovsky, Shah and Bengio (2016); used in :ref:`ch-impacts`.

    Examples
    --------
    >>> round(copy_baseline(100), 4)
    0.1733
    """
    return 10 * math.log(8) / (_whole("T", T, 1) + 20)


def adding_baseline():
    """The mean squared error of the adding task for the best constant guess: 1/6.

    Returns
    -------
    float
        The variance of the sum of two independent uniform numbers on [0, 1].

    Notes
    -----
    Used in :ref:`ch-impacts`.

    Examples
    --------
    >>> round(adding_baseline(), 4)
    0.1667
    """
    return 1 / 6

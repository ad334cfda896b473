"""Products of Jacobians: how large they can be, and how large they are for random matrices."""

import math

import numpy as np

from rnn_src import checks
from rnn_src.theory._lags import lags, shaped

__all__ = ["fresh_gaussian_exponent", "kreiss_constant", "transient_norm", "vanishing_bound"]


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
    gamma = checks.number("gamma", gamma, 0, high_open=True)
    with np.errstate(over="ignore"):
        return shaped((gamma * np.linalg.norm(_square(W), 2)) ** lags("lag", lag))


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
    :ref:`ch-transients`. For a normal matrix of spectral radius up to 1 it is 1. Otherwise the
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
        The limit of norm(W^k) as n grows with k fixed: the end of the law of its singular values.

    Raises
    ------
    ValueError
        If `g` is negative or infinite or a power is not a whole number of at least 0.

    Notes
    -----
    :eq:`eq-jacobians-transient` in :ref:`ch-transients`: (k+1)^(k+1)/k^k is the right end of the
    Fuss-Catalan law, which the squared singular values of W^k follow (Alexeev, Gotze and Tikhomirov
    2010). A law of all does not exclude single values beyond its end: that the norm goes to the end
    is measured in the chapter, not proved. About g^k sqrt(e (k + 1/2)); for k = 1 it is 2 g.

    Examples
    --------
    >>> transient_norm(0.5, 1)
    1.0
    >>> transient_norm(1.0, [0, 8]).round(2).tolist()
    [1.0, 4.81]
    """
    g, k = checks.number("g", g, 0, high_open=True), lags("k", k)
    with np.errstate(over="ignore"):
        return shaped(g**k * np.sqrt((k + 1) * (1 + 1 / np.maximum(k, 1)) ** k))


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
    :eq:`eq-jacobians-fresh` in :ref:`ch-transients` (Newman 1986): each step multiplies the squared
    length by sigma^2 times a chi-square variable of n degrees. psi is the digamma function, a
    finite sum at halves of whole numbers.

    Examples
    --------
    >>> round(fresh_gaussian_exponent(4, 1.0), 3)
    0.558
    """
    n, sigma = (
        checks.positive_integer("n", n, 1),
        checks.number("sigma", sigma, 0, low_open=True, high_open=True),
    )
    if n % 2 == 0:
        digamma = -np.euler_gamma + sum(1 / j for j in range(1, n // 2))
    else:
        digamma = -np.euler_gamma - 2 * math.log(2) + sum(2 / j for j in range(1, n - 1, 2))
    return math.log(sigma) + (math.log(2) + digamma) / 2


def _square(W):
    """A finite real square matrix."""
    W = np.asarray(W)
    if W.dtype.kind not in "iuf" or W.ndim != 2 or W.shape[0] != W.shape[1] or W.size == 0:
        raise ValueError(f"W must be a real square matrix, got {W.dtype} of shape {W.shape}")
    if not np.isfinite(W).all():
        raise ValueError("W must be finite, got NaN or infinity in it")
    return W.astype(float)

"""Ways to draw a weight matrix. Each takes ``(rng, rows, columns, scale)`` and returns float64.

To fix the scale, use `functools.partial`: ``recurrent=partial(gaussian, gain=0.5)``.
"""

import numpy as np

from rnn_src import _checks

__all__ = ["INITIALIZERS", "gaussian", "identity", "orthogonal", "spectral_radius"]


def _sizes(rng, rows, columns):
    rng = _checks.generator("rng", rng)
    return rng, _checks.positive_integer("rows", rows), _checks.positive_integer("columns", columns)


def gaussian(rng, rows, columns, gain=1.0):
    """Independent normal entries of variance gain^2 / columns.

    With iid inputs of unit mean square, each product then has mean square gain^2. For a square
    matrix of many rows the spectral radius tends to `gain` and the largest singular value to 2
    `gain`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    rows, columns : int
        Shape of the matrix; `columns` is the fan-in.
    gain : float
        At least 0.

    Returns
    -------
    (rows, columns) ndarray of float64
        The matrix.

    Raises
    ------
    ValueError
        If a size is not a positive integer or `gain` is negative or infinite.
    TypeError
        If `rng` is not a Generator.

    Notes
    -----
    Measured in :ref:`ch-cell`.

    Examples
    --------
    >>> W = gaussian(np.random.default_rng(0), 500, 500, gain=0.5)
    >>> round(float(W.var() * 500), 2)
    0.25
    """
    rng, rows, columns = _sizes(rng, rows, columns)
    gain = _checks.number("gain", gain, 0, high_open=True)
    return gain / np.sqrt(columns) * rng.standard_normal((rows, columns))


def orthogonal(rng, rows, columns, gain=1.0):
    """Orthogonal matrix, uniform over the orthogonal group, times `gain`.

    The QR factor of a normal matrix, with the signs of R's diagonal moved over: without that step
    the draw is not uniform (Mezzadri 2007). A matrix that is not square gets orthonormal rows or
    columns.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    rows, columns : int
        Shape of the matrix.
    gain : float
        Every singular value of the result, at least 0.

    Returns
    -------
    (rows, columns) ndarray of float64
        The matrix.

    Raises
    ------
    ValueError
        If a size is not a positive integer or `gain` is negative or infinite.
    TypeError
        If `rng` is not a Generator.

    Notes
    -----
    Measured in :ref:`ch-cell`.

    Examples
    --------
    >>> Q = orthogonal(np.random.default_rng(0), 3, 3)
    >>> np.allclose(Q @ Q.T, np.eye(3))
    True
    """
    rng, rows, columns = _sizes(rng, rows, columns)
    gain = _checks.number("gain", gain, 0, high_open=True)
    tall = rng.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return gain * (q if rows >= columns else q.T)


def identity(rng, rows, columns, gain=1.0):
    """`gain` on the diagonal and 0 elsewhere; `rng` is not used.

    Parameters
    ----------
    rng : numpy.random.Generator
        Accepted so that every initializer is called alike.
    rows, columns : int
        Shape of the matrix.
    gain : float
        The diagonal, at least 0.

    Returns
    -------
    (rows, columns) ndarray of float64
        The matrix.

    Raises
    ------
    ValueError
        If a size is not a positive integer or `gain` is negative or infinite.
    TypeError
        If `rng` is not a Generator.

    Notes
    -----
    The starting point of the IRNN (Le, Jaitly and Hinton 2015); measured in :ref:`ch-cell`.

    Examples
    --------
    >>> identity(np.random.default_rng(0), 2, 2, gain=0.9)
    array([[0.9, 0. ],
           [0. , 0.9]])
    """
    rng, rows, columns = _sizes(rng, rows, columns)
    return _checks.number("gain", gain, 0, high_open=True) * np.eye(rows, columns)


def spectral_radius(rng, rows, columns, rho=1.0):
    """Square normal matrix rescaled so that its largest eigenvalue has modulus `rho`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    rows, columns : int
        Equal sizes.
    rho : float
        The spectral radius, at least 0.

    Returns
    -------
    (rows, columns) ndarray of float64
        The matrix.

    Raises
    ------
    ValueError
        If the sizes differ or are not positive integers, or `rho` is negative or infinite.
    TypeError
        If `rng` is not a Generator.

    Notes
    -----
    Used where gradients are checked, in :ref:`ch-bptt`: near rho = 1 no lag is drowned by another.

    Examples
    --------
    >>> W = spectral_radius(np.random.default_rng(0), 20, 20, rho=0.95)
    >>> round(float(abs(np.linalg.eigvals(W)).max()), 12)
    0.95
    """
    rng, rows, columns = _sizes(rng, rows, columns)
    if rows != columns:
        raise ValueError(f"columns must equal rows for a spectral radius, got {rows} x {columns}")
    W = rng.standard_normal((rows, columns))
    return _checks.number("rho", rho, 0, high_open=True) / np.abs(np.linalg.eigvals(W)).max() * W


#: Every initializer by name.
INITIALIZERS = {f.__name__: f for f in (gaussian, orthogonal, identity, spectral_radius)}

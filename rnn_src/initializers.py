"""Ways to draw a weight matrix. Each takes ``(rng, rows, columns, scale)`` and returns float64.

To fix the scale, use `functools.partial`: ``recurrent=partial(gaussian, gain=0.5)``. Introduced in
:ref:`ch-cell`.
"""

import numpy as np

from rnn_src import checks

__all__ = [
    "INITIALIZERS",
    "chrono",
    "forget_bias",
    "gaussian",
    "identity",
    "orthogonal",
    "spectral_radius",
]


def _sizes(rng, rows, columns):
    rng = checks.generator("rng", rng)
    return rng, checks.positive_integer("rows", rows), checks.positive_integer("columns", columns)


def gaussian(rng, rows, columns, gain=1.0):
    """Independent Gaussian entries of variance gain^2 / columns.

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
    gain = checks.number("gain", gain, 0, high_open=True)
    return gain / np.sqrt(columns) * rng.standard_normal((rows, columns))


def orthogonal(rng, rows, columns, gain=1.0):
    """Orthogonal matrix, uniform over the orthogonal group, times `gain`.

    The QR factor of a Gaussian matrix, with the signs of R's diagonal moved over: without that step
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
    gain = checks.number("gain", gain, 0, high_open=True)
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
    return checks.number("gain", gain, 0, high_open=True) * np.eye(rows, columns)


def spectral_radius(rng, rows, columns, rho=1.0):
    """Square Gaussian matrix rescaled so that its largest eigenvalue has modulus `rho`.

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
    Set beside other draws in :ref:`ch-cell`, and used where gradients are checked, in
    :ref:`ch-gradient-check`: near rho = 1 the far lags still weigh.

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
    return checks.number("rho", rho, 0, high_open=True) / np.abs(np.linalg.eigvals(W)).max() * W


def _gated(params):
    """H and the number of gates of a GRU's or an LSTM's parameters."""
    shapes = [np.shape(getattr(params, name, ())) for name in ("W", "b")]
    if len(shapes[0]) == 2 and shapes[0][1] > 0:
        rows, H = shapes[0]
        if rows in (3 * H, 4 * H) and shapes[1] == (rows,):
            return H, rows // H
    raise ValueError(
        f"params must be those of a GRU or an LSTM, got W and b of {shapes[0]} and {shapes[1]}"
    )


def forget_bias(params, value):
    """Set the bias of the gate that keeps: the forget gate of an LSTM, the update gate of a GRU.

    Parameters
    ----------
    params : LSTMParams or GRUParams
        As `rnn_src.scan.init` returns them.
    value : float
        The bias of each unit.

    Returns
    -------
    LSTMParams or GRUParams
        Copies where they differ; the second block of b is `value`.

    Raises
    ------
    ValueError
        If `params` are not those of a GRU or an LSTM, or `value` is not a finite number.

    Notes
    -----
    Gers, Schmidhuber and Cummins (2000) and Jozefowicz, Zaremba and Sutskever (2015) for the LSTM.
    Measured in :ref:`ch-forget-bias`.

    Examples
    --------
    >>> from rnn_src import init
    >>> params = init("lstm", 1, 2, np.random.default_rng(0))
    >>> forget_bias(params, 1.0).b
    array([0., 0., 1., 1., 0., 0., 0., 0.])
    """
    H, _ = _gated(params)
    b = params.b.copy()
    b[H : 2 * H] = checks.number("value", value, low_open=True, high_open=True)
    return params._replace(b=b)


def chrono(params, rng, longest):
    """Draw the biases of the gate that keeps so that time constants spread from 2 to `longest`.

    b = ln u with u uniform on [1, longest - 1], for the forget gate of an LSTM and the update gate
    of a GRU; with no other input a unit then keeps u / (u + 1) a step. The input gate of an LSTM
    has the bias -b.

    Parameters
    ----------
    params : LSTMParams or GRUParams
        As `rnn_src.scan.init` returns them.
    rng : numpy.random.Generator
        Source of randomness.
    longest : float
        The longest time constant, in steps; above 2.

    Returns
    -------
    LSTMParams or GRUParams
        Copies where they differ.

    Raises
    ------
    ValueError
        If `params` are not those of a GRU or an LSTM, or `longest` is not above 2.
    TypeError
        If `rng` is not a Generator.

    Notes
    -----
    Tallec and Ollivier (2018), section 3; predicted and measured in :ref:`ch-chrono`.

    Examples
    --------
    >>> from rnn_src import init
    >>> rng = np.random.default_rng(0)
    >>> b = chrono(init("lstm", 1, 2, rng), rng, longest=100).b
    >>> bool((b[2:4] >= 0).all()), (b[:2] + b[2:4]).tolist()
    (True, [0.0, 0.0])
    """
    H, gates = _gated(params)
    checks.generator("rng", rng)
    longest = checks.number("longest", longest, 2, low_open=True, high_open=True)
    b = params.b.copy()
    b[H : 2 * H] = np.log(rng.uniform(1, longest - 1, H))
    if gates == 4:
        b[:H] = -b[H : 2 * H]
    return params._replace(b=b)


#: Every initializer by name.
#:
#: :meta hide-value:
INITIALIZERS = {f.__name__: f for f in (gaussian, orthogonal, identity, spectral_radius)}

"""One step of each family whose state is multiplied unit by unit, in one notation.

Every function takes the state and what the step needs, for one sequence, and returns the next
state. How the gates come from the input is left to the caller.
"""

import numpy as np

from rnn_src import checks
from rnn_src.linear.ring import ring_eigenvalues

__all__ = ["lru_step", "mamba_step", "rg_lru_step", "s4d_lin", "s4d_step", "slstm_step"]


def s4d_lin(count):
    """The eigenvalues of S4D-Lin: -1/2 + i pi n for n = 0, 1, ...

    Parameters
    ----------
    count : int
        N, how many.

    Returns
    -------
    (N,) ndarray of complex128
        The eigenvalues of a system in continuous time, all stable.

    Raises
    ------
    ValueError
        If `count` is not a positive integer.

    Notes
    -----
    Gu et al. (2022); see :ref:`ch-families`.

    Examples
    --------
    >>> s4d_lin(2).round(3)
    array([-0.5+0.j   , -0.5+3.142j])
    """
    return -0.5 + 1j * np.pi * np.arange(checks.positive_integer("count", count))


def s4d_step(h, x, lam, delta, B):
    """A linear system in continuous time, its input held for a step: h' = lam h + B x.

    Parameters
    ----------
    h : (N,) array
        State, complex.
    x : float
        The input during this step.
    lam : (N,) array
        Eigenvalues, none of them 0; complex.
    delta : float
        Length of the step, above 0.
    B : (N,) array
        Input weights; complex.

    Returns
    -------
    (N,) ndarray
        exp(delta lam) h + (exp(delta lam) - 1) / lam B x: exact for a held input.

    Raises
    ------
    ValueError
        If a shape does not fit or `delta` is not above 0.

    Notes
    -----
    Zero-order hold, as in S4D (Gu et al. 2022); see :ref:`ch-families`. The output is the real part
    of a sum C h.

    Examples
    --------
    >>> float(s4d_step(np.zeros(1), 1.0, np.array([-1.0]), np.log(2), np.ones(1))[0])
    0.5
    """
    lam = checks.array("lam", lam, ("N",))
    h, B = checks.array("h", h, lam.shape), checks.array("B", B, lam.shape)
    delta = checks.number("delta", delta, 0, low_open=True, high_open=True)
    x = checks.number("x", x, low_open=True, high_open=True)
    return np.exp(delta * lam) * h + np.expm1(delta * lam) / lam * B * x


def lru_step(h, x, ring, B):
    """A step of the linear recurrent unit: lam h + gamma B x.

    Parameters
    ----------
    h : (H,) array
        State, complex.
    x : (D,) array
        Input.
    ring : Ring
        (H,) factors.
    B : (H, D) array
        Input weights, complex.

    Returns
    -------
    (H,) ndarray of complex128
        The next state.

    Raises
    ------
    ValueError
        If a shape does not fit.
    TypeError
        If `ring` is not a Ring.

    Notes
    -----
    Orvieto et al. (2023), with gamma where it stands before training; see :ref:`ch-families`.

    Examples
    --------
    >>> from rnn_src.linear import Ring
    >>> ring = Ring(np.log([np.log(2)]), np.log([np.pi]))
    >>> lru_step(np.ones(1), np.zeros(1), ring, np.ones((1, 1))).round(12)
    array([-0.5+0.j])
    """
    lam, gamma = ring_eigenvalues(ring)
    h, x = checks.array("h", h, lam.shape), checks.array("x", x, ("D",))
    B = checks.array("B", B, (("H", len(lam)), ("D", len(x))))
    return lam * h + gamma * (B @ x)


def mamba_step(h, x, delta, A, B, hold=False):
    """A step of a selective state space: its length and its input weights come from the input.

    Parameters
    ----------
    h : (D, N) array
        State: N numbers for each channel.
    x : (D,) array
        Input.
    delta : (D,) array
        Length of the step for each channel, at least 0; in Mamba softplus of a linear map of x.
    A : (D, N) array
        Eigenvalues, below 0.
    B : (N,) array
        Input weights of this step; in Mamba a linear map of x.
    hold : bool
        Whether the input is held exactly; if not, it counts delta B x, as in Mamba's code.

    Returns
    -------
    (D, N) ndarray
        exp(delta A) h + delta B x, or with `hold` exp(delta A) h + (exp(delta A) - 1) / A B x.

    Raises
    ------
    ValueError
        If a shape does not fit, a length is below 0 or an eigenvalue is not below 0.

    Notes
    -----
    Gu and Dao (2023). With N = 1, A = -1, B = 1, delta = softplus(z) and `hold` it is exactly
    (1 - g) h + g x with g = logistic(z), their theorem 1; see :ref:`ch-families`.

    Examples
    --------
    >>> ones = np.ones((1, 1))
    >>> mamba_step(0 * ones, np.array([2.0]), np.log([2.0]), -ones, ones[0], hold=True)
    array([[1.]])
    """
    h = checks.array("h", h, ("D", "N"))
    D, N = h.shape
    x, delta = checks.array("x", x, (("D", D),)), checks.array("delta", delta, (("D", D),))
    A, B = checks.array("A", A, h.shape), checks.array("B", B, (("N", N),))
    if (delta < 0).any() or (A >= 0).any():
        raise ValueError("delta must be at least 0 and A below 0, got other values")
    step = delta[:, None] * A
    written = np.expm1(step) / A if hold else delta[:, None]
    return np.exp(step) * h + written * B * x[:, None]


def rg_lru_step(h, x, r, i, L):
    """A step of the real gated linear recurrent unit: a h + sqrt(1 - a^2) i x.

    Parameters
    ----------
    h, x : (H,) array
        State and input.
    r, i : (H,) array
        Recurrence gate and input gate, in [0, 1]; in Griffin logistic maps of the input.
    L : (H,) array
        Decides how fast each unit forgets: a = exp(-8 r softplus(L)).

    Returns
    -------
    (H,) ndarray
        The next state. A unit with r = 0 keeps its own exactly, whatever its i.

    Raises
    ------
    ValueError
        If a shape does not fit or a gate is outside [0, 1].

    Notes
    -----
    De et al. (2024), in the form of its authors' code; see :ref:`ch-families`.

    Examples
    --------
    >>> one = np.ones(1)
    >>> rg_lru_step(3 * one, 9 * one, 0 * one, one, one)
    array([3.])
    """
    h = checks.array("h", h, ("H",))
    x, r, i, L = (checks.array(n, v, h.shape) for n, v in zip("xriL", (x, r, i, L)))
    if min(r.min(), i.min()) < 0 or max(r.max(), i.max()) > 1:
        raise ValueError("r and i must be in [0, 1], got other values")
    log_a = -8 * r * np.logaddexp(0, L)
    return np.exp(log_a) * h + np.sqrt(-np.expm1(2 * log_a)) * i * x


def slstm_step(state, z, log_f, log_i):
    """A step of the scalar LSTM with exponential gates, kept in range by a running maximum.

    Parameters
    ----------
    state : tuple of three (H,) arrays
        c, n and m: what is stored, the sum of its weights, and the scale: the true c and n are
        exp(m) times these. Begin with zeros.
    z : (H,) array
        What is written.
    log_f, log_i : (H,) array
        Logarithms of the forget and of the input gate.

    Returns
    -------
    state : tuple of three (H,) ndarrays
        The next c, n and m.
    h : (H,) ndarray
        c / n, before the output gate. No m appears in it.

    Raises
    ------
    ValueError
        If a shape does not fit.

    Notes
    -----
    Beck et al. (2024): m_t = max(log f + m_{t-1}, log i); see :ref:`ch-families`.

    Examples
    --------
    >>> zero = np.zeros(1)
    >>> slstm_step((zero, zero, zero), np.array([5.0]), zero, zero + 1000)[1]
    array([5.])
    """
    z = checks.array("z", z, ("H",))
    log_f, log_i = (
        checks.array(name, value, z.shape) for name, value in (("log_f", log_f), ("log_i", log_i))
    )
    c, n, m = (checks.array("state", part, z.shape) for part in state)
    f, i, m = in_range(log_f, log_i, m)
    c, n = f * c + i * z, f * n + i
    return (c, n, m), c / n


def in_range(log_f, log_i, m):
    """Two exponential gates as parts of exp(m) for the next m, so that the larger one is 1."""
    kept = log_f + m
    m = np.maximum(kept, log_i)
    return np.exp(kept - m), np.exp(log_i - m), m

"""One step of each family whose state is a matrix that stores values under keys.

The state S is (V, K): it answers a query q with S q. The notation is that of the steps of
`rnn_src.linear.diagonal`.
"""

import numpy as np

from rnn_src import checks
from rnn_src.linear.diagonal import in_range

__all__ = ["gated_delta_step", "mlstm_step", "rwkv7_step"]


def gated_delta_step(S, k, v, alpha=1.0, beta=1.0):
    """Fade, then correct what the key answers: alpha S (I - beta k k') + beta v k'.

    Parameters
    ----------
    S : (V, K) array
        State.
    k : (K,) array
        Key, of norm 1.
    v : (V,) array
        Value.
    alpha : float
        What is kept, in [0, 1]; at 1 it is the delta rule.
    beta : float
        How much is corrected, in [0, 2]. At 1 the key then answers v; at 2 and v = 0 the step is a
        reflection.

    Returns
    -------
    (V, K) ndarray
        The next state.

    Raises
    ------
    ValueError
        If a shape does not fit, the key is not of norm 1 or a number is outside its range.

    Notes
    -----
    Yang et al. (2025), with beta up to 2 as Grazzi et al. (2025) allow it. With alpha = 1 it is a
    step of gradient descent on half the squared norm of S k - v, of size beta. See
    :ref:`ch-counting` and :ref:`ch-families`.

    Examples
    --------
    >>> S = gated_delta_step(np.zeros((1, 2)), np.array([1.0, 0.0]), np.array([3.0]))
    >>> gated_delta_step(S, np.array([1.0, 0.0]), np.array([5.0]))
    array([[5., 0.]])
    """
    S, k, v = _fitting(S, k, v)
    if abs(k @ k - 1) > 1e-6:
        raise ValueError(f"k must have norm 1, got {np.sqrt(k @ k):.6g}")
    alpha, beta = checks.number("alpha", alpha, 0, 1), checks.number("beta", beta, 0, 2)
    faded = alpha * S
    return faded + beta * np.outer(v - faded @ k, k)


def mlstm_step(state, k, v, log_f, log_i):
    """A step of the matrix LSTM with exponential gates, kept in range by a running maximum.

    Parameters
    ----------
    state : tuple
        S (V, K), n (K,) and m: values under keys, the sum of the keys by the same weights, and the
        scale: the true S and n are exp(m) times these. Begin with zeros.
    k : (K,) array
        Key.
    v : (V,) array
        Value.
    log_f, log_i : float
        Logarithms of the forget and of the input gate.

    Returns
    -------
    tuple
        The next S, n and m. The answer to q is S q / max(abs(n q), exp(-m)).

    Raises
    ------
    ValueError
        If a shape does not fit.

    Notes
    -----
    Beck et al. (2024): m_t = max(log f + m_{t-1}, log i). The true answer is
    S q / max(abs(n q), 1); both parts are divided by exp(m). See :ref:`ch-families`.

    Examples
    --------
    >>> zero = (np.zeros((1, 2)), np.zeros(2), 0.0)
    >>> S, n, m = mlstm_step(zero, np.array([1.0, 0.0]), np.array([5.0]), 0.0, 1000.0)
    >>> (S[:, 0] / n[0]).tolist(), m
    ([5.0], 1000.0)
    """
    S, n, m = state
    S, k, v = _fitting(S, k, v)
    n = checks.array("n", n, k.shape)
    finite = dict(low_open=True, high_open=True)
    m, log_f, log_i = (
        checks.number(name, value, **finite)
        for name, value in (("m", m), ("log_f", log_f), ("log_i", log_i))
    )
    f, i, m = in_range(log_f, log_i, m)
    return f * S + i * np.outer(v, k), f * n + i * k, float(m)


def rwkv7_step(S, k, v, w, kappa, a):
    """A step of RWKV-7: fade, take out at one key, write at another.

    Parameters
    ----------
    S : (V, K) array
        State.
    k : (K,) array
        Key that is written.
    v : (V,) array
        Value.
    w : (K,) array
        What each column keeps, in [0, 1].
    kappa : (K,) array
        Key that is taken out, of norm 1.
    a : (K,) array
        How much of it, in [0, 1].

    Returns
    -------
    (V, K) ndarray
        S diag(w) - (S kappa) (kappa a)' + v k'.

    Raises
    ------
    ValueError
        If a shape does not fit, `kappa` is not of norm 1, or `w` or `a` is outside [0, 1].

    Notes
    -----
    Peng et al. (2025), in the form of its reference in NumPy, where w is between exp(-exp(-1/2)),
    which is about 0.545, and 1. See :ref:`ch-families`.

    Examples
    --------
    >>> one = np.ones(1)
    >>> rwkv7_step(np.array([[3.0]]), one, 5 * one, one, one, one)  # with w = 1: the delta rule
    array([[5.]])
    """
    S, k, v = _fitting(S, k, v)
    w, kappa, a = (
        checks.array(name, value, k.shape) for name, value in (("w", w), ("kappa", kappa), ("a", a))
    )
    if min(w.min(), a.min()) < 0 or max(w.max(), a.max()) > 1:
        raise ValueError("w and a must be in [0, 1], got other values")
    if abs(kappa @ kappa - 1) > 1e-6:
        raise ValueError(f"kappa must have norm 1, got {np.sqrt(kappa @ kappa):.6g}")
    return S * w - np.outer(S @ kappa, kappa * a) + np.outer(v, k)


def _fitting(S, k, v):
    S = checks.array("S", S, ("V", "K"))
    V, K = S.shape
    return S, checks.array("k", k, (("K", K),)), checks.array("v", v, (("V", V),))

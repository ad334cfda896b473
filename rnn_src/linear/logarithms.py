"""The recurrence of positive numbers, by their logarithms."""

import numpy as np

from rnn_src import checks
from rnn_src.linear.recurrence import sweep

__all__ = ["log_scan"]


def log_scan(log_a, log_b, log_h0=None):
    """Logarithms of the states of a recurrence whose factors and inputs are positive.

    Parameters
    ----------
    log_a, log_b : (T, ...) array
        Logarithms of the factors and inputs, real.
    log_h0 : (...) array, optional
        Logarithm of the first state, which is 0 if not given.

    Returns
    -------
    (T+1, ...) ndarray
        ln h_t. The first is -inf if the first state is 0.

    Raises
    ------
    ValueError
        If the shapes do not match, or a value is not a finite number in float32 or float64.

    Notes
    -----
    Feng et al. (2024) add up the logarithms of all factors and subtract them again, after Heinsen
    (2023). Here steps are composed in pairs as in `parallel_scan`, with a sum for the product and
    the logarithm of a sum of exponentials for the sum: nothing large is subtracted. See
    :ref:`ch-linear`.

    Examples
    --------
    >>> half = np.full(1000, np.log(0.5))
    >>> np.exp(log_scan(half, half))[[0, 1, 2, 1000]]
    array([0.  , 0.5 , 0.75, 1.  ])
    """
    log_a = checks.array("log_a", log_a, ("...",))
    if log_a.ndim == 0 or np.iscomplexobj(log_a):
        raise ValueError(f"log_a must be a real (T, ...), got {log_a.dtype} of {log_a.shape}")
    log_b = checks.array("log_b", log_b, log_a.shape, log_a.dtype, like=" like log_a")
    states = np.empty((len(log_a) + 1, *log_a.shape[1:]), log_a.dtype)
    states[0], states[1:] = -np.inf, log_b
    if log_h0 is not None:
        shape = log_a.shape[1:]
        states[0] = checks.array("log_h0", log_h0, shape, log_a.dtype, like=" like log_a")
        states[1] = np.logaddexp(log_a[0] + states[0], log_b[0])
    sweep(log_a, states[1:], np.add, np.logaddexp)
    return states

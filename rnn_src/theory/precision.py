"""Numbers of finite precision: from which lag on a contribution is lost."""

import math

import numpy as np

from rnn_src import checks

__all__ = ["rounding_lag", "underflow_lag"]


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
    digits = np.finfo(checks.float_dtype("dtype", dtype)).nmant + 1
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
    info = np.finfo(checks.float_dtype("dtype", dtype))
    return _steps(rate, 1 - round(math.log2(info.smallest_subnormal)))


def _steps(rate, halvings):
    """The first k with rate^k <= 2^-halvings."""
    rate = checks.number("rate", rate, 0, 1, low_open=True, high_open=True)
    return math.ceil(halvings / -math.log2(rate))

"""Whole numbers of steps, one or many: how a formula takes and answers them."""

import numpy as np


def lags(name, value):
    """Whole numbers of steps as floats; a scalar becomes an array without axes."""
    found = np.asarray(value)
    whole = found.dtype.kind in "iuf" and np.isfinite(found).all() and not (found % 1).any()
    if not whole or found.size == 0 or (found < 0).any():
        raise ValueError(f"{name} must be one or more integers of at least 0, got {value!r}")
    return found.astype(float)


def shaped(values):
    """A float if there is one value, else the array."""
    return float(values) if np.ndim(values) == 0 else values

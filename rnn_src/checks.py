"""Bad input gets one clear sentence at the border: the argument, what came, what was wanted."""

import numbers

import numpy as np

__all__ = []  # for the modules of the package, which import it whole; no chapter does

FLOATS = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.complex128))


class NotFinite(ValueError):
    """An array holds NaN or infinity: bad input, or a run that diverged."""


def positive_integer(name, value, least=1):
    """Return `value` as an int, or say why it is not one."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
    return int(value)


def number(name, value, low=-np.inf, high=np.inf, *, low_open=False, high_open=False):
    """Return `value` as a float inside the range, or say why it is not."""
    ok = isinstance(value, numbers.Real) and not isinstance(value, bool) and low <= value <= high
    if not ok or (low_open and value == low) or (high_open and value == high):
        left, right = "(" if low_open else "[", ")" if high_open else "]"
        raise ValueError(f"{name} must be a number in {left}{low}, {high}{right}, got {value!r}")
    return float(value)


def choice(name, value, options):
    """Return the entry of the mapping `options` under `value`, or list what there is."""
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {', '.join(options)}, got {value!r}")
    return options[value]


def instance(name, value, kind):
    """Return `value` if it is a `kind`, or say what came instead."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise TypeError(f"{name} must be {article} {kind.__name__}, got {type(value).__name__}")
    return value


def function(name, value):
    """Return `value` if it can be called, or say what came instead."""
    if not callable(value):
        raise TypeError(f"{name} must be a function, got {type(value).__name__}")
    return value


def generator(name, value):
    """Return a NumPy random generator, or say what came instead."""
    if not isinstance(value, np.random.Generator):
        raise TypeError(
            f"{name} must be a numpy.random.Generator such as np.random.default_rng(0), "
            f"got {type(value).__name__}"
        )
    return value


def float_dtype(name, value):
    """Return float32 or float64 as a dtype, or say what came instead."""
    try:
        dtype = None if value is None else np.dtype(value)  # np.dtype(None) is float64
    except (TypeError, ValueError):
        dtype = None
    if dtype is None or dtype not in FLOATS[:2]:  # None == np.dtype(float) is True
        raise ValueError(f"{name} must be float32 or float64, got {value!r}")
    return dtype


def array(name, value, shape, dtype=None, like=" like the parameters"):
    """Return `value` as a finite array of the wanted shape and dtype.

    `shape` holds sizes; a letter stands for a size that is free, and a pair such as ("D", 8) for
    one that has a letter and a known size. A leading "..." stands for any number of axes. With
    `dtype` the value is converted when nothing can be lost.
    """
    if value is None or isinstance(value, str):
        raise TypeError(f"{name} must be an array, got {value!r}")
    value = as_array(name, value)
    asked = shape
    if shape and shape[0] == "...":
        shape = ("...",) * (value.ndim - len(shape) + 1) + tuple(shape[1:])
    known = [size[1] if isinstance(size, tuple) else size for size in shape]
    fits = value.ndim == len(known)
    for want, got in zip(known, value.shape):
        fits = fits and (want == got or isinstance(want, str))
    if not fits:
        letters = [size[0] if isinstance(size, tuple) else str(size) for size in asked]
        pairs = [f"{size[0]} = {size[1]}" for size in shape if isinstance(size, tuple)]
        given = f" with {', '.join(pairs)}" if pairs else ""
        comma = "," if len(letters) == 1 else ""
        raise ValueError(f"{name} must be ({', '.join(letters)}{comma}){given}, got {value.shape}")
    if value.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {value.shape}")
    if dtype is None:
        if value.dtype not in FLOATS:
            raise ValueError(f"{name} must be float32 or float64, got {value.dtype}")
    elif value.dtype != dtype:
        if not np.can_cast(value.dtype, dtype, "safe"):
            raise ValueError(f"{name} must be {np.dtype(dtype)}{like}, got {value.dtype}")
        value = value.astype(dtype)
    if not np.isfinite(value).all():
        raise NotFinite(f"{name} must be finite, got NaN or infinity in it")
    return value


def as_array(name, value):
    """Return `value` as an array, or say that its rows differ in length."""
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} must be an array, got rows of different lengths") from None


def integers(name, value, size):
    """Return `value` as an array of integers in 0..size-1, or say what is in it."""
    value = as_array(name, value)
    fits = np.issubdtype(value.dtype, np.integer) and value.size > 0
    if not fits or value.min() < 0 or value.max() >= size:
        raise ValueError(f"{name} must be integers in 0..{size - 1}, got {str(value.tolist()):.60}")
    return value


def parameters(cell, params):
    """Return D and H of the parameters of a cell; they match, are finite and of one dtype."""
    if not isinstance(params, cell.params):
        raise TypeError(
            f"params must be {cell.params.__name__} for cell {cell.name!r}, "
            f"got {type(params).__name__}"
        )
    U = array("params.U", params.U, ("G*H", "D"))
    rows, D = U.shape
    if rows % cell.gates:
        raise ValueError(f"params.U must have a multiple of {cell.gates} rows, got {rows}")
    H = rows // cell.gates
    for name, shape in cell.shapes(D, H).items():
        leaf = array(f"params.{name}", getattr(params, name), shape)
        if leaf.dtype != U.dtype:
            raise ValueError(f"params.{name} must be {U.dtype} like params.U, got {leaf.dtype}")
    return D, H


def lengths(value, T, B):
    """Return whole numbers in 1..T, one a sequence; None when every sequence fills the batch."""
    if value is None:
        return None
    value = as_array("lengths", value)
    fits = value.shape == (B,) and np.issubdtype(value.dtype, np.integer)
    if not fits or value.min() < 1 or value.max() > T:
        raise ValueError(
            f"lengths must be {B} integers from 1 to T = {T}, got {str(value.tolist()):.60}"
        )
    return value

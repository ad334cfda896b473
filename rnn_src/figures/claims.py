"""Numbers that the text quotes, each checked with what the text says of it."""

import inspect
import numbers

import numpy as np

__all__ = ["quote"]


def quote(claim, /, **values):
    """Check what the text says of computed numbers and hand it just these numbers.

    ``{glue:text}`` puts them where the text names them. What is checked is what is printed, so that
    the two cannot drift apart. Without MyST-NB, as in a downloaded chapter, it only checks.

    Parameters
    ----------
    claim : function
        What the text says of the numbers: it takes them by their names, all of them, and returns
        whether it holds. It must not hold if one of them is NaN, so that none is left out.
    **values
        Finite numbers by the name that the text calls them.

    Raises
    ------
    AssertionError
        If the claim is false.
    TypeError
        If `claim` is not a function, or a value is not a number.
    ValueError
        If a number is NaN or infinite, if `claim` does not take just these names, or if it holds
        whatever one of the numbers is.

    Notes
    -----
    Used in :ref:`ch-memory`.

    Examples
    --------
    >>> quote(lambda loss: loss < 0.1, loss=0.3)
    Traceback (most recent call last):
    ...
    AssertionError: the claim is false for loss = 0.3
    >>> quote(lambda loss: True, loss=0.3)
    Traceback (most recent call last):
    ...
    ValueError: claim must depend on loss, but holds for NaN too
    """
    if not callable(claim):
        raise TypeError(f"claim must be a function of the values, got {type(claim).__name__}")
    takes = list(inspect.signature(claim).parameters)
    if not values or sorted(takes) != sorted(values):
        raise ValueError(
            f"claim must take the values, {', '.join(values) or 'none'}, by their names, "
            f"but it takes {', '.join(takes) or 'none'}"
        )
    for name, value in values.items():
        if not isinstance(value, (numbers.Real, np.bool_)):
            raise TypeError(f"{name} must be a number, got {type(value).__name__}")
        if not np.isfinite(value):
            raise ValueError(f"{name} must be finite, got {value}")
    if not claim(**values):
        told = ", ".join(f"{name} = {value:.6g}" for name, value in values.items())
        raise AssertionError(f"the claim is false for {told}")
    for name in values:
        if claim(**values | {name: np.nan}):
            raise ValueError(f"claim must depend on {name}, but holds for NaN too")
    try:
        from myst_nb import glue
    except ModuleNotFoundError:  # in a notebook, the text has its numbers
        return
    for name, value in values.items():
        kind = int if isinstance(value, numbers.Integral) else float
        glue(name, kind(value), display=False)

"""Is the gradient right? Finite differences, the complex step, and a check that 0/0 cannot fool.

Explained in :ref:`ch-gradient-check`, with the ways in which a check can lie.
"""

from typing import NamedTuple

import numpy as np

from rnn_src import checks
from rnn_src.trees import tree_leaves, tree_map

__all__ = [
    "GradientError",
    "GradientReport",
    "check_gradients",
    "complex_step",
    "finite_difference",
]


_STEP = 1e-6  # of finite differences


class GradientError(AssertionError):
    """The gradient disagrees with the measurement, or the measurement could prove nothing.

    Notes
    -----
    See :ref:`ch-gradient-check`.

    Examples
    --------
    >>> issubclass(GradientError, AssertionError)
    True
    """


class GradientReport(NamedTuple):
    """What a passed check measured.

    Parameters
    ----------
    worst : float
        The largest relative error of any leaf in any direction.
    errors : dict of str to float
        The largest relative error by leaf.

    Notes
    -----
    See :ref:`ch-gradient-check`.

    Examples
    --------
    >>> GradientReport(worst=1e-12, errors={"W": 1e-12}).worst
    1e-12
    """

    worst: float
    errors: dict


def finite_difference(function, variables, direction, step=_STEP):
    """Derivative along a direction by central differences: [f(v + h d) - f(v - h d)] / 2h.

    Parameters
    ----------
    function : callable
        Takes a tree like `variables`, returns a number.
    variables, direction : tree of arrays
        Where, and which way.
    step : float
        h, above 0. The truncation error falls like h^2 and the rounding error grows like 1/h.

    Returns
    -------
    float
        The measured derivative.

    Raises
    ------
    ValueError
        If `step` is not above 0.

    Notes
    -----
    :eq:`eq-bptt-central` in :ref:`ch-gradient-check`.

    Examples
    --------
    >>> round(finite_difference(lambda v: v["w"] ** 3, {"w": 2.0}, {"w": 1.0}), 6)
    12.0
    """
    step = checks.number("step", step, 0, low_open=True, high_open=True)
    ahead = function(tree_map(lambda v, d: v + step * d, variables, direction))
    behind = function(tree_map(lambda v, d: v - step * d, variables, direction))
    return float(ahead - behind) / (2 * step)


def complex_step(function, variables, direction, step=1e-30):
    """Derivative along a direction without a subtraction: Im f(v + i h d) / h.

    Parameters
    ----------
    function : callable
        Takes a tree like `variables` with complex leaves, returns a complex number. It must be
        analytic in its arithmetic: no abs, no conjugate, no comparison of complex numbers.
    variables, direction : tree of arrays
        Where, and which way; real.
    step : float
        h, above 0. It can be tiny, as nothing cancels.

    Returns
    -------
    float
        The measured derivative.

    Raises
    ------
    ValueError
        If `step` is not above 0.

    Notes
    -----
    Squire and Trapp (1998); :eq:`eq-bptt-complex-step` in :ref:`ch-gradient-check`.

    Examples
    --------
    >>> complex_step(lambda v: v["w"] ** 3, {"w": 2.0}, {"w": 1.0})
    12.0
    """
    step = checks.number("step", step, 0, low_open=True, high_open=True)
    moved = tree_map(lambda v, d: v + 1j * step * np.asarray(d), variables, direction)
    return float(np.imag(function(moved)) / step)


_METHODS = {"complex_step": complex_step, "finite_difference": finite_difference}
_BLUR = 1e-3  # the share of a derivative that rounding may hide


def check_gradients(
    function,
    variables,
    grads,
    rng,
    method="complex_step",
    tolerance=1e-10,
    directions=5,
    magnitude=None,
):
    """Compare gradients with measured derivatives, leaf by leaf, along random directions.

    Parameters
    ----------
    function : callable
        The loss as a function of a tree like `variables`.
    variables : tree of arrays
        Where to check, in float64.
    grads : tree of arrays
        What to check, of the same structure.
    rng : numpy.random.Generator
        Draws the directions.
    method : {"complex_step", "finite_difference"}
        How to measure. Finite differences want a tolerance of about 1e-6.
    tolerance : float
        The largest relative error that passes, between 0 and 1; beside it, finite differences pass
        what the rounding of the loss can account for.
    directions : int
        How many directions each leaf is tried along.
    magnitude : float, optional
        Of finite differences: the sum of the absolute terms that the loss adds up, where it is much
        larger than the loss, because they cancel. The size of the loss if not given.

    Returns
    -------
    GradientReport
        The errors, all of them within the tolerance and the rounding.

    Raises
    ------
    GradientError
        If an error is above what passes or is not a number, or a gradient is not finite or has the
        wrong shape. Also if the check proves nothing of a leaf: in every direction its derivative
        is 0 both ways, or rounding alone could hide a thousandth of it.
    ValueError
        If an argument is outside its range, or `variables` and `grads` differ in structure or hold
        nothing.
    TypeError
        If `rng` is not a Generator.

    Notes
    -----
    The relative error is ``|measured - claimed| / max(|measured|, |claimed|)`` of directional
    derivatives; see :ref:`ch-gradient-check`. A loss is rounded to about 1e-16 of the terms that it
    adds, and a finite difference divides this by its step of 1e-6. So a derivative 1e5 times
    smaller than the loss is measured to 1e-5 at best, and a right one may fail at 1e-6. The complex
    step subtracts nothing and has no such error.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> report = check_gradients(lambda v: v["w"] ** 3, {"w": 2.0}, {"w": 12.0}, rng)
    >>> report.worst < 1e-14
    True
    """
    measure = checks.choice("method", method, _METHODS)
    checks.generator("rng", rng)
    tolerance = checks.number("tolerance", tolerance, 0, 1, low_open=True, high_open=True)
    directions = checks.positive_integer("directions", directions)
    leaves, claims = tree_leaves(variables), dict(tree_leaves(grads))
    names = [name for name, _ in leaves]
    if not names or sorted(names) != sorted(claims):
        raise ValueError(f"grads must hold the leaves of variables, {names}, got {[*claims]}")
    zeros = tree_map(np.zeros_like, variables)
    rounding = 0.0
    if method == "finite_difference":
        rounding = _rounding(function(variables), magnitude)
    errors = {}
    for k, (name, leaf) in enumerate(leaves):

        def derivative(arrow, k=k):
            return measure(function, variables, _replace_leaf(zeros, k, arrow))

        arrows = (rng.standard_normal(np.shape(leaf)) for _ in range(directions))
        _check_leaf(name, leaf, claims[name])
        errors[name] = _worst_error(name, claims[name], arrows, derivative, tolerance, rounding)
    return GradientReport(max(errors.values()), errors)


def _rounding(loss, magnitude):
    """What rounding may add to a finite difference: four roundings of each of the two losses."""
    size = abs(float(loss))
    if magnitude is not None:
        size = max(size, checks.number("magnitude", magnitude, 0, high_open=True))
    return 2 * np.finfo(float).eps * size / _STEP  # half of an epsilon each


def _check_leaf(name, leaf, claimed):
    """A gradient has the shape of what it belongs to and is finite."""
    if np.shape(claimed) != np.shape(leaf):
        raise GradientError(
            f"gradient of {name} has shape {np.shape(claimed)}, not {np.shape(leaf)}"
        )
    if not np.isfinite(claimed).all():
        raise GradientError(f"gradient of {name} is not finite")


def _worst_error(name, gradient, arrows, derivative, tolerance, rounding):
    """The largest relative error along the arrows, or what is wrong."""
    worst, blurred = None, False
    for arrow in arrows:
        measured, claimed = derivative(arrow), float(np.sum(gradient * arrow))
        size = max(abs(measured), abs(claimed))
        if measured == claimed == 0:
            continue
        error = abs(measured - claimed) / size
        if not error <= tolerance + rounding / size:  # written so that NaN fails
            raise GradientError(
                f"gradient of {name} is off by {error:.3g} (relative): "
                f"measured {measured:.9g}, claimed {claimed:.9g}, tolerance {tolerance:g}"
            )
        if rounding > _BLUR * size:
            blurred = True
            continue
        worst = error if worst is None else max(worst, error)
    if worst is None:
        reason = "smaller than the rounding of the loss" if blurred else "0 both ways"
        raise GradientError(f"gradient of {name} is {reason}: this check proves nothing")
    return worst


def _replace_leaf(tree, index, value):
    """The tree with its leaf of that number replaced."""
    count = iter(range(len(tree_leaves(tree))))
    return tree_map(lambda leaf: value if next(count) == index else leaf, tree)

"""Optimizers as pairs of pure functions, and the two ways to clip a gradient.

An optimizer is ``init(params) -> state`` and ``update(grads, state, params) -> (params, state)``.
Nothing is changed in place. Introduced in :ref:`ch-letters`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rnn_src import checks
from rnn_src.trees import tree_map, tree_norm

__all__ = [
    "OPTIMIZERS",
    "Optimizer",
    "adam",
    "clip_by_norm",
    "clip_by_value",
    "momentum",
    "rmsprop",
    "sgd",
]


class Optimizer(NamedTuple):
    """Two pure functions: `init` makes the state, `update` makes a step.

    Parameters
    ----------
    init : callable
        ``init(params) -> state``.
    update : callable
        ``update(grads, state, params) -> (params, state)``; ValueError if the trees or the shapes
        of their leaves differ.

    Notes
    -----
    See :ref:`ch-letters`.

    Examples
    --------
    >>> step = sgd(0.1)
    >>> params, state = step.update(np.array([1.0]), step.init(np.array([5.0])), np.array([5.0]))
    >>> params
    array([4.9])
    """

    init: Callable
    update: Callable


def _rate(learning_rate):
    return checks.number("learning_rate", learning_rate, 0, low_open=True, high_open=True)


def _decay(name, value):
    return checks.number(name, value, 0, 1, high_open=True)


def sgd(learning_rate):
    """Gradient descent: params - learning_rate * grads.

    Parameters
    ----------
    learning_rate : float
        Above 0.

    Returns
    -------
    Optimizer
        Its state is None.

    Raises
    ------
    ValueError
        If `learning_rate` is not above 0.

    Notes
    -----
    Robbins and Monro (1951) for noisy gradients; :eq:`eq-sequences-sgd` in :ref:`ch-letters`.

    Examples
    --------
    >>> step = sgd(0.5)
    >>> step.update({"w": np.array([2.0])}, None, {"w": np.array([1.0])})
    ({'w': array([0.])}, None)
    """
    lr = _rate(learning_rate)

    def update(grads, state, params):
        return tree_map(lambda p, g: p - lr * g, params, grads), state

    return Optimizer(lambda params: None, update)


def momentum(learning_rate, beta=0.9):
    """Heavy ball: v = beta v + grads, then params - learning_rate v.

    Parameters
    ----------
    learning_rate : float
        Above 0.
    beta : float
        In [0, 1): how much of the velocity survives a step.

    Returns
    -------
    Optimizer
        Its state is the velocity v.

    Raises
    ------
    ValueError
        If a number is outside its range.

    Notes
    -----
    Polyak (1964); see :ref:`ch-letters`.

    Examples
    --------
    >>> step = momentum(0.5, beta=0.9)
    >>> w, v = step.update(np.array([2.0]), step.init(np.array([1.0])), np.array([1.0]))
    >>> step.update(np.array([2.0]), v, w)[0]
    array([-1.9])
    """
    lr, beta = _rate(learning_rate), _decay("beta", beta)

    def update(grads, velocity, params):
        velocity = tree_map(lambda v, g: beta * v + g, velocity, grads)
        return tree_map(lambda p, v: p - lr * v, params, velocity), velocity

    return Optimizer(lambda params: tree_map(np.zeros_like, params), update)


def rmsprop(learning_rate, decay=0.9, epsilon=1e-8):
    """Divide each gradient by the running root mean square of its own past.

    Parameters
    ----------
    learning_rate : float
        Above 0.
    decay : float
        In [0, 1): the weight of the past in the running mean square.
    epsilon : float
        Above 0; added to the root.

    Returns
    -------
    Optimizer
        Its state is the running mean square.

    Raises
    ------
    ValueError
        If a number is outside its range.

    Notes
    -----
    Tieleman and Hinton (2012); see :ref:`ch-letters`.

    Examples
    --------
    >>> step = rmsprop(0.1, decay=0.75)
    >>> w, _ = step.update(np.array([4.0]), step.init(np.array([1.0])), np.array([1.0]))
    >>> w.round(6)
    array([0.8])
    """
    lr, decay = _rate(learning_rate), _decay("decay", decay)
    epsilon = checks.number("epsilon", epsilon, 0, low_open=True)

    def update(grads, square, params):
        square = tree_map(lambda s, g: decay * s + (1 - decay) * g * g, square, grads)
        params = tree_map(
            lambda p, g, s: p - lr * g / (np.sqrt(s) + epsilon), params, grads, square
        )
        return params, square

    return Optimizer(lambda params: tree_map(np.zeros_like, params), update)


def adam(learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Momentum and RMSprop together, each corrected for its start from 0.

    Parameters
    ----------
    learning_rate : float
        Above 0; about the size of the first steps.
    beta1, beta2 : float
        In [0, 1): decay of the mean and of the mean square.
    epsilon : float
        Above 0; added to the root.

    Returns
    -------
    Optimizer
        Its state is (updates so far, mean, mean square).

    Raises
    ------
    ValueError
        If a number is outside its range.

    Notes
    -----
    Kingma and Ba (2015), algorithm 1; see :ref:`ch-letters`.

    Examples
    --------
    >>> step = adam(0.1)
    >>> w, _ = step.update(np.array([4.0]), step.init(np.array([1.0])), np.array([1.0]))
    >>> w.round(6)
    array([0.9])
    """
    lr, beta1, beta2 = _rate(learning_rate), _decay("beta1", beta1), _decay("beta2", beta2)
    epsilon = checks.number("epsilon", epsilon, 0, low_open=True)

    def update(grads, state, params):
        k, mean, square = state[0] + 1, state[1], state[2]
        mean = tree_map(lambda m, g: beta1 * m + (1 - beta1) * g, mean, grads)
        square = tree_map(lambda s, g: beta2 * s + (1 - beta2) * g * g, square, grads)
        rate, root = lr / (1 - beta1**k), 1 / np.sqrt(1 - beta2**k)
        params = tree_map(
            lambda p, m, s: p - float(rate) * m / (float(root) * np.sqrt(s) + epsilon),
            params,
            mean,
            square,
        )
        return params, (k, mean, square)

    return Optimizer(
        lambda params: (0, tree_map(np.zeros_like, params), tree_map(np.zeros_like, params)), update
    )


#: Every optimizer by name.
#:
#: :meta hide-value:
OPTIMIZERS = {f.__name__: f for f in (sgd, momentum, rmsprop, adam)}


def clip_by_norm(grads, max_norm):
    """Shrink all gradients together so that their joint norm is at most `max_norm`.

    Parameters
    ----------
    grads : tree of arrays
        The gradients.
    max_norm : float
        Above 0.

    Returns
    -------
    grads : tree of arrays
        The same direction; unchanged when the norm is small enough.
    norm : float
        The norm before clipping.

    Raises
    ------
    ValueError
        If `max_norm` is not a number above 0, or the norm is not finite: what is not finite has no
        direction to keep.

    Notes
    -----
    Pascanu, Mikolov and Bengio (2013), algorithm 1; used in :ref:`ch-letters`, and on trial in
    :ref:`ch-clipping`.

    Examples
    --------
    >>> clip_by_norm({"w": np.array([3.0, 4.0])}, 1.0)
    ({'w': array([0.6, 0.8])}, 5.0)
    """
    max_norm = checks.number("max_norm", max_norm, 0, low_open=True)
    norm = tree_norm(grads)
    if not np.isfinite(norm):
        raise checks.NotFinite(f"grads must have a finite norm, got {norm}")
    if not norm > max_norm:
        return grads, norm
    scale = max_norm / norm
    return tree_map(lambda g: g * scale, grads), norm


def clip_by_value(grads, limit):
    """Cut each entry of each gradient to [-limit, limit]. This may turn the direction.

    Parameters
    ----------
    grads : tree of arrays
        The gradients.
    limit : float
        Above 0.

    Returns
    -------
    tree of arrays
        The clipped gradients.

    Raises
    ------
    ValueError
        If `limit` is not a number above 0.

    Notes
    -----
    Used in :ref:`ch-letters`, and on trial in :ref:`ch-clipping`.

    Examples
    --------
    >>> clip_by_value({"w": np.array([3.0, 0.5])}, 1.0)
    {'w': array([1. , 0.5])}
    """
    limit = checks.number("limit", limit, 0, low_open=True)
    return tree_map(lambda g: np.clip(g, -limit, limit), grads)

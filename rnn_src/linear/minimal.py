"""The minimal gated units: gates and candidate read the input alone, so the state is linear.

The minimal GRU has z = logistic(U_z x + b_z) and h_t = (1 - z) h_{t-1} + z n. The minimal LSTM has
f, i = logistic(U x + b), scaled to a sum of 1, and h_t = f h_{t-1} + i n. In both n = U_n x + b_n.
With no W they are no `Cell`: that record promises `rnn_src.scan` a matrix product a step.

Source: Feng et al. (2024). Here, and in that paper, z is the share that is written; in the GRU of
this package it is the share that is kept.
"""

from typing import NamedTuple

import numpy as np

from rnn_src import checks
from rnn_src.initializers import gaussian
from rnn_src.linear.recurrence import adjoint, parallel_scan

__all__ = ["MinimalParams", "MinimalTape", "init_minimal", "minimal_backward", "minimal_forward"]

GATES = {"min_gru": 2, "min_lstm": 3}


class MinimalParams(NamedTuple):
    """Parameters of a minimal unit, or their gradients; blocks in the order z, n or f, i, n.

    Parameters
    ----------
    U : (G*H, D) ndarray
        From the input; G is 2 for the minimal GRU and 3 for the minimal LSTM.
    b : (G*H,) ndarray
        Bias.

    Notes
    -----
    The letters are those of :eq:`eq-linear-mingru` in :ref:`ch-linear-memory`.

    Examples
    --------
    >>> MinimalParams(U=np.zeros((4, 3)), b=np.zeros(4)).U.shape
    (4, 3)
    """

    U: np.ndarray
    b: np.ndarray


class MinimalTape(NamedTuple):
    """What the backward pass of a minimal unit needs.

    Parameters
    ----------
    x : (T, B, D) ndarray
        Inputs.
    states : (T+1, B, H) ndarray
        All states.
    keep : (T, B, H) ndarray
        The share of the old state that is kept: 1 - z, or f of the two gates scaled to a sum of 1.
        It is the exact Jacobian of a step, which is diagonal.
    candidate : (T, B, H) ndarray
        n.
    slopes : (G-1, T, B, H) ndarray
        Derivative of the logit of `keep` by what enters each gate.

    Notes
    -----
    See :ref:`ch-linear-memory`.

    Examples
    --------
    >>> params = MinimalParams(U=np.zeros((4, 3)), b=np.zeros(4))
    >>> minimal_forward("min_gru", params, np.ones((5, 1, 3)))[1].keep[0, 0]
    array([0.5, 0.5])
    """

    x: np.ndarray
    states: np.ndarray
    keep: np.ndarray
    candidate: np.ndarray
    slopes: np.ndarray


def init_minimal(cell, input_size, hidden_size, rng, keep=0.0):
    """Draw Gaussian weights of variance 1 / D.

    Parameters
    ----------
    cell : {"min_gru", "min_lstm"}
        Which unit.
    input_size, hidden_size : int
        D and H.
    rng : numpy.random.Generator
        Source of randomness.
    keep : float
        The logit of what a unit keeps where its weights say nothing: half of it at 0. It is the
        negative bias of z, or that of f with a bias of i that makes the two gates' sum 1.

    Returns
    -------
    MinimalParams
        U (G*H, D) and b (G*H,).

    Raises
    ------
    ValueError
        If there is no such unit, a size is not a positive integer or `keep` is not finite.
    TypeError
        If `rng` is not a Generator.

    Notes
    -----
    See :ref:`ch-linear-memory`.

    Examples
    --------
    >>> init_minimal("min_lstm", 3, 2, np.random.default_rng(0), keep=4.0).b
    array([ 4.,  4., -4., -4.,  0.,  0.])
    """
    gates = checks.choice("cell", cell, GATES)
    D = checks.positive_integer("input_size", input_size)
    H = checks.positive_integer("hidden_size", hidden_size)
    keep = checks.number("keep", keep, low_open=True, high_open=True)
    biases = [-keep, 0.0] if gates == 2 else [keep, -keep, 0.0]
    U = gaussian(checks.generator("rng", rng), gates * H, D)
    return MinimalParams(U, np.repeat(np.array(biases) + 0.0, H))


def minimal_forward(cell, params, x, h0=None):
    """Run a minimal unit over its inputs: all gates at once, then one scan.

    Parameters
    ----------
    cell : {"min_gru", "min_lstm"}
        Which unit.
    params : MinimalParams
        U (G*H, D) and b (G*H,).
    x : (T, B, D) array
        Inputs.
    h0 : (B, H) array, optional
        First state; 0 if not given.

    Returns
    -------
    states : (T+1, B, H) ndarray
        All states; the first is `h0`.
    tape : MinimalTape
        For `minimal_backward`.

    Raises
    ------
    ValueError
        If there is no such unit, or a shape or dtype does not fit.
    TypeError
        If `params` are not MinimalParams.

    Notes
    -----
    :eq:`eq-linear-mingru` in :ref:`ch-linear-memory`.

    Examples
    --------
    >>> params = MinimalParams(U=np.array([[0.0], [1.0]]), b=np.zeros(2))  # z = 1/2, n = x
    >>> minimal_forward("min_gru", params, np.ones((3, 1, 1)))[0][:, 0, 0]
    array([0.   , 0.5  , 0.75 , 0.875])
    """
    D, H, x = _read(cell, params, x)
    T, B, _ = x.shape
    if h0 is not None:
        h0 = checks.array("h0", h0, (("B", B), ("H", H)), x.dtype)
    a = x.reshape(T * B, D) @ params.U.T + params.b
    *gates, n = np.moveaxis(a.reshape(T, B, -1, H), 2, 0)
    if cell == "min_gru":
        logit, slopes = -gates[0], np.full((1, T, B, H), -1.0, x.dtype)
    else:
        f, i = gates
        logit = np.logaddexp(0, -i) - np.logaddexp(0, -f)  # ln f / i
        slopes = np.stack([_logistic(-f), -_logistic(-i)])
    keep = _logistic(logit)
    states = parallel_scan(keep, _logistic(-logit) * n, h0)
    return states, MinimalTape(x, states, keep, n, slopes)


def minimal_backward(cell, params, tape, dstates):
    """The exact reverse of `minimal_forward`.

    Parameters
    ----------
    cell : {"min_gru", "min_lstm"}
        Which unit.
    params : MinimalParams
        As given to `minimal_forward`.
    tape : MinimalTape
        As it returned it.
    dstates : (T, B, H) array
        The immediate derivatives of the loss by the states after each step.

    Returns
    -------
    grads : MinimalParams
        Of the loss by U and b.
    dx : (T, B, D) ndarray
        By the inputs.
    dh0 : (B, H) ndarray
        By the first state.

    Raises
    ------
    ValueError
        If there is no such unit, or a shape or dtype does not fit.
    TypeError
        If `params` are not MinimalParams or `tape` is no MinimalTape.

    Notes
    -----
    `rnn_src.linear.adjoint` gives what reaches the factors and the inputs of the recurrence; the
    rest is elementwise. Derived in :ref:`ch-linear-memory`.

    Examples
    --------
    >>> params = MinimalParams(U=np.array([[0.0], [1.0]]), b=np.zeros(2))
    >>> _, tape = minimal_forward("min_gru", params, np.ones((3, 1, 1)))
    >>> minimal_backward("min_gru", params, tape, np.ones((3, 1, 1)))[2]  # 1/2 + 1/4 + 1/8
    array([[0.875]])
    """
    checks.instance("tape", tape, MinimalTape)
    D, H, x = _read(cell, params, tape.x)
    T, B, _ = x.shape
    dstates = checks.array("dstates", dstates, (("T", T), ("B", B), ("H", H)), x.dtype)
    keep, n = tape.keep, tape.candidate
    dkeep, dwritten, dh0 = adjoint(keep, tape.states, dstates)
    dlogit = (dkeep - dwritten * n) * keep * (1 - keep)
    da = np.stack([*(dlogit * tape.slopes), dwritten * (1 - keep)], axis=2).reshape(T * B, -1)
    grads = MinimalParams(da.T @ x.reshape(T * B, D), da.sum(axis=0))
    return grads, (da @ params.U).reshape(x.shape), dh0


def _logistic(v):
    return (1 + np.tanh(v / 2)) / 2


def _read(cell, params, x):
    """D, H and the inputs, all of which fit."""
    gates = checks.choice("cell", cell, GATES)
    checks.instance("params", params, MinimalParams)
    U = checks.array("params.U", params.U, ("G*H", "D"))
    rows, D = U.shape
    if rows % gates:
        raise ValueError(f"params.U must have a multiple of {gates} rows, got {rows}")
    checks.array("params.b", params.b, (("G*H", rows),), U.dtype, like=" like params.U")
    return D, rows // gates, checks.array("x", x, ("T", "B", ("D", D)), U.dtype)

"""The readout o_t = V h_t + c and the losses, each returning its value and its cotangent.

A cotangent is dL/d(output): what the loss hands to the backward pass. Derived in
:ref:`ch-letters` and :ref:`ch-sequences`.
"""

from typing import NamedTuple

import numpy as np

from rnn_src import checks
from rnn_src.initializers import gaussian

__all__ = [
    "Readout",
    "init_readout",
    "mean_squared_error",
    "readout",
    "readout_backward",
    "softmax",
    "softmax_cross_entropy",
]


class Readout(NamedTuple):
    """Parameters of the readout, or their gradients.

    Parameters
    ----------
    V : (O, H) ndarray
        Weights.
    c : (O,) ndarray
        Bias.

    Notes
    -----
    The letters are those of :eq:`eq-cell-output` in :ref:`ch-cell`.

    Examples
    --------
    >>> Readout(V=np.zeros((3, 2)), c=np.zeros(3)).c.shape
    (3,)
    """

    V: np.ndarray
    c: np.ndarray


def init_readout(hidden_size, output_size, rng, dtype=np.float64, weights=gaussian):
    """Draw a readout; the bias is 0.

    Parameters
    ----------
    hidden_size, output_size : int
        H and O.
    rng : numpy.random.Generator
        Source of randomness.
    dtype : dtype
        float64 or float32.
    weights : callable
        ``(rng, rows, columns) -> array``; see `rnn_src.initializers`.

    Returns
    -------
    Readout
        V (O, H) and c (O,).

    Raises
    ------
    ValueError
        If a size is not a positive integer, the dtype is neither float32 nor float64, or `weights`
        returns a wrong shape.
    TypeError
        If `rng` is not a Generator or `weights` is not a function.

    Notes
    -----
    What V does to the loss at step 0 is the subject of a section of :ref:`ch-sequences`.

    Examples
    --------
    >>> init_readout(4, 3, np.random.default_rng(0)).V.shape
    (3, 4)
    """
    H = checks.positive_integer("hidden_size", hidden_size)
    size = checks.positive_integer("output_size", output_size)
    checks.generator("rng", rng)
    dtype = checks.float_dtype("dtype", dtype)
    checks.function("weights", weights)
    V = checks.array("what weights returns", weights(rng, size, H), (size, H))
    return Readout(V.astype(dtype), np.zeros(size, dtype))


def _check_readout(params):
    checks.instance("params", params, Readout)
    V = checks.array("params.V", params.V, ("O", "H"))
    c = checks.array("params.c", params.c, (("O", len(V)),))
    if c.dtype != V.dtype:
        raise ValueError(f"params.c must be {V.dtype} like params.V, got {c.dtype}")
    return V


def readout(params, h):
    """o = V h + c, for hidden states with any leading axes.

    Parameters
    ----------
    params : Readout
        V (O, H) and c (O,).
    h : (..., H) array
        Hidden states.

    Returns
    -------
    (..., O) ndarray
        Outputs, in the dtype of the parameters.

    Raises
    ------
    ValueError
        If the last axis of `h` is not H, its dtype cannot become the parameters', or a value is not
        finite.
    TypeError
        If `params` is not a Readout.

    Notes
    -----
    :eq:`eq-cell-output` in :ref:`ch-cell`.

    Examples
    --------
    >>> readout(Readout(V=np.array([[1.0, 2.0]]), c=np.array([0.5])), np.array([3.0, 4.0]))
    array([11.5])
    """
    V = _check_readout(params)
    h = checks.array("h", h, ("...", ("H", V.shape[1])), V.dtype)
    return h @ V.T + params.c


def readout_backward(params, h, do):
    """Gradients of the readout from the cotangent of its outputs.

    Parameters
    ----------
    params : Readout
        V (O, H) and c (O,).
    h : (..., H) array
        The hidden states that were read.
    do : (..., O) array
        dL/do, as the losses return it.

    Returns
    -------
    grads : Readout
        dL/dV and dL/dc, summed over all leading axes.
    dh : (..., H) ndarray
        dL/dh through the readout alone: the `dstates` of `rnn_src.scan.backward`.

    Raises
    ------
    ValueError
        If shapes or dtypes do not fit, or a value is not finite.
    TypeError
        If `params` is not a Readout.

    Notes
    -----
    dL/dV = sum of do h', dL/dh = V' do: :eq:`eq-sequences-readout-back` in :ref:`ch-letters`.

    Examples
    --------
    >>> params = Readout(V=np.array([[1.0, 2.0]]), c=np.array([0.5]))
    >>> grads, dh = readout_backward(params, np.array([3.0, 4.0]), np.array([10.0]))
    >>> grads.V, dh
    (array([[30., 40.]]), array([10., 20.]))
    """
    V = _check_readout(params)
    h = checks.array("h", h, ("...", ("H", V.shape[1])), V.dtype)
    do = checks.array("do", do, (*h.shape[:-1], ("O", len(V))), V.dtype)
    flat = do.reshape(-1, len(V))
    return Readout(flat.T @ h.reshape(-1, V.shape[1]), flat.sum(axis=0)), do @ V


def softmax(o):
    """Probabilities exp(o_i) / sum_j exp(o_j) along the last axis.

    Parameters
    ----------
    o : (..., O) array
        Logits.

    Returns
    -------
    (..., O) ndarray
        Positive numbers that sum to 1, in the dtype of `o`.

    Raises
    ------
    ValueError
        If `o` is not a float array, is empty or is not finite.

    Notes
    -----
    The largest logit is subtracted first, which changes nothing and keeps exp from overflowing; see
    :ref:`ch-letters`.

    Examples
    --------
    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    o = checks.array("o", o, ("...", "O"))
    e = np.exp(o - o.real.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _weights(mask, shape, dtype):
    """1 / (real tokens) at each real token and 0 at the padding."""
    if mask is None:
        return np.full(shape, 1 / np.prod(shape), dtype)
    mask = checks.as_array("mask", mask)
    if mask.shape != shape or mask.dtype != bool:
        raise ValueError(f"mask must be bool of shape {shape}, got {mask.dtype} of {mask.shape}")
    if not mask.any():
        raise ValueError("mask must keep at least one token, got none")
    return (mask / mask.sum()).astype(dtype)


def softmax_cross_entropy(o, targets, mask=None):
    """Mean of -ln softmax(o)[target] over the real tokens, in nats.

    Parameters
    ----------
    o : (..., O) array
        Logits.
    targets : (...) array of int
        Class of each token, in 0..O-1. Values under a False mask are ignored.
    mask : (...) array of bool, optional
        True at the real tokens. The sum is divided by their number, not by the size of the array.

    Returns
    -------
    loss : float
        In nats; divide by ln 2 for bits.
    do : (..., O) ndarray
        dL/do = (softmax(o) - onehot) / tokens, and 0 at the padding.

    Raises
    ------
    ValueError
        If shapes differ, `o` is not a finite float array, a real target is not an integer in
        0..O-1, or the mask is not bool or keeps nothing.

    Notes
    -----
    :eq:`eq-sequences-cross-entropy` in :ref:`ch-letters`.

    Examples
    --------
    >>> loss, do = softmax_cross_entropy(np.zeros((1, 4)), np.array([2]))
    >>> round(loss, 4), do
    (1.3863, array([[ 0.25,  0.25, -0.75,  0.25]]))
    """
    o = checks.array("o", o, ("...", "O"))
    targets = checks.as_array("targets", targets)
    if targets.shape != o.shape[:-1] or not np.issubdtype(targets.dtype, np.integer):
        raise ValueError(
            f"targets must be integers of shape {o.shape[:-1]}, "
            f"got {targets.dtype} of {targets.shape}"
        )
    weights = _weights(mask, targets.shape, o.dtype)
    real = weights != 0
    checks.integers("targets", targets[real], o.shape[-1])
    index = np.where(real, targets, 0)[..., None]
    shifted = o - o.real.max(axis=-1, keepdims=True)
    do = np.exp(shifted)
    total = do.sum(axis=-1, keepdims=True)
    log_p = np.take_along_axis(shifted, index, -1) - np.log(total)
    do /= total
    np.put_along_axis(do, index, np.take_along_axis(do, index, -1) - 1, -1)
    return -np.sum(weights * log_p[..., 0])[()].item(), do * weights[..., None]


def mean_squared_error(o, targets, mask=None):
    """Mean of (o - target)^2 over the real tokens and the O outputs.

    Parameters
    ----------
    o : (..., O) array
        Outputs.
    targets : (..., O) array
        What they should be.
    mask : (...) array of bool, optional
        True at the real tokens. The sum is divided by their number, not by the size of the array.

    Returns
    -------
    loss : float
        In the square of the targets' unit.
    do : (..., O) ndarray
        dL/do = 2 (o - target) / (tokens O), and 0 at the padding.

    Raises
    ------
    ValueError
        If shapes differ, `o` or `targets` is not a finite float array, the dtype of `targets`
        cannot become that of `o`, or the mask is not bool or keeps nothing.

    Notes
    -----
    :eq:`eq-sequences-squared-error` in :ref:`ch-sequences`.

    Examples
    --------
    >>> loss, do = mean_squared_error(np.array([[3.0]]), np.array([[1.0]]))
    >>> loss, do
    (4.0, array([[4.]]))
    """
    o = checks.array("o", o, ("...", "O"))
    targets = checks.array("targets", targets, o.shape, o.dtype, like=" like o")
    weights = (_weights(mask, o.shape[:-1], o.dtype) / o.shape[-1])[..., None]
    error = o - targets
    return np.sum(weights * error * error)[()].item(), (2 * weights * error).astype(o.dtype)

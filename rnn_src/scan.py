"""The one loop over time. `scan` owns every recurrent matrix product; cells are elementwise.

Forward: one product for all inputs, then one fused recurrent product a step. Backward: the reverse
loop, then one stacked product per weight gradient. Derived in :ref:`ch-cell` and :ref:`ch-bptt`.
"""

from typing import NamedTuple

import numpy as np

from rnn_src import _checks
from rnn_src.cells import CELLS, Cell
from rnn_src.initializers import gaussian, orthogonal

__all__ = ["Tape", "backward", "forward", "init", "jacobians"]


class Tape(NamedTuple):
    """What BPTT remembers of a forward pass, and nothing else.

    Parameters
    ----------
    x : (T, B, D) ndarray
        The inputs.
    states : (T+1, B, S) ndarray
        The states, states[0] = s0.
    caches : list of T caches
        What each step of the cell kept for its reverse.
    lengths : (B,) ndarray of int, or None
        The real length of each sequence.

    Notes
    -----
    Its memory, O(T n), is measured in :ref:`ch-bptt`.

    Examples
    --------
    >>> from rnn_src import forward, init
    >>> params = init("rnn", 2, 3, np.random.default_rng(0))
    >>> states, tape = forward("rnn", params, np.ones((5, 4, 2)))
    >>> tape.states is states, len(tape.caches)
    (True, 5)
    """

    x: np.ndarray
    states: np.ndarray
    caches: list
    lengths: np.ndarray | None


def _record(cell):
    return cell if isinstance(cell, Cell) else _checks.choice("cell", cell, CELLS)


def _shapes(cell, D, H):
    rows = cell.gates * H
    return {"W": (rows, H), "U": (rows, D), "b": (rows,), "b_n": (H,)}


def init(
    cell,
    input_size,
    hidden_size,
    rng,
    dtype=np.float64,
    recurrent=orthogonal,
    input_weights=gaussian,
):
    """Draw the parameters of a cell.

    Parameters
    ----------
    cell : Cell or str
        A record of `CELLS` or its name.
    input_size, hidden_size : int
        D and H.
    rng : numpy.random.Generator
        Source of randomness.
    dtype : dtype
        float64 or float32; the draw itself is the same.
    recurrent, input_weights : callable
        ``(rng, rows, columns) -> array``, called once a gate for the blocks of W and of U; see
        `rnn_src.initializers`.

    Returns
    -------
    NamedTuple
        W (G*H, H), U (G*H, D), b (G*H,), and what else the cell needs. Biases are 0.

    Raises
    ------
    ValueError
        If the cell is unknown, a size is not a positive integer, the dtype is neither float32 nor
        float64, or an initializer returns a wrong shape.
    TypeError
        If `rng` is not a Generator or an initializer is not a function.

    Notes
    -----
    The equation is :eq:`eq-cell-state`; the choices are compared in :ref:`ch-cell`.

    Examples
    --------
    >>> params = init("rnn", input_size=3, hidden_size=4, rng=np.random.default_rng(0))
    >>> params.W.shape, params.U.shape, params.b.shape
    ((4, 4), (4, 3), (4,))
    """
    cell = _record(cell)
    D = _checks.positive_integer("input_size", input_size)
    H = _checks.positive_integer("hidden_size", hidden_size)
    _checks.generator("rng", rng)
    dtype = _checks.float_dtype("dtype", dtype)
    _checks.function("recurrent", recurrent)
    _checks.function("input_weights", input_weights)
    drawn = {name: np.zeros(shape, dtype) for name, shape in _shapes(cell, D, H).items()}
    for g in range(cell.gates):
        block, returns = slice(g * H, (g + 1) * H), "what {} returns".format
        drawn["W"][block] = _checks.array(returns("recurrent"), recurrent(rng, H, H), (H, H))
        drawn["U"][block] = _checks.array(
            returns("input_weights"), input_weights(rng, H, D), (H, D)
        )
    return cell.params(**{name: drawn[name] for name in cell.params._fields})


def _check_params(cell, params):
    """Parameters of the right cell, of matching shapes, finite, all of one dtype."""
    if not isinstance(params, cell.params):
        raise TypeError(
            f"params must be {cell.params.__name__} for cell {cell.name!r}, "
            f"got {type(params).__name__}"
        )
    U = _checks.array("params.U", params.U, ("G*H", "D"))
    rows, D = U.shape
    if rows % cell.gates:
        raise ValueError(f"params.U must have a multiple of {cell.gates} rows, got {rows}")
    for name, shape in _shapes(cell, D, rows // cell.gates).items():
        if name in cell.params._fields:
            leaf = _checks.array(f"params.{name}", getattr(params, name), shape)
            if leaf.dtype != U.dtype:
                raise ValueError(f"params.{name} must be {U.dtype} like params.U, got {leaf.dtype}")
    return D, rows // cell.gates


def _check_lengths(lengths, T, B):
    """Whole numbers in 1..T, one a sequence; None when every sequence fills the batch."""
    if lengths is None:
        return None
    lengths = _checks.as_array("lengths", lengths)
    fits = lengths.shape == (B,) and np.issubdtype(lengths.dtype, np.integer)
    if not fits or lengths.min() < 1 or lengths.max() > T:
        raise ValueError(
            f"lengths must be {B} integers from 1 to T = {T}, got {str(lengths.tolist()):.60}"
        )
    return lengths


def forward(cell, params, x, s0=None, lengths=None):
    """Run a cell over a batch of sequences.

    Parameters
    ----------
    cell : Cell or str
        A record of `CELLS` or its name.
    params : NamedTuple
        As `init` returns them.
    x : (T, B, D) array
        Inputs, time first.
    s0 : (B, S) array, optional
        The state before the first input, 0 if not given.
    lengths : (B,) array of int, optional
        Real lengths in 1..T. Beyond its length a sequence's state is carried over unchanged.

    Returns
    -------
    states : (T+1, B, S) ndarray
        states[0] = s0 and states[t] is the state after input t - 1; the dtype of the parameters.
    tape : Tape
        What `backward` needs.

    Raises
    ------
    ValueError
        If the cell is unknown or a shape, dtype, length or value is not as said above.
    TypeError
        If `params` are those of another cell.

    Notes
    -----
    :eq:`eq-cell-state` for the vanilla cell (Elman 1990); see :ref:`ch-cell`.

    Examples
    --------
    >>> params = init("rnn", 1, 2, np.random.default_rng(0))
    >>> states, tape = forward("rnn", params, np.zeros((5, 3, 1)))
    >>> states.shape
    (6, 3, 2)
    """
    cell = _record(cell)
    D, H = _check_params(cell, params)
    dtype = params.U.dtype
    x = _checks.array("x", x, ("T", "B", ("D", D)), dtype)
    T, B, _ = x.shape
    S = cell.parts * H
    lengths = _check_lengths(lengths, T, B)

    states = np.zeros((T + 1, B, S), dtype)
    if s0 is not None:
        states[0] = _checks.array("s0", s0, (("B", B), ("S", S)), dtype)
    a = x.reshape(T * B, D) @ params.U.T  # every input at once: one product instead of T
    a += params.b
    a = a.reshape(T, B, -1)
    Wt = np.ascontiguousarray(params.W.T)
    caches = []
    for t in range(T):
        q = states[t, :, :H] @ Wt
        s_next, cache = cell.step(a[t], q, states[t])
        if lengths is not None:
            s_next = np.where((t < lengths)[:, None], s_next, states[t])
        states[t + 1] = s_next
        caches.append(cache)
    return states, Tape(x, states, caches, lengths)


def backward(cell, params, tape, dstates, window=None):
    """Backpropagation through time: the gradients of a loss from its derivatives at the states.

    Parameters
    ----------
    cell : Cell or str
        The cell that made the tape.
    params : NamedTuple
        The parameters that made the tape.
    tape : Tape
        From `forward`.
    dstates : (T, B, S) array
        dL/d states[1:] from the losses alone: the immediate derivatives, before anything flows
        back.
    window : int, optional
        Truncate: each loss is sent back through at most this many steps, so it credits inputs at
        lags 0 to window - 1, and s0 if that is so near. The cost grows by the same factor. None, or
        window >= T, is full BPTT.

    Returns
    -------
    grads : NamedTuple
        The gradients, of the parameters' type, shapes and dtype, summed over time and batch.
    dx : (T, B, D) ndarray
        Gradients of the inputs, 0 beyond a sequence's length.
    ds0 : (B, S) ndarray
        Gradient of the initial state.

    Raises
    ------
    ValueError
        If a shape or dtype is not as said above, a value is not finite, the tape does not fit the
        parameters, or `window` is not a positive integer.
    TypeError
        If `params` are those of another cell or `tape` is not a Tape.

    Notes
    -----
    :eq:`eq-bptt-delta` and :eq:`eq-bptt-gradients` in :ref:`ch-bptt` (Rumelhart, Hinton and
    Williams 1986; Werbos 1990). The window is the sliding one of Williams and Peng (1990).

    Examples
    --------
    >>> params = init("rnn", 1, 2, np.random.default_rng(0))
    >>> states, tape = forward("rnn", params, np.ones((5, 3, 1)))
    >>> grads, dx, ds0 = backward("rnn", params, tape, np.ones((5, 3, 2)))
    >>> grads.W.shape, dx.shape, ds0.shape
    ((2, 2), (5, 3, 1), (3, 2))
    """
    cell = _record(cell)
    D, H = _check_params(cell, params)
    x, states, caches, lengths = _checks.instance("tape", tape, Tape)
    (T, B, _), S = x.shape, cell.parts * H
    if x.shape[2] != D or states.shape[2] != S or states.dtype != params.U.dtype:
        raise ValueError(
            f"tape must be of these params, {params.U.dtype} with D = {D} and S = {S}, "
            f"got {states.dtype} with {x.shape[2]} and {states.shape[2]}"
        )
    dstates = _checks.array("dstates", dstates, (("T", T), ("B", B), ("S", S)), states.dtype)
    if window is not None:
        window = _checks.positive_integer("window", window)

    # With a window, ds carries one slice per age: ds[k] comes from the loss k steps later.
    ages = () if window is None or window >= T else (window,)
    ds = np.zeros((*ages, B, S), states.dtype)
    newest = ds[0] if ages else ds
    da = np.zeros((T, B, cell.gates * H), states.dtype)
    dq = np.zeros_like(da)
    for t in reversed(range(T)):
        newest += dstates[t]
        da_t, dq_t, ds_prev = cell.step_back(ds, caches[t])
        ds_prev[..., :H] += dq_t @ params.W
        if ages:
            da_t, dq_t = da_t.sum(axis=0), dq_t.sum(axis=0)
            if t > 0:  # every loss is one step older; the oldest drops out
                ds_prev[1:] = ds_prev[:-1]
                ds_prev[0] = 0
        if lengths is not None:
            live = (t < lengths)[:, None]
            da_t, dq_t, ds_prev = da_t * live, dq_t * live, np.where(live, ds_prev, ds)
        da[t], dq[t] = da_t, dq_t
        ds = ds_prev
        newest = ds[0] if ages else ds

    rows = T * B
    flat_a, flat_q = da.reshape(rows, -1), dq.reshape(rows, -1)
    summed = {
        "W": flat_q.T @ states[:-1, :, :H].reshape(rows, H),
        "U": flat_a.T @ x.reshape(rows, D),
        "b": flat_a.sum(axis=0),
    }
    dx = (flat_a @ params.U).reshape(x.shape)
    return cell.params(**summed), dx, ds.sum(axis=0) if ages else ds


def jacobians(cell, params, x, s0=None):
    """The state-to-state Jacobian of every step.

    Parameters
    ----------
    cell : Cell or str
        A record of `CELLS` or its name.
    params : NamedTuple
        As `init` returns them.
    x : (T, B, D) array
        Inputs, time first.
    s0 : (B, S) array, optional
        The state before the first input, 0 if not given.

    Returns
    -------
    (T, B, S, S) ndarray
        Entry [t, n, i, j] is d s_{t+1}[i] / d s_t[j] of sequence n.

    Raises
    ------
    ValueError
        If a shape, dtype or value is not as `forward` wants it.
    TypeError
        If `params` are those of another cell.

    Notes
    -----
    :eq:`eq-bptt-jacobian` in :ref:`ch-bptt`. Row i is one reverse step of the i-th unit vector, so
    the Jacobians use the same `step_back` that BPTT uses.

    Examples
    --------
    >>> params = init("rnn", 1, 2, np.random.default_rng(0))
    >>> J = jacobians("rnn", params, np.zeros((5, 3, 1)))
    >>> J.shape, np.allclose(J[0, 0], params.W)
    ((5, 3, 2, 2), True)
    """
    cell = _record(cell)
    states, tape = forward(cell, params, x, s0)
    T, B, S = states.shape[0] - 1, states.shape[1], states.shape[2]
    H = S // cell.parts
    J = np.empty((T, B, S, S), states.dtype)
    unit = np.broadcast_to(np.eye(S, dtype=states.dtype)[:, None, :], (S, B, S))
    for t in range(T):
        _, dq, ds = cell.step_back(unit, tape.caches[t])
        ds[..., :H] += dq @ params.W
        J[t] = ds.transpose(1, 0, 2)
    return J

"""The one loop over time. `scan` owns every recurrent matrix product; cells are elementwise.

Forward: one call for the products of all inputs, then one a step for those of the state. Backward:
the steps in blocks; for each block the slopes of all its steps at once, the reverse loop, and one
stacked product per weight gradient. Derived in :ref:`ch-cell` and :ref:`ch-bptt`.

What is done for speed, and the time of a step with this undone over the time with it, measured once
on the machine of :ref:`ch-speed`, to about 0.05, over its smaller sizes and the cells concerned:

- blocks instead of single steps in the reverse: 1.0 to 2.1, and 2.8 to 3.9 for a batch of one;
- the gates as whole blocks (T, G, B, H), not side by side in rows: 1.1 to 1.5, in a batch;
- the logistic function through one tanh for all gates, its weights halved: 1.0 to 1.1;
- weights copied into the order in which the products read them: 1.0 to 1.1;
- whole copies of an LSTM's two states inside the loop: 1.0 to 1.1;
- the bias as the weight of an input that is always 1: 1.0 to 1.05.
"""

from typing import NamedTuple

import numpy as np

from rnn_src import checks
from rnn_src.cells import CELLS, Cell
from rnn_src.initializers import gaussian, orthogonal

__all__ = ["Tape", "backward", "forward", "init", "jacobians"]

# Rows, steps times batch, of a block of the reverse. More do not make it faster, and its memory
# would grow.
ROWS = 384


class Tape(NamedTuple):
    """What BPTT remembers of a forward pass, and nothing else.

    Parameters
    ----------
    cell : str
        The name of the cell that made it.
    x : (T, B, D) ndarray
        The inputs: the caller's array, not to be changed before `backward` has read it.
    states : (T+1, B, S) ndarray
        The states, states[0] = s0.
    kept : (T, keeps, B, H) ndarray
        What each step of the cell kept for its reverse: the gates. A vanilla cell keeps nothing but
        its states.
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
    >>> tape.states is states, tape.kept.shape
    (True, (5, 0, 4, 3))
    """

    cell: str
    x: np.ndarray
    states: np.ndarray
    kept: np.ndarray
    lengths: np.ndarray | None


def _record(cell):
    return cell if isinstance(cell, Cell) else checks.choice("cell", cell, CELLS)


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
    D = checks.positive_integer("input_size", input_size)
    H = checks.positive_integer("hidden_size", hidden_size)
    checks.generator("rng", rng)
    dtype = checks.float_dtype("dtype", dtype)
    checks.function("recurrent", recurrent)
    checks.function("input_weights", input_weights)
    drawn = {name: np.zeros(shape, dtype) for name, shape in _shapes(cell, D, H).items()}
    for g in range(cell.gates):
        block, returns = slice(g * H, (g + 1) * H), "what {} returns".format
        drawn["W"][block] = checks.array(returns("recurrent"), recurrent(rng, H, H), (H, H))
        drawn["U"][block] = checks.array(returns("input_weights"), input_weights(rng, H, D), (H, D))
    return cell.params(**{name: drawn[name] for name in cell.params._fields})


def _check_params(cell, params):
    """Parameters of the right cell, of matching shapes, finite, all of one dtype."""
    if not isinstance(params, cell.params):
        raise TypeError(
            f"params must be {cell.params.__name__} for cell {cell.name!r}, "
            f"got {type(params).__name__}"
        )
    U = checks.array("params.U", params.U, ("G*H", "D"))
    rows, D = U.shape
    if rows % cell.gates:
        raise ValueError(f"params.U must have a multiple of {cell.gates} rows, got {rows}")
    for name, shape in _shapes(cell, D, rows // cell.gates).items():
        if name in cell.params._fields:
            leaf = checks.array(f"params.{name}", getattr(params, name), shape)
            if leaf.dtype != U.dtype:
                raise ValueError(f"params.{name} must be {U.dtype} like params.U, got {leaf.dtype}")
    return D, rows // cell.gates


def _check_lengths(lengths, T, B):
    """Whole numbers in 1..T, one a sequence; None when every sequence fills the batch."""
    if lengths is None:
        return None
    lengths = checks.as_array("lengths", lengths)
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
    :eq:`eq-cell-state` for the vanilla cell (Elman 1990), see :ref:`ch-cell`; :eq:`eq-gru` and
    :eq:`eq-lstm` for the gated ones.

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
    x = checks.array("x", x, ("T", "B", ("D", D)), dtype)
    T, B, _ = x.shape
    S = cell.parts * H
    lengths = _check_lengths(lengths, T, B)

    states = np.empty((T + 1, B, S), dtype)
    states[0] = 0 if s0 is None else checks.array("s0", s0, (("B", B), ("S", S)), dtype)
    parts = _blocks(states, cell.parts)
    kept = np.empty((T, cell.keeps, B, H), dtype)
    W, Ub = _by_gate(cell, params.W), _by_gate(cell, np.column_stack([params.U, params.b]))
    # a = U x + b of all steps, which becomes what is kept; a cell that keeps nothing has it where
    # its states will be.
    a = kept if cell.keeps else parts[1:]
    np.matmul(_with_ones(x)[:, None], Ub, out=a[:, : cell.gates])
    if cell.extra:
        a[:, cell.gates] = params.b_n

    q = np.empty((cell.gates, B, H), dtype)
    # A state of two parts is strided, so the loop works on a pair of whole copies.
    work = parts if cell.parts == 1 else np.empty((2, cell.parts, B, H), dtype)
    work[0] = parts[0]
    shortest = T if lengths is None else lengths.min()
    for t in range(T):
        s, s_next = work[t % len(work)], work[(t + 1) % len(work)]
        np.matmul(s[0], W, out=q)
        cell.step(a[t], q, s, s_next)
        if t >= shortest:
            np.copyto(s_next, s, where=(t >= lengths)[:, None])
        if work is not parts:
            np.copyto(parts[t + 1], s_next)
    return states, Tape(cell.name, x, states, kept, lengths)


def _blocks(array, blocks):
    """View (..., B, blocks*H) as (..., blocks, B, H)."""
    return array.reshape(*array.shape[:-1], blocks, -1).swapaxes(-3, -2)


def _by_gate(cell, weights):
    """Weights (G*H, columns) as (G, columns, H), in the order and scale that `Cell.step` wants."""
    order = [*cell.logistic, *(g for g in range(cell.gates) if g not in cell.logistic)]
    blocks = weights.reshape(cell.gates, -1, weights.shape[1])[order]
    blocks[: len(cell.logistic)] *= 0.5
    return np.ascontiguousarray(blocks.swapaxes(1, 2))


def _with_ones(x):
    """[x, 1]: the bias is the weight of an input that is always 1."""
    wide = np.empty((*x.shape[:-1], x.shape[-1] + 1), x.dtype)
    wide[..., :-1], wide[..., -1] = x, 1
    return wide


def _slopes(cell, tape, steps, out):
    """Write the derivatives of these steps (blocks, steps, B, H), all at once; 0 in the padding."""
    parts = _blocks(tape.states, cell.parts).swapaxes(0, 1)
    s, s_next = parts[:, steps], parts[:, steps.start + 1 : steps.stop + 1]
    cell.slopes(tape.kept[steps].swapaxes(0, 1), s, s_next, out)
    if tape.lengths is not None:
        out *= (np.arange(steps.start, steps.stop)[:, None] < tape.lengths)[..., None]


def backward(cell, params, tape, dstates, window=None, totals=None):
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
        Truncate: each loss credits the last `window` uses of the weights, so it credits inputs at
        lags 0 to window - 1, and s0 if that is so near. The reverse loop costs that many times as
        much. None, or window >= T, is full BPTT.
    totals : (T, B, S) ndarray, optional
        Is overwritten with the total derivatives dL/d states[1:], later losses included. Full BPTT
        only.

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
        parameters, `window` is not a positive integer, or `totals` is asked of truncated BPTT.
    TypeError
        If `params` are those of another cell or `tape` is not a Tape.

    Notes
    -----
    :eq:`eq-bptt-delta` and :eq:`eq-bptt-gradients` in :ref:`ch-bptt` (Rumelhart, Hinton and
    Williams 1986; Werbos 1990). The window slides: h = window and h' = 1 in the
    terms of Williams and Peng (1990).

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
    made_by, x, states, _, lengths = checks.instance("tape", tape, Tape)
    if made_by != cell.name:
        raise ValueError(f"tape must be of cell {cell.name!r}, got one of {made_by!r}")
    (T, B, _), S = x.shape, cell.parts * H
    if x.shape[2] != D or states.shape[2] != S or states.dtype != params.U.dtype:
        raise ValueError(
            f"tape must be of these params, {params.U.dtype} with D = {D} and S = {S}, "
            f"got {states.dtype} with {x.shape[2]} and {states.shape[2]}"
        )
    dstates = checks.array("dstates", dstates, (("T", T), ("B", B), ("S", S)), states.dtype)
    if window is not None:
        window = checks.positive_integer("window", window)

    # ds[:, k] comes from the loss k steps later; without a window there is one slice for all.
    truncated = window is not None and window < T
    if totals is not None:
        if truncated:
            raise ValueError(f"totals must be None with a window below T = {T}, got an array")
        fits = isinstance(totals, np.ndarray) and totals.dtype == states.dtype
        if not fits or totals.shape != (T, B, S):
            got = getattr(totals, "dtype", type(totals).__name__), np.shape(totals)
            raise ValueError(
                f"totals must be {states.dtype} of {(T, B, S)}, got {got[0]} of {got[1]}"
            )
        by_part = _blocks(totals, cell.parts)
    ages = window if truncated else 1
    ds = np.zeros((cell.parts, ages, B, H), states.dtype)
    newest, dh = ds[:, 0], ds[0].reshape(ages * B, H)
    past_W = np.empty_like(dh) if cell.direct else dh
    losses = _blocks(dstates, cell.parts)
    grads = cell.params(*(np.zeros(leaf.shape, leaf.dtype) for leaf in params))
    dx = np.empty(x.shape, x.dtype)
    shortest = T if lengths is None else lengths.min()

    length = min(T, max(1, ROWS // B))
    columns, inputs = (cell.gates + cell.extra) * H, cell.gates * H
    slopes = np.empty((cell.slope_blocks, length, B, H), states.dtype)
    da = np.empty((length, B, columns), states.dtype)
    slots = np.empty((1, ages, B, columns), states.dtype) if truncated else da[:, None]
    by_gate = np.moveaxis(_blocks(slots, cell.gates + cell.extra), -3, 1)
    dq = slots.reshape(len(slots), ages * B, columns)[..., :inputs]
    for stop in range(T, 0, -length):
        steps = slice(max(0, stop - length), stop)
        n = stop - steps.start
        _slopes(cell, tape, steps, slopes[:, :n])
        dL = np.ascontiguousarray(losses[steps])
        for k in reversed(range(n)):
            t, slot = steps.start + k, 0 if truncated else k
            newest += dL[k]
            if totals is not None:
                by_part[t] = newest
            ended = ds.copy() if t >= shortest else None
            cell.step_back(ds, slopes[:, k, None], by_gate[slot])
            np.dot(dq[slot], params.W, out=past_W)
            if cell.direct:
                dh += past_W
            if truncated:
                da[k] = slots[0].sum(axis=0)
                if t > 0:  # every loss is one step older; the oldest drops out
                    ds[:, 1:] = ds[:, :-1]
                    ds[:, 0] = 0
            if ended is not None:
                np.copyto(ds, ended, where=(t >= lengths)[:, None])

        rows = n * B
        flat = da[:n].reshape(rows, columns)
        grads.W[...] += flat[:, :inputs].T @ states[steps, :, :H].reshape(rows, H)
        if cell.extra:  # from here on the candidate's block is about U x, no longer about W h
            candidate = flat[:, inputs - H : inputs]
            grads.b_n[...] += candidate.sum(axis=0)
            candidate[...] = flat[:, inputs:]
        flat = flat[:, :inputs]
        grads.U[...] += flat.T @ x[steps].reshape(rows, D)
        grads.b[...] += flat.sum(axis=0)
        np.matmul(flat, params.U, out=dx[steps].reshape(rows, D))
    return grads, dx, ds.sum(axis=1).swapaxes(0, 1).reshape(B, S)


def jacobians(cell, params, x, s0=None, lengths=None):
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
    lengths : (B,) array of int, optional
        Real lengths in 1..T.

    Returns
    -------
    (T, B, S, S) ndarray
        Entry [t, n, i, j] is d s_{t+1}[i] / d s_t[j] of sequence n. Beyond its length, where the
        state is carried over, it is the identity.

    Raises
    ------
    ValueError
        If a shape, dtype, length or value is not as `forward` wants it.
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
    states, tape = forward(cell, params, x, s0, lengths)
    T, B, S = states.shape[0] - 1, states.shape[1], states.shape[2]
    H, blocks = S // cell.parts, cell.gates + cell.extra
    slopes = np.empty((cell.slope_blocks, T, B, H), states.dtype)
    _slopes(cell, tape, slice(0, T), slopes)
    unit = _blocks(np.eye(S, dtype=states.dtype)[:, None], cell.parts).swapaxes(0, 1)
    da = np.empty((S, B, blocks * H), states.dtype)
    by_gate = np.moveaxis(_blocks(da, blocks), -3, 0)
    J = np.empty((T, B, S, S), states.dtype)
    for t in range(T):
        ds = np.broadcast_to(unit, (cell.parts, S, B, H)).copy()
        cell.step_back(ds, slopes[:, t, None], by_gate)
        past_W = da[..., : cell.gates * H] @ params.W
        ds[0] = ds[0] + past_W if cell.direct else past_W
        J[t] = ds.transpose(2, 1, 0, 3).reshape(B, S, S)
    if tape.lengths is not None:
        J[np.arange(T)[:, None] >= tape.lengths] = np.eye(S, dtype=J.dtype)
    return J

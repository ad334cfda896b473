"""The one loop over time. `scan` owns every recurrent matrix product; cells are elementwise.

Forward: one call for the products of all inputs, then one a step for those of the state. Backward:
the steps in blocks; for each block the slopes of all its steps at once (`linearize`), the reverse
loop, and one stacked product per weight gradient (`accumulate`). Derived in :ref:`ch-cell` and
:ref:`ch-bptt`; truncated BPTT has its own reverse, `rnn_src.truncation`.

What is done for speed, and the time of a step with this undone over the time with it, measured once
on the machine of :ref:`ch-speed`, to about 0.05, over its smaller sizes and the cells concerned:

- blocks instead of single steps in the reverse: 1.0 to 2.1, and 2.8 to 3.9 for a batch of one;
- the gates as whole blocks (T, G, B, H), not side by side in rows: 1.1 to 1.5, in a batch;
- the logistic function through one tanh for all gates, its weights halved: 1.0 to 1.1;
- weights copied into the order in which the products read them: 1.0 to 1.1;
- whole copies of an LSTM's two states inside the loop: 1.0 to 1.1;
- the bias as the weight of an input that is always 1: 1.0 to 1.05.
"""

from itertools import cycle, repeat
from typing import NamedTuple

import numpy as np

from rnn_src import checks, truncation
from rnn_src.cells import as_cell
from rnn_src.cells.base import blocks
from rnn_src.initializers import gaussian, orthogonal

__all__ = [
    "Tape",
    "backward",
    "backward_by_lag",
    "forward",
    "init",
    "iterate_jacobians",
    "jacobians",
]

# Rows, steps times batch, of a block of the reverse. More do not make it faster, and its memory
# would grow.
ROWS = 384
# Numbers of a block of Jacobians, which are made at once: about what a processor has near by.
ENTRIES = 2**15


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
    Its memory, O(T n), is measured in :ref:`ch-speed`.

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
    cell = as_cell(cell)
    D = checks.positive_integer("input_size", input_size)
    H = checks.positive_integer("hidden_size", hidden_size)
    checks.generator("rng", rng)
    dtype = checks.float_dtype("dtype", dtype)
    checks.function("recurrent", recurrent)
    checks.function("input_weights", input_weights)
    drawn = {name: np.zeros(shape, dtype) for name, shape in cell.shapes(D, H).items()}
    for g in range(cell.gates):
        block, returns = slice(g * H, (g + 1) * H), "what {} returns".format
        drawn["W"][block] = checks.array(returns("recurrent"), recurrent(rng, H, H), (H, H))
        drawn["U"][block] = checks.array(returns("input_weights"), input_weights(rng, H, D), (H, D))
    return cell.params(**drawn)


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
    cell = as_cell(cell)
    D, H = checks.parameters(cell, params)
    dtype = params.U.dtype
    x = checks.array("x", x, ("T", "B", ("D", D)), dtype)
    T, B, _ = x.shape
    S = cell.parts * H
    lengths = checks.lengths(lengths, T, B)
    states = np.empty((T + 1, B, S), dtype)
    states[0] = 0 if s0 is None else checks.array("s0", s0, (("B", B), ("S", S)), dtype)
    kept = np.empty((T, cell.keeps, B, H), dtype)
    _run(cell, params, x, lengths, states, kept)
    return states, Tape(cell.name, x, states, kept, lengths)


def _run(cell, params, x, lengths, states, kept):
    """The loop: from states[0] write all other states, and what each step keeps."""
    parts = blocks(states, cell.parts)
    # A cell that keeps nothing has a where its states will be.
    a = kept if cell.keeps else parts[1:]
    _read(cell, params, x, a)
    W = _by_gate(cell, params.W)
    q = np.empty((cell.gates, *parts.shape[2:]), x.dtype)
    shortest = len(x) if lengths is None else lengths.min()
    pairs, strided = zip(parts, parts[1:]), cell.parts > 1
    if strided:  # then the loop works on two whole copies, in turn
        one, other = parts[0].copy(), np.empty_like(q, shape=parts.shape[1:])
        pairs = cycle([(one, other), (other, one)])
    for t, (a_t, (s, s_next)) in enumerate(zip(a, pairs)):
        np.matmul(s[0], W, out=q)
        cell.step(a_t, q, s, s_next)
        if t >= shortest:
            np.copyto(s_next, s, where=(t >= lengths)[:, None])
        if strided:
            parts[t + 1] = s_next


def _read(cell, params, x, a):
    """Write what the inputs bring to every step: a = U x + b by gate, and b_n."""
    Ub = _by_gate(cell, np.column_stack([params.U, params.b]))
    # [x, 1]: the bias is the weight of an input that is always 1
    wide = np.empty((*x.shape[:-1], x.shape[-1] + 1), x.dtype)
    wide[..., :-1], wide[..., -1] = x, 1
    np.matmul(wide[:, None], Ub, out=a[:, : cell.gates])
    if cell.extra:
        a[:, cell.gates] = params.b_n


def _by_gate(cell, weights):
    """Weights (G*H, columns) as (G, columns, H), in the order and scale that `Cell.step` wants."""
    order = [*cell.logistic, *(g for g in range(cell.gates) if g not in cell.logistic)]
    by_gate = weights.reshape(cell.gates, -1, weights.shape[1])[order]
    by_gate[: len(cell.logistic)] *= 0.5
    return np.ascontiguousarray(by_gate.swapaxes(1, 2))


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
        lags 0 to window - 1, and s0 if that is so near. With a loss at every step the reverse costs
        that many times as much. None, or window >= T, is full BPTT.
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
    cell = as_cell(cell)
    dstates = _check_backward(cell, params, tape, dstates)
    T = len(dstates)
    if window is not None:
        window = checks.positive_integer("window", window)
        window = window if window < T else None
    if totals is not None:
        _check_totals(totals, dstates, window)
    losses, carried = _settle(dstates, tape.lengths)
    if window is not None:
        return _backward_in_window(cell, params, tape, losses, window)
    gradients = _backward_in_full(cell, params, tape, losses, totals)
    if totals is not None and carried is not None:
        np.copyto(totals, carried, where=_padding(T, tape.lengths))
    return gradients


def _check_backward(cell, params, tape, dstates):
    """The tape is of these parameters, and so are the losses, which are returned."""
    D, H = checks.parameters(cell, params)
    made_by, x, states, _, _ = checks.instance("tape", tape, Tape)
    if made_by != cell.name:
        raise ValueError(f"tape must be of cell {cell.name!r}, got one of {made_by!r}")
    (T, B, _), S = x.shape, cell.parts * H
    if x.shape[2] != D or states.shape[2] != S or states.dtype != params.U.dtype:
        raise ValueError(
            f"tape must be of these params, {params.U.dtype} with D = {D} and S = {S}, "
            f"got {states.dtype} with {x.shape[2]} and {states.shape[2]}"
        )
    return checks.array("dstates", dstates, (("T", T), ("B", B), ("S", S)), states.dtype)


def _check_totals(totals, dstates, window):
    """An array of the losses' shape and dtype, and no window."""
    if window is not None:
        raise ValueError(
            f"totals must be None with a window below T = {len(dstates)}, got an array"
        )
    fits = isinstance(totals, np.ndarray) and totals.dtype == dstates.dtype
    if not fits or totals.shape != dstates.shape:
        got = getattr(totals, "dtype", type(totals).__name__), np.shape(totals)
        raise ValueError(
            f"totals must be {dstates.dtype} of {dstates.shape}, got {got[0]} of {got[1]}"
        )


def _padding(T, lengths):
    """True beyond a sequence's length, (T, B, 1)."""
    return (np.arange(T)[:, None] >= lengths)[..., None]


def _settle(dstates, lengths):
    """Losses of the padding, moved to the last real step, whose state is carried over there.

    Also the running sums, from the end on, from which they were moved; None without lengths.
    """
    if lengths is None:
        return dstates, None
    carried = dstates.copy()
    for t in reversed(range(lengths.min(), len(carried))):
        ended = (t >= lengths)[:, None]
        np.add(carried[t - 1], carried[t], out=carried[t - 1], where=ended)
    losses = carried.copy()
    np.copyto(losses, 0, where=_padding(len(losses), lengths))
    return losses, carried


def _backward_in_full(cell, params, tape, losses, totals):
    """Every loss goes back to the first step: block by block of steps, from the last one on."""
    T, B, S = losses.shape
    H, G = S // cell.parts, cell.gates + cell.extra
    grads, dx = _zeros_like(params), np.empty(tape.x.shape, tape.x.dtype)
    ds = np.zeros((cell.parts, B, H), losses.dtype)
    length = min(T, max(1, ROWS // B))
    slopes = np.empty((cell.slope_blocks, length, B, H), losses.dtype)
    da = np.empty((length, B, G * H), losses.dtype)
    by_step = slopes.swapaxes(0, 1), blocks(da, G), da[..., : cell.gates * H]
    losses, sums = blocks(losses, cell.parts), repeat(None)
    for stop in range(T, 0, -length):
        steps = slice(max(0, stop - length), stop)
        n = stop - steps.start
        linearize(cell, tape, steps, slopes[:, :n])
        if totals is not None:
            sums = blocks(totals, cell.parts)[steps][::-1]
        dL = np.ascontiguousarray(losses[steps])[::-1]
        _reverse(cell, params.W, ds, zip(dL, *(array[n - 1 :: -1] for array in by_step), sums))
        by_Ux = accumulate(cell, params, tape, steps, da[:n], grads)
        np.matmul(by_Ux, params.U, out=dx[steps].reshape(n * B, -1))
    return grads, dx, ds.swapaxes(0, 1).reshape(B, S)


def _reverse(cell, W, ds, steps):
    """The loop of the reverse: ds goes from the state after some steps to the one before them.

    Of each step, the last one first: its losses, its slopes, where to write the derivatives by what
    enters the gates, the same by row as a product reads them, and where to write ds, or None.
    """
    dh = ds[0]
    direct, step_back = cell.direct, cell.step_back
    past_W = np.empty_like(dh) if direct else dh
    for loss, slopes, da, dq, total in steps:
        ds += loss
        if total is not None:
            total[...] = ds
        step_back(ds, slopes, da)
        np.dot(dq, W, out=past_W)
        if direct:
            dh += past_W


def _backward_in_window(cell, params, tape, losses, window):
    """Every loss goes back `window` steps."""
    da, ds0 = truncation.within(cell, params.W, linearize(cell, tape), losses, window)
    grads = _zeros_like(params)
    by_Ux = accumulate(cell, params, tape, slice(0, len(da)), da, grads)
    return grads, (by_Ux @ params.U).reshape(tape.x.shape), ds0


def backward_by_lag(cell, params, tape, dstates):
    """Backpropagation through time, lag by lag: the gradients of the parameters, not added up.

    Parameters
    ----------
    cell : Cell or str
        The cell that made the tape.
    params : NamedTuple
        The parameters that made the tape.
    tape : Tape
        From `forward`.
    dstates : (T, B, S) array
        dL/d states[1:] from the losses alone.

    Returns
    -------
    iterator of NamedTuple
        For lag 0, 1, ..., T - 1 what the losses say of the uses of the weights so many steps before
        them, of the parameters' type, shapes and dtype. The first `window` of them sum to the
        gradients of `backward` with that window, all of them to those without.

    Raises
    ------
    ValueError
        If a shape or dtype is not as said above, a value is not finite, or the tape does not fit
        the parameters.
    TypeError
        If `params` are those of another cell or `tape` is not a Tape.

    Notes
    -----
    The inner sums of :eq:`eq-bptt-pairs`, sorted by t - k; see :ref:`ch-truncation`. A lag costs
    what one backward pass costs, without its loop.

    Examples
    --------
    >>> params = init("rnn", 1, 2, np.random.default_rng(0))
    >>> states, tape = forward("rnn", params, np.ones((5, 3, 1)))
    >>> [grads.W.shape for grads in backward_by_lag("rnn", params, tape, np.ones((5, 3, 2)))][3:]
    [(2, 2), (2, 2)]
    """
    cell = as_cell(cell)
    dstates = _check_backward(cell, params, tape, dstates)
    losses, _ = _settle(dstates, tape.lengths)
    return _each_lag(cell, params, tape, losses)


def _each_lag(cell, params, tape, losses):
    for steps, da, _ in truncation.by_lag(cell, params.W, linearize(cell, tape), losses):
        grads = _zeros_like(params)
        accumulate(cell, params, tape, steps, da, grads)
        yield grads


def linearize(cell, tape, steps=None, out=None):
    """The slopes of these steps, or of all, at once: (blocks, steps, B, H), as `Cell.slopes` says.

    They are the step's Jacobians but for W. None are needed of the padding: no loss is there.
    """
    steps = steps or slice(0, len(tape.x))
    states = blocks(tape.states, cell.parts).swapaxes(0, 1)
    s, s_next = states[:, steps], states[:, steps.start + 1 : steps.stop + 1]
    if out is None:
        out = np.empty((cell.slope_blocks, *s.shape[1:]), s.dtype)
    cell.slopes(tape.kept[steps].swapaxes(0, 1), s, s_next, out)
    return out


def accumulate(cell, params, tape, steps, da, grads):
    """Add what da of these steps says of the weights, one stacked product each.

    Returned: the derivatives by U x (steps * B, G*H), in the place of da.
    """
    n, B, columns = da.shape
    rows, H = params.W.shape
    flat = da.reshape(n * B, columns)
    grads.W[...] += flat[:, :rows].T @ tape.states[steps, :, :H].reshape(n * B, H)
    if cell.extra:  # from here on the candidate's block is about U x, no longer about W h
        candidate = flat[:, rows - H : rows]
        grads.b_n[...] += candidate.sum(axis=0)
        candidate[...] = flat[:, rows:]
    flat = flat[:, :rows]
    x = tape.x[steps].reshape(n * B, -1)
    grads.U[...] += flat.T @ x
    grads.b[...] += flat.sum(axis=0)
    return flat


def _zeros_like(params):
    return type(params)(*(np.zeros(leaf.shape, leaf.dtype) for leaf in params))


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
    :eq:`eq-bptt-jacobian` in :ref:`ch-bptt`. The slopes in it come from the same `step_back` that
    BPTT uses.

    Examples
    --------
    >>> params = init("rnn", 1, 2, np.random.default_rng(0))
    >>> J = jacobians("rnn", params, np.zeros((5, 3, 1)))
    >>> J.shape, np.allclose(J[0, 0], params.W)
    ((5, 3, 2, 2), True)
    """
    steps = iterate_jacobians(cell, params, x, s0, lengths)
    first = next(steps)
    J = np.empty((len(x), *first.shape), first.dtype)
    J[0] = first
    for t, step in enumerate(steps, start=1):
        J[t] = step
    return J


def iterate_jacobians(cell, params, x, s0=None, lengths=None):
    """The state-to-state Jacobian of every step, one after the other.

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
    iterator of ndarray
        T arrays (B, S, S), the entries of `jacobians` in the order of time. All of them need not be
        in memory at once.

    Raises
    ------
    ValueError
        If a shape, dtype, length or value is not as `forward` wants it.
    TypeError
        If `params` are those of another cell.

    Notes
    -----
    :eq:`eq-bptt-jacobian` in :ref:`ch-bptt`. `rnn_src.gradient_flow.lyapunov_exponents` reads it.

    Examples
    --------
    >>> params = init("rnn", 1, 2, np.random.default_rng(0))
    >>> [J.shape for J in iterate_jacobians("rnn", params, np.zeros((2, 3, 1)))]
    [(3, 2, 2), (3, 2, 2)]
    """
    cell = as_cell(cell)
    _, tape = forward(cell, params, x, s0, lengths)  # here, so that bad input is refused at once
    return _each_jacobian(cell, params.W, tape)


def _each_jacobian(cell, W, tape):
    T, B, S = tape.states[1:].shape
    length = max(1, ENTRIES // (B * S * S))
    for start in range(0, T, length):
        steps = slice(start, min(start + length, T))
        J = _jacobians(cell, W, linearize(cell, tape, steps))
        if tape.lengths is not None:
            J[_padding(T, tape.lengths)[steps, :, 0]] = np.eye(S, dtype=J.dtype)
        yield from J


def _jacobians(cell, W, slopes):
    """The Jacobians (steps, B, S, S) of these slopes: diagonals times W, and diagonals past it.

    A cell is elementwise, so one reverse step a part of the state, with ds = 1 for all its units,
    finds every diagonal.
    """
    _, n, B, H = slopes.shape
    P, G = cell.parts, cell.gates
    ds = np.zeros((P, P, n, B, H), slopes.dtype)
    ds[range(P), range(P)] = 1
    da = np.empty((G + cell.extra, P, n, B, H), slopes.dtype)
    cell.step_back(ds, slopes[:, None], da)
    J = np.zeros((n, B, P, H, P, H), slopes.dtype)  # d s_next[p][i] / d s[r][j] at [p, i, r, j]
    for p in range(P):
        for da_g, W_g in zip(da[:G, p], W.reshape(G, H, H)):
            J[:, :, p, :, 0] += da_g[..., None] * W_g
        for r in range(0 if cell.direct else 1, P):
            np.einsum("nbii->nbi", J[:, :, p, :, r])[...] += ds[r, p]
    return J.reshape(n, B, P * H, P * H)

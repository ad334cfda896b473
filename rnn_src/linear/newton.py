"""A nonlinear recurrence over the whole sequence at once: Newton's method, each sweep a scan."""

import numpy as np

from rnn_src import checks
from rnn_src.cells import as_cell
from rnn_src.linear.recurrence import parallel_scan, sweep
from rnn_src.scan import forward, jacobians

__all__ = ["matrix_scan", "newton"]

# A step with a residual of so many roundings counts as exact.
ROUNDINGS = 16


def matrix_scan(A, b, h0=None):
    """Run h_t = A_t h_{t-1} + b_t with matrices, by composing steps in pairs.

    Parameters
    ----------
    A : (T, ..., S, S) array
        The factors.
    b : (T, ..., S) array
        The inputs.
    h0 : (..., S) array, optional
        The state before the first step; 0 if not given.

    Returns
    -------
    (T+1, ..., S) ndarray
        All states; the first is `h0`.

    Raises
    ------
    ValueError
        If the shapes do not match, or a value is not a finite number in float32, float64 or
        complex128.

    See Also
    --------
    rnn_src.linear.parallel_scan : The same unit by unit.

    Notes
    -----
    The sweep of `parallel_scan` with matrix products in place of products: depth O(log T), work
    O(T S^3), where a loop has depth T and work O(T S^2). A product of many factors may overflow;
    what it makes is then infinite or NaN. Used in :ref:`ch-parallel`.

    Examples
    --------
    >>> swap = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> matrix_scan(np.array([swap, swap]), np.zeros((2, 2)), np.array([1.0, 2.0]))
    array([[1., 2.],
           [2., 1.],
           [1., 2.]])
    """
    b = checks.array("b", b, ("...",))
    if b.ndim < 2:
        raise ValueError(f"b must be (T, ..., S), got {b.shape}")
    A = checks.array("A", A, (*b.shape, b.shape[-1]))
    h0 = np.zeros(b.shape[1:], b.dtype) if h0 is None else h0
    h0 = checks.array("h0", h0, b.shape[1:])
    states = np.empty((len(b) + 1, *b.shape[1:]), np.result_type(A, b, h0))
    states[0], states[1:] = h0, b
    columns = states[..., None]
    with np.errstate(over="ignore", invalid="ignore"):
        columns[1] += A[0] @ columns[0]
        sweep(A, columns[1:], np.matmul, np.add)
    return states


def newton(cell, params, x, s0=None, guess=None, tol=None, sweeps=None, factors=None):
    """Run a cell over all steps at once: guess all states, linearise every step, scan, repeat.

    Parameters
    ----------
    cell : Cell or str
        A record of `CELLS` or its name.
    params : NamedTuple
        As `rnn_src.init` returns them.
    x : (T, B, D) array
        Inputs, time first.
    s0 : (B, S) array, optional
        The state before the first input, 0 if not given.
    guess : (T, B, S) array, optional
        The states after each input to begin with, 0 if not given.
    tol : float, optional
        Stop when no residual is larger; the square root of the dtype's rounding if not given,
        1.5e-8 in float64.
    sweeps : int, optional
        Stop after so many; T if not given, which is always enough.
    factors : callable, optional
        From the Jacobians (T', B, S, S) of some steps to what the scan uses in their place: an
        array of this shape, or (T', B, S) for diagonal matrices. The Jacobians themselves if not
        given. No choice changes the states that solve all steps, nor the bound of T sweeps; it
        changes how many are needed.

    Returns
    -------
    states : (T+1, B, S) ndarray
        As `rnn_src.scan.forward` has them, to the accuracy that was reached.
    residuals : (K+1, T, B) ndarray
        Of the guess and after each of the K sweeps: by how much the state after each step differs
        from what the cell makes of the state before it, in the unit that is worst off.

    Raises
    ------
    ValueError
        If a shape, dtype or value is not as `rnn_src.scan.forward` wants it, `tol` is negative,
        `sweeps` is not a positive integer, or `factors` returns another shape.
    TypeError
        If `params` are those of another cell or `factors` is not a function.

    See Also
    --------
    rnn_src.scan.forward : The same states, one step after the other.

    Notes
    -----
    :eq:`eq-parallel-sweep` in :ref:`ch-parallel` (Lim, Zhu, Selfridge and Kasim 2024). A small
    residual is a small error only where errors do not grow on their way. Steps at the front that
    are solved to rounding are left alone, and a state that overflows is replaced by what the cell
    makes of the guess before it. After k sweeps the first k states are solved whatever the factors,
    if these are finite, as long as the cell makes of a batch of single steps what it makes of one
    step, to 16 roundings.

    Examples
    --------
    >>> from rnn_src import forward, init
    >>> rng = np.random.default_rng(0)
    >>> params, x = init("gru", 2, 3, rng), rng.standard_normal((50, 4, 2))
    >>> states, residuals = newton("gru", params, x)
    >>> bool(np.allclose(states, forward("gru", params, x)[0])), len(residuals) < 10
    (True, True)
    """
    cell = as_cell(cell)
    x, states = _start(cell, params, x, s0, guess)
    eps = np.finfo(states.dtype).eps
    tol = checks.number("tol", float(np.sqrt(eps)) if tol is None else tol, 0, high_open=True)
    most = len(x) if sweeps is None else checks.positive_integer("sweeps", sweeps)
    if factors is not None:
        checks.function("factors", factors)
    image, residuals, first = np.empty_like(states[1:]), [], 0
    while True:
        rest = cell, params, x[first:], states[first:-1]  # no step before `first` has to be solved
        image[first:] = _all_at_once(forward, *rest)[1]
        gap = image - states[1:]
        residuals.append(np.abs(gap).max(axis=2))
        if len(residuals) > most or (residuals[-1] <= tol).all():
            return states, np.array(residuals)
        open_ = np.abs(gap) > ROUNDINGS * eps * np.maximum(1, np.abs(image))
        first = int(open_.any(axis=(1, 2)).argmax())
        J = _all_at_once(jacobians, cell, params, x[first:], states[first:-1])
        new = states[first + 1 :] + _solve(J, gap[first:], factors)
        new[0] = image[first]  # the state before it is exact: no rounding of a far guess is left
        fits = np.abs(new) < np.sqrt(np.finfo(new.dtype).max)  # False of NaN too
        states[first + 1 :] = np.where(fits, new, image[first:])


def _start(cell, params, x, s0, guess):
    """The inputs, and the guess of all states with the first in its place."""
    D, H = checks.parameters(cell, params)
    dtype, S = params.U.dtype, cell.parts * H
    x = checks.array("x", x, ("T", "B", ("D", D)), dtype)
    T, B, _ = x.shape
    states = np.zeros((T + 1, B, S), dtype)
    if s0 is not None:
        states[0] = checks.array("s0", s0, (("B", B), ("S", S)), dtype)
    if guess is not None:
        states[1:] = checks.array("guess", guess, (("T", T), ("B", B), ("S", S)), dtype)
    return x, states


def _all_at_once(run, cell, params, x, states):
    """What `run`, forward or jacobians, makes of all (T, B) steps.

    Each is a sequence of one step, and all are one batch.
    """
    T, B, S = states.shape
    single, before = x.reshape(1, T * B, -1), states.reshape(T * B, S)
    made = run(cell, params, single, before)
    if run is forward:
        return made[0].reshape(2, T, B, S)
    return made.reshape(T, B, S, S)


def _solve(J, gap, factors):
    """The correction of every state: d_t = A_t d_{t-1} + gap_t, from d_0 = 0."""
    A = J if factors is None else checks.array("what factors returns", factors(J), ("...",))
    if A.shape == gap.shape:
        with np.errstate(over="ignore", invalid="ignore"):
            return parallel_scan(A, gap)[1:]
    return matrix_scan(A, gap)[1:]

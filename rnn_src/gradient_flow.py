"""What becomes of a gradient on its way back: measured on any cell, one lag at a time.

The lag of a contribution is the number of steps from a use of the weights to the loss that it
helped to cause. The functions that take J want the Jacobians of `rnn_src.scan.jacobians`, so they
work on every cell and on every network that `rnn_src.interop` brings in.
"""

import itertools

import numpy as np

from rnn_src import checks
from rnn_src.cells import Cell
from rnn_src.scan import backward, backward_by_lag, forward
from rnn_src.stack import Stack, backward_stack, forward_stack
from rnn_src.trees import tree_map

__all__ = [
    "gradient_by_input",
    "gradient_by_lag",
    "lag_norms",
    "loss_surface",
    "lyapunov_exponents",
    "singular_values_by_lag",
]

# Up to this size all singular values cost little; above it `lag_norms` looks for the largest alone.
SMALL = 128
TOLERANCE = 1e-11  # of the square of a norm
MOST = 64  # products with a vector, then all singular values are cheaper


def lag_norms(J, lengths=None):
    """The largest stretch that the last k steps give to any vector, for every k.

    Parameters
    ----------
    J : (T, B, S, S) array
        J[t] = d s_{t+1} / d s_t, as `rnn_src.scan.jacobians` returns them.
    lengths : (B,) array of int, optional
        Real lengths in 1..T. A shorter sequence is looked at from its own end.

    Returns
    -------
    (T+1, B) ndarray
        Row k is the 2-norm of J[T-1] ... J[T-k]; row 0 is 1. NaN for more steps than the
        sequence has.

    Raises
    ------
    ValueError
        If `J` is not finite, of floats, with four axes and the last two equal, `lengths` are not B
        integers in 1..T, or a product overflows.

    Notes
    -----
    :eq:`eq-jacobians-product` in :ref:`ch-jacobians`. It is also the largest factor that a gradient
    can take on its way back over those k steps. Above S = 128 it is found without the other
    singular values, by the method of Lanczos (1950), to within 1e-10 of itself in float64.

    Examples
    --------
    >>> J = np.broadcast_to(np.diag([0.5, 0.25]), (3, 1, 2, 2))
    >>> lag_norms(J)[:, 0]
    array([1.   , 0.5  , 0.25 , 0.125])
    """
    return _by_lag(J, lengths, _norms)


def singular_values_by_lag(J, lengths=None):
    """All singular values of the product of the last k Jacobians, for every k.

    Parameters
    ----------
    J : (T, B, S, S) array
        J[t] = d s_{t+1} / d s_t, as `rnn_src.scan.jacobians` returns them.
    lengths : (B,) array of int, optional
        Real lengths in 1..T. A shorter sequence is looked at from its own end.

    Returns
    -------
    (T+1, B, S) ndarray
        Row k holds those of J[T-1] ... J[T-k], largest first. NaN for more steps than the
        sequence has.

    Raises
    ------
    ValueError
        If `J` is not finite, of floats, with four axes and the last two equal, `lengths` are not B
        integers in 1..T, or a product overflows.

    Notes
    -----
    :eq:`eq-jacobians-product` in :ref:`ch-jacobians`. The product is formed as it stands, so a
    singular value below the largest one of its row times the precision of the dtype (2e-16 in
    float64) is rounding.

    Examples
    --------
    >>> J = np.broadcast_to(np.diag([0.5, 2.0]), (3, 1, 2, 2))
    >>> singular_values_by_lag(J)[-1]
    array([[8.   , 0.125]])
    """
    return _by_lag(J, lengths, _singular_values)


def _by_lag(J, lengths, measure):
    """What `measure` finds of the product of the last k Jacobians, for every k from 0 on."""
    J = checks.array("J", J, ("T", "B", "S", "S"))
    T, B, S, columns = J.shape
    if columns != S:
        raise ValueError(f"J must be (T, B, S, S), got {J.shape}")
    lengths = checks.lengths(lengths, T, B)
    first = np.broadcast_to(np.eye(S, dtype=J.dtype), (B, S, S))
    values = [np.ones_like(measure(first)), *map(measure, _products(J, lengths))]
    if lengths is not None:
        for n, length in enumerate(lengths):
            for row in values[length + 1 :]:
                row[n] = np.nan
    return np.stack(values)


def _products(J, lengths):
    """The products of the last 1, 2, ..., T Jacobians; a sequence's own at the most."""
    T, B, S, _ = J.shape
    ends, which = np.full(B, T) if lengths is None else lengths, np.arange(B)
    product = np.eye(S, dtype=J.dtype)
    for k in range(1, T + 1):
        earlier = J[np.maximum(ends - k, 0), which]
        earlier[ends < k] = np.eye(S)
        with np.errstate(over="ignore", invalid="ignore"):
            product = product @ earlier
        if not np.isfinite(product).all():
            raise ValueError(f"J must have products inside {J.dtype}, that of {k} overflows")
        yield product


def _singular_values(product):
    return np.linalg.svd(product, compute_uv=False)


def _norms(product):
    """The 2-norm of each matrix: of small ones by all singular values, of others without them."""
    if product.shape[-1] <= SMALL:
        return _singular_values(product)[..., 0]
    return np.array([_lanczos_norm(matrix) for matrix in product], product.dtype)


def _lanczos_norm(matrix):
    """The largest singular value, from products with vectors alone (Lanczos 1950).

    A'A is looked at in the space of v, A'A v, (A'A)^2 v, ... for a random v, where it is
    tridiagonal. Its largest eigenvalue there is that of A'A to within `TOLERANCE` where the
    residual says so; if it does not within `MOST` products, all singular values are computed.
    """
    scale = np.abs(matrix).max()
    if scale == 0:
        return 0.0
    A = matrix.astype(float) / scale
    v = np.random.default_rng(0).standard_normal(len(A))
    space, tridiagonal = np.empty((MOST, len(A))), np.zeros((MOST + 1, MOST + 1))
    beta = np.linalg.norm(v)
    for m in range(MOST):
        space[m] = v / beta
        v = (A @ space[m]) @ A
        tridiagonal[m, m] = space[m] @ v
        for _ in range(2):  # twice is enough to be orthogonal to rounding
            v -= (space[: m + 1] @ v) @ space[: m + 1]
        beta = np.linalg.norm(v)
        tridiagonal[m, m + 1] = tridiagonal[m + 1, m] = beta
        ended = beta <= TOLERANCE * tridiagonal[0, 0]
        if ended or m % 4 == 3:
            values, vectors = np.linalg.eigh(tridiagonal[: m + 1, : m + 1])
            if ended or beta * abs(vectors[-1, -1]) <= TOLERANCE * values[-1]:
                return scale * np.sqrt(values[-1])
    return _singular_values(matrix)[0]


def lyapunov_exponents(J, count=None):
    """Average growth per step, in logarithms, along the directions that the network sorts out.

    Parameters
    ----------
    J : (T, B, S, S) array, or iterable of (B, S, S) arrays
        The Jacobians in the order of time, those of `rnn_src.scan.jacobians` or, so that a long
        run need not be held in memory, of `rnn_src.scan.iterate_jacobians`.
    count : int, optional
        How many of the largest exponents; all S if not given.

    Returns
    -------
    (B, count) ndarray of float64
        Largest first: those of the first exponent converge to lim (1/T) ln norm(J_T ... J_1).
        Minus infinity, or far below all others, where a direction is lost altogether.

    Raises
    ------
    ValueError
        If there is no Jacobian, one is not finite or has another shape than the first, or `count`
        is not an integer from 1 to S.

    Notes
    -----
    :eq:`eq-chaos-exponents` in :ref:`ch-chaos` (Benettin, Galgani, Giorgilli and Strelcyn
    1980). A frame of vectors, drawn once from a fixed seed, is multiplied by each Jacobian and made
    orthonormal again, so nothing overflows however long the run is. The error falls as 1/sqrt(T)
    for random inputs, and exponents that lie close together want long runs.

    Examples
    --------
    >>> J = np.broadcast_to(np.diag([0.5, 2.0]), (10_000, 1, 2, 2))
    >>> np.allclose(lyapunov_exponents(J), np.log([2.0, 0.5]), atol=1e-3)
    True
    """
    frame, total, T = None, 0.0, 0
    for T, step in enumerate(J, start=1):  # noqa: B007 (T is used after the loop)
        if frame is None:
            step = checks.array("J[0]", step, ("B", "S", "S"))
            B, S, _ = step.shape
            count = S if count is None else checks.positive_integer("count", count)
            if count > S:
                raise ValueError(f"count must be at most S = {S}, got {count}")
            # a frame along the axes could lie in a direction that the network never leaves
            frame = np.linalg.qr(np.random.default_rng(0).standard_normal((S, S)))[0][:, :count]
        step = checks.array(f"J[{T - 1}]", step, (("B", B), ("S", S), ("S", S)))
        frame, R = np.linalg.qr(step @ frame)
        with np.errstate(divide="ignore"):
            total = total + np.log(np.abs(np.diagonal(R, axis1=-2, axis2=-1)))
    if frame is None:
        raise ValueError("J must hold at least one Jacobian, got none")
    if np.isnan(total).any():
        raise ValueError("J must have products with a frame that do not overflow")
    return -np.sort(-total / T, axis=-1)


def gradient_by_lag(cell, params, x, dstates, s0=None, lengths=None):
    """Split the gradient of the parameters by lag.

    Parameters
    ----------
    cell : Cell or str
        A record of `CELLS` or its name.
    params : NamedTuple
        As `rnn_src.init` returns them.
    x : (T, B, D) array
        Inputs, time first.
    dstates : (T, B, S) array
        dL/d states[1:] from the losses alone.
    s0 : (B, S) array, optional
        The state before the first input, 0 if not given.
    lengths : (B,) array of int, optional
        Real lengths in 1..T. The padding is no step, so it is part of no lag.

    Returns
    -------
    NamedTuple
        Of the parameters' type. Each array has one more axis in front, of length T: entry k is what
        the losses say about the uses of the weights k steps before them. The sum over this axis is
        the gradient of BPTT.

    Raises
    ------
    ValueError
        If a shape, dtype or value is not as `rnn_src.forward` and `rnn_src.backward` want it.
    TypeError
        If `params` are those of another cell.

    Notes
    -----
    The inner sums of :eq:`eq-bptt-pairs`, sorted by t - k; measured in :ref:`ch-truncation`.
    `rnn_src.scan.backward_by_lag` carries the losses' derivatives back one step at a time, all of
    them at once. No lag is got as the difference of two large gradients, so a lag whose
    contribution is tiny keeps its digits. Each sequence costs O(T^2 S^2).

    Examples
    --------
    >>> from rnn_src import init
    >>> params = init("rnn", 1, 2, np.random.default_rng(0))
    >>> x, dstates = np.ones((5, 3, 1)), np.ones((5, 3, 2))
    >>> by_lag = gradient_by_lag("rnn", params, x, dstates)
    >>> by_lag.W.shape
    (5, 2, 2)
    >>> _, tape = forward("rnn", params, x)
    >>> np.allclose(by_lag.W.sum(axis=0), backward("rnn", params, tape, dstates)[0].W)
    True
    """
    _, tape = forward(cell, params, x, s0, lengths)
    by_lag = backward_by_lag(cell, params, tape, dstates)
    return tree_map(lambda *lags: np.stack(lags), *by_lag)


def gradient_by_input(cell, params, x, dstates, s0=None, lengths=None):
    """The size of a loss's gradient by each input, from the end of the sequence back.

    Parameters
    ----------
    cell : Cell or str
        A record of `CELLS` or its name.
    params : NamedTuple or Stack
        As `rnn_src.init` returns them; or a `rnn_src.stack.Stack` of this cell.
    x : (T, B, D) array
        Inputs, time first.
    dstates : (T, B, S) array
        dL/d states[1:] from the losses alone. Of a stack dL/d outputs, which count as far as the
        sequence goes. With a loss at the end of each sequence alone, lag k is that of this loss;
        from a loss of an earlier step, the lag is less by as much.
    s0 : (B, S) array, optional
        The state before the first input, 0 if not given; as `rnn_src.stack.forward_stack` wants it
        for a stack.
    lengths : (B,) array of int, optional
        Real lengths in 1..T.

    Returns
    -------
    (T, B) ndarray
        Row k is the 2-norm of dL/dx for the input k steps before the last one of each sequence. NaN
        beyond its first one.

    Raises
    ------
    ValueError
        If a shape, dtype or value is not as `rnn_src.forward` and `rnn_src.backward` want it, the
        stack is of another cell, or no loss looks at one of the sequences.
    TypeError
        If `params` are those of another cell.

    Notes
    -----
    The gradient dx of :eq:`eq-bptt-gradients`; read in :ref:`ch-bring`. Unlike `lag_norms` it tells
    what one loss says, and through all layers: a gradient travels back in the layer that forgets
    slowest, so no layer of a stack alone tells how far the whole reaches.

    Examples
    --------
    >>> from rnn_src.cells import RNNParams
    >>> half = RNNParams(np.full((1, 1), 0.5), np.ones((1, 1)), np.zeros(1))
    >>> dstates = np.zeros((4, 1, 1))
    >>> dstates[-1] = 1
    >>> gradient_by_input("rnn_linear", half, np.ones((4, 1, 1)), dstates)[:, 0]
    array([1.   , 0.5  , 0.25 , 0.125])
    """
    if isinstance(params, Stack):
        name = cell.name if isinstance(cell, Cell) else cell
        if name != params.cell:
            raise ValueError(f"cell must be that of the stack, {params.cell!r}, got {name!r}")
        _, tapes = forward_stack(params, x, s0, lengths)
        _, dx = backward_stack(params, tapes, dstates)
        tape = tapes[0][0]
    else:
        _, tape = forward(cell, params, x, s0, lengths)
        _, dx, _ = backward(cell, params, tape, dstates)
    T, B, _ = dx.shape
    ends = np.full(B, T) if tape.lengths is None else tape.lengths
    steps = ends - 1 - np.arange(T)[:, None]
    heard = np.any(dstates, axis=2)
    if isinstance(params, Stack):
        heard[np.arange(T)[:, None] >= ends] = False
    if not heard.any(axis=0).all():
        silent = heard.any(axis=0).argmin()
        raise ValueError(
            f"dstates must hold a loss of every sequence, got none of sequence {silent}"
        )
    norms = np.linalg.norm(dx, axis=2)[steps, np.arange(B)]
    norms[steps < 0] = np.nan
    return norms


def loss_surface(cell, params, x, loss, along, across, us, vs, s0=None):
    """The loss over a plane in the space of the parameters.

    Parameters
    ----------
    cell : Cell or str
        A record of `CELLS` or its name.
    params : NamedTuple
        The origin of the plane, as `rnn_src.init` returns it.
    x : (T, B, D) array
        Inputs, time first.
    loss : function
        From the states (T+1, B, S) to a number.
    along, across : NamedTuple
        Two directions, of the type and shapes of `params`.
    us, vs : (N,) array, (M,) array
        How far to go along each.
    s0 : (B, S) array, optional
        The state before the first input, 0 if not given.

    Returns
    -------
    (M, N) ndarray of float64
        Entry [i, j] is the loss at params + us[j] * along + vs[i] * across.

    Raises
    ------
    ValueError
        If a shape, dtype or value is not as `rnn_src.forward` wants it, `us` or `vs` is not a list
        of finite numbers, or the loss is not one number.
    TypeError
        If a direction has not the type of `params` or `loss` is not a function.

    Notes
    -----
    Drawn in :ref:`ch-walls`, where the plane is spanned by a weight and a bias. It costs one
    forward pass a point.

    Examples
    --------
    >>> from rnn_src import init
    >>> params = init("rnn", 1, 2, np.random.default_rng(0))
    >>> up = tree_map(np.ones_like, params)
    >>> down = tree_map(np.negative, up)
    >>> energy = lambda states: np.mean(states[-1] ** 2)
    >>> surface = loss_surface(
    ...     "rnn", params, np.ones((4, 1, 1)), energy, up, down, [0.0, 0.5], [0.0, 0.5, 1.0]
    ... )
    >>> surface.shape, bool(np.isclose(surface[1, 1], surface[0, 0]))
    ((3, 2), True)
    """
    checks.function("loss", loss)
    for name, direction in (("along", along), ("across", across)):
        checks.instance(name, direction, type(params))
    us = checks.array("us", np.asarray(us, dtype=float), ("N",))
    vs = checks.array("vs", np.asarray(vs, dtype=float), ("M",))
    surface = np.empty((len(vs), len(us)))
    # as Python's floats the distances leave float32 parameters in float32
    for (i, v), (j, u) in itertools.product(enumerate(vs.tolist()), enumerate(us.tolist())):
        point = tree_map(lambda p, a, c: p + u * a + v * c, params, along, across)  # noqa: B023
        value = loss(forward(cell, point, x, s0)[0])
        if np.ndim(value) != 0:
            raise ValueError(f"loss must return one number, got shape {np.shape(value)}")
        surface[i, j] = value
    return surface

"""The loop over time: forward, backward, windows, lengths, Jacobians; proved three ways."""

import sys
import tracemalloc
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import CELL_NAMES, assert_trees_close, assert_trees_equal, problem, run_states
from toy import TOY

from rnn_src import scan, truncation
from rnn_src.cells import CELLS
from rnn_src.gradcheck import check_gradients
from rnn_src.optimizers import sgd
from rnn_src.scan import (
    Tape,
    backward,
    backward_by_lag,
    forward,
    init,
    iterate_jacobians,
    jacobians,
)
from rnn_src.trees import tree_leaves, tree_map

DTYPES = [np.float32, np.float64]


@pytest.fixture(params=CELL_NAMES)
def name(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["full", "padded"])
def padded(request):
    return request.param


# --- Shapes and dtypes -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_init_shapes_and_dtype(name, dtype):
    cell = CELLS[name]
    params = init(name, 3, 4, np.random.default_rng(0), dtype)
    rows = cell.gates * 4
    wanted = {"W": (rows, 4), "U": (rows, 3), "b": (rows,), "b_n": (4,)}
    assert isinstance(params, cell.params)
    for field, leaf in params._asdict().items():
        assert leaf.shape == wanted[field] and leaf.dtype == dtype
        assert leaf.ndim == 2 or not leaf.any()
    for W in params.W.astype(float).reshape(cell.gates, 4, 4):  # one orthogonal block a gate
        np.testing.assert_allclose(W @ W.T, np.eye(4), atol=1e-6 if dtype == np.float32 else 1e-14)


def test_float32_and_float64_start_from_one_draw(name):
    single, double = (init(name, 3, 4, np.random.default_rng(0), dtype) for dtype in DTYPES)
    assert_trees_equal(single, tree_map(lambda p: p.astype(np.float32), double))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", [None, 2])
def test_shapes_and_dtype_of_every_array(name, padded, dtype, window):
    p = problem(name, padded=padded, dtype=dtype)
    states, tape = p.forward()
    assert states.shape == (8, *p.s0.shape) and states.dtype == dtype
    assert tape.kept.shape == (7, CELLS[name].keeps, 3, 5) and tape.kept.dtype == dtype
    for (_, leaf), (field, gradient) in zip(
        tree_leaves(p.variables), tree_leaves(p.gradients(window)), strict=True
    ):
        assert gradient.shape == leaf.shape and gradient.dtype == dtype, field
    J = jacobians(name, p.params, p.x, p.s0)
    assert J.shape == (7, *p.s0.shape, p.s0.shape[1]) and J.dtype == dtype


def test_float32_gradients_agree_with_float64(name, padded):
    """Single precision has 7 digits; 1e-4 leaves room for the sums over 7 steps."""
    single, double = (problem(name, padded=padded, dtype=dtype).gradients() for dtype in DTYPES)
    assert_trees_close(single, double, rtol=1e-4, atol=1e-4)


def test_the_record_and_its_name_are_one(name):
    p = problem(name)
    assert_trees_equal(p.gradients(), p._replace(name=CELLS[name]).gradients())


def test_s0_is_0_if_not_given(name):
    p = problem(name)
    states, _ = forward(name, p.params, p.x)
    np.testing.assert_array_equal(states, forward(name, p.params, p.x, np.zeros_like(p.s0))[0])


def test_nothing_is_changed_in_place(name, padded):
    p = problem(name, padded=padded)
    given = (*p.params, p.x, p.s0, p.weights)
    before = [v.copy() for v in given]
    _, tape = p.forward()
    jacobians(name, p.params, p.x, p.s0)
    given, before = (*given, *tape[1:3]), [*before, *(v.copy() for v in tape[1:3])]
    for window in (None, 3):
        backward(name, p.params, tape, p.weights, window)
    for array, copy in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("window", [None, 3])
def test_a_tape_is_not_used_up(name, padded, window):
    p = problem(name, padded=padded)
    _, tape = p.forward()
    first, second = (backward(name, p.params, tape, p.weights, window) for _ in range(2))
    assert_trees_equal(first, second)


def batch_first(array):
    """The same numbers, laid out as a library that puts the batch first would."""
    return np.ascontiguousarray(array.swapaxes(0, 1)).swapaxes(0, 1)


def test_the_layout_in_memory_does_not_matter(name, padded):
    p = problem(name, padded=padded)
    turned = p._replace(
        params=tree_map(np.asfortranarray, p.params),
        **{field: batch_first(getattr(p, field)) for field in ("x", "s0", "weights")},
    )
    np.testing.assert_allclose(turned.forward()[0], p.forward()[0], rtol=1e-14, atol=1e-15)
    for window in (None, 3):
        assert_trees_close(turned.gradients(window), p.gradients(window), 1e-13, 1e-14)


def test_float32_is_never_widened(name, padded):
    """Every array that a line of the package has a name for, while forward and backward run."""
    p, seen = problem(name, padded=padded, dtype=np.float32), set()

    def look(frame, event, arg):
        if "rnn_src" not in frame.f_code.co_filename:
            return None
        arrays = (v for v in frame.f_locals.values() if isinstance(v, np.ndarray | np.inexact))
        seen.update(v.dtype for v in arrays if v.dtype.kind in "fc")
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        for window in (None, 3):
            p.gradients(window)
        jacobians(name, p.params, p.x, p.s0)
    finally:
        sys.settrace(before)
    assert seen == {np.dtype(np.float32)}


# --- The gradient, three ways ----------------------------------------------------------------


@pytest.mark.parametrize(
    "method, tolerance", [("complex_step", 1e-11), ("finite_difference", 1e-6)]
)
@pytest.mark.parametrize("seed", range(3))
def test_gradients_against_differences(name, padded, method, tolerance, seed):
    """Every parameter, x and s0. Central differences of step 1e-6 cannot see below about 1e-8."""
    p = problem(name, seed, padded=padded)
    rng = np.random.default_rng(seed)
    report = check_gradients(p.loss, p.variables, p.gradients(), rng, method, tolerance)
    assert set(report.errors) == {*(f"params.{f}" for f in p.params._fields), "x", "s0"}


def test_a_cell_of_two_gates_and_a_recurrent_bias_of_its_own():
    """Of the book's cells only the GRU has b_n, and three gates; here b_n stands elsewhere."""
    rng = np.random.default_rng(0)
    params = tree_map(lambda p: p + 0.3 * rng.standard_normal(p.shape), init(TOY, 2, 4, rng))
    x, weights = rng.standard_normal((7, 3, 2)), rng.standard_normal((7, 3, 4))

    def loss(v):
        return np.sum(weights * forward(TOY, v["params"], v["x"])[0][1:])

    grads, dx, _ = backward(TOY, params, forward(TOY, params, x)[1], weights)
    check_gradients(loss, {"params": params, "x": x}, {"params": grads, "x": dx}, rng)


@given(
    data=st.data(),
    seed=st.integers(0, 2**16),
    T=st.integers(1, 9),
    B=st.integers(1, 4),
    D=st.integers(1, 4),
    H=st.integers(1, 6),
)
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_states_and_gradients_equal_autograd(cell, data, seed, T, B, D, H):
    lengths = data.draw(st.none() | st.lists(st.integers(1, T), min_size=B, max_size=B))
    p = problem(cell, seed, T, B, D, H)
    p = p._replace(lengths=None if lengths is None else np.array(lengths))
    states, _ = p.forward()
    expected = run_states(cell, p.params._asdict(), p.x, p.s0, p.lengths)
    np.testing.assert_allclose(states, expected, rtol=1e-12, atol=1e-13)
    assert_trees_close(p.gradients(), p.autograd())


@pytest.mark.parametrize("T, rho", [(20, 0.99), (60, 1.0), (60, 1.01)])
def test_long_sequences_near_spectral_radius_1_equal_autograd(name, padded, T, rho):
    """Where gradients reach across all steps, and an error in one would reach as far."""
    p = problem(name, T=T, padded=padded, rho=rho)
    assert_trees_close(p.gradients(), p.autograd(), rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("window", [None, 2, 5])
def test_the_blocks_of_the_reverse_do_not_matter(name, padded, window, monkeypatch):
    """One step a block; two, so that 7 steps leave one over; all steps in one."""
    p = problem(name, padded=padded)
    gradients = []
    for rows in (1, 7, 10**6):
        monkeypatch.setattr(scan, "ROWS", rows)
        monkeypatch.setattr(truncation, "ROWS", rows)
        gradients.append(p.gradients(window))
    for other in gradients[:2]:
        assert_trees_close(other, gradients[2], rtol=1e-13, atol=1e-14)


def test_two_updates_in_a_row(name, padded):
    """Nothing of the first update is left over in the second."""
    p, lr = problem(name, padded=padded), 0.1
    reference, optimizer = p, sgd(lr)
    state = optimizer.init(p.params)
    for _ in range(2):
        params, state = optimizer.update(p.gradients()["params"], state, p.params)
        p = p._replace(params=params)
        step = tree_map(lambda w, g: w - lr * g, reference.params, reference.autograd()["params"])
        reference = reference._replace(params=step)
    assert_trees_close(p.params, reference.params)


# --- Lengths ---------------------------------------------------------------------------------


def test_beyond_its_length_a_sequence_stands_still(name):
    p = problem(name, padded=True)
    states, _ = p.forward()
    dx = p.gradients()["x"]
    for n, length in enumerate(p.lengths):
        np.testing.assert_array_equal(
            states[length + 1 :, n], states[length, n][None].repeat(7 - length, 0)
        )
        assert not dx[length:, n].any() and dx[:length, n].all(axis=-1).any()


def test_what_stands_in_the_padding_does_not_matter(name):
    p = problem(name, padded=True)
    noise = p.x.copy()
    noise[np.arange(7)[:, None] >= p.lengths] = 1e3
    np.testing.assert_array_equal(p.forward()[0], p._replace(x=noise).forward()[0])
    assert_trees_equal(p.gradients(), p._replace(x=noise).gradients())


def alone(p, n):
    """Sequence n as a batch of one, cut to its length; losses of the padding fall on its end."""
    length = p.lengths[n]
    weights = p.weights[:length, n : n + 1].copy()
    weights[-1] += p.weights[length:, n : n + 1].sum(axis=0)
    one = slice(n, n + 1)
    return p._replace(x=p.x[:length, one], s0=p.s0[one], weights=weights, lengths=None)


@pytest.mark.parametrize("window", [None, 3])
def test_a_batch_equals_its_sequences_alone(name, window):
    p = problem(name, padded=True, B=5)
    states, together = p.forward()[0], p.gradients(window)
    total = tree_map(np.zeros_like, p.params)
    for n, length in enumerate(p.lengths):
        single = alone(p, n)
        np.testing.assert_allclose(
            states[: length + 1, [n]], single.forward()[0], rtol=1e-13, atol=1e-14
        )
        gradients = single.gradients(window)
        assert_trees_close(together["x"][:length, [n]], gradients["x"])
        assert_trees_close(together["s0"][[n]], gradients["s0"])
        total = tree_map(np.add, total, gradients["params"])
    assert_trees_close(together["params"], total)


def test_lengths_that_are_all_full_change_nothing(name):
    p = problem(name)
    full = p._replace(lengths=np.full(3, 7))
    assert_trees_equal(p.gradients(), full.gradients())
    assert_trees_equal(p.gradients(2), full.gradients(2))


# --- Windows ---------------------------------------------------------------------------------


def truncated(p, window):
    """Truncated BPTT by its definition: each loss is sent back alone, to a restart k steps before.

    The restart takes the stored state as a constant, so no gradient reaches what lies before it;
    the initial state of the whole sequence is the only one that keeps its gradient.
    """
    total = tree_map(np.zeros_like, p.variables)
    states, _ = p.forward()
    for n, t in np.ndindex(p.x.shape[1], p.x.shape[0]):
        last = t if p.lengths is None else min(t, p.lengths[n] - 1)
        start = max(0, last + 1 - window)
        one = p._replace(
            x=p.x[start : last + 1, [n]],
            s0=states[start, [n]],
            lengths=None,
            weights=np.zeros((last + 1 - start, 1, p.s0.shape[1])),
        )
        one.weights[-1] = p.weights[t, n]
        gradients = one.gradients()
        total["params"] = tree_map(np.add, total["params"], gradients["params"])
        total["x"][start : last + 1, [n]] += gradients["x"]
        if start == 0:
            total["s0"][[n]] += gradients["s0"]
    return total


@pytest.mark.parametrize("window", [1, 2, 3, 5, 6, 7])
def test_a_window_equals_its_definition(name, padded, window):
    p = problem(name, padded=padded)
    assert_trees_close(p.gradients(window), truncated(p, window))


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_window_starts_at_the_first_loss(name, padded, steps):
    p = problem(name, padded=padded)
    p.weights[: 7 - steps] = 0
    assert_trees_close(p.gradients(3), truncated(p, 3))


@pytest.mark.parametrize("window", [7, 8, 1000])
def test_a_window_as_long_as_the_sequence_is_full_bptt(name, padded, window):
    p = problem(name, padded=padded)
    assert_trees_equal(p.gradients(window), p.gradients())


def test_a_short_window_is_another_gradient(name):
    p = problem(name)
    full, short = p.gradients()["params"].W, p.gradients(2)["params"].W
    assert np.abs(full - short).max() > 1e-3


# --- Jacobians -------------------------------------------------------------------------------


def test_jacobians_against_the_complex_step_and_differences(name):
    """Column j of J_t: restart at step t from the state moved along unit j."""
    p = problem(name)
    states, _ = p.forward()
    J, h = jacobians(name, p.params, p.x, p.s0), 1e-6
    complex_params = tree_map(lambda w: w.astype(complex), p.params)
    for t, j in np.ndindex(len(p.x), states.shape[2]):
        unit = np.arange(states.shape[2]) == j

        def after(step, params, t=t, unit=unit):
            return forward(name, params, p.x[[t]], states[t] + step * unit)[0][1]

        exact = after(1e-30j, complex_params).imag / 1e-30
        np.testing.assert_allclose(J[t, :, :, j], exact, rtol=1e-12, atol=1e-14)
        central = (after(h, p.params) - after(-h, p.params)) / (2 * h)
        np.testing.assert_allclose(J[t, :, :, j], central, atol=1e-8)


def test_the_product_of_jacobians_carries_the_last_loss_to_s0(name):
    p = problem(name)
    p.weights[:-1] = 0
    row = p.weights[-1][:, None, :]
    for J in jacobians(name, p.params, p.x, p.s0)[::-1]:
        row = row @ J
    np.testing.assert_allclose(p.gradients()["s0"], row[:, 0], rtol=1e-12, atol=1e-14)


def test_jacobians_one_by_one_are_all_of_them(name, padded, monkeypatch):
    """Whatever number of steps is made at once: one, two so that one is left over, or all."""
    p = problem(name, padded=padded)
    run, S = (name, p.params, p.x, p.s0, p.lengths), p.s0.shape[1]
    together = jacobians(*run)
    for steps in (1, 2, 7):
        monkeypatch.setattr(scan, "ENTRIES", steps * 3 * S * S)
        np.testing.assert_array_equal(np.stack([*iterate_jacobians(*run)]), together)
    for n, end in enumerate(np.full(3, 7) if p.lengths is None else p.lengths):
        assert (together[end:, n] == np.eye(S)).all()


def test_jacobians_of_a_cell_of_two_gates_and_a_recurrent_bias_of_its_own():
    rng = np.random.default_rng(0)
    params, x = init(TOY, 2, 4, rng), rng.standard_normal((3, 1, 2))
    row = rng.standard_normal((1, 4))
    losses = np.zeros((3, 1, 4))
    losses[-1] = row
    ds0 = backward(TOY, params, forward(TOY, params, x)[1], losses)[2]
    for J in jacobians(TOY, params, x)[::-1, 0]:
        row = row @ J
    np.testing.assert_allclose(ds0, row, rtol=1e-12)


def test_jacobians_are_refused_at_the_call():
    with pytest.raises(ValueError, match=r"^x must be \(T, B, D\) with D = 2"):
        iterate_jacobians("rnn", P.params, P.x[..., :1])


def test_jacobians_one_by_one_need_little_memory():
    """400 steps of 64 units: all Jacobians would take 13 MB."""
    params = init("rnn", 1, 64, np.random.default_rng(0))
    x = np.ones((400, 1, 1))
    tracemalloc.start()
    total = sum(J[0, 0, 0] for J in iterate_jacobians("rnn", params, x))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.isfinite(total) and peak < 4e6


# --- Lag by lag ------------------------------------------------------------------------------


def test_the_lags_of_the_reverse_sum_to_its_windows(name, padded):
    p = problem(name, padded=padded)
    _, tape = p.forward()
    lags = [*backward_by_lag(name, p.params, tape, p.weights)]
    assert len(lags) == 7
    for window in (1, 3, None):
        near = tree_map(lambda *leaves: sum(leaves), *lags[:window])
        assert_trees_close(near, p.gradients(window)["params"], 1e-12, 1e-13)


def test_the_lags_are_refused_at_the_call():
    with pytest.raises(ValueError, match=r"^dstates must be \(T, B, S\) with T = 7"):
        backward_by_lag("rnn", P.params, TAPE, P.weights[1:])
    with pytest.raises(TypeError, match="^tape must be a Tape, got ndarray"):
        backward_by_lag("rnn", P.params, TAPE.states, P.weights)


def test_jacobians_start_from_0_if_s0_is_not_given(name):
    p = problem(name)
    zero = jacobians(name, p.params, p.x, np.zeros_like(p.s0))
    np.testing.assert_array_equal(jacobians(name, p.params, p.x), zero)


# --- Bad input -------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
P = problem("rnn")
TAPE = P.forward()[1]
GRU, LSTM = problem("gru"), problem("lstm")


def spoiled(array, value):
    copy = array.copy()
    copy.flat[0] = value
    return copy


@pytest.mark.parametrize(
    "change, error, message",
    [
        (dict(cell="elman"), ValueError, "cell must be one of rnn, .*got 'elman'"),
        (dict(cell=None), ValueError, "cell must be one of .*got None"),
        (dict(input_size=0), ValueError, "input_size must be an integer of at least 1, got 0"),
        (dict(input_size=2.0), ValueError, "input_size .*got 2.0"),
        (dict(hidden_size=-1), ValueError, "hidden_size .*got -1"),
        (dict(hidden_size=True), ValueError, "hidden_size .*got True"),
        (dict(rng=0), TypeError, "rng must be a numpy.random.Generator .*got int"),
        (dict(dtype=int), ValueError, "dtype must be float32 or float64, got <class 'int'>"),
        (dict(dtype=complex), ValueError, "dtype must be .*got <class 'complex'>"),
        (dict(dtype="nonsense"), ValueError, "dtype must be .*got 'nonsense'"),
        (dict(dtype=None), ValueError, "dtype must be .*got None"),
        (dict(recurrent="orthogonal"), TypeError, "recurrent must be a function, got str"),
        (dict(input_weights=1.0), TypeError, "input_weights must be a function, got float"),
        (
            dict(recurrent=lambda *_: np.eye(3)),
            ValueError,
            r"recurrent returns must be \(4, 4\), got \(3, 3\)",
        ),
        (
            dict(input_weights=lambda *_: 1.0),
            ValueError,
            r"input_weights returns must be \(4, 2\), got \(\)",
        ),
        (
            dict(recurrent=lambda *_: np.full((4, 4), np.nan)),
            ValueError,
            "recurrent returns must be finite",
        ),
        (
            dict(cell="gru", recurrent=lambda *_: np.ones((12, 4))),
            ValueError,
            r"recurrent returns must be \(4, 4\), got \(12, 4\)",
        ),
    ],
)
def test_bad_input_of_init(change, error, message):
    arguments = dict(cell="rnn", input_size=2, hidden_size=4, rng=RNG) | change
    with pytest.raises(error, match=message):
        init(**arguments)


def of_gru(**leaves):
    return dict(cell="gru", params=GRU.params._replace(**leaves))


def of_lstm(**leaves):
    return dict(cell="lstm", params=LSTM.params._replace(**leaves))


BAD_FORWARD = [
    (dict(cell=7), ValueError, "cell must be one of .*got 7"),
    (dict(params=tuple(P.params)), TypeError, "params must be RNNParams for cell 'rnn', got tuple"),
    (
        dict(params=P.params._replace(W=np.eye(4))),
        ValueError,
        r"params.W must be \(5, 5\), got \(4, 4\)",
    ),
    (
        dict(params=P.params._replace(b=np.zeros((5, 1)))),
        ValueError,
        r"params.b must be \(5,\), got \(5, 1\)",
    ),
    (
        dict(params=P.params._replace(W=spoiled(P.params.W, np.nan))),
        ValueError,
        "params.W must be finite",
    ),
    (
        dict(params=P.params._replace(U=np.ones((5, 2), int))),
        ValueError,
        "params.U must be float32 or float64, got int64",
    ),
    (
        dict(params=P.params._replace(b=np.zeros(5, np.float32))),
        ValueError,
        "params.b must be float64 like params.U, got float32",
    ),
    (dict(params=P.params._replace(U=None)), TypeError, "params.U must be an array, got None"),
    (dict(x=None), TypeError, "x must be an array, got None"),
    (dict(x="text"), TypeError, "x must be an array, got 'text'"),
    (dict(x=P.x[..., :1]), ValueError, r"x must be \(T, B, D\) with D = 2, got \(7, 3, 1\)"),
    (dict(x=P.x[0]), ValueError, r"x must be \(T, B, D\) with D = 2, got \(3, 2\)"),
    (dict(x=P.x[:0]), ValueError, r"x must not be empty, got shape \(0, 3, 2\)"),
    (dict(x=P.x[:, :0]), ValueError, "x must not be empty"),
    (
        dict(x=P.x.astype(complex)),
        ValueError,
        "x must be float64 like the parameters, got complex128",
    ),
    (dict(x=spoiled(P.x, np.inf)), ValueError, "x must be finite"),
    (dict(x=[[1.0], [1.0, 2.0]]), ValueError, "x must be an array, got rows of different lengths"),
    (dict(x=P.x.astype(object)), ValueError, "x must be float64 .*got object"),
    (dict(s0=P.s0[:2]), ValueError, r"s0 must be \(B, S\) with B = 3, S = 5, got \(2, 5\)"),
    (dict(s0=P.s0[0]), ValueError, r"s0 must be \(B, S\) .*got \(5,\)"),
    (dict(s0=spoiled(P.s0, np.nan)), ValueError, "s0 must be finite"),
    (
        dict(cell="lstm", params=GRU.params),
        TypeError,
        "params must be LSTMParams for cell 'lstm', got GRUParams",
    ),
    (
        dict(cell="gru", params=P.params),
        TypeError,
        "params must be GRUParams for cell 'gru', got RNNParams",
    ),
    (
        of_gru(U=np.ones((16, 2))),
        ValueError,
        "params.U must have a multiple of 3 rows, got 16",
    ),
    (of_lstm(U=np.ones((2, 2))), ValueError, "params.U must have a multiple of 4 rows, got 2"),
    (of_gru(W=np.eye(5)), ValueError, r"params.W must be \(15, 5\), got \(5, 5\)"),
    (of_lstm(W=LSTM.params.W.T), ValueError, r"params.W must be \(20, 5\), got \(5, 20\)"),
    (of_lstm(b=np.zeros(5)), ValueError, r"params.b must be \(20,\), got \(5,\)"),
    (of_gru(b_n=np.zeros(15)), ValueError, r"params.b_n must be \(5,\), got \(15,\)"),
    (of_gru(b_n=0.0), ValueError, r"params.b_n must be \(5,\), got \(\)"),
    (of_gru(b_n=None), TypeError, "params.b_n must be an array, got None"),
    (
        of_gru(b_n=np.zeros(5, np.float32)),
        ValueError,
        "params.b_n must be float64 like params.U, got float32",
    ),
    (of_gru(b_n=spoiled(GRU.params.b_n, np.nan)), ValueError, "params.b_n must be finite"),
    (
        of_lstm() | dict(s0=LSTM.s0[:, :5]),
        ValueError,
        r"s0 must be \(B, S\) with B = 3, S = 10, got \(3, 5\)",
    ),
    (
        of_gru() | dict(s0=LSTM.s0),
        ValueError,
        r"s0 must be \(B, S\) with B = 3, S = 5, got \(3, 10\)",
    ),
    (of_lstm() | dict(s0=spoiled(LSTM.s0, np.inf)), ValueError, "s0 must be finite"),
    (of_lstm() | dict(x=P.x[..., :1]), ValueError, r"x must be .* with D = 2, got \(7, 3, 1\)"),
]
LENGTHS = r"lengths must be 3 integers from 1 to T = 7, got "
BAD_LENGTHS = [
    (dict(lengths=[1, 2, 8]), ValueError, LENGTHS + r"\[1, 2, 8\]"),
    (dict(lengths=[0, 2, 7]), ValueError, LENGTHS + r"\[0, 2, 7\]"),
    (dict(lengths=[-1, 2, 7]), ValueError, LENGTHS),
    (dict(lengths=[1.0, 2.0, 3.0]), ValueError, LENGTHS + r"\[1.0, 2.0, 3.0\]"),
    (dict(lengths=[True, True, True]), ValueError, LENGTHS),
    (dict(lengths=[1, 2]), ValueError, LENGTHS + r"\[1, 2\]"),
    (dict(lengths=3), ValueError, LENGTHS + "3"),
    (dict(lengths=[]), ValueError, LENGTHS),
    (dict(lengths=[[1], [2, 3]]), ValueError, "lengths must be an array"),
    (of_lstm() | dict(lengths=[1, 2, 8]), ValueError, LENGTHS + r"\[1, 2, 8\]"),
    (of_gru() | dict(lengths=[1, 2, 3, 4]), ValueError, LENGTHS + r"\[1, 2, 3, 4\]"),
]


@pytest.mark.parametrize("change, error, message", BAD_FORWARD + BAD_LENGTHS)
def test_bad_input_of_forward(change, error, message):
    with pytest.raises(error, match=message):
        forward(**dict(cell="rnn", params=P.params, x=P.x) | change)


@pytest.mark.parametrize("change, error, message", BAD_FORWARD)
def test_bad_input_of_jacobians(change, error, message):
    with pytest.raises(error, match=message):
        jacobians(**dict(cell="rnn", params=P.params, x=P.x) | change)


def test_float64_input_is_not_silently_rounded_to_float32_parameters():
    p = problem("rnn", dtype=np.float32)
    with pytest.raises(ValueError, match="x must be float32 like the parameters, got float64"):
        forward("rnn", p.params, P.x)
    states, _ = forward("rnn", P.params, p.x)  # widening loses nothing
    assert states.dtype == np.float64


@pytest.mark.parametrize(
    "change, error, message",
    [
        (dict(cell="gated"), ValueError, "cell must be one of .*got 'gated'"),
        (dict(params=None), TypeError, "params must be RNNParams .*got NoneType"),
        (dict(tape=TAPE.states), TypeError, "tape must be a Tape, got ndarray"),
        (dict(tape=tuple(TAPE)), TypeError, "tape must be a Tape, got tuple"),
        (
            dict(tape=problem("rnn", H=4).forward()[1]),
            ValueError,
            "tape must be of these params, float64 with D = 2 and S = 5, got float64 with 2 and 4",
        ),
        (
            dict(tape=problem("rnn", D=1).forward()[1]),
            ValueError,
            "tape must be of these params.* got float64 with 1 and 5",
        ),
        (
            dict(tape=problem("rnn", dtype=np.float32).forward()[1]),
            ValueError,
            "tape must be of these params, float64 .*got float32",
        ),
        (dict(dstates=None), TypeError, "dstates must be an array, got None"),
        (
            dict(dstates=TAPE.states),
            ValueError,
            r"dstates must be \(T, B, S\) with T = 7, B = 3, S = 5, got \(8, 3, 5\)",
        ),
        (dict(dstates=spoiled(P.weights, np.nan)), ValueError, "dstates must be finite"),
        (dict(dstates=P.weights + 0j), ValueError, "dstates must be float64 .*got complex128"),
        (dict(window=0), ValueError, "window must be an integer of at least 1, got 0"),
        (dict(window=True), ValueError, "window must be .*got True"),
        (dict(window=2.0), ValueError, "window must be .*got 2.0"),
        (dict(window="all"), ValueError, "window must be .*got 'all'"),
        (
            of_gru() | dict(params=LSTM.params),
            TypeError,
            "params must be GRUParams for cell 'gru', got LSTMParams",
        ),
        (
            of_lstm() | dict(tape=LSTM.forward()[1]),
            ValueError,
            r"dstates must be \(T, B, S\) with T = 7, B = 3, S = 10, got \(7, 3, 5\)",
        ),
        (
            of_lstm(),
            ValueError,
            "tape must be of cell 'lstm', got one of 'rnn'",
        ),
    ],
)
def test_bad_input_of_backward(change, error, message):
    with pytest.raises(error, match=message):
        backward(**dict(cell="rnn", params=P.params, tape=TAPE, dstates=P.weights) | change)


@pytest.mark.parametrize("S", [2, 4])
@pytest.mark.parametrize("cell, other", list(permutations(CELL_NAMES, 2)))
def test_the_tape_of_another_cell_is_refused(cell, other, S):
    """Of as many numbers a state, so that every shape outside of the tape fits."""
    p, wrong = (problem(n, H=S // CELLS[n].parts) for n in (cell, other))
    with pytest.raises(ValueError, match=f"tape must be of cell '{cell}'.*, got "):
        backward(cell, p.params, wrong.forward()[1], p.weights)


def test_the_tape_holds_what_its_docstring_says():
    states, tape = P.forward()
    assert Tape._fields == ("cell", "x", "states", "kept", "lengths")
    assert tape.states is states and tape.x is P.x and tape.lengths is None


def test_the_tape_keeps_the_gates(name):
    """As many blocks as the record says, and no memory behind them; the states are held once."""
    p = problem(name)
    states, tape = p.forward()
    assert tape.kept.nbytes == CELLS[name].keeps * states[1:, :, :5].nbytes
    assert tape.kept.base is None and tape.states.base is None


# --- Total derivatives -----------------------------------------------------------------------


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("name", CELL_NAMES)
def test_totals_are_the_derivatives_by_every_state(name, padded):
    """The gradient of s0 of a run that begins in the middle is the total one by that state."""
    p = problem(name, padded=padded)
    states, tape = p.forward()
    totals = np.full_like(p.weights, np.nan)
    grads, dx, ds0 = backward(name, p.params, tape, p.weights, totals=totals)
    assert_trees_equal((grads, dx, ds0), backward(name, p.params, tape, p.weights))
    for t in range(1, 7):
        live = slice(None) if p.lengths is None else p.lengths > t
        rest = p._replace(
            x=p.x[t:][:, live],
            s0=states[t][live],
            weights=p.weights[t:][:, live],
            lengths=None if p.lengths is None else p.lengths[live] - t,
        )
        later = rest.gradients()["s0"]
        np.testing.assert_allclose(totals[t - 1][live], p.weights[t - 1][live] + later, rtol=1e-11)
    np.testing.assert_array_equal(totals[-1], p.weights[-1])


def test_totals_at_the_border():
    p = problem("rnn")
    _, tape = p.forward()
    good = np.empty_like(p.weights)
    for bad, got in (
        (good.tolist(), r"list of \(7, 3, 5\)"),
        (good[1:], r"float64 of \(6, 3, 5\)"),
        (good.astype(np.float32), r"float32 of \(7, 3, 5\)"),
    ):
        wanted = r"^totals must be float64 of \(7, 3, 5\), got " + got + "$"
        with pytest.raises(ValueError, match=wanted):
            backward("rnn", p.params, tape, p.weights, totals=bad)
    with pytest.raises(ValueError, match="^totals must be None with a window below T = 7, got an"):
        backward("rnn", p.params, tape, p.weights, window=6, totals=good)
    backward("rnn", p.params, tape, p.weights, window=7, totals=good)

"""What becomes of a gradient: lags, products of Jacobians, exponents, surfaces; on every cell."""

import re
from functools import reduce

import numpy as np
import pytest
from reference import CELL_NAMES, problem

from rnn_src import gradient_flow
from rnn_src.cells import CELLS, RNNParams
from rnn_src.gradient_flow import (
    gradient_by_input,
    gradient_by_lag,
    lag_norms,
    loss_surface,
    lyapunov_exponents,
    singular_values_by_lag,
)
from rnn_src.interop import from_pytorch
from rnn_src.scan import backward, forward, init, iterate_jacobians, jacobians
from rnn_src.stack import Stack, backward_stack, forward_stack
from rnn_src.trees import tree_map


def split(p):
    return gradient_by_lag(p.name, p.params, p.x, p.weights, p.s0)


def assert_close(got, want, rtol):
    """Equal up to a share of the largest entry of each leaf."""
    tree_map(lambda g, w: np.testing.assert_array_less(abs(g - w), rtol * abs(w).max()), got, want)


@pytest.mark.parametrize("name", CELL_NAMES)
@pytest.mark.parametrize("T", [1, 2, 30])
def test_the_lags_sum_to_the_gradient_of_bptt(name, T):
    p = problem(name, T=T)
    by_lag = split(p)
    assert type(by_lag) is type(p.params)
    assert all(leaf.shape[0] == T for leaf in by_lag)
    assert_close(tree_map(lambda g: g.sum(axis=0), by_lag), p.gradients()["params"], 1e-10)


@pytest.mark.parametrize("name", CELL_NAMES)
@pytest.mark.parametrize("window", [1, 2, 5, 8])
def test_the_first_lags_sum_to_the_gradient_of_a_window(name, window):
    p = problem(name, T=9)
    near = tree_map(lambda g: g[:window].sum(axis=0), split(p))
    assert_close(near, p.gradients(window)["params"], 1e-12)


@pytest.mark.parametrize("name", CELL_NAMES)
def test_one_loss_alone_is_seen_at_its_own_lags(name):
    """A loss at step 3 (of 0 to 6) has lags 0 to 3, and none beyond."""
    p = problem(name)
    p.weights[np.arange(7) != 3] = 0
    for leaf in split(p):
        assert leaf[:4].any(axis=tuple(range(1, leaf.ndim))).all() and not leaf[4:].any()


def test_a_sum_counts_its_pairs():
    """h_t = h_{t-1} + x_t + b: each of the T - k pairs at lag k gives 1 to the derivative by b."""
    params = RNNParams(np.ones((1, 1)), np.ones((1, 1)), np.zeros(1))
    by_lag = gradient_by_lag("rnn_relu", params, np.ones((6, 1, 1)), np.ones((6, 1, 1)))
    np.testing.assert_array_equal(by_lag.b[:, 0], [6, 5, 4, 3, 2, 1])


def test_a_tiny_contribution_keeps_its_digits():
    """A gain of 1e-5 a step: lag 50 gives 1e-250, to a relative error of rounding."""
    params = RNNParams(np.full((1, 1), 1e-5), np.ones((1, 1)), np.zeros(1))
    by_lag = gradient_by_lag("rnn_relu", params, np.ones((60, 1, 1)), np.ones((60, 1, 1)))
    wanted = (60 - np.arange(60)) * 1e-5 ** np.arange(60.0)
    np.testing.assert_allclose(by_lag.b[:, 0], wanted, rtol=1e-13)


def test_bad_input_says_what_is_wanted():
    p = problem("lstm")
    with pytest.raises(ValueError, match=r"dstates must be \(T, B, S\) with T = 7, B = 3, S = 10"):
        gradient_by_lag("lstm", p.params, p.x, p.weights[:-1], p.s0)
    with pytest.raises(ValueError, match="dstates must be finite"):
        gradient_by_lag("lstm", p.params, p.x, p.weights * np.nan, p.s0)
    with pytest.raises(TypeError, match="params must be GRUParams for cell 'gru'"):
        gradient_by_lag("gru", p.params, p.x, p.weights, p.s0)
    with pytest.raises(ValueError, match="cell must be one of"):
        gradient_by_lag("elman", p.params, p.x, p.weights)


def test_it_leaves_what_it_was_given_alone():
    p = problem("gru")
    before = [leaf.copy() for leaf in (*p.params, p.x, p.weights, p.s0)]
    split(p)
    backward("gru", p.params, p.forward()[1], p.weights)
    for leaf, copy in zip((*p.params, p.x, p.weights, p.s0), before, strict=True):
        np.testing.assert_array_equal(leaf, copy)


# --- By input --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELL_NAMES)
@pytest.mark.parametrize("padded", [False, True])
def test_by_input_is_what_the_complex_step_measures_from_the_end_of_each_sequence(name, padded):
    p = problem(name, padded=padded)
    by_input = gradient_by_input(name, p.params, p.x, p.weights, p.s0, p.lengths)
    (T, B, D), ends = p.x.shape, np.full(3, 7) if p.lengths is None else p.lengths
    params = tree_map(lambda leaf: leaf.astype(complex), p.params)
    for n in range(B):
        for k in range(T):
            if k >= ends[n]:
                assert np.isnan(by_input[k, n])
                continue
            slopes = []
            for d in range(D):
                moved = p.x.astype(complex)
                moved[ends[n] - 1 - k, n, d] += 1e-30j
                states, _ = forward(name, params, moved, p.s0, p.lengths)
                slopes.append(np.sum(p.weights * states[1:]).imag / 1e-30)
            np.testing.assert_allclose(by_input[k, n], np.linalg.norm(slopes), rtol=1e-11)


def test_by_input_a_power_of_one_weight():
    """dL/dx is w^k at lag k of a loss at the end, and beyond its end a sequence has none."""
    params = RNNParams(np.full((1, 1), 0.5), np.full((1, 1), 3.0), np.zeros(1))
    dstates = np.zeros((5, 2, 1))
    dstates[-1] = 2
    powers = 6 * 0.5 ** np.arange(5.0)
    by_input = gradient_by_input("rnn_linear", params, np.ones((5, 2, 1)), dstates)
    np.testing.assert_array_equal(by_input, np.stack([powers, powers], axis=1))
    by_input = gradient_by_input("rnn_linear", params, np.ones((5, 2, 1)), dstates, None, [5, 3])
    np.testing.assert_array_equal(by_input[:, 1], [*powers[:3], np.nan, np.nan])


def two_layers(cell, ways):
    """Two layers of random weights, x and the weights of a loss."""
    rng = np.random.default_rng(5)
    below = tuple(init(cell, 2, 4, rng) for _ in range(ways))
    above = tuple(init(cell, 4 * ways, 4, rng) for _ in range(ways))
    x, loss = (rng.standard_normal((6, 3, size)) for size in (2, 4 * ways))
    return Stack(cell, (below, above)), x, loss


@pytest.mark.parametrize("ways", [1, 2])
@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_by_input_of_a_stack_goes_through_all_layers(name, ways):
    stack, x, loss = two_layers(name, ways)
    lengths = np.array([6, 2, 5])
    _, tapes = forward_stack(stack, x, None, lengths)
    _, dx = backward_stack(stack, tapes, loss)
    by_input = gradient_by_input(name, stack, x, loss, lengths=lengths)
    for n, length in enumerate(lengths):
        want = np.linalg.norm(dx[:length, n], axis=1)[::-1]
        np.testing.assert_array_equal(by_input[:length, n], want)
        assert np.isnan(by_input[length:, n]).all()
        alone = np.s_[:length, n : n + 1]
        short = gradient_by_input(CELLS[name], stack, x[alone], loss[alone])
        np.testing.assert_allclose(by_input[:length, n], short[:, 0], rtol=1e-11)


def test_by_input_one_layer_of_a_stack_is_the_cell():
    p = problem("gru", padded=True)
    real = np.arange(7)[:, None] < p.lengths
    weights = p.weights * real[..., None]
    stack = Stack("gru", ((p.params,),))
    by_cell = gradient_by_input("gru", p.params, p.x, weights, p.s0, p.lengths)
    by_stack = gradient_by_input("gru", stack, p.x, weights, p.s0[None], p.lengths)
    np.testing.assert_array_equal(by_stack, by_cell)


def test_by_input_without_a_loss_there_is_nothing_to_measure():
    stack, x, loss = two_layers("lstm", 1)
    loss[:, 2] = 0
    silent = "^dstates must hold a loss of every sequence, got none of sequence {}$"
    with pytest.raises(ValueError, match=silent.format(2)):
        gradient_by_input("lstm", stack, x, loss)
    at_the_end = np.zeros_like(loss)
    at_the_end[-1] = 1
    with pytest.raises(ValueError, match=silent.format(1)):  # of a stack: it is in the padding
        gradient_by_input("lstm", stack, x, at_the_end, lengths=[6, 5, 6])
    assert gradient_by_input("lstm", stack, x, at_the_end).all()
    with pytest.raises(ValueError, match="^cell must be that of the stack, 'lstm', got 'gru'$"):
        gradient_by_input("gru", stack, x, loss)
    p = problem("gru")
    with pytest.raises(ValueError, match=r"^dstates must be \(T, B, S\)"):
        gradient_by_input("gru", p.params, p.x, p.weights[1:])


# --- Products of Jacobians -------------------------------------------------------------------


def jacobians_of(p):
    return jacobians(p.name, p.params, p.x, p.s0)


def swapped(J):
    """Each Jacobian transposed."""
    return np.swapaxes(J, -1, -2)


def response(p, lag):
    """d states[-1] / d states[-1 - lag] by the complex step: no Jacobian of the package in it."""
    states, _ = p.forward()
    S, start = states.shape[2], len(p.x) - lag
    params, columns = tree_map(lambda w: w.astype(complex), p.params), []
    for unit in np.eye(S):
        moved = states[start] + 1e-30j * unit
        end = forward(p.name, params, p.x[start:], moved)[0][-1] if lag else moved
        columns.append(end.imag / 1e-30)
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("name", CELL_NAMES)
def test_the_singular_values_are_those_of_the_response_to_the_state_k_steps_before(name):
    p = problem(name)
    values = singular_values_by_lag(jacobians_of(p))
    assert values.shape == (8, *p.s0.shape)
    for k in range(8):
        wanted = np.linalg.svd(response(p, k), compute_uv=False)
        np.testing.assert_allclose(values[k], wanted, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("name", CELL_NAMES)
def test_the_norms_are_those_of_the_response(name):
    p = problem(name, B=2, T=9)
    norms = lag_norms(jacobians_of(p))
    assert norms.shape == (10, 2) and (norms[0] == 1).all()
    for k in range(1, 10):
        wanted = np.linalg.norm(response(p, k), 2, axis=(1, 2))
        np.testing.assert_allclose(norms[k], wanted, rtol=1e-11)


@pytest.mark.parametrize("name", CELL_NAMES)
def test_each_product_is_formed_in_the_order_of_time(name):
    """J[T-1] ... J[T-k]; of Jacobians that are transposed, or in reverse, it is another one."""
    J = jacobians_of(problem(name, B=1))
    wanted = [np.linalg.norm(reduce(np.matmul, J[7 - k :, 0][::-1]), 2) for k in range(1, 8)]
    np.testing.assert_allclose(lag_norms(J)[1:, 0], wanted, rtol=1e-13)
    if name == "rnn_linear":  # J is W at every step, and W' has the norms of W
        return
    for other in (swapped(J), J[::-1]):
        assert abs(lag_norms(other)[2:, 0] / wanted[1:] - 1).max() > 1e-3


@pytest.mark.parametrize("name", CELL_NAMES)
def test_the_whole_product_transposed_in_reverse_has_the_same_singular_values(name):
    J = jacobians_of(problem(name))
    values = singular_values_by_lag(J)
    turned = singular_values_by_lag(swapped(J)[::-1])
    np.testing.assert_allclose(turned[-1], values[-1], rtol=1e-9, atol=1e-14)


def test_two_shears_by_hand():
    """The last step is [[1, 1], [0, 1]], the one before it [[0, 0], [4, 0]]."""
    J = np.array([[[[0.0, 0.0], [4.0, 0.0]]], [[[1.0, 1.0], [0.0, 1.0]]]])
    golden = (1 + np.sqrt(5)) / 2
    wanted = [[1, 1], [golden, 1 / golden], [np.sqrt(32), 0]]
    np.testing.assert_allclose(singular_values_by_lag(J)[:, 0], wanted, atol=1e-14)
    assert lag_norms(J[::-1])[-1, 0] == pytest.approx(np.sqrt(32)) and len(lag_norms(J)) == 3
    np.testing.assert_allclose(lag_norms(J[::-1])[:, 0], [1, 4, np.sqrt(32)])


def largest(J):
    """By all singular values."""
    return singular_values_by_lag(J)[..., 0]


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_norms_of_large_products_are_their_largest_singular_values(name, dtype, monkeypatch):
    H = 140 // CELLS[name].parts
    rng = np.random.default_rng(0)
    params = init(name, 3, H, rng, dtype)
    J = jacobians(name, params, rng.standard_normal((12, 2, 3)).astype(dtype))
    wanted = largest(J)
    if name != "rnn":  # whose orthogonal W makes them nearly alike
        monkeypatch.setattr(gradient_flow, "_singular_values", None)  # all are not asked for
    norms = lag_norms(J)
    assert norms.dtype == dtype
    near = 1e-10 if dtype == np.float64 else 1e-6
    np.testing.assert_allclose(norms, wanted, rtol=near)


def spectrum(values, seed=0):
    """A matrix with these singular values, as a single Jacobian."""
    rng = np.random.default_rng(seed)
    left, right = np.linalg.qr(rng.standard_normal((2, len(values), len(values))))[0]
    return (left * values @ right)[None, None]


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(150),
        np.eye(150)[3],  # of rank 1
        np.full(150, 2.0),
        np.append(np.full(149, 1e-200), 1e-190),
        1e150 * np.geomspace(1, 1e-30, 150),
        1 - np.linspace(0, 1e-5, 150),  # not told apart by few products
        np.append(1 - 1e-9, np.linspace(0, 1, 149)),
        np.linspace(0, 1, 150) ** 0.1,
    ],
    ids=["zero", "rank 1", "all alike", "tiny", "huge", "dense", "a pair", "crowded"],
)
def test_norms_of_hard_matrices(values):
    for seed in range(3):
        J = spectrum(values, seed)
        np.testing.assert_allclose(lag_norms(J), largest(J), rtol=1e-10, atol=0)


def test_what_few_products_do_not_tell_is_left_to_all_singular_values(monkeypatch):
    J, asked = spectrum(np.linspace(0.9, 1, 150)), []
    measure = gradient_flow._singular_values

    def count(matrix):
        asked.append(matrix.shape)
        return measure(matrix)

    monkeypatch.setattr(gradient_flow, "_singular_values", count)
    np.testing.assert_array_equal(lag_norms(J)[1:], measure(J[..., :, :])[..., 0])
    assert asked == [(150, 150)]


@pytest.mark.parametrize("name", CELL_NAMES)
def test_exponents_of_jacobians_that_are_made_one_by_one(name):
    p = problem(name)
    one_by_one = iterate_jacobians(name, p.params, p.x, p.s0)
    at_once = lyapunov_exponents(jacobians_of(p), 2)
    np.testing.assert_array_equal(lyapunov_exponents(one_by_one, 2), at_once)


@pytest.mark.parametrize("name", CELL_NAMES)
def test_float32_stays_float32(name):
    single, double = (jacobians_of(problem(name, dtype=d)) for d in (np.float32, np.float64))
    for function in (lag_norms, singular_values_by_lag):
        assert function(single).dtype == np.float32 and function(double).dtype == np.float64
    np.testing.assert_allclose(lag_norms(single), lag_norms(double), rtol=1e-4)
    exponents = lyapunov_exponents(single, 1)
    assert exponents.dtype == np.float64
    np.testing.assert_allclose(exponents, lyapunov_exponents(double, 1), rtol=1e-4)


# --- Sequences of several lengths --------------------------------------------------------------


def alone(p, n):
    """One sequence of a padded problem, without its padding."""
    end = p.lengths[n]
    few = dict(x=p.x[:end, n : n + 1], s0=p.s0[n : n + 1], weights=p.weights[:end, n : n + 1])
    return p._replace(**few, lengths=None)


@pytest.mark.parametrize("name", CELL_NAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_padding_counts_for_nothing_in_jacobians_and_their_products(name, dtype):
    p = problem(name, T=6, B=4, padded=True, dtype=dtype)
    near = dict(rtol=1e-12 if dtype == np.float64 else 1e-4, atol=20 * np.finfo(dtype).eps)
    J = jacobians(name, p.params, p.x, p.s0, p.lengths)
    through = jacobians(name, p.params, p.x, p.s0)  # the padding taken for inputs
    values, norms = (f(J, p.lengths) for f in (singular_values_by_lag, lag_norms))
    assert values.dtype == norms.dtype == J.dtype == dtype
    for n, end in enumerate(p.lengths):
        own = jacobians_of(alone(p, n))
        np.testing.assert_allclose(J[:end, n], own[:, 0], **near)
        assert (J[end:, n] == np.eye(J.shape[-1])).all()
        np.testing.assert_allclose(values[: end + 1, n], singular_values_by_lag(own)[:, 0], **near)
        np.testing.assert_allclose(norms[: end + 1, n], lag_norms(own)[:, 0], **near)
        assert np.isnan(values[end + 1 :, n]).all() and np.isnan(norms[end + 1 :, n]).all()
    through[np.arange(6)[:, None] >= p.lengths] = 0.99 * np.sqrt(np.finfo(dtype).max)
    np.testing.assert_array_equal(singular_values_by_lag(through, p.lengths), values)


@pytest.mark.parametrize("name", CELL_NAMES)
def test_the_padding_counts_for_nothing_in_the_split_by_lag(name):
    """Also where the loss looks at states that are carried over: they are the last one again."""
    p = problem(name, T=6, B=4, padded=True)
    by_lag = gradient_by_lag(name, p.params, p.x, p.weights, p.s0, p.lengths)
    assert_close(tree_map(lambda g: g.sum(axis=0), by_lag), p.gradients()["params"], 1e-12)
    for window in (1, 3):
        near = tree_map(lambda g: g[:window].sum(axis=0), by_lag)  # noqa: B023
        assert_close(near, p.gradients(window)["params"], 1e-12)
    total = tree_map(np.zeros_like, by_lag)
    for n, end in enumerate(p.lengths):
        p.weights[end - 1, n] += p.weights[end:, n].sum(axis=0)
        own = tree_map(
            lambda g: np.concatenate([g, np.zeros((6 - len(g), *g.shape[1:]))]), split(alone(p, n))
        )
        total = tree_map(np.add, total, own)
    assert_close(by_lag, total, 1e-12)


def test_lengths_that_fill_the_batch_change_nothing():
    p = problem("gru")
    full, J = [7, 7, 7], jacobians_of(p)
    np.testing.assert_array_equal(jacobians("gru", p.params, p.x, p.s0, full), J)
    np.testing.assert_array_equal(lag_norms(J, full), lag_norms(J))
    again = gradient_by_lag("gru", p.params, p.x, p.weights, p.s0, full)
    tree_map(np.testing.assert_array_equal, again, split(p))


@pytest.mark.parametrize("lengths", [[7, 7], [0, 7, 7], [7, 7, 8], [7.0, 7.0, 7.0]])
def test_bad_lengths(lengths):
    p = problem("gru")
    for function, arguments in (
        (jacobians, ("gru", p.params, p.x, p.s0)),
        (lag_norms, (jacobians_of(p),)),
        (singular_values_by_lag, (jacobians_of(p),)),
        (gradient_by_lag, ("gru", p.params, p.x, p.weights, p.s0)),
    ):
        with pytest.raises(ValueError, match="^lengths must be 3 integers from 1 to T = 7, got"):
            function(*arguments, lengths)


# --- Lyapunov exponents ----------------------------------------------------------------------


def test_exponents_of_what_overflows_are_refused():
    with pytest.raises(
        ValueError, match="^J must have products with a frame that do not overflow$"
    ):
        lyapunov_exponents(np.full((3, 1, 2, 2), 1e308))
    assert lyapunov_exponents(np.full((3, 1, 2, 2), 1e200), 1) == pytest.approx(
        np.log(2e200), rel=1e-3
    )


def random_jacobians(T, B=2, S=3, seed=0):
    return np.random.default_rng(seed).standard_normal((T, B, S, S))


@pytest.mark.parametrize("name", CELL_NAMES)
def test_the_exponents_sum_to_the_mean_of_log_det(name):
    p = problem(name, T=40)
    if name == "rnn_relu":  # all units on: one that is off makes J singular
        params = p.params._replace(W=0.3 * np.abs(p.params.W), b=p.params.b + 50)
        p = p._replace(params=params)
    J = jacobians_of(p)
    exponents, volume = lyapunov_exponents(J), np.linalg.slogdet(J)[1].mean(axis=0)
    assert exponents.shape == p.s0.shape and np.isfinite(volume).all()
    np.testing.assert_allclose(exponents.sum(axis=1), volume, rtol=1e-10)
    assert (np.diff(exponents) <= 0).all()


def first_exponent(product, steps):
    """Of a run that repeats some steps: the spectral radius of their product decides."""
    return np.log(np.abs(np.linalg.eigvals(product)).max(axis=-1)) / steps


@pytest.mark.parametrize("name", CELL_NAMES)
def test_seven_steps_again_and_again_grow_as_their_product_in_the_order_of_time(name):
    p = problem(name)
    J = jacobians_of(p)
    exponents = lyapunov_exponents(list(J) * 300, 1)[:, 0]
    np.testing.assert_allclose(exponents, first_exponent(response(p, 7), 7), atol=2e-3)
    if name in ("rnn_linear", "rnn_leaky"):  # J is the same, or nearly the same, at every step
        return
    other = reduce(np.matmul, J)  # in reverse, and of Jacobians that are transposed
    assert abs(exponents - first_exponent(other, 7)).max() > 5e-3


def test_three_steps_again_and_again_have_the_exponents_of_their_product():
    """A, B, C, A, B, C, ...: the eigenvalues of CBA, which are not those of ABC."""
    J = random_jacobians(3, B=1, seed=1)
    wanted, other = (
        np.sort(np.log(np.abs(np.linalg.eigvals(reduce(np.matmul, steps[:, 0])))) / 3)[::-1]
        for steps in (J[::-1], J)
    )
    np.testing.assert_allclose(lyapunov_exponents(list(J) * 1000)[0], wanted, atol=2e-3)
    assert abs(wanted - other).max() > 0.05


def test_a_constant_jacobian_has_the_logarithms_of_its_eigenvalues():
    eigenvalues = np.array([0.3, -1.6, 0.8])
    V = np.eye(3) + 0.5 * np.random.default_rng(0).standard_normal((3, 3))
    J = np.broadcast_to(V @ np.diag(eigenvalues) @ np.linalg.inv(V), (4000, 1, 3, 3))
    assert np.linalg.norm(J[0, 0], 2) > 1.7  # it is not normal: the norm is another number
    wanted = np.sort(np.log(np.abs(eigenvalues)))[::-1]
    np.testing.assert_allclose(lyapunov_exponents(J)[0], wanted, atol=2e-3)


@pytest.mark.parametrize("J", [[[0.5, 0.0], [0.0, 2.0]], [[0.5, 1.0], [0.0, 2.0]]])
def test_the_fastest_growth_is_found_though_an_axis_never_sees_it(J):
    J = np.broadcast_to(J, (3000, 2, 2, 2))
    np.testing.assert_allclose(lyapunov_exponents(J, 1), np.log([[2], [2]]), atol=2e-3)


def test_a_long_run_neither_overflows_nor_underflows():
    """10,000 steps, each a turn and then a stretch: by 2 one sequence, by 1/2 the other."""
    rng = np.random.default_rng(0)
    turns = np.linalg.qr(rng.standard_normal((10_000, 2, 3, 3)))[0]
    exponents = lyapunov_exponents(turns * np.array([2, 0.5])[:, None, None])
    np.testing.assert_allclose(exponents, np.log([[2] * 3, [0.5] * 3]), rtol=1e-12)


def test_the_first_exponent_is_the_growth_of_a_vector():
    J, v = random_jacobians(3000, B=1), np.ones(3)
    growth = 0.0
    for step in J[:, 0]:
        v = step @ v
        growth += np.log(np.linalg.norm(v))
        v /= np.linalg.norm(v)
    assert lyapunov_exponents(J, 1)[0, 0] == pytest.approx(growth / 3000, abs=2e-3)


def test_a_generator_is_as_good_as_an_array():
    J = random_jacobians(20)
    wanted = lyapunov_exponents(J)
    for same in ((step for step in J), list(J), iter(J)):
        np.testing.assert_array_equal(lyapunov_exponents(same), wanted)


def test_a_batch_equals_its_sequences_alone():
    """Up to what is left of the first frame after 3000 steps."""
    J = random_jacobians(3000) * np.array([1, 3])[:, None, None]
    for n in range(2):
        alone = lyapunov_exponents(J[:, [n]])
        np.testing.assert_allclose(lyapunov_exponents(J)[[n]], alone, atol=2e-3)


def test_the_first_exponents_do_not_depend_on_how_many_are_wanted():
    J = random_jacobians(2000) * np.array([4.0, 1.0, 0.25])[:, None]
    for count in (1, 2, 3, np.int64(2)):
        exponents = lyapunov_exponents(J, count)
        assert exponents.shape == (2, count)
        np.testing.assert_allclose(exponents, lyapunov_exponents(J)[:, :count], atol=2e-3)


def test_a_direction_that_is_lost_has_exponent_minus_infinity():
    J = np.broadcast_to(np.diag([0.0, 2.0, 3.0]), (1000, 1, 3, 3)).copy()
    wanted = [[np.log(3), np.log(2), -np.inf]]
    np.testing.assert_allclose(lyapunov_exponents(J), wanted, atol=5e-3)
    assert (lyapunov_exponents(0 * J) == -np.inf).all()


# --- A network of another library ------------------------------------------------------------


@pytest.mark.parametrize("name", ["rnn", "rnn_relu", "gru", "lstm"])
def test_a_network_of_pytorch_is_measured_like_one_of_ours(name):
    rng, rows = np.random.default_rng(3), CELLS[name].gates * 4
    shapes = {"weight_ih_l0": (rows, 2), "weight_hh_l0": (rows, 4)}
    shapes |= {"bias_ih_l0": (rows,), "bias_hh_l0": (rows,)}
    weights = {key: 0.6 * rng.standard_normal(shape) for key, shape in shapes.items()}
    p = problem(name, H=4)._replace(params=from_pytorch(name, weights))
    J = jacobians_of(p)
    norms, values = lag_norms(J), singular_values_by_lag(J)
    for k in (1, 4, 7):
        wanted = np.linalg.svd(response(p, k), compute_uv=False)
        np.testing.assert_allclose(values[k], wanted, rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(norms[k], wanted[:, 0], rtol=1e-9)
    exponents = lyapunov_exponents(list(J) * 300, 1)[:, 0]
    np.testing.assert_allclose(exponents, first_exponent(response(p, 7), 7), atol=2e-3)


# --- The surface of the loss -----------------------------------------------------------------


def surface_problem(name, dtype=np.float64):
    """A problem, its loss of the states, and two random directions."""
    p, rng = problem(name, dtype=dtype), np.random.default_rng(7)
    along, across = (
        tree_map(lambda w: rng.standard_normal(w.shape).astype(dtype), p.params) for _ in range(2)
    )
    return p, lambda states: np.sum(p.weights * states[1:]), along, across


def at(p, u, along, v, across):
    """The loss at one point of the plane."""
    params = tree_map(lambda w, a, c: w + u * a + v * c, p.params, along, across)
    return p.loss({**p.variables, "params": params})


@pytest.mark.parametrize("name", CELL_NAMES)
def test_a_surface_is_a_forward_pass_a_point_with_rows_across(name):
    p, loss, along, across = surface_problem(name)
    us, vs = [-0.2, 0.0, 0.3, 0.1], np.array([0.4, -0.1, 0.0])
    surface = loss_surface(name, p.params, p.x, loss, along, across, us, vs, p.s0)
    wanted = [[at(p, u, along, v, across) for u in us] for v in vs]
    assert surface.shape == (3, 4) and surface.dtype == np.float64
    np.testing.assert_allclose(surface, wanted, rtol=1e-13)
    assert surface[2, 1] == loss(p.forward()[0])
    turned = loss_surface(name, p.params, p.x, loss, across, along, vs, us, p.s0)
    np.testing.assert_allclose(turned, surface.T, rtol=1e-12)


@pytest.mark.parametrize("name", CELL_NAMES)
def test_the_slopes_of_a_surface_are_those_of_bptt(name):
    p, loss, along, across = surface_problem(name)
    h, gradient = 1e-5, p.gradients()["params"]
    for direction, us, vs in ((along, [-h, h], [0]), (across, [0], [-h, h])):
        low, high = loss_surface(name, p.params, p.x, loss, along, across, us, vs, p.s0).ravel()
        wanted = sum(np.vdot(g, d) for g, d in zip(gradient, direction, strict=True))
        assert (high - low) / (2 * h) == pytest.approx(wanted, rel=1e-6)


def test_a_surface_starts_from_0_if_s0_is_not_given():
    p, loss, along, across = surface_problem("gru")
    surface = loss_surface(CELLS["gru"], p.params, p.x, loss, along, across, [0.5], [0])
    assert surface[0, 0] == at(p._replace(s0=np.zeros_like(p.s0)), 0.5, along, 0, across)


def test_a_surface_of_float32_parameters():
    p, loss, along, across = surface_problem("lstm", np.float32)
    surface = loss_surface("lstm", p.params, p.x, loss, along, across, [0, 0.1], [0.2], p.s0)
    wanted = [[at(p, u, along, 0.2, across) for u in (0, 0.1)]]
    assert surface.dtype == np.float64
    np.testing.assert_allclose(surface, wanted, rtol=1e-4)


def test_no_function_changes_what_it_was_given():
    p, loss, along, across = surface_problem("lstm")
    J, us, vs = jacobians_of(p), np.array([0.1]), np.array([0.2])
    given = (J, us, vs, p.x, p.s0, *p.params, *along, *across)
    before = [array.copy() for array in given]
    lag_norms(J), singular_values_by_lag(J), lyapunov_exponents(J)
    loss_surface("lstm", p.params, p.x, loss, along, across, us, vs, p.s0)
    for array, copy in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, copy)


# --- Bad input -------------------------------------------------------------------------------

J3 = random_jacobians(4)
NAN = np.where(np.arange(4)[:, None, None, None] == 2, np.nan, J3)


@pytest.mark.parametrize("function", [lag_norms, singular_values_by_lag])
@pytest.mark.parametrize(
    "J, error, message",
    [
        (J3[0], ValueError, "J must be (T, B, S, S), got (2, 3, 3)"),
        (J3[..., :2], ValueError, "J must be (T, B, S, S), got (4, 2, 3, 2)"),
        (J3[:, :, :2], ValueError, "J must be (T, B, S, S), got (4, 2, 2, 3)"),
        (J3[:0], ValueError, "J must not be empty, got shape (0, 2, 3, 3)"),
        (J3.astype(int), ValueError, "J must be float32 or float64, got int64"),
        (J3 > 0, ValueError, "J must be float32 or float64, got bool"),
        (NAN, ValueError, "J must be finite, got NaN or infinity in it"),
        (None, TypeError, "J must be an array, got None"),
        ("J", TypeError, "J must be an array, got 'J'"),
        (np.full((4, 1, 1, 1), 1e120), ValueError, "inside float64, that of 3 overflows"),
        (np.full((4, 1, 1, 1), 1e20, "f4"), ValueError, "inside float32, that of 2 overflows"),
    ],
)
def test_bad_input_of_the_products(function, J, error, message):
    with pytest.raises(error, match=re.escape(message) + "$"):
        function(J)


@pytest.mark.parametrize(
    "J, count, error, message",
    [
        ([], None, ValueError, "J must hold at least one Jacobian, got none"),
        (iter(()), None, ValueError, "J must hold at least one Jacobian, got none"),
        (J3[0], None, ValueError, "J[0] must be (B, S, S), got (3, 3)"),
        (J3[..., :2], None, ValueError, "J[0] must be (B, S, S) with B = 2, S = 3, S = 3, got"),
        ([J3[0], J3[0, :1]], None, ValueError, "J[1] must be (B, S, S) with B = 2, S = 3, S = 3"),
        ([*J3, np.eye(2)[None]], 1, ValueError, "J[4] must be (B, S, S) with B = 2, S = 3, S ="),
        (NAN, None, ValueError, "J[2] must be finite, got NaN or infinity in it"),
        (J3.astype(int), None, ValueError, "J[0] must be float32 or float64, got int64"),
        ([None], None, TypeError, "J[0] must be an array, got None"),
        (J3, 4, ValueError, "count must be at most S = 3, got 4"),
        (J3, 0, ValueError, "count must be an integer of at least 1, got 0"),
        (J3, -1, ValueError, "count must be an integer of at least 1, got -1"),
        (J3, 2.0, ValueError, "count must be an integer of at least 1, got 2.0"),
        (J3, True, ValueError, "count must be an integer of at least 1, got True"),
        (J3, "2", ValueError, "count must be an integer of at least 1, got '2'"),
    ],
)
def test_bad_input_of_the_exponents(J, count, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        lyapunov_exponents(J, count)


@pytest.mark.parametrize(
    "change, error, message",
    [
        (dict(cell="elman"), ValueError, "^cell must be one of"),
        (dict(cell="lstm"), TypeError, "^params must be LSTMParams for cell 'lstm', got GRUParams"),
        (dict(params=None), TypeError, "must be a NoneType, got GRUParams$|^params must be"),
        (dict(loss=1.0), TypeError, "^loss must be a function, got float$"),
        (dict(loss=None), TypeError, "^loss must be a function, got NoneType$"),
        (dict(loss=lambda s: s), ValueError, r"^loss must return one number, got shape \(8, 3, 5"),
        (dict(loss=lambda s: s[0, 0, :1]), ValueError, r"^loss must return one .*got shape \(1,\)"),
        (dict(along=problem("lstm").params), TypeError, "^along must be a GRUParams, got LSTMP"),
        (dict(across=problem("rnn").params), TypeError, "^across must be a GRUParams, got RNNP"),
        (dict(along=tuple(problem("gru").params)), TypeError, "^along must be a GRUP.*got tuple$"),
        (dict(across=None), TypeError, "^across must be a GRUParams, got NoneType$"),
        (dict(across=problem("gru", H=4).params), ValueError, "must have leaves of the same shape"),
        (dict(us=[0, np.nan]), ValueError, "^us must be finite, got NaN or infinity in it$"),
        (dict(vs=[np.inf]), ValueError, "^vs must be finite, got NaN or infinity in it$"),
        (dict(us=[]), ValueError, r"^us must not be empty, got shape \(0,\)$"),
        (dict(vs=[]), ValueError, r"^vs must not be empty, got shape \(0,\)$"),
        (dict(us=0.5), ValueError, r"^us must be \(N,\), got \(\)$"),
        (dict(vs=np.eye(2)), ValueError, r"^vs must be \(M,\), got \(2, 2\)$"),
        (dict(x=np.ones((7, 3))), ValueError, r"^x must be \(T, B, D\)"),
        (dict(s0=np.ones((3, 4))), ValueError, "^s0 must be "),
    ],
)
def test_bad_input_of_the_surface(change, error, message):
    p, loss, along, across = surface_problem("gru")
    arguments = dict(cell="gru", params=p.params, x=p.x, loss=loss, along=along, across=across)
    arguments |= dict(us=[0.0], vs=[0.0], s0=p.s0)
    with pytest.raises(error, match=message):
        loss_surface(**(arguments | change))

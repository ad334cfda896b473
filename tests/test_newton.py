"""Newton's method over time: its states are those of the loop, and its promises are kept."""

import numpy as np
import pytest

from rnn_src.cells import CELLS, RNNParams
from rnn_src.gradient_flow import lyapunov_exponents
from rnn_src.initializers import gaussian
from rnn_src.linear import loop, matrix_scan, newton
from rnn_src.scan import backward, forward, init, jacobians
from rnn_src.theory import mean_field, newton_errors

every_cell = pytest.mark.parametrize("cell", CELLS)


def problem(cell, T=40, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    params = init(cell, 3, 5, rng, dtype)
    x = rng.standard_normal((T, 2, 3)).astype(dtype)
    s0 = 0.3 * rng.standard_normal((2, 5 * CELLS[cell].parts)).astype(dtype)
    return params, x, s0


def tanh_network(sigma_w, T, H=48, seed=0):
    rng = np.random.default_rng(seed)
    params = RNNParams(gaussian(rng, H, H, sigma_w), 0.3 * np.eye(H), np.zeros(H))
    x = rng.standard_normal((100 + T, 1, H))
    return params, x[100:], forward("rnn", params, x[:100])[0][-1]


def distance(found, wanted):
    return np.abs(found - wanted).max() / np.abs(wanted).max()


def diagonal(J):
    return np.einsum("tbii->tbi", J)


def transposed(J):
    return J.swapaxes(-1, -2)


# --- The scan of matrices ----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
@pytest.mark.parametrize("T", [1, 2, 3, 8, 9, 17, 100])
def test_a_scan_of_matrices_is_the_loop(T, shape):
    rng = np.random.default_rng(T)
    A = 0.5 * rng.standard_normal((T, *shape, 4, 4))
    b, h0 = rng.standard_normal((T, *shape, 4)), rng.standard_normal((*shape, 4))
    wanted = [h0]
    for A_t, b_t in zip(A, b):
        wanted.append(np.einsum("...ij,...j->...i", A_t, wanted[-1]) + b_t)
    kept = A.copy(), b.copy()
    assert distance(matrix_scan(A, b, h0), np.array(wanted)) < 1e-13
    assert (matrix_scan(A, b)[0] == 0).all()
    assert (A == kept[0]).all() and (b == kept[1]).all()
    if T > 2:
        assert distance(matrix_scan(transposed(A), b, h0), np.array(wanted)) > 1e-3


def test_diagonal_matrices_are_factors():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-1, 1, (50, 3)), rng.standard_normal((50, 3))
    assert distance(matrix_scan(a[..., None] * np.eye(3), b), loop(a, b)) < 1e-14


def test_bad_shapes_of_a_scan_are_refused():
    with pytest.raises(ValueError, match=r"b must be \(T, \.\.\., S\)"):
        matrix_scan(np.ones((3, 1)), np.ones(3))
    with pytest.raises(ValueError, match="A must be"):
        matrix_scan(np.ones((3, 2, 1)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="h0 must be"):
        matrix_scan(np.ones((3, 2, 2)), np.ones((3, 2)), np.ones(3))


def test_the_backward_pass_is_one_scan():
    params, x, s0 = problem("lstm")
    _, tape = forward("lstm", params, x, s0)
    dstates = np.random.default_rng(1).standard_normal((40, 2, 10))
    wanted = np.empty_like(dstates)
    backward("lstm", params, tape, dstates, totals=wanted)
    factors = np.roll(jacobians("lstm", params, x, s0), -1, axis=0)[::-1]
    assert distance(matrix_scan(transposed(factors), dstates[::-1])[1:][::-1], wanted) < 1e-13
    assert distance(matrix_scan(factors, dstates[::-1])[1:][::-1], wanted) > 1e-2


# --- Newton ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@every_cell
def test_newton_is_the_loop(cell, dtype):
    params, x, s0 = problem(cell, dtype=dtype)
    wanted, _ = forward(cell, params, x, s0)
    given = x.copy(), s0.copy()
    states, residuals = newton(cell, params, x, s0, tol=20 * np.finfo(dtype).eps)
    assert states.dtype == residuals.dtype == dtype and states.shape == wanted.shape
    assert distance(states, wanted) < 100 * np.finfo(dtype).eps
    assert 2 <= len(residuals) < 12 and residuals.shape[1:] == (40, 2)
    assert (x == given[0]).all() and (s0 == given[1]).all()
    from_zero, _ = newton(cell, params, x, tol=20 * np.finfo(dtype).eps)
    assert distance(from_zero, forward(cell, params, x)[0]) < 100 * np.finfo(dtype).eps
    assert distance(from_zero[1], wanted[1]) > 1e-3  # the first state counts


@pytest.mark.parametrize("factors", [None, diagonal, transposed, lambda J: 0.5 * J])
@every_cell
def test_after_k_sweeps_the_first_k_states_are_solved(cell, factors):
    params, x, s0 = problem(cell, T=12)
    guess = 3 * np.random.default_rng(5).standard_normal((12, *s0.shape))
    wanted, _ = forward(cell, params, x, s0)
    for k in (1, 2, 5, 12):
        states, residuals = newton(cell, params, x, s0, guess, 0, k, factors)
        scale = np.abs(wanted).max()
        assert np.abs(states[: k + 1] - wanted[: k + 1]).max() < 1e-13 * scale
        assert len(residuals) <= k + 1


@every_cell
def test_wrong_factors_end_right_and_are_slower(cell):
    params, x, s0 = problem(cell, T=60)
    wanted, _ = forward(cell, params, x, s0)
    right = newton(cell, params, x, s0, tol=1e-10)[1]
    for factors in (diagonal, transposed):
        states, residuals = newton(cell, params, x, s0, tol=1e-10, factors=factors)
        assert distance(states, wanted) < 1e-7
        assert len(residuals) > 2 * len(right)


def test_a_linear_recurrence_takes_one_sweep():
    params, x, s0 = problem("rnn_linear")
    assert len(newton("rnn_linear", params, x, s0, tol=1e-12)[1]) == 2
    assert len(newton("rnn_linear", params, x, s0, tol=1e-12, factors=transposed)[1]) > 20


def test_errors_are_squared_near_the_end():
    params, x, s0 = problem("rnn")
    wanted, _ = forward("rnn", params, x, s0)
    noise = np.random.default_rng(2).standard_normal(wanted[1:].shape)
    errors = [
        np.abs(newton("rnn", params, x, s0, wanted[1:] + size * noise, 0, 1)[0] - wanted).max()
        for size in (1e-2, 1e-3, 1e-4)
    ]
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 100, rtol=0.1)


def test_the_residuals_are_of_the_states_that_came_before():
    params, x, s0 = problem("gru", T=9)
    guess = np.random.default_rng(3).standard_normal((9, 2, 5))
    states, residuals = newton("gru", params, x, s0, guess, sweeps=1)
    for k, h in enumerate((np.concatenate([s0[None], guess]), states)):
        for t in range(9):
            after = forward("gru", params, x[t : t + 1], h[t])[0][1]
            wanted = np.abs(after - h[t + 1]).max(axis=1)
            np.testing.assert_allclose(residuals[k, t], wanted, rtol=1e-9, atol=1e-15)


def test_a_guess_that_is_right_takes_no_sweep():
    params, x, s0 = problem("lstm")
    wanted, _ = forward("lstm", params, x, s0)
    states, residuals = newton("lstm", params, x, s0, guess=wanted[1:])
    assert len(residuals) == 1 and (states == wanted).all()


def test_what_overflows_is_begun_anew():
    """A rectified network whose wrong guesses grow past the range of float32."""
    rng = np.random.default_rng(0)
    params = RNNParams(np.float32(8 * np.eye(4)), -np.ones((4, 1), np.float32), np.zeros(4, "f4"))
    x, guess = np.ones((60, 1, 1), np.float32), rng.uniform(1, 2, (60, 1, 4)).astype(np.float32)
    states, residuals = newton("rnn_relu", params, x, guess=guess)
    assert (states[1:] == 0).all() and len(residuals) <= 61 and np.isfinite(residuals).all()


def test_bad_input_of_newton_is_refused():
    params, x, s0 = problem("rnn")
    for given, message in (
        (dict(s0=s0[:1]), "s0 must be"),
        (dict(guess=x), "guess must be"),
        (dict(tol=-1.0), "tol must be"),
        (dict(sweeps=0), "sweeps must be"),
        (dict(factors=lambda J: J[:, :, :2]), "A must be"),
    ):
        with pytest.raises(ValueError, match=message):
            newton("rnn", params, x, **given)
    with pytest.raises(TypeError, match="factors must be a function"):
        newton("rnn", params, x, factors=2)
    with pytest.raises(ValueError, match="x must be"):
        newton("rnn", params, x[0])


# --- What is predicted -------------------------------------------------------------------------


def test_the_first_sweep_is_that_of_the_theory():
    """From a guess of 0, in a network of 200 units."""
    params, x, s0 = tanh_network(0.6, 60, H=200)
    wanted, _ = forward("rnn", params, x, s0)
    one, _ = newton("rnn", params, x, s0, sweeps=1)
    law = newton_errors(0.6, 0.3, length=60, sweeps=1)
    assert abs(np.mean(wanted[1:] ** 2) / law[0, -1] - 1) < 0.1
    error = np.mean((one - wanted) ** 2, axis=(1, 2))
    assert abs(error[10:].mean() / law[1, 10:].mean() - 1) < 0.1  # 0.03 here
    assert error[1] < 1e-25 and law[1, 1] == 0 < law[1, 2]


def test_small_errors_follow_the_two_functions():
    """Below the table: a square, and the factor of gradients."""
    chi = mean_field(1.2, 0.3).chi
    law = newton_errors(1.2, 0.3, length=60, sweeps=12)
    late = next(k for k in range(12) if 0 < law[k].max() < 1e-5)
    old, new = law[late], law[late + 1]
    source = new[2:] - chi * new[1:-1]
    np.testing.assert_allclose(source[20:] / old[21:-1] ** 2, source[-1] / old[-2] ** 2, rtol=1e-2)
    q = mean_field(1.2, 0.3).q
    a = np.sqrt(q) * np.random.default_rng(0).standard_normal(400_000)
    curvature = np.mean((2 * np.tanh(a) / np.cosh(a) ** 2) ** 2)
    assert abs(source[-1] / old[-2] ** 2 / (0.75 * 1.2**4 * curvature) - 1) < 0.02


@pytest.mark.parametrize(("sigma_w", "least", "most"), [(0.5, 3, 4), (1.2, 8, 15), (1.8, 45, 65)])
def test_the_sweeps_of_a_network_are_predicted(sigma_w, least, most):
    params, x, s0 = tanh_network(sigma_w, 128)
    _, residuals = newton("rnn", params, x, s0, tol=1e-8)
    law = np.sqrt(newton_errors(sigma_w, 0.3, length=128, sweeps=80).max(axis=1))
    found, predicted = len(residuals) - 1, (law <= 1e-8).argmax()
    assert least <= found <= most and least <= predicted <= most
    assert abs(found / predicted - 1) < 0.4
    rate = lyapunov_exponents(jacobians("rnn", params, x, s0), 1)[0, 0]
    assert (rate > 0) == (sigma_w > 1.5)


def test_a_gain_beyond_the_tables_is_refused():
    assert np.isfinite(newton_errors(5, 5, length=9, sweeps=3)).all()
    with pytest.raises(ValueError, match="sigma_w must be"):
        newton_errors(5.1, 0.3, length=9, sweeps=3)
    with pytest.raises(ValueError, match="sigma_u must be"):
        newton_errors(1.2, 5.1, length=9, sweeps=3)

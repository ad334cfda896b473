"""Linear recurrences: every way to run one gives the same, and every family is its definition.

An independent definition is written out in each test, in float64, without the package. The worst
error of each family in rounding is stated beside it, with what is allowed.
"""

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.special import expit, log_expit, softplus

from rnn_src.gradcheck import check_gradients
from rnn_src.linear import (
    MinimalParams,
    Ring,
    adjoint,
    compose,
    gated_delta_step,
    init_minimal,
    log_scan,
    loop,
    lru_step,
    mamba_step,
    minimal_backward,
    minimal_forward,
    mlstm_step,
    parallel_scan,
    rg_lru_step,
    ring_eigenvalues,
    ring_init,
    rwkv7_step,
    s4d_lin,
    s4d_step,
    slstm_step,
)
from rnn_src.linear.recurrence import sweep
from rnn_src.theory import delta_recall, linear_sensitivity, linear_variance, ring_gain

LENGTHS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 18, 31, 100, 129, 1000)


def draw(T, *shape, seed=0, complex_=False):
    """Factors below 1 in size, inputs and a first state."""
    rng = np.random.default_rng(seed)
    a, b, h0 = rng.uniform(-1, 1, (T, *shape)), rng.standard_normal((T, *shape)), rng.random(shape)
    if complex_:
        a = a * np.exp(1j * rng.uniform(0, 6, a.shape))
        b, h0 = b + 1j * rng.standard_normal(b.shape), h0 * 1j
    return a, b, h0


def naive(a, b, h0):
    """The definition, number by number."""
    states = [h0]
    for a_t, b_t in zip(a, b):
        states.append(a_t * states[-1] + b_t)
    return np.array(states)


def distance(found, wanted):
    """The largest difference over the largest wanted number."""
    return np.abs(found - wanted).max() / np.abs(wanted).max()


# --- The recurrence --------------------------------------------------------------------------


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize("T", LENGTHS)
def test_the_loop_and_the_scan_are_the_definition(T, shape, complex_):
    a, b, h0 = draw(T, *shape, complex_=complex_)
    wanted = naive(a, b, h0)
    assert loop(a, b, h0).shape == wanted.shape == (T + 1, *shape)
    assert distance(loop(a, b, h0), wanted) < 1e-15
    assert distance(parallel_scan(a, b, h0), wanted) < 1e-13
    assert (parallel_scan(a, b)[0] == 0).all() and (loop(a, b)[0] == 0).all()
    assert distance(parallel_scan(a, b)[1:], naive(a, b, 0 * h0)[1:]) < 1e-13


def test_a_long_scan_is_equal_to_twelve_digits():
    a, b, h0 = draw(100_000, 2)
    assert distance(parallel_scan(a, b, h0), loop(a, b, h0)) < 1e-12
    assert distance(parallel_scan(abs(a) ** 1e-4, b, h0), loop(abs(a) ** 1e-4, b, h0)) < 1e-12


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_states_have_the_dtype_of_what_came(dtype):
    a, b = np.full((20, 3), 0.5, dtype), np.ones((20, 3), dtype)
    for run in (loop, parallel_scan):
        assert run(a, b).dtype == dtype
        assert run(a, b.astype(complex)).dtype == complex


def test_nothing_that_came_is_written_to():
    a, b, h0 = draw(40, 3)
    kept = [v.copy() for v in (a, b, h0)]
    states = parallel_scan(a, b, h0)
    adjoint(a, states, b)
    assert all((v == k).all() for v, k in zip((a, b, h0), kept))
    constant = np.broadcast_to(a[0], a.shape)
    assert distance(parallel_scan(constant, b), loop(constant, b)) < 1e-13


def test_the_product_is_associative_and_has_an_order():
    a, b, h0 = draw(3, 5)
    first, second, third = zip(a, b)
    left, right = (
        compose(compose(first, second), third),
        compose(first, compose(second, third)),
    )
    np.testing.assert_allclose(left, right, rtol=1e-13)
    np.testing.assert_allclose(left[0] * h0 + left[1], loop(a, b, h0)[-1], rtol=1e-13)
    assert not np.allclose(compose(first, second)[1], compose(second, first)[1])


def test_the_depth_is_logarithmic_and_the_work_linear():
    """Multiplications of the scan, counted: by calls for the depth, by entries for the work."""
    counts = {}
    for T in (1024, 4096):
        calls, entries = [], []

        def times(x, y, calls=calls, entries=entries):
            calls.append(1)
            entries.append(np.size(x))
            return x * y

        a, b, _ = draw(T)
        sweep(a, b.copy(), times, np.add)
        counts[T] = len(calls), sum(entries)
    assert counts[4096][0] - counts[1024][0] == 6  # two more levels, of three calls each
    assert counts[1024][0] < 40 and counts[4096][1] < 3 * 4096


def test_large_factors_overflow_in_the_scan_where_the_loop_stays_finite():
    """Their product is infinite, and infinity times a state of 0 is NaN: the docstring warns."""
    large, small, zero = np.full(16, 1e200), np.full(16, 1e-200), np.zeros(16)
    assert (loop(large, zero) == 0).all()
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isnan(parallel_scan(large, zero)[-1])
    both = np.repeat([1e200, 1e-200], 8)
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isnan(parallel_scan(both, zero)[-1]) and (loop(both, zero) == 0).all()
    for h0 in (0.0, 1.0):  # with factors below 1 nothing is lost that the loop would keep
        states = loop(small, zero, np.array(h0))
        np.testing.assert_array_equal(parallel_scan(small, zero, np.array(h0)), states)
    assert (loop(small, zero + 1) == parallel_scan(small, zero + 1)).all()


# --- The adjoint -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["complex_step", "finite_difference"])
@pytest.mark.parametrize("T", [1, 2, 9, 40])
def test_the_adjoint_is_the_gradient(T, method):
    a, b, h0 = draw(T, 2, 3)
    weights = np.random.default_rng(1).standard_normal((T, 2, 3))
    variables = {"a": a, "b": b, "h0": h0}

    def loss(v):
        return np.sum(weights * loop(v["a"], v["b"], v["h0"])[1:] ** 3)

    states = parallel_scan(a, b, h0)
    grads = dict(zip(variables, adjoint(a, states, 3 * weights * states[1:] ** 2)))
    tolerance = 1e-12 if method == "complex_step" else 1e-6
    rng = np.random.default_rng(2)
    worst = check_gradients(loss, variables, grads, rng, method, tolerance).worst
    assert worst < tolerance
    if T > 1:
        grads["a"] = np.roll(grads["a"], 1, axis=0)
        with pytest.raises(AssertionError):
            check_gradients(loss, variables, grads, np.random.default_rng(2), method, 1e-3)


def test_the_adjoint_of_complex_numbers_is_by_real_and_imaginary_part():
    a, b, h0 = draw(25, 2, complex_=True)
    weights, _, _ = draw(25, 2, seed=3, complex_=True)
    parts = {name: value.real for name, value in zip(("a", "b", "h0"), (a, b, h0))}
    parts |= {f"i{name}": value.imag for name, value in zip(("a", "b", "h0"), (a, b, h0))}

    def loss(v):
        states = loop(*(v[name] + 1j * v[f"i{name}"] for name in ("a", "b", "h0")))
        return np.sum((np.conj(weights) * states[1:]).real) + np.sum(np.abs(states[1:]) ** 2)

    states = parallel_scan(a, b, h0)
    found = dict(zip(("a", "b", "h0"), adjoint(a, states, weights + 2 * states[1:])))
    grads = {name: value.real for name, value in found.items()}
    grads |= {f"i{name}": value.imag for name, value in found.items()}
    check_gradients(loss, parts, grads, np.random.default_rng(4), "finite_difference", 1e-6)


def test_of_real_factors_the_derivative_is_real():
    a, b, _ = draw(12, 3)
    states = loop(a, b * (1 + 1j))
    da, db, dh0 = adjoint(a, states, np.conj(states[1:]) + 1j)
    assert da.dtype == float and db.dtype == dh0.dtype == complex
    step = 1e-6

    def loss(a):
        states = loop(a, b * (1 + 1j))
        return np.sum(np.real(states[1:] ** 2) / 2 + np.imag(states[1:]))

    moved = a.copy()
    moved[4, 1] += step
    assert np.isclose(da[4, 1], (loss(moved) - loss(a)) / step, rtol=1e-4)


# --- Logarithms ------------------------------------------------------------------------------


@pytest.mark.parametrize("T", LENGTHS)
@pytest.mark.parametrize("start", [False, True])
def test_the_scan_of_logarithms_is_that_of_the_numbers(T, start):
    rng = np.random.default_rng(T)
    a, b = rng.uniform(0.1, 1, (T, 2, 3)), rng.uniform(0.1, 5, (T, 2, 3))
    h0 = rng.uniform(0.1, 2, (2, 3)) if start else np.zeros((2, 3))
    found = log_scan(np.log(a), np.log(b), np.log(h0) if start else None)
    np.testing.assert_allclose(np.exp(found), naive(a, b, h0), rtol=1e-13, atol=0)
    assert (found[0] == (np.log(h0) if start else -np.inf)).all()


def test_plain_products_die_in_float32_near_step_130_and_logarithms_do_not():
    """h_t = P_t (sum of b_s / P_s), P the product of the gates, which are near one half."""
    rng = np.random.default_rng(0)
    T, H = 1000, 64
    keep = expit(0.3 * rng.standard_normal((T, H))).astype(np.float32)
    b = ((1 - keep) * rng.uniform(0.5, 1.5, (T, H))).astype(np.float32)
    wanted = loop(keep.astype(float), b.astype(float))[1:]
    product = np.cumprod(keep, axis=0)
    with np.errstate(all="ignore"):
        plain = product * np.cumsum(b / product, axis=0)
    wrong = ~(np.abs(plain / wanted - 1) < 0.01)
    first = np.argmax(wrong, axis=0)
    assert 115 < first.min() and first.max() < 150 and 120 < np.median(first) < 140
    assert wrong[150:].all()
    found = np.exp(log_scan(np.log(keep), np.log(b)))[1:]
    assert found.dtype == np.float32
    assert np.abs(found / wanted - 1).max() < 3e-6  # 7e-7 here
    assert distance(parallel_scan(keep, b)[1:], wanted) < 1e-6  # what underflows adds nothing


def test_the_sweep_loses_fewer_digits_than_the_sum_of_all_logarithms():
    """What is added up and subtracted again grows with T, and its rounding with it."""
    T = 20_000
    rng = np.random.default_rng(0)
    log_a, log_b = (-rng.uniform(0.5, 1, (2, T))).astype(np.float32)
    wanted = log_scan(log_a.astype(float), log_b.astype(float))[1:]
    total = np.cumsum(log_a, dtype=np.float32)
    summed = total + np.logaddexp.accumulate(log_b - total)
    assert np.abs(summed - wanted).max() > 1e-3
    assert np.abs(log_scan(log_a, log_b)[1:] - wanted).max() < 1e-6


# --- The ring --------------------------------------------------------------------------------


def test_the_ring_is_uniform_by_area():
    ring = ring_init(200_000, np.random.default_rng(0), r0=0.6, r1=0.9, max_phase=1.0)
    lam, gamma = ring_eigenvalues(ring)
    square = np.abs(lam) ** 2
    assert square.min() >= 0.36 - 1e-12 and square.max() <= 0.81 + 1e-12
    for share in (0.1, 0.5, 0.9):
        assert abs(np.quantile(square, share) - (0.36 + share * 0.45)) < 0.003
        assert abs(np.quantile(np.angle(lam), share) - share) < 0.006
    np.testing.assert_allclose(gamma, np.sqrt(1 - square), rtol=1e-9)
    small = Ring(np.log([1e-12]), np.zeros(1))
    assert np.isclose(ring_eigenvalues(small)[1][0], np.sqrt(2e-12), rtol=1e-9)


@pytest.mark.parametrize(("r0", "r1", "gain"), [(0, 0.99, 3.997), (0.9, 0.999, 24.23)])
def test_the_gain_of_a_ring(r0, r1, gain):
    assert abs(ring_gain(r0, r1) - gain) < 0.005
    lam, gamma = ring_eigenvalues(ring_init(400_000, np.random.default_rng(1), r0, r1))
    each = 1 / (1 - np.abs(lam) ** 2)
    assert abs(each.mean() / gain - 1) < 0.03
    np.testing.assert_allclose(gamma**2 * each, 1, rtol=1e-9)


@pytest.mark.parametrize("correlation", [0.0, 0.5, -0.7])
@pytest.mark.parametrize("lam", [0.0, 0.5, -0.8, 0.97])
def test_the_formulas_of_memory(lam, correlation):
    """By the sums over lags that define them: h = sum l^k x, dh/dl = sum k l^(k-1) x."""
    k = np.arange(2000)
    R = correlation ** np.abs(k[:, None] - k)
    powers = lam**k
    slopes = np.r_[0, k[1:] * lam ** (k[1:] - 1)]
    assert np.isclose(linear_variance(lam, correlation), powers @ R @ powers, rtol=1e-9)
    assert np.isclose(linear_sensitivity(lam, correlation), slopes @ R @ slopes, rtol=1e-9)


def test_what_the_delta_rule_holds_is_the_mean_over_keys_and_values():
    """By 40,000 memories of 6 keys in 8 dimensions, written without the package."""
    n, d, rng = 6, 8, np.random.default_rng(0)
    keys = rng.standard_normal((n, 40_000, d))
    keys /= np.linalg.norm(keys, axis=2, keepdims=True)
    values = rng.standard_normal((n, 40_000))
    S = np.zeros((40_000, d))
    for k, v in zip(keys, values):
        S = S + (v - (S * k).sum(axis=1))[:, None] * k
    answers = (S * keys).sum(axis=2)[::-1]  # by the writes since
    signal, power = delta_recall(n, d)
    np.testing.assert_allclose((answers * values[::-1]).mean(axis=1), signal, atol=0.03)
    np.testing.assert_allclose((answers**2).mean(axis=1), power, rtol=0.03)
    assert power[-1] < 0.9  # so that a memory that is full from the start is told apart
    np.testing.assert_allclose(delta_recall(2000, d)[1][-1], 1, rtol=1e-9)
    assert delta_recall(1, 3)[0].tolist() == delta_recall(1, 3)[1].tolist() == [1.0]


def test_in_one_dimension_the_last_value_replaces_all():
    signal, power = delta_recall(5, 1)
    np.testing.assert_allclose(signal, [1, 0, 0, 0, 0])
    np.testing.assert_allclose(power, 1)


# --- The minimal units -----------------------------------------------------------------------

UNITS = ("min_gru", "min_lstm")


def by_hand(cell, v):
    """The states by the paper's equations, step by step; analytic, for the complex step."""

    def logistic(a):
        return 1 / (1 + np.exp(-a))

    h, states = v["h0"], []
    for x in v["x"]:
        parts = np.split(x @ v["U"].T + v["b"], 2 if cell == "min_gru" else 3, axis=1)
        *gates, n = parts
        if cell == "min_gru":
            z = logistic(gates[0])
            h = (1 - z) * h + z * n
        else:
            f, i = map(logistic, gates)
            h = f / (f + i) * h + i / (f + i) * n
        states.append(h)
    return np.array(states)


def minimal_problem(cell, T=12, B=3, D=4, H=5):
    rng = np.random.default_rng(7)
    params = init_minimal(cell, D, H, rng)
    params = MinimalParams(params.U, rng.standard_normal(params.b.shape))
    x, h0 = rng.standard_normal((T, B, D)), rng.standard_normal((B, H))
    return params, x, h0, rng.standard_normal((T, B, H))


@pytest.mark.parametrize("cell", UNITS)
def test_a_minimal_unit_is_its_definition_and_its_backward_the_gradient(cell):
    params, x, h0, weights = minimal_problem(cell)
    variables = {"x": x, "h0": h0, **params._asdict()}
    states, tape = minimal_forward(cell, params, x, h0)
    assert distance(states[1:], by_hand(cell, variables)) < 1e-14

    def loss(v):
        return np.sum(weights * by_hand(cell, v) ** 2)

    grads, dx, dh0 = minimal_backward(cell, params, tape, 2 * weights * states[1:])
    grads = {"x": dx, "h0": dh0, **grads._asdict()}
    check_gradients(loss, variables, grads, np.random.default_rng(8), tolerance=1e-11)


@pytest.mark.parametrize("cell", UNITS)
def test_the_jacobian_over_many_steps_is_the_product_of_what_is_kept(cell):
    params, x, h0, _ = minimal_problem(cell)
    _, tape = minimal_forward(cell, params, x, h0)
    wanted = tape.keep.prod(axis=0)
    for unit in range(5):
        dstates = np.zeros_like(tape.keep)
        dstates[-1, :, unit] = 1
        dh0 = minimal_backward(cell, params, tape, dstates)[2]
        np.testing.assert_allclose(dh0[:, unit], wanted[:, unit], rtol=1e-12)
        assert not np.delete(dh0, unit, axis=1).any()


def test_the_share_that_is_kept_at_the_start():
    for cell in UNITS:
        params = init_minimal(cell, 3, 4, np.random.default_rng(0), keep=3.0)
        _, tape = minimal_forward(cell, params, np.zeros((5, 2, 3)))
        np.testing.assert_allclose(tape.keep, expit(3.0), rtol=1e-12)
    far = params._replace(b=np.repeat([-900.0, -800.0, 0.0], 4))  # neither gate is 0/0
    assert (minimal_forward("min_lstm", far, np.zeros((5, 2, 3)))[1].keep < 1e-40).all()


def test_a_sequence_of_a_batch_is_that_sequence_alone():
    params, x, h0, weights = minimal_problem("min_lstm")
    whole, _ = minimal_forward("min_lstm", params, x, h0)
    alone, _ = minimal_forward("min_lstm", params, x[:, 1:2], h0[1:2])
    assert distance(alone[:, 0], whole[:, 1]) < 1e-14


# --- The families ----------------------------------------------------------------------------

WORST = {}


def record(name, found, wanted, allowed):
    WORST[name] = max(WORST.get(name, 0), distance(np.asarray(found), np.asarray(wanted)))
    assert WORST[name] < allowed, WORST


def unit(v):
    return v / np.linalg.norm(v)


def test_s4d_is_the_held_system_and_its_convolution():
    rng, T, N, delta = np.random.default_rng(0), 60, 8, 0.05
    lam, (B, C), x = s4d_lin(N), rng.standard_normal((2, N)) + 0j, rng.standard_normal(T)
    states = [np.zeros(N, complex)]
    for x_t in x:
        states.append(s4d_step(states[-1], x_t, lam, delta, B))
    # the system itself, its input an extra coordinate that does not move
    system = np.zeros((N + 1, N + 1), complex)
    system[:N, :N], system[:N, N] = np.diag(lam), B
    one = expm(delta * system)
    h = np.zeros(N, complex)
    for t, x_t in enumerate(x):
        h = one[:N, :N] @ h + one[:N, N] * x_t
        record("S4D, matrix exponential", states[t + 1], h, 3e-14)
    kernel = [
        np.sum(C * np.exp(delta * lam * k) * (np.exp(delta * lam) - 1) / lam * B).real
        for k in range(T)
    ]
    outputs = [np.sum(C * s).real for s in states[1:]]
    record("S4D, convolution", outputs, np.convolve(kernel, x)[:T], 3e-14)


def test_the_lru_is_a_turn_and_a_shrinking():
    rng = np.random.default_rng(1)
    ring, B = ring_init(5, rng, 0.5, 0.95), rng.standard_normal((5, 3)) + 1j
    lam, gamma = ring_eigenvalues(ring)
    h, pairs = np.zeros(5, complex), np.zeros((5, 2))
    for x in rng.standard_normal((50, 3)):
        h = lru_step(h, x, ring, B)
        for k in range(5):
            size, turn = np.exp(-np.exp(ring.nu[k])), np.exp(ring.theta[k])
            c, s = size * np.cos(turn), size * np.sin(turn)
            written = np.sqrt(1 - size**2) * np.array([B[k].real @ x, B[k].imag @ x])
            pairs[k] = np.array([[c, -s], [s, c]]) @ pairs[k] + written
    record("LRU", h, pairs[:, 0] + 1j * pairs[:, 1], 3e-14)


def test_mamba_is_its_reference_scan():
    rng, T, D, N = np.random.default_rng(2), 40, 3, 4
    x, z, B = rng.standard_normal((T, D)), rng.standard_normal((T, D)), rng.standard_normal((T, N))
    A, delta = -np.exp(rng.standard_normal((D, N))), softplus(z)
    h, wanted = np.zeros((D, N)), np.zeros((D, N))
    for t in range(T):
        h = mamba_step(h, x[t], delta[t], A, B[t])
        for d in range(D):
            for n in range(N):
                kept = np.exp(delta[t, d] * A[d, n]) * wanted[d, n]
                wanted[d, n] = kept + delta[t, d] * B[t, n] * x[t, d]
    record("Mamba, reference scan", h, wanted, 3e-15)


def test_mamba_of_one_number_is_a_gated_average():
    rng, T, D = np.random.default_rng(3), 100, 6
    x, z, one = rng.standard_normal((T, D)), 4 * rng.standard_normal((T, D)), np.ones((D, 1))
    h, wanted = np.zeros((D, 1)), np.zeros(D)
    for t in range(T):
        h = mamba_step(h, x[t], softplus(z[t]), -one, one[0], hold=True)
        wanted = (1 - expit(z[t])) * wanted + expit(z[t]) * x[t]
        record("Mamba, gated average", h[:, 0], wanted, 3e-15)


def test_rg_lru_is_a_power_of_a_logistic_function_and_latches():
    rng, H = np.random.default_rng(4), 7
    L, h, wanted = rng.standard_normal(H) - 3, np.zeros(H), np.zeros(H)
    for _ in range(60):
        x, (r, i) = rng.standard_normal(H), rng.random((2, H))
        h = rg_lru_step(h, x, r, i, L)
        a = expit(-L) ** (8 * r)
        wanted = a * wanted + np.sqrt(1 - a * a) * i * x
    record("RG-LRU", h, wanted, 3e-13)
    still = rg_lru_step(h, 100 * np.ones(H), np.zeros(H), np.ones(H), L)
    assert (still == h).all()


def test_slstm_has_the_outputs_of_the_unscaled_gates():
    rng, H = np.random.default_rng(5), 4
    state, c, n = (np.zeros(H),) * 3, np.zeros(H), np.zeros(H)
    for _ in range(50):
        z, f, i = rng.standard_normal((3, H))
        state, h = slstm_step(state, z, log_expit(f), i)
        c, n = expit(f) * c + np.exp(i) * z, expit(f) * n + np.exp(i)
        record("sLSTM, stabiliser", h, c / n, 3e-15)
    assert np.isfinite(slstm_step(state, z, log_expit(f), i + 5000)[1]).all()


def test_mlstm_has_the_outputs_of_the_unscaled_gates():
    rng, K, V = np.random.default_rng(6), 4, 3
    state, S, n = (np.zeros((V, K)), np.zeros(K), 0.0), np.zeros((V, K)), np.zeros(K)
    for _ in range(50):
        k, v, q, (f, i) = (rng.standard_normal(size) for size in (K, V, K, 2))
        state = mlstm_step(state, k, v, float(log_expit(f)), i)
        S, n = expit(f) * S + np.exp(i) * np.outer(v, k), expit(f) * n + np.exp(i) * k
        true = S @ q / max(abs(n @ q), 1)
        found = state[0] @ q / max(abs(state[1] @ q), np.exp(-state[2]))
        record("mLSTM, stabiliser", found, true, 3e-14)
    assert np.isfinite(mlstm_step(state, k, v, 0.0, 5000.0)[0]).all()


def test_gated_delta_net_is_its_product_of_matrices():
    rng, K, V = np.random.default_rng(7), 5, 3
    S, wanted = np.zeros((V, K)), np.zeros((V, K))
    for _ in range(80):
        k, v, (alpha, beta) = unit(rng.standard_normal(K)), rng.standard_normal(V), rng.random(2)
        S = gated_delta_step(S, k, v, alpha, 2 * beta)
        shrink = alpha * (np.eye(K) - 2 * beta * np.outer(k, k))
        wanted = wanted @ shrink + 2 * beta * np.outer(v, k)
        record("gated DeltaNet", S, wanted, 3e-15)
    S = gated_delta_step(S, k, v)
    assert np.allclose(S @ k, v, rtol=1e-13)  # the last value is what the key answers


def test_the_delta_rule_is_a_step_of_descent():
    rng = np.random.default_rng(8)
    S, k, v = rng.standard_normal((3, 5)), unit(rng.standard_normal(5)), rng.standard_normal(3)
    move = (S - gated_delta_step(S, k, v, 1.0, 0.3)) / 0.3
    check_gradients(
        lambda t: np.sum((t["S"] @ k - v) ** 2) / 2,
        {"S": S},
        {"S": move},
        np.random.default_rng(9),
    )


def test_rwkv7_is_its_product_of_matrices():
    rng, K, V = np.random.default_rng(10), 5, 3
    S, wanted = np.zeros((V, K)), np.zeros((V, K))
    for _ in range(80):
        k, v, kappa = rng.standard_normal(K), rng.standard_normal(V), unit(rng.standard_normal(K))
        w, a = np.exp(-np.exp(-0.5) * rng.random(K)), rng.random(K)
        S = rwkv7_step(S, k, v, w, kappa, a)
        wanted = wanted @ (np.diag(w) - np.outer(kappa, a * kappa)) + np.outer(v, k)
        record("RWKV-7", S, wanted, 3e-15)


# --- The border ------------------------------------------------------------------------------

ONES = np.ones((4, 2))
PARAMS = MinimalParams(np.ones((4, 3)), np.ones(4))
X = np.ones((5, 1, 3))
TAPE = minimal_forward("min_gru", PARAMS, X)[1]
RING = Ring(np.zeros(2), np.zeros(2))
E1 = np.array([1.0, 0.0])
BAD = {
    "a must be (T, ...), got a number": lambda: loop(1.0, 1.0),
    "a must be float32 or float64, got int64": lambda: loop(np.ones(3, int), np.ones(3)),
    "a must be finite, got NaN": lambda: loop(np.nan * ONES, ONES),
    "b must be (4, 2), got (3, 2)": lambda: parallel_scan(ONES, ONES[1:]),
    "h0 must be (2,), got (3,)": lambda: loop(ONES, ONES, np.zeros(3)),
    "states must be (5, 2), got (4, 2)": lambda: adjoint(ONES, ONES, ONES),
    "dstates must be (4, 2), got (5, 2)": lambda: adjoint(ONES, loop(ONES, ONES), np.ones((5, 2))),
    "log_a must be a real (T, ...), got complex128": lambda: log_scan(ONES + 0j, ONES),
    "log_b must be (4, 2), got (4, 3)": lambda: log_scan(ONES, np.ones((4, 3))),
    "log_b must be finite": lambda: log_scan(ONES, -np.inf * ONES),
    "log_h0 must be (2,), got ()": lambda: log_scan(ONES, ONES, 1.0),
    "hidden_size must be an integer": lambda: ring_init(0, np.random.default_rng(0)),
    "r1 must be a number in (0, 1)": lambda: ring_init(2, np.random.default_rng(0), 0.5, 1.0),
    "r0 must be a number in [0, 0.5)": lambda: ring_init(2, np.random.default_rng(0), 0.5, 0.5),
    "ring must be a Ring, got tuple": lambda: ring_eigenvalues((1, 2)),
    "ring.theta must be (2,)": lambda: ring_eigenvalues(RING._replace(theta=np.zeros(3))),
    "cell must be one of min_gru, min_lstm": lambda: minimal_forward("gru", PARAMS, X),
    "keep must be a number": lambda: init_minimal(
        "min_gru", 2, 2, np.random.default_rng(0), np.inf
    ),
    "params must be a MinimalParams": lambda: minimal_forward("min_gru", (1, 2), X),
    "params.U must have a multiple of 3 rows, got 4": lambda: minimal_forward(
        "min_lstm", PARAMS, X
    ),
    "params.b must be (G*H,) with G*H = 4": lambda: minimal_forward(
        "min_gru", PARAMS._replace(b=np.ones(3)), X
    ),
    "x must be (T, B, D) with D = 3": lambda: minimal_forward("min_gru", PARAMS, X[..., :2]),
    "h0 must be (B, H) with B = 1, H = 2": lambda: minimal_forward(
        "min_gru", PARAMS, X, np.ones(2)
    ),
    "tape must be a MinimalTape": lambda: minimal_backward("min_gru", PARAMS, None, X),
    "dstates must be (T, B, H) with T = 5": lambda: minimal_backward("min_gru", PARAMS, TAPE, X),
    "count must be an integer": lambda: s4d_lin(0),
    "delta must be a number in (0, inf)": lambda: s4d_step(E1, 1.0, E1, 0.0, E1),
    "B must be (2,), got (4, 2)": lambda: s4d_step(E1, 1.0, E1, 1.0, ONES),
    "B must be (H, D) with H = 2, D = 2": lambda: lru_step(E1, E1, RING, ONES),
    "x must be (D,) with D = 4, got (2,)": lambda: mamba_step(ONES, E1, E1, -ONES, E1),
    "delta must be at least 0 and A below 0": lambda: mamba_step(
        ONES, np.ones(4), np.ones(4), ONES, E1
    ),
    "r and i must be in [0, 1]": lambda: rg_lru_step(E1, E1, 2 * E1, E1, E1),
    "log_i must be (2,), got (4, 2)": lambda: slstm_step((E1, E1, E1), E1, E1, ONES),
    "k must have norm 1, got 2": lambda: gated_delta_step(ONES, 2 * E1, np.ones(4)),
    "beta must be a number in [0, 2]": lambda: gated_delta_step(ONES, E1, np.ones(4), 1.0, 2.1),
    "v must be (V,) with V = 4": lambda: gated_delta_step(ONES, E1, E1),
    "n must be (2,), got (4, 2)": lambda: mlstm_step((ONES, ONES, 0.0), E1, np.ones(4), 0.0, 0.0),
    "log_i must be a number": lambda: mlstm_step((ONES, E1, 0.0), E1, np.ones(4), 0.0, np.inf),
    "w and a must be in [0, 1]": lambda: rwkv7_step(ONES, E1, np.ones(4), 2 * E1, E1, E1),
    "kappa must have norm 1": lambda: rwkv7_step(ONES, E1, np.ones(4), E1, 0 * E1, E1),
    "lam must be a number in (-1, 1)": lambda: linear_variance(1.0),
    "correlation must be a number in (-1, 1)": lambda: linear_sensitivity(0.5, -1.0),
    "r0 must be a number in [0, 0.9)": lambda: ring_gain(0.9, 0.9),
    "count must be an integer of at least 1, got 0": lambda: delta_recall(0, 3),
    "size must be an integer of at least 1, got 2.5": lambda: delta_recall(3, 2.5),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_named(message):
    with pytest.raises((ValueError, TypeError)) as error:
        BAD[message]()
    assert message in str(error.value)

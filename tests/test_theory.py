"""The predictions, each against a second way to the same number.

Sampling, brute force, quadrature by SciPy, exact decimals, or the map itself: no test repeats the
formula that it checks.
"""

import math
from decimal import MIN_EMIN, Context, Decimal

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import digamma
from scipy.stats import norm

from rnn_src import tasks, theory
from rnn_src.theory import (
    adding_baseline,
    chrono_decay,
    cliff_gradient,
    copy_baseline,
    delta_recall,
    fold_points,
    forget_half_life,
    fresh_gaussian_exponent,
    kreiss_constant,
    latch_threshold,
    linear_sensitivity,
    linear_variance,
    mean_field,
    newton_errors,
    rests,
    ring_gain,
    rounding_lag,
    tanh_lyapunov,
    transient_norm,
    underflow_lag,
    vanishing_bound,
)

EXACT = Context(prec=800, Emin=MIN_EMIN)  # 2^-1075, a tie, has 752 digits


def logistic(a):
    return 1 / (1 + np.exp(-a))


def orthogonal(rng, n):
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


def stable(rng, n, rho=0.95):
    """Triangular with entries of size 2 above the diagonal, then turned: far from normal."""
    W = np.triu(2 * rng.standard_normal((n, n)), 1)
    W += np.diag(rho * rng.uniform(-1, 1, n))
    Q = orthogonal(rng, n)
    return Q @ W @ Q.T


def powers(W, count):
    """Norms of W, W^2, ..., W^count."""
    norms, product = [], np.eye(len(W))
    for _ in range(count):
        product = W @ product
        norms.append(np.linalg.norm(product, 2))
    return np.array(norms)


# --- Products of Jacobians -------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [0.25, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_no_product_of_jacobians_passes_the_bound(seed, gamma):
    rng, product = np.random.default_rng(seed), np.eye(6)
    W = 0.5 * rng.standard_normal((6, 6))
    for k in range(1, 20):
        product = gamma * rng.random(6)[:, None] * W @ product
        assert np.linalg.norm(product, 2) <= vanishing_bound(W, gamma, k)


def test_an_orthogonal_matrix_reaches_the_bound():
    """All slopes at their largest, and a matrix that stretches every direction alike."""
    W = 1.3 * orthogonal(np.random.default_rng(0), 6)
    bounds = vanishing_bound(W, 0.7, np.arange(1, 21))
    np.testing.assert_allclose(bounds, powers(0.7 * W, 20), rtol=1e-12)


def test_the_bound_starts_at_1_and_may_end_at_infinity():
    assert vanishing_bound(np.eye(2), 0.3, 0) == 1 and vanishing_bound(np.zeros((2, 2)), 1, 0) == 1
    assert vanishing_bound(np.zeros((2, 2)), 1, 1) == vanishing_bound(np.eye(2), 0, 1) == 0
    assert vanishing_bound([[2]], 1, [10, 5000]).tolist() == [1024, np.inf]


@pytest.mark.parametrize("a, c", [(0.9, 5.0), (0.5, 2.0), (-0.99, 1.0), (0.2, 0.1), (0.999, 30.0)])
def test_the_kreiss_constant_of_a_jordan_block(a, c):
    """A search along the ray of the eigenvalue; sigma_min(z - W) of a 2x2 block by hand."""

    def minus(log_out):
        out = math.exp(log_out)
        return -out / (math.hypot(1 + out - abs(a), c / 2) - c / 2)

    best = max(
        -minimize_scalar(minus, bounds=(left, left + 4), method="bounded").fun
        for left in np.arange(-14, 8, 2.0)
    )
    assert kreiss_constant([[a, c], [0.0, a]]) == pytest.approx(max(1, best), rel=1e-8)


def test_the_kreiss_constant_of_the_book():
    assert kreiss_constant([[0.9, 5.0], [0.0, 0.9]]) == pytest.approx(12.52, abs=0.005)


def rotating(rng):
    """Three units, two of which turn by an angle that is on no grid."""
    W = np.triu(4 * rng.standard_normal((3, 3)), 1)
    angle = rng.uniform(0.1, 3)
    W[:2, :2] = 0.97 * np.array(
        [[np.cos(angle), -np.sin(angle) / 5], [5 * np.sin(angle), np.cos(angle)]]
    )
    W[2, 2] = 0.6
    return W


def backwards(rng):
    """The eigenvalues are 0, and the resolvent is largest on the other side of the circle."""
    a, b, c = rng.uniform(2, 9, 3)
    return np.array([[0, a, -a * b * c], [0, 0, b], [0, 0, 0]])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("make", [lambda rng: stable(rng, 3), rotating, backwards])
def test_the_kreiss_constant_against_a_dense_grid(make, seed):
    """The best of 57,680 points outside the circle, then up the hill from there."""
    W = make(np.random.default_rng(seed))

    def size(log_out, angle):
        z = (1 + np.exp(log_out)) * np.exp(1j * angle)
        inverse = np.linalg.inv(z[..., None, None] * np.eye(3) - W)
        return np.exp(log_out) * np.linalg.norm(inverse, 2, axis=(-2, -1))

    grid = np.array(np.meshgrid(np.linspace(-11, 7, 80), np.linspace(0, 2 * np.pi, 721)))
    start = grid.reshape(2, -1)[:, size(*grid).argmax()]
    best = -minimize(lambda at: -size(*at), start, method="Nelder-Mead", tol=1e-9).fun
    assert kreiss_constant(W) == pytest.approx(max(1, best), rel=1e-7)


@pytest.mark.parametrize("n", [2, 5, 12])
@pytest.mark.parametrize("seed", range(3))
def test_the_matrix_theorem_of_kreiss(n, seed):
    W = stable(np.random.default_rng(seed), n)
    K, peak = kreiss_constant(W), max(1, powers(W, 500).max())
    assert 1 < K <= peak * (1 + 1e-12) and peak <= math.e * n * K


def test_the_kreiss_constant_does_not_depend_on_the_axes():
    rng = np.random.default_rng(1)
    W, Q = stable(rng, 4), orthogonal(rng, 4)
    for same in (Q @ W @ Q.T, W.T, -W):
        assert kreiss_constant(same) == pytest.approx(kreiss_constant(W), rel=1e-6)


def test_the_kreiss_constant_refines_the_three_best_places(monkeypatch):
    """As its docstring says, each sixty times among nine points; a peak is flat to second order."""
    svd, seen = np.linalg.svd, []
    monkeypatch.setattr(np.linalg, "svd", lambda a, **o: (seen.append(len(a)), svd(a, **o))[1])
    kreiss_constant([[0.9, 5.0], [0.0, 0.9]])
    assert seen[-3 * 60 :] == [9] * 3 * 60 and 9 not in seen[: -3 * 60]
    assert 0.6**60 < np.finfo(float).eps ** 0.5


def test_the_kreiss_constant_of_blocks_is_the_largest_of_theirs():
    """One peak is close to the circle; from the lower one, far away, no way leads to it."""
    near, far = np.array([[0.99, 0.3], [0, 0.99]]), np.array([[0.0, 10.0], [0, 0]])
    both = np.block([[near, np.zeros((2, 2))], [np.zeros((2, 2)), far]])
    assert kreiss_constant(near) > 2 * kreiss_constant(far) > 5
    assert kreiss_constant(both) == pytest.approx(kreiss_constant(near), rel=1e-8)


def test_matrices_that_never_stretch_have_kreiss_constant_1():
    rng = np.random.default_rng(0)
    S = rng.standard_normal((5, 5))
    symmetric = (S + S.T) / (1.001 * np.linalg.norm(S + S.T, 2))
    W = rng.standard_normal((5, 5))
    contraction = W / (1.01 * np.linalg.norm(W, 2))
    for W in (np.eye(3), orthogonal(rng, 5), symmetric, contraction, np.zeros((2, 2)), [[-0.5]]):
        assert kreiss_constant(W) == 1
    assert kreiss_constant([[0.0, 0.9], [0.0, 0.0]]) == pytest.approx(1, rel=1e-14)


def test_the_kreiss_constant_on_and_beyond_the_circle():
    assert kreiss_constant([[1.01]]) == kreiss_constant([[0.1, 1.0], [0.0, -1.1]]) == np.inf
    assert kreiss_constant(1.1 * orthogonal(np.random.default_rng(0), 4)) == np.inf
    for rho in (1, -1, 1 - 1e-9, 1 + 1e-9):
        with pytest.raises(ValueError, match="^W must have a spectral radius below or above 1 by"):
            kreiss_constant([[rho, 1.0], [0.0, 0.5]])


@pytest.mark.parametrize("g", [1.0, 0.6])
def test_the_transient_of_a_large_gaussian(g):
    """n = 400: within 6 % for the first six powers, which peak above 1 although W dies out."""
    W = g * np.random.default_rng(0).standard_normal((400, 400)) / 20
    np.testing.assert_allclose(transient_norm(g, range(1, 7)), powers(W, 6), rtol=0.06)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_transient_is_the_edge_of_the_fuss_catalan_law(k):
    """Moments C(p (k+1), p) / (p k + 1): their ratio is the edge, less 3/(2p) of it."""
    p, moment = 3000, lambda p: math.comb(p * (k + 1), p) // (p * k + 1)
    edge = (moment(p + 1) * 10**12 // moment(p)) / 1e12 * (1 + 1.5 / p)
    assert transient_norm(1.0, k) == pytest.approx(math.sqrt(edge), rel=1e-5)


def test_the_transient_scales_as_the_power():
    assert transient_norm(0.7, 1) == pytest.approx(1.4) and transient_norm(0.7, 0) == 1
    assert transient_norm(0.0, [0, 1, 5]).tolist() == [1, 0, 0]
    k = np.array([20, 200])
    np.testing.assert_allclose(transient_norm(1.0, k), np.sqrt(math.e * (k + 0.5)), rtol=1e-3)


@pytest.mark.parametrize("n", range(1, 21))
def test_the_exponent_of_fresh_gaussians_against_digamma(n):
    wanted = math.log(0.3) + (math.log(2) + digamma(n / 2)) / 2
    assert fresh_gaussian_exponent(n, 0.3) == pytest.approx(wanted, abs=1e-14)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_exponent_of_fresh_gaussians_against_a_product(n):
    rng, growth, v = np.random.default_rng(n), [], np.eye(n)[0]
    for W in 0.7 * rng.standard_normal((6000, n, n)):
        v = W @ v
        growth.append(math.log(np.linalg.norm(v)))
        v /= np.linalg.norm(v)
    error = np.std(growth) / math.sqrt(6000)
    assert abs(np.mean(growth) - fresh_gaussian_exponent(n, 0.7)) < 4 * error


# --- Numbers of finite precision -------------------------------------------------------------

RATES = [0.5, 0.25, 0.9, 0.1, 0.99, 0.75, 0.999, 1e-3, 0.3, 1e-30]
FLOATS = [np.float32, np.float64]


def term(kind, rate, lag):
    """rate^lag to 800 digits, then as a floating-point number."""
    return kind(float(EXACT.power(Decimal(rate), lag)))


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("rate", RATES)
def test_a_term_is_lost_in_the_sum_from_its_rounding_lag_on(rate, kind):
    lag, one = rounding_lag(rate, kind), kind(1)
    assert one + term(kind, rate, lag) == one == one + term(kind, rate, lag + 1)
    assert lag == 1 or one + term(kind, rate, lag - 1) > one


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("rate", RATES)
def test_a_term_is_0_from_its_underflow_lag_on(rate, kind):
    lag = underflow_lag(rate, kind)
    assert term(kind, rate, lag) == 0 < term(kind, rate, lag - 1)


def test_float32_is_the_usual_precision():
    assert rounding_lag(0.5) == rounding_lag(0.5, np.dtype("float32")) == 24
    assert underflow_lag(0.5) == 150 and underflow_lag(0.5, "float64") == 1075
    assert type(rounding_lag(0.9)) is type(underflow_lag(np.float32(0.9))) is int


# --- One unit --------------------------------------------------------------------------------


def test_a_latch_holds_below_its_threshold_and_falls_above():
    """x -> tanh(w x - h) from the side it is latched on, h a millionth below and above."""
    w = np.array([1.05, 1.25, 1.5, 2.0, 4.0, 10.0])
    threshold = np.array([latch_threshold(v) for v in w])
    holds, falls = np.ones(6), np.ones(6)
    for _ in range(20_000):
        holds = np.tanh(w * holds - (threshold - 1e-6))
        falls = np.tanh(w * falls - (threshold + 1e-6))
    assert (holds > 0).all() and (falls < 0).all()


def test_a_latch_withstands_any_input_up_to_its_threshold():
    rng, w = np.random.default_rng(0), 1.5
    x = np.ones(200)
    for h in latch_threshold(w) * rng.uniform(-1, 1, (500, 200)).round():
        x = np.tanh(w * x + h)
        assert (x > 0).all()


def rests_of(w, b):
    """The rests of x -> w sigma(x) + b and how they lie."""
    return rests(lambda x: w * logistic(x) + b, b - 1, b + w + 1)


@pytest.mark.parametrize("w", [4.5, 5.0, 6.0, 20.0])
def test_two_rests_appear_at_one_fold_and_vanish_at_the_other(w):
    low, high = fold_points(w)
    near = [low - 1e-6, low + 1e-6, (low + high) / 2, high - 1e-6, high + 1e-6]
    assert [len(rests_of(w, b)) for b in near] == [1, 3, 3, 3, 1]
    kinds = [[kind for _, kind in rests_of(w, b)] for b in (low, (low + high) / 2, high)]
    three = ["stable", "unstable", "stable"]
    assert kinds == [["stable", "fold"], three, ["fold", "stable"]]


@pytest.mark.parametrize("w, h", [(0.5, 0.2), (2.0, 0.0), (2.0, 0.4), (3.0, -1.0), (1.5, 2.0)])
def test_rests_are_where_the_map_stays_and_stable_where_its_slope_is_below_1(w, h):
    found = rests(lambda x: np.tanh(w * x + h), -1.2, 1.2)
    assert len(found) in (1, 3)
    for x, kind in found:
        assert abs(np.tanh(w * x + h) - x) < 1e-4
        assert kind == ("stable" if w * (1 - x**2) < 1 else "unstable")
    assert [x for x, _ in found] == sorted(x for x, _ in found)


def descend(w, b, steps=50):
    """The error of the one-unit model, for complex numbers too."""
    x = 0.5
    for _ in range(steps):
        x = w * logistic(x) + b
    return (logistic(x) - 0.7) ** 2


@pytest.mark.parametrize(
    "w, steps", [(5.0, 50), (6.0, 50), (4.3, 50), (5.0, 1), (5.5, 2), (8.0, 9)]
)
def test_the_gradient_on_the_cliff_by_the_complex_step(w, steps):
    b, h = 0.5 - w * logistic(0.5), 1e-30
    db, dw = cliff_gradient(w, steps)
    assert db == pytest.approx(descend(w, b + h * 1j, steps).imag / h, rel=1e-6)
    assert dw == pytest.approx(descend(w + h * 1j, b, steps).imag / h, rel=1e-6)


def test_the_gradient_on_the_cliff_by_a_difference():
    b, h = 0.5 - 5 * logistic(0.5), 1e-9
    slope = (descend(5.0, b + h) - descend(5.0, b - h)) / (2 * h)
    assert cliff_gradient(5.0)[0] == pytest.approx(slope, rel=1e-4)


def test_the_gradients_on_the_cliff_of_the_book():
    assert cliff_gradient(5.0)[0] == pytest.approx(-661.68, abs=0.005)
    assert cliff_gradient(6.0)[0] == pytest.approx(-2.571e6, abs=500)


@pytest.mark.parametrize("bias", [-30, -3.0, 0, 1.0, 5.0, 30.0, 200.0])
def test_half_is_left_after_the_half_life(bias):
    """To 120 digits: at a bias of 30 the gate is 1 - 9e-14."""
    digits = Context(prec=120)
    gate = digits.divide(1, digits.add(1, digits.exp(Decimal(-bias))))
    left = digits.power(gate, Decimal(forget_half_life(bias)))
    assert float(left) == pytest.approx(0.5, rel=1e-14)


@pytest.mark.parametrize("t_max", [2.5, 10, 100.0, 1000])
def test_what_chrono_initialisation_keeps_by_quadrature(t_max):
    k = [0, 1, 2, 7, 50, 300]
    wanted = [
        quad(lambda T, k=k: (1 - 1 / T) ** k, 2, t_max, epsabs=1e-13, limit=200)[0] / (t_max - 2)
        for k in k
    ]
    np.testing.assert_allclose(chrono_decay(t_max, k), wanted, rtol=1e-10, atol=1e-13)


def test_what_chrono_initialisation_keeps_by_sampling():
    """f = sigma(b), b = ln u, u uniform on [1, t_max - 1]."""
    k, wanted = np.array([10, 50, 100]), [0.733, 0.330, 0.150]
    gate = logistic(np.log(np.random.default_rng(0).uniform(1, 99, 100_000)))
    kept = gate[:, None] ** k
    got, error = chrono_decay(100, k), kept.std(axis=0) / math.sqrt(100_000)
    assert (abs(got - kept.mean(axis=0)) < 4 * error).all()
    np.testing.assert_allclose(got, wanted, atol=5e-4)


# --- Many units ------------------------------------------------------------------------------


def gauss(function, q):
    """E function(sqrt(q) z) by SciPy, in pieces about the place where tanh bends."""
    bend = 5 / math.sqrt(q)
    edges = [0, *(e for e in (bend / 5, bend, 5 * bend) if e < 9), 9, 40]
    half = sum(
        quad(lambda z: function(math.sqrt(q) * z) * norm.pdf(z), *piece, epsabs=1e-14)[0]
        for piece in zip(edges, edges[1:])
    )
    return 2 * half


def sech4(a):
    return math.cosh(min(abs(a), 300.0)) ** -4


SIGMAS = [
    (0.9, 1.0, 1.0, 0.0),
    (1.3, 0.5, 1.0, 0.0),
    (2.0, 1.0, 0.25, 0.3),
    (0.5, 0.0, 1.0, 0.1),
    (1.05, 0.0, 1.0, 0.0),
    (1.0, 0.1, 2.0, 0.0),
    (30.0, 2.0, 3.0, 0.0),
    (0.1, 20.0, 1.0, 5.0),
    (300.0, 0.0, 1.0, 0.0),
]


@pytest.mark.parametrize("sigmas", SIGMAS)
def test_mean_field_theory_against_quadrature_and_a_root(sigmas):
    w, u, moment, b = sigmas

    def excess(q):
        return w**2 * gauss(lambda a: math.tanh(a) ** 2, q) + u**2 * moment + b**2 - q

    got = mean_field(*sigmas)
    root = brentq(excess, 1e-9, 2 * (w**2 + u**2 * moment + b**2), xtol=1e-13)
    assert got.q == pytest.approx(root, rel=1e-8)
    assert got.chi == pytest.approx(w**2 * gauss(sech4, root), rel=1e-8)
    assert math.exp(-1 / got.xi) == pytest.approx(got.chi, rel=1e-12)
    assert abs(excess(got.q)) < 1e-9 * max(1, got.q)


def test_signals_grow_with_every_variance():
    """And the moment of the inputs is 1 and the biases are 0 if not given."""
    base = [1.1, 0.4, 0.8, 0.2]
    sizes = [mean_field(*base).q] + [
        mean_field(*(v + 0.05 * (i == j) for j, v in enumerate(base))).q for i in range(4)
    ]
    assert min(sizes) == sizes[0] and len(set(sizes)) == 5
    assert mean_field(1.1, 0.4) == mean_field(1.1, 0.4, 1.0, 0.0)


def test_at_the_edge_of_chaos_a_gradient_keeps_its_size():
    assert mean_field(1, 0) == (0.0, 1.0, np.inf)
    assert mean_field(0.8, 0) == pytest.approx((0, 0.64, -1 / math.log(0.64)))
    assert mean_field(2, 0).xi < 0 < mean_field(2, 5).xi


def test_no_recurrence_leaves_only_what_is_given():
    assert mean_field(0, 2, 3, 1) == pytest.approx((13, 0, 0))
    assert mean_field(0, 0) == (0, 0, 0)


def test_just_above_the_edge_signals_are_small():
    """q = g^2 (q - 2 q^2 + 17/3 q^3), the first moments of tanh^2."""
    for epsilon in (1e-3, 1e-5):
        g = math.sqrt(1 + epsilon)
        assert mean_field(g, 0).q == pytest.approx(epsilon / 2, rel=4 * epsilon)


@pytest.mark.parametrize("g", [1.5, 3.0])
def test_the_lyapunov_exponent_of_a_wide_tanh_network(g):
    """600 units, 300 steps after 100 to settle."""
    rng = np.random.default_rng(0)
    W = g * rng.standard_normal((600, 600)) / math.sqrt(600)
    h, v = rng.standard_normal((2, 600))
    growth, squares = [], []
    for _ in range(400):
        a = W @ h
        h, v = np.tanh(a), (1 - np.tanh(a) ** 2) * (W @ v)
        growth.append(math.log(np.linalg.norm(v)))
        squares.append(np.mean(a**2))
        v /= np.linalg.norm(v)
    assert np.mean(growth[100:]) == pytest.approx(tanh_lyapunov(g), abs=0.02)
    assert np.mean(squares[100:]) == pytest.approx(mean_field(g, 0).q, rel=0.1)


def test_the_lyapunov_exponent_without_chaos():
    for g in (1e-3, 0.5, 1.0):
        assert tanh_lyapunov(g) == pytest.approx(math.log(g), abs=1e-12)
    assert tanh_lyapunov(1.2) > 0


# --- Tasks -----------------------------------------------------------------------------------


def test_the_baseline_of_copying():
    """Ten symbols of eight are guessed, the other T + 10 steps are known."""
    got = [copy_baseline(T) for T in (100, 200, 300, 500)]
    np.testing.assert_allclose(got, [0.1733, 0.0945, 0.0650, 0.0400], atol=5e-5)
    guess = np.concatenate([np.ones(17), np.full(10, 1 / 8)])
    assert copy_baseline(7) == pytest.approx(-np.log(guess).mean(), rel=1e-14)


def test_the_baseline_of_adding():
    rng = np.random.default_rng(0)
    total = rng.random((2, 400_000)).sum(axis=0)
    assert adding_baseline() == pytest.approx(total.var(), rel=0.01)
    mean = quad(lambda v: (v - 0.5) ** 2, 0, 1)[0]  # one of two independent terms
    assert adding_baseline() == pytest.approx(2 * mean, rel=1e-14)


def test_the_tasks_have_the_same_baselines():
    assert tasks.copying(30).baseline == pytest.approx(copy_baseline(30), rel=1e-15)
    assert tasks.adding(10).baseline == adding_baseline()


# --- What goes in and what comes out ---------------------------------------------------------

I2 = np.eye(2)


@pytest.mark.parametrize(
    "function, arguments",
    [
        (vanishing_bound, (I2, 0.5)),
        (transient_norm, (0.5,)),
        (chrono_decay, (10,)),
    ],
)
def test_one_lag_gives_a_float_and_many_an_array(function, arguments):
    one = function(*arguments, 3)
    assert type(one) is float
    assert type(function(*arguments, np.int64(3))) is float
    assert function(*arguments, 3.0) == one
    many = function(*arguments, np.array([[3, 0, 1], [2, 3, 4]], dtype=np.uint8))
    assert isinstance(many, np.ndarray) and many.shape == (2, 3) and many.dtype == float
    assert many[0, 0] == many[1, 1] == pytest.approx(one, rel=1e-14)
    assert function(*arguments, [3]).shape == (1,)


def test_numbers_come_out_as_python_floats():
    half = np.float32(0.5)
    values = [
        kreiss_constant([[0.5, 3], [0, 0.5]]),
        kreiss_constant(I2),
        kreiss_constant(2 * I2),
        fresh_gaussian_exponent(np.int64(3), half),
        latch_threshold(np.float64(2)),
        *fold_points(np.float64(5)),
        *cliff_gradient(np.float64(5), np.int64(3)),
        forget_half_life(half),
        *mean_field(half, np.float64(1)),
        *mean_field(1, 0),
        tanh_lyapunov(half),
        copy_baseline(np.int64(10)),
        adding_baseline(),
    ]
    assert {type(value) for value in values} == {float}


def test_what_goes_in_is_left_alone():
    W, lags = np.array([[0.5, 3.0], [0.0, 0.5]]), np.arange(3)
    before = W.copy()
    vanishing_bound(W, 1.0, lags), kreiss_constant(W)
    assert (before == W).all() and lags.tolist() == [0, 1, 2]


def bad(function, label, values, wanted, **others):
    """One case for each bad value of an argument."""
    for value in values:
        shown = f"{function.__name__}-{label}-{str(value)[:12]}"
        yield pytest.param(
            function, {**others, label: value}, f"^{label} must be {wanted}", id=shown
        )


NOT_NUMBERS = [np.nan, True, "1", None, 1j, [1.0]]
NOT_WHOLE = [2.0, np.nan, True, "2", None, -1]
BAD_LAGS = [-1, 2.5, np.nan, np.inf, True, "2", None, [1, -1], [0, 0.5]]
A_LAG = "one or more integers of at least 0, got "
A_WAVE = {"sigma_w": 1, "sigma_u": 1, "length": 4, "sweeps": 2}
BAD_W = [np.ones((2, 3)), np.ones((0, 0)), np.ones(3), 1.0, I2 * 1j, I2 > 0, [["a"]], None]
BAD = [
    *bad(vanishing_bound, "W", BAD_W, "a real square matrix, got ", gamma=1, lag=1),
    *bad(vanishing_bound, "W", [I2 * np.nan, I2 + np.inf], "finite, got NaN or", gamma=1, lag=1),
    *bad(
        vanishing_bound,
        "gamma",
        [-0.1, np.inf, *NOT_NUMBERS],
        r"a number in \[0, inf\), got ",
        W=I2,
        lag=1,
    ),
    *bad(vanishing_bound, "lag", BAD_LAGS, A_LAG, W=I2, gamma=1),
    *bad(kreiss_constant, "W", BAD_W, "a real square matrix, got "),
    *bad(kreiss_constant, "W", [I2 * np.nan, I2 + np.inf], "finite, got NaN or infinity"),
    *bad(transient_norm, "g", [-1, np.inf, *NOT_NUMBERS], r"a number in \[0, inf\), got ", k=1),
    *bad(transient_norm, "k", BAD_LAGS, A_LAG, g=1),
    *bad(fresh_gaussian_exponent, "n", [0, *NOT_WHOLE], "an integer of at least 1, got ", sigma=1),
    *bad(
        fresh_gaussian_exponent,
        "sigma",
        [0, -1, np.inf, *NOT_NUMBERS],
        r"a number in \(0, inf\), got ",
        n=3,
    ),
    *bad(rounding_lag, "rate", [0, 1, -1, 2, *NOT_NUMBERS], r"a number in \(0, 1\), got "),
    *bad(underflow_lag, "rate", [0, 1, -1, 2, *NOT_NUMBERS], r"a number in \(0, 1\), got "),
    *bad(rounding_lag, "dtype", ["float16", int, None, "x", complex], "float32 or ", rate=0.5),
    *bad(underflow_lag, "dtype", ["float16", int, None, "x", complex], "float32 or ", rate=0.5),
    *bad(latch_threshold, "w", [1, 0.5, np.inf, *NOT_NUMBERS], r"a number in \(1, inf\), got "),
    *bad(fold_points, "w", [4, -5, np.inf, *NOT_NUMBERS], r"a number in \(4, inf\), got "),
    *bad(rests, "low", NOT_NUMBERS, "a number in ", step=np.tanh, high=1),
    *bad(rests, "high", [0, -1, *NOT_NUMBERS], r"a number in \(0.0, ", step=np.tanh, low=0),
    *bad(cliff_gradient, "w", [4.25, 0, np.inf, *NOT_NUMBERS], r"a number in \(4.255\d+, inf\), "),
    *bad(cliff_gradient, "steps", [0, *NOT_WHOLE], "an integer of at least 1, got ", w=5),
    *bad(forget_half_life, "bias", [np.inf, -np.inf, *NOT_NUMBERS], r"a number in \(-inf, inf\), "),
    *bad(chrono_decay, "t_max", [2, -1, np.inf, *NOT_NUMBERS], r"a number in \(2, inf\), ", k=1),
    *bad(chrono_decay, "k", BAD_LAGS, A_LAG, t_max=9),
    *bad(tanh_lyapunov, "g", [0, -1, 1001, *NOT_NUMBERS], r"a number in \(0, 1000\], got "),
    *bad(copy_baseline, "T", [0, *NOT_WHOLE], "an integer of at least 1, got "),
    *bad(linear_variance, "lam", [1, -1, *NOT_NUMBERS], r"a number in \(-1, 1\), got "),
    *bad(linear_sensitivity, "lam", [1, -1, *NOT_NUMBERS], r"a number in \(-1, 1\), got "),
    *bad(linear_variance, "correlation", [1, *NOT_NUMBERS], r"a number in \(-1, 1\), ", lam=0),
    *bad(linear_sensitivity, "correlation", [1, *NOT_NUMBERS], r"a number in \(-1, 1\), ", lam=0),
    *bad(ring_gain, "r1", [0, 1, *NOT_NUMBERS], r"a number in \(0, 1\), got ", r0=0),
    *bad(ring_gain, "r0", [0.5, -0.1, *NOT_NUMBERS], r"a number in \[0, 0.5\), got ", r1=0.5),
    *bad(delta_recall, "count", [0, 2.5, None], "an integer of at least 1, got ", size=4),
    *bad(delta_recall, "size", [0, 2.5, None], "an integer of at least 1, got ", count=4),
    *bad(newton_errors, "sigma_w", [0, 5.1, *NOT_NUMBERS], r"a number in \(0, 5\], ", **A_WAVE),
    *bad(newton_errors, "sigma_u", [-0.1, 5.1, *NOT_NUMBERS], r"a number in \[0, 5\], ", **A_WAVE),
    *bad(newton_errors, "length", [0, 2.5, None], "an integer of at least 1, got ", **A_WAVE),
    *bad(newton_errors, "sweeps", [0, 2.5, None], "an integer of at least 1, got ", **A_WAVE),
]
for label in ("sigma_w", "sigma_u", "second_moment", "sigma_b"):
    others = {"sigma_w": 1, "sigma_u": 1}
    others.pop(label, None)
    values = [-0.1, 1001, np.inf, *NOT_NUMBERS]
    BAD += bad(mean_field, label, values, r"a number in \[0, 1000\], got ", **others)


@pytest.mark.parametrize("function, arguments, message", BAD)
def test_bad_input_says_what_is_wanted(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(**arguments)


def test_every_prediction_is_asked_for_bad_input():
    asked = {case.values[0].__name__ for case in BAD}
    assert asked == {*theory.__all__} - {"MeanField", "adding_baseline"}

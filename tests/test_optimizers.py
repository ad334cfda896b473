"""Optimizers against formulas worked by hand, and the two ways to clip."""

import numpy as np
import pytest
from reference import problem

from rnn_src.optimizers import OPTIMIZERS, adam, clip_by_norm, clip_by_value, momentum, rmsprop, sgd
from rnn_src.trees import tree_leaves, tree_map, tree_norm

P0, G1, G2 = np.array([1.0, -2.0]), np.array([0.5, -4.0]), np.array([-1.0, 3.0])
GRADS = {"W": np.array([[3.0, -0.5], [0.1, 2.0]]), "b": (np.array([-6.0]), None)}


def two_steps(optimizer, params=P0, grads=(G1, G2)):
    """The parameters after each of two updates."""
    state, path = optimizer.init(params), []
    for g in grads:
        params, state = optimizer.update(g, state, params)
        path.append(params)
    return path


def by_hand(name, lr):
    """Two updates, written out."""
    if name == "sgd":
        return [P0 - lr * G1, P0 - lr * G1 - lr * G2]
    if name == "momentum":  # beta = 0.8
        return [P0 - lr * G1, P0 - lr * G1 - lr * (0.8 * G1 + G2)]
    e = 1e-3
    if name == "rmsprop":  # decay = 0.7
        s1 = 0.3 * G1**2
        s2 = 0.7 * s1 + 0.3 * G2**2
        one = P0 - lr * G1 / (np.sqrt(s1) + e)
        return [one, one - lr * G2 / (np.sqrt(s2) + e)]
    m1, v1 = 0.2 * G1, 0.1 * G1**2  # adam: beta1 = 0.8, beta2 = 0.9
    m2, v2 = 0.8 * m1 + 0.2 * G2, 0.9 * v1 + 0.1 * G2**2
    one = P0 - lr * (m1 / 0.2) / (np.sqrt(v1 / 0.1) + e)
    return [one, one - lr * (m2 / (1 - 0.8**2)) / (np.sqrt(v2 / (1 - 0.9**2)) + e)]


SETTINGS = {
    "sgd": {},
    "momentum": dict(beta=0.8),
    "rmsprop": dict(decay=0.7, epsilon=1e-3),
    "adam": dict(beta1=0.8, beta2=0.9, epsilon=1e-3),
}


@pytest.fixture(params=list(OPTIMIZERS))
def name(request):
    return request.param


def test_two_steps_by_hand(name):
    got = two_steps(OPTIMIZERS[name](0.1, **SETTINGS[name]))
    np.testing.assert_allclose(got, by_hand(name, 0.1), rtol=1e-14)


def test_defaults_are_those_of_the_sources():
    g = [G1]
    for got, want in (
        (momentum(0.1), momentum(0.1, beta=0.9)),
        (rmsprop(0.1), rmsprop(0.1, decay=0.9, epsilon=1e-8)),
        (adam(0.1), adam(0.1, beta1=0.9, beta2=0.999, epsilon=1e-8)),
    ):
        np.testing.assert_array_equal(two_steps(got, grads=g), two_steps(want, grads=g))


def test_without_memory_momentum_is_sgd_and_rmsprop_and_adam_see_only_signs():
    np.testing.assert_array_equal(two_steps(momentum(0.1, beta=0)), two_steps(sgd(0.1)))
    steps = P0 - 0.1 * np.sign(G1), P0 - 0.1 * np.sign(G1) - 0.1 * np.sign(G2)
    for optimizer in (rmsprop(0.1, decay=0, epsilon=1e-12), adam(0.1, 0, 0, epsilon=1e-12)):
        np.testing.assert_allclose(two_steps(optimizer), steps, rtol=1e-11)


def test_closed_forms_of_many_steps():
    """On f = p^2 / 2 sgd multiplies p by 1 - lr. Under a constant gradient the velocity of momentum
    after k steps is (1 - beta^k) / (1 - beta), and each step of adam is lr: its corrections cancel.
    """
    p, descent = 1.0, sgd(0.3)
    for _ in range(20):
        p, _ = descent.update(p, None, p)
    assert p == pytest.approx(0.7**20, rel=1e-13)
    heavy, state = momentum(1.0, beta=0.5), 0.0
    for _ in range(8):
        _, state = heavy.update(1.0, state, 0.0)
    assert state == pytest.approx((1 - 0.5**8) / 0.5, rel=1e-15)
    corrected, p = adam(0.1, epsilon=1e-15), np.zeros(1)
    state = corrected.init(p)
    for _ in range(50):
        p, state = corrected.update(np.array([7.0]), state, p)
    assert p[0] == pytest.approx(-5, rel=1e-10)


def test_every_optimizer_descends_a_quadratic(name):
    """f = p' A p / 2 with curvatures 1 and 10, from 50 down by more than a factor of 1,000."""
    A, p = np.array([1.0, 10.0]), np.array([3.0, -3.0])
    optimizer = OPTIMIZERS[name](0.02)
    state, start = optimizer.init(p), np.sum(A * p * p) / 2
    for _ in range(500):
        p, state = optimizer.update(A * p, state, p)
    assert np.sum(A * p * p) / 2 < 1e-3 * start


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_trees_keep_their_type_dtype_and_old_values(name, dtype):
    p = problem("rnn", dtype=dtype)
    params, grads = p.params, p.gradients()["params"]
    before = [leaf.copy() for leaf in (*params, *grads)]
    optimizer = OPTIMIZERS[name](np.float64(0.1), **SETTINGS[name])
    state = optimizer.init(params)
    for _ in range(2):
        new, state = optimizer.update(grads, state, params)
        assert type(new) is type(params)
        assert all(leaf.dtype == dtype for leaf in new)
        moments = [leaf for _, leaf in tree_leaves(state) if np.ndim(leaf)]
        assert all(leaf.dtype == dtype for leaf in moments)
    for leaf, copy in zip((*params, *grads), before, strict=True):
        np.testing.assert_array_equal(leaf, copy)


def test_one_state_can_be_used_twice(name):
    """Updates are pure: the same arguments give the same answer again."""
    optimizer = OPTIMIZERS[name](0.1)
    _, state = optimizer.update(G1, optimizer.init(P0), P0)
    np.testing.assert_array_equal(
        optimizer.update(G2, state, P0)[0], optimizer.update(G2, state, P0)[0]
    )


# --- Clipping --------------------------------------------------------------------------------


def flat(tree):
    return np.concatenate([np.ravel(leaf) for _, leaf in tree_leaves(tree)])


def test_clip_by_norm_keeps_the_direction():
    clipped, norm = clip_by_norm(GRADS, 2.0)
    assert norm == pytest.approx(np.linalg.norm(flat(GRADS)), rel=1e-15)
    assert tree_norm(clipped) == pytest.approx(2, rel=1e-15)
    np.testing.assert_allclose(flat(clipped), flat(GRADS) * 2 / norm, rtol=1e-15)
    assert clipped["b"][1] is None


def test_clip_by_norm_leaves_what_is_small_enough():
    norm = tree_norm(GRADS)
    for limit in (norm, 1.1 * norm, np.inf):
        np.testing.assert_array_equal(flat(clip_by_norm(GRADS, limit)[0]), flat(GRADS))


def test_clip_by_value_turns_the_direction():
    clipped = clip_by_value(GRADS, 1.0)
    np.testing.assert_array_equal(flat(clipped), [1.0, -0.5, 0.1, 1.0, -1.0])
    cosine = (
        flat(clipped) @ flat(GRADS) / np.linalg.norm(flat(clipped)) / np.linalg.norm(flat(GRADS))
    )
    assert cosine < 0.9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipping_keeps_dtype_and_changes_nothing_in_place(dtype):
    grads = tree_map(lambda g: g.astype(dtype), GRADS)
    before = flat(grads)
    for clipped in (clip_by_norm(grads, 1.0)[0], clip_by_value(grads, 0.5)):
        assert all(leaf.dtype == dtype for _, leaf in tree_leaves(clipped))
    np.testing.assert_array_equal(flat(grads), before)


def test_the_norm_of_huge_float32_gradients_does_not_overflow():
    clipped, norm = clip_by_norm(np.full(4, 1e30, np.float32), 1.0)
    assert norm == pytest.approx(2e30, rel=1e-6)
    np.testing.assert_allclose(clipped, 0.5, rtol=1e-6)


# --- Bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, -0.1, np.nan, np.inf, "0.1", True, None])
def test_bad_learning_rates(name, value):
    with pytest.raises(ValueError, match=rf"learning_rate must be a number in \(.*got {value!r}"):
        OPTIMIZERS[name](value)


@pytest.mark.parametrize(
    "make, argument",
    [
        (momentum, "beta"),
        (rmsprop, "decay"),
        (adam, "beta1"),
        (adam, "beta2"),
        (rmsprop, "epsilon"),
        (adam, "epsilon"),
    ],
)
@pytest.mark.parametrize("value", [-0.1, np.nan, "0.9"])
def test_bad_constants(make, argument, value):
    with pytest.raises(ValueError, match=f"{argument} must be a number in .*got {value!r}"):
        make(0.1, **{argument: value})
    with pytest.raises(ValueError, match=f"{argument} must be"):
        make(0.1, **{argument: 0 if argument == "epsilon" else 1})


@pytest.mark.parametrize("value", [0, -1, np.nan, "1", True])
def test_bad_limits(value):
    with pytest.raises(ValueError, match=f"max_norm must be a number in .*got {value!r}"):
        clip_by_norm(GRADS, value)
    with pytest.raises(ValueError, match=f"limit must be a number in .*got {value!r}"):
        clip_by_value(GRADS, value)


@pytest.mark.parametrize("grads", [{"V": G1}, {"W": np.ones(1)}, {"W": None}, (G1,)])
def test_gradients_that_do_not_fit_are_refused(name, grads):
    """A gradient of another shape would broadcast and train on silently."""
    optimizer = OPTIMIZERS[name](0.1)
    params = {"W": P0}
    with pytest.raises(ValueError, match="trees must have"):
        optimizer.update(grads, optimizer.init(params), params)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_a_gradient_that_is_not_finite_has_no_direction_to_keep(bad):
    with pytest.raises(ValueError, match="^grads must have a finite norm, got (inf|nan)$"):
        clip_by_norm({"w": np.array([1.0, bad])}, 1.0)


def test_a_gradient_at_the_limit_is_handed_on_as_it_is():
    grads = {"w": np.array([3.0, 4.0])}
    assert clip_by_norm(grads, 5.0)[0] is grads

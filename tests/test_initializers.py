"""Initializers: what they promise about the matrix."""

import numpy as np
import pytest

from rnn_src.initializers import (
    INITIALIZERS,
    chrono,
    forget_bias,
    gaussian,
    identity,
    orthogonal,
    spectral_radius,
)
from rnn_src.scan import init


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(params=list(INITIALIZERS))
def initializer(request):
    return INITIALIZERS[request.param]


def test_shape_dtype_and_seed(initializer):
    W = initializer(rng(), 6, 6)
    assert W.shape == (6, 6) and W.dtype == np.float64
    np.testing.assert_array_equal(W, initializer(rng(), 6, 6))
    if initializer is not identity:
        assert not np.array_equal(W, initializer(rng(1), 6, 6))


def test_the_scale_multiplies_the_matrix(initializer):
    np.testing.assert_allclose(
        initializer(rng(), 6, 6, 0.3), 0.3 * initializer(rng(), 6, 6), rtol=1e-14
    )
    np.testing.assert_array_equal(initializer(rng(), 6, 6, 0), np.zeros((6, 6)))


def test_gaussian_has_variance_one_over_columns():
    """n entries: the mean is within 5 standard errors of 0, the variance of gain^2 / columns."""
    W, n = gaussian(rng(), 400, 100, gain=1.5), 40_000
    variance = 1.5**2 / 100
    assert abs(W.mean()) < 5 * np.sqrt(variance / n)
    assert abs(W.var() / variance - 1) < 5 * np.sqrt(2 / n)


@pytest.mark.parametrize("rows, columns", [(5, 5), (3, 7), (7, 3), (1, 4), (1, 1)])
def test_orthogonal_has_every_singular_value_equal_to_gain(rows, columns):
    W = orthogonal(rng(), rows, columns, gain=0.7)
    assert W.shape == (rows, columns)
    np.testing.assert_allclose(np.linalg.svd(W, compute_uv=False), 0.7, rtol=1e-12)


def test_orthogonal_is_uniform():
    """Entries of a uniform 3 x 3 draw have mean 0 and variance 1/3; raw QR factors have neither."""
    generator = rng()
    draws = np.array([orthogonal(generator, 3, 3) for _ in range(2000)])
    error = np.sqrt(1 / 3 / len(draws))
    assert np.abs(draws.mean(axis=0)).max() < 5 * error
    assert abs(np.trace(draws, axis1=1, axis2=2).mean()) < 5 * np.sqrt(3) * error


def test_identity_ignores_the_generator():
    generator = rng()
    np.testing.assert_array_equal(identity(generator, 2, 3, 0.5), [[0.5, 0, 0], [0, 0.5, 0]])
    assert generator.random() == rng().random()


@pytest.mark.parametrize("rho", [0.5, 0.95, 1.3])
def test_spectral_radius(rho):
    W = spectral_radius(rng(), 20, 20, rho)
    assert np.abs(np.linalg.eigvals(W)).max() == pytest.approx(rho, rel=1e-12)
    assert not np.allclose(W, W.T)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ((0, 3, 3), TypeError, "rng must be a numpy.random.Generator .*got int"),
        ((np.random, 3, 3), TypeError, "rng must be .*got module"),
        ((rng(), 0, 3), ValueError, "rows must be an integer of at least 1, got 0"),
        ((rng(), 3, 2.0), ValueError, "columns must be an integer of at least 1, got 2.0"),
        ((rng(), True, 3), ValueError, "rows must be .*got True"),
        ((rng(), 3, 3, -1), ValueError, r"(gain|rho) must be a number in \[0.*got -1"),
        ((rng(), 3, 3, np.nan), ValueError, "(gain|rho) must be .*got nan"),
        ((rng(), 3, 3, np.inf), ValueError, "(gain|rho) must be .*got inf"),
        ((rng(), 3, 3, "1"), ValueError, "(gain|rho) must be .*got '1'"),
        ((rng(), 3, 3, True), ValueError, "(gain|rho) must be .*got True"),
    ],
)
def test_bad_input(initializer, arguments, error, message):
    with pytest.raises(error, match=message):
        initializer(*arguments)


def test_a_spectral_radius_needs_a_square():
    with pytest.raises(ValueError, match="columns must equal rows .*got 3 x 4"):
        spectral_radius(rng(), 3, 4)


# --- The bias of the gate that keeps ---------------------------------------------------------


@pytest.mark.parametrize("name, gates", [("gru", 3), ("lstm", 4)])
def test_the_bias_of_the_gate_that_keeps(name, gates):
    params = init(name, 2, 5, np.random.default_rng(0), np.float32)
    new = forget_bias(params, -1.5)
    assert new.b.dtype == np.float32 and not params.b.any()
    np.testing.assert_array_equal(new.b.reshape(gates, 5)[1], -1.5)
    np.testing.assert_array_equal(np.delete(new.b.reshape(gates, 5), 1, axis=0), 0)
    assert new.W is params.W and type(new) is type(params)


@pytest.mark.parametrize("name, gates", [("gru", 3), ("lstm", 4)])
def test_chrono_spreads_the_time_constants(name, gates):
    H = 20_000
    W = np.broadcast_to(0.0, (gates * H, H))  # takes no memory
    params = init(name, 1, 1, rng())._replace(W=W, b=np.zeros(gates * H))
    b = chrono(params, np.random.default_rng(1), longest=50).b.reshape(gates, -1)
    constants = 1 + np.exp(b[1])  # 1 / (1 - logistic(b))
    assert constants.min() >= 2 and constants.max() <= 50
    np.testing.assert_allclose(np.quantile(constants, [0.25, 0.5, 0.75]), [14, 26, 38], atol=0.7)
    np.testing.assert_array_equal(b[0], -b[1] if gates == 4 else 0)
    np.testing.assert_array_equal(b[2:], 0)


def test_biases_at_the_border():
    vanilla, lstm = (init(name, 1, 2, rng()) for name in ("rnn", "lstm"))
    for call in (lambda p: forget_bias(p, 1.0), lambda p: chrono(p, rng(), 10)):
        for params in (vanilla, None, lstm._replace(b=np.zeros(6))):
            with pytest.raises(
                ValueError, match="^params must be those of a GRU or an LSTM, got W"
            ):
                call(params)
    with pytest.raises(ValueError, match="^value must be "):
        forget_bias(lstm, np.inf)
    for longest in (2, np.nan, "9"):
        with pytest.raises(ValueError, match="^longest must be "):
            chrono(lstm, rng(), longest)
    assert 0 < np.abs(chrono(lstm, rng(), 2.5).b).max() < np.log(1.5)
    with pytest.raises(TypeError, match="^rng must be "):
        chrono(lstm, 0, 10)

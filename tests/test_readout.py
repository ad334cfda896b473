"""The readout and the losses: values, cotangents, masks, extreme logits."""

from functools import partial

import numpy as np
import pytest

from rnn_src.gradcheck import check_gradients
from rnn_src.initializers import gaussian
from rnn_src.readout import (
    Readout,
    init_readout,
    mean_squared_error,
    readout,
    readout_backward,
    softmax,
    softmax_cross_entropy,
)

DTYPES = [np.float32, np.float64]
LOSSES = [softmax_cross_entropy, mean_squared_error]


def rng(seed=0):
    return np.random.default_rng(seed)


def problem(loss, shape=(5, 3), K=4, dtype=np.float64):
    """Outputs (5, 3, 4), targets that fit the loss, and a mask of sequences 5, 2 and 1 long."""
    generator = rng(3)
    o = generator.standard_normal((*shape, K)).astype(dtype)
    if loss is softmax_cross_entropy:
        targets = generator.integers(K, size=shape)
    else:
        targets = generator.standard_normal((*shape, K)).astype(dtype)
    return o, targets, np.arange(5)[:, None] < np.array([5, 2, 1])


# --- The readout -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lead", [(), (2,), (5, 3)])
def test_readout_shapes_dtype_and_values(dtype, lead):
    params = init_readout(4, 2, rng(), dtype)._replace(c=np.array([1, -1], dtype))
    h, do = (rng(1).standard_normal((*lead, n)).astype(dtype) for n in (4, 2))
    o = readout(params, h)
    grads, dh = readout_backward(params, h, do)
    assert o.shape == (*lead, 2) and dh.shape == h.shape
    assert all(v.dtype == dtype for v in (*params, o, *grads, dh))
    rtol = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(
        o, np.einsum("oh,...h->...o", params.V, h) + [1, -1], rtol=rtol, atol=rtol
    )


def test_readout_gradients_by_complex_step():
    params, h, do = (
        init_readout(4, 2, rng()),
        rng(1).standard_normal((5, 3, 4)),
        rng(2).standard_normal((5, 3, 2)),
    )
    grads, dh = readout_backward(params, h, do)

    def loss(v):
        return np.sum(do * readout(v["params"], v["h"]))

    check_gradients(
        loss, {"params": params, "h": h}, {"params": grads, "h": dh}, rng(), tolerance=1e-12
    )


def test_init_readout_has_no_bias_and_follows_the_seed():
    one, two, other = (
        init_readout(4, 2, rng()),
        init_readout(4, 2, rng()),
        init_readout(4, 2, rng(1)),
    )
    np.testing.assert_array_equal(one.V, two.V)
    assert not one.c.any() and not np.array_equal(one.V, other.V)
    single = init_readout(4, 2, rng(), np.float32)
    np.testing.assert_array_equal(single.V, one.V.astype(np.float32))


# --- Softmax ---------------------------------------------------------------------------------


def test_softmax_by_hand():
    np.testing.assert_allclose(
        softmax(np.log([[1.0, 2.0, 5.0]])), [[0.125, 0.25, 0.625]], rtol=1e-15
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_sums_to_one_and_ignores_a_shift(dtype):
    o = rng().standard_normal((3, 2, 5)).astype(dtype)
    p = softmax(o)
    assert p.dtype == dtype and (p > 0).all()
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(softmax(o + dtype(0)), p)
    np.testing.assert_allclose(softmax(o + dtype(64)), p, rtol=100 * np.finfo(dtype).eps)


# --- Values of the losses --------------------------------------------------------------------


@pytest.mark.parametrize("masked", [False, True])
def test_cross_entropy_against_a_loop(masked):
    o, targets, mask = problem(softmax_cross_entropy)
    mask = mask if masked else np.ones_like(mask)
    terms = [np.log(np.exp(o[i]).sum()) - o[i][targets[i]] for i in np.ndindex(5, 3) if mask[i]]
    loss, _ = softmax_cross_entropy(o, targets, mask if masked else None)
    assert isinstance(loss, float) and loss == pytest.approx(sum(terms) / len(terms), rel=1e-14)


@pytest.mark.parametrize("masked", [False, True])
def test_squared_error_against_a_loop(masked):
    o, targets, mask = problem(mean_squared_error)
    mask = mask if masked else np.ones_like(mask)
    terms = [(o[i] - targets[i]) @ (o[i] - targets[i]) / 4 for i in np.ndindex(5, 3) if mask[i]]
    loss, _ = mean_squared_error(o, targets, mask if masked else None)
    assert isinstance(loss, float) and loss == pytest.approx(sum(terms) / len(terms), rel=1e-14)


@pytest.mark.parametrize("K", [2, 10, 32])
@pytest.mark.parametrize("dtype", DTYPES)
def test_uniform_logits_cost_ln_k(K, dtype):
    loss, _ = softmax_cross_entropy(np.full((7, K), 3, dtype), np.arange(7) % K)
    assert loss == pytest.approx(np.log(K), rel=4 * float(np.finfo(dtype).eps))


def test_the_loss_before_training_is_ln_k_plus_half_the_logits_variance():
    """To second order E L = ln K + (1 - 1/K) s^2 / 2 for logits of variance s^2.

    With s = 0.1 the next order is below s^4 = 1e-4; 200,000 tokens have a standard error s / 450.
    """
    K, s, n, H = 10, 0.1, 200_000, 16
    params = init_readout(H, K, rng(), weights=partial(gaussian, gain=0))
    h = rng(1).standard_normal((n, H))
    targets = rng(2).integers(K, size=n)
    assert softmax_cross_entropy(readout(params, h), targets)[0] == pytest.approx(
        np.log(K), rel=1e-14
    )
    loss, _ = softmax_cross_entropy(s * rng(3).standard_normal((n, K)), targets)
    assert abs(loss - np.log(K) - (1 - 1 / K) * s**2 / 2) < 1e-4 + 4 * s / np.sqrt(n)
    assert loss > np.log(K) + s**2 / 4


@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_logits_stay_finite_and_exact(dtype):
    o = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0]], dtype)
    loss, do = softmax_cross_entropy(o, np.array([0, 0]))
    assert loss == 1e4  # the mean of 0 and 2e4
    np.testing.assert_array_equal(do, np.array([[0, 0, 0], [-0.5, 0.5, 0]], dtype))
    np.testing.assert_array_equal(softmax(o), np.array([[1, 0, 0], [0, 1, 0]], dtype))


# --- Cotangents and masks --------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("masked", [False, True])
def test_cotangents_by_complex_step(loss, masked):
    o, targets, mask = problem(loss)
    mask = mask if masked else None

    def value(o):
        return loss(o, targets if loss is softmax_cross_entropy else targets.astype(o.dtype), mask)[
            0
        ]

    report = check_gradients(value, o, loss(o, targets, mask)[1], rng(), tolerance=1e-12)
    assert report.worst < 1e-12


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_cotangents_keep_shape_and_dtype(loss, dtype):
    o, targets, mask = problem(loss, dtype=dtype)
    for m in (None, mask):
        _, do = loss(o, targets, m)
        assert do.shape == o.shape and do.dtype == dtype


@pytest.mark.parametrize("loss", LOSSES)
def test_a_mask_divides_by_the_real_tokens(loss):
    o, targets, mask = problem(loss)
    value, do = loss(o, targets, mask)
    kept, dkept = loss(o[mask], targets[mask])
    assert value == pytest.approx(kept, rel=1e-14)
    np.testing.assert_allclose(do[mask], dkept, rtol=1e-14)
    assert not do[~mask].any()


@pytest.mark.parametrize("loss", LOSSES)
def test_more_padding_changes_neither_loss_nor_gradient(loss):
    o, targets, mask = problem(loss)
    longer = [np.concatenate([v, v[:2]]) for v in (o, targets)] + [
        np.concatenate([mask, np.zeros((2, 3), bool)])
    ]
    (value, do), (padded, dpadded) = loss(o, targets, mask), loss(*longer)
    assert padded == pytest.approx(value, rel=1e-15)
    np.testing.assert_array_equal(dpadded[:5], do)
    assert not dpadded[5:].any()


def test_targets_under_a_false_mask_may_be_anything():
    o, targets, mask = problem(softmax_cross_entropy)
    strange = np.where(mask, targets, -100)
    assert softmax_cross_entropy(o, strange, mask)[0] == softmax_cross_entropy(o, targets, mask)[0]


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_change_nothing_in_place(loss):
    o, targets, mask = problem(loss)
    before = o.copy(), targets.copy(), mask.copy()
    loss(o, targets, mask)
    for array, copy in zip((o, targets, mask), before, strict=True):
        np.testing.assert_array_equal(array, copy)


# --- Bad input -------------------------------------------------------------------------------

PARAMS, H34 = init_readout(4, 2, rng()), np.ones((3, 4))
NAN = np.full((3, 4), np.nan)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: init_readout(0, 2, rng()),
            ValueError,
            "hidden_size must be an integer of at least 1, got 0",
        ),
        (lambda: init_readout(4, 2.5, rng()), ValueError, "output_size .*got 2.5"),
        (lambda: init_readout(4, 2, 7), TypeError, "rng must be .*got int"),
        (
            lambda: init_readout(4, 2, rng(), "int"),
            ValueError,
            "dtype must be float32 or float64, got 'int'",
        ),
        (
            lambda: init_readout(4, 2, rng(), weights=3),
            TypeError,
            "weights must be a function, got int",
        ),
        (
            lambda: init_readout(4, 2, rng(), weights=lambda *_: np.eye(3)),
            ValueError,
            r"weights returns must be \(2, 4\), got \(3, 3\)",
        ),
        (lambda: readout(tuple(PARAMS), H34), TypeError, "params must be a Readout, got tuple"),
        (
            lambda: readout(PARAMS._replace(V=np.ones(4)), H34),
            ValueError,
            r"params.V must be \(O, H\), got \(4,\)",
        ),
        (
            lambda: readout(PARAMS._replace(c=np.zeros(3)), H34),
            ValueError,
            r"params.c must be \(O,\) with O = 2, got \(3,\)",
        ),
        (
            lambda: readout(PARAMS._replace(c=np.zeros(2, np.float32)), H34),
            ValueError,
            "params.c must be float64 like params.V, got float32",
        ),
        (
            lambda: readout(Readout(PARAMS.V * np.nan, PARAMS.c), H34),
            ValueError,
            "params.V must be finite",
        ),
        (
            lambda: readout(PARAMS, np.ones((2, 3, 5))),
            ValueError,
            r"h must be \(..., H\) with H = 4, got \(2, 3, 5\)",
        ),
        (lambda: readout(PARAMS, 1.0), ValueError, r"h must be \(..., H\) with H = 4, got \(\)"),
        (lambda: readout(PARAMS, None), TypeError, "h must be an array, got None"),
        (lambda: readout(PARAMS, NAN), ValueError, "h must be finite"),
        (
            lambda: readout(init_readout(4, 2, rng(), "float32"), H34),
            ValueError,
            "h must be float32 like the parameters, got float64",
        ),
        (
            lambda: readout_backward(None, H34, np.ones((3, 2))),
            TypeError,
            "params must be a Readout, got NoneType",
        ),
        (
            lambda: readout_backward(PARAMS, H34, np.ones((3, 1))),
            ValueError,
            r"do must be \(3, O\) with O = 2, got \(3, 1\)",
        ),
        (
            lambda: readout_backward(PARAMS, H34, np.ones((2, 2))),
            ValueError,
            r"do must be \(3, O\) with O = 2, got \(2, 2\)",
        ),
        (lambda: readout_backward(PARAMS, H34, NAN[:, :2]), ValueError, "do must be finite"),
        (lambda: softmax(1.0), ValueError, r"o must be \(..., O\), got \(\)"),
        (lambda: softmax([1, 2]), ValueError, "o must be float32 or float64, got int64"),
        (lambda: softmax(np.ones((2, 0))), ValueError, "o must not be empty"),
        (lambda: softmax(NAN), ValueError, "o must be finite"),
        (lambda: softmax(None), TypeError, "o must be an array, got None"),
    ],
)
def test_bad_input_of_the_readout(call, error, message):
    with pytest.raises(error, match=message):
        call()


O34, CLASSES, VALUES = np.ones((3, 4)), np.arange(3), np.zeros((3, 4))


@pytest.mark.parametrize(
    "loss, o, targets, message",
    [
        (
            softmax_cross_entropy,
            O34,
            [0, 1],
            r"targets must be integers of shape \(3,\), got int64 of \(2,\)",
        ),
        (softmax_cross_entropy, O34, [0.0, 1.0, 2.0], "targets must be integers .*got float64"),
        (softmax_cross_entropy, O34, [True, False, True], "targets must be integers .*got bool"),
        (
            softmax_cross_entropy,
            O34,
            [0, 1, 4],
            r"targets must be integers in 0..3, got \[0, 1, 4\]",
        ),
        (
            softmax_cross_entropy,
            O34,
            [0, -1, 2],
            r"targets must be integers in 0..3, got \[0, -1, 2\]",
        ),
        (
            softmax_cross_entropy,
            O34,
            [[0], [1, 2]],
            "targets must be an array, got rows of different",
        ),
        (softmax_cross_entropy, NAN, CLASSES, "o must be finite"),
        (
            softmax_cross_entropy,
            np.ones((3, 4), int),
            CLASSES,
            "o must be float32 or float64, got int64",
        ),
        (mean_squared_error, O34, VALUES[:2], r"targets must be \(3, 4\), got \(2, 4\)"),
        (mean_squared_error, O34, VALUES[:, :1], r"targets must be \(3, 4\), got \(3, 1\)"),
        (mean_squared_error, O34, NAN, "targets must be finite"),
        (mean_squared_error, NAN, VALUES, "o must be finite"),
        (mean_squared_error, np.float64(1.0), np.float64(1.0), r"o must be \(..., O\), got \(\)"),
        (
            mean_squared_error,
            O34.astype(np.float32),
            VALUES,
            "targets must be float32 like o, got float64",
        ),
    ],
)
def test_bad_input_of_the_losses(loss, o, targets, message):
    with pytest.raises(ValueError, match=message):
        loss(o, targets)


@pytest.mark.parametrize(
    "loss, targets", [(softmax_cross_entropy, CLASSES), (mean_squared_error, VALUES)]
)
@pytest.mark.parametrize(
    "mask, message",
    [
        ([1, 1, 0], r"mask must be bool of shape \(3,\), got int64 of \(3,\)"),
        ([True, True], r"mask must be bool of shape \(3,\), got bool of \(2,\)"),
        (True, r"mask must be bool of shape \(3,\), got bool of \(\)"),
        ([False] * 3, "mask must keep at least one token, got none"),
    ],
)
def test_bad_masks(loss, targets, mask, message):
    with pytest.raises(ValueError, match=message):
        loss(O34, targets, mask)

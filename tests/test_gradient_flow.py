"""What becomes of a gradient: contributions by lag, on every cell."""

import numpy as np
import pytest
from reference import CELL_NAMES, problem

from rnn_src.cells import RNNParams
from rnn_src.gradient_flow import gradient_by_lag
from rnn_src.scan import backward
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

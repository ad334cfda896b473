"""The penalty Omega: its value, its immediate gradient, and planted errors that must be seen."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from reference import problem

from rnn_src.cells import CELLS
from rnn_src.regularizers import omega
from rnn_src.scan import backward
from rnn_src.training import Experiment, loss_and_gradients, new_model, run

VANILLA = ("rnn", "rnn_relu", "rnn_linear")
PRIME = {
    "rnn": lambda h: 1 - np.tanh(np.arctanh(h)) ** 2,
    "rnn_relu": lambda h: np.where(h > 0, 1.0, 0.0),
    "rnn_linear": lambda h: np.ones(h.shape),
}


def totals_of(p):
    states, tape = p.forward()
    totals = np.empty_like(p.weights)
    backward(p.name, p.params, tape, p.weights, totals=totals)
    return states, tape, totals


def by_definition(name, states, totals, W):
    """One step and one sequence after the other, delta and phi' fixed."""
    terms = []
    for h, delta in zip(states[1:].reshape(-1, W.shape[0]), totals.reshape(-1, W.shape[0])):
        J = PRIME[name](h)[:, None] * W
        back = anp.dot(J.T, delta)
        terms.append((anp.sum(back**2) / np.sum(delta**2) - 1) ** 2)
    return sum(terms) / len(terms)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", VANILLA)
def test_value_and_gradient_are_those_of_the_definition(name, seed):
    p = problem(name, seed)
    states, tape, totals = totals_of(p)
    value, dW = omega(name, p.params, tape, totals)
    assert value == pytest.approx(by_definition(name, states, totals, p.params.W), rel=1e-12)
    wanted = grad(lambda W: by_definition(name, states, totals, W))(p.params.W)
    np.testing.assert_allclose(dW, wanted, rtol=1e-10, atol=1e-12 * abs(wanted).max())
    direction = np.random.default_rng(seed).standard_normal(dW.shape)
    step = by_definition(name, states, totals, p.params.W + 1e-20j * direction)
    assert np.sum(dW * direction) == pytest.approx(np.imag(step) / 1e-20, rel=1e-10)
    for wrong in (dW.T, dW / 2, -dW):  # planted errors
        assert abs(wrong - wanted).max() > 0.1 * abs(wanted).max()


def test_by_hand():
    """H = 1, linear, w = 2: |2 d|^2 / |d|^2 = 4, so (4 - 1)^2 = 9, and d/dw (w^2 - 1)^2 = 24."""
    p = problem("rnn_linear", H=1, T=3, B=2)
    p.params.W[...] = 2.0
    _, tape, totals = totals_of(p)
    value, dW = omega(CELLS["rnn_linear"], p.params, tape, totals)
    assert value == pytest.approx(9) and dW[0, 0] == pytest.approx(24)


def test_steps_without_a_gradient_are_left_out():
    p = problem("rnn")
    p.weights[...] = 0
    p.weights[3] = 1.0  # nothing reaches the steps after the fourth
    states, tape, totals = totals_of(p)
    assert not totals[4:].any()
    value, dW = omega("rnn", p.params, tape, totals)
    assert value == pytest.approx(by_definition("rnn", states[:5], totals[:4], p.params.W))
    tiny = np.full_like(totals, 4e-11)  # |delta|^2 = 8e-21
    for nothing in (0 * totals, tiny):
        value, dW = omega("rnn", p.params, tape, nothing)
        assert value == 0 and dW.shape == p.params.W.shape and not dW.any()


def test_float32_stays_float32():
    single, double = (problem("rnn", dtype=d) for d in (np.float32, np.float64))
    (_, tape, totals), (_, tape64, totals64) = totals_of(single), totals_of(double)
    value, dW = omega("rnn", single.params, tape, totals)
    wanted = omega("rnn", double.params, tape64, totals64)
    assert dW.dtype == np.float32 and value == pytest.approx(wanted[0], rel=1e-3)
    np.testing.assert_allclose(dW, wanted[1], atol=1e-3 * abs(wanted[1]).max())


def test_training_adds_it_to_the_gradient_of_W_alone():
    e = Experiment(task="temporal_order", length=10, hidden_size=5, omega=2.0, clip_norm=1e9)
    from rnn_src.tasks import temporal_order

    batch, model = temporal_order(10).batch(np.random.default_rng(0), 4), new_model(e)
    value, plain = loss_and_gradients("rnn", model, batch)
    same, more = loss_and_gradients("rnn", model, batch, omega=2.0)
    assert value == same
    added = more.cell.W - plain.cell.W
    _, half = loss_and_gradients("rnn", model, batch, omega=1.0)
    np.testing.assert_allclose(added, 2 * (half.cell.W - plain.cell.W), rtol=1e-9)
    assert abs(added).max() > 0
    for name in ("U", "b"):
        np.testing.assert_array_equal(getattr(more.cell, name), getattr(plain.cell, name))
    np.testing.assert_array_equal(more.readout.V, plain.readout.V)


def test_training_with_it_keeps_the_size_of_the_gradient():
    """From a small W the penalty alone lifts the step back towards 1."""
    e = Experiment(
        task="temporal_order",
        length=20,
        hidden_size=20,
        recurrent="gaussian",
        gain=0.5,
        optimizer="sgd",
        learning_rate=0.01,
        updates=300,
        clip_norm=1.0,
    )
    with_it, without = run(Experiment(**{**vars(e), "omega": 4.0})), run(e)
    radius = [abs(np.linalg.eigvals(h.model.cell.W)).max() for h in (with_it, without)]
    assert radius[0] > 0.9 and radius[1] < 0.6


def test_border():
    p = problem("rnn")
    _, tape, totals = totals_of(p)
    with pytest.raises(ValueError, match="^cell must be one of rnn, rnn_relu, rnn_linear, got"):
        omega("gru", p.params, tape, totals)
    with pytest.raises(ValueError, match="^tape must be of cell 'rnn_relu', got one of 'rnn'$"):
        omega("rnn_relu", p.params, tape, totals)
    with pytest.raises(ValueError, match="^totals must be "):
        omega("rnn", p.params, tape, totals[1:])
    with pytest.raises(TypeError, match="^tape must be a"):
        omega("rnn", p.params, None, totals)
    padded = problem("rnn", padded=True)
    _, tape = padded.forward()
    with pytest.raises(ValueError, match="^tape must be without lengths, got 3 of them$"):
        omega("rnn", p.params, tape, totals)

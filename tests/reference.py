"""What the tests compare with: every recurrence a second time, for autograd, and a problem to try.

The equations are written here from their sources (PyTorch's for gates), one sequence of
operations a step, and share no line with `rnn_src`.
"""

from functools import partial
from typing import Any, NamedTuple

import autograd.numpy as anp
import numpy as np
from autograd import grad

from rnn_src.cells import CELLS
from rnn_src.initializers import spectral_radius
from rnn_src.scan import backward, forward, init
from rnn_src.trees import tree_map

CELL_NAMES = list(CELLS)


def sigmoid(a):
    return 1 / (1 + anp.exp(-a))


def rnn_step(p, x, s):
    return anp.tanh(anp.dot(s, p["W"].T) + anp.dot(x, p["U"].T) + p["b"])


def rnn_relu_step(p, x, s):
    a = anp.dot(s, p["W"].T) + anp.dot(x, p["U"].T) + p["b"]
    return anp.where(a > 0, a, 0 * a)


def rnn_linear_step(p, x, s):
    return anp.dot(s, p["W"].T) + anp.dot(x, p["U"].T) + p["b"]


def rnn_leaky_step(p, x, s):
    H = s.shape[1]
    tau = 100.0 ** (np.arange(H) / max(H - 1, 1))  # 1 to 100 steps
    return s + (rnn_step(p, x, s) - s) / tau


def gru_step(p, x, h):
    a_r, a_z, a_n = anp.split(anp.dot(x, p["U"].T) + p["b"], 3, axis=1)
    q_r, q_z, q_n = anp.split(anp.dot(h, p["W"].T), 3, axis=1)
    r, z = sigmoid(a_r + q_r), sigmoid(a_z + q_z)
    return (1 - z) * anp.tanh(a_n + r * (q_n + p["b_n"])) + z * h


def lstm_step(p, x, s):
    h, c = anp.split(s, 2, axis=1)
    i, f, g, o = anp.split(anp.dot(x, p["U"].T) + p["b"] + anp.dot(h, p["W"].T), 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * anp.tanh(g)
    return anp.concatenate([sigmoid(o) * anp.tanh(c), c], axis=1)


STEPS = {
    "rnn": rnn_step,
    "rnn_relu": rnn_relu_step,
    "rnn_linear": rnn_linear_step,
    "rnn_leaky": rnn_leaky_step,
    "gru": gru_step,
    "lstm": lstm_step,
}


def run_states(name, p, x, s0, lengths=None):
    """All T + 1 states, by the definition."""
    states = [s0]
    for t in range(len(x)):
        s = STEPS[name](p, x[t], states[-1])
        if lengths is not None:
            s = anp.where((t < lengths)[:, None], s, states[-1])
        states.append(s)
    return anp.stack(states)


class Problem(NamedTuple):
    """A cell with all that its loss, sum(weights * states[1:]), depends on."""

    name: str
    params: Any
    x: np.ndarray
    s0: np.ndarray
    weights: np.ndarray
    lengths: np.ndarray | None

    @property
    def variables(self):
        return {"params": self.params, "x": self.x, "s0": self.s0}

    def loss(self, variables):
        v = variables
        states, _ = forward(self.name, v["params"], v["x"], v["s0"], self.lengths)
        return np.sum(self.weights * states[1:])

    def forward(self):
        return forward(self.name, self.params, self.x, self.s0, self.lengths)

    def gradients(self, window=None):
        _, tape = self.forward()
        grads, dx, ds0 = backward(self.name, self.params, tape, self.weights, window)
        return {"params": grads, "x": dx, "s0": ds0}

    def autograd(self):
        """The same gradients by autograd, through the recurrence above."""

        def loss(p, x, s0):
            return anp.sum(self.weights * run_states(self.name, p, x, s0, self.lengths)[1:])

        dp, dx, ds0 = grad(loss, (0, 1, 2))(self.params._asdict(), self.x, self.s0)
        return {"params": type(self.params)(**dp), "x": dx, "s0": ds0}


def problem(name, seed=0, T=7, B=3, D=2, H=5, padded=False, dtype=np.float64, rho=0.95):
    """W of spectral radius rho, not symmetric; biases that are not 0; lengths if asked for."""
    rng, cell = np.random.default_rng(seed), CELLS[name]
    params = init(name, D, H, rng, dtype, recurrent=partial(spectral_radius, rho=rho))
    params = tree_map(
        lambda p: (p if p.ndim == 2 else 0.3 * rng.standard_normal(p.shape)).astype(dtype), params
    )
    shapes = (T, B, D), (B, cell.parts * H), (T, B, cell.parts * H)
    x, s0, weights = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    lengths = np.arange(B) % T + 1 if padded else None  # 1, 2, ... and the last one full
    if padded:
        lengths[-1] = T
    return Problem(name, params, x, s0, weights, lengths)


def assert_trees_close(got, want, rtol=1e-11, atol=1e-12):
    tree_map(lambda g, w: np.testing.assert_allclose(g, w, rtol=rtol, atol=atol), got, want)


def assert_trees_equal(got, want):
    tree_map(np.testing.assert_array_equal, got, want)

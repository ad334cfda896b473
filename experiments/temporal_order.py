"""Temporal order over 50 steps by a tanh network: plain descent, clipped, and regularised too.

The setting is that of Pascanu, Mikolov and Bengio (2013), "basic tanh": 50 units, every weight
normal with standard deviation 0.1, 20 sequences an update, learning rate 0.01, clipping at norm 1,
weight 4 of Omega. A run is solved, and stops, at the first look (every 500 updates) with fewer than
1% of 10,000 sequences wrong. Their budget was 5 million updates; here it is 30,000.
"""

import numpy as np

from rnn_src.tasks import TASKS
from rnn_src.training import Experiment, Model, evaluate, new_model, run

METHODS = {
    "sgd": {},
    "clip": {"clip_norm": 1.0},
    "clip and omega": {"clip_norm": 1.0, "omega": 4.0},
}
POINTS = [{"method": method, "seed": seed} for method in METHODS for seed in range(5)]
SAME = {"first_losses": 1e-3, "solved": 0}


def experiment(method, seed, updates=30_000):
    """The run of one point."""
    return Experiment(
        task="temporal_order",
        length=50,
        hidden_size=50,
        batch_size=20,
        optimizer="sgd",
        learning_rate=0.01,
        updates=updates,
        evaluate_every=min(500, updates),
        until=0.9901,
        dtype="float32",
        seed=seed,
        **METHODS[method],
    )


def start(e):
    """Every weight normal with standard deviation 0.1, biases 0."""
    model, rng = new_model(e), np.random.default_rng([e.seed, 2])
    drawn = {
        name: (0.1 * rng.standard_normal(getattr(model.cell, name).shape)).astype(e.dtype)
        for name in ("W", "U")
    }
    V = (0.1 * rng.standard_normal(model.readout.V.shape)).astype(e.dtype)
    return Model(model.cell._replace(**drawn), model.readout._replace(V=V))


def measure(method, seed):
    """Train until the test set is solved or the updates are over; then ask 10,000 others."""
    e = experiment(method, seed)
    history = run(e, start=start(e))
    fresh = TASKS[e.task](e.length).batch(np.random.default_rng([seed, 3]), 10_000)
    _, accuracy = evaluate(e.cell, history.model, fresh)
    return {
        "solved": bool(history.test_accuracy[-1] > 0.99),
        "updates": len(history.loss),
        "error": round(1 - float(history.test_accuracy[-1]), 4),
        "error_elsewhere": round(1 - accuracy, 4),
        "rho": round(float(abs(np.linalg.eigvals(history.model.cell.W)).max()), 4),
        "largest_norm": round(float(np.nanmax(history.grad_norm)), 4),
        "diverged": history.diverged,
        "first_losses": [round(float(loss), 6) for loss in history.loss[:20]],
        "test_updates": history.test_updates.tolist(),
        "test_accuracy": [round(float(a), 4) for a in history.test_accuracy],
    }

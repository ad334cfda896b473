"""Time one update of every network of the comparison, as a multiple of the tanh network's.

    make bench

In every round all eight networks of a task take their turn, beginning with another one each time,
and each time is divided by that of the tanh network in the same round: what else the machine is
doing weighs on all alike. An update is a batch of 16, a forward and a backward pass, clipping and a
step of Adam, on the longest sequences of the task. The median over the rounds is kept, with where
it was measured.
"""

import os
import statistics
import sys
import time
from pathlib import Path

for name in ("OMP", "OPENBLAS", "MKL"):  # one thread: the book's own setting
    os.environ[f"{name}_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np  # noqa: E402 (after the thread setting, which it reads)
from machine import here, keep  # noqa: E402

from experiments import race_rates, reach_rates  # noqa: E402
from rnn_src.optimizers import adam, clip_by_norm  # noqa: E402
from rnn_src.tasks import TASKS  # noqa: E402
from rnn_src.training import loss_and_gradients, new_model  # noqa: E402

ROUNDS, WARM = 100, 4


class Network:
    """One network in training, an update at a time."""

    def __init__(self, task, model):
        if task in race_rates.LENGTHS:
            self.e = race_rates.experiment(task, model, 0, 1e-3)
        else:
            length = reach_rates.LENGTHS[task][-1]
            self.e = reach_rates.experiment(task, model, length, 0, 1e-3)
        length = () if self.e.length is None else (self.e.length,)
        self.task, self.model = TASKS[task](*length), new_model(self.e)
        self.rng, self.optimizer = np.random.default_rng(0), adam(1e-3)
        self.state = self.optimizer.init(self.model)

    def seconds(self):
        """Wall time of one update."""
        started = time.perf_counter()
        batch = self.task.batch(self.rng, self.e.batch_size)
        _, grads = loss_and_gradients(
            self.e.cell, self.model, batch, self.task.loss, omega=self.e.omega
        )
        grads, _ = clip_by_norm(grads, self.e.clip_norm)
        self.model, self.state = self.optimizer.update(grads, self.state, self.model)
        return time.perf_counter() - started


def main():
    rows = []
    for task in [*reach_rates.LENGTHS, *race_rates.LENGTHS]:
        networks = {model: Network(task, model) for model in race_rates.NETWORKS}
        rounds, order = [], list(networks)
        for k in range(WARM + ROUNDS):
            turn = order[k % len(order) :] + order[: k % len(order)]
            rounds.append({model: networks[model].seconds() for model in turn})
        for model in order:
            ratio = statistics.median(r[model] / r["tanh"] for r in rounds[WARM:])
            rows.append({"task": task, "model": model, "over_tanh": ratio})
            print(f"{task:15} {model:11} {ratio:5.2f} of the tanh network's time", flush=True)
    result = here() | {
        "rounds": ROUNDS,
        "updates": rows,
    }
    keep("showdown_cost", result)


if __name__ == "__main__":
    main()

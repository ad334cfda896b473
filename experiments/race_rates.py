"""Which learning rate suits each network of the comparison on real digits and on text.

Networks and sizes are those of `reach_rates`; the gates start with bias 1. Six rates from 0.001 to
0.3 are tried, and the next one as long as the best is the lowest or the highest. A trial is a
quarter of the updates of `race` with two seeds that it does not use, and the lowest mean training
loss over the last fifth is best: the test set chooses nothing.
"""

import numpy as np

from experiments.grid import rounded
from experiments.reach_rates import MODELS, RATES, beyond, hidden_size
from rnn_src.training import Experiment, run

NETWORKS = [model for model in MODELS if not model.endswith((" 0", " chrono"))]
LENGTHS = {"digit_pixels": None, "characters": 50}
UPDATES = 6_000
PLACES = range(3, 9)  # in RATES
SEEDS = (100, 101)
POINTS = [
    {"task": task, "model": model, "seed": SEEDS[0]} for task in LENGTHS for model in NETWORKS
]
SAME = {"first_losses": 1e-3}


def experiment(task, model, seed, learning_rate, updates=UPDATES):
    """A run with 20 looks at the test set."""
    return Experiment(
        task=task,
        length=LENGTHS[task],
        hidden_size=hidden_size(MODELS[model]["cell"], task),
        batch_size=16,
        learning_rate=learning_rate,
        clip_norm=1.0,
        updates=updates,
        evaluate_every=max(1, updates // 20),
        dtype="float32",
        seed=seed,
        **MODELS[model],
    )


def measure(task, model, seed):
    """The mean loss of the last fifth for each rate, null where a run diverged."""
    first, losses = [], {}

    def trial(place):
        ends = []
        for s in range(seed, seed + len(SEEDS)):
            history = run(experiment(task, model, s, RATES[place], UPDATES // 4))
            first.append(rounded(history.loss[:5]))
            last = history.loss[-UPDATES // 20 :].mean()
            ends.append(np.inf if history.diverged is not None else float(last))
        losses[place] = float(np.mean(ends))

    for place in PLACES:
        trial(place)
    while (place := beyond(losses, min(losses, key=losses.get))) is not None:
        trial(place)
    return {
        "best": RATES[min(losses, key=losses.get)],
        "rates": [RATES[place] for place in sorted(losses)],
        "losses": [rounded(losses[place]) for place in sorted(losses)],
        "first_losses": first[0],
    }

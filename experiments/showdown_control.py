"""The sky sentence of the showdown once more: gated cells with bias 1, at each of the four rates.

Everything else is as in `showdown`, the seeds and the batches among it. So this file tells what the
learning rate does, as `showdown_chrono` tells what the first biases do.
"""

from experiments import showdown
from experiments.showdown_rates import RATES
from rnn_src.training import run

MODELS = ("gru", "lstm")
POINTS = [
    {"model": model, "learning_rate": rate, "seed": seed}
    for model in MODELS
    for rate in RATES
    for seed in range(5)
]
SAME = {"first_losses": 1e-3}


def measure(model, learning_rate, seed):
    """Train, and keep both curves of the test set."""
    return showdown.curves(run(showdown.experiment("sky", model, seed, learning_rate)))

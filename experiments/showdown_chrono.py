"""The sky sentence of the showdown once more: gated cells with first biases for lags up to 60.

Everything else is as in `showdown`, the learning rate, the seeds and the batches among it. So the
difference between the two files is what the first biases do.
"""

from dataclasses import replace

from experiments import showdown
from rnn_src.training import run

MODELS = ("gru", "lstm")
POINTS = [{"model": model, "seed": seed} for model in MODELS for seed in range(5)]
SAME = {"first_losses": 1e-3}


def experiment(model, seed, learning_rate):
    """One run."""
    e = showdown.experiment("sky", model, seed, learning_rate)
    return replace(e, forget_bias=None, chrono=60.0)


def measure(model, seed):
    """Train, and keep both curves of the test set."""
    return showdown.curves(run(experiment(model, seed, showdown.rate("sky", model))))

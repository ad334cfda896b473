"""The sky sentence of the showdown once more: gated cells with bias 1 and four times the updates.

Everything else is as in `showdown`, the learning rate, the seeds and the batches among it, but that
a run ends at the first look that finds the task solved.
"""

from dataclasses import replace

from experiments import showdown
from rnn_src.training import run

NEEDS = ("showdown_rates",)
MODELS = ("gru", "lstm")
POINTS = [{"model": model, "seed": seed} for model in MODELS for seed in range(5)]
SAME = {"first_losses": 1e-3}


def measure(model, seed):
    """Train on, and keep both curves of the test set."""
    e = showdown.experiment("sky", model, seed, showdown.rate("sky", model), updates=6_000)
    return showdown.curves(run(replace(e, evaluate_every=75, until=0.99)))

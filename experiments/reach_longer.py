"""Copying after the shortest wait again, with four times the updates.

Here are the networks that `reach` finds to solve it with no seed, at the same rates.
"""

from experiments.grid import lookup
from experiments.reach_rates import LENGTHS, UPDATES, experiment, outcome
from rnn_src.training import run

NEEDS = ("reach_more_rates",)
MODELS = (
    "leaky", "irnn", "gru 0", "gru 1", "gru chrono", "lstm 0", "lstm 1", "lstm chrono",
)  # fmt: skip
SEEDS = range(3)
POINTS = [{"model": model, "seed": seed} for seed in SEEDS for model in MODELS]
SAME = {"first_losses": 1e-3, "hidden_size": 0, "learning_rate": 0}


def measure(model, seed):
    """What a run of `reach` keeps."""
    rate = lookup("reach_more_rates", task="copying", model=model)["best"]
    made = experiment("copying", model, LENGTHS["copying"][0], seed, rate, updates=4 * UPDATES)
    return outcome(run(made))

"""Which seeds solve a memory task of the shortest length in 6,000 updates.

`reach_rates` holds the networks, the sizes and the lengths; it and `reach_more_rates` chose the
learning rates. The longer lengths are those of `reach_further`.
"""

from experiments.grid import lookup
from experiments.reach_rates import LENGTHS, MODELS, experiment, outcome
from rnn_src.training import run

NEEDS = ("reach_more_rates",)
TASKS = ("sky", "adding", "temporal_order", "copying")  # copying last: there most runs are long
SEEDS = range(10)
POINTS = [
    {"task": task, "model": model, "length": LENGTHS[task][0], "seed": seed}
    for task in TASKS
    for model in MODELS
    for seed in SEEDS
]
SAME = {"first_losses": 1e-3, "hidden_size": 0, "learning_rate": 0}


def measure(task, model, length, seed):
    """Train until solved or 6,000 updates are over."""
    rate = lookup("reach_more_rates", task=task, model=model)["best"]
    return outcome(run(experiment(task, model, length, seed, rate)))

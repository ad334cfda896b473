"""How far the networks reach that solve a memory task of the shortest length with any seed.

Of a network that does not, in ten times 6,000 updates, the longer lengths are not run.
"""

from experiments import reach
from experiments.grid import lookup
from experiments.reach_rates import LENGTHS, MODELS

NEEDS = ("reach",)
POINTS = [
    {"task": task, "model": model, "length": length, "seed": seed}
    for task in reach.TASKS
    for length in LENGTHS[task][1:]
    for model in MODELS
    for seed in reach.SEEDS
]
SAME = {"first_losses": 1e-3, "hidden_size": 0, "learning_rate": 0}
NOT_RUN = {"solved": False, "updates": 0}


def measure(task, model, length, seed):
    """What a run of `reach` keeps, or that there was none."""
    shortest = [lookup("reach", task=task, model=model, seed=s) for s in reach.SEEDS]
    if not any(run["solved"] for run in shortest):
        return NOT_RUN
    return reach.measure(task, model, length, seed)

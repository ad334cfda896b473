"""The longest lengths again, at every other rate that solved half of them with all three seeds.

The rate of `reach` is the fastest at half the length. Whether it is also the one that reaches
furthest, only a run tells. Here are the networks that `reach_further` finds to solve the longest
length with fewer than nine of ten seeds, with the seeds of `reach`.
"""

from experiments.reach import SEEDS
from experiments.reach_rates import LENGTHS, experiment, outcome
from rnn_src.training import run

RATES = {
    ("sky", "orthogonal"): (1e-3,),
    ("sky", "lstm 1"): (1e-4,),
    ("adding", "tanh"): (3e-4,),
    ("adding", "orthogonal"): (3e-4,),
    ("adding", "omega"): (1e-3,),
    ("adding", "irnn"): (1e-3, 3e-3, 1e-2),
    ("temporal_order", "omega"): (3e-4, 3e-3),
    ("temporal_order", "lstm 0"): (1e-3,),
    ("temporal_order", "lstm 1"): (1e-3, 3e-3, 1e-1),
}
POINTS = [
    {"task": task, "model": model, "learning_rate": rate, "seed": seed}
    for (task, model), rates in RATES.items()
    for rate in rates
    for seed in SEEDS
]
SAME = {"first_losses": 1e-3, "hidden_size": 0}


def measure(task, model, learning_rate, seed):
    """What a run of `reach` keeps."""
    return outcome(run(experiment(task, model, LENGTHS[task][-1], seed, learning_rate)))

"""The one rate that `reach_more_rates` left untried where 0.3 was best: a learning rate of 1.

Same task, length and seeds, and given up by the same rule.
"""

from functools import partial

from experiments.grid import lookup
from experiments.reach_more_rates import by_place
from experiments.reach_rates import RATES, SEEDS, attempt, summary, trial

NEEDS = ("reach_more_rates",)
POINTS = [{"task": "sky", "model": model, "seed": SEEDS[0]} for model in ("gru 1", "lstm 0")]
SAME = {"best": 0}


def measure(task, model, seed):
    """Try it, and keep all trials, the earlier ones too."""
    tried = by_place(lookup("reach_more_rates", task=task, model=model)["trials"])
    attempt(tried, len(RATES) - 1, partial(trial, task, model, seed))
    return summary(tried)

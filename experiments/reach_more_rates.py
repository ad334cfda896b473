"""The rates of the comparison's memory tasks that the climb of `reach_rates` left out.

A climb can stop on the lower of two hills. So each of the six rates from 0.001 to 0.3 that it did
not try is tried here, by the same rule: on the same length, with the same seeds, and given up as
soon as it can no longer be the best. What is best of all rates is the rate of `reach`.
"""

from functools import partial

from experiments.grid import lookup
from experiments.reach_rates import MODELS, RATES, SEEDS, attempt, summary, trial

NEEDS = ("reach_rates",)
PLACES = range(3, 9)
TASKS = ("sky", "adding", "temporal_order", "copying")
POINTS = [{"task": task, "model": model, "seed": SEEDS[0]} for task in TASKS for model in MODELS]
SAME = {"best": 0}


def by_place(trials):
    """Outcomes by the places of their rates."""
    tried = {}
    for outcome in trials:
        tried.setdefault(RATES.index(outcome["learning_rate"]), []).append(outcome)
    return tried


def measure(task, model, seed):
    """Try what is left, and keep all trials, those of the climb too."""
    tried = by_place(lookup("reach_rates", task=task, model=model)["trials"])
    for place in PLACES:
        if place not in tried:
            attempt(tried, place, partial(trial, task, model, seed))
    return summary(tried)

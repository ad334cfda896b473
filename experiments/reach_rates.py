"""The networks of the comparison, and which learning rate suits each of them on each memory task.

The LSTM has 32 units. Every other network has as many units as fit into the LSTM's number of
weights on the same task, readout included. Adam, gradients clipped at norm 1, 16 sequences an
update. The two cells with gates start with three kinds of first biases: 0, 1, and chrono biases for
the number of steps of a sequence.

A rate is tried with three seeds that `reach` does not use, on the second longest of the lengths.
The search starts with three rates and climbs: as long as the best rate is the lowest or the highest
that was tried, the next one is tried too. The best rate solves the task with the most seeds; among
equals, in the fewest updates; and if no seed solves it, has the lowest mean loss. Where no seed
comes below nine tenths of the loss of guessing, noise would decide: there the six rates
from 0.0003 to 0.1 are tried, and the result is marked. A rate is given up as soon as it can no
longer beat the best one: once it has trained one seed for as many updates as that took for three.
"""

import functools

import numpy as np

from experiments.grid import rounded
from rnn_src.readout import init_readout
from rnn_src.scan import init
from rnn_src.tasks import TASKS
from rnn_src.training import Experiment, run

MODELS = {
    "tanh": {"cell": "rnn", "recurrent": "gaussian"},
    "orthogonal": {"cell": "rnn", "recurrent": "orthogonal"},
    "omega": {"cell": "rnn", "recurrent": "gaussian", "omega": 4.0},
    "leaky": {"cell": "rnn_leaky", "recurrent": "gaussian"},
    "irnn": {"cell": "rnn_relu", "recurrent": "identity"},
    "linear": {"cell": "rnn_linear", "recurrent": "orthogonal"},
    "gru 0": {"cell": "gru", "forget_bias": 0.0},
    "gru 1": {"cell": "gru", "forget_bias": 1.0},
    "gru chrono": {"cell": "gru"},
    "lstm 0": {"cell": "lstm", "forget_bias": 0.0},
    "lstm 1": {"cell": "lstm", "forget_bias": 1.0},
    "lstm chrono": {"cell": "lstm"},
}
LENGTHS = {
    "sky": (10, 20, 40, 80),
    "adding": (10, 20, 40, 80),
    "copying": (2, 5, 10, 20),
    "temporal_order": (10, 20, 40, 80),
}
UPDATES = 6_000
RATES = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
FIRST, MIDDLE = (4, 3, 5), range(2, 8)  # places in RATES
SEEDS = (100, 101, 102)
POINTS = [{"task": task, "model": model, "seed": SEEDS[0]} for task in LENGTHS for model in MODELS]
SAME = {"first_losses": 1e-3, "hidden_size": 0}


def weights(cell, task, hidden_size):
    """How many numbers a network of this cell has to learn for this task."""
    task, rng = TASKS[task](), np.random.default_rng(0)
    leaves = init(cell, task.input_size, hidden_size, rng)
    leaves += init_readout(hidden_size, task.output_size, rng)
    return sum(leaf.size for leaf in leaves)


@functools.cache
def hidden_size(cell, task):
    """The most units with which a network has no more weights than the LSTM of 32."""
    units, limit = 32, weights("lstm", task, 32)
    while weights(cell, task, units + 1) <= limit:
        units += 1
    return units


def experiment(task, model, length, seed, learning_rate, updates=UPDATES):
    """A run that ends at the first look that finds the task solved.

    A look is every 100 updates; on temporal order, whose test set is twenty times as large as those
    of the others, every 500. Solved are 99% of the sequences of the test set; or, where the loss
    tells more than a share, a tenth of the loss of guessing.
    """
    settings = dict(MODELS[model])
    made = TASKS[task](length)
    if model.endswith("chrono"):
        settings["chrono"] = float(len(made.test.x))
    if task in ("sky", "temporal_order"):
        settings["until"] = 0.99
    else:
        settings["until_loss"] = made.baseline / 10
    return Experiment(
        task=task,
        length=length,
        hidden_size=hidden_size(settings["cell"], task),
        batch_size=16,
        learning_rate=learning_rate,
        clip_norm=1.0,
        updates=updates,
        evaluate_every=min(500 if task == "temporal_order" else 100, updates),
        dtype="float32",
        seed=seed,
        **settings,
    )


def outcome(history):
    """What is kept of a run; the loss of one that diverged is null and counts as infinite."""
    e = history.experiment
    solved = history.diverged is None and (
        history.test_accuracy[-1] >= e.until
        if e.until is not None
        else history.test_loss[-1] <= e.until_loss
    )
    return {
        "solved": bool(solved),
        "updates": len(history.loss),
        "diverged": history.diverged,
        "loss": rounded(history.test_loss[-1] if history.diverged is None else np.inf),
        "accuracy": rounded(history.test_accuracy[-1], 4),
        "baseline": rounded(history.baseline),
        "hidden_size": e.hidden_size,
        "learning_rate": e.learning_rate,
        "first_losses": rounded(history.loss[:5]),
        "test_loss": rounded(history.test_loss[:: max(1, 1000 // e.evaluate_every)], 4),
    }


def judge(trials):
    """What orders rates, the best last: seeds that solve the task, updates, mean loss."""
    losses = [np.inf if trial["loss"] is None else trial["loss"] for trial in trials]
    solved = [trial["solved"] for trial in trials]
    made = sum(trial["updates"] if trial["solved"] else UPDATES for trial in trials)
    return sum(solved), -made, -np.mean(losses)


def best_of(tried):
    """The place of the best of the rates that were tried."""
    return max(tried, key=lambda place: judge(tried[place]))


def beyond(tried, best):
    """The place next to the best one, if that is at an edge of those tried and RATES goes on."""
    place = {min(tried): best - 1, max(tried): best + 1}.get(best)
    return place if place in range(len(RATES)) else None


def at_guessing(tried):
    """Whether no seed at any rate came below nine tenths of the loss of guessing."""
    outcomes = [t for ts in tried.values() for t in ts]
    return all(t["loss"] is None or t["loss"] > 0.9 * t["baseline"] for t in outcomes)


def attempt(tried, place, trial):
    """Add the outcomes at one more rate, with as many updates as can still make it the best.

    `trial` takes a place in RATES and a limit of updates, and returns the outcomes of its seeds.
    """
    limit, best = UPDATES, tried[best_of(tried)] if tried else []
    if best and all(t["solved"] for t in best):
        limit = min(limit, sum(t["updates"] for t in best))
    tried[place] = trial(place, limit)


def climb(trial):
    """Try rates until the best one is not at an edge, or until noise would choose."""
    tried = {}
    for place in FIRST:
        attempt(tried, place, trial)
    if at_guessing(tried):
        for place in set(MIDDLE) - set(tried):
            attempt(tried, place, trial)
    while not at_guessing(tried) and (place := beyond(tried, best_of(tried))) is not None:
        attempt(tried, place, trial)
    return tried


def trial(task, model, seed, place, limit):
    """The outcomes of three seeds at one rate; the first that ends a limited search unsolved."""
    outcomes = []
    for s in range(seed, seed + len(SEEDS)):
        e = experiment(task, model, LENGTHS[task][2], s, RATES[place], updates=limit)
        outcomes.append(outcome(run(e)))
        if limit < UPDATES and not outcomes[-1]["solved"]:
            break
    return outcomes


def summary(tried):
    """The best rate, whether noise chose it, and all trials in the order of their rates."""
    return {
        "best": RATES[best_of(tried)],
        "undecided": at_guessing(tried),
        "trials": [t for place in sorted(tried) for t in tried[place]],
    }


def measure(task, model, seed):
    """Climb, and keep all trials."""
    tried = climb(functools.partial(trial, task, model, seed))
    first = tried[FIRST[0]][0]
    return summary(tried) | {
        "hidden_size": first["hidden_size"],
        "first_losses": first["first_losses"],
    }

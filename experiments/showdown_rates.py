"""Which learning rate suits each network of the showdown on each task: one short run for each.

Half of the showdown's updates, with a seed that the showdown does not use. The judge is the
training loss, so the test set chooses nothing. Only the first five losses are kept for comparison:
at the highest rates training amplifies rounding within a few updates.
"""

import numpy as np

from experiments import showdown
from rnn_src.training import run

RATES = (3e-4, 1e-3, 3e-3, 1e-2)
POINTS = [
    {"task": task, "model": model, "learning_rate": rate, "seed": 100}
    for task in showdown.LENGTHS
    for model in showdown.MODELS
    for rate in RATES
]
SAME = {"first_losses": 1e-3}


def measure(task, model, learning_rate, seed):
    """Train; the mean loss of the last tenth, infinite for a run that diverged."""
    updates = showdown.UPDATES[task] // 2
    history = run(showdown.experiment(task, model, seed, learning_rate, updates))
    last = np.inf if history.diverged is not None else history.loss[-updates // 10 :].mean()
    return {
        "last_loss": float(last),
        "diverged": history.diverged,
        "first_losses": [round(float(loss), 6) for loss in history.loss[:5]],
    }

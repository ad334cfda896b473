"""Text once more, at the rate below the one that `race_rates` chose.

A rate was chosen in a quarter of the updates, and a longer run may want a smaller one. So the three
networks whose order on text a chapter discusses run there again, with the seeds of `race`.
"""

from experiments.grid import lookup, rounded
from experiments.race_rates import RATES, experiment
from rnn_src.training import run

NEEDS = ("race_rates",)
POINTS = [
    {"task": "characters", "model": model, "seed": seed}
    for model in ("lstm 1", "tanh", "gru 1")
    for seed in range(10)
]
SAME = {"first_losses": 1e-3, "learning_rate": 0}


def measure(task, model, seed):
    """Train, and keep the curve of the test set."""
    best = lookup("race_rates", task=task, model=model)["best"]
    history = run(experiment(task, model, seed, RATES[RATES.index(best) - 1]))
    return {
        "diverged": history.diverged,
        "learning_rate": history.experiment.learning_rate,
        "first_losses": rounded(history.loss[:5]),
        "test_updates": history.test_updates.tolist(),
        "test_loss": rounded(history.test_loss, 5),
    }

"""Real digits read pixel by pixel, and text: eight networks, 6,000 updates, ten seeds.

`race_rates` chose the learning rates.
"""

from experiments.grid import lookup, rounded
from experiments.race_rates import LENGTHS, NETWORKS, experiment
from rnn_src.training import run

NEEDS = ("race_rates",)
POINTS = [
    {"task": task, "model": model, "seed": seed}
    for task in LENGTHS
    for model in NETWORKS
    for seed in range(10)
]
SAME = {"first_losses": 1e-3, "hidden_size": 0, "learning_rate": 0}


def measure(task, model, seed):
    """Train, and keep both curves of the test set."""
    rate = lookup("race_rates", task=task, model=model)["best"]
    history = run(experiment(task, model, seed, rate))
    return {
        "diverged": history.diverged,
        "baseline": rounded(history.baseline),
        "hidden_size": history.experiment.hidden_size,
        "learning_rate": history.experiment.learning_rate,
        "first_losses": rounded(history.loss[:5]),
        "test_updates": history.test_updates.tolist(),
        "test_loss": rounded(history.test_loss, 5),
        "test_accuracy": rounded(history.test_accuracy, 4),
    }

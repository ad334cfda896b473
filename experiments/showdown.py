"""Every cell and repair of the book on six tasks, with equally many weights.

The LSTM has 32 units. Every other network has as many units as fit into the LSTM's number of
weights on the same task, readout included. Adam, gradients clipped at norm 1, 32 sequences an
update, the same number of updates for all on a task. A network's learning rate on a task is the one
of four that `showdown_rates` found best.
"""

from experiments.grid import load
from experiments.reach_rates import hidden_size
from rnn_src.training import Experiment, run

MODELS = {
    "tanh": {"cell": "rnn", "recurrent": "gaussian"},
    "orthogonal": {"cell": "rnn", "recurrent": "orthogonal"},
    "omega": {"cell": "rnn", "recurrent": "gaussian", "omega": 4.0},
    "leaky": {"cell": "rnn_leaky", "recurrent": "gaussian"},
    "irnn": {"cell": "rnn_relu", "recurrent": "identity"},
    "linear": {"cell": "rnn_linear", "recurrent": "orthogonal"},
    "gru": {"cell": "gru", "forget_bias": 1.0},
    "lstm": {"cell": "lstm", "forget_bias": 1.0},
}
LENGTHS = {
    "adding": 150,
    "copying": 100,
    "temporal_order": 50,
    "digit_pixels": None,
    "characters": 50,
    "sky": 60,
}
UPDATES = {
    "adding": 6_000,
    "copying": 5_000,
    "temporal_order": 3_000,
    "digit_pixels": 4_000,
    "characters": 3_000,
    "sky": 1_500,
}
LOOKS = 20
POINTS = [
    {"task": task, "model": model, "seed": seed}
    for task in LENGTHS
    for model in MODELS
    for seed in range(5)
]
SAME = {"first_losses": 1e-3, "hidden_size": 0}


def experiment(task, model, seed, learning_rate, updates=None):
    """One run."""
    updates = updates or UPDATES[task]
    settings = MODELS[model]
    return Experiment(
        task=task,
        length=LENGTHS[task],
        hidden_size=hidden_size(settings["cell"], task),
        learning_rate=learning_rate,
        clip_norm=1.0,
        updates=updates,
        evaluate_every=max(1, updates // LOOKS),
        dtype="float32",
        seed=seed,
        **settings,
    )


def rate(task, model):
    """The learning rate of lowest training loss, a mean over the last tenth of the trial."""
    trials = {
        line["point"]["learning_rate"]: line["result"]["last_loss"]
        for line in load("showdown_rates")
        if (line["point"]["task"], line["point"]["model"]) == (task, model)
    }
    return min(trials, key=trials.get)


def curves(history):
    """What is kept of a run: its first losses and both curves of the test set."""
    return {
        "diverged": history.diverged,
        "first_losses": [round(float(loss), 6) for loss in history.loss[:20]],
        "test_updates": history.test_updates.tolist(),
        "test_loss": [round(float(loss), 6) for loss in history.test_loss],
        "test_accuracy": [round(float(a), 4) for a in history.test_accuracy],
    }


def measure(task, model, seed):
    """Train, and keep both curves of the test set."""
    history = run(experiment(task, model, seed, rate(task, model)))
    return {
        "hidden_size": history.experiment.hidden_size,
        "learning_rate": history.experiment.learning_rate,
        "baseline": history.baseline,
        **curves(history),
    }

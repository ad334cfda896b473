"""Adding two marked numbers over 150 steps: a tanh network, a ReLU network and an LSTM.

The task is that of Arjovsky, Shah and Bengio (2016); the ReLU network that starts at the identity
is that of Le, Jaitly and Hinton (2015). Adam, gradients clipped at norm 1, 6,000 updates of 32
sequences; the LSTM has 32 units, the others as many as fit into its number of weights.
"""

from experiments.grid import rounded
from experiments.reach_rates import MODELS, hidden_size
from rnn_src.training import Experiment, run

RATES = {"tanh": 1e-3, "irnn": 3e-3, "lstm 1": 1e-2}
POINTS = [{"model": model, "seed": seed} for model in RATES for seed in range(5)]
SAME = {"first_losses": 1e-3, "hidden_size": 0}


def experiment(model, seed, updates=6_000):
    """The run of one point."""
    return Experiment(
        task="adding",
        length=150,
        hidden_size=hidden_size(MODELS[model]["cell"], "adding"),
        learning_rate=RATES[model],
        clip_norm=1.0,
        updates=updates,
        evaluate_every=min(300, updates),
        dtype="float32",
        seed=seed,
        **MODELS[model],
    )


def measure(model, seed):
    """Train, and keep the last test loss, null if the run diverged."""
    history = run(experiment(model, seed))
    return {
        "diverged": history.diverged,
        "loss": rounded(history.test_loss[-1]),
        "baseline": rounded(history.baseline),
        "hidden_size": history.experiment.hidden_size,
        "first_losses": rounded(history.loss[:5]),
    }

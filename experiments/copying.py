"""Copying ten symbols after a wait of 100 steps: a linear orthogonal network against an LSTM.

The task is that of Arjovsky, Shah and Bengio (2016); the linear networks are those of Henaff, Szlam
and LeCun (2016). RMSprop, every entry of a gradient clipped at 1, 6,000 updates of 20 sequences.
The LSTM has 8,160 weights in its cell, the linear networks 17,792.
"""

from rnn_src.training import Experiment, run

MODELS = {
    "linear orthogonal": {"cell": "rnn_linear", "hidden_size": 128, "recurrent": "orthogonal"},
    "linear identity": {"cell": "rnn_linear", "hidden_size": 128, "recurrent": "identity"},
    "lstm": {"cell": "lstm", "hidden_size": 40, "forget_bias": 1.0, "learning_rate": 1e-3},
}
POINTS = [{"model": model, "seed": seed} for model in MODELS for seed in range(5)]
SAME = {"first_losses": 1e-3, "below_a_tenth": 0}


def experiment(model, seed, updates=6000):
    """The run of one point."""
    settings = {"learning_rate": 1e-4} | MODELS[model]
    return Experiment(
        task="copying",
        length=100,
        batch_size=20,
        optimizer="rmsprop",
        clip_value=1.0,
        updates=updates,
        evaluate_every=min(200, updates),
        dtype="float32",
        seed=seed,
        **settings,
    )


def measure(model, seed):
    """Train, and keep the curve of the test loss; the baseline is 10 ln 8 / 120 nats a step."""
    history = run(experiment(model, seed))
    return {
        "loss": round(float(history.test_loss[-1]), 6),
        "baseline": history.baseline,
        "below_a_tenth": bool(history.test_loss[-1] < history.baseline / 10),
        "diverged": history.diverged,
        "first_losses": [round(float(loss), 6) for loss in history.loss[:20]],
        "test_updates": history.test_updates.tolist(),
        "test_loss": [round(float(loss), 6) for loss in history.test_loss],
    }

"""What the rate of the update gate does to a GRU that starts with its gate half shut.

The sky sentence over 40 words, as in `reach_rates`, first biases 0. The weights and biases of the
update gate learn at one rate, everything else at another; 0 holds the gate at its first weights. A
run ends when 99% of the test sentences are right, or after 1,000 updates.
"""

import numpy as np

from experiments.grid import rounded
from experiments.reach_rates import experiment
from rnn_src import backward, forward
from rnn_src.optimizers import adam, clip_by_norm
from rnn_src.tasks import TASKS
from rnn_src.training import evaluate, loss_and_gradients, new_model
from rnn_src.trees import tree_map

UPDATES, EVERY = 1_000, 25
PAIRS = [(0.1, 0.1), (0.1, 0.003), (0.003, 0.1), (0.0, 0.1), (0.003, 0.003)]
POINTS = [{"gate": gate, "rest": rest, "seed": s} for gate, rest in PAIRS for s in range(10)]
SAME = {"first_losses": 1e-3}


def kept(e, cell, lag=40, part="h"):
    """What is left, lag steps back, of a random derivative at the end."""
    rng, H = np.random.default_rng(7), e.hidden_size
    x = TASKS[e.task](e.length).batch(rng, 32).x.astype(cell.W.dtype)
    states, _ = forward(e.cell, cell, x)
    _, tape = forward(e.cell, cell, x[-lag:], states[-lag - 1])
    rows = slice(0, H) if part == "h" else slice(H, 2 * H)  # c below h
    dstates = np.zeros((lag, *states.shape[1:]), states.dtype)
    dstates[-1, :, rows] = rng.choice([-1, 1], (32, H))
    back = backward(e.cell, cell, tape, dstates)[2][:, rows]
    return np.linalg.norm(back) / np.linalg.norm(dstates)


def open_part(cell, H):
    """The share of update gates above sigma(2) on real sentences."""
    x = TASKS["sky"](40).batch(np.random.default_rng(7), 32).x.astype(cell.W.dtype)
    states, _ = forward("gru", cell, x)
    rows = slice(H, 2 * H)
    a = states[:-1] @ cell.W[rows].T + x @ cell.U[rows].T + cell.b[rows]
    return np.mean(a > 2)


def scaled(model, gate, rest):
    """A tree like the model that holds the rate of each of its numbers."""
    rates = tree_map(lambda leaf: np.full_like(leaf, rest), model)
    H = model.cell.W.shape[1]
    for leaf in (rates.cell.W, rates.cell.U, rates.cell.b):
        leaf[H : 2 * H] = gate  # the rows of the update gate
    return rates


def measure(gate, rest, seed):
    """Train, and keep a look at every 25 updates."""
    e = experiment("sky", "gru 0", 40, seed, 1.0)
    model, task = new_model(e), TASKS["sky"](40)
    rates, optimizer = scaled(model, gate, rest), adam(1.0)
    state, rng = optimizer.init(model), np.random.default_rng([seed, 1])
    looks, losses = [], []
    for update in range(UPDATES + 1):
        if update % EVERY == 0:
            right = evaluate(e.cell, model, task.test)[1]
            looks.append((update, kept(e, model.cell), open_part(model.cell, e.hidden_size), right))
            if right >= 0.99:
                break
        loss, grads = loss_and_gradients(e.cell, model, task.batch(rng, e.batch_size), task.loss)
        losses.append(loss)
        grads, _ = clip_by_norm(grads, e.clip_norm)
        full, state = optimizer.update(grads, state, model)
        model = tree_map(lambda old, new, rate: old + rate * (new - old), model, full, rates)
    updates, *curves = zip(*looks, strict=True)
    return {
        "solved": bool(curves[-1][-1] >= 0.99),
        "updates": list(updates),
        "kept": [float(f"{share:.3g}") for share in curves[0]],
        "open": rounded(curves[1], 3),
        "accuracy": rounded(curves[2], 3),
        "first_losses": rounded(losses[:5]),
    }

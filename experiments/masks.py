"""Dropout on the state of a network that must hold a number, or a sign, through silence.

A tanh network of 32 units hears a number at the first step and must say it after 1 to 20 steps.
Each unit is kept with probability 0.8, and divided by it. The mask stands on the state before each
step, drawn anew or once for each sequence, or only between the last state and the readout. Adam,
rate 0.003, clipped at norm 1, 600 updates of 64 sequences.
"""

import numpy as np

from experiments.grid import rounded
from rnn_src import backward, forward, init
from rnn_src.optimizers import adam, clip_by_norm
from rnn_src.readout import init_readout, mean_squared_error, readout, readout_backward
from rnn_src.trees import tree_map

UNITS, KEEP, LONGEST, LAGS = 32, 0.8, 20, 40
POINTS = [
    {"held": held, "mask": mask, "seed": seed}
    for held, mask in (
        ("number", "anew"),
        ("number", "one"),
        ("number", "between"),
        ("sign", "anew"),
    )
    for seed in range(3)
]
SAME = {"first_losses": 1e-3}


def draw_masks(rng, mask, steps, batch):
    """Masks of the state (T, B, H) and of the readout (B, H), divided by KEEP: 1 on average."""
    ones = np.ones((steps, batch, UNITS))

    def drawn(count):
        return (rng.random((count, batch, UNITS)) < KEEP) / KEEP

    if mask == "between":
        return ones, drawn(1)[0]
    return (drawn(steps) if mask == "anew" else drawn(1) * ones), ones[0]


def forward_masked(cell, params, x, masks):
    """The last state and the tapes; masks stand before each step."""
    h, tapes = np.zeros(masks.shape[1:]), []
    for x_t, mask in zip(x, masks):
        states, tape = forward(cell, params, x_t[None], mask * h)
        h = states[-1]
        tapes.append(tape)
    return h, tapes


def backward_masked(cell, params, tapes, masks, dh):
    """The gradients, from that of the last state."""
    total = tree_map(np.zeros_like, params)
    for tape, mask in zip(tapes[::-1], masks[::-1]):
        grads, _, ds = backward(cell, params, tape, dh[None])
        total = tree_map(np.add, total, grads)
        dh = mask * ds
    return total


def draw(rng, held, batch):
    """The numbers, or signs, (B, 1)."""
    return (
        rng.uniform(-1, 1, (batch, 1)) if held == "number" else rng.choice([-1.0, 1.0], (batch, 1))
    )


def spoken(value, steps):
    """The value at the first step, then silence (T, B, 1)."""
    return np.concatenate([value[None], np.zeros((steps - 1, *value.shape))])


def gradients(model, value, masks, last):
    """The squared error and its gradients."""
    params, out = model
    h, tapes = forward_masked("rnn", params, spoken(value, len(masks)), masks)
    loss, do = mean_squared_error(readout(out, last * h), value)
    out_grads, dh = readout_backward(out, last * h, do)
    return loss, (backward_masked("rnn", params, tapes, masks, last * dh), out_grads)


def train(held, mask, seed, updates=600):
    """The model, and the loss of each update."""
    rng = np.random.default_rng([seed, 0])
    model = init("rnn", 1, UNITS, rng), init_readout(UNITS, 1, rng)
    rng, optimizer = np.random.default_rng([seed, 1]), adam(3e-3)
    state, losses = optimizer.init(model), []
    for _ in range(updates):
        masks, last = draw_masks(rng, mask, int(rng.integers(1, LONGEST + 1)), 64)
        loss, grads = gradients(model, draw(rng, held, 64), masks, last)
        grads, _ = clip_by_norm(grads, 1.0)
        model, state = optimizer.update(grads, state, model)
        losses.append(loss)
    return model, losses


def readable(state, value):
    """R^2 of the best linear readout, fitted on half of the sequences, tested on the other.

    Directions of the states below a thousandth of the largest are left out of the fit.
    """
    known = np.column_stack([state, np.ones(len(state))])
    half = len(state) // 2
    weights = np.linalg.lstsq(known[:half], value[:half], rcond=1e-3)[0]
    return 1 - np.mean((known[half:] @ weights - value[half:]) ** 2) / np.var(value[half:])


def share_left(model, held, mask, lags=LAGS):
    """How much of the value can be read from the masked state, 1 to `lags` steps after it."""
    rng = np.random.default_rng(7)
    value, h, found = draw(rng, held, 2000), np.zeros((2000, UNITS)), []
    masks, last = draw_masks(rng, mask, lags + 1, 2000)
    for x_t, m in zip(spoken(value, lags + 1), masks):
        h = forward("rnn", model[0], x_t[None], m * h)[0][-1]
        found.append(readable(last * h, value))
    return found[1:]


def measure(held, mask, seed, updates=600):
    """Train; then the share of what is held that is left, by lag."""
    model, losses = train(held, mask, seed, updates)
    return {
        "first_losses": rounded(losses[:20]),
        "last_loss": rounded(np.mean(losses[-100:])),
        "left": rounded(share_left(model, held, mask)),
    }

"""Letters of a text read through vectors of d numbers, and as one-hot rows.

A tanh network of 32 units on the manual's letters, 20 steps; Adam, rate 0.005,
clipped at norm 1, 300 updates of 32 sequences. The vectors are
drawn so that U' E has entries of the size of the one-hot U's.
"""

import numpy as np

from experiments.grid import rounded
from rnn_src import backward, forward, init
from rnn_src.optimizers import adam, clip_by_norm
from rnn_src.readout import init_readout, readout, readout_backward, softmax_cross_entropy
from rnn_src.tasks import characters

UNITS, LETTERS, DTYPE = 32, 32, np.float32
SIZES = (1, 2, 4, 8, 16)
POINTS = [{"size": size, "seed": seed} for size in (0, *SIZES) for seed in range(3)]
SAME = {"first_losses": 1e-3}


def fresh(size, rng):
    """Vectors (32, d), cell and readout; with d = 0 the vectors are the one-hot rows."""
    vectors = np.eye(LETTERS, dtype=DTYPE)
    if size:
        vectors = (rng.standard_normal((LETTERS, size)) / np.sqrt(LETTERS)).astype(DTYPE)
    cell = init("rnn", vectors.shape[1], UNITS, rng, DTYPE)
    return vectors, cell, init_readout(UNITS, LETTERS, rng, DTYPE)


def embedding_backward(letters, dx, vectors):
    """Add up what every use of a letter says of its vector."""
    grads = np.zeros_like(vectors)
    np.add.at(grads, letters, dx)
    return grads


def gradients(model, batch):
    """The loss in nats, and the gradients of all three parts."""
    vectors, cell, out = model
    letters = batch.x.argmax(axis=2)
    states, tape = forward("rnn", cell, vectors[letters])
    loss, do = softmax_cross_entropy(readout(out, states[1:]), batch.targets, batch.mask)
    out_grads, dh = readout_backward(out, states[1:], do)
    grads, dx, _ = backward("rnn", cell, tape, dh)
    return loss, (embedding_backward(letters, dx, vectors), grads, out_grads)


def bits(model, batch):
    """The loss in bits a letter."""
    vectors, cell, out = model
    states, _ = forward("rnn", cell, vectors[batch.x.argmax(axis=2)])
    o = readout(out, states[1:])
    return softmax_cross_entropy(o, batch.targets, batch.mask)[0] / np.log(2)


def cut(cell, rank):
    """The cell with the best approximation of U of this rank (Eckart and Young)."""
    left, values, right = np.linalg.svd(cell.U, full_matrices=False)
    return cell._replace(U=(left[:, :rank] * values[:rank]) @ right[:rank])


def measure(size, seed, updates=300):
    """Train and test; of the one-hot network also with its U cut to each rank afterwards."""
    model, task = fresh(size, np.random.default_rng([seed, 0])), characters(20)
    rng, optimizer = np.random.default_rng([seed, 1]), adam(5e-3)
    state, losses = optimizer.init(model), []
    for _ in range(updates):
        loss, grads = gradients(model, task.batch(rng, 32))
        grads, _ = clip_by_norm(grads, 1.0)
        trained, state = optimizer.update(grads, state, model)
        model = trained if size else (model[0], *trained[1:])
        losses.append(loss)
    vectors, cell, out = model
    after = [] if size else [bits((vectors, cut(cell, k), out), task.test) for k in SIZES]
    return {
        "bits": rounded(bits(model, task.test)),
        "cut": rounded(after),
        "first_losses": rounded(losses[:20]),
    }

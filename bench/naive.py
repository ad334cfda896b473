"""The textbook's vanilla network in loops that a reader writes first, one sequence or one batch.

`bptt` is the cell of the chapter on BPTT, letter by letter: a test compares the two.
"""

import numpy as np


def bptt(W, U, b, x, h, dh):
    """Gradients of one sequence: inputs x (T, D), states h (T+1, H)
    from h_0 on, immediate derivatives dh (T, H)."""
    dW, dU, db = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    back = np.zeros(len(b))
    for t in reversed(range(len(x))):
        g = dh[t] + back
        delta = (1 - h[t + 1] ** 2) * g
        dW += np.outer(delta, h[t])
        dU += np.outer(delta, x[t])
        db += delta
        back = W.T @ delta
    return dW, dU, db, back


def naive_step(W, U, b, x, dh):
    """One sequence: the loop forward, and `bptt`."""
    h = np.zeros((len(x) + 1, len(b)))
    for t, x_t in enumerate(x):
        h[t + 1] = np.tanh(W @ h[t] + U @ x_t + b)
    return bptt(W, U, b, x, h, dh)


def batch_step(W, U, b, x, dh):
    """The same loop for a whole batch, and with the gradient of the inputs."""
    h = np.zeros((len(x) + 1, x.shape[1], len(b)))
    for t, x_t in enumerate(x):
        h[t + 1] = np.tanh(h[t] @ W.T + x_t @ U.T + b)
    dW, dU, db = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    dx, back = np.empty_like(x), 0.0
    for t in reversed(range(len(x))):
        delta = (1 - h[t + 1] ** 2) * (dh[t] + back)
        dW += delta.T @ h[t]
        dU += delta.T @ x[t]
        db += delta.sum(axis=0)
        dx[t], back = delta @ U, delta @ W
    return dW, dU, db, dx

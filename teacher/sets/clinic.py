"""Seven networks from a seed: six are ill, each in its own way, and one is well.

This file says how a network falls ill, and not which of them has: the seed decides their order, and
a teacher has another seed.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from grade import PUBLIC, generator

from rnn_src import forward, init
from rnn_src.gradient_flow import lyapunov_exponents
from rnn_src.initializers import forget_bias, gaussian, orthogonal, spectral_radius
from rnn_src.readout import Readout, readout, softmax_cross_entropy
from rnn_src.scan import jacobians

SICKNESSES = (
    "forgets",
    "explodes",
    "closed gates",
    "transposed",
    "padding",
    "diluted",
    "healthy",
)


class Patient(NamedTuple):
    """A network, what it reads, and what its owner reports of it.

    Parameters
    ----------
    name : str
        A letter.
    cell : str
        "rnn" or "lstm".
    params : NamedTuple
        As they were loaded from the library in which the network was trained.
    x, lengths : (T, B, D) ndarray, (B,) ndarray
        A batch, padded.
    states : (T+1, B, S) ndarray
        What the library in which it was trained makes of this batch; each state is carried over its
        padding.
    last : (B, H) ndarray
        The h from which the network answers, one a sequence.
    o, targets : (T, B, K) ndarray, (T, B) ndarray
        Outputs of a readout at every step, and the right answers.
    loss : float
        The mean cross-entropy that is reported of them.
    """

    name: str
    cell: str
    params: NamedTuple
    x: np.ndarray
    lengths: np.ndarray
    states: np.ndarray
    last: np.ndarray
    o: np.ndarray
    targets: np.ndarray
    loss: float


def ward(seed):
    """The seven, A to G, each with what it has."""
    rng = generator(seed, "ward")
    order = rng.permutation(SICKNESSES)
    return [admit(letter, str(sickness), rng) for letter, sickness in zip("ABCDEFG", order)]


def patients(seed=PUBLIC):
    """The seven, A to G; of another seed, seven others in another order."""
    return [patient for patient, _ in ward(seed)]


def admit(letter, sickness, rng, B=6, D=2, K=3):
    """A patient with this sickness, and its name."""
    T, H = int(rng.integers(28, 37)), int(rng.integers(9, 13))
    # only one sequence of the exploding patient is full: else the median may not see the padding
    full = 1 if sickness == "explodes" else int(rng.integers(1, 4))
    lengths = np.concatenate([[T] * full, rng.integers(T // 2, T - 1, B - full)])
    x = rng.normal(size=(T, B, D)) * (np.arange(T)[:, None] < lengths)[..., None]
    cell, params = born(sickness, rng, D, H, x, lengths)
    states, _ = forward(cell, params, x, lengths=lengths)
    last = states[-1, :, :H]
    if sickness == "padding":
        last = forward(cell, params, x)[0][-1, :, :H]
    out = Readout(rng.normal(size=(K, H)), rng.normal(size=K))
    o, targets = readout(out, states[1:, :, :H]), rng.integers(0, K, (T, B))
    real = np.arange(T)[:, None] < lengths
    loss = softmax_cross_entropy(o, targets, real)[0]
    if sickness == "diluted":
        loss *= real.mean()
    if sickness == "transposed":
        blocks = params.W.reshape(-1, H, H).swapaxes(1, 2)
        params = params._replace(W=blocks.reshape(params.W.shape).copy())
    patient = Patient(letter, cell, params, x, lengths, states, last, o, targets, float(loss))
    return patient, sickness


def born(sickness, rng, D, H, x, lengths):
    """A cell and its parameters: those of a network that is well, or those that make it ill."""
    inputs = partial(gaussian, gain=0.05)
    if sickness == "forgets":
        radius = partial(spectral_radius, rho=rng.uniform(0.4, 0.6))
        return "rnn", init("rnn", D, H, rng, recurrent=radius, input_weights=inputs)
    while sickness == "explodes":  # some draws settle into a cycle, and are drawn again
        gain = partial(gaussian, gain=rng.uniform(2.5, 3.5))
        params = init("rnn", D, H, rng, recurrent=gain, input_weights=gaussian)
        J = jacobians("rnn", params, x, lengths=lengths)
        # a larger one would make roundings visible in the states
        if 0.1 < np.median(lyapunov_exponents(J, 1)) < 0.3:
            return "rnn", params
    if sickness == "closed gates" or rng.random() < 0.5:
        keeps = rng.uniform(-2, -1) if sickness == "closed gates" else rng.uniform(3, 4)
        weak = partial(orthogonal, gain=0.1)
        params = init("lstm", D, H, rng, recurrent=weak, input_weights=inputs)
        return "lstm", forget_bias(params, keeps)
    return "rnn", init("rnn", D, H, rng, recurrent=orthogonal, input_weights=inputs)

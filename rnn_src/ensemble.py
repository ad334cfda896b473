"""Vanilla networks of one shape, trained side by side: every array has one axis more, N, in front.

N small networks take N small matrix products a step; side by side it is one call for all of them.
Introduced in :ref:`ch-agreement`.
"""

import time
from dataclasses import replace

import numpy as np

from rnn_src import checks
from rnn_src.cells import CELLS
from rnn_src.optimizers import OPTIMIZERS, clip_by_norm
from rnn_src.readout import Readout
from rnn_src.training import LOSSES, Experiment, History, Model, new_model, task_of
from rnn_src.trees import tree_map, tree_norm

__all__ = ["evaluate", "loss_and_gradients", "run_all", "stacked"]

VANILLA = {name: CELLS[name] for name in ("rnn", "rnn_relu", "rnn_linear")}


def stacked(models):
    """N models as one, whose leaves have an axis of N in front.

    Parameters
    ----------
    models : sequence of Model
        Of one shape.

    Returns
    -------
    Model
        W (N, H, H), U (N, H, D), b (N, H), V (N, O, H) and c (N, O).

    Raises
    ------
    ValueError
        If there is no model, or their leaves differ in shape.

    Notes
    -----
    See :ref:`ch-agreement`.

    Examples
    --------
    >>> models = [new_model(Experiment(hidden_size=4, seed=seed)) for seed in range(3)]
    >>> stacked(models).cell.W.shape
    (3, 4, 4)
    """
    models = [*models]
    if not models:
        raise ValueError("models must hold at least one model, got none")
    return tree_map(lambda *leaves: np.stack(leaves), *models)


def loss_and_gradients(cell, model, x, targets, loss="cross_entropy"):
    """One pass forward and back through N networks, each with a loss on its last outputs.

    Parameters
    ----------
    cell : str
        "rnn", "rnn_relu" or "rnn_linear".
    model : Model
        As `stacked` returns it.
    x : (N, T, B, D) array
        A batch for each network.
    targets : (N, B) array of int, or (N, B, O) array
        What the outputs at the last step should be.
    loss : {"cross_entropy", "squared_error"}
        Averaged over the B sequences of each network.

    Returns
    -------
    values : (N,) ndarray
        The loss of each network.
    grads : Model
        Its gradients, stacked.

    Raises
    ------
    ValueError
        If the cell or the loss is another one, shapes do not fit, or as the losses say.

    Notes
    -----
    :eq:`eq-bptt-gradients` of :ref:`ch-bptt` for each network, equal to
    `rnn_src.training.loss_and_gradients` to rounding. See :ref:`ch-agreement`.

    Examples
    --------
    >>> models = [new_model(Experiment(hidden_size=4, seed=seed)) for seed in range(3)]
    >>> x, targets = np.ones((3, 5, 2, 2)), np.zeros((3, 2, 1))
    >>> values, grads = loss_and_gradients("rnn", stacked(models), x, targets, "squared_error")
    >>> values.shape, grads.cell.W.shape
    ((3,), (3, 4, 4))
    """
    record = checks.choice("cell", cell, VANILLA)
    x, h, o = _read(record, model, x)
    values, do = _scores(loss, o, targets)
    W, V = model.cell.W, model.readout.V
    (N, T, B, D), H = x.shape, W.shape[-1]
    delta = np.empty_like(h[:, 1:])
    record.slopes(None, h[:, :-1], h[:, 1:], delta)
    dh = do @ V
    for t in reversed(range(T)):
        record.step_back(dh, delta[:, t], delta[:, t])
        dh = delta[:, t] @ W
    delta = delta.reshape(N, T * B, H)
    by_W = delta.mT @ h[:, :-1].reshape(N, T * B, H)
    by_U = delta.mT @ x.reshape(N, T * B, D)
    of_cell = type(model.cell)(by_W, by_U, delta.sum(axis=1))
    return values, Model(of_cell, Readout(do.mT @ h[:, -1], do.sum(axis=1)))


def evaluate(cell, model, x, targets, loss="cross_entropy"):
    """Losses and accuracies of N networks at their last steps, without gradients.

    Parameters
    ----------
    cell : str
        "rnn", "rnn_relu" or "rnn_linear".
    model : Model
        As `stacked` returns it.
    x : (N, T, B, D) or (1, T, B, D) array
        A batch for each network, or one for all.
    targets : (N, B) array of int, or (N, B, O) array
        What the outputs at the last step should be; the first axis may be 1, too.
    loss : {"cross_entropy", "squared_error"}
        Averaged over the B sequences of each network.

    Returns
    -------
    values : (N,) ndarray
        The loss of each network.
    accuracies : (N,) ndarray
        The share of sequences whose largest output is the target; NaN for a regression.

    Raises
    ------
    ValueError
        If the cell or the loss is another one, shapes do not fit, or as the losses say.

    Notes
    -----
    See :ref:`ch-agreement`.

    Examples
    --------
    >>> from rnn_src.tasks import TASKS
    >>> e = Experiment(task="sky", length=7, hidden_size=4)
    >>> test = TASKS["sky"](7).test
    >>> of_all = test.x[None], test.targets[-1][None]
    >>> values, accuracies = evaluate("rnn", stacked([new_model(e)]), *of_all)
    >>> bool(0 <= accuracies[0] <= 1)
    True
    """
    o = _read(checks.choice("cell", cell, VANILLA), model, x)[2]
    if len(targets) == 1:
        targets = np.broadcast_to(targets, (len(o), *np.shape(targets)[1:]))
    values, _ = _scores(loss, o, targets)
    if loss == "squared_error":
        return values, np.full(len(o), np.nan)
    return values, np.mean(o.argmax(axis=-1) == targets, axis=1)


def run_all(experiments):
    """What `rnn_src.training.run` does with each of some experiments that differ in seed and gain.

    Parameters
    ----------
    experiments : sequence of Experiment
        With a vanilla cell and a task that asks at its last step. Truncated BPTT, Omega, clipping
        by value and an end by what is reached are not for networks side by side.

    Returns
    -------
    list of History
        Equal to those of `run` to rounding; `seconds` is the time of all of them together.

    Raises
    ------
    ValueError
        If there is no experiment, they differ in more than seed and gain, they ask for more than
        the above, the task cannot have that length, or a state, a loss or a gradient of one of them
        is no longer finite: `run` says at which update.
    TypeError
        If one of them is not an Experiment.

    Notes
    -----
    See :ref:`ch-impacts`.

    Examples
    --------
    >>> e = Experiment(task="sky", length=7, hidden_size=8, updates=20)
    >>> first, second = run_all([e, replace(e, seed=1)])
    >>> len(first.loss), second.experiment.seed
    (20, 1)
    """
    experiments = [*experiments]
    e, task = _common(experiments)
    model = stacked([new_model(one) for one in experiments])
    rngs = [np.random.default_rng([one.seed, 1]) for one in experiments]
    optimizer = OPTIMIZERS[e.optimizer](e.learning_rate)
    state, every = optimizer.init(model), e.evaluate_every or max(1, e.updates // 10)
    losses, norms, looks, ats = [], [], [], []
    test = task.test.x[None].astype(e.dtype), task.test.targets[-1][None]
    started = time.perf_counter()
    for update in range(e.updates + 1):
        if update % every == 0 or update == e.updates:
            ats.append(update)
            looks.append(evaluate(e.cell, model, *test, task.loss))
        if update == e.updates:
            break
        drawn = [task.batch(rng, e.batch_size) for rng in rngs]
        x = np.stack([batch.x for batch in drawn]).astype(e.dtype)
        asked = np.stack([batch.targets[-1] for batch in drawn])
        loss, grads = loss_and_gradients(e.cell, model, x, asked, task.loss)
        grads, norm = _clipped(grads, e.clip_norm)
        losses.append(loss)
        norms.append(norm)
        model, state = optimizer.update(grads, state, model)
    seconds = time.perf_counter() - started
    losses, norms, looks = np.array(losses).T, np.array(norms).T, np.array(looks).transpose(2, 1, 0)
    return [
        History(
            one,
            losses[n],
            norms[n],
            np.array(ats),
            *looks[n],
            task.baseline,
            member,
            None,
            seconds,
        )
        for n, (one, member) in enumerate(zip(experiments, _members(model)))
    ]


def _read(record, model, x):
    """The inputs, the states (N, T + 1, B, H), and the outputs at the last step (N, B, O)."""
    (W, U, b), (V, c) = model
    N, H, D = U.shape
    x = checks.array("x", x, ("N", "T", "B", D), U.dtype)
    if len(x) not in (1, N):
        raise ValueError(f"x must hold a batch for each of {N} networks, got {len(x)}")
    _, T, B, _ = x.shape
    a = x.reshape(len(x), T * B, D) @ U.mT + b[:, None]
    a = a.reshape(N, T, B, H)
    h = np.zeros((N, T + 1, B, H), a.dtype)
    for t in range(T):
        record.step(a[:, t], h[:, t] @ W.mT, h[:, t], h[:, t + 1])
    return x, h, h[:, -1] @ V.mT + c[:, None]


def _scores(loss, o, targets):
    """The loss of each network, and dL/do (N, B, O)."""
    score = checks.choice("loss", loss, LOSSES)
    if len(targets) != len(o):
        raise ValueError(f"targets must be those of {len(o)} networks, got {len(targets)}")
    if loss == "squared_error":
        targets = np.asarray(targets).astype(o.dtype, copy=False)
    values, do = zip(*map(score, o, targets))
    return np.array(values), np.stack(do)


def _members(model):
    """The models that were stacked, as views."""
    return [tree_map(lambda leaf, n=n: leaf[n], model) for n in range(len(model.readout.V))]


def _clipped(grads, limit):
    """The gradients of each network clipped by its own norm, if at all; and the norms."""
    each = _members(grads)
    norms = np.array([tree_norm(one) for one in each])
    if not np.isfinite(norms).all():
        which = np.flatnonzero(~np.isfinite(norms))[0]
        raise checks.NotFinite(f"gradients must be finite, got NaN or infinity in network {which}")
    if limit is not None:
        grads = stacked([clip_by_norm(one, limit)[0] for one in each])
    return grads, norms


def _common(experiments):
    """The first of the experiments and their task, if they can be trained side by side."""
    if not experiments:
        raise ValueError("experiments must hold at least one experiment, got none")
    first = checks.instance("experiments[0]", experiments[0], Experiment)
    for k, one in enumerate(experiments):
        checks.instance(f"experiments[{k}]", one, Experiment)
        if replace(one, seed=first.seed, gain=first.gain) != first:
            raise ValueError(f"experiments[{k}] differs from the first in more than seed and gain")
    plain = replace(first, window=None, omega=0.0, clip_value=None, until=None, until_loss=None)
    if first != plain or first.cell not in VANILLA:
        raise ValueError(
            f"side by side are trained {', '.join(VANILLA)} without window, omega, clip_value, "
            f"until and until_loss, got {first}"
        )
    task = task_of(first.task, first.length)
    if task.test.mask[:-1].any():
        raise ValueError(f"the task must ask at its last step alone, got {first.task!r}")
    return first, task

"""An experiment is a record; running it gives a history. Introduced in :ref:`ch-letters`."""

import functools
import inspect
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rnn_src import checks
from rnn_src.cells import CELLS
from rnn_src.initializers import INITIALIZERS, chrono, forget_bias
from rnn_src.optimizers import OPTIMIZERS, clip_by_norm, clip_by_value
from rnn_src.readout import (
    Readout,
    init_readout,
    mean_squared_error,
    readout,
    readout_backward,
    softmax_cross_entropy,
)
from rnn_src.regularizers import omega as omega_
from rnn_src.scan import backward, forward, init
from rnn_src.tasks import TASKS, Batch
from rnn_src.trees import tree_leaves, tree_norm

__all__ = ["Experiment", "History", "Model", "evaluate", "loss_and_gradients", "new_model", "run"]

LOSSES = {"cross_entropy": softmax_cross_entropy, "squared_error": mean_squared_error}


class Model(NamedTuple):
    """A cell's parameters and a readout's, or their gradients.

    Parameters
    ----------
    cell : NamedTuple
        As `rnn_src.scan.init` returns them.
    readout : Readout
        V (O, H) and c (O,).

    Notes
    -----
    See :ref:`ch-letters`.

    Examples
    --------
    >>> new_model(Experiment(task="adding", hidden_size=4)).readout.V.shape
    (1, 4)
    """

    cell: Any
    readout: Readout


@dataclass(frozen=True)
class Experiment:
    """What to train, on what, and how. Every field is checked when it is made.

    The task itself checks its length, when the data are drawn.

    Parameters
    ----------
    cell : str
        A key of `CELLS`.
    task : str
        A key of `TASKS`.
    length : int, optional
        The task's length; its own default if not given.
    hidden_size : int
        H, the number of units.
    updates : int
        How many batches to train on.
    batch_size : int
        B, the sequences of an update.
    optimizer : str
        A key of `OPTIMIZERS`.
    learning_rate : float
        Above 0.
    clip_norm, clip_value : float, optional
        Clip the gradients by norm, or by value.
    window : int, optional
        Truncated BPTT; see `rnn_src.scan.backward`.
    recurrent : str
        A key of `INITIALIZERS`, for W.
    gain : float
        The scale that the initializer of W takes.
    forget_bias, chrono : float, optional
        First biases of a GRU or an LSTM; see `rnn_src.initializers.forget_bias` and `chrono`.
    omega : float
        Weight of the regularizer whose gradient is added to that of W, before any clipping; see
        `rnn_src.regularizers.omega`. Vanilla cells only.
    seed : int
        Draws the weights and the batches.
    dtype : str
        "float64" or "float32".
    evaluate_every : int, optional
        Updates between looks at the test set; ten looks in all if not given.
    until, until_loss : float, optional
        Stop at the first look with a test accuracy of at least `until`, or with a test loss of at
        most `until_loss`.

    Raises
    ------
    ValueError
        If a field is outside its range.

    Notes
    -----
    See :ref:`ch-letters`.

    Examples
    --------
    >>> Experiment(task="adding", length=20, updates=100).learning_rate
    0.001
    """

    cell: str = "rnn"
    task: str = "adding"
    length: int | None = None
    hidden_size: int = 64
    updates: int = 1000
    batch_size: int = 32
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    clip_norm: float | None = None
    clip_value: float | None = None
    window: int | None = None
    recurrent: str = "orthogonal"
    gain: float = 1.0
    forget_bias: float | None = None
    chrono: float | None = None
    omega: float = 0.0
    seed: int = 0
    dtype: str = "float64"
    evaluate_every: int | None = None
    until: float | None = None
    until_loss: float | None = None

    def __post_init__(self):
        for name, options in (
            ("cell", CELLS),
            ("task", TASKS),
            ("optimizer", OPTIMIZERS),
            ("recurrent", INITIALIZERS),
        ):
            checks.choice(name, getattr(self, name), options)
        for name in ("hidden_size", "updates", "batch_size"):
            checks.positive_integer(name, getattr(self, name))
        for name in ("length", "window", "evaluate_every"):
            if getattr(self, name) is not None:
                checks.positive_integer(name, getattr(self, name))
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None:
                checks.number(name, getattr(self, name), 0, low_open=True)
        checks.number("learning_rate", self.learning_rate, 0, low_open=True, high_open=True)
        checks.number("gain", self.gain, 0, high_open=True)
        if self.forget_bias is not None:
            checks.number("forget_bias", self.forget_bias, low_open=True, high_open=True)
        if self.chrono is not None:
            checks.number("chrono", self.chrono, 2, low_open=True, high_open=True)
        if None not in (self.forget_bias, self.chrono):
            raise ValueError(f"chrono must be None with a forget_bias, got {self.chrono}")
        checks.number("omega", self.omega, 0, high_open=True)
        for name, wanted, cells in (
            ("forget_bias", self.forget_bias is not None, ("gru", "lstm")),
            ("chrono", self.chrono is not None, ("gru", "lstm")),
            ("omega", self.omega > 0, ("rnn", "rnn_relu", "rnn_linear")),
        ):
            if wanted and self.cell not in cells:
                raise ValueError(f"{name} is for {', '.join(cells)}, got the cell {self.cell!r}")
        if self.until is not None:
            checks.number("until", self.until, 0, 1, low_open=True)
        if self.until_loss is not None:
            checks.number("until_loss", self.until_loss, 0, high_open=True)
        checks.positive_integer("seed", self.seed, least=0)
        checks.float_dtype("dtype", self.dtype)


class History(NamedTuple):
    """What a run measured.

    Parameters
    ----------
    experiment : Experiment
        What was run.
    loss, grad_norm : (updates,) ndarray
        Training loss, and the gradients' norm before clipping, of each update that was made.
    test_updates : (looks,) ndarray of int
        Updates made before each look at the test set; the first is 0.
    test_loss, test_accuracy : (looks,) ndarray
        Loss and share of right answers on the test set; the share is NaN for a regression.
    baseline : float
        The task's.
    model : Model
        The trained parameters; when the run diverged, the last finite ones.
    diverged : int or None
        The update at which a state, loss, gradient or new parameter was no longer finite, if any.
        The run stops there; a loss that could not be computed is NaN.
    seconds : float
        Wall time.

    Notes
    -----
    See :ref:`ch-letters`.

    Examples
    --------
    >>> history = run(Experiment(task="adding", length=5, hidden_size=4, updates=20))
    >>> len(history.loss), history.test_updates.tolist()[:3]
    (20, [0, 2, 4])
    """

    experiment: Experiment
    loss: np.ndarray
    grad_norm: np.ndarray
    test_updates: np.ndarray
    test_loss: np.ndarray
    test_accuracy: np.ndarray
    baseline: float
    model: Model
    diverged: int | None
    seconds: float


@functools.lru_cache(maxsize=8)
def task_of(name, length):
    """The task of an experiment; its test set is drawn once."""
    make = TASKS[name]
    default = inspect.signature(make).parameters["length"].default
    return make(length=default if length is None else length)


def new_model(experiment):
    """Draw the parameters that a run of this experiment starts from.

    Parameters
    ----------
    experiment : Experiment
        Its seed, sizes, dtype and initializer are used.

    Returns
    -------
    Model
        The cell's parameters, then the readout's, drawn from the seed.

    Raises
    ------
    TypeError
        If `experiment` is not an Experiment.
    ValueError
        If the task cannot have that length.

    Notes
    -----
    See :ref:`ch-letters`.

    Examples
    --------
    >>> new_model(Experiment(task="adding", hidden_size=4)).cell.W.shape
    (4, 4)
    """
    checks.instance("experiment", experiment, Experiment)
    e, task = experiment, task_of(experiment.task, experiment.length)
    rng = np.random.default_rng([e.seed, 0])

    def recurrent(rng, rows, columns):
        return INITIALIZERS[e.recurrent](rng, rows, columns, e.gain)

    cell = init(e.cell, task.input_size, e.hidden_size, rng, e.dtype, recurrent=recurrent)
    out = init_readout(e.hidden_size, task.output_size, rng, e.dtype)
    if e.forget_bias is not None:
        cell = forget_bias(cell, e.forget_bias)
    if e.chrono is not None:
        cell = chrono(cell, rng, e.chrono)
    return Model(cell, out)


def _check_batch(batch):
    """A batch whose mask asks for something and whose targets are laid out like its mask."""
    T_B = np.shape(checks.instance("batch", batch, Batch).x)[:2]
    mask = np.asarray(batch.mask)
    if mask.dtype != bool or mask.shape != T_B or not mask.any():
        raise ValueError(
            f"batch.mask must be bool (T, B) = {T_B} with an answer asked for, "
            f"got {np.count_nonzero(mask)} in {mask.dtype} of {mask.shape}"
        )
    if np.shape(batch.targets)[:2] != T_B:
        raise ValueError(f"batch.targets must start with {T_B}, got {np.shape(batch.targets)}")
    return Batch(*map(np.asarray, batch))


def _outputs(cell, model, batch):
    """Run the cell and read the steps under the mask: (states, tape, hidden (N, H), o (N, O))."""
    checks.instance("model", model, Model)
    checks.instance("model.readout", model.readout, Readout)
    H = model.readout.V.shape[1]
    states, tape = forward(cell, model.cell, batch.x.astype(model.readout.V.dtype, copy=False))
    hidden = states[1:, :, :H][batch.mask]
    return states, tape, hidden, readout(model.readout, hidden)


def _score(loss, o, batch):
    targets = batch.targets[batch.mask]
    if loss == "squared_error":
        targets = targets.astype(o.dtype, copy=False)
    return LOSSES[loss](o, targets)


def loss_and_gradients(cell, model, batch, loss="cross_entropy", window=None, omega=0.0):
    """One forward pass, one loss, one backward pass.

    Parameters
    ----------
    cell : Cell or str
        A record of `CELLS` or its name.
    model : Model
        Parameters of the cell and the readout.
    batch : rnn_src.tasks.Batch
        Inputs (T, B, D), targets and mask.
    loss : {"cross_entropy", "squared_error"}
        Averaged over the tokens under the mask.
    window : int, optional
        Truncated BPTT; see `rnn_src.scan.backward`.
    omega : float
        Weight of `rnn_src.regularizers.omega`. Its immediate gradient is added to that of W; the
        value stays that of the loss. Full BPTT only.

    Returns
    -------
    value : float
        The loss.
    grads : Model
        Its gradients.

    Raises
    ------
    ValueError
        If the loss is unknown, the mask is not bool (T, B) or keeps nothing, the targets differ
        from it in shape, or as `forward`, `backward` and the losses say.
    TypeError
        If `model` is not a Model or `batch` not a Batch.

    Notes
    -----
    The whole of :ref:`ch-bptt` in one call.

    Examples
    --------
    >>> e = Experiment(task="adding", length=5, hidden_size=4)
    >>> batch = TASKS["adding"](5).batch(np.random.default_rng(0), 8)
    >>> value, grads = loss_and_gradients("rnn", new_model(e), batch, "squared_error")
    >>> grads.cell.W.shape
    (4, 4)
    """
    checks.choice("loss", loss, LOSSES)
    batch = _check_batch(batch)
    states, tape, hidden, o = _outputs(cell, model, batch)
    value, do = _score(loss, o, batch)
    readout_grads, dhidden = readout_backward(model.readout, hidden, do)
    dstates = np.zeros_like(states[1:])
    dstates[:, :, : hidden.shape[1]][batch.mask] = dhidden
    totals = np.empty_like(dstates) if omega else None
    cell_grads, _, _ = backward(cell, model.cell, tape, dstates, window, totals)
    if omega:
        cell_grads.W[...] += omega * omega_(cell, model.cell, tape, totals)[1]
    return value, Model(cell_grads, readout_grads)


def evaluate(cell, model, batch, loss="cross_entropy"):
    """Loss and accuracy on a batch, without gradients.

    Parameters
    ----------
    cell : Cell or str
        A record of `CELLS` or its name.
    model : Model
        Parameters of the cell and the readout.
    batch : rnn_src.tasks.Batch
        Inputs (T, B, D), targets and mask.
    loss : {"cross_entropy", "squared_error"}
        Averaged over the tokens under the mask.

    Returns
    -------
    value : float
        The loss.
    accuracy : float
        Share of tokens whose largest output is the target; NaN for a regression.

    Raises
    ------
    ValueError
        If the loss is unknown, the mask is not bool (T, B) or keeps nothing, the targets differ
        from it in shape, or as `forward` and the losses say.
    TypeError
        If `model` is not a Model or `batch` not a Batch.

    Notes
    -----
    See :ref:`ch-letters`.

    Examples
    --------
    >>> e = Experiment(task="digit_rows", hidden_size=4)
    >>> value, accuracy = evaluate("rnn", new_model(e), TASKS["digit_rows"]().test)
    >>> 0 <= accuracy <= 1
    True
    """
    checks.choice("loss", loss, LOSSES)
    batch = _check_batch(batch)
    _, _, _, o = _outputs(cell, model, batch)
    value, _ = _score(loss, o, batch)
    if loss == "squared_error":
        return value, float("nan")
    return value, float(np.mean(o.argmax(axis=-1) == batch.targets[batch.mask]))


def run(experiment, progress=False, start=None):
    """Train and return what happened.

    The same experiment gives the same history on the same machine, bit by bit, but for its seconds.

    Parameters
    ----------
    experiment : Experiment
        What to train, on what, and how.
    progress : bool
        Show a progress bar on standard error.
    start : Model, optional
        The parameters to start from, of the experiment's sizes and dtype; those of `new_model` if
        not given.

    Returns
    -------
    History
        Losses, norms and looks at the test set, and the trained model.

    Raises
    ------
    TypeError
        If `experiment` is not an Experiment.
    ValueError
        If the task cannot have that length, or `start` has another size or dtype.

    Notes
    -----
    A run whose numbers are no longer finite stops and says so in `History.diverged`. The loop is
    printed in :ref:`ch-letters`.

    Examples
    --------
    >>> history = run(Experiment(task="adding", length=5, hidden_size=8, updates=200))
    >>> bool(history.test_loss[-1] < history.test_loss[0])
    True
    """
    model = new_model(experiment)
    if start is not None:
        model = _start(start, model)
    e, task = experiment, task_of(experiment.task, experiment.length)
    rng = np.random.default_rng([e.seed, 1])
    optimizer = OPTIMIZERS[e.optimizer](e.learning_rate)
    state = optimizer.init(model)
    every = e.evaluate_every or max(1, e.updates // 10)
    losses, norms, looks, updated, diverged = [], [], [], model, None
    started = time.perf_counter()
    with np.errstate(over="ignore", invalid="ignore"):  # a run that diverges says so in its history
        for update in _counter(e.updates, progress):
            if update % every == 0:
                looks.append((update, *_look(e, model, task)))
                if _solved(e, *looks[-1][1:]):
                    break
            batch = task.batch(rng, e.batch_size)
            loss, grads, norm = _gradients(e, model, task, batch)
            losses.append(loss)
            norms.append(norm)
            if np.isfinite([loss, norm]).all():
                if e.clip_norm is not None:
                    grads, _ = clip_by_norm(grads, e.clip_norm)
                if e.clip_value is not None:
                    grads = clip_by_value(grads, e.clip_value)
                updated, state = optimizer.update(grads, state, model)
            if not (np.isfinite([loss, norm]).all() and _finite(updated)):
                diverged = update
                break
            model = updated
        else:
            looks.append((e.updates, *_look(e, model, task)))
            if not np.isfinite(looks[-1][1]):
                diverged = e.updates
    seconds = time.perf_counter() - started
    at, test_loss, accuracy = map(np.array, zip(*looks, strict=True))
    return History(
        e,
        np.array(losses),
        np.array(norms),
        at,
        test_loss,
        accuracy,
        task.baseline,
        model,
        diverged,
        seconds,
    )


def _solved(e, loss, accuracy):
    """Whether this look at the test set is what the experiment waits for; NaN never is."""
    return (e.until is not None and accuracy >= e.until) or (
        e.until_loss is not None and loss <= e.until_loss
    )


def _finite(model):
    return all(np.isfinite(leaf).all() for _, leaf in tree_leaves(model))


def _start(start, model):
    """The start that was given, if its leaves are like those of the model."""
    leaves = tree_leaves(checks.instance("start", start, Model), "start")
    for (name, given), (_, wanted) in zip(leaves, tree_leaves(model)):
        if (given.dtype, given.shape) != (wanted.dtype, wanted.shape):
            raise ValueError(
                f"{name} must be {wanted.dtype} of {wanted.shape} for this experiment, "
                f"got {given.dtype} of {given.shape}"
            )
    return start


def _gradients(e, model, task, batch):
    """Loss, gradients and their norm; NaN for the numbers of a model whose states overflow."""
    try:
        loss, grads = loss_and_gradients(e.cell, model, batch, task.loss, e.window, e.omega)
        return loss, grads, tree_norm(grads)
    except checks.NotFinite:
        return np.nan, None, np.nan


def _look(e, model, task):
    """Loss and accuracy on the test set; NaN for a model whose states overflow."""
    try:
        return evaluate(e.cell, model, task.test, task.loss)
    except checks.NotFinite:
        return np.nan, np.nan


def _counter(updates, progress):
    if not progress:
        return range(updates)
    from tqdm import tqdm

    return tqdm(range(updates), unit="update")

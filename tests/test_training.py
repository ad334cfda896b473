"""Experiments: what is refused, that runs repeat, learn, truncate, clip and stop."""

import dataclasses

import numpy as np
import pytest
from reference import CELL_NAMES

from rnn_src.gradcheck import check_gradients
from rnn_src.optimizers import adam, clip_by_norm, clip_by_value
from rnn_src.readout import mean_squared_error, readout, softmax_cross_entropy
from rnn_src.scan import forward
from rnn_src.tasks import TASKS, Batch
from rnn_src.training import (
    Experiment,
    History,
    Model,
    evaluate,
    loss_and_gradients,
    new_model,
    run,
)
from rnn_src.trees import tree_leaves, tree_map

LOSSES = {"cross_entropy": softmax_cross_entropy, "squared_error": mean_squared_error}
TASK_NAMES = list(TASKS)


def small(**change):
    return Experiment(
        **dict(task="adding", length=6, hidden_size=5, updates=6, batch_size=4) | change
    )


def batch_of(e, seed=0, size=4):
    task = TASKS[e.task]() if e.length is None else TASKS[e.task](e.length)
    return task, task.batch(np.random.default_rng(seed), size)


def same(one, two):
    return all(
        np.array_equal(a, b) and a.dtype == b.dtype
        for (_, a), (_, b) in zip(tree_leaves(one), tree_leaves(two), strict=True)
    )


# --- One loss, one gradient ------------------------------------------------------------------


@pytest.mark.parametrize("name", CELL_NAMES)
@pytest.mark.parametrize("task_name", ["adding", "sky", "characters"])
def test_gradients_of_the_whole_model(name, task_name):
    """Cell and readout together, many-to-one and many-to-many, against the complex step."""
    e = small(cell=name, task=task_name, length=8, gain=0.95, recurrent="spectral_radius")
    task, batch = batch_of(e)
    model = new_model(e)
    model = tree_map(lambda p: p + 0.1 * np.random.default_rng(1).standard_normal(p.shape), model)
    value, grads = loss_and_gradients(name, model, batch, task.loss)

    def loss(model):
        H = model.readout.V.shape[1]
        states, _ = forward(name, model.cell, batch.x)
        o = readout(model.readout, states[1:, :, :H])[batch.mask]
        targets = batch.targets[batch.mask]
        return LOSSES[task.loss](
            o, targets if task.loss == "cross_entropy" else targets.astype(o.dtype)
        )[0]

    assert value == pytest.approx(loss(model), rel=1e-14)
    assert isinstance(grads, Model) and type(grads.cell) is type(model.cell)
    check_gradients(loss, model, grads, np.random.default_rng(2))


@pytest.mark.parametrize("name", CELL_NAMES)
def test_the_window_reaches_the_gradient(name):
    e = small(cell=name, task="characters", length=8)
    task, batch = batch_of(e)
    full, whole, short = (
        loss_and_gradients(name, new_model(e), batch, task.loss, window)[1]
        for window in (None, 8, 2)
    )
    assert same(full, whole) and same(full.readout, short.readout)
    assert np.abs(full.cell.W - short.cell.W).max() > 1e-4 * np.abs(full.cell.W).max()


def test_evaluate_gives_the_loss_and_the_share_of_right_answers():
    e = small(task="sky")
    task, batch = batch_of(e, size=50)
    model = new_model(e)
    value, accuracy = evaluate("rnn", model, batch, task.loss)
    states, _ = forward("rnn", model.cell, batch.x)
    guesses = readout(model.readout, states[-1]).argmax(axis=-1)
    assert value == loss_and_gradients("rnn", model, batch, task.loss)[0]
    assert accuracy == np.mean(guesses == batch.targets[-1])
    task, batch = batch_of(small())
    assert np.isnan(evaluate("rnn", new_model(small()), batch, task.loss)[1])


@pytest.mark.parametrize("task_name", TASK_NAMES)
def test_the_loss_before_training_is_near_that_of_no_input(task_name):
    """A readout of gain 1 adds half the logits' variance, at most about 1, to ln K."""
    e = Experiment(task=task_name, hidden_size=32)
    task = batch_of(e)[0]
    value, _ = evaluate("rnn", new_model(e), task.test, task.loss)
    start = np.log(task.output_size) if task.loss == "cross_entropy" else 1 + task.baseline
    assert 0 < value < start + 1


def test_what_is_not_under_the_mask_does_not_count():
    e = small(task="sky")
    task, batch = batch_of(e)
    strange = batch._replace(targets=np.where(batch.mask, batch.targets, -100))
    model = new_model(e)
    one, two = (loss_and_gradients("rnn", model, b, task.loss) for b in (batch, strange))
    assert one[0] == two[0] and same(one[1], two[1])


# --- A run -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELL_NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_history_has_what_it_says(name, dtype):
    e = small(cell=name, task="sky", dtype=dtype, evaluate_every=4)
    history = run(e)
    assert isinstance(history, History) and history.experiment is e and history.diverged is None
    assert history.loss.shape == history.grad_norm.shape == (6,)
    assert history.test_updates.tolist() == [0, 4, 6]
    assert history.test_loss.shape == history.test_accuracy.shape == (3,)
    assert history.baseline == pytest.approx(np.log(4)) and history.seconds > 0
    assert all(leaf.dtype == dtype for _, leaf in tree_leaves(history.model))
    assert not same(history.model, new_model(e))
    look = evaluate(name, history.model, TASKS["sky"](6).test)
    assert look == (history.test_loss[-1], history.test_accuracy[-1])


@pytest.mark.parametrize(
    "updates, every, looks", [(20, None, 11), (3, None, 4), (5, 5, 2), (5, 9, 2)]
)
def test_the_looks_at_the_test_set(updates, every, looks):
    at = run(small(updates=updates, evaluate_every=every)).test_updates
    assert len(at) == looks and at[0] == 0 and at[-1] == updates


@pytest.mark.parametrize("name", CELL_NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam"])
def test_a_seed_gives_one_history_bit_by_bit(name, dtype, optimizer):
    e = small(cell=name, dtype=dtype, optimizer=optimizer, clip_norm=1.0)
    one, two, other = run(e), run(e), run(dataclasses.replace(e, seed=1))
    for field in ("loss", "grad_norm", "test_updates", "test_loss"):
        np.testing.assert_array_equal(getattr(one, field), getattr(two, field))
        assert field == "test_updates" or (getattr(one, field) != getattr(other, field)).all()
    assert same(one.model, two.model) and not same(one.model, other.model)


def test_the_dtype_does_not_change_the_draw():
    single, double = (new_model(small(dtype=dtype)) for dtype in ("float32", "float64"))
    assert same(single, tree_map(lambda p: p.astype(np.float32), double))


def test_weights_and_batches_have_their_own_seeds():
    """Another hidden size leaves the batches as they are: their targets' losses can be compared."""
    one, two = (run(small(hidden_size=n, gain=0, updates=1, learning_rate=1e-9)) for n in (3, 7))
    batch = batch_of(small())[0].batch(np.random.default_rng([0, 1]), 4)
    for history, n in ((one, 3), (two, 7)):
        model = new_model(small(hidden_size=n, gain=0))
        assert history.loss[0] == loss_and_gradients("rnn", model, batch, "squared_error")[0]


@pytest.mark.parametrize(
    "clip", [{}, dict(clip_norm=0.05), dict(clip_value=0.01), dict(clip_norm=0.05, clip_value=0.01)]
)
@pytest.mark.parametrize("window", [None, 2])
def test_a_run_equals_its_loop_by_hand(clip, window):
    e = small(window=window, learning_rate=0.01, task="characters", **clip)
    task, model = batch_of(e)[0], new_model(e)
    optimizer, rng = adam(0.01), np.random.default_rng([0, 1])
    state, losses, norms = optimizer.init(model), [], []
    for _ in range(e.updates):
        loss, grads = loss_and_gradients("rnn", model, task.batch(rng, 4), task.loss, window)
        losses.append(loss)
        norms.append(clip_by_norm(grads, 1.0)[1])
        if "clip_norm" in clip:
            grads = clip_by_norm(grads, 0.05)[0]
        if "clip_value" in clip:
            grads = clip_by_value(grads, 0.01)
        model, state = optimizer.update(grads, state, model)
    history = run(e)
    np.testing.assert_array_equal(history.loss, losses)
    np.testing.assert_array_equal(history.grad_norm, norms)
    assert same(history.model, model)


def test_the_first_norm_is_that_before_clipping():
    free, clipped = run(small()), run(small(clip_norm=1e-3))
    assert free.grad_norm[0] == clipped.grad_norm[0] > 1e-3


# --- Learning --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELL_NAMES)
def test_an_easy_task_is_learned_to_nearly_nothing(name):
    e = Experiment(
        cell=name,
        task="sky",
        length=6,
        hidden_size=16,
        updates=400,
        learning_rate=1e-2,
        gain=0.9,
        clip_norm=1.0,
    )
    history = run(e)
    assert history.test_loss[-1] < 0.02 and history.test_accuracy[-1] == 1
    assert history.test_loss[0] > 1


def test_adding_is_learned_below_its_baseline():
    history = run(
        Experiment(task="adding", length=4, hidden_size=16, updates=600, learning_rate=1e-2)
    )
    assert history.test_loss[-1] < 0.1 * history.baseline


# --- Divergence ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "change",
    [
        dict(
            cell="rnn_relu", optimizer="sgd", learning_rate=1e6, length=20, updates=30
        ),  # the loss
        dict(cell="rnn_relu", recurrent="gaussian", gain=50.0, length=300),  # the states
        dict(cell="rnn", optimizer="sgd", learning_rate=1e308, updates=3),  # the parameters
        dict(
            cell="rnn_relu", optimizer="sgd", learning_rate=1e30, length=40, updates=1
        ),  # the last look
    ],
    ids=["loss", "states", "parameters", "last look"],
)
def test_a_run_that_diverges_says_so_and_returns_a_finite_model(change, dtype):
    e = small(**dict(dtype=dtype) | change)
    history = run(e)
    assert history.diverged is not None and 0 <= history.diverged <= e.updates
    assert len(history.loss) == len(history.grad_norm) == min(history.diverged + 1, e.updates)
    assert len(history.test_updates) == len(history.test_loss) >= 1
    for (field, leaf), (_, start) in zip(
        tree_leaves(history.model), tree_leaves(new_model(e)), strict=True
    ):
        assert np.isfinite(leaf).all() and leaf.dtype == start.dtype == dtype, field


def test_a_run_that_does_not_diverge_says_none():
    assert run(small()).diverged is None


# --- Noise -----------------------------------------------------------------------------------


def test_silent_by_default(capfd):
    run(small())
    assert capfd.readouterr() == ("", "")


def test_a_bar_on_standard_error_if_asked(capfd):
    run(small(), progress=True)
    out, err = capfd.readouterr()
    assert out == "" and "6/6" in err and "update" in err


# --- Bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field, value, wanted",
    [
        *(
            (field, value, "must be one of ")
            for field in ("cell", "task", "optimizer", "recurrent")
            for value in ("nonsense", None, 3, ["rnn"])
        ),
        *(
            (field, value, "must be an integer of at least 1")
            for field in ("hidden_size", "updates", "batch_size")
            for value in (0, -1, 2.0, True, None, "8")
        ),
        *(
            (field, value, "must be an integer of at least 1")
            for field in ("length", "window", "evaluate_every")
            for value in (0, -1, 2.0, True, "8")
        ),
        *(
            (field, value, "must be a number in ")
            for field in ("clip_norm", "clip_value")
            for value in (0, -1.0, np.nan, True, "1")
        ),
        *(
            ("learning_rate", value, r"must be a number in \(0")
            for value in (0, -1.0, np.nan, np.inf, True, None)
        ),
        *(
            ("gain", value, r"must be a number in \[0")
            for value in (-1.0, np.nan, np.inf, "1", None)
        ),
        *(("seed", value, "must be an integer of at least 0") for value in (-1, 0.0, None, True)),
        *(
            ("dtype", value, "must be float32 or float64")
            for value in ("int", "float16", complex, None, "nonsense")
        ),
    ],
)
def test_an_experiment_refuses_bad_fields(field, value, wanted):
    with pytest.raises(ValueError, match=rf"^{field} {wanted}"):
        Experiment(**{field: value})


def test_an_experiment_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        small().updates = 3


@pytest.mark.parametrize("function", [run, new_model])
def test_only_experiments_are_run(function):
    with pytest.raises(TypeError, match="experiment must be an Experiment, got dict"):
        function({"task": "adding"})
    with pytest.raises(ValueError, match="length must be an integer of at least 6, got 3"):
        function(Experiment(task="sky", length=3))


E = small()
TASK, BATCH = batch_of(E)
MODEL = new_model(E)


@pytest.mark.parametrize("function", [loss_and_gradients, evaluate])
@pytest.mark.parametrize(
    "change, error, message",
    [
        (
            dict(loss="hinge"),
            ValueError,
            "loss must be one of cross_entropy, squared_error, got 'hinge'",
        ),
        (dict(cell="gated"), ValueError, "cell must be one of .*got 'gated'"),
        (dict(model=MODEL.cell), TypeError, "model must be a Model, got RNNParams"),
        (
            dict(model=MODEL._replace(readout=None)),
            TypeError,
            "model.readout must be a Readout, got NoneType",
        ),
        (
            dict(model=MODEL._replace(cell=None)),
            TypeError,
            "params must be RNNParams .*got NoneType",
        ),
        (dict(batch=tuple(BATCH)), TypeError, "batch must be a Batch, got tuple"),
        (
            dict(batch=BATCH._replace(mask=BATCH.mask[0])),
            ValueError,
            r"batch.mask must be bool \(T, B\) .*got 0 in bool of \(4,\)",
        ),
        (
            dict(batch=BATCH._replace(mask=BATCH.mask & False)),
            ValueError,
            "batch.mask must be .*got 0 in bool",
        ),
        (
            dict(batch=BATCH._replace(mask=BATCH.mask.astype(int))),
            ValueError,
            "batch.mask must be .*got 4 in int64",
        ),
        (
            dict(batch=BATCH._replace(x=BATCH.x[..., :1])),
            ValueError,
            r"x must be \(T, B, D\) with D = 2",
        ),
        (dict(batch=BATCH._replace(x=BATCH.x * np.nan)), ValueError, "x must be finite"),
        (
            dict(batch=BATCH._replace(targets=BATCH.targets[:2])),
            ValueError,
            r"batch.targets must start with \(6, 4\), got \(2, 4, 1\)",
        ),
        (
            dict(batch=BATCH._replace(targets=BATCH.targets[..., 0])),
            ValueError,
            r"targets must be \(4, 1\), got \(4,\)",
        ),
        (dict(loss="cross_entropy"), ValueError, r"targets must be integers of shape \(4,\)"),
    ],
)
def test_bad_input_of_a_step(function, change, error, message):
    arguments = dict(cell="rnn", model=MODEL, batch=BATCH, loss="squared_error") | change
    with pytest.raises(error, match=message):
        function(**arguments)


def test_bad_window():
    with pytest.raises(ValueError, match="window must be an integer of at least 1, got True"):
        loss_and_gradients("rnn", MODEL, BATCH, "squared_error", window=True)


def test_what_an_experiment_is_when_nothing_is_said():
    """Chapters and stored results lean on these: another default is another experiment."""
    given = {name: v for name, v in vars(Experiment()).items() if v is not None}
    assert given == {
        **dict(cell="rnn", task="adding", hidden_size=64, updates=1000, batch_size=32),
        **dict(optimizer="adam", learning_rate=1e-3, recurrent="orthogonal", gain=1),
        **dict(omega=0, seed=0, dtype="float64"),
    }


def test_a_batch_is_what_tasks_give():
    assert isinstance(BATCH, Batch) and TASK.loss == "squared_error"


# --- Biases, a start of one's own, an early stop ----------------------------------------------


def test_first_biases():
    plain = Experiment(cell="lstm", task="adding", hidden_size=4)
    model = new_model(plain)
    raised = new_model(Experiment(cell="lstm", task="adding", hidden_size=4, forget_bias=2.0))
    np.testing.assert_array_equal(raised.cell.W, model.cell.W)
    np.testing.assert_array_equal(raised.readout.V, model.readout.V)
    np.testing.assert_array_equal(raised.cell.b.reshape(4, 4)[1], 2)
    spread = new_model(Experiment(cell="gru", task="adding", hidden_size=4, chrono=30))
    z = spread.cell.b.reshape(3, 4)[1]
    assert (0 <= z).all() and (z <= np.log(29)).all() and len(set(z)) == 4


def test_a_start_of_ones_own():
    e = Experiment(task="adding", length=5, hidden_size=4, updates=30)
    first = run(e)
    again = run(e, start=new_model(e))
    np.testing.assert_array_equal(first.loss, again.loss)
    onward = run(e, start=first.model)
    assert onward.test_loss[0] == first.test_loss[-1]
    with pytest.raises(TypeError, match="^start must be a"):
        run(e, start=first.model.cell)
    for wrong in (dict(hidden_size=5), dict(dtype="float32")):
        other = new_model(Experiment(task="adding", length=5, **{"hidden_size": 4} | wrong))
        with pytest.raises(
            ValueError, match=r"^start\.cell\.W must be float64 of \(4, 4\) for this"
        ):
            run(e, start=other)


def test_a_run_stops_at_the_first_look_that_is_good_enough():
    settings = dict(task="digit_rows", hidden_size=32, updates=400, evaluate_every=50)
    whole = run(Experiment(**settings))
    k = int(np.argmax(whole.test_accuracy >= 0.6))
    short = run(Experiment(**settings, until=0.6))
    assert 0 < k < len(whole.test_accuracy) - 1 and short.diverged is None
    assert len(short.loss) == len(short.grad_norm) == short.test_updates[-1] == 50 * k
    np.testing.assert_array_equal(short.test_accuracy, whole.test_accuracy[: k + 1])
    np.testing.assert_array_equal(short.loss, whole.loss[: 50 * k])


@pytest.mark.parametrize(
    "settings, message",
    [
        (dict(cell="rnn", forget_bias=1.0), "forget_bias is for gru, lstm, got the cell 'rnn'"),
        (dict(cell="rnn_leaky", chrono=9), "chrono is for gru, lstm, got the cell 'rnn_leaky'"),
        (dict(cell="lstm", omega=1.0), "omega is for rnn, rnn_relu, rnn_linear, got the cell"),
        (dict(cell="lstm", chrono=9, forget_bias=1.0), "chrono must be None with a forget_bias"),
        (dict(omega=-1.0), "omega must be "),
        (dict(until=0), "until must be "),
        (dict(until=1.1), "until must be "),
        (dict(cell="lstm", chrono=2), "chrono must be "),
        (dict(cell="lstm", forget_bias=np.nan), "forget_bias must be "),
    ],
)
def test_fields_that_do_not_fit(settings, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Experiment(**settings)


def test_a_run_ends_at_the_first_look_with_a_loss_low_enough():
    e = Experiment(task="adding", length=5, hidden_size=8, updates=400, evaluate_every=20)
    whole = run(e)
    limit = float(whole.test_loss[5])
    until = run(dataclasses.replace(e, until_loss=limit))
    first = int(np.argmax(whole.test_loss <= limit))
    assert 0 < len(until.loss) == 20 * first
    assert until.test_loss[-1] <= limit < until.test_loss[:-1].min()
    with pytest.raises(ValueError, match="until_loss must be a number"):
        dataclasses.replace(e, until_loss=-1.0)


def test_leaky_rates_are_not_drawn_at_each_step(monkeypatch):
    from rnn_src.cells import leaky

    drawn = []
    monkeypatch.setattr(leaky, "leak_rates", lambda size: drawn.append(size) or np.ones(size))
    leaky._rates.cache_clear()
    run(Experiment(cell="rnn_leaky", task="adding", length=5, hidden_size=8, updates=3))
    leaky._rates.cache_clear()
    assert drawn == [8]

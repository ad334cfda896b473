"""Networks side by side: equal to one after the other, and refused what they cannot do."""

from dataclasses import replace

import numpy as np
import pytest

from rnn_src import ensemble
from rnn_src.gradcheck import GradientError, check_gradients
from rnn_src.tasks import TASKS
from rnn_src.training import Experiment, evaluate, loss_and_gradients, new_model, run
from rnn_src.trees import tree_leaves

N, B = 3, 4
CASES = [("rnn", "sky"), ("rnn_relu", "adding"), ("rnn_linear", "sky"), ("rnn", "adding")]
cases = pytest.mark.parametrize(("cell", "task"), CASES)


def drawn(cell, task, dtype="float64"):
    """N models that are not symmetric, near spectral radius 1, and a batch for each."""
    settings = dict(cell=cell, task=task, length=7, hidden_size=5, dtype=dtype)
    settings |= dict(recurrent="spectral_radius", gain=0.98)
    models = [new_model(Experiment(seed=seed, **settings)) for seed in range(N)]
    made = TASKS[task](7)
    batches = [made.batch(np.random.default_rng(seed), B) for seed in range(N)]
    x = np.stack([batch.x for batch in batches]).astype(dtype)
    return models, batches, x, np.stack([batch.targets[-1] for batch in batches]), made.loss


@cases
def test_losses_and_gradients_are_those_of_each_alone(cell, task):
    models, batches, x, targets, loss = drawn(cell, task)
    together = ensemble.stacked(models)
    values, grads = ensemble.loss_and_gradients(cell, together, x, targets, loss)
    looks = ensemble.evaluate(cell, together, x, targets, loss)
    for n, (model, batch, own) in enumerate(zip(models, batches, ensemble._members(grads))):
        value, wanted = loss_and_gradients(cell, model, batch, loss)
        assert values[n] == pytest.approx(value, rel=1e-13)
        for (name, leaf), (_, one) in zip(tree_leaves(own), tree_leaves(wanted), strict=True):
            np.testing.assert_allclose(leaf, one, rtol=1e-11, atol=1e-14, err_msg=name)
        look = [found[n] for found in looks]
        np.testing.assert_allclose(look, evaluate(cell, model, batch, loss), rtol=1e-13)


@cases
def test_gradients_are_proved_and_a_planted_error_is_found(cell, task):
    models, _, x, targets, loss = drawn(cell, task)
    together = ensemble.stacked(models)
    grads = ensemble.loss_and_gradients(cell, together, x, targets, loss)[1]

    def total(model):
        return ensemble.loss_and_gradients(cell, model, x, targets, loss)[0].sum()

    rng = np.random.default_rng(0)
    check_gradients(total, together, grads, rng)
    check_gradients(total, together, grads, rng, "finite_difference", 1e-6)
    grads.cell.W[1, 2, 3] += 1e-4
    with pytest.raises(GradientError, match="W"):
        check_gradients(total, together, grads, rng)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@cases
def test_runs_are_those_of_each_alone(cell, task, dtype):
    e = Experiment(cell=cell, task=task, length=8, hidden_size=6, updates=25, batch_size=B)
    e = replace(e, learning_rate=0.01, clip_norm=0.5, evaluate_every=10, dtype=dtype)
    experiments = [
        replace(e, seed=seed, gain=gain) for seed, gain in ((3, 1.0), (4, 0.7), (5, 1.2))
    ]
    tolerance = 1e-3 if dtype == "float32" else 1e-9
    for found, wanted in zip(ensemble.run_all(experiments), map(run, experiments), strict=True):
        assert found.experiment == wanted.experiment and found.diverged is None
        assert found.baseline == wanted.baseline
        assert found.test_updates.tolist() == wanted.test_updates.tolist() == [0, 10, 20, 25]
        for field in ("loss", "grad_norm", "test_loss"):
            pair = getattr(found, field), getattr(wanted, field)
            np.testing.assert_allclose(*pair, rtol=tolerance, err_msg=field)
        np.testing.assert_allclose(found.test_accuracy, wanted.test_accuracy, atol=2e-3)
        for (name, leaf), (_, one) in zip(tree_leaves(found.model), tree_leaves(wanted.model)):
            assert leaf.dtype == one.dtype == dtype
            np.testing.assert_allclose(leaf, one, rtol=tolerance, atol=tolerance, err_msg=name)


def test_each_is_clipped_by_its_own_norm():
    models, _, x, targets, loss = drawn("rnn", "adding")
    grads = ensemble.loss_and_gradients("rnn", ensemble.stacked(models), x, targets, loss)[1]
    norms = ensemble._clipped(grads, None)[1]
    limit = float(np.sort(norms)[:2].mean())  # one of the three is below it
    clipped, again = ensemble._clipped(grads, limit)
    assert again.tolist() == norms.tolist()
    np.testing.assert_allclose(ensemble._clipped(clipped, None)[1], np.minimum(norms, limit))
    below = np.argmin(norms)
    assert (clipped.cell.W[below] == grads.cell.W[below]).all()


def test_models_come_back_as_they_were():
    models = drawn("rnn", "sky")[0]
    for one, again in zip(models, ensemble._members(ensemble.stacked(models)), strict=True):
        for (_, leaf), (_, other) in zip(tree_leaves(one), tree_leaves(again), strict=True):
            assert (leaf == other).all()


E = Experiment(task="sky", length=8, hidden_size=4, updates=2)


@pytest.mark.parametrize(
    ("experiments", "reason"),
    [
        ([], "at least one experiment, got none"),
        ([E, replace(E, updates=3)], r"experiments\[1\] differs from the first in more than seed"),
        ([replace(E, cell="gru")], "side by side are trained rnn, rnn_relu, rnn_linear without"),
        ([replace(E, window=3)], "without window, omega"),
        ([replace(E, until=0.9)], "without window, omega"),
        ([replace(E, task="copying")], "must ask at its last step alone, got 'copying'"),
    ],
)
def test_experiments_at_the_border(experiments, reason):
    with pytest.raises(ValueError, match=reason):
        ensemble.run_all(experiments)


def test_more_at_the_border():
    models, _, x, targets, _ = drawn("rnn", "sky")
    together = ensemble.stacked(models)
    with pytest.raises(TypeError, match=r"experiments\[0\] must be"):
        ensemble.run_all(["sky"])
    with pytest.raises(ValueError, match="^models must hold at least one model, got none$"):
        ensemble.stacked([])
    with pytest.raises(ValueError, match="^cell must be one of rnn, .*, got 'gru'$"):
        ensemble.evaluate("gru", together, x, targets)
    with pytest.raises(ValueError, match="^loss must be one of"):
        ensemble.evaluate("rnn", together, x, targets, "hinge")
    with pytest.raises(ValueError, match="^x must hold a batch for each of 3 networks, got 2$"):
        ensemble.evaluate("rnn", together, x[:2], targets)
    with pytest.raises(ValueError, match=r"^x must be \(N, T, B, "):
        ensemble.loss_and_gradients("rnn", together, x[0], targets)
    with pytest.raises(ValueError, match="^targets must be those of 3 networks, got 2$"):
        ensemble.evaluate("rnn", together, x, targets[:2])
    with pytest.raises(ValueError, match="^targets must be those of 3 networks, got 1$"):
        ensemble.loss_and_gradients("rnn", together, x, targets[:1])


def test_a_network_that_is_no_longer_finite_is_named():
    e = Experiment(cell="rnn_linear", task="adding", length=40, hidden_size=4, updates=50)
    e = replace(e, learning_rate=1e6, optimizer="sgd")
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="finite"):
        ensemble.run_all([e, replace(e, seed=1)])

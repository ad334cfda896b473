"""The checker is itself checked: it passes what is right and catches what is planted."""

import numpy as np
import pytest
from reference import CELL_NAMES, assert_trees_close, assert_trees_equal, problem

from rnn_src.cells import CELLS
from rnn_src.gradcheck import GradientError, check_gradients, complex_step, finite_difference
from rnn_src.scan import backward
from rnn_src.trees import tree_leaves, tree_map

METHODS = {"complex_step": 1e-10, "finite_difference": 1e-6}
CASES = [(n, leaf) for n in CELL_NAMES for leaf, _ in tree_leaves(problem(n).variables)]


@pytest.fixture(params=list(METHODS))
def method(request):
    return request.param


def check(p, grads, method, seed=0):
    rng = np.random.default_rng(seed)
    return check_gradients(p.loss, p.variables, grads, rng, method, METHODS[method])


def spoil(grads, leaf, fault):
    """The gradients with one named leaf passed through a fault."""
    names = iter([name for name, _ in tree_leaves(grads)])
    return tree_map(lambda g: fault(g.copy()) if next(names) == leaf else g, grads)


# --- What is measured ------------------------------------------------------------------------


def test_both_methods_on_a_cubic(method):
    """f(w) = sum w^3 along d is 3 w^2 . d; only the complex step gets all digits."""
    w, d = np.array([1.0, -2.0, 0.5]), np.array([0.3, 1.0, -2.0])
    measure = {"complex_step": complex_step, "finite_difference": finite_difference}[method]
    got = measure(lambda v: np.sum(v["w"] ** 3), {"w": w}, {"w": d})
    tolerance = {"complex_step": 1e-15, "finite_difference": 1e-8}[method]
    assert isinstance(got, float) and got == pytest.approx(np.sum(3 * w**2 * d), rel=tolerance)


def test_central_differences_are_of_second_order():
    """A step ten times smaller has an error a hundred times smaller."""
    errors = [abs(finite_difference(np.exp, 0.0, 1.0, step) - 1) for step in (1e-1, 1e-2)]
    assert errors[0] / errors[1] == pytest.approx(100, rel=1e-2)


def test_the_complex_step_keeps_its_digits_at_any_small_step():
    values = [complex_step(np.exp, 1.0, 1.0, step) for step in (1e-10, 1e-30, 1e-200)]
    np.testing.assert_allclose(values, np.e, rtol=1e-15)


# --- What it passes and what it catches ------------------------------------------------------


def test_the_report_names_every_leaf():
    p = problem("rnn")
    report = check(p, p.gradients(), "complex_step")
    assert list(report.errors) == [name for name, _ in tree_leaves(p.variables)]
    assert report.worst == max(report.errors.values()) < 1e-10


def test_the_checker_repeats_itself(method):
    p = problem("rnn")
    assert check(p, p.gradients(), method) == check(p, p.gradients(), method)


@pytest.mark.parametrize("name, leaf", CASES)
def test_an_error_of_one_in_a_thousand_is_caught(name, leaf, method):
    p = problem(name)
    with pytest.raises(
        GradientError, match=rf"gradient of {leaf} is off by 0\.000999 .*measured.*claimed"
    ):
        check(p, spoil(p.gradients(), leaf, lambda g: 1.001 * g), method)


def one_entry(g):
    g.flat[np.abs(g).argmax()] *= 1.001
    return g


@pytest.mark.parametrize("name, leaf", CASES)
def test_one_entry_off_by_one_in_a_thousand_is_caught(name, leaf, method):
    p = problem(name)
    with pytest.raises(GradientError, match=f"gradient of {leaf} is off by"):
        check(p, spoil(p.gradients(), leaf, one_entry), method)


def one_nan(g):
    g.flat[0] = np.nan
    return g


@pytest.mark.parametrize(
    "fault, message",
    [
        (one_nan, "is not finite"),
        (lambda g: g + np.inf, "is not finite"),
        (lambda g: g * 0, "is off by 1 "),
        (lambda g: -g, "is off by 2 "),
        (lambda g: g[..., :1], "has shape"),
        (lambda g: g[None], "has shape"),
    ],
    ids=["nan", "infinity", "zero", "sign", "short", "extra axis"],
)
@pytest.mark.parametrize("name, leaf", CASES)
def test_planted_faults_are_caught(name, leaf, method, fault, message):
    p = problem(name)
    with pytest.raises(GradientError, match=f"gradient of {leaf} {message}"):
        check(p, spoil(p.gradients(), leaf, fault), method)


# --- Faults in the backward pass -------------------------------------------------------------


def through(p, cell, **changes):
    """The gradients, by a cell and with parameters or a tape that may be at fault."""
    given = dict(params=p.params, tape=p.forward()[1]) | changes
    grads, dx, ds0 = backward(cell, given["params"], given["tape"], p.weights)
    return {"params": grads, "x": dx, "s0": ds0}


def faulty(name, fault):
    """The record of a cell whose `step_back` is followed by a fault in ds or da."""
    cell = CELLS[name]

    def step_back(ds, slopes, da):
        cell.step_back(ds, slopes, da)
        fault(ds, da)

    return cell._replace(step_back=step_back)


def assert_caught(p, grads, method, leaf=""):
    """By the measured derivatives and by the comparison with autograd."""
    with pytest.raises(GradientError, match=f"gradient of {leaf}.* is off by"):
        check(p, grads, method)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_trees_close(grads, p.autograd())


GATES = [(n, g) for n in CELL_NAMES for g in range(CELLS[n].gates + CELLS[n].extra)]
PATHS = [(n, k) for n in CELL_NAMES for k in range(CELLS[n].parts) if k > 0 or CELLS[n].direct]


@pytest.mark.parametrize("name", CELL_NAMES)
def test_without_a_fault_the_same_gradients_pass(name, method):
    """What follows shows something only because of this."""
    p = problem(name)
    grads = through(p, faulty(name, lambda ds, da: None))
    check(p, grads, method)
    assert_trees_close(grads, p.autograd())


@pytest.mark.parametrize("name", CELL_NAMES)
def test_w_transposed_is_caught(name, method):
    """The commonest bug of a backward pass: each gate's block of W where its transpose belongs."""
    p = problem(name)
    H = p.params.W.shape[1]
    turned = p.params.W.reshape(-1, H, H).swapaxes(1, 2).reshape(-1, H)
    grads = through(p, name, params=p.params._replace(W=turned))
    assert_caught(p, grads, method, "params.W")


@pytest.mark.parametrize("name", CELL_NAMES)
def test_the_state_of_the_wrong_step_is_caught(name, method):
    """dL/dW takes h_{t-1}; here it is given h_t, and the slopes are those of the right states."""
    p, cell, slopes = problem(name), CELLS[name], []

    def record(a, s, s_next, out):
        cell.slopes(a, s, s_next, out)
        slopes.append(out.copy())

    def replay(a, s, s_next, out):
        np.copyto(out, slopes.pop(0))

    right = through(p, cell._replace(slopes=record))
    states = p.forward()[0]
    late = p.forward()[1]._replace(states=np.concatenate([states[1:], states[-1:]]))
    grads = through(p, cell._replace(slopes=replay), tape=late)
    assert_caught(p, grads, method, "params.W")
    assert_trees_equal(spoil(grads, "params.W", lambda g: right["params"].W), right)


@pytest.mark.parametrize("factor", [0, 0.5, -1])
@pytest.mark.parametrize("name, gate", GATES)
def test_a_gate_that_is_lost_or_scaled_is_caught(name, gate, factor, method):
    """0: its path is dropped. 1/2: the halving of a logistic gate is not undone. -1: its sign."""
    p = problem(name)

    def fault(ds, da):
        da[gate] *= factor

    assert_caught(p, through(p, faulty(name, fault)), method)


@pytest.mark.parametrize("name, part", PATHS)
def test_a_direct_path_that_is_dropped_is_caught(name, part, method):
    """What reaches the last state past W: z h in a GRU, f c in an LSTM."""
    p = problem(name)

    def fault(ds, da):
        ds[part] = 0

    assert_caught(p, through(p, faulty(name, fault)), method)


@pytest.mark.parametrize("name", [n for n in CELL_NAMES if CELLS[n].extra])
def test_one_bias_taken_for_the_other_is_caught(name, method):
    """b_n meets the input only after a gate, so its gradient is not that of the last block of b."""
    p = problem(name)
    grads = p.gradients()
    wrong = spoil(grads, "params.b_n", lambda g: grads["params"].b[-len(g) :])
    assert_caught(p, wrong, method, "params.b_n")


@pytest.mark.parametrize("name", CELL_NAMES)
def test_a_truncated_gradient_does_not_pass_for_the_full_one(name, method):
    p = problem(name)
    with pytest.raises(GradientError):
        check(p, p.gradients(window=6), method)


def test_nought_by_nought_proves_nothing(method):
    """A leaf that the loss ignores, with a gradient of 0: both agree, and nothing was shown."""
    variables, grads = (
        {"used": np.ones(2), "idle": np.ones(2)},
        {"used": np.ones(2), "idle": np.zeros(2)},
    )
    with pytest.raises(GradientError, match="gradient of idle is 0 both ways: .*proves nothing"):
        check_gradients(
            lambda v: v["used"].sum(), variables, grads, np.random.default_rng(0), method, 1e-6
        )


def test_nan_against_nought_is_caught(method):
    """max(0, nan) is 0 in Python: a checker that divides by it would let this pass as 0/0."""
    variables, grads = {"idle": np.ones(2)}, {"idle": np.full(2, np.nan)}
    with pytest.raises(GradientError, match="gradient of idle is not finite"):
        check_gradients(
            lambda v: 0 * v["idle"].sum(), variables, grads, np.random.default_rng(0), method
        )


@pytest.mark.parametrize("claimed", [0.0, 1.0])
def test_a_loss_that_is_nan_proves_nothing(method, claimed):
    with pytest.raises(GradientError, match="is off by nan"):
        check_gradients(
            lambda v: v["w"] * np.nan, {"w": 1.0}, {"w": claimed}, np.random.default_rng(0), method
        )


# --- A small slope under a large loss --------------------------------------------------------


def raised(offset, cancel=False):
    """The loss of a network with a constant added, and perhaps subtracted again when it is full."""
    p = problem("gru")
    return p, lambda v: (p.loss(v) + offset) - (offset if cancel else 0)


def measured_errors(p, loss, grads):
    """Of central differences, relative, along the directions that a check with seed 0 takes."""
    rng, errors = np.random.default_rng(0), []
    for name, leaf in tree_leaves(p.variables):
        for _ in range(5):
            arrow = rng.standard_normal(leaf.shape)
            along = spoil(tree_map(np.zeros_like, p.variables), name, lambda g: arrow)  # noqa: B023
            measured = finite_difference(loss, p.variables, along)
            claimed = np.sum(dict(tree_leaves(grads))[name] * arrow)
            errors.append(abs(measured - claimed) / max(abs(measured), abs(claimed)))
    return errors


@pytest.mark.parametrize("cancel", [False, True])
def test_rounding_is_no_fault_of_the_gradient_and_hides_no_tenth_of_a_percent(cancel):
    """The loss is 1e5 times its slopes, or adds up terms that are, which cancel."""
    p, loss = raised(1e5, cancel)
    right, how = p.gradients(), ("finite_difference", 1e-6, 5, 2e5 if cancel else None)
    assert max(measured_errors(p, loss, right)) > 2e-6  # so the old bound refused it
    check_gradients(loss, p.variables, right, np.random.default_rng(0), *how)
    for name, _ in tree_leaves(right):
        with pytest.raises(GradientError, match=f"gradient of {name} is off by 0.00[01]"):
            planted = spoil(right, name, lambda g: 1.001 * g)
            check_gradients(loss, p.variables, planted, np.random.default_rng(0), *how)


def test_without_a_word_on_the_terms_that_cancel_their_rounding_counts():
    p, loss = raised(1e5, cancel=True)
    with pytest.raises(GradientError, match="is off by"):
        check_gradients(
            loss, p.variables, p.gradients(), np.random.default_rng(0), "finite_difference", 1e-6
        )


def test_what_rounding_hides_is_not_proved():
    p, loss = raised(1e8)
    with pytest.raises(GradientError, match="smaller than the rounding of the loss: .*nothing$"):
        check_gradients(
            loss, p.variables, p.gradients(), np.random.default_rng(0), "finite_difference", 1e-6
        )
    check_gradients(loss, p.variables, p.gradients(), np.random.default_rng(0))  # the complex step


@pytest.mark.parametrize("magnitude", [-1, np.nan, np.inf, "large", True])
def test_bad_magnitude(magnitude):
    with pytest.raises(ValueError, match=f"magnitude must be a number in .*got {magnitude!r}"):
        check_gradients(
            lambda v: v["w"] ** 3,
            {"w": 2.0},
            {"w": 12.0},
            np.random.default_rng(0),
            "finite_difference",
            1e-6,
            magnitude=magnitude,
        )


def test_leaves_are_matched_by_name_and_not_by_order(method):
    variables = {"a": np.ones(2), "b": np.ones(2)}
    grads = {"b": np.full(2, 2.0), "a": np.full(2, 1.0)}
    check_gradients(
        lambda v: v["a"].sum() + np.sum(v["b"] ** 2),
        variables,
        grads,
        np.random.default_rng(0),
        method,
        METHODS[method],
    )


# --- Bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, error, message",
    [
        (
            dict(method="forward"),
            ValueError,
            "method must be one of complex_step, finite_difference, got 'forward'",
        ),
        (dict(rng=0), TypeError, "rng must be a numpy.random.Generator .*got int"),
        (dict(tolerance=0), ValueError, r"tolerance must be a number in \(0.*, 1.*\), got 0"),
        (dict(tolerance=1), ValueError, "tolerance must be .*got 1"),
        (dict(tolerance=np.nan), ValueError, "tolerance must be .*got nan"),
        (dict(directions=0), ValueError, "directions must be an integer of at least 1, got 0"),
        (dict(directions=1.5), ValueError, "directions must be .*got 1.5"),
        (
            dict(grads={"v": 12.0}),
            ValueError,
            r"grads must hold the leaves of variables, \['w'\], got \['v'\]",
        ),
        (dict(grads={"w": 12.0, "v": 1.0}), ValueError, r"grads must hold .*got \['w', 'v'\]"),
        (dict(grads=12.0), ValueError, "grads must hold the leaves"),
        (
            dict(variables={}, grads={}),
            ValueError,
            r"grads must hold the leaves of variables, \[\], got \[\]",
        ),
    ],
)
def test_bad_input_of_check_gradients(change, error, message):
    good = dict(variables={"w": 2.0}, grads={"w": 12.0}, rng=np.random.default_rng(0))
    with pytest.raises(error, match=message):
        check_gradients(lambda v: v["w"] ** 3, **good | change)


@pytest.mark.parametrize("measure", [finite_difference, complex_step])
@pytest.mark.parametrize("step", [0, -1e-6, np.nan, np.inf, "small", True])
def test_bad_step(measure, step):
    with pytest.raises(ValueError, match=f"step must be a number in .*got {step!r}"):
        measure(np.exp, 0.0, 1.0, step)


@pytest.mark.parametrize("measure", [finite_difference, complex_step])
def test_a_direction_of_another_shape_is_refused(measure):
    with pytest.raises(ValueError, match="same shape"):
        measure(np.sum, np.ones(3), np.ones(2))

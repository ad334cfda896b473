"""Layers on layers, in one direction or two: against PyTorch, autograd, and differences."""

from functools import partial

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from reference import CELL_NAMES, assert_trees_close, assert_trees_equal, run_states
from torch_reference import assert_equal
from torch_stack_reference import COMMAND, DATA, GATES, STORED, read, run_package, weights_of

from rnn_src import backward, forward, init
from rnn_src.cells import CELLS
from rnn_src.gradcheck import GradientError, check_gradients
from rnn_src.initializers import spectral_radius
from rnn_src.interop import from_pytorch
from rnn_src.stack import Stack, backward_stack, forward_stack, from_pytorch_stack
from rnn_src.trees import tree_map

LENGTHS = np.array([7, 1, 4])


def drawn(cell, ways=(2, 1, 2), T=7, B=3, D=2, H=4, dtype=np.float64, seed=0):
    """A stack with W of spectral radius .95 and biases that are not 0, x, s0, and loss weights."""
    rng, layers = np.random.default_rng(seed), []
    recurrent = partial(spectral_radius, rho=0.95)
    inputs = D
    for count in ways:
        layer = [init(cell, inputs, H, rng, recurrent=recurrent) for _ in range(count)]
        layers.append(tuple(p._replace(b=0.3 * rng.standard_normal(p.b.shape)) for p in layer))
        inputs = count * H
    S = CELLS[cell].parts * H
    shapes = (T, B, D), (sum(ways), B, S), (T, B, inputs)
    x, s0, loss = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    layers = tree_map(lambda leaf: leaf.astype(dtype), tuple(layers))
    return Stack(cell, layers), x, s0, loss


@pytest.fixture(params=CELL_NAMES)
def cell(request):
    return request.param


@pytest.fixture(params=[None, LENGTHS], ids=["full", "padded"])
def lengths(request):
    return request.param


# --- What PyTorch stored ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored():
    return read()[1]


@pytest.mark.parametrize("name", [case.name for case in STORED])
def test_a_stack_equals_the_stored_values(stored, name):
    problem, result = stored[name]
    assert_equal(name, run_package(problem), result)


def test_the_stored_file_proves_something(stored):
    made = read()[0]
    assert made[0].startswith("torch ") and made[1].startswith("numpy ") and made[2] == COMMAND
    assert set(stored) == {case.name for case in STORED}
    deep = [name for name in stored if "-3-both-padded" in name]
    assert {name.split("-")[0] for name in deep} == {*GATES}
    for name, (problem, result) in stored.items():
        assert {f"d{k}" for k in weights_of(problem)} | {"outputs", "dx"} == {*result}
        assert all(a.dtype == np.float64 and np.abs(a).max() > 1e-9 for a in result.values())
        assert name not in deep or problem["lengths"].min() < problem["lengths"].max()
    assert DATA.stat().st_size < 200_000


def with_a_layer_of_its_own(problem, change):
    """The result from weights that are changed before they come in."""
    weights = change(weights_of(problem))
    return run_package(problem | {f"weights/{k}": a for k, a in weights.items()})


def exchanged(weights):
    """The two directions of the first layer take each other's recurrent matrix."""
    one, two = "weight_hh_l0", "weight_hh_l0_reverse"
    return weights | {one: weights[two], two: weights[one]}


def turned_at_the_end_of_the_batch(problem):
    """Every backward direction starts at T, in the padding."""
    result = run_package(problem, lengths=None)
    real = np.arange(len(problem["x"]))[:, None] < problem["lengths"]
    return result | {k: result[k] * real[..., None] for k in ("outputs", "dx")}


PLANTED = {
    "directions exchanged": ("outputs", lambda p: with_a_layer_of_its_own(p, exchanged)),
    "turned in the padding": ("outputs", turned_at_the_end_of_the_batch),
    "one first state for all": ("outputs", lambda p: run_package(p | {"h0": 0 * p["h0"]})),
    "half of the loss": ("dweight_ih_l2_reverse", lambda p: run_package(p | half_of_the_loss(p))),
}


def half_of_the_loss(problem):
    loss = problem["loss"].copy()
    loss[..., loss.shape[2] // 2 :] = 0
    return {"loss": loss}


@pytest.mark.parametrize("error", PLANTED)
@pytest.mark.parametrize("name", ["gru-3-both-padded-1", "lstm-3-both-padded-1"])
def test_a_planted_error_is_found(stored, name, error):
    array, run = PLANTED[error]
    problem, result = stored[name]
    with pytest.raises(AssertionError, match=rf"differs from PyTorch in .*\b{array} by"):
        assert_equal(name, run(problem), result)


# --- Autograd, differences -------------------------------------------------------------------


def outputs_by_hand(cell, layers, x, s0, lengths):
    """One sequence after the other, layer by layer, with the recurrences of reference.py."""
    T, columns = len(x), []
    for n, length in enumerate([T] * x.shape[1] if lengths is None else lengths):
        h, starts = x[:length, n : n + 1], iter(s0[:, n : n + 1])
        for layer in layers:
            sides = []
            for p, way in zip(layer, (1, -1)):
                states = run_states(cell, p._asdict(), h[::way], next(starts))[1:]
                sides.append(states[::way, :, : p.W.shape[1]])
            h = anp.concatenate(sides, axis=2)
        columns.append(anp.concatenate([h, np.zeros((T - length, 1, h.shape[2]))]))
    return anp.concatenate(columns, axis=1)


def test_outputs_and_gradients_are_those_of_autograd(cell, lengths):
    stack, x, s0, loss = drawn(cell)
    kind = type(stack.layers[0][0])

    def total(leaves, x):
        layers = [[kind(*leaves[k]) for k in layer] for layer in places]
        return anp.sum(loss * outputs_by_hand(cell, layers, x, s0, lengths))

    flat, places = [], []
    for layer in stack.layers:
        places.append(range(len(flat), len(flat) + len(layer)))
        flat += [tuple(p) for p in layer]
    outputs, tapes = forward_stack(stack, x, s0, lengths)
    by_hand = outputs_by_hand(cell, stack.layers, x, s0, lengths)
    np.testing.assert_allclose(outputs, by_hand, rtol=1e-12, atol=1e-13)
    grads, dx = backward_stack(stack, tapes, loss)
    wanted, wanted_dx = grad(total, (0, 1))(flat, x)
    np.testing.assert_allclose(dx, wanted_dx, rtol=1e-10, atol=1e-12)
    ours = tuple(p for layer in grads for p in layer)
    assert_trees_close(ours, tuple(kind(*leaves) for leaves in wanted), rtol=1e-10, atol=1e-12)


def checked(stack, x, s0, loss, lengths, grads, dx, **options):
    def total(variables):
        moved = stack._replace(layers=variables["layers"])
        return np.sum(loss * forward_stack(moved, variables["x"], s0, lengths)[0])

    variables, claims = {"layers": stack.layers, "x": x}, {"layers": grads, "x": dx}
    return check_gradients(total, variables, claims, np.random.default_rng(1), **options)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_gradients_are_what_differences_measure_and_an_error_of_a_thousandth_is_found(
    cell, lengths
):
    stack, x, s0, loss = drawn(cell)
    _, tapes = forward_stack(stack, x, s0, lengths)
    grads, dx = backward_stack(stack, tapes, loss)
    given = stack, x, s0, loss, lengths
    assert checked(*given, grads, dx).worst < 1e-10
    differences = {"method": "finite_difference", "tolerance": 1e-6}
    checked(*given, grads, dx, **differences)  # raises if it is not so
    below, middle, above = grads
    wrong = below[1]._replace(U=below[1].U * 1.001)
    for planted in (((below[0], wrong), middle, above), (below, middle, above[::-1])):
        for options in ({}, differences):
            with pytest.raises(GradientError):
                checked(*given, planted, dx, **options)
    with pytest.raises(GradientError, match="gradient of x"):
        checked(*given, grads, dx[::-1])


# --- What a stack is -------------------------------------------------------------------------


def test_one_layer_in_one_direction_is_the_scan(cell, lengths):
    stack, x, s0, loss = drawn(cell, ways=(1,))
    outputs, ((tape,),) = forward_stack(stack, x, s0, lengths)
    (params,) = stack.layers[0]
    states, _ = forward(cell, params, x, s0[0], lengths)
    real = np.ones((7, 3, 1)) if lengths is None else (np.arange(7)[:, None] < lengths)[..., None]
    np.testing.assert_array_equal(outputs, states[1:, :, :4] * real)
    np.testing.assert_array_equal(tape.states, states)
    dstates = np.zeros_like(states[1:])
    dstates[..., :4] = loss * real
    grads, dx, _ = backward(cell, params, tape, dstates)
    ours, ours_dx = backward_stack(stack, ((tape,),), loss)
    assert_trees_equal(ours, ((grads,),))
    np.testing.assert_array_equal(ours_dx, dx)


def test_a_sequence_in_a_padded_batch_is_that_sequence_alone(cell):
    stack, x, s0, loss = drawn(cell)
    outputs, tapes = forward_stack(stack, x, s0, LENGTHS)
    grads, dx = backward_stack(stack, tapes, loss)
    total = tree_map(np.zeros_like, grads)
    for n, length in enumerate(LENGTHS):
        one = np.s_[:length, n : n + 1]
        alone, taken = forward_stack(stack, x[one], s0[:, n : n + 1])
        np.testing.assert_allclose(outputs[one], alone, rtol=1e-12, atol=1e-14)
        for layer, part in zip(tapes, taken):
            for tape, short in zip(layer, part):
                end = tape.states[-1, n]
                np.testing.assert_allclose(end, short.states[-1, 0], rtol=1e-12, atol=1e-14)
        found, found_dx = backward_stack(stack, taken, loss[one])
        np.testing.assert_allclose(dx[one], found_dx, rtol=1e-11, atol=1e-13)
        total = tree_map(np.add, total, found)
    assert_trees_close(grads, total)


def test_the_padding_says_nothing_and_hears_nothing(cell):
    stack, x, s0, loss = drawn(cell)
    outputs, tapes = forward_stack(stack, x, s0, LENGTHS)
    padding = np.arange(7)[:, None] >= LENGTHS
    assert not outputs[padding].any() and outputs[~padding].any(axis=1).all()
    grads, dx = backward_stack(stack, tapes, loss)
    assert not dx[padding].any()
    noise = np.where(padding[..., None], 1e3, 0)
    again, taken = forward_stack(stack, x + noise, s0, [*LENGTHS])
    np.testing.assert_array_equal(again, outputs)
    other, other_dx = backward_stack(stack, taken, loss + noise)
    np.testing.assert_array_equal(other_dx, dx)
    assert_trees_equal(other, grads)


def test_a_backward_direction_hears_what_is_to_come_and_a_forward_one_what_was(cell):
    stack, x, s0, _ = drawn(cell, ways=(2,))
    outputs, _ = forward_stack(stack, x, s0)
    moved = x.copy()
    moved[3] += 0.1
    heard = np.abs(forward_stack(stack, moved, s0)[0] - outputs).max(axis=1) > 0
    assert not heard[:3, :4].any() and heard[3:, :4].any(axis=1).all()
    assert not heard[4:, 4:].any() and heard[:4, 4:].any(axis=1).all()


def test_no_first_state_is_0_and_a_list_of_them_serves(cell, lengths):
    stack, x, s0, _ = drawn(cell)
    outputs, _ = forward_stack(stack, x, None, lengths)
    np.testing.assert_array_equal(outputs, forward_stack(stack, x, 0 * s0, lengths)[0])
    given, _ = forward_stack(stack, x, s0, lengths)
    np.testing.assert_array_equal(given, forward_stack(stack, x, [*s0], lengths)[0])
    assert np.abs(given - outputs).max() > 0.01


def test_float32_stays_float32(cell, lengths):
    stack, x, s0, loss = drawn(cell, dtype=np.float32)
    outputs, tapes = forward_stack(stack, x, s0, lengths)
    grads, dx = backward_stack(stack, tapes, loss)
    leaves = [leaf for layer in grads for p in layer for leaf in p]
    assert {a.dtype for a in (outputs, dx, *leaves)} == {np.dtype(np.float32)}
    double = tree_map(np.float64, stack.layers)
    exact, _ = forward_stack(Stack(cell, double), x.astype(float), s0.astype(float), lengths)
    np.testing.assert_allclose(outputs, exact, rtol=0, atol=1e-5)


def test_what_it_was_given_stays_as_it_was(cell, lengths):
    stack, x, s0, loss = drawn(cell)
    before = tree_map(np.copy, (stack.layers, x, s0, loss))
    outputs, tapes = forward_stack(stack, x, s0, lengths)
    first = backward_stack(stack, tapes, loss)
    outputs[...] = 7.0  # nobody else's memory
    assert_trees_equal(backward_stack(stack, tapes, loss), first)
    assert_trees_equal((stack.layers, x, s0, loss), before)


# --- From PyTorch ----------------------------------------------------------------------------


def test_a_stack_of_pytorch_has_its_layers_in_order(stored):
    problem, _ = stored["lstm-3-both-padded-1"]
    weights = {f"encoder.{k}": a for k, a in weights_of(problem).items()}
    stack = from_pytorch_stack(CELLS["lstm"], weights, "encoder.")
    assert stack.cell == "lstm" and [*map(len, stack.layers)] == [2, 2, 2]
    for k, layer in enumerate(stack.layers):
        for params, reverse in zip(layer, (False, True)):
            assert_trees_equal(params, from_pytorch("lstm", weights, "encoder.", k, reverse))


def test_stacks_that_are_refused(stored):
    weights = weights_of(stored["gru-3-both-padded-1"][0])
    with pytest.raises(ValueError, match="pass prefix='encoder.', got ''$"):
        from_pytorch_stack("gru", {f"encoder.{k}": a for k, a in weights.items()})
    without = {k: a for k, a in weights.items() if "_l1" not in k}
    with pytest.raises(ValueError, match="names in '_l1' for layer=1 and reverse=False, got names"):
        from_pytorch_stack("gru", without)
    half = {k: a for k, a in weights.items() if k != "weight_hh_l2_reverse"}
    with pytest.raises(ValueError, match="must have weight_ih_l2_reverse, weight_hh_l2_reverse"):
        from_pytorch_stack("gru", half)
    with pytest.raises(
        TypeError, match="^state_dict must be a mapping of names to arrays, got Non"
    ):
        from_pytorch_stack("gru", None)


def test_a_trained_network_gives_the_answers_that_pytorch_gave():
    """Two layers, padded and batch first, in float32, with an embedding and a readout."""
    with np.load(DATA.parent / "reader.npz", allow_pickle=False) as arrays:
        stored = dict(arrays)
    assert [word.split()[0] for word in stored["made"][:2]] == ["torch", "numpy"]
    weights = {k.removeprefix("weights/"): a for k, a in stored.items() if "weights/" in k}
    lengths, B = stored["lengths"], len(stored["lengths"])
    x = weights["embedding.weight"][stored["words"].T]
    outputs, _ = forward_stack(from_pytorch_stack("lstm", weights, "lstm."), x, None, lengths)
    logits = outputs[lengths - 1, np.arange(B)] @ weights["readout.weight"].T
    logits += weights["readout.bias"]
    assert outputs.dtype == np.float32 and lengths.min() < lengths.max()
    np.testing.assert_allclose(logits, stored["logits"], rtol=0, atol=2e-5)
    np.testing.assert_array_equal(logits.argmax(axis=1), stored["places"])
    assert np.abs(logits).max() > 5 and {*stored["places"].tolist()} == {0, 1, 2, 3}


# --- Bad input -------------------------------------------------------------------------------


def test_stacks_that_do_not_fit():
    stack, x, _, _ = drawn("lstm")
    first, second, third = stack.layers
    other = drawn("gru")[0].layers
    cases = [
        ((), ValueError, "^stack.layers must hold at least one layer, got none$"),
        ([first], TypeError, "^stack.layers must be a tuple, got list$"),
        (
            first,
            TypeError,
            r"^stack.layers\[0\] must hold one LSTMParams a direction, .*got ndarray",
        ),
        ((first * 2,), TypeError, r"1 or 2, got LSTMParams, LSTMParams, LSTMParams, LSTMParams$"),
        (((),), TypeError, r"^stack.layers\[0\] must hold .*, got none$"),
        (other, TypeError, r"^stack.layers\[0\] must hold one LSTMParams .*got GRUParams, GRUPar"),
        ((first, third), ValueError, r"^stack.layers\[1\] must have D = 8, .* below, got 4$"),
        (((first[0], second[0]),), ValueError, r"^stack.layers\[0\] must have two directions of"),
    ]
    for layers, error, wanted in cases:
        with pytest.raises(error, match=wanted):
            forward_stack(Stack("lstm", layers), x)
        with pytest.raises(error, match=wanted):
            backward_stack(Stack("lstm", layers), (), x)
    with pytest.raises(TypeError, match="^stack must be a Stack, got tuple$"):
        forward_stack(stack.layers, x)
    with pytest.raises(ValueError, match="^stack.cell must be one of rnn, .*, got 'mgu'$"):
        forward_stack(stack._replace(cell="mgu"), x)


def test_inputs_that_do_not_fit():
    stack, x, s0, loss = drawn("gru")
    for changes, wanted in (
        ({"x": x[..., :1]}, r"^x must be \(T, B, D\) with D = 2, got \(7, 3, 1\)$"),
        ({"x": x * np.nan}, "^x must be finite"),
        ({"s0": s0[1:]}, "^s0 must hold one state a direction, 5, got 4$"),
        ({"s0": s0[:, :2]}, r"^s0 must be \(B, S\) with B = 3, S = 4, got \(2, 4\)$"),
        ({"lengths": [8, 1, 1]}, "^lengths must be 3 integers from 1 to T = 7"),
    ):
        with pytest.raises(ValueError, match=wanted):
            forward_stack(**{"stack": stack, "x": x, "s0": s0} | changes)
    _, tapes = forward_stack(stack, x, s0)
    for made, doutputs, error, wanted in (
        (tapes, loss[..., :4], ValueError, r"^doutputs must be \(T, B, outputs\) with T = 7, B ="),
        (tapes, loss * np.inf, ValueError, "^doutputs must be finite"),
        (
            tapes[:2],
            loss,
            ValueError,
            r"^tapes must be those of this stack, \[2, 1, 2\] a layer, g",
        ),
        ([*tapes], loss, TypeError, "^tapes must be a tuple, got list$"),
        ((*tapes[:2], (1, 2)), loss, TypeError, r"^tapes\[-1\]\[0\] must be a Tape, got int$"),
    ):
        with pytest.raises(error, match=wanted):
            backward_stack(stack, made, doutputs)
    taller = drawn("gru", H=5)
    with pytest.raises(ValueError, match="^doutputs must be|^tape must be of these params"):
        backward_stack(taller[0], tapes, loss)

"""Cells and stacks are PyTorch's: states and every gradient, against a file and against PyTorch.

`make pytorch` runs this file where PyTorch is installed and may not be skipped. The errors that
`torch_reference.py --errors` prints stay near 1e-13 or below, those of torch_stack_reference.py
near 1e-15; 1e-10 is demanded. What is stored of stacks is compared in test_stack.py.
"""

import importlib.util
import os
from itertools import product

import numpy as np
import pytest
import torch_stack_reference as stacks
from torch_reference import (
    CELL_NAMES,
    COMMAND,
    DATA,
    LIVE,
    STORED,
    assert_equal,
    draw,
    package_params,
    read,
    relative_error,
    run_package,
    run_pytorch,
)

from rnn_src.cells import CELLS
from rnn_src.interop import from_pytorch
from rnn_src.linear import adjoint, init_minimal, loop, minimal_backward, minimal_forward
from rnn_src.stack import from_pytorch_stack

MISSING = "PyTorch is not installed: `make pytorch` runs this test"


@pytest.fixture(scope="module")
def stored():
    return read()[1]


@pytest.fixture
def pytorch():
    """PyTorch on one thread; without it a skip, or a failure where PyTorch is required."""
    if importlib.util.find_spec("torch") is None:
        required = os.environ.get("REQUIRE_PYTORCH") == "1"
        (pytest.fail if required else pytest.skip)(MISSING)
    import torch

    torch.set_num_threads(1)


# --- Against the stored file -----------------------------------------------------------------


@pytest.mark.parametrize("name", [case.name for case in STORED])
def test_the_package_equals_the_stored_values(stored, name):
    problem, result = stored[name]
    assert_equal(name, run_package(problem), result)


def test_the_stored_file_covers_every_cell(stored):
    assert set(stored) == {case.name for case in STORED}
    problems = [problem for problem, _ in stored.values()]
    wanted = set(product(CELL_NAMES, (False, True)))
    assert {(str(p["cell"]), "lengths" in p) for p in problems} == wanted
    assert {str(p["cell"]) for p in problems if len(p["x"]) == 200} == set(CELL_NAMES)
    assert {"lengths" in p for p in problems if "loss_c" in p} == {False, True}
    assert all(p["lengths"].min() < len(p["x"]) for p in problems if "lengths" in p)


def test_the_stored_values_hold_every_state_and_every_gradient(stored):
    for name, (problem, result) in stored.items():
        wanted = {"h", "h_n", "dW", "dU", "dbias_ih", "dbias_hh", "dx", "dh0"}
        wanted |= {"db_n"} if "gru" in name else set()
        wanted |= {"c_n", "dc0"} if "lstm" in name else set()
        wanted |= {"c"} if "loss_c" in problem else set()
        assert set(result) == wanted
        assert all(a.dtype == np.float64 and np.abs(a).max() > 1e-9 for a in result.values()), name


def test_the_stored_file_is_small_and_says_what_made_it():
    torch, numpy, command = read()[0]
    assert torch.startswith("torch ") and numpy.startswith("numpy ") and command == COMMAND
    assert DATA.stat().st_size < 300_000


# --- Against PyTorch itself ------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_the_package_equals_pytorch(pytorch, cell):
    for case in LIVE:
        if case.cell == cell:
            problem = draw(case)
            assert_equal(case.name, run_package(problem), run_pytorch(problem))


def test_the_stored_values_are_what_this_pytorch_gives(pytorch, stored):
    for name, (problem, result) in stored.items():
        assert_equal(name, run_pytorch(problem), result)


@pytest.mark.parametrize("padded", [False, True], ids=["full", "padded"])
@pytest.mark.parametrize("cell", CELL_NAMES)
def test_the_live_cases_reach_far_enough(cell, padded):
    cases = [case for case in LIVE if case.cell == cell and case.padded == padded]
    assert len({case.name for case in cases}) >= 12
    assert max(case.T for case in cases if case.far) == 200
    for size in "TBDH":
        assert min(getattr(case, size) for case in cases) == 1
    assert {case.stepped for case in cases} == ({False, True} if cell == "lstm" else {False})


@pytest.mark.parametrize("name", CELL_NAMES)
def test_every_gate_is_drawn_with_spectral_radius_1(name):
    W = draw(next(c for c in LIVE if c.cell == name and c.shape == "moderate"))["weight_hh"]
    assert W.shape == (CELLS[name].gates * 8, 8)
    for gate in W.reshape(-1, 8, 8):
        np.testing.assert_allclose(np.abs(np.linalg.eigvals(gate)).max(), 1, rtol=1e-12)
        assert np.abs(gate - gate.T).max() > 0.1


@pytest.mark.parametrize(
    "value, outcome", [(None, pytest.skip.Exception), ("1", pytest.fail.Exception)]
)
def test_where_pytorch_is_required_nothing_is_skipped(monkeypatch, request, value, outcome):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("REQUIRE_PYTORCH", raising=False)
    if value is not None:
        monkeypatch.setenv("REQUIRE_PYTORCH", value)
    with pytest.raises(outcome, match=MISSING):
        request.getfixturevalue("pytorch")


# --- Stacks, and what a state dict can hold ----------------------------------------------------


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_stacks_and_cells_equal_pytorch(pytorch, cell):
    """Up to four layers, one direction and two, packed and not, and RNNCell, GRUCell, LSTMCell."""
    for case in stacks.LIVE:
        if case.cell == cell:
            problem = stacks.draw(case)
            assert_equal(case.name, stacks.run_package(problem), stacks.run_pytorch(problem))


def test_the_stored_values_of_stacks_are_what_this_pytorch_gives(pytorch):
    for name, (problem, result) in stacks.read()[1].items():
        assert_equal(name, stacks.run_pytorch(problem), result)


def test_the_live_stacks_reach_far_enough():
    for cell in CELL_NAMES:
        cases = [case for case in stacks.LIVE if case.cell == cell]
        assert {case.layers for case in cases} == {0, 1, 2, 3, 4}
        flags = {(case.both, case.padded) for case in cases if case.layers}
        assert flags == {(False, False), (False, True), (True, False), (True, True)}
        assert max(case.T for case in cases) == 100 and max(case.B for case in cases) == 200


def refused(cell, module, *arguments):
    """Why the state dict of a module is refused."""
    with pytest.raises((ValueError, TypeError)) as caught:
        from_pytorch(cell, module.state_dict(), *arguments)
    return str(caught.value)


# The newest PyTorch says that such tensors will go; networks that hold them will stay.
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_what_pytorch_can_do_to_a_layer_is_refused_by_name(pytorch):
    import torch
    from torch.nn.utils import parametrizations, spectral_norm

    def layer(**options):
        torch.manual_seed(0)
        return torch.nn.LSTM(2, 3, **options)

    assert "without projection" in refused("lstm", layer(proj_size=2))
    for way in (parametrizations.weight_norm, parametrizations.spectral_norm, spectral_norm):
        module = layer()
        way(module, "weight_hh_l0")
        assert "weight_norm or another parametrization" in refused("lstm", module)
    half = layer().bfloat16()
    assert "got bfloat16: .float() it" in refused("lstm", half)
    assert "got float16: .float() it" in refused("lstm", layer().half())
    plain = {k: a.float() for k, a in half.state_dict().items()}
    assert from_pytorch("lstm", plain).W.dtype == np.float32
    eight = {k: torch.quantize_per_tensor(a, 0.1, 0, torch.qint8) for k, a in plain.items()}
    with pytest.raises(TypeError, match="quantised weights are another network"):
        from_pytorch("lstm", eight)
    with pytest.raises(TypeError, match="got Parameter: Can't call numpy"):
        from_pytorch("lstm", dict(layer().named_parameters()))


def test_a_whole_model_of_pytorch(pytorch):
    import torch

    torch.manual_seed(0)
    model = torch.nn.ModuleDict(
        {
            "encoder": torch.nn.GRU(2, 3, num_layers=2, bidirectional=True),
            "decoder": torch.nn.GRUCell(6, 3),
            "readout": torch.nn.Linear(3, 1),
        }
    )
    told = refused("gru", model)
    assert told.endswith("pass prefix='decoder.' or prefix='encoder.', got ''")
    weights = model.state_dict()
    cell = from_pytorch("gru", weights, "decoder.")
    np.testing.assert_array_equal(cell.W, weights["decoder.weight_hh"])
    back = from_pytorch("gru", weights, "encoder.", layer=1, reverse=True)
    np.testing.assert_array_equal(back.U, weights["encoder.weight_ih_l1_reverse"])
    stack = from_pytorch_stack("gru", weights, "encoder.")
    assert [*map(len, stack.layers)] == [2, 2]


# --- Planted errors: the comparison must find each -------------------------------------------


def with_swapped_gates(problem, i, j):
    """The result if two blocks of H rows change places in W, U and b."""
    params, H = package_params(problem), problem["h0"].shape[1]
    rows = np.arange(len(params.b)).reshape(-1, H)
    rows[[i, j]] = rows[[j, i]]
    swapped = {k: getattr(params, k)[rows.ravel()] for k in ("W", "U", "b")}
    return run_package(problem, params._replace(**swapped))


def with_b_n_at_the_input(problem):
    """The result if b_n stands beside U x, where the reset gate does not reach it."""
    params, H = package_params(problem), problem["h0"].shape[1]
    b = params.b + np.append(np.zeros(2 * H), params.b_n)
    return run_package(problem, params._replace(b=b, b_n=np.zeros(H)))


def with_one_gradient_for_both_biases(problem):
    """The result if the gradient of bias_hh is taken for that of bias_ih, b_n's part included."""
    result = run_package(problem)
    return result | {"dbias_hh": result["dbias_ih"]}


def without(problem, key):
    """The result if an array of the problem is taken for 0."""
    return run_package(problem | {key: np.zeros_like(problem[key])})


def with_the_padding_at_0(problem):
    """The result if the states beyond a sequence's end are 0, as in PyTorch's own output."""
    result = run_package(problem)
    real = np.arange(len(problem["x"]))[:, None] < problem["lengths"]
    return result | {"h": result["h"] * real[..., None]}


def changed(problem, key, function):
    """The result with one array replaced."""
    result = run_package(problem)
    return result | {key: function(result[key])}


def shifted(array):
    """One entry moved by 1e-9 of the largest."""
    array = array.copy()
    array.flat[0] += 1e-9 * np.abs(array).max()
    return array


PLANTED = {
    "r and z swapped": ("gru-short", "h", lambda p: with_swapped_gates(p, 0, 1)),
    "z and n swapped": ("gru-short", "h", lambda p: with_swapped_gates(p, 1, 2)),
    "i and f swapped": ("lstm-short", "h", lambda p: with_swapped_gates(p, 0, 1)),
    "g and o swapped": ("lstm-short-padded", "h", lambda p: with_swapped_gates(p, 2, 3)),
    "b_n at the input": ("gru-short", "h", with_b_n_at_the_input),
    "one gradient for both biases": ("gru-short", "dbias_hh", with_one_gradient_for_both_biases),
    "h0 forgotten": ("rnn-short", "h", lambda p: without(p, "h0")),
    "loss on c forgotten": ("lstm-short-stepped", "dc0", lambda p: without(p, "loss_c")),
    "loss on the end of c forgotten": ("lstm-short", "dW", lambda p: without(p, "loss_c_n")),
    "loss at the end forgotten": ("rnn_relu-short-padded", "dx", lambda p: without(p, "loss_h_n")),
    "lengths forgotten": ("rnn-short-padded", "h", lambda p: run_package(p | {"lengths": None})),
    "0 beyond the end": ("gru-short-padded", "h", with_the_padding_at_0),
    "no gradient of c0": ("lstm-long", "dc0", lambda p: changed(p, "dc0", np.zeros_like)),
    "transposed": ("rnn-short", "dW", lambda p: changed(p, "dW", np.transpose)),
    "a tenth digit": ("rnn-long", "dU", lambda p: changed(p, "dU", shifted)),
    "a NaN": ("lstm-short", "dx", lambda p: changed(p, "dx", lambda a: a * np.nan)),
    "another shape": ("gru-short", "db_n", lambda p: changed(p, "db_n", lambda a: a[None])),
    "float32": ("rnn-short", "h_n", lambda p: changed(p, "h_n", np.float32)),
}


@pytest.mark.parametrize("error", PLANTED)
def test_a_planted_error_is_found(stored, error):
    name, array, run = PLANTED[error]
    problem, result = stored[name]
    with pytest.raises(AssertionError, match=rf"^{name} differs from PyTorch in .*\b{array} by"):
        assert_equal(name, run(problem), result)


def test_an_array_that_is_not_compared_is_found(stored):
    problem, result = stored["lstm-short"]
    ours = run_package(problem)
    del ours["dc0"]
    with pytest.raises(AssertionError, match="are compared with .*'dc0'"):
        assert_equal("lstm-short", ours, result)


def test_a_reference_of_0_proves_nothing():
    assert relative_error(np.zeros(3), np.zeros(3)) == np.inf


# --- Linear recurrences ----------------------------------------------------------------------


def linear_in_pytorch(a, b, h0):
    """The states of a linear recurrence, step by step."""
    import torch

    states = [h0]
    for a_t, b_t in zip(a, b):
        states.append(a_t * states[-1] + b_t)
    return torch.stack(states)


@pytest.mark.parametrize("dtype", [float, complex])
def test_the_adjoint_of_a_linear_recurrence_is_pytorchs(dtype, pytorch):
    import torch

    rng = np.random.default_rng(0)
    sizes = ((30, 2, 4), (30, 2, 4), (2, 4), (30, 2, 4))
    drawn = [rng.uniform(-1, 1, size).astype(dtype) for size in sizes]
    if dtype is complex:
        drawn = [value + 1j * rng.uniform(-0.5, 0.5, value.shape) for value in drawn]
    *given, weights = drawn
    leaves = [torch.tensor(value, requires_grad=True) for value in given]
    states = linear_in_pytorch(*leaves)
    (torch.tensor(weights).conj() * states[1:]).real.sum().backward()
    mine = loop(*given)
    np.testing.assert_allclose(mine, states.detach().numpy(), rtol=1e-13, atol=1e-13)
    for found, leaf in zip(adjoint(given[0], mine, weights), leaves):
        np.testing.assert_allclose(found, leaf.grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cell", ["min_gru", "min_lstm"])
def test_the_backward_pass_of_a_minimal_unit_is_pytorchs(cell, pytorch):
    import torch

    rng = np.random.default_rng(1)
    params = init_minimal(cell, 3, 4, rng)
    x, h0 = rng.standard_normal((20, 2, 3)), rng.standard_normal((2, 4))
    weights = rng.standard_normal((20, 2, 4))
    leaves = [torch.tensor(value, requires_grad=True) for value in (*params, x, h0)]
    U, b, inputs, first = leaves
    *gates, n = (inputs @ U.T + b).split(4, dim=-1)
    gates = [torch.sigmoid(gate) for gate in gates]
    keep = 1 - gates[0] if cell == "min_gru" else gates[0] / (gates[0] + gates[1])
    states = linear_in_pytorch(keep, (1 - keep) * n, first)
    (torch.tensor(weights) * states[1:]).sum().backward()
    mine, tape = minimal_forward(cell, params, x, h0)
    grads, dx, dh0 = minimal_backward(cell, params, tape, weights)
    np.testing.assert_allclose(mine, states.detach().numpy(), rtol=1e-12, atol=1e-13)
    for found, leaf in zip((*grads, dx, dh0), leaves):
        np.testing.assert_allclose(found, leaf.grad.numpy(), rtol=1e-11, atol=1e-12)

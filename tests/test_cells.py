"""Cells: elementwise steps and their exact reverse."""

import numpy as np
import pytest
from reference import CELL_NAMES, STEPS

from rnn_src.cells import CELLS, Cell

H, B = 4, 3


def draw(cell, dtype=np.float64, lead=()):
    """a, q, s of one step and a cotangent ds, which may carry leading axes."""
    rng = np.random.default_rng(1)
    shapes = (
        (B, cell.gates * H),
        (B, cell.gates * H),
        (B, cell.parts * H),
        (*lead, B, cell.parts * H),
    )
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@pytest.fixture(params=CELL_NAMES)
def cell(request):
    return CELLS[request.param]


def test_registry_names_its_records(cell):
    assert isinstance(cell, Cell) and CELLS[cell.name] is cell and cell.name in STEPS
    assert cell.params._fields[:3] == ("W", "U", "b")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_and_dtype(cell, dtype):
    a, q, s, ds = draw(cell, dtype, lead=(2,))
    s_next, cache = cell.step(a, q, s)
    assert s_next.shape == s.shape and s_next.dtype == dtype
    for got, like in zip(cell.step_back(ds, cache), (a, q, s), strict=True):
        assert got.shape == (2, *like.shape) and got.dtype == dtype


def test_step_back_is_the_reverse_of_step(cell):
    """The complex step along each of a, q and s, one unit at a time."""
    a, q, s, ds = draw(cell)
    _, cache = cell.step(a, q, s)
    inputs = [a, q, s]
    for k, claimed in enumerate(cell.step_back(ds, cache)):
        for j in range(inputs[k].shape[1]):
            moved = [v.astype(complex) for v in inputs]
            moved[k][:, j] += 1e-30j
            measured = (ds * cell.step(*moved)[0].imag).sum(axis=1) / 1e-30
            np.testing.assert_allclose(claimed[:, j], measured, rtol=1e-12, atol=1e-14)


def test_step_back_is_linear_along_leading_axes(cell):
    """Many cotangents at once give what each gives alone: windows and Jacobians lean on it."""
    a, q, s, ds = draw(cell, lead=(2, 4))
    _, cache = cell.step(a, q, s)
    together = cell.step_back(ds, cache)
    for i, j in np.ndindex(2, 4):
        for many, one in zip(together, cell.step_back(ds[i, j], cache), strict=True):
            np.testing.assert_array_equal(many[i, j], one)


def test_units_do_not_mix(cell):
    """A cell is elementwise: moving unit j moves unit j of each part of the state and no other."""
    a, q, s, _ = draw(cell)
    before, _ = cell.step(a, q, s)
    for j in range(H):
        unit = np.arange(cell.parts * H) % H == j
        after, _ = cell.step(a, q, s + 0.1 * unit)
        a_moved = a + 0.1 * (np.arange(cell.gates * H) % H == j)
        for moved in (after, cell.step(a_moved, q, s)[0]):
            np.testing.assert_array_equal(moved[:, ~unit], before[:, ~unit])


def test_nothing_is_changed_in_place(cell):
    arrays = draw(cell)
    copies = [v.copy() for v in arrays]
    _, cache = cell.step(*arrays[:3])
    cell.step_back(arrays[3], cache)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_saturated_cell_stays_finite(cell, dtype):
    a, q, s, ds = draw(cell, dtype)
    s_next, cache = cell.step(1e4 * a, 1e4 * q, s)
    assert np.isfinite(s_next).all()
    assert all(np.isfinite(v).all() for v in cell.step_back(ds, cache))


def test_the_vanilla_cells_by_hand():
    a, q, s, ds = (
        np.array([[0.5, -1.0]]),
        np.array([[0.25, 0.5]]),
        np.zeros((1, 2)),
        np.ones((1, 2)),
    )
    h, cache = CELLS["rnn"].step(a, q, s)
    np.testing.assert_allclose(h, np.tanh([[0.75, -0.5]]), rtol=1e-15)
    np.testing.assert_allclose(
        CELLS["rnn"].step_back(ds, cache)[0], 1 / np.cosh([[0.75, -0.5]]) ** 2, rtol=1e-15
    )
    h, cache = CELLS["rnn_relu"].step(a, q, s)
    np.testing.assert_array_equal(h, [[0.75, 0.0]])
    np.testing.assert_array_equal(CELLS["rnn_relu"].step_back(ds, cache)[0], [[1.0, 0.0]])


def test_the_slope_of_relu_at_its_kink_is_0():
    _, cache = CELLS["rnn_relu"].step(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((1, 1)))
    np.testing.assert_array_equal(CELLS["rnn_relu"].step_back(np.ones((1, 1)), cache)[0], [[0.0]])

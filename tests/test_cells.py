"""Cells: elementwise steps and their exact reverse, each alone and without a loop over time."""

import math

import numpy as np
import pytest
from reference import CELL_NAMES, STEPS

from rnn_src.cells import CELLS, Cell, RNNParams, leak_rates, leaky
from rnn_src.scan import forward

H, B = 4, 3
DTYPES = [np.float32, np.float64]


@pytest.fixture(params=CELL_NAMES)
def cell(request):
    return CELLS[request.param]


def draw(cell, dtype=np.float64, seed=0, lead=()):
    """What a step takes in, in the order of W and not halved, and derivatives ds by its result.

    b_n has as many blocks as the cell has such a bias: one or none.
    """
    rng = np.random.default_rng(seed)
    blocks = {"Ux": cell.gates, "Wh": cell.gates, "b_n": cell.extra, "s": cell.parts}
    inputs = {k: rng.standard_normal((n, B, H)).astype(dtype) for k, n in blocks.items()}
    return inputs, rng.standard_normal((cell.parts, *lead, B, H)).astype(dtype)


def arranged(cell, inputs):
    """a and q as `step` wants them: logistic gates first and halved, then the others, then b_n."""
    others = [g for g in range(cell.gates) if g not in cell.logistic]
    a, q = (inputs[k][[*cell.logistic, *others]] for k in ("Ux", "Wh"))
    for blocks in (a, q):
        blocks[: len(cell.logistic)] /= 2
    kept = np.full_like(a, np.nan, shape=(cell.keeps or cell.parts, *a.shape[1:]))
    kept[: cell.gates], kept[cell.gates : cell.gates + cell.extra] = a, inputs["b_n"]
    return kept, q


def take_step(cell, inputs):
    """The next state, and what the step kept."""
    a, q = arranged(cell, inputs)
    s_next = np.full_like(inputs["s"], np.nan)
    cell.step(a, q, inputs["s"], s_next)
    return s_next, a[: cell.keeps]


def slopes_of(cell, kept, s, s_next):
    out = np.full_like(s, np.nan, shape=(cell.slope_blocks, *s.shape[1:]))
    cell.slopes(kept, s, s_next, out)
    return out


def reverse(cell, slopes, ds):
    """What `step_back` writes: da, and what reaches s past the product W h."""
    past = ds.copy()
    da = np.full_like(ds, np.nan, shape=(cell.gates + cell.extra, *ds.shape[1:]))
    cell.step_back(past, slopes, da)
    if not cell.direct:  # then whatever is left for h does not count
        past[0] = 0
    return da, past


# --- What a record promises ------------------------------------------------------------------


def test_registry_names_its_records(cell):
    assert isinstance(cell, Cell) and CELLS[cell.name] is cell and cell.name in STEPS
    assert cell.params._fields == ("W", "U", "b", "b_n")[: 3 + cell.extra]
    assert {*cell.logistic} <= {*range(cell.gates - cell.extra)}  # what takes b_n is no logistic
    names = [("h", "c")[: cell.parts], ("h_next", "c_next")[: cell.parts]]
    for start, end in cell.past:  # the slope of a way within the step may be a block of its own
        assert start in (*names[0], *names[1]) and end in names[1] and start != end


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_block_is_written_and_nothing_else_is_changed(cell, dtype):
    """step writes a and s_next, slopes its out, step_back ds and da; the rest is locked here."""
    inputs, ds = draw(cell, dtype, lead=(2,))
    (a, q), s = arranged(cell, inputs), inputs["s"]
    kept, s_next = a[: cell.keeps], np.full_like(s, np.nan)
    q.flags.writeable = s.flags.writeable = False
    cell.step(a, q, s, s_next)
    kept.flags.writeable = s_next.flags.writeable = False
    slopes = slopes_of(cell, kept, s, s_next)
    slopes.flags.writeable = False
    da, past = reverse(cell, slopes[:, None], ds)
    for array in (s_next, kept, slopes, da, past):
        assert array.dtype == dtype and np.isfinite(array).all()


def test_a_step_that_keeps_nothing_may_write_over_its_input(cell):
    """Then `forward` has a where the next state will be, and saves an array."""
    if cell.keeps == 0:
        inputs, _ = draw(cell)
        a, q = arranged(cell, inputs)
        cell.step(a, q, inputs["s"], a)
        np.testing.assert_array_equal(a, take_step(cell, inputs)[0])


class Single(np.ndarray):
    """An array of float32 that meets nothing wider, in temporary results as well."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        inputs = [np.asarray(v) if isinstance(v, Single) else v for v in inputs]
        result = getattr(ufunc, method)(*inputs, **options)
        assert not any(getattr(v, "dtype", None) == np.float64 for v in (*inputs, result)), ufunc
        if out is None:
            return result.view(Single)
        out[0][...] = result
        return out[0]


def test_float32_is_never_widened(cell):
    inputs, ds = draw(cell, np.float32)
    inputs = {name: blocks.view(Single) for name, blocks in inputs.items()}
    s_next, kept = take_step(cell, inputs)
    da, past = reverse(cell, slopes_of(cell, kept, inputs["s"], s_next), ds.view(Single))
    assert all(isinstance(v, Single) for v in (s_next, da, past))


def test_sizes_follow_from_what_a_record_names():
    sizes = {name: (c.keeps, c.slope_blocks, c.direct, c.extra) for name, c in CELLS.items()}
    vanilla = (0, 1, False, 0)
    assert sizes == {
        **dict(rnn=vanilla, rnn_relu=vanilla, rnn_linear=vanilla),
        **dict(rnn_leaky=(1, 2, True, 0), gru=(4, 5, True, 1), lstm=(4, 6, False, 0)),
    }
    assert CELLS["gru"].shapes(3, 5) == {"W": (15, 5), "U": (15, 3), "b": (15,), "b_n": (5,)}


# --- The reverse -----------------------------------------------------------------------------


def test_step_back_is_the_reverse_of_step(cell):
    """The complex step along each unit of U x, W h, b_n and s, one at a time.

    The order and the halving of a and q are undone here: the derivatives are by what comes in.
    """
    inputs, ds = draw(cell)
    s_next, kept = take_step(cell, inputs)
    da, past = reverse(cell, slopes_of(cell, kept, inputs["s"], s_next), ds)
    G = cell.gates
    by_Ux = [*range(G - 1), G - 1 + cell.extra]  # with b_n, U x of the last gate has its own block
    claims = {"Ux": da[by_Ux], "Wh": da[:G], "b_n": da[G - 1 : G - 1 + cell.extra], "s": past}
    for name, claimed in claims.items():
        for block, unit in np.ndindex(len(claimed), H):
            moved = {k: v.astype(complex) for k, v in inputs.items()}
            moved[name][block, :, unit] += 1e-30j
            measured = np.sum(ds * take_step(cell, moved)[0].imag, axis=(0, 2)) / 1e-30
            np.testing.assert_allclose(claimed[block, :, unit], measured, rtol=1e-12, atol=1e-14)


def test_slopes_of_many_steps_are_those_of_each(cell):
    """`backward` finds the slopes of a block of steps at once."""
    steps = []
    for seed in range(5):
        inputs, _ = draw(cell, seed=seed)
        s_next, kept = take_step(cell, inputs)
        steps.append((kept, inputs["s"], s_next))
    together = slopes_of(cell, *(np.stack(arrays, axis=1) for arrays in zip(*steps, strict=True)))
    for k, alone in enumerate(steps):
        np.testing.assert_allclose(together[:, k], slopes_of(cell, *alone), rtol=1e-15, atol=0)


def test_step_back_is_linear_along_leading_axes(cell):
    """Many cotangents at once give what each gives alone: windows and Jacobians lean on it."""
    inputs, ds = draw(cell, lead=(5,))
    s_next, kept = take_step(cell, inputs)
    slopes = slopes_of(cell, kept, inputs["s"], s_next)
    da, past = reverse(cell, slopes[:, None], ds)
    for k in range(5):
        one_da, one_past = reverse(cell, slopes, ds[:, k])
        np.testing.assert_array_equal(da[:, k], one_da)
        np.testing.assert_array_equal(past[:, k], one_past)
    ds[:, 4] = 2 * ds[:, 0] - ds[:, 1]
    for blocks in reverse(cell, slopes[:, None], ds):
        np.testing.assert_allclose(
            blocks[:, 4], 2 * blocks[:, 0] - blocks[:, 1], rtol=1e-13, atol=1e-14
        )


def test_units_and_sequences_do_not_mix(cell):
    """A cell is elementwise: moving one unit of one sequence moves that unit and no other."""
    inputs, _ = draw(cell)
    before = take_step(cell, inputs)
    for n, j in np.ndindex(B, H):
        for name, blocks in inputs.items():
            moved = blocks.copy()
            moved[:, n, j] += 0.1
            for was, now in zip(before, take_step(cell, inputs | {name: moved}), strict=True):
                changed = (was != now).any(axis=0)
                changed[n, j] = False
                assert not changed.any(), name


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_saturated_cell_stays_finite(cell, dtype, sign):
    """Gates that are 0 or 1 to the last digit; a warning would fail the test."""
    inputs, ds = draw(cell, dtype)
    inputs |= {name: sign * 1e4 * np.abs(inputs[name]) for name in ("Ux", "Wh", "b_n")}
    s_next, kept = take_step(cell, inputs)
    da, past = reverse(cell, slopes_of(cell, kept, inputs["s"], s_next), ds)
    assert all(np.isfinite(v).all() for v in (s_next, kept, da, past))
    if cell.logistic:  # every gate stands still
        assert not da[list(cell.logistic)].any()


# --- By hand ---------------------------------------------------------------------------------


def by_hand(name, s, ds, **inputs):
    """One unit: the next state, da and what reaches s past the product, as lists of numbers."""
    cell = CELLS[name]
    inputs = {"b_n": [], "s": s} | inputs
    inputs = {k: np.reshape(np.array(v, float), (-1, 1, 1)) for k, v in inputs.items()}
    s_next, kept = take_step(cell, inputs)
    slopes = slopes_of(cell, kept, inputs["s"], s_next)
    da, past = reverse(cell, slopes, np.reshape(np.array(ds, float), (-1, 1, 1)))
    return [v.ravel().tolist() for v in (s_next, da, past)]


def logistic(v):
    return 1 / (1 + math.exp(-v))


def test_the_vanilla_cells_by_hand():
    h, da, past = by_hand("rnn", [0.0], [2.0], Ux=[0.5], Wh=[0.25])
    assert h == pytest.approx([math.tanh(0.75)], rel=1e-15) and past == [0]
    assert da == pytest.approx([2 / math.cosh(0.75) ** 2], rel=1e-15)
    assert by_hand("rnn_relu", [0.0], [2.0], Ux=[0.5], Wh=[0.25]) == [[0.75], [2], [0]]
    assert by_hand("rnn_relu", [0.0], [2.0], Ux=[-1.0], Wh=[0.5]) == [[0], [0], [0]]


def test_the_linear_and_the_leaky_cell_by_hand():
    assert by_hand("rnn_linear", [0.0], [2.0], Ux=[0.5], Wh=[0.25]) == [[0.75], [2], [0]]
    h, da, past = by_hand("rnn_leaky", [0.3], [2.0], Ux=[0.5], Wh=[0.25])
    wanted = by_hand("rnn", [0.3], [2.0], Ux=[0.5], Wh=[0.25])  # alpha = 1
    np.testing.assert_allclose([h, da, past], wanted, rtol=1e-15)
    np.testing.assert_allclose(leak_rates(5), 10 ** np.array([0, -0.5, -1, -1.5, -2]), rtol=1e-14)
    params = RNNParams(np.zeros((3, 3)), np.zeros((3, 1)), np.full(3, 0.5))
    states, _ = forward("rnn_leaky", params, np.zeros((4, 1, 1)), np.ones((1, 3)))
    share = 1 - np.array([1, 0.1, 0.01])  # h - tanh b shrinks by 1 - alpha a step
    wanted = math.tanh(0.5) + (1 - math.tanh(0.5)) * share ** np.arange(5)[:, None]
    np.testing.assert_allclose(states[:, 0], wanted, rtol=1e-14)
    again = forward("rnn_leaky", params, np.zeros((4, 1, 1)), np.ones((1, 3)))[0]
    np.testing.assert_array_equal(states, again)


def test_nobody_can_change_the_rates_that_all_leaky_cells_share():
    rates = leaky._rates(5, np.dtype(float))
    assert leaky._rates(5, np.dtype(float)) is rates
    with pytest.raises(ValueError, match="read-only"):
        rates *= 2


def test_the_slope_of_relu_at_its_kink_is_0():
    assert by_hand("rnn_relu", [0.0], [1.0], Ux=[0.5], Wh=[-0.5]) == [[0], [0], [0]]


def test_the_gru_by_hand():
    """h = 0.8; r, z, n of pre-activations 0.6, -0.8 and 0.25 + r (-0.4 + 0.3)."""
    r, z, m = logistic(0.6), logistic(-0.8), -0.4 + 0.3
    n = math.tanh(0.25 + r * m)
    by_n = 2 * (1 - z) * (1 - n * n)
    wanted = (
        [(1 - z) * n + z * 0.8],
        [by_n * m * r * (1 - r), 2 * (0.8 - n) * z * (1 - z), by_n * r, by_n],
        [2 * z],
    )
    got = by_hand("gru", [0.8], [2.0], Ux=[0.5, -1.0, 0.25], Wh=[0.1, 0.2, -0.4], b_n=[0.3])
    for g, w in zip(got, wanted, strict=True):
        assert g == pytest.approx(w, rel=1e-14)


def test_the_lstm_by_hand():
    """h, c = 0.8, -0.5; i, f, g, o of pre-activations 0.6, 1.2, -0.7 and 0.4."""
    i, f, g, o = logistic(0.6), logistic(1.2), math.tanh(-0.7), logistic(0.4)
    c = f * -0.5 + i * g
    dc = 3 + 2 * o * (1 - math.tanh(c) ** 2)
    wanted = (
        [o * math.tanh(c), c],
        [dc * g * i * (1 - i), dc * -0.5 * f * (1 - f), dc * i * (1 - g * g)]
        + [2 * math.tanh(c) * o * (1 - o)],
        [0, dc * f],
    )
    got = by_hand("lstm", [0.8, -0.5], [2, 3], Ux=[0.5, 1.0, -1.0, 0.2], Wh=[0.1, 0.2, 0.3, 0.2])
    for g, w in zip(got, wanted, strict=True):
        assert g == pytest.approx(w, rel=1e-14)

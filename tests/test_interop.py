"""Weights of other libraries: by hand, against their equations, and against what they computed.

The recurrences here are written from the documentation of each library, on its own layout, and
share no line with `rnn_src`. The files under tests/data were written by the libraries themselves,
PyTorch's by torch_stack_reference.py, which test_stack.py reads.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from reference import assert_trees_equal, problem, sigmoid

from rnn_src import CELLS, backward, forward
from rnn_src.cells import GRUParams, LSTMParams, RNNParams
from rnn_src.interop import (
    from_flax,
    from_keras,
    from_onnx,
    from_pytorch,
    to_keras,
    to_pytorch,
)
from rnn_src.stack import Stack, forward_stack

GATES = {"rnn": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}
D, H = 2, 3
IH, HH, B_IH, B_HH = PYTORCH_NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
KERAS, ONNX, FLAX = (Path(__file__).parent / "data" / f"{k}.npz" for k in ("keras", "onnx", "flax"))


@pytest.fixture(params=list(GATES))
def name(request):
    return request.param


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


def pytorch_weights(name, dtype=np.float64, D=D, H=H, seed=1):
    """A random layer: no bias is 0, no matrix symmetric."""
    normal, rows = np.random.default_rng(seed).standard_normal, GATES[name] * H
    shapes = {IH: (rows, D), HH: (rows, H), B_IH: (rows,), B_HH: (rows,)}
    return {key: (0.6 * normal(shape)).astype(dtype) for key, shape in shapes.items()}


def keras_weights(name, dtype=np.float64, D=D, H=H, seed=2):
    normal, rows = np.random.default_rng(seed).standard_normal, GATES[name] * H
    shapes = {"kernel": (D, rows), "recurrent_kernel": (H, rows)}
    shapes |= {"bias": (2, rows) if name == "gru" else (rows,)}
    return {key: (0.6 * normal(shape)).astype(dtype) for key, shape in shapes.items()}


def pytorch_states(name, weights, x):
    """nn.RNN, nn.GRU and nn.LSTM as their documentation has them, gate by gate.

    W_ir|W_iz|W_in of a GRU and W_ii|W_if|W_ig|W_io of an LSTM are stacked in that order.
    """
    W_i, W_h, b_i, b_h = (np.split(weights[key], GATES[name]) for key in PYTORCH_NAMES)
    h = c = np.zeros((x.shape[1], W_h[0].shape[1]))
    states = [h]
    for x_t in x:
        i = [x_t @ W.T + b for W, b in zip(W_i, b_i)]
        s = [h @ W.T + b for W, b in zip(W_h, b_h)]
        if name == "gru":
            r, z = sigmoid(i[0] + s[0]), sigmoid(i[1] + s[1])
            n = np.tanh(i[2] + r * s[2])
            h = (1 - z) * n + z * h
        elif name == "lstm":
            i_t, f, g, o = (a + q for a, q in zip(i, s))
            c = sigmoid(f) * c + sigmoid(i_t) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            h = np.tanh(i[0] + s[0]) if name == "rnn" else np.maximum(i[0] + s[0], 0)
        states.append(np.concatenate([h, c], axis=1) if name == "lstm" else h)
    return np.array(states[1:])


def keras_states(name, weights, x):
    """SimpleRNN, GRU (reset_after=True) and LSTM as the source of Keras has them."""
    kernel, recurrent, bias = weights["kernel"], weights["recurrent_kernel"], weights["bias"]
    input_bias, recurrent_bias = bias if name == "gru" else (bias, 0)
    h = c = np.zeros((x.shape[1], len(recurrent)))
    states = [h]
    for x_t in x:
        a = np.split(x_t @ kernel + input_bias, GATES[name], axis=1)
        q = np.split(h @ recurrent + recurrent_bias, GATES[name], axis=1)
        if name == "gru":
            (x_z, x_r, x_h), (recurrent_z, recurrent_r, recurrent_h) = a, q
            z, r = sigmoid(x_z + recurrent_z), sigmoid(x_r + recurrent_r)
            h = z * h + (1 - z) * np.tanh(x_h + r * recurrent_h)
        elif name == "lstm":
            z0, z1, z2, z3 = (left + right for left, right in zip(a, q))
            c = sigmoid(z1) * c + sigmoid(z0) * np.tanh(z2)
            h = sigmoid(z3) * np.tanh(c)
        else:
            h = np.tanh(a[0] + q[0]) if name == "rnn" else np.maximum(a[0] + q[0], 0)
        states.append(np.concatenate([h, c], axis=1) if name == "lstm" else h)
    return np.array(states[1:])


def onnx_weights(name, dtype=np.float64, D=D, H=H, seed=3):
    normal, rows = np.random.default_rng(seed).standard_normal, GATES[name] * H
    shapes = {"W": (2, rows, D), "R": (2, rows, H), "B": (2, 2 * rows)}
    return {key: (0.6 * normal(shape)).astype(dtype) for key, shape in shapes.items()}


LETTERS = {"rnn": [""], "rnn_relu": [""], "gru": "rzn", "lstm": "ifgo"}


def flax_weights(name, dtype=np.float64, D=D, H=H, seed=4):
    """Nested, as Flax has them: the biases beside the input, of an LSTM beside the state."""
    draw = np.random.default_rng(seed).standard_normal
    made = {f"i{k}": {"kernel": draw((D, H))} for k in LETTERS[name]}
    made |= {f"h{k}": {"kernel": draw((H, H))} for k in LETTERS[name]}
    for k in LETTERS[name]:
        made[f"{'h' if name == 'lstm' else 'i'}{k}"]["bias"] = draw(H)
    if name == "gru":
        made["hn"]["bias"] = draw(H)
    return {k: {n: (0.6 * a).astype(dtype) for n, a in part.items()} for k, part in made.items()}


def onnx_states(name, weights, x, direction=0):
    """RNN, GRU (linear_before_reset=1) and LSTM as the operators' documentation has them."""
    G = GATES[name]
    W, R, B = (np.split(weights[k][direction], 2 * G if k == "B" else G) for k in "WRB")
    H_t = C_t = np.zeros((x.shape[1], R[0].shape[1]))
    states = []
    for X_t in x:
        a = [X_t @ w.T + b for w, b in zip(W, B[:G])]
        q = [H_t @ r.T + b for r, b in zip(R, B[G:])]
        if name == "gru":
            z, r = sigmoid(a[0] + q[0]), sigmoid(a[1] + q[1])
            H_t = (1 - z) * np.tanh(a[2] + r * q[2]) + z * H_t
        elif name == "lstm":
            i, o, f, c = (left + right for left, right in zip(a, q))
            C_t = sigmoid(f) * C_t + sigmoid(i) * np.tanh(c)
            H_t = sigmoid(o) * np.tanh(C_t)
        else:
            H_t = np.tanh(a[0] + q[0]) if name == "rnn" else np.maximum(a[0] + q[0], 0)
        states.append(np.concatenate([H_t, C_t], axis=1) if name == "lstm" else H_t)
    return np.array(states)


def flax_states(name, weights, x):
    """SimpleCell, GRUCell and LSTMCell as the source of Flax has them."""

    def dense(key, inputs):
        return inputs @ weights[key]["kernel"] + weights[key].get("bias", 0)

    h = c = np.zeros(
        (x.shape[1], len(next(w for k, w in weights.items() if k[0] == "h")["kernel"]))
    )
    states = []
    for x_t in x:
        if name == "gru":
            r = sigmoid(dense("ir", x_t) + dense("hr", h))
            z = sigmoid(dense("iz", x_t) + dense("hz", h))
            h = (1 - z) * np.tanh(dense("in", x_t) + r * dense("hn", h)) + z * h
        elif name == "lstm":
            i, f, g, o = (dense(f"i{k}", x_t) + dense(f"h{k}", h) for k in "ifgo")
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            a = dense("i", x_t) + dense("h", h)
            h = np.tanh(a) if name == "rnn" else np.maximum(a, 0)
        states.append(np.concatenate([h, c], axis=1) if name == "lstm" else h)
    return np.array(states)


def read_onnx(cell, weights, direction=0):
    return from_onnx(cell, **weights, direction=direction, linear_before_reset=True)


LIBRARIES = {
    "pytorch": (from_pytorch, to_pytorch, pytorch_weights, pytorch_states),
    "keras": (from_keras, to_keras, keras_weights, keras_states),
}
READ_ONLY = {
    "onnx": (read_onnx, None, onnx_weights, onnx_states),
    "flax": (from_flax, None, flax_weights, flax_states),
}


@pytest.fixture(params=[*LIBRARIES, *READ_ONLY])
def reader(request):
    return (LIBRARIES | READ_ONLY)[request.param]


@pytest.fixture(params=list(LIBRARIES))
def library(request):
    return LIBRARIES[request.param]


# --- By hand ---------------------------------------------------------------------------------


def test_a_gru_of_pytorch_by_hand():
    """r, r, z, z, n, n stay where they are; the last third of bias_hh stays apart."""
    U = [[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]]
    W = [[11.0, 21.0], [12.0, 22.0], [13.0, 23.0], [14.0, 24.0], [15.0, 25.0], [16.0, 26.0]]
    b_ih, b_hh = [100.0, 200.0, 300.0, 400.0, 500.0, 600.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    params = from_pytorch("gru", dict(zip(PYTORCH_NAMES, (U, W, b_ih, b_hh))))
    b = [101.0, 202.0, 303.0, 404.0, 500.0, 600.0]
    assert_trees_equal(params, GRUParams(*map(np.array, (W, U, b, [5.0, 6.0]))))
    back = to_pytorch("gru", params)
    assert tuple(back) == PYTORCH_NAMES
    assert [a.tolist() for a in back.values()] == [U, W, b, [0.0, 0.0, 0.0, 0.0, 5.0, 6.0]]


def test_an_lstm_of_pytorch_by_hand():
    """i, f, g, o stay where they are, and the biases are added."""
    U, W = [[1.0], [2.0], [3.0], [4.0]], [[10.0], [20.0], [30.0], [40.0]]
    biases = [100.0, 200.0, 300.0, 400.0], [1.0, 2.0, 3.0, 4.0]
    params = from_pytorch("lstm", dict(zip(PYTORCH_NAMES, (U, W, *biases))))
    b = [101.0, 202.0, 303.0, 404.0]
    assert_trees_equal(params, LSTMParams(*map(np.array, (W, U, b))))
    assert [a.tolist() for a in to_pytorch("lstm", params).values()] == [U, W, b, [0.0] * 4]


def test_a_gru_of_keras_by_hand():
    """z, z, r, r, h, h across become r, r, z, z, n, n down."""
    kernel = [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]
    recurrent = [[11.0, 12.0, 13.0, 14.0, 15.0, 16.0], [21.0, 22.0, 23.0, 24.0, 25.0, 26.0]]
    bias = [[100.0, 200.0, 300.0, 400.0, 500.0, 600.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]
    weights = {"kernel": kernel, "recurrent_kernel": recurrent, "bias": bias}
    params = from_keras("gru", weights)
    W = [[13.0, 23.0], [14.0, 24.0], [11.0, 21.0], [12.0, 22.0], [15.0, 25.0], [16.0, 26.0]]
    U, b = [[3.0], [4.0], [1.0], [2.0], [5.0], [6.0]], [303.0, 404.0, 101.0, 202.0, 500.0, 600.0]
    assert_trees_equal(params, GRUParams(*map(np.array, (W, U, b, [5.0, 6.0]))))
    back = to_keras("gru", params)
    assert list(back) == ["kernel", "recurrent_kernel", "bias"]
    bias = [[101.0, 202.0, 303.0, 404.0, 500.0, 600.0], [0.0, 0.0, 0.0, 0.0, 5.0, 6.0]]
    assert [a.tolist() for a in back.values()] == [kernel, recurrent, bias]


def test_a_forget_bias_of_1_in_both_of_pytorchs_biases_is_one_of_2():
    weights = pytorch_weights("lstm")
    for key in (B_IH, B_HH):
        weights[key][H : 2 * H] = 1
    np.testing.assert_array_equal(from_pytorch("lstm", weights).b[H : 2 * H], 2)


def test_an_lstm_of_keras_by_hand():
    """i, f, c, o across become i, f, g, o down."""
    kernel, recurrent = [[1.0, 2.0, 3.0, 4.0]], [[10.0, 20.0, 30.0, 40.0]]
    bias = [100.0, 200.0, 300.0, 400.0]
    weights = {"kernel": kernel, "recurrent_kernel": recurrent, "bias": bias}
    params = from_keras("lstm", weights)
    W, U = [[10.0], [20.0], [30.0], [40.0]], [[1.0], [2.0], [3.0], [4.0]]
    assert_trees_equal(params, LSTMParams(*map(np.array, (W, U, bias))))
    assert [a.tolist() for a in to_keras("lstm", params).values()] == [kernel, recurrent, bias]


def test_a_vanilla_cell_by_hand():
    W, U = [[11.0, 21.0], [12.0, 22.0]], [[1.0], [2.0]]
    want = RNNParams(*map(np.array, (W, U, [101.0, 202.0])))
    pytorch = dict(zip(PYTORCH_NAMES, (U, W, [100.0, 200.0], [1.0, 2.0])))
    keras = {"kernel": [[1.0, 2.0]], "recurrent_kernel": [[11.0, 12.0], [21.0, 22.0]]}
    keras["bias"] = [101.0, 202.0]
    for cell in ("rnn", "rnn_relu"):
        assert_trees_equal(from_pytorch(cell, pytorch), want)
        assert_trees_equal(from_keras(cell, keras), want)
        assert {k: a.tolist() for k, a in to_keras(cell, want).items()} == keras


# --- Round trips, copies, dtypes -------------------------------------------------------------


def test_there_and_back_nothing_changes(name, dtype, library):
    read, write, _, _ = library
    params = problem(name, D=D, H=H, dtype=dtype).params
    again = read(name, write(name, params))
    assert type(again) is CELLS[name].params
    assert all(leaf.dtype == dtype for leaf in again)
    assert [leaf.tobytes() for leaf in again] == [leaf.tobytes() for leaf in params]


def test_back_and_there_the_biases_are_on_the_input_side(name, dtype, library):
    read, write, draw, _ = library
    weights = draw(name, dtype)
    once = write(name, read(name, weights))
    assert list(once) == list(weights)
    for key, array in once.items():
        assert array.shape == weights[key].shape and array.dtype == dtype
        if "bias" not in key:
            assert array.tobytes() == weights[key].tobytes()
    twice = write(name, read(name, once))
    assert [a.tobytes() for a in twice.values()] == [a.tobytes() for a in once.values()]


def test_a_record_serves_as_well_as_its_name(name, library):
    read, write, draw, _ = library
    params = read(CELLS[name], draw(name))
    assert_trees_equal(params, read(name, draw(name)))
    assert_trees_equal(write(CELLS[name], params), write(name, params))


def test_the_order_of_the_names_does_not_matter(name, reader):
    read, _, draw, _ = reader
    weights = draw(name)
    assert_trees_equal(read(name, dict(reversed(weights.items()))), read(name, weights))


def without_biases(weights, zero=False):
    """The same arrays but for the biases, or with 0 for them, also in nested mappings."""
    made = {}
    for key, value in weights.items():
        if isinstance(value, dict):
            made[key] = without_biases(value, zero)
        elif "bias" not in key and key != "B":
            made[key] = value
        elif zero:
            made[key] = 0 * value
    return made


def test_without_biases_they_are_zero(name, dtype, reader):
    read, _, draw, _ = reader
    weights = draw(name, dtype)
    params = read(name, without_biases(weights))
    assert_trees_equal(params, read(name, without_biases(weights, zero=True)))
    assert all(leaf.dtype == dtype for leaf in params)
    assert not any(leaf.any() for leaf in params[2:])


def test_what_comes_back_is_copied_and_contiguous(name, library):
    """Also from transposed, strided and read-only arrays."""
    read, write, draw, _ = library
    weights, odd = draw(name), {}
    for key, array in weights.items():
        odd[key] = np.repeat(array, 2)[::2] if array.ndim == 1 else np.asfortranarray(array)
        odd[key].flags.writeable = False
    params = read(name, weights)
    assert_trees_equal(read(name, odd), params)
    turned = params._replace(W=np.asfortranarray(params.W), U=np.asfortranarray(params.U))
    for given, made in (
        (weights, params._asdict()),
        (odd, read(name, odd)._asdict()),
        (params._asdict(), write(name, params)),
        (turned._asdict(), write(name, turned)),
    ):
        for leaf in made.values():
            assert leaf.flags.c_contiguous and leaf.flags.writeable
            assert not any(np.shares_memory(leaf, array) for array in given.values())


# --- The equations of the libraries ----------------------------------------------------------


def test_the_states_are_those_of_the_equations(name, reader):
    read, _, draw, run = reader
    weights, x = draw(name), np.random.default_rng(3).standard_normal((9, 4, D))
    states, _ = forward(name, read(name, weights), x)
    np.testing.assert_allclose(states[1:], run(name, weights, x), rtol=1e-12, atol=1e-14)


def test_what_is_written_has_the_states_of_the_package(name, library):
    _, write, _, run = library
    p = problem(name, T=9, D=D, H=H)
    states, _ = forward(name, p.params, p.x)
    np.testing.assert_allclose(
        states[1:], run(name, write(name, p.params), p.x), rtol=1e-12, atol=1e-14
    )


@pytest.fixture(scope="module")
def stored():
    with np.load(KERAS, allow_pickle=False) as arrays:
        return dict(arrays)


NAMES = ("kernel", "recurrent_kernel", "bias")


def by_time(array):
    """From Keras' batch first to time first, and back."""
    return array.swapaxes(0, 1)


def test_the_states_and_gradients_are_those_of_keras(name, stored):
    given = {k.partition("/")[2]: a for k, a in stored.items() if k.startswith(f"{name}/")}
    params = from_keras(name, [given[k] for k in NAMES])
    states, tape = forward(name, params, by_time(stored["x"]))
    dstates = np.zeros_like(states[1:])
    dstates[..., : given["loss"].shape[2]] = by_time(given["loss"])
    grads, dx, _ = backward(name, params, tape, dstates)
    H = params.W.shape[1]
    theirs = from_keras(name, [given[f"d{k}"] for k in NAMES])
    if name == "gru":  # the derivative by a sum of two is the one by each of them
        halves = np.repeat([0.5, 1], [2 * H, H])
        theirs = theirs._replace(b=halves * theirs.b)
    for got, want in (
        (states[1:, :, :H], by_time(given["outputs"])),
        (states[-1], given["state"]),
        (dx, by_time(given["dx"])),
        *zip(grads, theirs, strict=True),
    ):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-12 * np.abs(want).max())


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_cudnn_layers_are_what_keras_makes_of_them(name, stored):
    weights = [stored[f"cudnn_{name}/{k}"] for k in NAMES]
    states, _ = forward(name, from_keras(name, weights), by_time(stored["x"]))
    outputs = by_time(stored[f"cudnn_{name}/outputs"])
    np.testing.assert_allclose(states[1:, :, : outputs.shape[2]], outputs, rtol=0, atol=1e-13)


def test_a_bidirectional_layer_of_keras_is_a_stack_of_its_two_halves(stored):
    weights = [stored[f"bidirectional/{k}"] for k in range(6)]
    told = refusal(ValueError, from_keras, "lstm", weights)
    assert told.endswith("pass weights[0:3] or weights[3:6], one layer or direction each")
    both = tuple(from_keras("lstm", half) for half in (weights[0:3], weights[3:6]))
    outputs, _ = forward_stack(Stack("lstm", (both,)), by_time(stored["x"]))
    want = by_time(stored["bidirectional/outputs"])
    np.testing.assert_allclose(outputs, want, rtol=0, atol=1e-13)


def test_the_stored_file_proves_something(stored):
    """Float64, small, no weight 0, outputs that move, and a word on what made it."""
    made = stored.pop("made").tolist()
    assert [word.split()[0] for word in made] == ["keras", "tensorflow", "tf_keras", "numpy"]
    assert {key.split("/")[0] for key in stored} >= {"x", *GATES, "cudnn_gru", "bidirectional"}
    assert all(a.dtype == np.float64 and np.ptp(a) > 0.1 for a in stored.values())
    weights = [a for key, a in stored.items() if re.search("/(kernel|recurrent_kernel|bias)$", key)]
    assert len(weights) == 18 and all(a.all() for a in weights)
    assert KERAS.stat().st_size < 60_000


# --- ONNX ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_onnx():
    with np.load(ONNX, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("direction", [0, 1])
def test_the_states_are_those_of_onnx(name, direction, of_onnx):
    """Of its reference in float64, which has no ReLU, and of onnxruntime in float32."""
    given = {key.partition("/")[2]: a for key, a in of_onnx.items() if key.startswith(f"{name}/")}
    params = read_onnx(name, {k: given[k] for k in "WRB"}, direction)
    s0 = [given[k][direction] for k in ("initial_h", "initial_c") if k in given]
    way = slice(None, None, 1 - 2 * direction)
    states, _ = forward(name, params, given["X"][way], np.concatenate(s0, axis=1))
    h = states[1:, :, : s0[0].shape[1]][way]
    np.testing.assert_allclose(h, given["Y_float32"][:, direction], rtol=0, atol=2e-6)
    assert ("Y" in given) == (name != "rnn_relu")
    if "Y" in given:
        np.testing.assert_allclose(h, given["Y"][:, direction], rtol=0, atol=1e-13)


@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_what_pytorch_exports_is_what_its_state_dict_holds(name, direction, of_onnx):
    group = f"{name}/export/"
    given = {key.removeprefix(group): a for key, a in of_onnx.items() if key.startswith(group)}
    layer = {key.removeprefix("torch/"): a for key, a in given.items() if key.startswith("torch/")}
    ours = read_onnx(name, {k: given[k] for k in "WRB"}, direction)
    assert_trees_equal(ours, from_pytorch(name, layer, reverse=bool(direction)))


def test_an_lstm_of_onnx_by_hand():
    """i, o, f, c down become i, f, g, o."""
    W, R = np.array([[[1.0], [2.0], [3.0], [4.0]]]), np.array([[[10.0], [20.0], [30.0], [40.0]]])
    B = np.array([[100.0, 200.0, 300.0, 400.0, 5.0, 6.0, 7.0, 8.0]])
    wanted = [[10.0], [30.0], [40.0], [20.0]], [[1.0], [3.0], [4.0], [2.0]]
    want = LSTMParams(*map(np.array, (*wanted, [105.0, 307.0, 408.0, 206.0])))
    assert_trees_equal(from_onnx("lstm", W, R, B), want)


def test_a_gru_of_onnx_by_hand():
    """z, r, h down become r, z, n, and Rbh stays apart."""
    W, R = np.array([[[1.0], [2.0], [3.0]]]), np.array([[[10.0], [20.0], [30.0]]])
    B = np.array([[100.0, 200.0, 300.0, 4.0, 5.0, 6.0]])
    wanted = [[20.0], [10.0], [30.0]], [[2.0], [1.0], [3.0]], [205.0, 104.0, 300.0], [6.0]
    want = GRUParams(*map(np.array, wanted))
    assert_trees_equal(from_onnx("gru", W, R, B, linear_before_reset=1), want)


def test_a_gru_of_onnx_that_resets_before_the_product():
    weights = onnx_weights("gru")
    for given in ({}, {"linear_before_reset": False}, {"linear_before_reset": 0}):
        told = refusal(ValueError, lambda g=given: from_onnx("gru", **weights, **g))
        assert told == (
            "linear_before_reset must be 1 for cell 'gru', got 0: that operator resets before the "
            "product with R, and no renaming turns it into this cell, which resets after it"
        )
    for cell in ("rnn", "lstm"):  # which have no reset
        assert_trees_equal(
            from_onnx(cell, **onnx_weights(cell)), read_onnx(cell, onnx_weights(cell))
        )


@pytest.mark.parametrize(
    "changes, wanted",
    [
        ({"direction": 2}, "direction must be below 2, of which W has arrays, got 2"),
        ({"direction": -1}, "direction must be an integer of at least 0, got -1"),
        ({"linear_before_reset": 2}, "linear_before_reset must be 0 or 1, got 2"),
        (
            {"W": np.ones((2, 12, 2))},
            "W for cell 'gru' must be (directions, G*H, D) with G*H = 9, got (2, 12, 2)",
        ),
        (
            {"R": np.ones((1, 9, 3))},
            "R for cell 'gru' must be (directions, G*H, H) with directions = 2, G*H = 9, H = 3, "
            "got (1, 9, 3)",
        ),
        (
            {"R": np.ones((9, 3))},
            "R for cell 'gru' must be (directions, G*H, H), got (9, 3)",
        ),
        (
            {"B": np.ones((2, 9))},
            "B for cell 'gru' must be (directions, 2*G*H) with directions = 2, 2*G*H = 18, "
            "got (2, 9)",
        ),
        ({"B": np.full((2, 18), np.nan)}, "B must be finite, got NaN or infinity in it"),
        ({"R": np.ones((2, 9, 3), np.float32)}, "R must be float64 like 'W', got float32"),
        ({"W": np.ones((2, 9, 2), int)}, "W must be float32 or float64, got int64"),
    ],
)
def test_bad_input_of_onnx(changes, wanted):
    given = onnx_weights("gru") | {"linear_before_reset": 1} | changes
    assert refusal(ValueError, lambda: from_onnx("gru", **given)) == wanted


# --- Flax ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def of_flax():
    with np.load(FLAX, allow_pickle=False) as arrays:
        return dict(arrays)


def nested(arrays, path):
    """The mappings of mappings under a path of the stored names."""
    made = {}
    for key, array in arrays.items():
        if key.startswith(path):
            gate, kind = key.removeprefix(path).split("/")
            made.setdefault(gate, {})[kind] = array
    return made


@pytest.mark.parametrize("group", ["rnn", "rnn_relu", "gru", "lstm", "lstm_plain"])
def test_the_states_and_gradients_are_those_of_flax(group, of_flax):
    cell, given = group.removesuffix("_plain"), lambda name: of_flax[f"{group}/{name}"]
    params = from_flax(cell, nested(of_flax, f"{group}/params/"))
    states, tape = forward(cell, params, given("x"), given("s0"))
    dstates, H = np.zeros_like(states[1:]), given("loss").shape[2]
    dstates[..., :H] = given("loss")
    grads, dx, ds0 = backward(cell, params, tape, dstates)
    theirs = from_flax(cell, nested(of_flax, f"{group}/grads/"))
    for got, want in (
        (states[1:, :, :H], given("outputs")),
        (dx, given("dx")),
        (ds0, given("ds0")),
        *zip(grads, theirs, strict=True),
    ):
        assert np.abs(want).max() > 1e-3
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-12 * np.abs(want).max())


def test_a_gru_of_flax_by_hand():
    kernels = {"ir": 1.0, "iz": 2.0, "in": 3.0, "hr": 10.0, "hz": 20.0, "hn": 30.0}
    params = {name: {"kernel": np.array([[value]])} for name, value in kernels.items()}
    for name, value in {"ir": 100.0, "iz": 200.0, "in": 300.0, "hn": 6.0}.items():
        params[name]["bias"] = np.array([value])
    wanted = [[10.0], [20.0], [30.0]], [[1.0], [2.0], [3.0]], [100.0, 200.0, 300.0], [6.0]
    assert_trees_equal(from_flax("gru", params), GRUParams(*map(np.array, wanted)))
    assert_trees_equal(from_flax("gru", {"params": params}), from_flax("gru", params))


def test_the_names_of_a_whole_model_of_flax():
    cell, other = flax_weights("lstm"), flax_weights("lstm", seed=9)
    model = {"encoder": {"cell_0": cell, "cell_1": other}, "Dense_0": {"kernel": np.ones((H, 1))}}
    told = refusal(ValueError, from_flax, "lstm", model)
    ways = "(pass params['encoder']['cell_0'] or params['encoder']['cell_1']), got 'encoder/cell_0/"
    assert (
        told.startswith("params must be of one cell, with no names but ii/kernel, ")
        and ways in told
    )
    assert_trees_equal(from_flax("lstm", model["encoder"]["cell_1"]), from_flax("lstm", other))


def test_bad_input_of_flax():
    def changed(gate, **arrays):
        weights = flax_weights("gru")
        return weights | {gate: weights.get(gate, {}) | arrays}

    for given, wanted in (
        (changed("hz", bias=np.ones(H)), "params must be of one cell, with no names but ir/kernel"),
        (flax_weights("lstm"), "params must be of one cell, with no names but ir/kernel"),
        ({}, "params must have ir/kernel, iz/kernel"),
        (changed("in", kernel=np.ones((5, H))), "params['in']['kernel'] for cell 'gru' must be (D"),
        (changed("hn", bias=np.ones(1)), "params['hn']['bias'] for cell 'gru' must be (H,) with H"),
        (changed("hr", kernel=np.ones((H, 5))), "params['hr']['kernel'] for cell 'gru' must be (H"),
        (changed("hn", bias=np.full(H, np.inf)), "params['hn']['bias'] must be finite"),
        (
            changed("ir", kernel=np.ones((D, H), np.float32)),
            "params['iz']['kernel'] must be float32",
        ),
    ):
        assert refusal(ValueError, from_flax, "gru", given).startswith(wanted)
    for given in (None, [np.ones((D, H))], {"params": np.ones(3)}):
        told = refusal(TypeError, from_flax, "gru", given)
        assert "must be a mapping of names to" in told
    missing = flax_weights("gru")
    del missing["hn"]["bias"]
    assert "(or no bias at all)" in refusal(ValueError, from_flax, "gru", missing)


@pytest.mark.parametrize("path, least", [(ONNX, 2), (FLAX, 2)])
def test_the_stored_files_prove_something(path, least):
    with np.load(path, allow_pickle=False) as stored:
        arrays = dict(stored)
    made = arrays.pop("made").tolist()
    assert len(made) >= least and all(len(word.split()) == 2 for word in made)
    assert {key.split("/")[0] for key in arrays} >= {*GATES}
    assert all(np.ptp(a) > 0.1 for a in arrays.values())
    assert all(a.dtype == np.float64 for k, a in arrays.items() if "32" not in k and "exp" not in k)
    assert path.stat().st_size < 60_000


# --- A list, as Keras gives it ---------------------------------------------------------------


def test_the_list_of_a_layer_is_its_arrays_by_name(name, dtype):
    weights = keras_weights(name, dtype)
    for kind in (list, tuple):
        assert_trees_equal(from_keras(name, kind(weights.values())), from_keras(name, weights))
    del weights["bias"]
    assert_trees_equal(from_keras(name, [*weights.values()]), from_keras(name, weights))
    rows = [array.tolist() for array in weights.values()]
    assert_trees_equal(from_keras(name, rows), from_keras(name, weights))
    assert_trees_equal(
        to_keras(name, from_keras(name, [*to_keras(name, from_keras(name, weights)).values()])),
        to_keras(name, from_keras(name, weights)),
    )


ONE_LAYER = (
    "^weights must be the kernel, recurrent_kernel, bias of one layer in one direction, as "
    "layer.get_weights() gives them, got "
)


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_the_lists_of_several_layers_say_which_to_pass(name):
    one, two = ([*keras_weights(name, D=5, seed=k).values()] for k in (1, 2))
    halves = "pass weights[0:3] or weights[3:6], one layer or direction each"
    dense, embedding = [np.ones((H, 1)), np.ones(1)], [np.ones((7, 5))]
    for given, got in (
        ([one, two], "those of 2 layers: pass one of them"),
        (3 * [one], "those of 3 layers: pass one of them"),
        (one + two, f"6 arrays: {halves}"),  # also a Bidirectional layer
        (one[:2] + two[:2], "4 arrays: pass weights[0:2] or weights[2:4], one layer or direction"),
        (one + dense, "5 arrays: pass weights[0:3], one layer or direction each"),
        (embedding + one + two + dense, "9 arrays: pass weights[1:4] or weights[4:7], one layer"),
        (one[:1], "1 arrays"),
        ([], "0 arrays"),
    ):
        told = refusal(ValueError, from_keras, name, given)
        assert told.startswith(ONE_LAYER.strip("^") + got), told
    assert_trees_equal(from_keras(name, (one + two)[3:6]), from_keras(name, two))


# --- A layer inside a model ------------------------------------------------------------------


def test_a_prefix_picks_one_layer_of_a_model(name):
    layer = pytorch_weights(name)
    model = {f"encoder.{key}": array for key, array in layer.items()}
    model |= {"decoder.weight_ih_l1": np.ones(3), "readout.bias": np.array([np.nan])}
    picked = from_pytorch(name, model, prefix="encoder.")
    assert_trees_equal(picked, from_pytorch(name, layer))


def test_with_a_prefix_errors_name_the_whole_key():
    model = {f"encoder.{key}": array for key, array in pytorch_weights("gru").items()}
    with pytest.raises(ValueError, match=r"^state_dict\['encoder.weight_ih_l0'\] for cell 'lstm'"):
        from_pytorch("lstm", model, prefix="encoder.")
    with pytest.raises(TypeError, match="^prefix must be a str, got NoneType$"):
        from_pytorch("gru", model, prefix=None)


def test_the_names_of_a_whole_model_are_refused_with_its_prefixes(name):
    layer = pytorch_weights(name)
    model = {f"{part}.{key}": a for part in ("enc.rnn", "dec") for key, a in layer.items()}
    model["readout.weight"] = np.ones((1, H))
    for prefix in ("", "enc", "encoder.", "readout."):
        assert refusal(ValueError, from_pytorch, name, model, prefix) == (
            "prefix must pick one module of a whole model: pass prefix='dec.' or "
            f"prefix='enc.rnn.', got {prefix!r}"
        )
    assert_trees_equal(from_pytorch(name, model, "enc.rnn."), from_pytorch(name, layer))
    told = refusal(ValueError, from_pytorch, name, layer, "enc.")
    assert told.endswith("pass prefix='', got 'enc.'")


def test_a_checkpoint_that_holds_the_state_dict(name):
    told = refusal(ValueError, from_pytorch, name, {"epoch": 3, "model": pytorch_weights(name)})
    assert "of a layer (perhaps its entry 'model'), got 'epoch', 'model'" in told


# --- Layers, directions, cells ---------------------------------------------------------------


def test_each_layer_and_direction_of_pytorch(name):
    """Each has weights of its own, which come out under its number alone."""
    endings = {(k, way): f"_l{k}{'_reverse' * way}" for k in (0, 1, 11) for way in (False, True)}
    parts = {key: pytorch_weights(name, seed=k) for k, key in enumerate(endings)}
    model = {
        key.removesuffix("_l0") + endings[which]: array
        for which, layer in parts.items()
        for key, array in layer.items()
    }
    for which, layer in parts.items():
        assert_trees_equal(from_pytorch(name, model, "", *which), from_pytorch(name, layer))
    there = "'_l0', '_l0_reverse', '_l1', '_l1_reverse', '_l11', '_l11_reverse'"
    told = refusal(ValueError, from_pytorch, name, model, "", 2)
    assert told == (
        "state_dict must have names in '_l2' for layer=2 and reverse=False, got names in " + there
    )
    one = parts[0, False]
    told = refusal(ValueError, from_pytorch, name, one, "", 0, True)
    assert "names in '_l0_reverse' for layer=0 and reverse=True, got names in '_l0'" in told


def test_the_names_of_a_cell_of_pytorch(name):
    layer = pytorch_weights(name)
    cell = {key.removesuffix("_l0"): a for key, a in layer.items()}
    assert_trees_equal(from_pytorch(name, cell), from_pytorch(name, layer))
    model = {f"decoder.{key}": a for key, a in cell.items()}
    assert_trees_equal(from_pytorch(name, model, "decoder."), from_pytorch(name, layer))
    told = refusal(ValueError, from_pytorch, name, cell, "", 1)
    assert "names in '_l1' for layer=1 and reverse=False, got names in ''" in told
    refusal(ValueError, from_pytorch, name, cell, "", 0, True)


def test_what_is_no_layer_and_no_direction(name):
    with pytest.raises(ValueError, match="^layer must be an integer of at least 0, got -1$"):
        from_pytorch(name, pytorch_weights(name), layer=-1)
    with pytest.raises(TypeError, match="^reverse must be a bool, got int$"):
        from_pytorch(name, pytorch_weights(name), reverse=1)


# --- Bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, [np.ones((3, 1))], "weights.pt", np.ones(3)])
def test_what_is_not_a_mapping(given):
    wanted = f"a mapping of names to arrays, got {type(given).__name__}$"
    with pytest.raises(TypeError, match=f"^state_dict must be {wanted}"):
        from_pytorch("gru", given)
    if not isinstance(given, list):
        with pytest.raises(TypeError, match=f"^weights must be a list of arrays or {wanted}"):
            from_keras("gru", given)


@pytest.mark.parametrize("cell", ["mgu", None, CELLS["rnn"]._replace(name="mgu")])
def test_unknown_cells(cell):
    wanted = f"^cell must be one of rnn, rnn_relu, gru, lstm, got {cell and 'mgu'!r}$"
    for read, write, draw, _ in LIBRARIES.values():
        with pytest.raises(ValueError, match=wanted):
            read(cell, draw("rnn"))
        with pytest.raises(ValueError, match=wanted):
            write(cell, problem("rnn").params)


@pytest.mark.parametrize("key", ["readout.weight", "weight_ih_l0_scale", "weights", 0])
def test_strange_names_of_pytorch(name, key):
    wanted = (
        "^state_dict must have no names but weight_ih, weight_hh, bias_ih, bias_hh of its layers "
        rf"\(a prefix picks one module of a model\), got {key!r}$"
    )
    with pytest.raises(ValueError, match=wanted):
        from_pytorch(name, {**pytorch_weights(name), key: np.ones((3, 3))})


PARTS = "weight_norm or another parametrization"
GIVEN_AWAY = {
    "weight_hr_l0": "without projection",
    "weight_hr_l1_reverse": "without projection",
    "weight_hh_l0_g": PARTS,
    "weight_ih_l1_reverse_v": PARTS,
    "weight_hh_v": PARTS,
    "weight_hh_l0_orig": PARTS,
    "parametrizations.weight_hh_l0.original1": PARTS,
    "_all_weight_values.0.param": "quantised",
    "_packed_weight_hh": "quantised",
    "forget_peephole": "without peepholes",
}


@pytest.mark.parametrize("key", GIVEN_AWAY)
@pytest.mark.parametrize("prefix", ["", "encoder."])
def test_what_no_cell_here_has_is_refused_by_name(key, prefix):
    """Whether or not the whole matrix is beside it, and also in a model without a prefix."""
    whole = {f"{prefix}{k}": a for k, a in pytorch_weights("lstm").items()}
    part = {k: a for k, a in whole.items() if "hh" not in k}
    for model in (whole, part, {f"net.{k}": a for k, a in part.items()}):
        inner = "net." if f"{prefix}{IH}" not in model else ""
        strange = f"{inner}{prefix}{key}"
        for picked in (inner + prefix, ""):
            told = refusal(ValueError, from_pytorch, "lstm", model | {strange: np.ones(3)}, picked)
            assert GIVEN_AWAY[key] in told and told.endswith(f"got {strange!r}")


@pytest.mark.parametrize("key", ["gru/gru_cell/gamma", "recurrent_bias"])
def test_more_than_one_plain_layer_of_keras(key):
    wanted = f"^weights must be of one layer.*kernel, recurrent_kernel, bias.*, got {key!r}$"
    with pytest.raises(ValueError, match=wanted):
        from_keras("gru", {**keras_weights("gru"), key: np.ones((3, 3))})


# --- Layouts of others: each refused for its own reason ----------------------------------------


def refusal(error, read, *arguments):
    with pytest.raises(error) as caught:
        read(*arguments)
    return str(caught.value)


def test_the_paths_of_keras():
    weights = {f"model/lstm/lstm_cell/{key}": a for key, a in keras_weights("lstm").items()}
    told = refusal(ValueError, from_keras, "lstm", weights)
    assert "(or what its get_weights() gives), got 'model/lstm/lstm_cell/kernel'" in told


def test_the_layout_of_onnx():
    """(directions, 4H, D), (directions, 4H, H) and (directions, 8H), both biases in a row."""
    weights = pytorch_weights("lstm")
    biases = np.concatenate([weights[B_IH], weights[B_HH]])
    for change in ({IH: weights[IH][None]}, {HH: weights[HH][None]}):
        told = refusal(ValueError, from_pytorch, "lstm", weights | change)
        assert f"] must have no axis of directions, got (1, {4 * H}, " in told
        assert "the layout of ONNX, which from_onnx reads" in told
    for bias in (biases, biases[None]):
        told = refusal(ValueError, from_pytorch, "lstm", weights | {B_IH: bias})
        assert f"must be a bias alone, got {bias.shape}: two in one row are those of ONNX" in told


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_layout_of_cudnn(cell):
    """Both biases in a row tell it: each gate's matrix lies transposed in memory."""
    kernel, recurrent, _ = keras_weights(cell).values()
    bias = np.arange(1.0, 2 * GATES[cell] * H + 1)
    parts = [np.split(m, GATES[cell], axis=1) for m in (kernel, recurrent)]
    rows = [np.hstack([p.reshape(H, len(p)).T for p in part]) for part in parts]
    both = bias.reshape(2, -1)
    plain = [*rows, both if cell == "gru" else both.sum(axis=0)]
    assert_trees_equal(from_keras(cell, [kernel, recurrent, bias]), from_keras(cell, plain))


def test_two_layers_in_the_layout_of_cudnn():
    kernel, recurrent, bias = keras_weights("lstm").values()
    told = refusal(ValueError, from_keras, "lstm", [kernel, recurrent, np.tile(bias, 2)] * 2)
    assert told.endswith("pass weights[0:3] or weights[3:6], one layer or direction each")


def test_a_whole_network_in_one_row_of_cudnn():
    for given in ([np.ones(60)], {"lstm/opaque_kernel": np.ones(60)}):
        told = refusal(ValueError, from_keras, "lstm", given)
        assert "one row of CuDNN holds a whole network, and its sizes cannot be told" in told


def test_two_biases_in_a_row_of_a_vanilla_cell():
    """CuDNN has such a cell, but no layer of Keras was ever made of it."""
    kernel, recurrent, bias = keras_weights("rnn").values()
    told = refusal(ValueError, from_keras, "rnn", [kernel, recurrent, np.tile(bias, 2)])
    assert told.endswith(f"must be (G*H,) with G*H = {H}, got ({2 * H},)")


def test_a_cell_of_tensorflow_1():
    """U and W in one matrix; as a list it would be a recurrent kernel of one axis."""
    kernel, bias = np.ones((D + H, 4 * H)), np.ones(4 * H)
    for given in ([kernel, bias], {"kernel": kernel, "bias": bias}):
        told = refusal(ValueError, from_keras, "lstm", given)
        assert "or of a cell of TensorFlow 1, where U and W are one matrix" in told


@pytest.mark.parametrize("key", ["input_gate_peephole_weights", "w_f_diag"])
def test_peepholes(key):
    told = refusal(ValueError, from_keras, "lstm", keras_weights("lstm") | {key: np.ones(H)})
    assert told == (
        f"weights must be of a cell without peepholes, weights from c to the gates, got {key!r}"
    )


@pytest.mark.parametrize("missing", [[IH], [HH], [B_IH], [B_HH], [HH, B_IH, B_HH], [IH, HH]])
def test_missing_names_of_pytorch(name, missing):
    weights = {key: a for key, a in pytorch_weights(name).items() if key not in missing}
    wanted = (
        r"^state_dict must have weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 \(or no bias "
        rf"at all\), got {', '.join(map(repr, weights))}$"
    )
    with pytest.raises(ValueError, match=wanted):
        from_pytorch(name, weights)


@pytest.mark.parametrize("missing", [["kernel"], ["recurrent_kernel", "bias"]])
def test_missing_names_of_keras(name, missing):
    weights = {key: a for key, a in keras_weights(name).items() if key not in missing}
    wanted = (
        r"^weights must have kernel, recurrent_kernel, bias \(or no bias at all\), got "
        f"{', '.join(map(repr, weights))}$"
    )
    with pytest.raises(ValueError, match=wanted):
        from_keras(name, weights)


def test_nothing_at_all():
    for read, _, _, _ in LIBRARIES.values():
        with pytest.raises(ValueError, match="must have .*, got nothing$"):
            read("gru", {})


@pytest.mark.parametrize("other", list(GATES))
def test_weights_of_another_cell(name, other):
    if GATES[name] == GATES[other]:
        assert_trees_equal(
            from_pytorch(name, pytorch_weights(other)), from_pytorch(other, pytorch_weights(other))
        )
        return
    rows, came = GATES[name] * H, GATES[other] * H
    with pytest.raises(
        ValueError,
        match=rf"^state_dict\['weight_ih_l0'\] for cell '{name}' must be \(G\*H, D\) with "
        rf"G\*H = {rows}, got \({came}, {D}\)$",
    ):
        from_pytorch(name, pytorch_weights(other))
    weights = keras_weights(other)
    del weights["bias"]
    with pytest.raises(
        ValueError,
        match=rf"^weights\['kernel'\] for cell '{name}' must be \(D, G\*H\) with "
        rf"G\*H = {rows}, got \({D}, {came}\)$",
    ):
        from_keras(name, weights)


@pytest.mark.parametrize(
    "key, shape, wanted",
    [
        (IH, (9,), r"\(G\*H, D\) with G\*H = 9, got \(9,\)"),
        (HH, (9,), r"\(G\*H, H\), got \(9,\)"),
        (HH, (12, 3), r"\(G\*H, H\) with G\*H = 9, H = 3, got \(12, 3\)"),
        (B_IH, (3,), r"\(G\*H,\) with G\*H = 9, got \(3,\)"),
        (B_HH, (9, 1), r"\(G\*H,\) with G\*H = 9, got \(9, 1\)"),
    ],
)
def test_shapes_of_pytorch(key, shape, wanted):
    label = rf"^state_dict\['{key}'\] for cell 'gru'"
    with pytest.raises(ValueError, match=f"{label} must be {wanted}$"):
        from_pytorch("gru", {**pytorch_weights("gru"), key: np.ones(shape)})


@pytest.mark.parametrize(
    "cell, key, shape, wanted",
    [
        ("gru", "kernel", (9,), r"\(D, G\*H\) with G\*H = 9, got \(9,\)"),
        ("gru", "recurrent_kernel", (3, 12), r"\(H, G\*H\) with H = 3, G\*H = 9, got \(3, 12\)"),
        ("gru", "recurrent_kernel", (9,), r"\(H, G\*H\), got \(9,\)"),
        ("gru", "bias", (3, 9), r"\(2, G\*H\) with G\*H = 9, got \(3, 9\)"),
        ("gru", "bias", (2, 12), r"\(2, G\*H\) with G\*H = 9, got \(2, 12\)"),
        ("lstm", "bias", (9,), r"\(G\*H,\) with G\*H = 12, got \(9,\)"),
        ("lstm", "bias", (2, 12), r"\(G\*H,\) with G\*H = 12, got \(2, 12\)"),
    ],
)
def test_shapes_of_keras(cell, key, shape, wanted):
    label = rf"^weights\['{key}'\] for cell '{cell}'"
    with pytest.raises(ValueError, match=f"{label} must be {wanted}$"):
        from_keras(cell, {**keras_weights(cell), key: np.ones(shape)})


def test_weights_that_are_not_transposed():
    """A matrix the wrong way round has other rows than the cell, if the sizes differ."""
    with pytest.raises(ValueError, match=r"^weights\['kernel'\] .*\(D, G\*H\)"):
        from_keras("gru", {k: a.T for k, a in keras_weights("gru").items() if k != "bias"})


def test_a_gru_that_resets_before_the_product():
    wanted = (
        r"^weights\['bias'\] for cell 'gru' must be \(2, G\*H\), got \(9,\): a GRU with "
        "reset_after=False resets before the product with W, and no renaming turns it into this "
        "cell, which resets after it$"
    )
    with pytest.raises(ValueError, match=wanted):
        from_keras("gru", {**keras_weights("gru"), "bias": np.ones(9)})


KEYS = [("state_dict", key) for key in pytorch_weights("gru")]
KEYS += [("weights", key) for key in keras_weights("gru")]


def read_with(argument, key, value):
    """A GRU in which one array, or what is made of it, is another."""
    read, _, draw, _ = LIBRARIES["pytorch" if argument == "state_dict" else "keras"]
    weights = draw("gru")
    weights[key] = value(weights[key]) if callable(value) else value
    return read("gru", weights)


@pytest.mark.parametrize("argument, key", KEYS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite(argument, key, bad):
    def spoil(array):
        array.flat[-1] = bad
        return array

    wanted = rf"^{argument}\['{key}'\] must be finite, got NaN or infinity in it$"
    with pytest.raises(ValueError, match=wanted):
        read_with(argument, key, spoil)


@pytest.mark.parametrize("argument, key", KEYS)
@pytest.mark.parametrize("kind", ["int64", "bool", "object"])
def test_dtypes(argument, key, kind):
    wanted = rf"^{argument}\['{key}'\] must be float32 or float64, got {kind}$"
    with pytest.raises(ValueError, match=wanted):
        read_with(argument, key, lambda array: array.astype(kind))


def test_complex_weights(name, library):
    """The package takes complex parameters, for its complex step; the libraries' layers do not."""
    read, write, draw, _ = library
    weights = {key: a.astype(complex) for key, a in draw(name).items()}
    with pytest.raises(ValueError, match=r"\['.*'\] must be float32 or float64, got 'complex128'$"):
        read(name, weights)
    params = problem(name).params
    params = params._replace(**{k: a.astype(complex) for k, a in params._asdict().items()})
    with pytest.raises(ValueError, match="^params.W must be float32 or float64, got 'complex128'$"):
        write(name, params)


@pytest.mark.parametrize("argument, key", KEYS)
def test_mixed_dtypes(argument, key):
    first, second, *_ = (k for a, k in KEYS if a == argument)
    strange, usual, named = "float32", "float64", key
    if key == first:  # then it is the others that differ
        strange, usual, named = usual, strange, second
    wanted = rf"^{argument}\['{named}'\] must be {usual} like '{first}', got {strange}$"
    with pytest.raises(ValueError, match=wanted):
        read_with(argument, key, lambda array: array.astype(np.float32))


class Tensor:
    """As PyTorch's tensors do, it refuses to become an array and says why."""

    def __init__(self, error):
        self.error = error

    def __array__(self, dtype=None, copy=None):
        raise self.error


@pytest.mark.parametrize("argument, key", KEYS)
@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Can't call numpy() on Tensor that requires grad."),
        TypeError("can't convert cuda:0 device type tensor to numpy."),
    ],
)
def test_tensors_that_numpy_cannot_read(argument, key, error):
    told = refusal(TypeError, read_with, argument, key, Tensor(error))
    assert told == f"{argument}[{key!r}] must be an array, got Tensor: {error}"


HALF = ".float() it, or in NumPy .astype(np.float32) it, which loses nothing"
QUANTISED = "quantised weights are another network: take those of before, in floats"


@pytest.mark.parametrize("argument, key", KEYS)
def test_half_precision_and_quantised_weights(argument, key):
    """Of PyTorch, whose tensors NumPy cannot read, and of NumPy."""
    label = f"{argument}[{key!r}] must be float32 or float64, got"
    for kind, hint in (("bfloat16", HALF), ("qint8", QUANTISED)):
        tensor = Tensor(TypeError(f"Got unsupported ScalarType {kind.replace('bf', 'BF')}"))
        told = refusal(TypeError, read_with, argument, key, tensor)
        assert told == f"{label} {kind.replace('qint8', 'qint')}: {hint}"
    for kind, hint in (("float16", HALF), ("int8", QUANTISED), ("uint8", QUANTISED)):
        told = refusal(ValueError, read_with, argument, key, lambda a, kind=kind: a.astype(kind))
        assert told == f"{label} {kind.removeprefix('u')}: {hint}"


@pytest.mark.parametrize("argument, key", KEYS)
def test_what_is_no_array(argument, key):
    where = rf"^{argument}\['{key}'\]"
    for value, kind in [(None, "object"), ("W", "<U1")]:
        with pytest.raises(ValueError, match=f"{where} must be float32 or float64, got {kind}$"):
            read_with(argument, key, value)
    with pytest.raises(ValueError, match=rf"{where} must not be empty, got shape \(0, 2\)$"):
        read_with(argument, key, np.ones((0, 2)))
    with pytest.raises(ValueError, match=f"{where} must be an array, got rows of different len"):
        read_with(argument, key, [[1.0, 2.0], [1.0]])


def test_parameters_of_another_cell(library):
    _, write, _, _ = library
    with pytest.raises(TypeError, match="^params must be GRUParams for cell 'gru', got LSTMParams"):
        write("gru", problem("lstm").params)
    with pytest.raises(TypeError, match="^params must be LSTMParams for cell 'lstm', got dict"):
        write("lstm", problem("lstm").params._asdict())


def test_parameters_that_do_not_fit(name, library):
    _, write, _, _ = library
    params = problem(name).params
    with pytest.raises(
        ValueError, match=r"^params.b for cell .* must be \(G\*H,\) with G\*H = \d+, g"
    ):
        write(name, params._replace(b=np.ones(1)))
    with pytest.raises(ValueError, match="^params.W must be finite"):
        write(name, params._replace(W=params.W * np.nan))
    with pytest.raises(ValueError, match="^params.U must be float32 like 'W', got float64$"):
        write(name, params._replace(W=params.W.astype(np.float32)))

"""Weights of PyTorch and Keras: by hand, against their equations, and against a file from Keras.

The recurrences here are written from the documentation of each library, on its own layout, and
share no line with `rnn_src`.
"""

from pathlib import Path

import numpy as np
import pytest
from reference import assert_trees_equal, problem, sigmoid

from rnn_src import CELLS, forward
from rnn_src.cells import GRUParams, LSTMParams, RNNParams
from rnn_src.interop import from_keras, from_pytorch, to_keras, to_pytorch

GATES = {"rnn": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}
D, H = 2, 3
IH, HH, B_IH, B_HH = PYTORCH_NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
KERAS = Path(__file__).parent / "data" / "keras.npz"


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


LIBRARIES = {
    "pytorch": (from_pytorch, to_pytorch, pytorch_weights, pytorch_states),
    "keras": (from_keras, to_keras, keras_weights, keras_states),
}


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


def test_the_order_of_the_names_does_not_matter(name, library):
    read, _, draw, _ = library
    weights = draw(name)
    assert_trees_equal(read(name, dict(reversed(weights.items()))), read(name, weights))


def test_without_biases_they_are_zero(name, dtype, library):
    read, _, draw, _ = library
    weights = draw(name, dtype)
    params = read(name, {key: a for key, a in weights.items() if "bias" not in key})
    want = read(name, {key: 0 * a if "bias" in key else a for key, a in weights.items()})
    assert_trees_equal(params, want)
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


def test_the_states_are_those_of_the_equations(name, library):
    read, _, draw, run = library
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


def test_the_states_are_those_that_keras_gave(name, stored):
    weights = {key: stored[f"{name}/{key}"] for key in keras_weights(name)}
    outputs, state = stored[f"{name}/outputs"], stored[f"{name}/state"]
    states, _ = forward(name, from_keras(name, weights), stored["x"].swapaxes(0, 1))
    h = states[1:, :, : outputs.shape[2]].swapaxes(0, 1)
    # The products of SimpleRNN are in float32 even so: see make_keras_reference.py.
    near = {"rtol": 0, "atol": 1e-10 if name in ("gru", "lstm") else 1e-6}
    np.testing.assert_allclose(h, outputs, **near)
    np.testing.assert_allclose(states[-1], state, **near)


def test_the_stored_file_proves_something(stored):
    """Float64, small, no weight 0, outputs that move, and a word on what made it."""
    made = stored.pop("made").tolist()
    assert [word.split()[0] for word in made] == ["keras", "torch", "numpy"]
    assert {key.split("/")[0] for key in stored} == {"x", *GATES}
    assert all(a.dtype == np.float64 and np.ptp(a) > 0.1 for a in stored.values())
    assert all(a.all() for key, a in stored.items() if "kernel" in key or "bias" in key)
    assert KERAS.stat().st_size < 60_000


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


ONE_LAYER = "^weights must be the kernel, recurrent_kernel, bias of one layer, as layer.get_wei"


def test_the_lists_of_two_layers(name):
    one, two = ([*keras_weights(name, seed=k).values()] for k in (1, 2))
    for given, got in (
        ([one, two], "those of 2 layers"),
        ([one, two, one], "those of 3 layers"),
        (one + two, "6 arrays"),
        (one[:2] + two[:2], "4 arrays"),
        (one + [np.ones((H, 1)), np.ones(1)], "5 arrays"),  # and a Dense layer
        (one[:1], "1 arrays"),
        (3 * [one], "those of 3 layers"),
        ([], "0 arrays"),
    ):
        with pytest.raises(ValueError, match=f"{ONE_LAYER}.*, got {got}$"):
            from_keras(name, given)


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
    with pytest.raises(ValueError, match=r"names but weight_ih_l0, .*got 'encoder.weight_ih_l0'"):
        from_pytorch("gru", model)
    with pytest.raises(ValueError, match=r"must have rnn.weight_ih_l0, .*got 'encoder.weight_ih"):
        from_pytorch("gru", model, prefix="rnn.")
    with pytest.raises(ValueError, match=r"no names but encoder.w.*got 'encoder.weight_ih_l1'$"):
        from_pytorch("gru", model | {"encoder.weight_ih_l1": np.ones(3)}, prefix="encoder.")
    with pytest.raises(TypeError, match="^prefix must be a str, got NoneType$"):
        from_pytorch("gru", model, prefix=None)


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


@pytest.mark.parametrize("key", ["weight_ih_l1", "bias_hh_l0_reverse", "weight_hr_l0", 0])
def test_more_than_one_plain_layer_of_pytorch(name, key):
    wanted = (
        "^state_dict must be of one layer, one direction and no projection, with no names but "
        f"weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, got {key!r}$"
    )
    with pytest.raises(ValueError, match=wanted):
        from_pytorch(name, {**pytorch_weights(name), key: np.ones((3, 3))})


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


def test_the_names_of_a_cell_of_pytorch(name):
    weights = {key.removesuffix("_l0"): a for key, a in pytorch_weights(name).items()}
    told = refusal(ValueError, from_pytorch, name, weights)
    assert "add _l0 to its names" in told and "direction" not in told
    added = {f"{key}_l0": a for key, a in weights.items()}
    assert_trees_equal(from_pytorch(name, added), from_pytorch(name, pytorch_weights(name)))


def test_the_names_of_a_whole_model(name):
    weights = {f"module.{key}": a for key, a in pytorch_weights(name).items()}
    told = refusal(ValueError, from_pytorch, name, weights)
    assert "(a prefix picks one of a model), got 'module.weight_ih_l0'" in told
    from_pytorch(name, weights, "module.")


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
        assert f"for cell 'lstm' must have no axis of directions, got (1, {4 * H}, " in told
        assert "ONNX, where the gates stand in another order (i, o, f, c and z, r, h)" in told
    for bias in (biases, biases[None]):
        told = refusal(ValueError, from_pytorch, "lstm", weights | {B_IH: bias})
        assert f"must be a bias alone, got {bias.shape}: two in one row are those of ONNX" in told


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_biases_of_cudnn(cell):
    """A row of 2*G*H, not one of G*H: no word of a reset before the product."""
    kernel, recurrent, _ = keras_weights(cell).values()
    bias = np.ones(2 * GATES[cell] * H)
    told = refusal(ValueError, from_keras, cell, [kernel, recurrent, bias])
    assert "must be a bias alone" in told and "CuDNN" in told and "reset" not in told


def test_a_cell_of_tensorflow_1():
    """U and W in one matrix; as a list it would be a recurrent kernel of one axis."""
    kernel, bias = np.ones((D + H, 4 * H)), np.ones(4 * H)
    for given in ([kernel, bias], {"kernel": kernel, "bias": bias}):
        told = refusal(ValueError, from_keras, "lstm", given)
        assert "or of a cell of TensorFlow 1, where U and W are one matrix" in told


@pytest.mark.parametrize("key", ["input_gate_peephole_weights", "w_f_diag"])
def test_peepholes(key):
    told = refusal(ValueError, from_keras, "lstm", keras_weights("lstm") | {key: np.ones(H)})
    assert told.startswith("weights must be of a cell without peepholes, weights from c to the ga")
    assert told.endswith(f"got {key!r}")


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
@pytest.mark.parametrize("kind", ["float16", "int64", "bool", "object"])
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
    with pytest.raises(ValueError, match="^params.U must be float32 or float64, got 'complex128'$"):
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


@pytest.mark.parametrize("argument, key", KEYS)
def test_bfloat16(argument, key):
    error = TypeError("Got unsupported ScalarType BFloat16")
    assert refusal(TypeError, read_with, argument, key, Tensor(error)) == (
        f"{argument}[{key!r}] must be float32 or float64, got bfloat16, which NumPy does not have: "
        "turn it into float32, which loses nothing"
    )


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
    with pytest.raises(ValueError, match=r"^params.b must be \(\d+,\), got \(1,\)$"):
        write(name, params._replace(b=np.ones(1)))
    with pytest.raises(ValueError, match="^params.W must be finite"):
        write(name, params._replace(W=params.W * np.nan))
    with pytest.raises(ValueError, match="^params.W must be float64 like params.U, got float32$"):
        write(name, params._replace(W=params.W.astype(np.float32)))

"""The Rosetta table of the notation page: every line of it as a cell that runs.

Each step below is written from the equations of its source, on the weights as that source keeps
them, and shares no line with `rnn_src`. `convert` makes the book's parameters of those weights: by
`rnn_src.interop` where it knows the library, else by the few lines here. Sources: the papers;
torch/nn/modules/rnn.py; keras/src/layers/rnn; tf_keras/src/layers/rnn (cudnn_*.py, and
legacy_cells.py for TensorFlow 1); onnx/reference/ops/op_{rnn,gru,lstm}.py; flax/linen/recurrent.py
at 006da41; haiku/_src/recurrent.py at 03718d5; equinox/nn/_rnn.py at 090c403.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from reference import sigmoid

from rnn_src import forward
from rnn_src.cells import GRUParams, LSTMParams, RNNParams
from rnn_src.interop import from_flax, from_keras, from_onnx, from_pytorch

PAGE = Path(__file__).parent.parent / "book" / "notation.md"
D, H, T, B = 3, 4, 12, 2
BOOK = {"rnn": [""], "rnn_relu": [""], "gru": ["r", "z", "n"], "lstm": ["i", "f", "g", "o"]}


class Convention(NamedTuple):
    """A line of the table and what makes it true."""

    cell: str  # of this book
    order: str  # as printed
    matrices: str
    biases: str
    reset: str
    z: str
    shapes: Callable  # gates -> the shapes of its weights by name
    step: Callable  # weights, x, state -> state
    convert: Callable  # weights -> parameters of this book


def gates(order):
    """The blocks of a printed order; one nameless block where there are none."""
    return order.removeprefix("separate: ").split(", ")


def split(array, order):
    """A stacked array as a dict of blocks, by the letters of a printed order."""
    names = gates(order)
    axis = 0 if array.shape[0] == len(names) * H else -1  # rows or columns
    return dict(zip(names, np.split(array, len(names), axis=axis), strict=True))


def stack(cell, blocks):
    """Blocks by letter, one on the other in the order of this book."""
    return np.concatenate([blocks[name] for name in BOOK[cell]])


# --- One step of each source, h and x as rows ------------------------------------------------


def after(r, z, a_n, q_n, h, keep):
    n = np.tanh(a_n + r * q_n)
    return z * h + (1 - z) * n if keep else (1 - z) * h + z * n


def lstm(i, f, g, o, c):
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def step_1997(w, x, s):
    """No forget gate; g(v) = 4 sigma(v) - 2 and h(v) = 2 sigma(v) - 1."""
    y, c = s
    net = {k: x @ w["U" + k].T + y @ w["W" + k].T + w["b" + k] for k in "igo"}
    c = c + sigmoid(net["i"]) * (4 * sigmoid(net["g"]) - 2)
    return sigmoid(net["o"]) * (2 * sigmoid(c) - 1), c


def step_2000(w, x, s):
    y, c = s
    net = {k: x @ w["U" + k].T + y @ w["W" + k].T + w["b" + k] for k in "ifgo"}
    c = sigmoid(net["f"]) * c + sigmoid(net["i"]) * (4 * sigmoid(net["g"]) - 2)
    return sigmoid(net["o"]) * (2 * sigmoid(c) - 1), c


def step_cho(reset_first, keep):
    def step(w, x, s):
        (h,) = s
        r, z = (sigmoid(x @ w["U" + k].T + h @ w["W" + k].T) for k in "rz")
        if not reset_first:
            return (after(r, z, x @ w["Un"].T, h @ w["Wn"].T, h, keep),)
        n = np.tanh(x @ w["Un"].T + (r * h) @ w["Wn"].T)
        return (z * h + (1 - z) * n if keep else (1 - z) * h + z * n,)

    return step


def step_book(cell):
    def step(w, x, s):
        a, q = x @ w["U"].T + w["b"], s[0] @ w["W"].T
        if cell == "rnn":
            return (np.tanh(a + q),)
        if cell == "lstm":
            return lstm(*np.split(a + q, 4, axis=1), s[1])
        (a_r, a_z, a_n), (q_r, q_z, q_n) = np.split(a, 3, axis=1), np.split(q, 3, axis=1)
        return (after(sigmoid(a_r + q_r), sigmoid(a_z + q_z), a_n, q_n + w["b_n"], s[0], True),)

    return step


def step_pytorch(cell):
    def step(w, x, s):
        a = x @ w["weight_ih_l0"].T + w["bias_ih_l0"]
        q = s[0] @ w["weight_hh_l0"].T + w["bias_hh_l0"]
        if cell == "rnn":
            return (np.tanh(a + q),)
        if cell == "lstm":
            return lstm(*np.split(a + q, 4, axis=1), s[1])
        (a_r, a_z, a_n), (q_r, q_z, q_n) = np.split(a, 3, axis=1), np.split(q, 3, axis=1)
        return (after(sigmoid(a_r + q_r), sigmoid(a_z + q_z), a_n, q_n, s[0], True),)

    return step


def step_keras(kind):
    def step(w, x, s):
        h, kernel, recurrent = s[0], w["kernel"], w["recurrent_kernel"]
        if kind == "SimpleRNN":
            return (np.tanh(x @ kernel + h @ recurrent + w["bias"]),)
        if kind == "LSTM":
            i, f, c, o = np.split(x @ kernel + h @ recurrent + w["bias"], 4, axis=1)
            return lstm(i, f, c, o, s[1])
        bias, recurrent_bias = w["bias"] if kind == "GRU after" else (w["bias"], 0)
        x_z, x_r, x_h = np.split(x @ kernel + bias, 3, axis=1)
        if kind == "GRU after":
            q_z, q_r, q_h = np.split(h @ recurrent + recurrent_bias, 3, axis=1)
            return (after(sigmoid(x_r + q_r), sigmoid(x_z + q_z), x_h, q_h, h, True),)
        z = sigmoid(x_z + h @ recurrent[:, :H])
        r = sigmoid(x_r + h @ recurrent[:, H : 2 * H])
        return (z * h + (1 - z) * np.tanh(x_h + (r * h) @ recurrent[:, 2 * H :]),)

    return step


def step_cudnn(kind):
    """Of every gate a matrix as CuDNN has it, in the memory of its transpose; biases in a row."""

    def step(w, x, s):
        h, (b, b_h) = s[0], np.split(w["bias"], 2)
        U, W = (
            [gate.reshape(H, -1) for gate in np.split(w[name], w[name].shape[1] // H, axis=1)]
            for name in ("kernel", "recurrent_kernel")
        )
        a = [x @ u.T + part for u, part in zip(U, np.split(b, len(U)))]
        q = [h @ v.T + part for v, part in zip(W, np.split(b_h, len(W)))]
        if kind == "LSTM":
            return lstm(*(left + right for left, right in zip(a, q)), s[1])
        return (after(sigmoid(a[1] + q[1]), sigmoid(a[0] + q[0]), a[2], q[2], h, True),)

    return step


def step_tensorflow_1(kind):
    def step(w, x, s):
        h, both = s[0], np.concatenate([x, s[0]], axis=1)
        if kind == "BasicRNNCell":
            return (np.tanh(both @ w["kernel"] + w["bias"]),)
        if kind == "GRUCell":
            r, u = np.split(sigmoid(both @ w["gates/kernel"] + w["gates/bias"]), 2, axis=1)
            reset = np.concatenate([x, r * h], axis=1)
            return (u * h + (1 - u) * np.tanh(reset @ w["candidate/kernel"] + w["candidate/bias"]),)
        i, j, f, o = np.split(both @ w["kernel"] + w["bias"], 4, axis=1)
        return lstm(i, f + 1, j, o, s[1])

    return step


def step_onnx(kind):
    """Of one direction: W for the input, R for the state, B with the biases of both."""

    def step(w, x, s):
        h, (b, b_h) = s[0], np.split(w["B"], 2)
        a, q = x @ w["W"].T + b, h @ w["R"].T
        if kind == "RNN":
            return (np.tanh(a + q + b_h),)
        if kind == "LSTM":
            i, o, f, c = np.split(a + q + b_h, 4, axis=1)
            return lstm(i, f, c, o, s[1])
        (a_z, a_r, a_h), (q_z, q_r, q_h) = np.split(a, 3, axis=1), np.split(q, 3, axis=1)
        b_z, b_r, b_h = np.split(b_h, 3)
        z, r = sigmoid(a_z + q_z + b_z), sigmoid(a_r + q_r + b_r)
        if kind == "GRU after":
            return (after(r, z, a_h, q_h + b_h, h, True),)
        return (z * h + (1 - z) * np.tanh(a_h + (r * h) @ w["R"][2 * H :].T + b_h),)

    return step


def step_flax(kind):
    def step(w, x, s):
        h = s[0]
        if kind == "SimpleCell":
            return (np.tanh(x @ w["i/kernel"] + w["i/bias"] + h @ w["h/kernel"]),)
        a = {k: x @ w[f"i{k}/kernel"] for k in kind}
        q = {k: h @ w[f"h{k}/kernel"] for k in kind}
        if kind == "ifgo":
            return lstm(*(a[k] + q[k] + w[f"h{k}/bias"] for k in kind), s[1])
        r, z = (sigmoid(a[k] + w[f"i{k}/bias"] + q[k]) for k in "rz")
        return (after(r, z, a["n"] + w["in/bias"], q["n"] + w["hn/bias"], h, True),)

    return step


def step_haiku(kind):
    def step(w, x, s):
        h = s[0]
        if kind == "VanillaRNN":
            a, q = x @ w["linear/w"] + w["linear/b"], h @ w["linear_1/w"] + w["linear_1/b"]
            return (np.maximum(a + q, 0),)
        if kind == "LSTM":
            gated = np.concatenate([x, h], axis=1) @ w["linear/w"] + w["linear/b"]
            i, g, f, o = np.split(gated, 4, axis=1)
            return lstm(i, f + 1, g, o, s[1])
        (x_z, x_r, x_a), (w_z, w_r, w_a) = (
            np.split(m, 3, axis=1) for m in (x @ w["w_i"] + w["b"], w["w_h"])
        )
        z, r = sigmoid(x_z + h @ w_z), sigmoid(x_r + h @ w_r)
        return ((1 - z) * h + z * np.tanh(x_a + (r * h) @ w_a),)

    return step


def step_equinox(cell):
    def step(w, x, s):
        a, q = x @ w["weight_ih"].T + w["bias"], s[0] @ w["weight_hh"].T
        if cell == "lstm":
            return lstm(*np.split(a + q, 4, axis=1), s[1])
        (a_r, a_z, a_n), (q_r, q_z, q_n) = np.split(a, 3, axis=1), np.split(q, 3, axis=1)
        new = np.tanh(a_n + sigmoid(a_r + q_r) * (q_n + w["bias_n"]))
        return (new + sigmoid(a_z + q_z) * (s[0] - new),)

    return step


# --- The weights of each source, and the way to those of this book ---------------------------


def shapes_paper(biased):
    return lambda names: (
        {"U" + k: (H, D) for k in names}
        | {"W" + k: (H, H) for k in names}
        | ({"b" + k: (H,) for k in names} if biased else {})
    )


def shapes_rows(ih, hh, *vectors):
    return lambda names: {
        ih: (len(names) * H, D),
        hh: (len(names) * H, H),
        **{v: (H,) if v.endswith("_n") else (len(names) * H,) for v in vectors},
    }


def shapes_columns(ih, hh, bias, rows=None):
    return lambda names: {
        ih: (D, len(names) * H),
        hh: (H, len(names) * H),
        bias: (rows, len(names) * H) if rows else (len(names) * H,),
    }


def shapes_cudnn(names):
    """Columns by their shape, and both biases in a row."""
    rows = len(names) * H
    return {"kernel": (D, rows), "recurrent_kernel": (H, rows), "bias": (2 * rows,)}


def shapes_onnx(names):
    """Of one direction."""
    rows = len(names) * H
    return {"W": (rows, D), "R": (rows, H), "B": (2 * rows,)}


def shapes_flax(biased, extra=()):
    return lambda names: (
        {f"i{k}/kernel": (D, H) for k in names}
        | {f"h{k}/kernel": (H, H) for k in names}
        | {f"{k}/bias": (H,) for k in (*(biased + name for name in names), *extra)}
    )


def convert_1997(w):
    """Halve what enters g, open f to rounding; c is half of the old cell state."""
    blocks = {kind: {k: w[kind + k] * (0.5 if k == "g" else 1) for k in "igo"} for kind in "UWb"}
    for kind, shape in (("U", (H, D)), ("W", (H, H)), ("b", (H,))):
        blocks[kind]["f"] = np.full(shape, 40.0 if kind == "b" else 0.0)
    return LSTMParams(*(stack("lstm", blocks[kind]) for kind in "WUb"))


def convert_2000(w):
    """Halve what enters g; c is half of the old cell state."""
    half = {"g": 0.5}
    return LSTMParams(
        *(stack("lstm", {k: w[kind + k] * half.get(k, 1) for k in "ifgo"}) for kind in "WUb")
    )


def convert_cho(sign_of_z):
    """Stack; where z replaces, its weights change their sign."""

    def convert(w):
        sign = {"z": sign_of_z}
        W, U = (stack("gru", {k: w[kind + k] * sign.get(k, 1) for k in "rzn"}) for kind in "WU")
        return GRUParams(W, U, np.zeros(3 * H), np.zeros(H))

    return convert


def convert_keras_before(w):
    """Transpose and put r before z: what would have to be right if the reset did not matter."""
    U, W, b = (stack("gru", split(a.T, "z, r, n")) for a in w.values())
    return GRUParams(W, U, b, np.zeros(H))


def convert_flax(cell):
    """The names as nested mappings."""

    def convert(w):
        params = {}
        for name, array in w.items():
            gate, kind = name.split("/")
            params.setdefault(gate, {})[kind] = array
        return from_flax(cell, params)

    return convert


def convert_onnx(cell):
    """With the axis of directions that the operator has."""
    return lambda w: from_onnx(cell, *(w[k][None] for k in "WRB"), linear_before_reset=True)


def convert_onnx_before(w):
    """Put r before z: what would have to be right if the reset did not matter."""
    parts = (w["W"], w["R"], *np.split(w["B"], 2))
    U, W, b, b_h = (stack("gru", split(a, "z, r, n")) for a in parts)
    return GRUParams(W, U, b + b_h, np.zeros(H))


def convert_joined_rnn(w):
    joined = w["kernel"].T
    return RNNParams(joined[:, D:], joined[:, :D], w["bias"])


def convert_joined_gru(w):
    """Join the matrices of the gates and the candidate: the reset is another all the same."""
    joined = np.concatenate([w["gates/kernel"], w["candidate/kernel"]], axis=1).T
    b = np.concatenate([w["gates/bias"], w["candidate/bias"]])
    return GRUParams(joined[:, D:], joined[:, :D], b, np.zeros(H))


def convert_haiku_gru(w):
    """Transpose, change the sign of z and put r before it: the reset is another all the same."""
    sign = {"z": -1}
    blocks = [{k: sign.get(k, 1) * a for k, a in split(m.T, "z, r, n").items()} for m in w.values()]
    U, W, b = (stack("gru", block) for block in blocks)
    return GRUParams(W, U, b, np.zeros(H))


def convert_joined_lstm(w):
    """Part the joined matrix, transpose, reorder, and add the step's 1 to the forget bias."""
    kernel, bias = w.values()
    U, W, b = (split(a, "i, g, f, o") for a in (kernel.T[:, :D], kernel.T[:, D:], bias))
    b["f"] = b["f"] + 1
    return LSTMParams(*(stack("lstm", block) for block in (W, U, b)))


PAPER, TORCH = "one a gate", ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
KERAS = ("kernel", "recurrent_kernel", "bias")
RZN, IFGO, PLUS = "r, z, n", "i, f, g, o", "one, and $b_n$"
ROWS = {
    ("Hochreiter & Schmidhuber 1997", "LSTM"): Convention(
        "lstm", "separate: i, g, o", PAPER, "one", "", "",
        shapes_paper(True), step_1997, convert_1997,
    ),
    ("Gers et al. 2000", "LSTM"): Convention(
        "lstm", f"separate: {IFGO}", PAPER, "one", "", "",
        shapes_paper(True), step_2000, convert_2000,
    ),
    ("Cho et al. 2014, arXiv v1", "GRU"): Convention(
        "gru", f"separate: {RZN}", PAPER, "none shown", "after", "keeps",
        shapes_paper(False), step_cho(False, True), convert_cho(1),
    ),
    ("Cho et al. 2014, arXiv v3", "GRU"): Convention(
        "gru", f"separate: {RZN}", PAPER, "none shown", "before", "keeps",
        shapes_paper(False), step_cho(True, True), convert_cho(1),
    ),
    ("Chung et al. 2014", "GRU"): Convention(
        "gru", f"separate: {RZN}", PAPER, "none shown", "before", "replaces",
        shapes_paper(False), step_cho(True, False), convert_cho(-1),
    ),
    ("this book", "rnn"): Convention(
        "rnn", "", "rows", "one", "", "",
        shapes_rows("U", "W", "b"), step_book("rnn"), lambda w: RNNParams(**w),
    ),
    ("this book", "gru"): Convention(
        "gru", RZN, "rows", PLUS, "after", "keeps",
        shapes_rows("U", "W", "b", "b_n"), step_book("gru"), lambda w: GRUParams(**w),
    ),
    ("this book", "lstm"): Convention(
        "lstm", IFGO, "rows", "one", "", "",
        shapes_rows("U", "W", "b"), step_book("lstm"), lambda w: LSTMParams(**w),
    ),
    ("PyTorch", "nn.RNN"): Convention(
        "rnn", "", "rows", "two", "", "",
        shapes_rows(*TORCH), step_pytorch("rnn"), lambda w: from_pytorch("rnn", w),
    ),
    ("PyTorch", "nn.GRU"): Convention(
        "gru", RZN, "rows", "two", "after", "keeps",
        shapes_rows(*TORCH), step_pytorch("gru"), lambda w: from_pytorch("gru", w),
    ),
    ("PyTorch", "nn.LSTM"): Convention(
        "lstm", IFGO, "rows", "two", "", "",
        shapes_rows(*TORCH), step_pytorch("lstm"), lambda w: from_pytorch("lstm", w),
    ),
    ("Keras", "SimpleRNN"): Convention(
        "rnn", "", "columns", "one", "", "",
        shapes_columns(*KERAS), step_keras("SimpleRNN"), lambda w: from_keras("rnn", w),
    ),
    ("Keras", "GRU(reset_after=True)"): Convention(
        "gru", "z, r, n", "columns", "two", "after", "keeps",
        shapes_columns(*KERAS, rows=2), step_keras("GRU after"), lambda w: from_keras("gru", w),
    ),
    ("Keras", "GRU(reset_after=False)"): Convention(
        "gru", "z, r, n", "columns", "one", "before", "keeps",
        shapes_columns(*KERAS), step_keras("GRU before"), convert_keras_before,
    ),
    ("Keras", "LSTM"): Convention(
        "lstm", IFGO, "columns", "one", "", "",
        shapes_columns(*KERAS), step_keras("LSTM"), lambda w: from_keras("lstm", w),
    ),
    ("Keras 2", "CuDNNGRU"): Convention(
        "gru", "z, r, n", "CuDNN's", "two", "after", "keeps",
        shapes_cudnn, step_cudnn("GRU"), lambda w: from_keras("gru", w),
    ),
    ("Keras 2", "CuDNNLSTM"): Convention(
        "lstm", IFGO, "CuDNN's", "two", "", "",
        shapes_cudnn, step_cudnn("LSTM"), lambda w: from_keras("lstm", w),
    ),
    ("TensorFlow 1", "BasicRNNCell"): Convention(
        "rnn", "", "columns, joined", "one", "", "",
        lambda names: {"kernel": (D + H, H), "bias": (H,)},
        step_tensorflow_1("BasicRNNCell"), convert_joined_rnn,
    ),
    ("TensorFlow 1", "GRUCell"): Convention(
        "gru", RZN, "columns, joined, $n$ apart", "one", "before", "keeps",
        lambda names: {
            "gates/kernel": (D + H, 2 * H), "gates/bias": (2 * H,),
            "candidate/kernel": (D + H, H), "candidate/bias": (H,),
        },
        step_tensorflow_1("GRUCell"), convert_joined_gru,
    ),
    ("TensorFlow 1", "BasicLSTMCell, LSTMCell"): Convention(
        "lstm", "i, g, f, o", "columns, joined", "one", "", "",
        lambda names: {"kernel": (D + H, 4 * H), "bias": (4 * H,)},
        step_tensorflow_1("BasicLSTMCell"), convert_joined_lstm,
    ),
    ("ONNX", "RNN"): Convention(
        "rnn", "", "rows", "two", "", "", shapes_onnx, step_onnx("RNN"), convert_onnx("rnn"),
    ),
    ("ONNX", "GRU(linear_before_reset=1)"): Convention(
        "gru", "z, r, n", "rows", "two", "after", "keeps",
        shapes_onnx, step_onnx("GRU after"), convert_onnx("gru"),
    ),
    ("ONNX", "GRU(linear_before_reset=0)"): Convention(
        "gru", "z, r, n", "rows", "two", "before", "keeps",
        shapes_onnx, step_onnx("GRU before"), convert_onnx_before,
    ),
    ("ONNX", "LSTM"): Convention(
        "lstm", "i, o, f, g", "rows", "two", "", "",
        shapes_onnx, step_onnx("LSTM"), convert_onnx("lstm"),
    ),
    ("Flax linen", "SimpleCell"): Convention(
        "rnn", "", "columns", "one", "", "",
        shapes_flax("i"), step_flax("SimpleCell"), convert_flax("rnn"),
    ),
    ("Flax linen", "GRUCell"): Convention(
        "gru", f"separate: {RZN}", "columns", PLUS, "after", "keeps",
        shapes_flax("i", extra=("hn",)), step_flax("rzn"), convert_flax("gru"),
    ),
    ("Flax linen", "LSTMCell, OptimizedLSTMCell"): Convention(
        "lstm", f"separate: {IFGO}", "columns", "one", "", "",
        shapes_flax("h"), step_flax("ifgo"), convert_flax("lstm"),
    ),
    ("Haiku", "VanillaRNN"): Convention(
        "rnn_relu", "", "columns", "two", "", "",
        lambda names: {
            "linear/w": (D, H), "linear/b": (H,), "linear_1/w": (H, H), "linear_1/b": (H,),
        },
        step_haiku("VanillaRNN"),
        lambda w: RNNParams(w["linear_1/w"].T, w["linear/w"].T, w["linear/b"] + w["linear_1/b"]),
    ),
    ("Haiku", "GRU"): Convention(
        "gru", "z, r, n", "columns", "one", "before", "replaces",
        shapes_columns("w_i", "w_h", "b"), step_haiku("GRU"), convert_haiku_gru,
    ),
    ("Haiku", "LSTM"): Convention(
        "lstm", "i, g, f, o", "columns, joined", "one", "", "",
        lambda names: {"linear/w": (D + H, 4 * H), "linear/b": (4 * H,)},
        step_haiku("LSTM"), convert_joined_lstm,
    ),
    ("Equinox", "GRUCell"): Convention(
        "gru", RZN, "rows", PLUS, "after", "keeps",
        shapes_rows("weight_ih", "weight_hh", "bias", "bias_n"), step_equinox("gru"),
        lambda w: GRUParams(w["weight_hh"], w["weight_ih"], w["bias"], w["bias_n"]),
    ),
    ("Equinox", "LSTMCell"): Convention(
        "lstm", IFGO, "rows", "one", "", "",
        shapes_rows("weight_ih", "weight_hh", "bias"), step_equinox("lstm"),
        lambda w: LSTMParams(w["weight_hh"], w["weight_ih"], w["bias"]),
    ),
}  # fmt: skip
PAPERS_OF_LSTM = {source for source, _ in ROWS if source[-4:] in {"1997", "2000"}}


@pytest.fixture(params=ROWS, ids=" ".join)
def line(request):
    return request.param


def weights_of(row, seed=0):
    """Random weights in the layout of the source; no matrix symmetric, no bias 0."""
    rng, shapes = np.random.default_rng(seed), row.shapes(gates(row.order))
    weights = {name: 0.6 * rng.standard_normal(shape) for name, shape in shapes.items()}
    if row.cell == "rnn_relu":  # keep its units alive
        weights["linear/b"] += 1.0
        weights["linear_1/w"] *= 0.3
    return weights


def states_of(line, weights):
    """The states of a source and those of this book from the converted weights, (T, B, S)."""
    row, rng = ROWS[line], np.random.default_rng(1)
    x = rng.standard_normal((T, B, D))
    s = tuple(rng.uniform(-0.9, 0.9, (B, H)) for _ in range(1 + (row.cell == "lstm")))
    scale = 0.5 if line[0] in PAPERS_OF_LSTM else 1.0  # c is half of the old cell state
    join = lambda s: np.concatenate([s[0], *(scale * c for c in s[1:])], axis=1)  # noqa: E731
    start, theirs = join(s), []
    for x_t in x:
        s = row.step(weights, x_t, s)
        theirs.append(join(s))
    return np.array(theirs), forward(row.cell, row.convert(weights), x, start)[0][1:]


def test_the_converted_weights_give_the_states_of_the_source(line):
    """All lines but those that reset before the product, which no renaming mends."""
    row, weights = ROWS[line], weights_of(ROWS[line])
    theirs, ours = states_of(line, weights)
    if row.reset != "before":
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
        assert np.ptp(theirs) > 0.5
        return
    assert np.abs(ours - theirs).max() > 0.01
    for name, array in weights.items():  # the reset is all that differs: with a diagonal W_n
        if name in {"Wn", "recurrent_kernel", "w_h"}:
            array[:, -H:] = np.diag(np.diag(array[:, -H:]))
        if name in {"R", "candidate/kernel"}:
            array[-H:] = np.diag(np.diag(array[-H:]))
    theirs, ours = states_of(line, weights)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_every_weight_is_used(line):
    """A conversion that dropped a weight would pass if the source's step dropped it, too."""
    weights = weights_of(ROWS[line])
    theirs, ours = states_of(line, weights)
    for name, array in weights.items():
        for block in np.ndindex(array.shape):
            changed = array.copy()
            changed[block] += 1.0
            moved = states_of(line, weights | {name: changed})
            assert not np.allclose(moved[0], theirs, rtol=0, atol=1e-9), (name, block)
            assert not np.allclose(moved[1], ours, rtol=0, atol=1e-9), (name, block)


STACKED = [line for line, row in ROWS.items() if row.order and "separate" not in row.order]


@pytest.mark.parametrize("line", STACKED, ids=" ".join)
def test_another_order_of_the_blocks_gives_other_states(line):
    """The printed order is needed: with two blocks exchanged the states differ."""
    row, weights = ROWS[line], weights_of(ROWS[line])
    names, swapped = gates(row.order), {}
    for name, array in weights.items():
        if len(names) * H in array.shape:
            axis = array.shape.index(len(names) * H)
            first, second, *rest = np.split(array, len(names), axis=axis)
            array = np.concatenate([second, first, *rest], axis=axis)
        swapped[name] = array
    theirs, _ = states_of(line, weights)
    _, ours = states_of(line, swapped)
    assert np.abs(ours - theirs).max() > 0.01


def test_interop_refuses_the_reset_before_the_product():
    weights = weights_of(ROWS["Keras", "GRU(reset_after=False)"])
    with pytest.raises(ValueError, match="reset_after=False resets before the product"):
        from_keras("gru", weights)


@pytest.mark.parametrize("kind", ["BasicRNNCell", "GRUCell", "BasicLSTMCell"])
def test_the_cells_of_tensorflow_1_compute_what_is_written_here(kind):
    """From a zero state; make_keras_reference.py ran them."""
    with np.load(Path(__file__).parent / "data" / "keras.npz") as stored:
        given = {k.partition("/")[2]: a for k, a in stored.items() if k.startswith(f"tf1_{kind}")}
        x, outputs = stored["x"].swapaxes(0, 1), given.pop("outputs").swapaxes(0, 1)
    short = {k: re.sub(r".*_cell_", "", k).replace("_", "/") for k in given}
    weights = {short[k]: a for k, a in given.items()}
    s = (np.zeros(outputs[0].shape),) * 2
    for x_t, output in zip(x, outputs, strict=True):
        s = step_tensorflow_1(kind)(weights, x_t, s)
        np.testing.assert_allclose(s[0], output, rtol=0, atol=1e-13)


# --- The table itself ------------------------------------------------------------------------


def table():
    """The lines of the page: (source, cell) -> the other columns."""
    section = PAGE.read_text(encoding="utf-8").split("(rosetta)=")[1].split("\n## ")[1]
    lines = [
        [part.strip() for part in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    head, rule, *rows = lines
    assert ", ".join(head[:5]) == "source, cell, order of the blocks, matrices, biases"
    assert head[5:7] == ["reset", "$z$"]
    assert all(re.fullmatch("-+", part) for part in rule)
    assert all(len(row) == len(head) for row in rows)
    found = {(row[0], row[1].replace("`", "")): row[2:] for row in rows}
    assert len(found) == len(rows)
    return found


def test_the_table_has_the_lines_that_are_tested():
    assert set(table()) == set(ROWS)


def test_the_table_says_what_the_tests_use(line):
    row = ROWS[line]
    assert table()[line][:5] == [row.order, row.matrices, row.biases, row.reset, row.z]


def test_the_layout_is_what_the_table_says(line):
    """Rows or columns, joined or apart, and how many biases: read off the weights themselves."""
    row, weights = ROWS[line], weights_of(ROWS[line])
    names = gates(row.order)
    matrices = [a.shape for name, a in weights.items() if a.ndim == 2 and "bias" not in name]
    stacked = 1 if row.order.startswith("separate") else len(names)
    by_rows = {(stacked * H, D), (stacked * H, H)}
    by_columns = {(D, stacked * H), (H, stacked * H)}
    joined = {(D + H, stacked * H)}
    wanted = {PAPER: by_rows, "rows": by_rows, "columns": by_columns, "columns, joined": joined}
    wanted |= {"CuDNN's": by_columns, "columns, joined, $n$ apart": {(D + H, 2 * H), (D + H, H)}}
    assert set(matrices) == wanted[row.matrices]
    numbers = sum(a.size for name, a in weights.items() if a.ndim == 1 or "bias" in name)
    G = len(names)
    sizes = {"none shown": 0, "one": G * H, "two": 2 * G * H, PLUS: (G + 1) * H}
    assert numbers == sizes[row.biases]

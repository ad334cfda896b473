"""Write tests/data/onnx.npz: RNN, GRU and LSTM of ONNX in two directions, and what runs them.

    python tests/make_onnx_reference.py

Run by hand, where onnx, onnxruntime and PyTorch are installed; `test_interop.py` reads the file. It
shares no line with `rnn_src`. Every weight is drawn, so that no bias is 0.

Outputs Y are those of onnx.reference, in float64, but for ReLU, which it does not know, and those
of onnxruntime, which has these operators in float32 alone. ONNX gives no gradients. A group
"export" holds the weights of a layer of PyTorch under both names: as its state dict, and as
torch.onnx.export wrote them.
"""

import io
import warnings
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data" / "onnx.npz"
T, B, D, H = 9, 3, 2, 4
OPERATORS = {
    "rnn": ("RNN", 1, {"activations": ["Tanh", "Tanh"]}),
    "rnn_relu": ("RNN", 1, {"activations": ["Relu", "Relu"]}),
    "gru": ("GRU", 3, {"linear_before_reset": 1}),
    "lstm": ("LSTM", 4, {}),
}


def model_of(operator, attributes, arrays, kind):
    """A graph of one operator: X in, Y out, the weights inside."""
    from onnx import checker, helper, numpy_helper

    names = ["X", *arrays, "", "initial_h"] + ["initial_c"] * (operator == "LSTM")
    node = helper.make_node(
        operator, names, ["Y"], hidden_size=H, direction="bidirectional", **attributes
    )
    shapes = {"X": (T, B, D)} | dict.fromkeys(("initial_h", "initial_c"), (2, B, H))
    inputs = [helper.make_tensor_value_info(k, kind, shapes[k]) for k in names if k in shapes]
    outputs = [helper.make_tensor_value_info("Y", kind, (T, 2, B, H))]
    weights = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph([node], operator, inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=10)
    checker.check_model(model)
    return model


def by_reference(operator, attributes, arrays, feeds):
    from onnx import TensorProto
    from onnx.reference import ReferenceEvaluator

    model = model_of(operator, attributes, arrays, TensorProto.DOUBLE)
    return ReferenceEvaluator(model).run(None, feeds)[0]


def by_runtime(operator, attributes, arrays, feeds):
    import onnxruntime
    from onnx import TensorProto

    single = {name: array.astype(np.float32) for name, array in arrays.items()}
    model = model_of(operator, attributes, single, TensorProto.FLOAT)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {name: array.astype(np.float32) for name, array in feeds.items()})[0]


def exported(cell):
    """A layer of PyTorch in two directions: its state dict, and W, R and B of its export."""
    import onnx
    import torch

    torch.manual_seed(0)
    module = getattr(torch.nn, cell.upper())(D, H, bidirectional=True)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, torch.zeros(T, B, D), file, dynamo=False)
    graph = onnx.load_from_string(file.getvalue()).graph
    node = next(node for node in graph.node if node.op_type == cell.upper())
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    arrays = {f"torch/{name}": a.numpy() for name, a in module.state_dict().items()}
    return arrays | dict(zip("WRB", (weights[name] for name in node.input[1:4])))


def write(path=DATA):
    import onnx
    import onnxruntime
    import torch

    libraries = {"onnx": onnx, "onnxruntime": onnxruntime, "torch": torch, "numpy": np}
    made = [f"{name} {library.__version__}" for name, library in libraries.items()]
    rng = np.random.default_rng(0)
    found = {"made": np.array(made)}
    for cell, (operator, gates, attributes) in OPERATORS.items():
        shapes = {"W": (2, gates * H, D), "R": (2, gates * H, H), "B": (2, 2 * gates * H)}
        arrays = {name: 0.5 * rng.standard_normal(shape) for name, shape in shapes.items()}
        states = ("initial_h", "initial_c")[: 1 + (cell == "lstm")]
        feeds = {"X": rng.standard_normal((T, B, D))}
        feeds |= {name: rng.standard_normal((2, B, H)) for name in states}
        run = operator, attributes, arrays, feeds
        group = arrays | feeds | {"Y_float32": by_runtime(*run)}
        if cell != "rnn_relu":
            group["Y"] = by_reference(*run)
        if cell in ("gru", "lstm"):
            group |= {f"export/{name}": array for name, array in exported(cell).items()}
        found |= {f"{cell}/{name}": array for name, array in group.items()}
    np.savez_compressed(path, **found)


if __name__ == "__main__":
    write()

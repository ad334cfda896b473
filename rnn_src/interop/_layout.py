"""What the libraries share: the four cells, how arrays are read and fitted, and the one join.

A layout names a library's arrays and says their shapes, in the letters of `rnn_src`. An order is
that of a library's gates, in the letters of `GATES`. A label makes a name into the words of an
error.
"""

from collections.abc import Mapping

import numpy as np

from rnn_src import checks
from rnn_src.cells import CELLS, Cell

#: The cells that every library has, and the order of their gates here.
GATES = {"rnn": "h", "rnn_relu": "h", "gru": "rzn", "lstm": "ifgo"}
BOOK = {"W": ("G*H", "H"), "U": ("G*H", "D"), "b": ("G*H",), "b_n": ("H",)}

HALF = ".float() it, or in NumPy .astype(np.float32) it, which loses nothing"
QUANTISED = "quantised weights are another network: take those of before, in floats"
PEEPHOLES = r".*peephole.*|w_[ifo]_diag"  # names of weights from c to the gates
HINTS = {"bfloat16": HALF, "float16": HALF, "qint": QUANTISED, "int8": QUANTISED}


def known(cell):
    """The record of one of the four cells, from its name or itself."""
    name = cell.name if isinstance(cell, Cell) else cell
    checks.choice("cell", name, GATES)
    return CELLS[name]


def mapping(argument, given, wanted="a mapping of names to arrays"):
    """Return `given` if it is a mapping, or say what came instead."""
    if not isinstance(given, Mapping):
        raise TypeError(f"{argument} must be {wanted}, got {type(given).__name__}")
    return given


def complete(argument, given, layout):
    """What is in the layout; all of it must be there, or all but the biases."""
    found = {name: given[name] for name in layout if name in given}
    if {*found} not in ({*layout}, {name for name in layout if "bias" not in name}):
        raise ValueError(
            f"{argument} must have {', '.join(layout)} (or no bias at all), got {listed(given)}"
        )
    return found


def listed(names):
    """The names, quoted, as far as they fit into a sentence."""
    return f"{', '.join(map(repr, names)) or 'nothing':.100}"


def arrays(given, label):
    """The values as finite arrays, all of them float32 or all float64."""
    found = {}
    for name, value in given.items():
        array = checks.array(label(name), _read(label(name), value), ("...",))
        dtype = checks.float_dtype(label(name), array.dtype.name)
        first = next(iter(found), name)
        if found and dtype != found[first].dtype:
            raise ValueError(
                f"{label(name)} must be {found[first].dtype} like {first!r}, got {dtype}"
            )
        found[name] = array
    return found


def _read(label, value):
    """The value as an array, or why there is none, or only one of other numbers."""
    try:
        array = checks.as_array(label, value)
        said, error = array.dtype.name, ValueError
    except (TypeError, RuntimeError) as reason:  # tensors on a GPU or with a gradient
        said, error = str(reason), TypeError
    for kind, hint in HINTS.items():
        if kind in said.lower():
            raise error(f"{label} must be float32 or float64, got {kind}: {hint}")
    if error is TypeError:
        raise TypeError(f"{label} must be an array, got {type(value).__name__}: {said}")
    return array


def fitted(cell, layout, recurrent, given, label):
    """The arrays by name, in the order of the layout, if their shapes are those of the cell.

    `recurrent` names the one that tells H. Any other letter is bound where it first stands.
    """

    def fit(name):
        shape = [sizes.get(size, size) for size in layout[name]]
        array = checks.array(f"{label(name)} for cell {cell.name!r}", given[name], shape)
        for size, number in zip(layout[name], array.shape):
            sizes.setdefault(size, (size, number))
        return array

    sizes = {}
    H = fit(recurrent).shape[layout[recurrent].index("H")]
    rows = len(GATES[cell.name]) * H
    sizes = {"H": ("H", H), "G*H": ("G*H", rows), "2*G*H": ("2*G*H", 2 * rows)}
    return {name: fit(name) for name in layout if name in given}


def join(cell, order, U, W, *biases):
    """Parameters of our own from a library's rows of gates: the biases added, but for b_n."""
    U, W, *biases = (_turned(array, order, GATES[cell.name]) for array in (U, W, *biases))
    zeros = np.zeros(len(W), W.dtype)
    b, recurrent_b = biases or (zeros, zeros)
    fields, H = {"W": W, "U": U, "b": b + recurrent_b}, W.shape[1]
    if "b_n" in cell.params._fields:
        fields["b"][-H:], fields["b_n"] = b[-H:], recurrent_b[-H:].copy()
    return cell.params(**fields)


def split(cell, order, params):
    """The reverse of `join`: U, W, the input's bias and the recurrent one, copied."""
    if not isinstance(params, cell.params):
        raise TypeError(
            f"params must be {cell.params.__name__} for cell {cell.name!r}, "
            f"got {type(params).__name__}"
        )
    label = "params.{}".format
    layout = {name: BOOK[name] for name in params._fields}
    W, U, b, *b_n = fitted(cell, layout, "W", arrays(params._asdict(), label), label).values()
    recurrent_b = np.zeros_like(b)
    if b_n:
        recurrent_b[-W.shape[1] :] = b_n[0]
    return [_turned(array, GATES[cell.name], order) for array in (U, W, b, recurrent_b)]


def _turned(rows, order, wanted):
    """The blocks of rows in the wanted order of the gates, copied."""
    blocks = rows.reshape(len(order), -1, *rows.shape[1:])
    return np.array(blocks[[order.index(gate) for gate in wanted]], order="C").reshape(rows.shape)

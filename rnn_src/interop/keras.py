"""Weights of SimpleRNN, GRU and LSTM of Keras, and of its CuDNN layers of before 2.0.

Keras has the equations of PyTorch. It transposes each matrix, puts z before r, and writes h for n,
c for g. CuDNNGRU and CuDNNLSTM kept each gate's matrix as CuDNN does, (H, D), in the memory of an
array (D, H), and both biases in one row.
"""

import re

import numpy as np

from rnn_src.interop import _layout

__all__ = ["from_keras", "to_keras"]

LAYOUT = {"kernel": ("D", "G*H"), "recurrent_kernel": ("H", "G*H"), "bias": ("G*H",)}
ORDER = {"rnn": "h", "rnn_relu": "h", "gru": "zrn", "lstm": "ifgo"}
BIASES = {"gru": (2, "G*H")}  # of a GRU one beside U x and one beside W h
CUDNN = ("2*G*H",)  # both in one row, which tells the whole layout
OPAQUE = (
    "matrices apart: one row of CuDNN holds a whole network, and its sizes cannot be told from it "
    "(the library that made it takes it apart)"
)
REFUSED = {
    _layout.PEEPHOLES: "of a cell without peepholes, weights from c to the gates",
    ".*opaque_kernel.*": OPAQUE,
}


def from_keras(cell, weights):
    """Parameters of a cell from the weights of a layer of Keras.

    Parameters
    ----------
    cell : Cell or str
        "rnn" or "rnn_relu" for SimpleRNN with that activation, "gru" for GRU, "lstm" for LSTM.
    weights : list of arrays, or mapping of str to array
        What ``layer.get_weights()`` gives for one layer: kernel (D, G*H), recurrent_kernel (H, G*H)
        and, unless the layer was made with use_bias=False, bias (G*H,), which for a GRU is
        (2, G*H): for the input, and for the state. Or the same arrays by these names. A bias
        (2*G*H,) is that of CuDNNGRU or CuDNNLSTM, and the matrices are then read as theirs.

    Returns
    -------
    NamedTuple
        W, U, b and, for a GRU, b_n: copies, of the dtype that came. Without a bias, zeros.

    Raises
    ------
    ValueError
        If the cell is not one of these four, there are more arrays than one layer and direction
        have (the error says which to pass), a name is missing or strange, a shape is not the
        cell's, the GRU has reset_after=False, the dtype is not float32 or float64 throughout, or a
        value is not finite.
    TypeError
        If `weights` is neither a list nor a mapping, or NumPy cannot read an entry.

    Notes
    -----
    Layout and equations are those of Keras 3 with its default activations; see :ref:`ch-bring`. Do
    not collect the arrays of a whole model by ``w.name``: in Keras 3 every layer's is "kernel", and
    the last one would stay. A GRU with reset_after=False (Cho et al. 2014) resets h before the
    product with W, and no renaming turns it into this cell. Only its bias gives it away: with
    use_bias=False, ask the layer.

    Examples
    --------
    >>> kernel, recurrent_kernel = [[10.0, 20.0, 30.0]], [[1.0, 2.0, 3.0]]
    >>> from_keras("gru", [kernel, recurrent_kernel]).U.ravel()  # z, r, h there; r, z, n here
    array([20., 10., 30.])
    """
    cell = _layout.known(cell)
    label = "weights[{!r}]".format
    given = _layout.arrays(_named(cell, weights), label)
    layout, cudnn = LAYOUT | {"bias": BIASES.get(cell.name, LAYOUT["bias"])}, False
    if "bias" in given:
        columns, shape = given["kernel"].shape[-1:], given["bias"].shape
        cudnn = cell.name in ("gru", "lstm") and shape == tuple(2 * size for size in columns)
        if cudnn:
            layout["bias"] = CUDNN
        elif cell.name == "gru" and shape == columns:
            raise ValueError(
                f"weights['bias'] for cell 'gru' must be (2, G*H), got {shape}: a GRU with "
                "reset_after=False resets before the product with W, and no renaming turns it into "
                "this cell, which resets after it"
            )
    kernel, recurrent, *bias = _layout.fitted(
        cell, layout, "recurrent_kernel", given, label
    ).values()
    if cudnn:
        U, W = (_of_cudnn(matrix, len(recurrent)) for matrix in (kernel, recurrent))
    else:
        U, W = kernel.T, recurrent.T
    biases = []
    if bias:
        both = bias[0].reshape(-1, len(W))
        biases = both if len(both) == 2 else [both[0], np.zeros_like(both[0])]
    return _layout.join(cell, ORDER[cell.name], U, W, *biases)


def to_keras(cell, params):
    """The weights of a layer of Keras from the parameters of a cell.

    Parameters
    ----------
    cell : Cell or str
        "rnn", "rnn_relu", "gru" or "lstm".
    params : NamedTuple
        Its parameters, float32 or float64.

    Returns
    -------
    dict of str to ndarray
        kernel, recurrent_kernel and bias, all copies, in the order of ``layer.get_weights()``. For
        a GRU the bias is (2, G*H), and its second row is 0 except for b_n.

    Raises
    ------
    ValueError
        If the cell is not one of these four, or a shape, dtype or value of `params` is wrong.
    TypeError
        If `params` are those of another cell.

    Notes
    -----
    The reverse of `from_keras`; see there and :ref:`ch-bring`. A layer that is built takes them by
    ``layer.set_weights([*to_keras(...).values()])``.

    Examples
    --------
    >>> import numpy as np
    >>> from rnn_src import init
    >>> params = init("gru", 2, 4, np.random.default_rng(0))
    >>> {name: array.shape for name, array in to_keras("gru", params).items()}
    {'kernel': (2, 12), 'recurrent_kernel': (4, 12), 'bias': (2, 12)}
    """
    cell = _layout.known(cell)
    U, W, *biases = _layout.split(cell, ORDER[cell.name], params)
    bias = np.stack(biases) if cell.name in BIASES else biases[0]
    return dict(zip(LAYOUT, (U.T.copy(), W.T.copy(), bias)))


def _of_cudnn(matrix, H):
    """Each gate's (H, columns), which lies in the memory of (columns, H), one below the other."""
    gates = np.split(matrix, matrix.shape[1] // H, axis=1)
    return np.concatenate([gate.reshape(H, -1) for gate in gates])


def _named(cell, weights):
    """The arrays of one layer by name, all that are wanted or all but the bias."""
    if isinstance(weights, list | tuple):
        weights = _one_layer(cell, weights)
    a_list = "a list of arrays or a mapping of names to arrays"
    _layout.mapping("weights", weights, a_list)
    for pattern, wanted in REFUSED.items():
        if found := [name for name in weights if re.fullmatch(pattern, str(name))]:
            raise ValueError(f"weights must be {wanted}, got {_layout.listed(found)}")
    if strange := [name for name in weights if name not in LAYOUT]:
        raise ValueError(
            f"weights must be of one layer, with no names but {', '.join(LAYOUT)} (or what its "
            f"get_weights() gives), got {_layout.listed(strange)}"
        )
    if {*weights} == {"kernel", "bias"}:
        raise ValueError(
            "weights must have a recurrent_kernel, got 'kernel', 'bias': those of a Dense layer, "
            "or of a cell of TensorFlow 1, where U and W are one matrix, the gates stand in the "
            "order i, j, f, o, and 1 is added to f later"
        )
    return _layout.complete("weights", weights, LAYOUT)


def _one_layer(cell, weights):
    """A list under the names of a layer; that of several says where each of them is."""
    parts = [part for part in weights if isinstance(part, list | tuple)]
    if any(isinstance(array, np.ndarray) for part in parts for array in part):
        got = f"those of {len(weights)} layers: pass one of them"
    elif len(weights) in (2, 3):
        joined = getattr(weights[1], "ndim", 2) == 1
        return dict(zip(("kernel", "bias") if joined else LAYOUT, weights))
    elif len(weights) == 1 and getattr(weights[0], "ndim", 2) == 1:
        raise ValueError(f"weights must be {OPAQUE}, got 1 row")
    else:
        found = _layers(cell, [getattr(array, "shape", ()) for array in weights])
        ways = " or ".join(f"weights[{first}:{stop}]" for first, stop in found)
        got = f"{len(weights)} arrays" + f": pass {ways}, one layer or direction each" * bool(found)
    raise ValueError(
        f"weights must be the {', '.join(LAYOUT)} of one layer in one direction, as "
        f"layer.get_weights() gives them, got {got}"
    )


def _layers(cell, shapes):
    """Where in the list of a model the arrays of a layer of this cell begin and end."""
    found, k, gates = [], 0, len(ORDER[cell.name])
    while k + 1 < len(shapes):
        kernel, recurrent, *after = shapes[k : k + 3]
        if len(kernel) == len(recurrent) == 2 and kernel[1] == recurrent[1] == gates * recurrent[0]:
            rows = kernel[1]
            biases = [(rows,), (2 * rows,)] + [(2, rows)] * (cell.name in BIASES)
            found.append((k, k + 2 + (after[:1] != [] and after[0] in biases)))
            k = found[-1][1]
        else:
            k += 1
    return found

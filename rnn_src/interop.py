"""Weights of PyTorch and Keras, to and from the parameters of the package.

Neither library is imported: weights come and go as arrays, by name or in a list. Equations and
gate order are PyTorch's (r, z, n and i, f, g, o). Its layers have two biases, one beside U x and
one beside W h, and only their sum matters, except in a GRU's candidate n, where r multiplies
W h + b_n. So a forget bias of 1 that was set in both of PyTorch's biases arrives here as 2. Keras
has the same equations. It transposes each matrix, puts z before r, and writes h for n, c for g.
Shown in :ref:`ch-bring`.

Arrays do not tell in which order their gates stand. Under PyTorch's names, gates in the order of
ONNX (i, o, f, c and z, r, h) are taken for PyTorch's, and what comes of it is another network.
Where a shape or a name gives another layout away, it is refused.
"""

from collections.abc import Mapping

import numpy as np

from rnn_src import checks
from rnn_src.cells import Cell
from rnn_src.scan import _check_params, _record

__all__ = ["from_keras", "from_pytorch", "to_keras", "to_pytorch"]

# The cells that both libraries have, and their gates in the order of Keras. Each order is its own
# inverse, so it serves both ways.
KERAS_ORDER = {"rnn": [0], "rnn_relu": [0], "gru": [1, 0, 2], "lstm": [0, 1, 2, 3]}
KERAS = {"kernel": ("D", "G*H"), "recurrent_kernel": ("H", "G*H"), "bias": ("G*H",)}
PYTORCH = {
    "weight_ih_l0": ("G*H", "D"),
    "weight_hh_l0": ("G*H", "H"),
    "bias_ih_l0": ("G*H",),
    "bias_hh_l0": ("G*H",),
}


def from_pytorch(cell, state_dict, prefix=""):
    """Parameters of a cell from the weights of a layer of PyTorch.

    Parameters
    ----------
    cell : Cell or str
        "rnn" or "rnn_relu" for nn.RNN with that nonlinearity, "gru" for nn.GRU, "lstm" for nn.LSTM.
    state_dict : mapping of str to array
        weight_ih_l0 (G*H, D), weight_hh_l0 (G*H, H) and, unless the layer was made with bias=False,
        bias_ih_l0 and bias_hh_l0 (G*H,), as ``layer.state_dict()`` gives them: on the CPU, and not
        asking for a gradient (``.detach()`` those that do).
    prefix : str
        What stands before each name in the state dict of a whole model, such as "encoder.". Names
        that begin otherwise are left out of account.

    Returns
    -------
    NamedTuple
        W, U, b and, for a GRU, b_n: copies, of the dtype that came. The two biases are added,
        except where the GRU keeps them apart. Without biases, zeros.

    Raises
    ------
    ValueError
        If the cell is not one of these four, a name is missing or strange (a second layer or
        direction, a projection), a shape is not the cell's, the dtype is not float32 or float64
        throughout, or a value is not finite.
    TypeError
        If `state_dict` is not a mapping, `prefix` not a string, or NumPy cannot read an entry.

    Notes
    -----
    Equations and order are those in the documentation of torch.nn.RNN, GRU and LSTM, which follow
    cuDNN; see :ref:`ch-bring`. Names do not tell tanh from ReLU: the choice of `cell` does. As the
    two biases are added, a forget bias of 1 in each of them is one of 2 here.

    Examples
    --------
    >>> layer = {"weight_ih_l0": [[2.0], [3.0]], "weight_hh_l0": np.eye(2)}
    >>> layer |= {"bias_ih_l0": [1.0, 1.0], "bias_hh_l0": [0.5, 0.25]}
    >>> from_pytorch("rnn", layer).b
    array([1.5 , 1.25])
    """
    cell = _known(cell)
    checks.instance("prefix", prefix, str)
    layout = {prefix + name: shape for name, shape in PYTORCH.items()}
    given = _entries("state_dict", state_dict, layout, prefix)
    return _join(cell, *_fitting("state_dict", given, layout, cell))


def to_pytorch(cell, params):
    """The weights of a layer of PyTorch from the parameters of a cell.

    Parameters
    ----------
    cell : Cell or str
        "rnn", "rnn_relu", "gru" or "lstm".
    params : NamedTuple
        Its parameters, float32 or float64.

    Returns
    -------
    dict of str to ndarray
        weight_ih_l0, weight_hh_l0, bias_ih_l0 and bias_hh_l0, all copies. The biases are on the
        input side; bias_hh_l0 is 0 except for the b_n of a GRU.

    Raises
    ------
    ValueError
        If the cell is not one of these four, or a shape, dtype or value of `params` is wrong.
    TypeError
        If `params` are those of another cell.

    Notes
    -----
    The reverse of `from_pytorch`; see there and :ref:`ch-bring`. PyTorch wants tensors:
    ``layer.load_state_dict({k: torch.from_numpy(v) for k, v in to_pytorch(...).items()})``.

    Examples
    --------
    >>> from rnn_src import init
    >>> params = init("gru", 2, 4, np.random.default_rng(0))
    >>> {name: array.shape for name, array in to_pytorch("gru", params).items()}
    {'weight_ih_l0': (12, 2), 'weight_hh_l0': (12, 4), 'bias_ih_l0': (12,), 'bias_hh_l0': (12,)}
    """
    return dict(zip(PYTORCH, _split(_known(cell), params)))


def from_keras(cell, weights):
    """Parameters of a cell from the weights of a layer of Keras.

    Parameters
    ----------
    cell : Cell or str
        "rnn" or "rnn_relu" for SimpleRNN with that activation, "gru" for GRU, "lstm" for LSTM.
    weights : list of arrays, or mapping of str to array
        What ``layer.get_weights()`` gives for one layer: kernel (D, G*H), recurrent_kernel (H, G*H)
        and, unless the layer was made with use_bias=False, bias (G*H,), which for a GRU is
        (2, G*H): for the input, and for the state. Or the same arrays by these names.

    Returns
    -------
    NamedTuple
        W, U, b and, for a GRU, b_n: copies, of the dtype that came. Without a bias, zeros.

    Raises
    ------
    ValueError
        If the cell is not one of these four, there are more arrays than one layer has, a name is
        missing or strange, a shape is not the cell's, the GRU has reset_after=False, the dtype is
        not float32 or float64 throughout, or a value is not finite.
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
    cell = _known(cell)
    layout, given = dict(KERAS), _entries("weights", _by_name(weights), KERAS)
    if cell.extra:
        layout["bias"] = (2, "G*H")
        if "bias" in given and given["bias"].shape == given["kernel"].shape[-1:]:
            raise ValueError(
                f"weights['bias'] for cell {cell.name!r} must be (2, G*H), got "
                f"{given['bias'].shape}: a GRU with reset_after=False resets before the product "
                "with W, and no renaming turns it into this cell, which resets after it"
            )
    kernel, recurrent, *bias = _fitting("weights", given, layout, cell)
    if bias:
        bias = bias[0] if cell.extra else [bias[0], np.zeros_like(bias[0])]
    return _join(cell, *(_reordered(cell, rows) for rows in (kernel.T, recurrent.T, *bias)))


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
    >>> from rnn_src import init
    >>> params = init("gru", 2, 4, np.random.default_rng(0))
    >>> {name: array.shape for name, array in to_keras("gru", params).items()}
    {'kernel': (2, 12), 'recurrent_kernel': (4, 12), 'bias': (2, 12)}
    """
    cell = _known(cell)
    U, W, *bias = (_reordered(cell, array) for array in _split(cell, params))
    bias = np.stack(bias) if cell.extra else bias[0]
    return dict(zip(KERAS, (U.T.copy(), W.T.copy(), bias)))


def _known(cell):
    checks.choice("cell", cell.name if isinstance(cell, Cell) else cell, KERAS_ORDER)
    return _record(cell)


def _by_name(weights):
    """The arrays of one layer, in the order of Keras, under their names; a mapping as it is."""
    if not isinstance(weights, list | tuple):
        return weights
    layers = [part for part in weights if isinstance(part, list | tuple)]
    if any(isinstance(array, np.ndarray) for part in layers for array in part):
        got = f"those of {len(weights)} layers"
    elif len(weights) not in (2, 3):
        got = f"{len(weights)} arrays"
    else:
        flat = getattr(weights[1], "ndim", 2) == 1
        return dict(zip(("kernel", "bias") if flat else KERAS, weights))
    raise ValueError(
        f"weights must be the {', '.join(KERAS)} of one layer, as layer.get_weights() gives them, "
        f"got {got}"
    )


def _entries(argument, given, names, prefix=""):
    """The arrays whose names begin with the prefix: all that are wanted, or all but the biases."""
    if not isinstance(given, Mapping):
        a_list = "" if argument == "state_dict" else "a list of arrays or "
        raise TypeError(
            f"{argument} must be {a_list}a mapping of names to arrays, got {type(given).__name__}"
        )
    found = [name for name in given if str(name).startswith(prefix)]
    strange = [name for name in found if name not in names]
    if strange:
        raise ValueError(
            f"{argument} must be {_reason(argument, strange, names)}, got {_listed(strange)}"
        )
    if {*found} == {"kernel", "bias"}:
        raise ValueError(
            f"{argument} must have a recurrent_kernel, got 'kernel', 'bias': those of a Dense "
            "layer, or of a cell of TensorFlow 1, where U and W are one matrix, the gates stand in "
            "the order i, j, f, o, and 1 is added to f later"
        )
    if {*found} not in ({*names}, {name for name in names if "bias" not in name}):
        raise ValueError(
            f"{argument} must have {', '.join(names)} (or no bias at all), got {_listed(given)}"
        )
    arrays = {}
    for name in found:
        label, value = f"{argument}[{name!r}]", given[name]
        try:
            array = checks.as_array(label, value)
        except (TypeError, RuntimeError) as error:  # tensors on a GPU or with a gradient say why
            if "bfloat16" in str(error).lower():
                raise TypeError(
                    f"{label} must be float32 or float64, got bfloat16, which NumPy does not have: "
                    "turn it into float32, which loses nothing"
                ) from None
            kind = type(value).__name__
            raise TypeError(f"{label} must be an array, got {kind}: {error}") from None
        arrays[name] = checks.array(label, array, ("...",))
        first = next(iter(arrays))
        dtype = checks.float_dtype(label, array.dtype.name)
        if dtype != arrays[first].dtype:
            raise ValueError(f"{label} must be {arrays[first].dtype} like {first!r}, got {dtype}")
    return arrays


def _reason(argument, strange, names):
    """What weights with these names should have been."""
    words = " ".join(map(str, strange)).lower()
    known = f"with no names but {', '.join(names)}"
    if "peephole" in words or "_diag" in words:
        return f"of a cell without peepholes, weights from c to the gates, {known}"
    if any(f"{name}_l0" in names for name in strange):
        return f"of a layer, {known} (a cell of PyTorch has the same arrays: add _l0 to its names)"
    if any(str(name).endswith(tuple(names)) for name in strange):
        way = "a prefix picks one of a model"
        way = way if argument == "state_dict" else "or what its get_weights() gives"
        return f"of one layer, {known} ({way})"
    return f"of one layer, one direction and no projection, {known}"


def _listed(names):
    return f"{', '.join(map(repr, names)) or 'nothing':.100}"


def _fitting(argument, arrays, layout, cell):
    """The arrays in the order of the layout, if their shapes are those of the cell."""
    _, recurrent, *_ = layout
    label = f"{argument}[{{!r}}] for cell {cell.name!r}".format
    both = 2 * max(arrays[recurrent].shape, default=0)  # the rows of two biases in one
    for name, array in arrays.items():
        if array.ndim == 3:
            raise ValueError(
                f"{label(name)} must have no axis of directions, got {array.shape}: that is a "
                "layout of ONNX, where the gates stand in another order (i, o, f, c and z, r, h)"
            )
        if "bias" in name and array.shape[-1:] == (both,):
            raise ValueError(
                f"{label(name)} must be a bias alone, got {array.shape}: two in one row are those "
                "of ONNX or CuDNN, whose gates or matrices are laid out in another way too"
            )
    W = checks.array(label(recurrent), arrays[recurrent], layout[recurrent])
    H = W.shape[layout[recurrent].index("H")]
    sizes = {"H": ("H", H), "G*H": ("G*H", cell.gates * H)}
    fitting = []
    for name in layout:
        if name in arrays:
            shape = [sizes.get(size, size) for size in layout[name]]
            fitting.append(checks.array(label(name), arrays[name], shape))
    return fitting


def _join(cell, U, W, *biases):
    """Parameters from what PyTorch has, copied: the biases added, but for b_n."""
    H, zeros = W.shape[1], np.zeros(len(W), W.dtype)
    b, recurrent_b = biases or (zeros, zeros)
    fields = {"W": np.array(W, order="C"), "U": np.array(U, order="C"), "b": b + recurrent_b}
    if cell.extra:
        fields["b"][-H:], fields["b_n"] = b[-H:], recurrent_b[-H:].copy()
    return cell.params(**fields)


def _split(cell, params):
    """The reverse of `_join`: U, W, the input's bias and the recurrent one, copied."""
    _, H = _check_params(cell, params)
    checks.float_dtype("params.U", params.U.dtype.name)
    recurrent_b = np.zeros_like(params.b)
    if cell.extra:
        recurrent_b[-H:] = params.b_n
    return *(np.array(leaf, order="C") for leaf in (params.U, params.W, params.b)), recurrent_b


def _reordered(cell, rows):
    """The G blocks of rows in the order of the other library, copied."""
    blocks = rows.reshape(cell.gates, -1, *rows.shape[1:])
    return blocks[KERAS_ORDER[cell.name]].reshape(rows.shape)

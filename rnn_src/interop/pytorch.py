"""Weights of torch.nn: RNN, GRU and LSTM of any depth, in one direction or two, and their cells."""

import re
from collections.abc import Mapping

from rnn_src import checks
from rnn_src.interop import _layout

__all__ = ["from_pytorch", "to_pytorch"]

LAYOUT = {
    "weight_ih": ("G*H", "D"),
    "weight_hh": ("G*H", "H"),
    "bias_ih": ("G*H",),
    "bias_hh": ("G*H",),
}
ORDER = _layout.GATES  # PyTorch's order is the one of this package
# A name: what stands before the layer's own, a kind of weight, and the number and the direction of
# a layer, which a cell has not.
NAME = re.compile(rf"(.*?)({'|'.join(LAYOUT)})(?:_l(\d+)(_reverse)?)?")
# What no cell here has, by the names that give it away.
REFUSED = {
    r"weight_hr_l\d+(_reverse)?": "of a layer without projection (proj_size=0)",
    r"(weight|bias)_.h(_l\d+)?(_reverse)?_(g|v|u|orig|mask|raw)|parametrizations\..*_[ih]h.*": (
        "of whole matrices, without weight_norm or another parametrization "
        "(torch.nn.utils.remove_weight_norm or parametrize.remove_parametrizations joins the parts)"
    ),
    r"_all_weight_values.*|_packed_weight.*": "in floats: quantised weights are another network",
    _layout.PEEPHOLES: "of a cell without peepholes, weights from c to the gates",
}


def from_pytorch(cell, state_dict, prefix="", layer=0, reverse=False):
    """Parameters of a cell from the weights of one layer and direction of PyTorch.

    Parameters
    ----------
    cell : Cell or str
        "rnn" or "rnn_relu" for nn.RNN or nn.RNNCell with that nonlinearity, "gru" for nn.GRU or
        nn.GRUCell, "lstm" for nn.LSTM or nn.LSTMCell.
    state_dict : mapping of str to array
        weight_ih_l0 (G*H, D), weight_hh_l0 (G*H, H) and, unless the layer was made with bias=False,
        bias_ih_l0 and bias_hh_l0 (G*H,), as ``module.state_dict()`` gives them: on the CPU, and not
        asking for a gradient (``.detach()`` those that do). Of other layers and directions, the
        names go on with _l1, _l0_reverse and so on; of a cell they end before _l0.
    prefix : str
        What stands before each name in the state dict of a whole model, such as "encoder.". Names
        that begin otherwise are left out of account.
    layer : int
        Which layer, from 0, next to the input. The others are left out; `from_pytorch_stack` of
        `rnn_src.stack` reads all of them.
    reverse : bool
        Whether to read the direction that runs from the end of a sequence to its start. The cell
        that comes back wants its inputs in that order.

    Returns
    -------
    NamedTuple
        W, U, b and, for a GRU, b_n: copies, of the dtype that came. The two biases are added,
        except where the GRU keeps them apart. Without biases, zeros.

    Raises
    ------
    ValueError
        If the cell is not one of these four, there is no such layer or direction, the names are
        those of a whole model (its prefixes are listed), a name is missing or strange (a
        projection, weight_norm, quantised weights), a shape is not the cell's, the dtype is not
        float32 or float64 throughout, or a value is not finite.
    TypeError
        If `state_dict` is not a mapping, `prefix` not a string, `reverse` not a bool, or NumPy
        cannot read an entry, as one in bfloat16.

    Notes
    -----
    Equations and order are those in the documentation of torch.nn.RNN, GRU and LSTM, which follow
    cuDNN; see :ref:`ch-bring`. Names do not tell tanh from ReLU: the choice of `cell` does. PyTorch
    has two biases, one beside U x and one beside W h, and only their sum matters, except in a GRU's
    candidate n, where r multiplies W h + b_n. As they are added, a forget bias of 1 in each of them
    is one of 2 here.

    Examples
    --------
    >>> import numpy as np
    >>> layer = {"weight_ih_l0": [[2.0], [3.0]], "weight_hh_l0": np.eye(2)}
    >>> layer |= {"bias_ih_l0": [1.0, 1.0], "bias_hh_l0": [0.5, 0.25]}
    >>> from_pytorch("rnn", layer).b
    array([1.5 , 1.25])
    """
    cell = _layout.known(cell)
    checks.instance("prefix", prefix, str)
    checks.positive_integer("layer", layer, least=0)
    checks.instance("reverse", reverse, bool)
    _layout.mapping("state_dict", state_dict)
    ending = _ending(state_dict, prefix, layer, reverse)
    layout = {f"{prefix}{name}{ending}": shape for name, shape in LAYOUT.items()}
    label = "state_dict[{!r}]".format
    given = _layout.arrays(_layout.complete("state_dict", state_dict, layout), label)
    recurrent = f"{prefix}weight_hh{ending}"
    _refuse_onnx(given, recurrent, label)
    fitted = _layout.fitted(cell, layout, recurrent, given, label)
    return _layout.join(cell, ORDER[cell.name], *fitted.values())


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
    The reverse of `from_pytorch`; see there and :ref:`ch-mend`. PyTorch wants tensors:
    ``layer.load_state_dict({k: torch.from_numpy(v) for k, v in to_pytorch(...).items()})``.

    Examples
    --------
    >>> import numpy as np
    >>> from rnn_src import init
    >>> params = init("gru", 2, 4, np.random.default_rng(0))
    >>> {name: array.shape for name, array in to_pytorch("gru", params).items()}
    {'weight_ih_l0': (12, 2), 'weight_hh_l0': (12, 4), 'bias_ih_l0': (12,), 'bias_hh_l0': (12,)}
    """
    cell = _layout.known(cell)
    arrays = _layout.split(cell, ORDER[cell.name], params)
    return {f"{name}_l0": array for name, array in zip(LAYOUT, arrays)}


def _ending(state_dict, prefix, layer, reverse):
    """What the names of the wanted layer end in, if it is there and nothing strange beside it."""
    own = {name: str(name)[len(prefix) :] for name in state_dict if str(name).startswith(prefix)}
    for pattern, wanted in REFUSED.items():
        if found := [name for name in own if re.search(rf"(^|\.)({pattern})$", own[name])]:
            raise ValueError(f"state_dict must be {wanted}, got {_layout.listed(found)}")
    matches = {name: NAME.fullmatch(own[name]) for name in own}
    endings = {name: own[name][len(m[2]) :] for name, m in matches.items() if m and not m[1]}
    if not endings:
        raise ValueError(_nothing(state_dict, prefix))
    if strange := [name for name in own if name not in endings]:
        raise ValueError(
            f"state_dict must have no names but {', '.join(LAYOUT)} of its layers (a prefix picks "
            f"one module of a model), got {_layout.listed(strange)}"
        )
    of_cell = {*endings.values()} == {""} and layer == 0 and not reverse
    ending = "" if of_cell else f"_l{layer}" + "_reverse" * reverse
    if ending not in endings.values():
        there = _layout.listed(dict.fromkeys(endings.values()))
        raise ValueError(
            f"state_dict must have names in {ending!r} for layer={layer} and reverse={reverse}, "
            f"got names in {there}"
        )
    return ending


def _nothing(state_dict, prefix):
    """Why no weights stand right behind the prefix."""
    matches = (NAME.fullmatch(str(name)) for name in state_dict)
    prefixes = sorted({match[1] for match in matches if match} - {prefix})
    if prefixes:
        ways = " or ".join(f"prefix={found!r}" for found in prefixes)
        return f"prefix must pick one module of a whole model: pass {ways}, got {prefix!r}"
    inner = [name for name, value in state_dict.items() if isinstance(value, Mapping)]
    hint = f" (perhaps its entry {inner[0]!r})" if inner else ""
    names, got = ", ".join(LAYOUT), _layout.listed(state_dict)
    return f"state_dict must have {names} of a layer{hint}, got {got}"


def _refuse_onnx(given, recurrent, label):
    """Arrays in the layout of ONNX under names of PyTorch."""
    for name, array in given.items():
        if array.ndim == 3:
            raise ValueError(
                f"{label(name)} must have no axis of directions, got {array.shape}: that is the "
                "layout of ONNX, which from_onnx reads"
            )
        if "bias" in name and array.shape[-1:] == (2 * max(given[recurrent].shape, default=0),):
            raise ValueError(
                f"{label(name)} must be a bias alone, got {array.shape}: two in one row are those "
                "of ONNX, which from_onnx reads"
            )

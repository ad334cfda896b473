"""Weights of SimpleCell, GRUCell, LSTMCell and OptimizedLSTMCell of Flax (linen).

Each gate has a matrix of its own, as columns: under i and its letter for the input, under h and its
letter for the state.
"""

from collections.abc import Mapping

import numpy as np

from rnn_src.interop import _layout

__all__ = ["from_flax"]

GATES = {"rnn": [""], "rnn_relu": [""], "gru": ["r", "z", "n"], "lstm": ["i", "f", "g", "o"]}
# Where the biases stand, beside the input or the state; the n of a GRU has one beside each.
BIASED = {"rnn": "i", "rnn_relu": "i", "gru": "i", "lstm": "h"}


def from_flax(cell, params):
    """Parameters of a cell from the parameters of a cell of Flax.

    Parameters
    ----------
    cell : Cell or str
        "rnn" or "rnn_relu" for SimpleCell with that activation, "gru" for GRUCell, "lstm" for
        LSTMCell and OptimizedLSTMCell.
    params : mapping of str to mapping of str to array
        What ``cell.init(...)["params"]`` gives: under "ii", "if" and so on a kernel (D, H), under
        "hi", "hf" and so on a kernel (H, H), and beside one of the two a bias (H,). The letters of
        a GRU are r, z and n, with a bias under "in" and under "hn"; a SimpleCell has "i" and "h".

    Returns
    -------
    NamedTuple
        W, U, b and, for a GRU, b_n: copies, of the dtype that came. Without biases, zeros.

    Raises
    ------
    ValueError
        If the cell is not one of these four, the names are those of a whole model (its cells are
        listed), a name is missing or strange, a shape is not the cell's, the dtype is not float32
        or float64 throughout, or a value is not finite.
    TypeError
        If `params` is not a mapping or NumPy cannot read an entry.

    Notes
    -----
    The equations of flax.linen with their default activations; see :ref:`ch-bring`. A SimpleCell
    with residual=True adds its last state, which no name tells. The cells of flax.nnx join the
    gates and are refused.

    Examples
    --------
    >>> params = {"i": {"kernel": [[1.0, 2.0]], "bias": [5.0, 6.0]}, "h": {"kernel": np.eye(2)}}
    >>> from_flax("rnn", params).U
    array([[1.],
           [2.]])
    """
    cell = _layout.known(cell)
    _layout.mapping("params", params, "a mapping of names to mappings of names to arrays")
    if {*params} == {"params"}:
        params = _layout.mapping("params['params']", params["params"])
    flat, gates = dict(_flat(params)), GATES[cell.name]
    inputs, states = ([f"{side}{gate}/kernel" for gate in gates] for side in "ih")
    biases = [f"{BIASED[cell.name]}{gate}/bias" for gate in gates]
    layout = dict.fromkeys(inputs, ("D", "H")) | dict.fromkeys(states, ("H", "H"))
    layout |= dict.fromkeys(biases + ["hn/bias"] * (cell.name == "gru"), ("H",))
    _refuse_others(flat, layout, states[0])
    given = _layout.arrays(_layout.complete("params", flat, layout), _label)
    found = _layout.fitted(cell, layout, states[0], given, _label)
    U, W = (np.concatenate([found[name].T for name in names]) for names in (inputs, states))
    both = []
    if biases[0] in found:
        b = np.concatenate([found[name] for name in biases])
        both = [b, np.zeros_like(b)]
        both[1][-W.shape[1] :] = found.get("hn/bias", 0)
    return _layout.join(cell, _layout.GATES[cell.name], U, W, *both)


def _refuse_others(flat, layout, recurrent):
    """Names of something else than one cell; those of a model say where its cells are."""
    strange = [name for name in flat if name not in layout]
    if strange:
        ends = f"/{recurrent}"
        cells = [_label(name.removesuffix(ends)) for name in strange if name.endswith(ends)]
        hint = f" (pass {' or '.join(cells)})" if cells else ""
        raise ValueError(
            f"params must be of one cell, with no names but {', '.join(layout)}{hint}, got "
            f"{_layout.listed(strange)}"
        )


def _flat(params, path=""):
    """The arrays of nested mappings, by the names on the way to them."""
    for name, value in params.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}/")
        else:
            yield f"{path}{name}", value


def _label(name):
    return "params" + "".join(f"[{part!r}]" for part in name.split("/"))

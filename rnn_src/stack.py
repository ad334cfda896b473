"""Layers on layers, each in one direction or two: a chain of scans, and its reverse.

A layer reads the outputs of the one below. One that also reads backward sees each sequence from its
own end, whatever its length, and its outputs stand beside those of the forward direction, at the
input that they read last. As in torch.nn.RNN, GRU and LSTM, without dropout. Shown in
:ref:`ch-bring`.
"""

import re
from typing import Any, NamedTuple

import numpy as np

from rnn_src import checks
from rnn_src.cells import CELLS, Cell
from rnn_src.interop import from_pytorch
from rnn_src.scan import Tape, backward, forward

__all__ = ["Stack", "backward_stack", "forward_stack", "from_pytorch_stack"]


class Stack(NamedTuple):
    """A network of several layers.

    Parameters
    ----------
    cell : str
        The name of the cell of all layers, one of `CELLS`.
    layers : tuple of tuple of NamedTuple
        From the input up: for each layer the parameters of its forward direction and, if it has
        one, those of its backward direction. A layer has as many inputs, D, as the one below has
        outputs.

    Notes
    -----
    Used in :ref:`ch-bring`. An optimizer takes ``stack.layers``, and the gradients of
    `backward_stack` have its structure.

    Examples
    --------
    >>> from rnn_src import init
    >>> rng = np.random.default_rng(0)
    >>> below = init("gru", 3, 4, rng), init("gru", 3, 4, rng)  # forward and backward
    >>> above = (init("gru", 8, 5, rng),)  # forward alone
    >>> outputs, tapes = forward_stack(Stack("gru", (below, above)), np.ones((7, 2, 3)))
    >>> outputs.shape
    (7, 2, 5)
    """

    cell: str
    layers: Any


def from_pytorch_stack(cell, state_dict, prefix=""):
    """All layers and directions of an nn.RNN, nn.GRU or nn.LSTM of PyTorch.

    Parameters
    ----------
    cell : Cell or str
        "rnn" or "rnn_relu" for nn.RNN with that nonlinearity, "gru" for nn.GRU, "lstm" for nn.LSTM.
    state_dict : mapping of str to array
        As ``module.state_dict()`` gives it; see `rnn_src.interop.from_pytorch`.
    prefix : str
        What stands before each name in the state dict of a whole model, such as "encoder.".

    Returns
    -------
    Stack
        The layers from the input up.

    Raises
    ------
    ValueError
        If `rnn_src.interop.from_pytorch` refuses a layer, or one is missing below another.
    TypeError
        If `state_dict` is not a mapping, `prefix` not a string, or NumPy cannot read an entry.

    Notes
    -----
    Names, equations and limits are those of `rnn_src.interop.from_pytorch`; see :ref:`ch-bring`.
    PyTorch drops outputs between layers in training only, and no name tells of it.

    Examples
    --------
    >>> W = {f"weight_hh_l{k}": np.eye(2) for k in (0, 1)}
    >>> U = {"weight_ih_l0": np.ones((2, 3)), "weight_ih_l1": np.eye(2)}
    >>> [len(layer) for layer in from_pytorch_stack("rnn", W | U).layers]
    [1, 1]
    """
    from_pytorch(cell, state_dict, prefix)  # says what is wrong with the whole
    name = re.compile(re.escape(prefix) + r"(?:weight|bias)_[ih]h_l(\d+)(_reverse)?")
    found = {(int(m[1]), bool(m[2])) for key in state_dict if (m := name.fullmatch(str(key)))}
    layers = []
    for k in range(max(found, default=(0,))[0] + 1):
        directions = (False, True) if (k, True) in found else (False,)
        layers.append(tuple(from_pytorch(cell, state_dict, prefix, k, way) for way in directions))
    return Stack(cell.name if isinstance(cell, Cell) else cell, tuple(layers))


def forward_stack(stack, x, s0=None, lengths=None):
    """Run a stack over a batch of sequences.

    Parameters
    ----------
    stack : Stack
        The layers.
    x : (T, B, D) array
        Inputs, time first.
    s0 : (K, B, S) array, optional
        The states before the first input, 0 if not given: one for each of the K directions of all
        layers, from the input up, the forward one first. (Or a list of K arrays, if the layers
        differ in size.) That of a backward direction stands before the last input of a sequence.
    lengths : (B,) array of int, optional
        Real lengths in 1..T.

    Returns
    -------
    outputs : (T, B, H) or (T, B, 2*H) ndarray
        h of the last layer: outputs[t] is that of the forward direction after inputs 0 to t and, to
        the right of it, that of the backward direction after inputs t and later ones. 0 beyond a
        sequence's length, as in pad_packed_sequence of PyTorch.
    tapes : tuple of tuple of Tape
        What `backward_stack` needs, one a direction of each layer. The last state of each is its
        ``states[-1]``, also of a shorter sequence.

    Raises
    ------
    ValueError
        If layers do not fit each other or a shape, dtype, length or value is not as said above.
    TypeError
        If `stack` is not a Stack, or parameters are those of another cell.

    Notes
    -----
    The equations of torch.nn.RNN, GRU and LSTM with num_layers and bidirectional; see
    :ref:`ch-bring`. Two directions: Schuster and Paliwal (1997).

    Examples
    --------
    >>> from rnn_src import init
    >>> rng = np.random.default_rng(0)
    >>> stack = Stack("lstm", ((init("lstm", 3, 4, rng),), (init("lstm", 4, 4, rng),)))
    >>> outputs, tapes = forward_stack(stack, np.ones((7, 2, 3)), lengths=[7, 5])
    >>> outputs.shape, outputs[5:, 1].any(), tapes[1][0].states.shape
    ((7, 2, 4), np.False_, (8, 2, 8))
    """
    _check(stack)
    starts = _starts(stack, s0)
    outputs, tapes = x, []
    for layer in stack.layers:
        sides, taken = [], []
        for params, backwards in zip(layer, (False, True)):
            inputs = turned(taken[0].x, taken[0].lengths) if backwards else outputs
            states, tape = forward(stack.cell, params, inputs, next(starts), lengths)
            h = states[1:, :, : params.W.shape[1]]
            sides.append(turned(h, tape.lengths) if backwards else h)
            taken.append(tape)
        outputs = np.concatenate(sides, axis=2)
        if tape.lengths is not None:
            outputs *= _real(tape)
        tapes.append(tuple(taken))
    return outputs, tuple(tapes)


def backward_stack(stack, tapes, doutputs):
    """Backpropagation through the time and the layers of a stack.

    Parameters
    ----------
    stack : Stack
        The stack that made the tapes.
    tapes : tuple of tuple of Tape
        From `forward_stack`.
    doutputs : (T, B, H) or (T, B, 2*H) array
        dL/d outputs. What stands beyond a sequence's length, where the output is 0, is left out.

    Returns
    -------
    grads : tuple of tuple of NamedTuple
        The gradients, of the structure, shapes and dtype of ``stack.layers``.
    dx : (T, B, D) ndarray
        Gradients of the inputs, 0 beyond a sequence's length.

    Raises
    ------
    ValueError
        If a shape or dtype is not as said above, a value is not finite, or the tapes do not fit the
        stack.
    TypeError
        If `stack` is not a Stack, or the tapes are none.

    Notes
    -----
    :eq:`eq-bptt-delta` and :eq:`eq-bptt-gradients` layer by layer, from the last one down: the
    gradients of a layer's inputs are those of the outputs below. Used in :ref:`ch-around` and
    :ref:`ch-mend`.

    Examples
    --------
    >>> from rnn_src import init
    >>> rng = np.random.default_rng(0)
    >>> stack = Stack("rnn", ((init("rnn", 3, 4, rng),), (init("rnn", 4, 5, rng),)))
    >>> outputs, tapes = forward_stack(stack, np.ones((7, 2, 3)))
    >>> grads, dx = backward_stack(stack, tapes, np.ones_like(outputs))
    >>> grads[1][0].U.shape, dx.shape
    ((5, 4), (7, 2, 3))
    """
    width = _check(stack)
    wanted = [len(layer) for layer in stack.layers]
    made = [len(tapes_of) for tapes_of in checks.instance("tapes", tapes, tuple)]
    if made != wanted:
        raise ValueError(f"tapes must be those of this stack, {wanted} a layer, got {made}")
    last = checks.instance("tapes[-1][0]", tapes[-1][0], Tape)
    shape = (("T", len(last.x)), ("B", last.x.shape[1]), ("outputs", width))
    doutputs = checks.array("doutputs", doutputs, shape, last.states.dtype)
    if last.lengths is not None:
        doutputs = doutputs * _real(last)
    grads = []
    for layer, taken in zip(stack.layers[::-1], tapes[::-1]):
        sides, parts, dx = np.split(doutputs, len(layer), axis=2), [], 0
        for params, tape, dh, backwards in zip(layer, taken, sides, (False, True)):
            dstates = np.zeros_like(tape.states[1:])
            dstates[..., : dh.shape[2]] = turned(dh, tape.lengths) if backwards else dh
            grad, back, _ = backward(stack.cell, params, tape, dstates)
            parts.append(grad)
            dx = dx + (turned(back, tape.lengths) if backwards else back)
        grads.append(tuple(parts))
        doutputs = dx
    return tuple(grads[::-1]), doutputs


def _check(stack):
    """Parameters of the cell, one or two alike a layer, as wide as the layer below; the width."""
    checks.instance("stack", stack, Stack)
    kind, width = checks.choice("stack.cell", stack.cell, CELLS).params, None
    for k, layer in enumerate(checks.instance("stack.layers", stack.layers, tuple)):
        name = f"stack.layers[{k}]"
        kinds = [type(params) for params in checks.instance(name, layer, tuple)]
        if kinds not in ([kind], [kind, kind]):
            got = ", ".join(kind.__name__ for kind in kinds) or "none"
            raise TypeError(f"{name} must hold one {kind.__name__} a direction, 1 or 2, got {got}")
        shapes = [tuple(map(np.shape, params)) for params in layer]
        if shapes[0] != shapes[-1]:
            raise ValueError(f"{name} must have two directions of the same shapes, got {shapes}")
        _, H = checks.array(f"{name}[0].W", layer[0].W, ("G*H", "H")).shape
        _, D = checks.array(f"{name}[0].U", layer[0].U, ("G*H", "D")).shape
        if width not in (None, D):
            raise ValueError(
                f"{name} must have D = {width}, the outputs of the layer below, got {D}"
            )
        width = len(layer) * H
    if width is None:
        raise ValueError("stack.layers must hold at least one layer, got none")
    return width


def _starts(stack, s0):
    """The first state of every direction, one after the other; None where none is given."""
    count = sum(map(len, stack.layers))
    if s0 is None:
        return iter([None] * count)
    if len(s0) != count:
        raise ValueError(f"s0 must hold one state a direction, {count}, got {len(s0)}")
    return iter(s0)


def _real(tape):
    """1 where a sequence has a step, 0 beyond its length, (T, B, 1)."""
    return (np.arange(len(tape.x))[:, None] < tape.lengths)[..., None]


def turned(array, lengths):
    """Every sequence in reverse, from its own end; what is beyond it stays where it is."""
    if lengths is None:
        return array[::-1]
    steps = np.arange(len(array))[:, None]
    steps = np.where(steps < lengths, lengths - 1 - steps, steps)
    return array[steps, np.arange(array.shape[1])]

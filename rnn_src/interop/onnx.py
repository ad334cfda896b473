"""Weights of the operators RNN, GRU and LSTM of ONNX: an axis of directions, gates iofc and zrh."""

from rnn_src import checks
from rnn_src.interop import _layout

__all__ = ["from_onnx"]

LAYOUT = {
    "W": ("directions", "G*H", "D"),
    "R": ("directions", "G*H", "H"),
    "B": ("directions", "2*G*H"),
}
ORDER = {"rnn": "h", "rnn_relu": "h", "gru": "zrn", "lstm": "iofg"}


def from_onnx(cell, W, R, B=None, direction=0, linear_before_reset=False):
    """Parameters of a cell from the inputs of an operator of ONNX.

    Parameters
    ----------
    cell : Cell or str
        "rnn" or "rnn_relu" for the operator RNN with that activation, "gru" for GRU, "lstm" for
        LSTM.
    W : (directions, G*H, D) array
        Weights of the input, as ``onnx.numpy_helper.to_array`` reads them from the graph.
    R : (directions, G*H, H) array
        Weights of the state.
    B : (directions, 2*G*H) array, optional
        The biases beside W x, then those beside R h; 0 if not given.
    direction : int
        Which of the directions, 0 or, of a bidirectional operator, also 1, which reads backward.
    linear_before_reset : bool or int
        The operator's attribute of this name, which is 0 where it does not stand. Only a GRU has
        it, and here it must be 1.

    Returns
    -------
    NamedTuple
        W, U, b and, for a GRU, b_n: copies, of the dtype that came. (ONNX has W for the input and R
        for the state; here U and W.)

    Raises
    ------
    ValueError
        If the cell is not one of these four, a shape is not the operator's, there is no such
        direction, a GRU resets before the product, the dtype is not float32 or float64 throughout,
        or a value is not finite.
    TypeError
        If NumPy cannot read an array.

    Notes
    -----
    The equations of the operators' documentation with their default activations; see
    :ref:`ch-bring`. The input P of an LSTM (peepholes), the attributes clip and input_forget, and
    other activations make it another function, and no array tells of them: ask the node. With
    linear_before_reset=0 a GRU resets h before the product with R, and no renaming turns it into
    this cell, which resets after it.

    Examples
    --------
    >>> import numpy as np
    >>> W, R = np.array([[[1.0], [2.0], [3.0], [4.0]]]), np.zeros((1, 4, 1))
    >>> from_onnx("lstm", W, R).U.ravel()  # i, o, f, c there; i, f, g, o here
    array([1., 3., 4., 2.])
    """
    cell = _layout.known(cell)
    direction = checks.positive_integer("direction", direction, least=0)
    if linear_before_reset not in (0, 1):
        raise ValueError(f"linear_before_reset must be 0 or 1, got {linear_before_reset!r}")
    if cell.name == "gru" and not linear_before_reset:
        raise ValueError(
            "linear_before_reset must be 1 for cell 'gru', got 0: that operator resets before the "
            "product with R, and no renaming turns it into this cell, which resets after it"
        )
    given = {"W": W, "R": R} | ({} if B is None else {"B": B})
    given = _layout.arrays(given, str)
    W, R, *B = _layout.fitted(cell, LAYOUT, "R", given, str).values()
    if direction >= len(W):
        raise ValueError(
            f"direction must be below {len(W)}, of which W has arrays, got {direction}"
        )
    biases = [half for both in B for half in both[direction].reshape(2, -1)]
    return _layout.join(cell, ORDER[cell.name], W[direction], R[direction], *biases)

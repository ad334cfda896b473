"""Recurrent networks in NumPy, every backward pass written by hand: the package of *Through Time*.

The symbols, as in the book (column vectors there; here arrays are time first and a vector is a
row):

======  ======================  =========  =========================================================
letter  is                      array      shape
======  ======================  =========  =========================================================
T       time steps              x          (T, B, D)
B       sequences in a batch    states     (T+1, B, S), states[0] = s0
D       input size              W, U, b    (G*H, H), (G*H, D), (G*H,)
H       hidden size             V, c       (O, H), (O,)
O       output size             dstates    (T, B, S), dL/d states[1:] from the losses alone
S       state size              jacobians  (T, B, S, S), [t] = d s_{t+1} / d s_t
G       blocks of H rows in W: 1 rnn, 3 gru (r, z, n), 4 lstm (i, f, g, o)
======  ======================  =========  =========================================================

The calls::

    params = init(cell, input_size, hidden_size, rng)
    states, tape = forward(cell, params, x)
    grads, dx, ds0 = backward(cell, params, tape, dstates)
    J = jacobians(cell, params, x)
    history = run(Experiment(cell="rnn", task="adding", length=100))

A cell is a record of `CELLS` or its name, as introduced in :ref:`ch-cell`.
"""

from rnn_src.cells import CELLS
from rnn_src.scan import backward, forward, init, jacobians
from rnn_src.training import Experiment, run

__all__ = ["CELLS", "Experiment", "backward", "forward", "init", "jacobians", "run"]

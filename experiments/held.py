"""What a gated network costs on text if one of its gates is held from the start of training.

A held gate is 1 (the update gate 0) by a bias so large that training does not move it. That takes
weights away, so these networks have as many units more as give gates and candidate as many weights
again, within 2%. Text, training and test are those of the chapter on stories about gates.
"""

import numpy as np

from experiments.grid import rounded
from rnn_src.tasks import characters
from rnn_src.training import Experiment, evaluate, new_model, run
from rnn_src.trees import tree_map

BLOCKS = {"lstm": "ifgo", "gru": "rzn"}  # of W, U and b, in the package's order
UNITS = {"lstm": 39, "gru": 42}  # of a network without one gate; 32 with all
UPDATES = 300
POINTS = [
    {"cell": cell, "gate": gate, "seed": seed}
    for cell, gates in (("lstm", ("", "i", "f", "o")), ("gru", ("", "r", "z")))
    for gate in gates
    for seed in range(10)
]
SAME = {"first_losses": 1e-3, "units": 0}


def hold(cell, gate, model):
    """The model with one gate held: deaf, and at 1 (the update gate at 0)."""
    p = tree_map(np.copy, model.cell)
    H = p.W.shape[1]
    rows = slice(H * BLOCKS[cell].index(gate), H * BLOCKS[cell].index(gate) + H)
    p.W[rows] = p.U[rows] = 0
    p.b[rows] = -40 if gate == "z" else 40
    return model._replace(cell=p), rows


def measure(cell, gate, seed, updates=UPDATES):
    """Train on text with this gate held, or with none; bits a character on test lines."""
    e = Experiment(
        cell=cell,
        task="characters",
        length=20,
        hidden_size=UNITS[cell] if gate else 32,
        updates=updates,
        learning_rate=2e-2,
        seed=seed,
        dtype="float32",
        evaluate_every=updates,
    )
    start, rows = new_model(e), slice(0, 0)
    if gate:
        start, rows = hold(cell, gate, start)
    history = run(e, start=start)
    for before, after in zip(start.cell[:3], history.model.cell[:3], strict=True):
        assert np.array_equal(before[rows], after[rows]), "training has moved the held gate"
    lines = characters(200).test
    late = lines._replace(mask=np.broadcast_to(np.arange(200)[:, None] >= 20, lines.mask.shape))
    return {
        "bits": rounded(evaluate(cell, history.model, late)[0] / np.log(2)),
        "units": e.hidden_size,
        "first_losses": rounded(history.loss[:5]),
    }

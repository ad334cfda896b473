"""The field's made-up tasks: adding, copying and temporal order."""

import numpy as np

from rnn_src import checks
from rnn_src.tasks.base import Batch, last_step, make_task, many_to_one
from rnn_src.tasks.symbols import one_hot

__all__ = ["adding", "copying", "temporal_order"]


def adding(length=100):
    """Add the two marked numbers of a sequence.

    Parameters
    ----------
    length : int
        T, at least 2. Values are uniform on [0, 1]; one marker stands in each half.

    Returns
    -------
    Task
        Many-to-one, D = 2, one output. The baseline, the variance of the sum, is exactly 1/6.

    Raises
    ------
    ValueError
        If `length` is below 2.

    Notes
    -----
    Hochreiter and Schmidhuber (1997), in the form of Arjovsky, Shah and Bengio (2016); the
    baseline is derived in :ref:`ch-sequences`.

    Examples
    --------
    >>> adding(length=50).test.targets.shape
    (50, 1000, 1)
    """
    length = checks.positive_integer("length", length, least=2)

    def batch(rng, size):
        x = np.zeros((length, size, 2))
        x[:, :, 0] = rng.random((length, size))
        each = np.arange(size)
        first = rng.integers(length // 2, size=size)
        second = rng.integers(length // 2, length, size=size)
        x[first, each, 1] = x[second, each, 1] = 1.0
        total = x[first, each, 0] + x[second, each, 0]
        targets = np.broadcast_to(total[:, None], (length, size, 1)).copy()
        return Batch(x, targets, last_step((length, size)))

    return make_task("adding", 2, 1, "squared_error", 1 / 6, batch, test_size=1000)


def copying(length=100):
    """Repeat ten symbols after a wait.

    Parameters
    ----------
    length : int
        The wait: `length` - 1 blanks and a delimiter. There are length + 20 steps in all.

    Returns
    -------
    Task
        Many-to-many, D = 10 (8 symbols, blank, delimiter), O = 9. The baseline is 10 ln 8 /
        (length + 20).

    Raises
    ------
    ValueError
        If `length` is not a positive integer.

    Notes
    -----
    Hochreiter and Schmidhuber (1997), in the form of Arjovsky, Shah and Bengio (2016); the
    baseline is derived in :ref:`ch-sequences`.

    Examples
    --------
    >>> task = copying(length=100)
    >>> task.test.x.shape[0], round(task.baseline, 4)
    (120, 0.1733)
    """
    length = checks.positive_integer("length", length)
    blank, delimiter, steps = 8, 9, length + 20

    def batch(rng, size):
        symbols = rng.integers(8, size=(10, size))
        read = np.full((steps, size), blank)
        read[:10], read[length + 9] = symbols, delimiter
        targets = np.full((steps, size), blank)
        targets[-10:] = symbols
        return Batch(one_hot(read, 10), targets, np.ones((steps, size), dtype=bool))

    return make_task("copying", 10, 9, "cross_entropy", 10 * np.log(8) / steps, batch)


def temporal_order(length=50):
    """Say which two symbols stood in a sequence, and in which order.

    A or B stands at a random place of the second tenth and again of the sixth tenth; all other
    places hold one of four symbols that mean nothing.

    Parameters
    ----------
    length : int
        T, at least 10.

    Returns
    -------
    Task
        Many-to-one, D = 6 (A, B and the four others), 4 classes: AA, BA, AB, BB. The baseline is
        ln 4. The test set has 10,000 sequences, as in the papers.

    Raises
    ------
    ValueError
        If `length` is below 10.

    Notes
    -----
    Hochreiter and Schmidhuber (1997), task 6a, in the form of Pascanu, Mikolov and Bengio (2013);
    measured in :ref:`ch-without-gates`.

    Examples
    --------
    >>> batch = temporal_order(length=20).batch(np.random.default_rng(0), 1)
    >>> "".join("ABcdef"[k] for k in batch.x[:, 0].argmax(axis=-1)), int(batch.targets[-1, 0])
    ('feeAdccccfBfeefeeeef', 2)
    """
    length = checks.positive_integer("length", length, least=10)
    tenth = length // 10

    def batch(rng, size):
        symbols = rng.integers(2, 6, size=(length, size))
        pair, each = rng.integers(2, size=(2, size)), np.arange(size)
        symbols[tenth + rng.integers(tenth, size=size), each] = pair[0]
        symbols[length // 2 + rng.integers(tenth, size=size), each] = pair[1]
        return many_to_one(one_hot(symbols, 6), pair[0] + 2 * pair[1])

    return make_task("temporal_order", 6, 4, "cross_entropy", np.log(4), batch, test_size=10_000)

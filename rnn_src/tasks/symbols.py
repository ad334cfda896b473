"""Symbols and sequences of them as arrays."""

import numpy as np

from rnn_src import checks

__all__ = ["one_hot", "pad"]


def one_hot(indices, size):
    """Indices as rows with a single 1.

    Parameters
    ----------
    indices : (...) array of int
        In 0..size-1.
    size : int
        How many symbols there are.

    Returns
    -------
    (..., size) ndarray of float64
        One more axis than `indices`.

    Raises
    ------
    ValueError
        If an index is out of range or not an integer.

    Notes
    -----
    Used from :ref:`ch-memory` on.

    Examples
    --------
    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    size = checks.positive_integer("size", size)
    return np.eye(size)[checks.integers("indices", indices, size)]


def pad(sequences):
    """Put sequences of different lengths into one array, zeros behind their ends.

    Parameters
    ----------
    sequences : list of (T_n,) arrays of int
        At least one, none of them empty.

    Returns
    -------
    indices : (T, B) ndarray of int
        Time first, T the longest length.
    lengths : (B,) ndarray of int
        For `rnn_src.scan.forward`.
    mask : (T, B) ndarray of bool
        True at the real tokens, for the losses.

    Raises
    ------
    ValueError
        If there is no sequence, or one is empty or not a row of integers.

    Notes
    -----
    Padding and what it must not do is the subject of a section of :ref:`ch-sequences`.

    Examples
    --------
    >>> indices, lengths, mask = pad([[5, 6, 7], [8]])
    >>> indices.T.tolist(), lengths.tolist(), mask.T.tolist()
    ([[5, 6, 7], [8, 0, 0]], [3, 1], [[True, True, True], [True, False, False]])
    """
    sequences = [checks.as_array("sequences", sequence) for sequence in sequences]
    strange = [s for s in sequences if s.ndim != 1 or not np.issubdtype(s.dtype, np.integer)]
    if not sequences or strange:
        got = f"{str(strange[0].tolist()):.60}" if strange else "none"
        raise ValueError(f"sequences must be rows of at least one integer, got {got}")
    lengths = np.array([len(sequence) for sequence in sequences])
    mask = np.arange(lengths.max())[:, None] < lengths
    indices = np.zeros(mask.shape, dtype=int)
    for n, sequence in enumerate(sequences):
        indices[: lengths[n], n] = sequence
    return indices, lengths, mask

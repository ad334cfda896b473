"""Walk over parameters: nested NamedTuples, tuples and dicts whose leaves are arrays.

Parameters, gradients and optimizer moments all have the same shape of tree, so one `tree_map`
serves every module and no optimizer or check needs to know what a cell is made of.
"""

import numpy as np

__all__ = ["tree_leaves", "tree_map", "tree_norm"]


def tree_map(function, *trees):
    """Apply a function leaf by leaf, keeping the type of the tree.

    Parameters
    ----------
    function : callable
        Takes one leaf of each tree and returns the new leaf.
    *trees : nested NamedTuple, tuple, dict or array
        Trees of the same structure. `None` is a leaf that stays `None`.

    Returns
    -------
    tree
        A tree like the first one.

    Raises
    ------
    ValueError
        If two trees differ in structure, or two leaves in shape.

    Notes
    -----
    It serves the optimizers of :ref:`ch-letters` and the checks of :ref:`ch-gradient-check`.

    Examples
    --------
    >>> tree_map(lambda a, b: a + b, {"W": 1.0, "b": 2.0}, {"W": 10.0, "b": 20.0})
    {'W': 11.0, 'b': 22.0}
    """
    first = trees[0]
    if all(isinstance(tree, np.ndarray) and tree.shape == first.shape for tree in trees):
        return function(*trees)  # nearly every call
    if first is None and all(tree is None for tree in trees):
        return None
    if isinstance(first, dict):
        if any(not isinstance(tree, dict) or tree.keys() != first.keys() for tree in trees):
            kinds = ", ".join(
                str([*tree] if isinstance(tree, dict) else tree)[:60] for tree in trees
            )
            raise ValueError(f"trees must have the same keys, got {kinds}")
        return {key: tree_map(function, *(tree[key] for tree in trees)) for key in first}
    if isinstance(first, tuple):
        if any(type(tree) is not type(first) or len(tree) != len(first) for tree in trees):
            kinds = ", ".join(type(tree).__name__ for tree in trees)
            raise ValueError(f"trees must have the same structure, got {kinds}")
        parts = [tree_map(function, *leaves) for leaves in zip(*trees, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    shapes = [
        None if tree is None or isinstance(tree, (dict, tuple)) else np.shape(tree)
        for tree in trees
    ]
    if shapes[0] is None or any(shape != shapes[0] for shape in shapes):
        raise ValueError(f"trees must have leaves of the same shape, got {shapes}")
    return function(*trees)


def tree_leaves(tree, name=""):
    """List the leaves of a tree with their dotted names.

    Parameters
    ----------
    tree : nested NamedTuple, tuple, dict or array
        What to list. `None` leaves are left out.
    name : str
        Prefix of every name.

    Returns
    -------
    list of (str, array)
        In the order of the fields.

    Notes
    -----
    The parameters of :ref:`ch-cell` are counted with it. The names are those that a failed check
    prints in :ref:`ch-gradient-check`.

    Examples
    --------
    >>> tree_leaves({"readout": {"V": 1.0, "c": 2.0}})
    [('readout.V', 1.0), ('readout.c', 2.0)]
    """
    if tree is None:
        return []
    if isinstance(tree, dict):
        parts = tree.items()
    elif isinstance(tree, tuple):
        parts = zip(getattr(tree, "_fields", map(str, range(len(tree)))), tree, strict=True)
    else:
        return [(name, tree)]
    return [
        leaf
        for key, part in parts
        for leaf in tree_leaves(part, f"{name}.{key}" if name else str(key))
    ]


def tree_norm(tree):
    """Euclidean norm of all leaves taken as one long vector.

    Parameters
    ----------
    tree : nested NamedTuple, tuple, dict or array
        Real arrays of any shapes.

    Returns
    -------
    float
        The norm, computed in float64 so that a float32 sum of squares cannot overflow.

    Notes
    -----
    It is what :func:`rnn_src.optimizers.clip_by_norm` compares; see :ref:`ch-letters`.

    Examples
    --------
    >>> tree_norm({"W": np.array([3.0]), "b": np.array([4.0])})
    5.0
    """
    squares = (
        np.add.reduce(np.square(leaf, dtype=np.float64), axis=None) for _, leaf in tree_leaves(tree)
    )
    return float(np.sqrt(sum(squares)))

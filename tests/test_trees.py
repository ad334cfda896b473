"""Trees of parameters."""

from typing import NamedTuple

import numpy as np
import pytest

from rnn_src.trees import tree_leaves, tree_map, tree_norm


class Pair(NamedTuple):
    a: object
    b: object


ONE = np.ones(2)
TREE = {"cell": Pair(ONE, 2 * ONE), "rest": (3 * ONE, None)}


def test_map_keeps_the_type_of_every_branch():
    twice = tree_map(lambda v, w: v + w, TREE, TREE)
    assert isinstance(twice["cell"], Pair) and type(twice["rest"]) is tuple
    assert twice["rest"][1] is None
    np.testing.assert_array_equal(twice["cell"].b, [4.0, 4.0])
    np.testing.assert_array_equal(TREE["cell"].b, [2.0, 2.0])  # and changes nothing in place


def test_map_pairs_dicts_by_key_and_not_by_order():
    assert tree_map(lambda v, w: v - w, {"a": 5, "b": 7}, {"b": 2, "a": 1}) == {"a": 4, "b": 5}


def test_leaves_are_named_in_order_and_none_is_left_out():
    assert [name for name, _ in tree_leaves(TREE)] == ["cell.a", "cell.b", "rest.0"]
    assert tree_leaves(3.0, "w") == [("w", 3.0)]
    assert tree_leaves(None) == []


def test_norm_is_that_of_one_long_vector():
    assert tree_norm(TREE) == pytest.approx(np.sqrt(2 * (1 + 4 + 9)), rel=1e-15)
    assert tree_norm({}) == 0


def test_norm_of_float32_is_summed_in_float64():
    assert tree_norm(np.full(4, 1e25, np.float32)) == pytest.approx(2e25, rel=1e-6)


@pytest.mark.parametrize(
    "first, second, message",
    [
        ({"a": ONE}, {"b": ONE}, r"same keys, got \['a'\], \['b'\]"),
        ({"a": ONE}, (ONE,), "same keys, got"),
        (Pair(ONE, ONE), (ONE, ONE), "same structure, got Pair, tuple"),
        ((ONE, ONE), (ONE,), "same structure"),
        (ONE, (ONE, ONE), "same shape"),
        (ONE, None, "same shape"),
        (None, ONE, "same shape"),
        (ONE, np.ones((2, 1)), r"same shape, got \[\(2,\), \(2, 1\)\]"),
    ],
)
def test_trees_that_differ_are_refused(first, second, message):
    with pytest.raises(ValueError, match=message):
        tree_map(lambda v, w: v + w, first, second)

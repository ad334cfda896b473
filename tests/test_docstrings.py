"""Every public name says what it takes, gives and raises, where it is derived, and shows it run."""

import ast
import importlib
import inspect
import pkgutil

import pytest
from numpydoc.docscrape import FunctionDoc

import rnn_src

MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(rnn_src.__path__, "rnn_src.")
    if not module.name.rpartition(".")[2].startswith("_")
]
NAMES = [
    pytest.param(getattr(module, name), id=f"{module.__name__}.{name}")
    for module in MODULES
    for name in module.__all__
    if callable(getattr(module, name))
]


def gives_something(function):
    """Does its own body, nested functions left out, return a value?"""
    found, nodes = False, [*ast.parse(inspect.getsource(function)).body[0].body]
    while nodes:
        node = nodes.pop()
        found = found or (isinstance(node, ast.Return) and node.value is not None)
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            nodes.extend(ast.iter_child_nodes(node))
    return found


@pytest.mark.parametrize("thing", NAMES)
def test_the_sections_of_a_docstring(thing):
    doc = FunctionDoc(thing)
    described = [
        name.strip().lstrip("*") for entry in doc["Parameters"] for name in entry.name.split(",")
    ]
    if not (inspect.isclass(thing) and issubclass(thing, BaseException)):
        assert described == [*inspect.signature(thing).parameters]
    if inspect.isfunction(thing) and gives_something(thing):
        assert doc["Returns"] and all(entry.desc for entry in doc["Returns"])
    notes, examples = "\n".join(doc["Notes"]), "\n".join(doc["Examples"])
    assert ":ref:`ch-" in notes and ">>>" in examples
    assert "".join(doc["Summary"])


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_module_says_what_it_is_and_lists_its_names(module):
    assert module.__doc__ and sorted(set(module.__all__)) == sorted(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)

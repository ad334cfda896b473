"""Every public name says what it takes, gives and raises, where it is derived, and shows it run."""

import ast
import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpydoc.docscrape import FunctionDoc
from sphinx.pycode import ModuleAnalyzer

import rnn_src
from rnn_src import cells, gradient_flow, readout, regularizers, scan, stack

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "book" / "_ext"))
import house  # noqa: E402 (of the book: book/_ext/house.py)

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


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_constant_says_what_it_is_where_its_api_page_looks(module):
    house.read_folders(SimpleNamespace(srcdir=ROOT), None, ["book/api/cells"])
    said = ModuleAnalyzer.for_module(module.__name__).find_attr_docs()
    constants = [name for name in module.__all__ if not callable(getattr(module, name))]
    assert all("".join(said["", name]) for name in constants)


def test_an_api_page_keeps_the_order_of_the_files():
    house.read_folders(SimpleNamespace(srcdir=ROOT), None, ["book/api/cells"])
    order = ModuleAnalyzer.for_module("rnn_src.theory").tagorder
    names = ["copy_baseline", "chrono_decay", "mean_field", "cliff_gradient", "vanishing_bound"]
    assert sorted(names, key=order.get) == names


# --- Shapes ----------------------------------------------------------------------------------

# No two letters that one function speaks of are of the same size; G and what follows of an LSTM.
T, B, D, H, O, N, M, count = 13, 3, 2, 5, 11, 7, 9, 6
SIZES = dict(T=T, B=B, D=D, H=H, O=O, N=N, M=M, K=1, count=count, G=4, S=2 * H, keeps=4)
WITH_SHAPES = (cells, gradient_flow, readout, regularizers, scan, stack)


def shapes(text):
    """Every (T+1, B, S) of a text, as numbers; "..." stands for T and B."""
    for inside in re.findall(r"\(([^()]*)\)", text.replace("...", "T, B")):
        parts = [part.strip() for part in inside.split(",") if part.strip()]
        if all(re.fullmatch(r"[\w*+]+", part) for part in parts):
            yield tuple(eval(part, {}, SIZES) for part in parts)


def wrong_shapes(doc, given, results):
    """What the parameters and returns of a docstring say wrongly of a call's arrays."""
    entries = [(e, [given[n.strip()] for n in e.name.split(",")]) for e in doc["Parameters"]]
    entries += [(e, [value]) for e, value in zip(doc["Returns"], results, strict=True)]
    for entry, values in entries:
        said = [*shapes(entry.type)]
        for k, value in enumerate(values):
            if said and value is not None:
                if np.shape(value) != said[min(k, len(said) - 1)]:
                    yield f"{entry.name} is {np.shape(value)}, said to be {said}"
            for field in getattr(value, "_fields", ()):  # as "V (O, H) and c (O,)"
                for match in re.finditer(rf"\b{field} (\([^()]*\))", " ".join(entry.desc)):
                    if np.shape(getattr(value, field)) != (*shapes(match[1]),)[0]:
                        yield f"{field} of {entry.name} is said to be {match[1]}"


def calls():
    """A call of every function that says a shape: its arguments by name."""
    rng = np.random.default_rng(0)
    lstm = scan.init("lstm", D, H, rng)
    x, s0 = rng.standard_normal((T, B, D)), rng.standard_normal((B, 2 * H))
    lengths, dstates = np.array([T, 4, 9]), rng.standard_normal((T, B, 2 * H))
    run = dict(cell="lstm", params=lstm, x=x, s0=s0, lengths=lengths)
    tape = scan.forward(**run)[1]
    back = dict(cell="lstm", params=lstm, tape=tape, dstates=dstates, window=None)
    yield (
        scan.init,
        dict(
            **dict(cell="lstm", input_size=D, hidden_size=H, rng=rng, dtype=np.float64),
            **dict(
                recurrent=lambda rng, m, n: np.eye(m, n),
                input_weights=lambda rng, m, n: np.eye(m, n),
            ),
        ),
    )
    yield scan.forward, run
    yield scan.backward, back | {"totals": np.empty((T, B, 2 * H))}
    yield scan.jacobians, run
    yield scan.iterate_jacobians, run
    yield scan.backward_by_lag, {k: v for k, v in back.items() if k != "window"}
    J = scan.jacobians(**run)
    yield gradient_flow.lag_norms, {"J": J, "lengths": lengths}
    yield gradient_flow.singular_values_by_lag, {"J": J, "lengths": lengths}
    yield gradient_flow.lyapunov_exponents, {"J": J, "count": count}
    yield gradient_flow.gradient_by_lag, run | {"dstates": dstates}
    yield gradient_flow.gradient_by_input, run | {"dstates": dstates}
    plane = dict(
        loss=lambda states: states.sum(), along=lstm, across=lstm, us=np.ones(N), vs=np.ones(M)
    )
    yield gradient_flow.loss_surface, dict(cell="lstm", params=lstm, x=x, s0=s0) | plane
    out = readout.init_readout(H, O, rng)
    sizes = dict(hidden_size=H, output_size=O, rng=rng, dtype=np.float64)
    yield readout.init_readout, sizes | {"weights": lambda rng, m, n: np.eye(m, n)}
    h, o = rng.standard_normal((T, B, H)), rng.standard_normal((T, B, O))
    mask, digits = np.ones((T, B), bool), np.zeros((T, B), int)
    yield readout.readout, {"params": out, "h": h}
    yield readout.readout_backward, {"params": out, "h": h, "do": o}
    yield readout.softmax, {"o": o}
    yield readout.softmax_cross_entropy, {"o": o, "targets": digits, "mask": mask}
    yield readout.mean_squared_error, {"o": o, "targets": o, "mask": mask}
    rnn = scan.init("rnn", D, H, rng)
    tape, totals = scan.forward("rnn", rnn, x)[1], rng.standard_normal((T, B, H))
    yield regularizers.omega, {"cell": "rnn", "params": rnn, "tape": tape, "totals": totals}
    yield cells.leak_rates, {"hidden_size": H}
    one = stack.Stack("lstm", ((lstm,),))
    outputs, tapes = stack.forward_stack(one, x)
    layers = {"stack": one, "x": x, "s0": s0[None], "lengths": lengths}
    yield stack.forward_stack, layers
    yield stack.backward_stack, {"stack": one, "tapes": tapes, "doutputs": outputs}
    weights = {"weight_ih_l0": lstm.U, "weight_hh_l0": lstm.W}
    of_pytorch = {"cell": "lstm", "state_dict": weights, "prefix": ""}
    yield stack.from_pytorch_stack, of_pytorch


CALLS = {function: given for function, given in calls()}


@pytest.mark.parametrize("function", CALLS, ids=lambda function: function.__name__)
def test_the_shapes_of_a_docstring(function):
    given, doc = CALLS[function], FunctionDoc(function)
    results = function(**given)
    several = isinstance(results, tuple) and len(doc["Returns"]) > 1
    assert not [*wrong_shapes(doc, given, results if several else [results])]
    for entry in doc["Parameters"]:  # so that every documented shape is compared
        for name in entry.name.split(","):
            assert given[name.strip()] is not None or not [*shapes(entry.type)]


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_the_shapes_of_records(name):
    params = scan.init(name, D, H, np.random.default_rng(0))
    tape = scan.forward(name, params, np.ones((T, B, D)), lengths=np.full(B, T))[1]
    records = [params, *([tape] if name == "lstm" else [])]
    records += [readout.init_readout(H, O, np.random.default_rng(0))]
    for record in records:
        doc = FunctionDoc(type(record))
        doc["Returns"] = []
        assert not [*wrong_shapes(doc, record._asdict(), [])]
        assert sum(len([*shapes(entry.type)]) for entry in doc["Parameters"]) >= 2


def test_every_function_that_says_a_shape_is_called():
    public = {
        getattr(m, n) for m in WITH_SHAPES for n in m.__all__ if inspect.isfunction(getattr(m, n))
    }
    assert public == {*CALLS}


@pytest.mark.parametrize(
    "function, right, wrong",
    [
        (scan.forward, "x : (T, B, D) array", "x : (B, T, D) array"),
        (scan.forward, "states : (T+1, B, S) ndarray", "states : (T, B, S) ndarray"),
        (scan.backward, "ds0 : (B, S) ndarray", "ds0 : (B, H) ndarray"),
        (scan.init, "W (G*H, H), U", "W (H, G*H), U"),
        (readout.readout, "V (O, H)", "V (H, O)"),
        (gradient_flow.loss_surface, "(M, N) ndarray of float64", "(N, M) ndarray of float64"),
        (gradient_flow.lag_norms, "(T+1, B) ndarray", "(T, B) ndarray"),
        (gradient_flow.loss_surface, "(N,) array, (M,) array", "(M,) array, (N,) array"),
    ],
)
def test_a_wrong_letter_is_seen(function, right, wrong):
    text = inspect.getdoc(function)
    assert right in text
    doc, given = FunctionDoc(function, doc=text.replace(right, wrong)), CALLS[function]
    results = function(**given)
    results = results if isinstance(results, tuple) and len(doc["Returns"]) > 1 else [results]
    assert [*wrong_shapes(doc, given, results)]

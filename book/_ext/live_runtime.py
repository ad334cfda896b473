"""Fill a folder with the Python that runs in a page: `make live-runtime`.

It is Pyodide: CPython, NumPy and Matplotlib compiled to WebAssembly. Its core is pinned by the
hashes below, its packages by the lock file that is one of them. Every file is checked before it is
used. Then it is packed anew for the page: what no figure needs is left out, and the modules that
every figure loads are compiled, by Pyodide itself, so that no visit has to. (Node runs it.)

    python book/_ext/live_runtime.py _build/live
    python book/_ext/live_runtime.py _build/live --from-wheels FOLDER

The second form is for places where Pyodide's release cannot be reached. The core comes from the
npm registry, compiled packages from a folder with SHA256SUMS, and the others from the package
index by the hashes of requirements.txt.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).parents[2]
VERSION = "314.0.7"
ADDRESS = f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full/"
CORE = {
    "pyodide.mjs": "6f1d60f7bf529beb300f0f47983c921d3982363640ba20af0e38efdddbc66109",
    "pyodide.asm.mjs": "f7cdc8ece80678ceb712f8e65ebe6d3a83203a180c399865f49612a051693635",
    "pyodide.asm.wasm": "cc36e3cab04fdfc9a63ff13eb52eae2b911bf46c025cc7b281f394bd3de1d5e6",
    "python_stdlib.zip": "fa1957e5777068fc4f7437f96d860ae2fbe9c19732ba06c84e004ec16dd7dd7a",
    "pyodide-lock.json": "5dc2fc119108bc148c7457dc86e7675b5c87e1cafd420b9c34c1eaef7b36c010",
}
WANTED = ("numpy", "matplotlib")  # and what they need, but for
NOT_NEEDED = {
    "fonttools",  # Matplotlib loads it for PDF and PostScript
    "pytz",  # Matplotlib no longer imports it
}
# What no cell of a page can use: tests, windows on a screen, paper, other people's data, and the
# fonts beyond the one family in which the figures are set.
LEFT_OUT = (
    r"(^|/)tests?/|\.(pyi|pxd|h|a|c|pyx|in)$|^numpy/(f2py|_core/include|_core/lib|random/lib)/"
    r"|^matplotlib/mpl-data/(sample_data|images|fonts/(afm|pdfcorefonts))/|^matplotlib/sphinxext/"
    r"|^matplotlib/mpl-data/fonts/ttf/(STIX|DejaVuSerif|DejaVuSans-BoldOblique|DejaVuSansMono-)"
    r"|^(_pyrepl|concurrent/futures/process|ensurepip|multiprocessing|wsgiref|xmlrpc)/"
    r"|^matplotlib/backends/(_backend_(gtk|pdf_ps|tk)|_macosx|_tkagg|qt_|web_backend)"
    r"|^matplotlib/backends/backend_(cairo|gtk|macosx|nbagg|pdf|pgf|ps|qt|tk|webagg|wx)"
    r"|^PIL/(?!Png)\w+ImagePlugin\.|\.dist-info/RECORD$"
)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def checked(data, name, digest):
    """The bytes of a file, if they are those that were meant."""
    if sha256(data) != digest:
        raise SystemExit(f"{name} is not the file that was pinned: its sha256 is {sha256(data)}.")
    return data


def closure(packages):
    """The packages of a lock file that a page loads."""
    names, found = [*WANTED], {}
    for name in names:
        found[name] = packages[name]
        names += [n for n in packages[name]["depends"] if n not in {*names, *NOT_NEEDED}]
    return found


def from_release(folder, address):
    """Fetch the core and the packages of Pyodide's release."""

    def fetch(name, digest):
        with urllib.request.urlopen(address + name, timeout=300) as answer:
            (folder / name).write_bytes(checked(answer.read(), name, digest))

    for name, digest in CORE.items():
        fetch(name, digest)
    lock = json.loads((folder / "pyodide-lock.json").read_text(encoding="utf-8"))
    for package in closure(lock["packages"]).values():
        fetch(package["file_name"], package["sha256"])


def locked(names, python):
    """The lines of requirements.txt for some packages, as that Python would read them."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"^[\w.-]+==.*$", text, re.MULTILINE):
        asked = Requirement(line.partition(" --hash")[0].strip())
        fits = asked.marker is None or asked.marker.evaluate({"python_full_version": python})
        if canonicalize_name(asked.name) in names and fits:
            hashes = " ".join(re.findall(r"--hash=\S+", line))
            yield f"{asked.name}{asked.specifier} {hashes}"


def from_wheels(folder, wheels):
    """Take the core from npm, compiled packages from a folder, and the rest from the index."""
    npm = shutil.which("npm") or sys.exit("npm is needed to fetch Pyodide: install Node.")
    subprocess.run([npm, "pack", "--silent", f"pyodide@{VERSION}"], cwd=folder, check=True)
    shutil.unpack_archive(folder / f"pyodide-{VERSION}.tgz", folder / "npm", filter="data")
    for name, digest in CORE.items():
        data = (folder / "npm" / "package" / name).read_bytes()
        (folder / name).write_bytes(checked(data, name, digest))
    for line in (wheels / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, name = line.split()
        (folder / name).write_bytes(checked((wheels / name).read_bytes(), name, digest))
    lock = json.loads((folder / "pyodide-lock.json").read_text(encoding="utf-8"))
    here = {parse_wheel_filename(path.name)[0] for path in folder.glob("*.whl")}
    asked = locked({*closure(lock["packages"])} - here, lock["info"]["python"])
    (folder / "asked.txt").write_text("\n".join(asked) + "\n", encoding="utf-8")
    platform = f"pyemscripten_{lock['info']['abi_version']}_wasm32"
    major, minor, _ = lock["info"]["python"].split(".")
    target = ["--platform", platform, "--python-version", f"{major}.{minor}"]
    target += ["--implementation", "cp", "--abi", f"cp{major}{minor}", "--only-binary", ":all:"]
    pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check"]
    pip += ["--no-deps", "--require-hashes", "-r", "asked.txt"]
    subprocess.run([*pip, *target], cwd=folder, check=True)


# Inside Pyodide: load the book's package and draw a figure, which loads what every box loads. Then
# write each archive anew, without what is left out and without dates, the loaded modules compiled.
# A compiled module is larger, but is loaded in a third of the time and needs no source. To make up
# for it, it has no columns for its tracebacks and, but for NumPy's, no docstrings. Nor does
# Matplotlib write one for `set` of each of its hundred kinds of artist, at every start.
PACK = """
import ast
import importlib._bootstrap_external as loader
import importlib.util, io, re, sys, threading, zipfile
from pathlib import Path

threading.Timer.start = lambda timer: None  # there are no threads
sys.path.append("/book")
import matplotlib.pyplot as plt
import numpy
import rnn_src.checkup, rnn_src.figures, rnn_src.training

figure, axes = plt.subplots(layout="constrained")
axes.plot([1, 10], label="$x_t^2$")
axes.set(yscale="log", xlabel="$t$", title="a")
axes.legend()
figure.savefig(io.StringIO(), format="svg", bbox_inches="tight")
loaded = {getattr(m, "__file__", None) or "" for m in list(sys.modules.values())}
loaded |= {path.replace("/__init__.py", ".py") for path in loaded}

def bare(source):
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if getattr(node, "name", "") == "_update_set_signature_and_docstring":
            node.body = [ast.Pass()]
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                node.body[:1] = [] if node.body[1:] else [ast.Pass()]
    return ast.fix_missing_locations(tree)

def packed(path, target):
    top = "/lib/python314.zip/" if path.suffix == ".zip" else SITE
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in sorted(old.namelist()):
            if name.endswith("/") or re.search(left_out, name):
                continue
            data = old.read(name)
            if name.endswith(".py") and top + name in loaded:
                source = data if name.startswith("numpy/") else bare(data)
                code = compile(source, name, "exec", dont_inherit=True)
                digest = importlib.util.source_hash(data)
                name, data = f"{name}c", loader._code_to_hash_pyc(code, digest, False)
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            new.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)

SITE = str(Path(numpy.__file__).parents[1]) + "/"
for path in sorted(Path("/in").glob("*")):
    if path.suffix in {".whl", ".zip"}:
        packed(path, Path("/out", path.name))
"""
NODE = """
const [book, source, target, names, pack, leftOut] = process.argv.slice(1);
const { loadPyodide } = await import("file://" + source + "/pyodide.mjs");
const env = { HOME: "/reader", MPLBACKEND: "agg" };
const packages = names.split(" ");
const args = ["-X", "no_debug_ranges"];
const python = await loadPyodide({ indexURL: source, packages, env, args });
for (const [inside, outside] of [["/in", source], ["/out", target], ["/book", book]]) {
  python.FS.mkdirTree(inside);
  python.mountNodeFS(inside, outside);
}
python.globals.set("left_out", leftOut);
try {
  python.runPython(pack);
} catch (error) {
  console.error(error.message); // without the source that node would show
  process.exit(1);
}
"""


def write_lock(folder, info):
    """Write the lock file of a folder: all wheels that lie in it; return their names."""
    packages = {}
    for path in sorted(folder.glob("*.whl")):
        name, version, *_ = parse_wheel_filename(path.name)
        packages[name] = {"name": name, "version": str(version), "file_name": path.name}
        packages[name] |= {"sha256": sha256(path.read_bytes()), "install_dir": "site"}
        packages[name] |= {"imports": [], "depends": [], "package_type": "package"}
    text = json.dumps({"info": info, "packages": packages}, indent=1)
    (folder / "pyodide-lock.json").write_text(text + "\n", encoding="utf-8")
    return [*packages]


def pack(source, target):
    """Pack what was fetched for a page, with a lock file that says what it holds."""
    node = shutil.which("node") or sys.exit("node is needed to compile the modules: install Node.")
    info = json.loads((source / "pyodide-lock.json").read_text(encoding="utf-8"))["info"]
    names = " ".join(write_lock(source, info))
    command = [node, "--input-type=module", "-e", NODE, "--", ROOT, source, target]
    subprocess.run([*command, names, PACK, LEFT_OUT], check=True, stdout=subprocess.DEVNULL)
    for name in ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm"):
        shutil.copy(source / name, target)
    write_lock(target, info)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--from-wheels", type=Path, metavar="FOLDER")
    parser.add_argument("--address", default=ADDRESS)
    options = parser.parse_args(arguments)
    # What is there was made by this file, from the same sources: nothing to do.
    wanted = sha256(Path(__file__).read_bytes() + repr(options).encode())
    stamp = options.folder / "filled-by"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    with tempfile.TemporaryDirectory() as temporary:
        source, target = Path(temporary, "source"), Path(temporary, "target")
        source.mkdir(), target.mkdir()
        if options.from_wheels:
            from_wheels(source, options.from_wheels.resolve())
        else:
            from_release(source, options.address)
        pack(source, target)
        shutil.rmtree(options.folder, ignore_errors=True)
        shutil.copytree(target, options.folder)
    stamp.write_text(wanted, encoding="utf-8")
    size = sum(path.stat().st_size for path in options.folder.iterdir())
    print(f"{options.folder} holds Python for the pages, {size / 1e6:.0f} MB.")


if __name__ == "__main__":
    main()

"""The kernels that run the chapters: what they see, and when a kept result is too old."""

import hashlib
import json
import os
import shutil
import sqlite3
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.execute import cache
from sqlalchemy import event
from sqlalchemy.engine import Engine


def sound(folder):
    """Whether kept results can be read: the tables, and every notebook that they name."""
    if not (folder / "global.db").exists():
        return True  # then nothing is read
    try:
        with closing(sqlite3.connect(folder / "global.db")) as db:
            (state,) = db.execute("PRAGMA quick_check(1)").fetchone()
            db.execute("SELECT 1 FROM nbproject, settings")
            keys = [key for (key,) in db.execute("SELECT hashkey FROM nbcache")]
        for key in keys:
            json.loads((folder / "executed" / key / "base.ipynb").read_bytes())["cells"]
        return state == "ok"
    except (sqlite3.DatabaseError, OSError, ValueError, LookupError, TypeError) as error:
        return "locked" in str(error)  # by another build that writes


def whole(folder):
    """The folder, or a new one in its stead if what it holds is damaged."""
    kept = sorted(folder.parent.glob(f"{folder.name}*"))  # the newest has the longest name
    folder = kept[-1] if kept else folder
    if not sound(folder):
        time.sleep(1)  # another build may just be writing
        if not sound(folder):
            print(f"{folder}: damaged; the cells run again.", file=sys.stderr, flush=True)
            shutil.rmtree(folder)
            # Under another name, so that Sphinx takes no page from what it built with the old one.
            folder = folder.with_name(f"{folder.name}-again")
            folder.mkdir()
    return folder


@event.listens_for(Engine, "connect")
def wait_for_tables(connection, _):
    """On a busy machine they are locked for longer than the five seconds that SQLite waits."""
    connection.execute("PRAGMA busy_timeout = 600000")  # milliseconds


def be_patient():
    """On a machine that is busy with other things a kernel takes minutes to start."""
    cache.single_nb_execution = partial(single_nb_execution, startup_timeout=600)


def prepare(root):
    """Set the environment of the kernels; return the folder of results that fit all they read."""
    settings, kept = root / "book" / "_kernel", root / "_build" / "cache"

    # Kernels read their profile from a copy, because IPython writes beside it.
    profile = kept / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    shutil.copy(settings / "ipython_kernel_config.py", profile)
    os.environ["IPYTHONDIR"] = str(profile.parent)
    os.environ["MATPLOTLIBRC"] = str(settings)
    os.environ.pop("MPLBACKEND", None)  # a reader's own backend would leave the book figureless
    os.environ["PYTHONPATH"] = str(root)  # a kernel starts in its page's folder
    for name in ("OMP", "OPENBLAS", "MKL"):  # kernels run side by side: one thread each
        os.environ[f"{name}_NUM_THREADS"] = "1"
    # Memory stays with the process: fresh pages for the arrays of every update take up to a fifth
    # of a training with long sequences. (Names that glibc alone reads.)
    for name in ("MMAP_THRESHOLD", "TRIM_THRESHOLD", "TOP_PAD"):
        os.environ.setdefault(f"MALLOC_{name}_", str(2**26))

    # A long training amplifies the rounding of sums, which OpenBLAS orders as the processor likes
    # it best. One order for all that have AVX2 gives most readers the same numbers. It takes a
    # sixth longer with AVX-512. (There NumPy's own functions round otherwise, too; a build without
    # them takes three quarters longer, so they stay.) `make roundings` builds the book with others.
    processor = Path("/proc/cpuinfo")
    if processor.exists() and "avx2" in processor.read_text():
        os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
    order = [os.environ.get(name, "") for name in ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES")]

    # The cache compares cells, and cells alone: without this digest an edited package, data file
    # or lock would leave the old numbers in the book.
    inputs = [root / "requirements.txt"]
    results = ("bench/results/*.json", "experiments/results/*.jsonl", "tests/data/*")
    for pattern in ("rnn_src/**/*.py", "experiments/*.py", *results, "book/_kernel/*"):
        inputs += sorted(root.glob(pattern))
    digest = hashlib.sha256(sys.version.encode() + repr(order).encode())
    for path in inputs:
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    be_patient()
    return whole(kept / digest.hexdigest()[:16])

"""The kernels that run the chapters: what they see, and when a kept result is too old."""

import hashlib
import os
import shutil
import sys
from pathlib import Path


def prepare(root):
    """Set the environment of the kernels; return the folder of results that fit all they read."""
    settings, cache = root / "book" / "_kernel", root / "_build" / "cache"

    # Kernels read their profile from a copy, because IPython writes beside it.
    profile = cache / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    shutil.copy(settings / "ipython_kernel_config.py", profile)
    os.environ["IPYTHONDIR"] = str(profile.parent)
    os.environ["MATPLOTLIBRC"] = str(settings)
    os.environ.pop("MPLBACKEND", None)  # a reader's own backend would leave the book figureless
    os.environ["PYTHONPATH"] = str(root)  # a kernel starts in its page's folder
    for name in ("OMP", "OPENBLAS", "MKL"):  # kernels run side by side: one thread each
        os.environ[f"{name}_NUM_THREADS"] = "1"

    # A long training amplifies the rounding of sums, which OpenBLAS orders as the processor likes
    # it best. One order for all that have AVX2 gives their readers the same numbers. It takes a
    # sixth longer with AVX-512; `make roundings` builds the book with others.
    processor = Path("/proc/cpuinfo")
    if processor.exists() and "avx2" in processor.read_text():
        os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
    order = os.environ.get("OPENBLAS_CORETYPE", "")

    # The cache compares cells, and cells alone: without this digest an edited package, data file
    # or lock would leave the old numbers in the book.
    inputs = [root / "requirements.txt"]
    results = ("bench/results/*.json", "experiments/results/*.jsonl", "tests/data/*")
    for pattern in ("rnn_src/**/*.py", "experiments/*.py", *results, "book/_kernel/*"):
        inputs += sorted(root.glob(pattern))
    digest = hashlib.sha256(sys.version.encode() + order.encode())
    for path in inputs:
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return cache / digest.hexdigest()[:16]

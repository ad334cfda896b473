"""Settings that every test shares: the same examples on every machine, no display, one thread."""

import os
import sys

os.environ.setdefault("MPLBACKEND", "agg")
for name in ("OMP", "OPENBLAS", "MKL"):  # the workers fill the cores
    os.environ.setdefault(f"{name}_NUM_THREADS", "1")

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

settings.register_profile("book", derandomize=True, deadline=None, database=None, max_examples=25)
settings.load_profile("book")


@pytest.fixture(autouse=True)
def figures_closed():
    """No test leaves its figures to the others of its process."""
    yield
    if plt := sys.modules.get("matplotlib.pyplot"):
        plt.close("all")

"""Settings that every test shares: the same examples on every machine, and no display."""

import os

os.environ.setdefault("MPLBACKEND", "agg")

from hypothesis import settings  # noqa: E402

settings.register_profile("book", derandomize=True, deadline=None, database=None, max_examples=25)
settings.load_profile("book")

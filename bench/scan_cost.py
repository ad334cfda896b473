"""Time a linear recurrence as a loop and as a scan, against T, and write what chapter 16 draws.

    make bench

Loop and scan take turns at every length, many rounds over, and the fastest of each is kept: what
else the machine is doing can only add to a time.
"""

import os
import time

for name in ("OMP", "OPENBLAS", "MKL"):  # one thread: the book's own setting
    os.environ[f"{name}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402 (after the thread setting, which it reads)
from machine import here, keep  # noqa: E402

from rnn_src.linear import loop, parallel_scan  # noqa: E402

ROUNDS = 40
WIDTHS = (1, 64, 4096)  # numbers in a step: sequences times units
LENGTHS = (16, 64, 256, 1024, 4096, 16384)
LARGEST = 2**22  # numbers in all: 32 MB an array


def seconds(run, a, b):
    """Wall time of one call."""
    started = time.perf_counter()
    run(a, b)
    return time.perf_counter() - started


def main():
    rng = np.random.default_rng(0)
    found = []
    for width in WIDTHS:
        for T in (T for T in LENGTHS if T * width <= LARGEST):
            a, b = rng.uniform(0.5, 1, (T, width)), rng.standard_normal((T, width))
            np.testing.assert_allclose(parallel_scan(a, b), loop(a, b), rtol=1e-9, atol=1e-9)
            rounds = [(seconds(loop, a, b), seconds(parallel_scan, a, b)) for _ in range(ROUNDS)]
            one, other = (min(times) for times in zip(*rounds, strict=True))
            found.append({"width": width, "T": T, "loop": one, "scan": other})
            print(f"{width:5} numbers, T = {T:6}: loop / scan {one / other:7.2f}")
    keep("scan_cost", here() | {"dtype": "float64", "rounds": ROUNDS, "times": found})


if __name__ == "__main__":
    main()

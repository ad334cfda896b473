"""Time one forward and one backward pass against T, and write what chapter 4 draws.

    make bench

Every length is timed in turn, many rounds over, and the median is kept: what else the machine is
doing then weighs on all lengths alike. The result carries where it was measured.
"""

import os
import statistics
import time

for name in ("OMP", "OPENBLAS", "MKL"):  # one thread: the book's own setting
    os.environ[f"{name}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402 (after the thread setting, which it reads)
from machine import here, keep  # noqa: E402

from rnn_src import backward, forward, init  # noqa: E402

B, D, H, ROUNDS = 32, 16, 64, 21
LENGTHS = (25, 50, 100, 200, 400, 800, 1600)


def seconds(params, x, dstates):
    """Wall time of the forward and of the backward pass."""
    started = time.perf_counter()
    _, tape = forward("rnn", params, x)
    middle = time.perf_counter()
    backward("rnn", params, tape, dstates)
    return middle - started, time.perf_counter() - middle


def main():
    rng = np.random.default_rng(0)
    params = init("rnn", D, H, rng)
    data = {T: (rng.standard_normal((T, B, D)), np.ones((T, B, H))) for T in LENGTHS}
    times = {T: [] for T in LENGTHS}
    for _ in range(ROUNDS):
        for T, (x, dstates) in data.items():
            times[T].append(seconds(params, x, dstates))
    result = here() | {
        "sizes": {"B": B, "D": D, "H": H, "dtype": "float64", "rounds": ROUNDS},
        "T": list(LENGTHS),
        "forward_seconds": [statistics.median(f for f, _ in times[T]) for T in LENGTHS],
        "backward_seconds": [statistics.median(b for _, b in times[T]) for T in LENGTHS],
    }
    keep("bptt_cost", result)
    for T, f, b in zip(LENGTHS, result["forward_seconds"], result["backward_seconds"], strict=True):
        print(f"T = {T:5}: forward {1e3 * f:8.2f} ms, backward {1e3 * b:8.2f} ms")


if __name__ == "__main__":
    main()

"""Time what the instruments ask of a network of real size, and count what they must keep.

    make bench

The processor's seconds of one thread (what else the machine is doing weighs little on them), the
median of a few rounds. By input: one forward and one backward pass of a stack of two LSTM layers,
which keep their tapes. By Jacobian: the Jacobians of one layer over one sequence, and the norms of
their products for every lag.
"""

import os
import statistics
import time

for name in ("OMP", "OPENBLAS", "MKL"):  # one thread: the book's own setting
    os.environ[f"{name}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402 (after the thread setting, which it reads)
from machine import here, keep  # noqa: E402

from rnn_src import init, jacobians  # noqa: E402
from rnn_src.gradient_flow import gradient_by_input, lag_norms  # noqa: E402
from rnn_src.stack import Stack, forward_stack  # noqa: E402

ROUNDS = 3
BY_INPUT = ((100, 32, 128), (160, 16, 256), (1000, 4, 512))  # T, B, H = D
BY_JACOBIAN = ((160, 1, 64), (160, 1, 128), (160, 1, 256))


def timed(function, *arguments):
    """The median of the processor's seconds, and the last result."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        result = function(*arguments)
        times.append(time.process_time() - started)
    return statistics.median(times), result


def by_input(T, B, H, dtype):
    rng = np.random.default_rng(0)
    stack = Stack("lstm", tuple((init("lstm", H, H, rng, dtype),) for _ in range(2)))
    x = rng.standard_normal((T, B, H)).astype(dtype)
    doutputs = np.zeros((T, B, H), dtype)
    doutputs[-1] = 1
    _, tapes = forward_stack(stack, x)
    kept = [part for (tape,) in tapes for part in tape if isinstance(part, np.ndarray)]
    seconds, _ = timed(gradient_by_input, "lstm", stack, x, doutputs)
    return {"seconds": seconds, "bytes": sum(array.nbytes for array in kept)}


def by_jacobian(T, B, H, dtype):
    rng = np.random.default_rng(0)
    params = init("lstm", H, H, rng, dtype)
    x = rng.standard_normal((T, B, H)).astype(dtype)
    first, J = timed(jacobians, "lstm", params, x)
    second, _ = timed(lag_norms, J)
    return {"seconds": first + second, "jacobians": first, "lag_norms": second, "bytes": J.nbytes}


def main():
    rows = []
    for measure, sizes in ((by_input, BY_INPUT), (by_jacobian, BY_JACOBIAN)):
        for T, B, H in sizes:
            for dtype in ("float64", "float32"):
                row = {"what": measure.__name__, "T": T, "B": B, "H": H, "dtype": dtype}
                rows.append(row | measure(T, B, H, dtype))
                print(rows[-1], flush=True)
    result = here() | {
        "rounds": ROUNDS,
        "rows": rows,
    }
    keep("instruments", result)


if __name__ == "__main__":
    main()

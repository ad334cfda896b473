"""One training step, forward and backward, in NumPy and in PyTorch, side by side.

    make bench

Every contender does the same work: all hidden states, and the gradients of the parameters, the
inputs and the initial state. Within a round they take turns, so that whatever else the machine is
doing falls on all alike; a ratio is the median of the rounds' ratios. One thread each.

"Products" are the matrix products alone that no implementation can avoid, in the shapes in which
the package makes them: the floor under any NumPy code.
"""

import argparse
import ast
import datetime
import json
import platform
import re
import statistics
import time
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import threadpoolctl
import torch
from machine import processor

from rnn_src import CELLS, backward, forward, init
from rnn_src.interop import to_pytorch

CELL_NAMES = ("rnn", "gru", "lstm")
MODULES = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
SIZES = (
    (50, 32, 8, 32),
    (100, 32, 8, 64),
    (100, 64, 32, 128),
    (200, 64, 64, 256),
    (1000, 1, 16, 32),
    (100, 256, 64, 512),
)
DTYPES = ("float64", "float32")
LEAST_SECONDS = 0.1  # one turn of a contender repeats its step for at least so long
RESULT = Path(__file__).parent / "results" / "speed.json"


def numpy_step(name, params, x, s0, dstates):
    _, tape = forward(name, params, x, s0)
    return backward(name, params, tape, dstates)


def torch_step(module, x, s0, dstates):
    module.zero_grad()
    x.grad = None
    y, _ = module(x, s0)
    y.backward(dstates)


def products(W, U, x, h, da):
    """Every product that a step of BPTT needs, and nothing else."""
    (T, B, D), H = x.shape, W.shape[1]
    Wt, q, dh = np.ascontiguousarray(W.T), np.empty((B, len(W)), W.dtype), np.empty_like(h[0])
    x @ U.T
    for t in range(T):
        np.matmul(h[t], Wt, out=q)
    for t in reversed(range(T)):
        np.matmul(da[t], W, out=dh)
    flat = da.reshape(T * B, -1)
    flat.T @ h.reshape(T * B, H), flat.T @ x.reshape(T * B, D), flat @ U


def contenders(name, T, B, D, H, dtype):
    """The three to be timed, on the same numbers; NumPy and PyTorch are compared once before."""
    rng, cell = np.random.default_rng(0), CELLS[name]
    params = init(name, D, H, rng, dtype)
    x, h, da = (rng.standard_normal((T, B, size)).astype(dtype) for size in (D, H, cell.gates * H))
    dstates = np.zeros((T, B, cell.parts * H), dtype)
    dstates[..., :H] = h  # the losses look at h alone, as a readout does
    s0 = np.zeros((B, cell.parts * H), dtype)

    module = MODULES[name](D, H).to(getattr(torch, dtype))
    state = {key: torch.tensor(value) for key, value in to_pytorch(name, params).items()}
    module.load_state_dict(state)
    tx, th = torch.tensor(x, requires_grad=True), torch.tensor(h)
    zeros = torch.zeros((1, B, H), dtype=th.dtype, requires_grad=True)
    ts = (zeros, torch.zeros_like(zeros, requires_grad=True)) if cell.parts == 2 else zeros
    ours = partial(numpy_step, name, params, x, s0, dstates)
    theirs = partial(torch_step, module, tx, ts, th)
    theirs()
    W, dW = module.weight_hh_l0.grad.numpy(), ours()[0].W
    assert np.linalg.norm(W - dW) < (1e-10 if dtype == "float64" else 1e-2) * np.linalg.norm(W)
    return {"numpy": ours, "torch": theirs, "products": partial(products, *params[:2], x, h, da)}


def repeats(step):
    started = time.perf_counter()
    step()
    return max(1, round(LEAST_SECONDS / (time.perf_counter() - started)))


def seconds(step, count):
    started = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - started) / count


def race(steps, rounds):
    """Seconds a step, round by round, of contenders that take turns."""
    counts = {who: repeats(step) for who, step in steps.items()}
    times = {who: [] for who in steps}
    for _ in range(rounds):
        for who, step in steps.items():
            times[who].append(seconds(step, counts[who]))
    return times


def measure(name, size, dtype, rounds):
    times = race(contenders(name, *size, dtype), rounds)
    row = {"cell": name, "dtype": dtype, **dict(zip("TBDH", size))}
    row |= {f"{who}_seconds": statistics.median(taken) for who, taken in times.items()}
    for who in ("torch", "products"):
        ratios = [ours / theirs for ours, theirs in zip(times["numpy"], times[who])]
        row[f"over_{who}"] = statistics.median(ratios)
    return row


def memory(name, T, B, D, H):
    """Peak of a forward and a backward pass over the bytes of the tape, in float64."""
    rng, cell = np.random.default_rng(0), CELLS[name]
    params = init(name, D, H, rng)
    x, dstates = rng.standard_normal((T, B, D)), np.ones((T, B, cell.parts * H))
    tracemalloc.start()
    states, tape = forward(name, params, x)
    tape_bytes = x.nbytes + tape.states.nbytes + tape.kept.nbytes
    backward(name, params, tape, dstates)
    peak = tracemalloc.get_traced_memory()[1] + x.nbytes  # x was there before
    tracemalloc.stop()
    return {"cell": name, "tape_bytes": tape_bytes, "peak_bytes": peak, "ratio": peak / tape_bytes}


def naive_step():
    """One sequence by the code of the chapters: the loop forward, and `bptt` of chapter 4."""
    page = (Path(__file__).parent.parent / "book" / "bptt.md").read_text(encoding="utf-8")
    cells = re.findall(r"^```\{code-cell\}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (shown,) = (cell for cell in cells if cell.startswith("def bptt("))
    names = {"np": np}
    exec(compile(ast.parse(shown), "book/bptt.md", "exec"), names)

    def step(W, U, b, x, dh):
        h = np.zeros((len(x) + 1, len(b)))
        for t, x_t in enumerate(x):
            h[t + 1] = np.tanh(W @ h[t] + U @ x_t + b)
        return names["bptt"](W, U, b, x, h, dh)

    return step


def measure_naive(T, B, D, H, rounds):
    """The textbook's vanilla network, sequence by sequence, beside the package, in float64."""
    steps = contenders("rnn", T, B, D, H, "float64")
    params, x, s0, dstates = steps["numpy"].args[1:]
    textbook = naive_step()

    def naive():
        return [textbook(*params, x[:, n], dstates[:, n]) for n in range(B)]

    total = [sum(parts) for parts in zip(*(gradients[:3] for gradients in naive()))]
    for mine, theirs in zip(total, steps["numpy"]()[0]):
        assert np.linalg.norm(mine - theirs) < 1e-10 * np.linalg.norm(theirs)
    times = race({"naive": naive, "numpy": steps["numpy"]}, rounds)
    ratio = statistics.median(n / p for n, p in zip(times["naive"], times["numpy"]))
    medians = {f"{who}_seconds": statistics.median(taken) for who, taken in times.items()}
    return dict(zip("TBDH", (T, B, D, H))) | medians | {"over_numpy": ratio}


HEAD = f"{'':29}{'NumPy ms':>10}{'PyTorch ms':>12}{'NumPy/PyTorch':>15}{'NumPy/products':>16}"


def line(row):
    size = ",".join(str(row[letter]) for letter in "TBDH")
    ours, theirs = 1e3 * row["numpy_seconds"], 1e3 * row["torch_seconds"]
    ratios = f"{row['over_torch']:15.2f}{row['over_products']:16.2f}"
    return f"{row['cell']:5}{row['dtype']:9}{size:15}{ours:10.2f}{theirs:12.2f}{ratios}"


def machine():
    """Where this ran, and which matrix kernels NumPy chose."""
    kernels = [
        f"{library['internal_api']} {library['version']} {library['architecture']}"
        for library in threadpoolctl.threadpool_info()
        if library["user_api"] == "blas" and "numpy" in library["filepath"]
    ]
    return {
        "command": "make bench",
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numpy_blas": ", ".join(kernels),
        "torch": torch.__version__,
        "threads": 1,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", nargs="+", choices=CELL_NAMES, default=CELL_NAMES)
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=DTYPES)
    parser.add_argument("--sizes", nargs="+", type=int, default=range(len(SIZES)))
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    torch.set_num_threads(1)

    result = machine() | {"rounds": options.rounds, "steps": [], "naive": [], "memory": []}
    print(*(f"{key}: {value}" for key, value in result.items() if value), sep="\n")
    print(HEAD)
    for dtype in options.dtypes:
        for name in options.cells:
            for index in options.sizes:
                row = measure(name, SIZES[index], dtype, options.rounds)
                result["steps"].append(row)
                print(line(row), flush=True)
    for size in ((50, 32, 8, 32), (1000, 1, 16, 32)):
        result["naive"].append(measure_naive(*size, options.rounds))
        print("the textbook's step over the package's:", result["naive"][-1])
    for name in options.cells:
        result["memory"].append(memory(name, *SIZES[3]))
        print("memory:", result["memory"][-1])
    everything = [CELL_NAMES, DTYPES, range(len(SIZES))]
    if [options.cells, options.dtypes, options.sizes] == everything:
        RESULT.write_text(json.dumps(result, indent=1) + "\n")
        print("Written for the book; `make html` shows it on the page about speed.")


if __name__ == "__main__":
    main()

"""One training step, forward and backward, in NumPy and in PyTorch, side by side.

    make bench

Both compute all hidden states, and the gradients of the parameters, the inputs and the initial
state. Within a round the contenders take turns, each round beginning with another one; a ratio is
the median of the rounds' ratios. One thread each.

"Products" are the matrix products that a step needs, written in the plainest way, once through
NumPy and once through PyTorch: a yardstick for the rest of the step, and for the two libraries that
multiply matrices.
"""

import argparse
import re
import statistics
import time
import tracemalloc
from functools import partial

import numpy as np
import threadpoolctl
import torch
from machine import here, keep
from naive import batch_step, naive_step

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


def numpy_step(name, params, x, s0, dstates):
    _, tape = forward(name, params, x, s0)
    return backward(name, params, tape, dstates)


def torch_step(module, x, s0, dstates):
    module.zero_grad()
    for leaf in (x, *(s0 if isinstance(s0, tuple) else (s0,))):
        leaf.grad = None
    y, _ = module(x, s0)
    y.backward(dstates)


def products(matmul, W, U, Wt, x, h, da, q, dh):
    """Every product that a step of BPTT needs, and nothing else; for arrays and for tensors."""
    (T, B, D), H = x.shape, W.shape[1]
    x.reshape(T * B, D) @ U.T
    for t in range(T):
        matmul(h[t], Wt, out=q)
    for t in reversed(range(T)):
        matmul(da[t], W, out=dh)
    flat = da.reshape(T * B, -1)
    flat.T @ h.reshape(T * B, H), flat.T @ x.reshape(T * B, D), flat @ U


def contenders(name, T, B, D, H, dtype):
    """What is timed, on the same numbers; NumPy and PyTorch are compared once before."""
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
    compare(name, ours(), theirs, module, tx, ts)
    W, U = params[:2]
    q, dh = np.empty_like(da[0]), np.empty_like(h[0])
    operands = (W, U, np.ascontiguousarray(W.T), x, h, da, q, dh)
    return {
        "numpy": ours,
        "torch": theirs,
        "products": partial(products, np.matmul, *operands),
        "torch_products": partial(products, torch.matmul, *map(torch.tensor, operands)),
    }


def compare(name, ours, theirs, module, tx, ts):
    """The two compute the same gradients, to the rounding of their precision."""
    theirs()
    grads, dx, ds0 = ours
    found = {"weight_hh_l0": grads.W, "weight_ih_l0": grads.U, "bias_ih_l0": grads.b}
    pairs = [(getattr(module, key).grad.numpy(), value) for key, value in found.items()]
    states = ts if isinstance(ts, tuple) else (ts,)
    pairs += [(tx.grad.numpy(), dx)]
    pairs += [(np.concatenate([s.grad.numpy()[0] for s in states], axis=1), ds0)]
    if name == "gru":
        pairs += [(module.bias_hh_l0.grad.numpy()[-len(grads.b_n) :], grads.b_n)]
    for wanted, got in pairs:
        limit = 1e-11 if wanted.dtype == np.float64 else 1e-4
        assert np.linalg.norm(wanted - got) < limit * np.linalg.norm(wanted), name


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
    names = [*steps]
    for k in range(rounds):
        first = k % len(names)
        for who in names[first:] + names[:first]:
            times[who].append(seconds(steps[who], counts[who]))
    return times


def measure(name, size, dtype, rounds):
    times = race(contenders(name, *size, dtype), rounds)
    row = {"cell": name, "dtype": dtype, **dict(zip("TBDH", size))}
    row |= {f"{who}_seconds": statistics.median(taken) for who, taken in times.items()}
    for over, one, other in (
        ("over_torch", "numpy", "torch"),
        ("over_products", "numpy", "products"),
        ("products_over_torch", "products", "torch"),
        ("products_over_torch_products", "products", "torch_products"),
    ):
        ratios = [a / b for a, b in zip(times[one], times[other])]
        low, middle, high = statistics.quantiles(ratios, n=4)
        row |= {over: middle, f"{over}_quartiles": [low, high]}
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


def measure_naive(T, B, D, H, rounds):
    """The textbook's vanilla network, in float64: a sequence at a time, a batch, the package."""
    ours = contenders("rnn", T, B, D, H, "float64")["numpy"]
    params, x, s0, dstates = ours.args[1:]

    def naive():
        return [naive_step(*params, x[:, n], dstates[:, n]) for n in range(B)]

    def batch():
        return batch_step(*params, x, dstates)

    total = [sum(parts) for parts in zip(*(gradients[:3] for gradients in naive()))]
    for found in (total, batch()[:3]):
        for mine, theirs in zip(found, ours()[0]):
            assert np.linalg.norm(mine - theirs) < 1e-10 * np.linalg.norm(theirs)
    times = race({"naive": naive, "batch": batch, "numpy": ours}, rounds)
    row = dict(zip("TBDH", (T, B, D, H)))
    row |= {f"{who}_seconds": statistics.median(taken) for who, taken in times.items()}
    for who in ("naive", "batch"):
        row[f"{who}_over_numpy"] = statistics.median(
            a / b for a, b in zip(times[who], times["numpy"])
        )
    return row


HEAD = f"{'':29}{'NumPy ms':>10}{'PyTorch ms':>12}{'/ PyTorch':>12}{'/ products':>12}"
HEAD += f"{'products / PyTorch and its products':>40}"


def line(row):
    size = ",".join(str(row[letter]) for letter in "TBDH")
    ours, theirs = 1e3 * row["numpy_seconds"], 1e3 * row["torch_seconds"]
    ratios = f"{row['over_torch']:12.2f}{row['over_products']:12.2f}"
    ratios += f"{row['products_over_torch']:30.2f}{row['products_over_torch_products']:10.2f}"
    return f"{row['cell']:5}{row['dtype']:9}{size:15}{ours:10.2f}{theirs:12.2f}{ratios}"


def machine():
    """Where this ran, and which matrix kernels NumPy chose."""
    kernels = [
        f"{library['internal_api']} {library['version']} {library['architecture']}"
        for library in threadpoolctl.threadpool_info()
        if library["user_api"] == "blas" and "numpy" in library["filepath"]
    ]
    return here() | {
        "numpy_blas": ", ".join(kernels),
        "torch": torch.__version__,
        "torch_blas": ", ".join(
            re.sub(r" for.*| \(Git.*", "", line.strip(" -"))
            for line in torch.__config__.show().splitlines()
            if "Math Kernel" in line or "MKL-DNN" in line
        ),
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
        keep("speed", result)
        print("Written for the book; `make html` shows it on the page about speed.")


if __name__ == "__main__":
    main()

"""What PyTorch computes: nn.RNN, nn.GRU and nn.LSTM in float64, their states and every gradient.

    PYTHONPATH=. python tests/torch_reference.py            write tests/data/pytorch.npz
    PYTHONPATH=. python tests/torch_reference.py --errors   print the package's worst errors

A problem is a dict of arrays: cell, PyTorch's four parameters (weight_ih, weight_hh, bias_ih,
bias_hh), x, h0, for an LSTM c0, for a padded batch lengths, and the weights of the loss

    L = sum(loss_h * h) + sum(loss_h_n * h_n), and the same for c,

in which h_n is the state at each sequence's own end and h stands still after it. A result is a
dict of the states h, h_n, c, c_n and of the derivatives of L, dW to dc0.

PyTorch gives every c_t only when it is asked step by step, so an LSTM is run twice: over the whole
sequence with a loss on h and c_n, and stepped with a loss on every c_t. Only `run_package` and
`package_params` touch `rnn_src`.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnn_src.cells import CELLS
from rnn_src.scan import backward, forward

DATA = Path(__file__).parent / "data" / "pytorch.npz"
COMMAND = "PYTHONPATH=. python tests/torch_reference.py"
CELL_NAMES = ("rnn", "rnn_relu", "gru", "lstm")
GATES = {"rnn": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}
PARAMETERS = ("weight_hh", "weight_ih", "bias_hh", "bias_ih")
TOLERANCE = 1e-10
COLUMNS = {
    "states": ("h", "h_n", "c", "c_n"),
    "W": ("dW",),
    "U": ("dU",),
    "b": ("dbias_ih", "dbias_hh"),
    "b_n": ("db_n",),
    "x": ("dx",),
    "h0": ("dh0",),
    "c0": ("dc0",),
}

# --- The cases -------------------------------------------------------------------------------


class Case(NamedTuple):
    """A problem to draw. `far`: the loss sees the end alone. `stepped`: it sees every c_t."""

    cell: str
    shape: str
    seed: int
    T: int
    B: int
    D: int
    H: int
    padded: bool = False
    far: bool = False
    stepped: bool = False

    @property
    def name(self):
        flags = [flag for flag in ("padded", "far", "stepped") if getattr(self, flag)]
        return "-".join([self.cell, self.shape, *flags])


def variants(*shape, far=False):
    """A shape for every cell, with and without lengths; for an LSTM whole and stepped."""
    return [
        Case(cell, *shape, padded, far, stepped)
        for cell in CELL_NAMES
        for padded in (False, True)
        for stepped in ((False, True) if cell == "lstm" else (False,))
    ]


def random_shapes(count):
    """T in 1..200, B in 1..6, D in 1..5, H in 1..12."""
    for k in range(count):
        sizes = np.random.default_rng(k).integers(1, (201, 7, 6, 13))
        yield f"random{k}", 100 + k, *sizes.tolist()


#: What is compared wherever PyTorch is installed: name, seed, T, B, D, H.
LIVE = [
    *variants("one-of-all", 1, 1, 1, 1, 1),
    *variants("one-step", 2, 1, 4, 3, 5),
    *variants("one-sequence", 3, 30, 1, 3, 5),
    *variants("one-input", 4, 50, 4, 1, 6),
    *variants("one-unit", 5, 20, 3, 2, 1),
    *variants("moderate", 6, 60, 5, 4, 8),
    *variants("many-units", 7, 40, 6, 10, 32),
    *variants("many-sequences", 8, 7, 400, 2, 4),
    *variants("long", 9, 200, 5, 3, 8),
    *variants("long", 10, 200, 5, 3, 8, far=True),
    *(case for shape in random_shapes(10) for case in variants(*shape)),
]
#: What is stored, small: every variant short, and every cell over 200 steps.
STORED = [
    *variants("short", 11, 10, 4, 3, 4),
    *(case for case in variants("long", 12, 200, 2, 1, 3) if case.padded == case.stepped),
]


def draw(case):
    """The problem of a case: gates of spectral radius 1; biases and first states that are not 0."""
    rng, rows = np.random.default_rng(case.seed), GATES[case.cell] * case.H
    T, B, H, normal = case.T, case.B, case.H, rng.standard_normal
    problem = {
        "cell": np.array(case.cell),
        "weight_ih": normal((rows, case.D)) / np.sqrt(case.D),
        "weight_hh": np.concatenate([unit_radius(normal((H, H))) for _ in range(rows // H)]),
        "bias_ih": 0.3 * normal(rows),
        "bias_hh": 0.3 * normal(rows),
        "x": normal((T, B, case.D)),
        "h0": normal((B, H)),
        "loss_h": normal((T, B, H)) * (0 if case.far else 1),
        "loss_h_n": normal((B, H)),
    }
    if case.cell == "lstm":
        problem |= {"c0": normal((B, H)), "loss_c_n": normal((B, H))}
    if case.padded:
        problem["lengths"] = rng.integers(1, T + 1, size=B)
    if case.stepped:
        problem["loss_c"] = normal((T, B, H)) * (0 if case.far else 1)
    return problem


def unit_radius(W):
    """W divided by its largest absolute eigenvalue."""
    return W / np.abs(np.linalg.eigvals(W)).max()


# --- PyTorch ---------------------------------------------------------------------------------


def run_pytorch(problem):
    """The result of a problem by PyTorch's modules and autograd alone."""
    import torch

    module = pytorch_module(problem)
    leaves = [k for k in ("x", "h0", "c0") if k in problem]
    x, *s0 = variables = [torch.tensor(problem[k], requires_grad=True) for k in leaves]
    lengths = torch.tensor(problem["lengths"]) if "lengths" in problem else None
    states = (stepped if "loss_c" in problem else whole)(module, x, s0, lengths)
    sum((torch.tensor(problem[f"loss_{k}"]) * s).sum() for k, s in states.items()).backward()

    W, U, bias_hh, bias_ih = (getattr(module, f"{k}_l0") for k in PARAMETERS)
    named = {"W": W, "U": U, "bias_hh": bias_hh, "bias_ih": bias_ih, **dict(zip(leaves, variables))}
    result = {k: s.detach().numpy() for k, s in states.items()}
    result |= {f"d{k}": v.grad.numpy() for k, v in named.items()}
    if problem["cell"] == "gru":
        result["db_n"] = result["dbias_hh"][-problem["h0"].shape[1] :]
    return result


def pytorch_module(problem):
    """The module of torch.nn with the parameters of a problem."""
    import torch

    cell, (rows, D) = str(problem["cell"]), problem["weight_ih"].shape
    kind = getattr(torch.nn, cell.removesuffix("_relu").upper())
    options = {"nonlinearity": "relu"} if cell == "rnn_relu" else {}
    module = kind(D, rows // GATES[cell], dtype=torch.float64, **options)
    module.load_state_dict({f"{k}_l0": torch.tensor(problem[k]) for k in PARAMETERS})
    return module


def call(module, x, s0):
    """The outputs and the last states [h_n] or [h_n, c_n], without the axis of the layers."""
    s0 = [s[None] for s in s0]
    output, end = module(x, tuple(s0) if len(s0) == 2 else s0[0])
    return output, [s[0] for s in (end if len(s0) == 2 else [end])]


def whole(module, x, s0, lengths):
    """h, h_n and c_n from one call; sequences of different lengths are packed."""
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    if lengths is None:
        h, end = call(module, x, s0)
    else:
        packed, end = call(module, pack_padded_sequence(x, lengths, enforce_sorted=False), s0)
        h, _ = pad_packed_sequence(packed, total_length=len(x))
        ended = torch.arange(len(x))[:, None] >= lengths
        h = h + ended[..., None] * end[0]  # PyTorch gives 0 there
    return {"h": h, **dict(zip(("h_n", "c_n"), end))}


def stepped(module, x, s0, lengths):
    """Every h and c of an LSTM: each sequence alone, one input at a time, as far as it goes."""
    import torch

    T, B, _ = x.shape
    columns = []
    for n, length in enumerate([T] * B if lengths is None else lengths.tolist()):
        states = [[s[n : n + 1] for s in s0]]
        for t in range(length):
            states.append(call(module, x[t : t + 1, n : n + 1], states[-1])[1])
        states += states[-1:] * (T - length)
        columns.append([torch.stack(part) for part in zip(*states[1:], strict=True)])
    h, c = (torch.cat(part, dim=1) for part in zip(*columns, strict=True))
    return {"h": h, "c": c, "h_n": h[-1], "c_n": c[-1]}


# --- The package -----------------------------------------------------------------------------


def package_params(problem):
    """The parameters of `rnn_src`: one bias, except for the GRU's candidate, which has two."""
    kind, H = CELLS[str(problem["cell"])].params, problem["h0"].shape[1]
    W, U, bias_hh, bias_ih = (problem[k] for k in PARAMETERS)
    if "b_n" not in kind._fields:
        return kind(W, U, bias_ih + bias_hh)
    gates, b_n = np.split(bias_hh, [-H])
    return kind(W, U, bias_ih + np.append(gates, np.zeros(H)), b_n)


def run_package(problem, params=None):
    """The result of a problem by `rnn_src`.

    A loss at the end of a sequence is given at the last step of the batch: from there it has to
    find the sequence's last real step.
    """
    cell, (T, B, _), H = str(problem["cell"]), problem["x"].shape, problem["h0"].shape[1]
    params = package_params(problem) if params is None else params
    parts = [k for k in "hc" if f"{k}0" in problem]
    s0 = np.concatenate([problem[f"{k}0"] for k in parts], axis=1)
    states, tape = forward(cell, params, problem["x"], s0, problem.get("lengths"))

    silent = np.zeros((T, B, H))
    dstates = np.concatenate([problem.get(f"loss_{k}", silent) for k in parts], axis=2)
    dstates[-1] += np.concatenate([problem[f"loss_{k}_n"] for k in parts], axis=1)
    grads, dx, ds0 = backward(cell, params, tape, dstates)

    result = {"dW": grads.W, "dU": grads.U, "dx": dx, "dbias_ih": grads.b, "dbias_hh": grads.b}
    if "b_n" in grads._fields:
        result |= {"db_n": grads.b_n, "dbias_hh": np.append(grads.b[:-H], grads.b_n)}
    for k, s, ds in zip(parts, np.split(states, len(parts), 2), np.split(ds0, len(parts), 1)):
        result |= {k: s[1:], f"{k}_n": s[-1], f"d{k}0": ds}
    if len(parts) == 2 and "loss_c" not in problem:
        del result["c"]  # which PyTorch does not tell
    return result


# --- The comparison --------------------------------------------------------------------------


def relative_error(ours, theirs):
    """max|ours - theirs| / max|theirs|; infinite for another shape, or if theirs is 0 everywhere.

    >>> relative_error(np.array([1.0, -4.0]), np.array([2.0, -4.0]))
    0.25
    """
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype or not theirs.any():
        return np.inf
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def relative_errors(ours, theirs):
    """The error of every array of a result."""
    if ours.keys() != theirs.keys():
        raise AssertionError(f"{sorted(ours)} are compared with {sorted(theirs)}")
    return {k: relative_error(ours[k], theirs[k]) for k in theirs}


def assert_equal(name, ours, theirs):
    """Fail, and say where, unless every array agrees to ten digits."""
    errors = relative_errors(ours, theirs)
    wrong = [f"{k} by {e:.1e}" for k, e in errors.items() if not e < TOLERANCE]  # NaN is wrong
    if wrong:
        raise AssertionError(f"{name} differs from PyTorch in {', '.join(wrong)}")


# --- The stored file and the command ---------------------------------------------------------


def write(path=DATA, command=COMMAND, stored=STORED, draw=draw, run_pytorch=run_pytorch):
    """Store the small cases, their results, and what made them."""
    import torch

    torch.set_num_threads(1)
    made = [f"torch {torch.__version__}", f"numpy {np.__version__}", command]
    arrays = {"made": np.array(made)}
    for case in stored:
        problem = draw(case)
        for kind, group in [("problem", problem), ("result", run_pytorch(problem))]:
            arrays |= {f"{case.name}/{kind}/{k}": array for k, array in group.items()}
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, **arrays)


def read(path=DATA):
    """What made the file, and {name: (problem, result)}."""
    cases = {}
    with np.load(path, allow_pickle=False) as arrays:
        for key in set(arrays.files) - {"made"}:
            name, kind, k = key.split("/", 2)
            pair = cases.setdefault(name, ({}, {}))
            pair[("problem", "result").index(kind)][k] = arrays[key]
        return arrays["made"].tolist(), cases


def print_errors():
    """One line a cell: the worst relative error of the package over all live cases."""
    import torch

    torch.set_num_threads(1)
    print(f"{'':10}" + "".join(f"{column:>10}" for column in COLUMNS))
    for cell in CELL_NAMES:
        problems = [draw(case) for case in LIVE if case.cell == cell]
        errors = [relative_errors(run_package(p), run_pytorch(p)) for p in problems]
        found = ([e[k] for e in errors for k in keys if k in e] for keys in COLUMNS.values())
        print(f"{cell:10}" + "".join(f"{np.max(f):10.1e}" if f else f"{'-':>10}" for f in found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--errors", action="store_true", help="print the package's worst errors")
    if parser.parse_args().errors:
        print_errors()
    else:
        write()

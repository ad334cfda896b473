"""What PyTorch computes of whole modules: layers, two directions, packed batches, and cells.

    PYTHONPATH=. python tests/torch_stack_reference.py            write tests/data/stacks.npz
    PYTHONPATH=. python tests/torch_stack_reference.py --errors   print the package's worst errors

A problem is a dict of arrays in float64: cell, the module's state dict under "weights/", x, h0 and
for an LSTM c0 (K, B, H) with a row for each of the K directions, for a padded batch lengths, and
the weights of the loss L = sum(loss * outputs). A result is a dict of the outputs, which are 0
beyond a sequence's length, and of the derivatives of L: dx and one for each of the weights.

nn.RNNCell, GRUCell and LSTMCell are stepped over x and stand for a stack of one layer. Only
`run_package` touches `rnn_src`.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch_reference
from torch_reference import GATES, relative_errors, unit_radius

from rnn_src.stack import backward_stack, forward_stack, from_pytorch_stack

DATA = Path(__file__).parent / "data" / "stacks.npz"
COMMAND = "PYTHONPATH=. python tests/torch_stack_reference.py"


class Case(NamedTuple):
    """A problem to draw; no layers: a cell of PyTorch, stepped."""

    cell: str
    layers: int
    both: bool
    padded: bool
    seed: int
    T: int = 9
    B: int = 3
    D: int = 2
    H: int = 3

    @property
    def name(self):
        flags = ["both"] * self.both + ["padded"] * self.padded
        return "-".join([self.cell, f"{self.layers or 'cell'}", *flags, str(self.seed)])


#: What is stored, small: three layers in two directions, packed; two in one; and the cells.
STORED = [
    Case(cell, layers, both, both, seed)
    for cell in GATES
    for layers, both, seed in ((3, True, 1), (2, False, 2), (0, False, 3))
]
#: What is compared wherever PyTorch is installed.
LIVE = [
    Case(cell, layers, both, padded, 10 + layers, *sizes)
    for cell in GATES
    for layers, both, padded, *sizes in (
        (0, False, False, 60, 4, 3, 8),
        (1, True, True, 1, 2, 1, 1),
        (1, True, False, 40, 1, 5, 6),
        (2, False, True, 60, 5, 4, 8),
        (2, True, False, 30, 4, 3, 7),
        (3, True, True, 80, 6, 5, 12),
        (4, False, False, 100, 3, 1, 10),
        (3, True, True, 7, 200, 2, 4),
    )
]


def draw(case):
    """The problem of a case: recurrent gates of spectral radius 1; no bias or first state is 0."""
    rng, rows, H = np.random.default_rng(case.seed), GATES[case.cell] * case.H, case.H
    ways, normal = 1 + case.both, rng.standard_normal
    problem = {"cell": np.array(case.cell), "x": normal((case.T, case.B, case.D))}
    for k in range(max(case.layers, 1)):
        D = H * ways if k else case.D
        for way in ("", "_reverse")[:ways]:
            end = f"_l{k}{way}" if case.layers else ""
            gates = [unit_radius(normal((H, H))) for _ in range(GATES[case.cell])]
            problem[f"weights/weight_ih{end}"] = normal((rows, D)) / np.sqrt(D)
            problem[f"weights/weight_hh{end}"] = np.concatenate(gates)
            problem |= {f"weights/bias_{s}{end}": 0.3 * normal(rows) for s in ("ih", "hh")}
    count = max(case.layers, 1) * ways
    problem |= {k: normal((count, case.B, H)) for k in (("h0", "c0") if rows == 4 * H else ("h0",))}
    problem["loss"] = normal((case.T, case.B, ways * H))
    if case.padded:
        problem["lengths"] = rng.integers(1, case.T + 1, size=case.B)
    return problem


def weights_of(problem):
    """The state dict of a problem's module."""
    return {k.partition("/")[2]: a for k, a in problem.items() if k.startswith("weights/")}


def run_pytorch(problem):
    """The result of a problem by PyTorch's modules and autograd alone."""
    import torch

    weights = {k: torch.tensor(a) for k, a in weights_of(problem).items()}
    cell, stepped = str(problem["cell"]), "weight_hh" in weights
    D, H = problem["x"].shape[2], problem["h0"].shape[2]
    options = {"nonlinearity": "relu"} if cell == "rnn_relu" else {}
    kind = cell.removesuffix("_relu").upper()
    if stepped:
        module = getattr(torch.nn, f"{kind}Cell")(D, H, dtype=torch.float64, **options)
    else:
        options |= {"num_layers": 1 + max(int(k.split("_l")[1][0]) for k in weights)}
        options |= {"bidirectional": "weight_hh_l0_reverse" in weights}
        module = getattr(torch.nn, kind)(D, H, dtype=torch.float64, **options)
    module.load_state_dict(weights)
    x = torch.tensor(problem["x"], requires_grad=True)
    s0 = [torch.tensor(problem[k]) for k in ("h0", "c0") if k in problem]
    outputs = (step if stepped else whole)(module, x, s0, problem.get("lengths"))
    (torch.tensor(problem["loss"]) * outputs).sum().backward()
    result = {"outputs": outputs.detach().numpy(), "dx": x.grad.numpy()}
    return result | {f"d{k}": p.grad.numpy() for k, p in module.named_parameters()}


def whole(module, x, s0, lengths):
    """The outputs of a layer or stack; sequences of different lengths are packed."""
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    s0 = tuple(s0) if len(s0) == 2 else s0[0]
    if lengths is None:
        return module(x, s0)[0]
    packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    return pad_packed_sequence(module(packed, s0)[0], total_length=len(x))[0]


def step(module, x, s0, lengths):
    """The outputs of a cell, one input at a time."""
    import torch

    state, outputs = tuple(s[0] for s in s0), []
    for x_t in x:
        found = module(x_t, state if len(state) == 2 else state[0])
        state = found if isinstance(found, tuple) else (found,)
        outputs.append(state[0])
    return torch.stack(outputs)


def run_package(problem, lengths="as given"):
    """The result of a problem by `rnn_src`."""
    cell, weights = str(problem["cell"]), weights_of(problem)
    stack = from_pytorch_stack(cell, weights)
    s0 = np.concatenate([problem[k] for k in ("h0", "c0") if k in problem], axis=2)
    lengths = problem.get("lengths") if isinstance(lengths, str) else lengths
    outputs, tapes = forward_stack(stack, problem["x"], s0, lengths)
    grads, dx = backward_stack(stack, tapes, problem["loss"])
    result = {"outputs": outputs, "dx": dx}
    for k, layer in enumerate(grads):
        for g, way in zip(layer, ("", "_reverse")):
            end = f"_l{k}{way}" if "weight_hh" not in weights else ""
            inner = g.b if cell != "gru" else np.append(g.b[: -len(g.b_n)], g.b_n)
            named = {"weight_ih": g.U, "weight_hh": g.W, "bias_ih": g.b, "bias_hh": inner}
            result |= {f"d{name}{end}": array for name, array in named.items()}
    return result


# --- The stored file and the command ---------------------------------------------------------


read = partial(torch_reference.read, DATA)
write = partial(torch_reference.write, DATA, COMMAND, STORED, draw, run_pytorch)


def print_errors():
    """One line a case: the worst relative error of the package's outputs and of its gradients."""
    for case in LIVE:
        problem = draw(case)
        errors = relative_errors(run_package(problem), run_pytorch(problem))
        outputs = errors.pop("outputs")
        print(f"{case.name:24}{outputs:10.1e}{max(errors.values()):10.1e}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--errors", action="store_true", help="print the package's worst errors")
    print_errors() if parser.parse_args().errors else write()

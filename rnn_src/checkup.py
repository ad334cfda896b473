"""Why does it forget? A network measured on its own inputs, and what was found read aloud.

From a shell::

    python -m rnn_src.checkup weights.npz --cell lstm --prefix encoder. --input x.npy

It goes through all layers that the file has, each on the outputs of the one below.
Every sentence says what was measured, on what, and which chapter tells why. None of them follows
from the weights alone: a network that reads other inputs is another product of Jacobians.
"""

import argparse
import re
import sys
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

import numpy as np

from rnn_src import checks
from rnn_src.cells import CELLS
from rnn_src.gradient_flow import gradient_by_lag, lag_norms, lyapunov_exponents
from rnn_src.interop import from_pytorch
from rnn_src.scan import forward, jacobians
from rnn_src.stack import Stack, backward_stack, forward_stack, from_pytorch_stack, turned

__all__ = ["Checkup", "Finding", "checkup", "checkup_stack", "main"]

#: The names of a cell's blocks of rows in W, U and b.
BLOCKS = {"gru": "rzn", "lstm": "ifgo"}
KEEPS = {"gru": "z", "lstm": "f"}  # the gate that lets the past through
SMALL = 1e-3  # what counts as forgotten, of a norm or of a gradient
EDGE = 0.95  # a tanh beyond it, or a gate as near to 0 or 1, passes less than a tenth of a gradient

#: The order of the sentences: what to do, what happens to a gradient, what a batch can tell of it.
ORDER = ("short gates", "exploding", "chaotic", "saturated", "vanishing", "holding")
ORDER += ("contracting", "radius", "transient", "near-sighted", "drowned")


class Finding(NamedTuple):
    """One sentence of a checkup.

    Parameters
    ----------
    name : str
        Which sentence it is, such as "vanishing".
    says : str
        What was measured, on what, and what it means.
    chapter : str
        The label of the chapter that tells why.

    Notes
    -----
    Used in :ref:`ch-bring`.

    Examples
    --------
    >>> Finding("vanishing", "It forgets within 20 steps.", "ch-vanishing").name
    'vanishing'
    """

    name: str
    says: str
    chapter: str


class Checkup(NamedTuple):
    """What `checkup` measured.

    Parameters
    ----------
    cell : str
        The name of the cell.
    weights : dict
        For each block of rows of W its spectral radius and its 2-norm.
    exponents : (B, n) ndarray
        The largest Lyapunov exponents of each sequence, in logarithms a step, at most three.
    norms : (T+1, B) ndarray
        Row k: the 2-norm of the product of the last k Jacobians; NaN beyond a sequence's length.
        T is the longest of these lengths, here and below.
    reach : dict
        For 1/2, 1e-3 and the rounding of float32: the first lag at which the median of the norms is
        below it and stays there, or None.
    shares : (T,) ndarray, or None
        Entry k: the norm of what uses of W at lags of k or more add to the gradient, over the norm
        of the whole. None without `dstates`.
    noise : float, or None
        The norm of the gradient's sampling error in this batch, over the gradient's. None without
        `dstates`, or with a single sequence.
    saturated : float
        The share of activations beyond 0.95 in size, of a cell without gates; of gates within 0.05
        of 0 or 1, of one with gates. NaN for units that do not saturate.
    half_lives : (H,) ndarray, or None
        For each unit the steps in which the gate that keeps the past, at its geometric mean over
        these inputs, lets a half through. None for a cell without gates.
    findings : tuple of Finding
        What this means, a sentence each, what to do before what to know. Where there is none, the
        printed text says that nothing was found.
    where : str
        Which layer of how many it is, if it is one of several.

    Notes
    -----
    Read in :ref:`ch-bring`.

    Examples
    --------
    >>> from rnn_src import init
    >>> rng = np.random.default_rng(0)
    >>> params = init("rnn", 2, 8, rng)
    >>> found = checkup("rnn", params, rng.standard_normal((50, 4, 2)))
    >>> [finding.name for finding in found.findings]
    ['vanishing']
    """

    cell: str
    weights: dict
    exponents: np.ndarray
    norms: np.ndarray
    reach: dict
    shares: np.ndarray | None
    noise: float | None
    saturated: float
    half_lives: np.ndarray | None
    findings: tuple
    where: str = ""

    def __str__(self):
        T, B = len(self.norms) - 1, self.norms.shape[1]
        of = f", {self.where}" if self.where else ""
        lines = [f"{self.cell}{of}: {B} sequences, at most {T} steps"]
        for block, (radius, norm) in self.weights.items():
            lines.append(f"  {block:9} spectral radius {radius:7.3f}   2-norm {norm:7.3f}")
        exponents = "  ".join(f"{value:+.4f}" for value in np.median(self.exponents, axis=0))
        lines.append(f"  largest exponents, in logarithms a step   {exponents}")
        for level, lag in self.reach.items():
            lines.append(f"  below {level:7.1g} from lag {'-' if lag is None else lag}")
        for finding in self.findings or (_nothing(self),):
            page = finding.chapter.removeprefix("ch-")
            lines.append(fill(f"- {finding.says} [{page}]", 76, subsequent_indent="  "))
        return "\n".join(lines)


def checkup(cell, params, x, dstates=None, s0=None, lengths=None):
    """Measure how far back a network's gradient reaches on these inputs, and say what it means.

    Parameters
    ----------
    cell : str
        The name of a cell in `CELLS`.
    params : NamedTuple
        As `rnn_src.init` or `rnn_src.interop` returns them.
    x : (T, B, D) array
        Inputs of the network's own kind, time first. Noise makes another network of it.
    dstates : (T, B, S) array, optional
        dL/d states[1:] from the losses alone. Without it nothing is said of the gradient's shares.
    s0 : (B, S) array, optional
        The state before the first input, 0 if not given.
    lengths : (B,) array of int, optional
        Real lengths in 1..T.

    Returns
    -------
    Checkup
        The measurements and the sentences; `print` it.

    Raises
    ------
    ValueError
        If the cell is unknown or a shape, dtype, length or value is not as `rnn_src.forward` wants
        it, or if the gradients grow beyond what the dtype holds.
    TypeError
        If `params` are those of another cell.

    Notes
    -----
    Norms: :eq:`eq-jacobians-product`; exponents: :eq:`eq-chaos-exponents`; shares:
    :ref:`ch-truncation`. It costs O(T S^3) a sequence.

    Examples
    --------
    >>> from rnn_src import init
    >>> rng = np.random.default_rng(0)
    >>> params = init("rnn_linear", 2, 8, rng)
    >>> found = checkup("rnn_linear", params, rng.standard_normal((50, 4, 2)))
    >>> [finding.name for finding in found.findings]
    ['holding']
    """
    checks.choice("cell", cell, CELLS)
    states, tape = forward(cell, params, x, s0, lengths)
    T, B, S = states.shape[0] - 1, *states.shape[1:]
    if dstates is not None:  # here, as it is: later on half a batch is looked at
        shape = (("T", T), ("B", B), ("S", S))
        dstates = checks.array("dstates", dstates, shape, states.dtype)
    steps = np.full(B, T) if tape.lengths is None else tape.lengths
    J = jacobians(cell, params, x, s0, lengths)
    # the padding's Jacobians are the identity: they add nothing to the sum, only to its length
    exponents = lyapunov_exponents(J, min(3, S)) * (T / steps)[:, None]
    norms = _norms(J, lengths, exponents[:, 0].max())
    norms = norms[: steps.max() + 1]  # what is padding in all sequences has no norm
    shares, noise = _shares(cell, params, tape.x, dstates, states[0], tape.lengths)
    found = Checkup(
        cell,
        _weights(cell, params),
        exponents,
        norms,
        {level: _first_below(norms, level) for level in (0.5, SMALL, 2.0**-24)},
        shares if shares is None else shares[: steps.max()],
        noise,
        *_gates(cell, params, tape, states, np.arange(T)[:, None] < steps),
        (),
    )
    findings = sorted(_read(found), key=lambda finding: ORDER.index(finding.name))
    return found._replace(findings=tuple(findings))


def checkup_stack(stack, x, doutputs=None, s0=None, lengths=None):
    """Measure every layer of a stack, each on the outputs of the one below.

    Parameters
    ----------
    stack : Stack
        The layers, as `rnn_src.stack.from_pytorch_stack` reads them.
    x : (T, B, D) array
        Inputs of the network's own kind, time first.
    doutputs : (T, B, outputs) array, optional
        dL/d outputs of the last layer; each layer gets what comes down to it. Without it nothing is
        said of the gradient's shares.
    s0 : (K, B, S) array, optional
        The states before the first input, as `rnn_src.stack.forward_stack` wants them.
    lengths : (B,) array of int, optional
        Real lengths in 1..T.

    Returns
    -------
    tuple of Checkup
        One a direction of each layer, from the input up, the forward direction first.

    Raises
    ------
    ValueError
        As `checkup` and `rnn_src.stack.forward_stack` raise it.
    TypeError
        If `stack` is not a Stack, or parameters are those of another cell.

    Notes
    -----
    Shown in :ref:`ch-bring`. A gradient travels back in the layer that forgets slowest, so no layer
    alone tells how far the whole reaches: `rnn_src.gradient_flow.gradient_by_input` does.

    Examples
    --------
    >>> from rnn_src import init
    >>> rng = np.random.default_rng(0)
    >>> stack = Stack("lstm", ((init("lstm", 3, 4, rng),), (init("lstm", 4, 4, rng),)))
    >>> [found.where for found in checkup_stack(stack, rng.standard_normal((30, 2, 3)))]
    ['layer 1 of 2 (l0)', 'layer 2 of 2 (l1)']
    """
    outputs, tapes = forward_stack(stack, x, s0, lengths)
    if doutputs is not None:
        shape = tuple(zip(("T", "B", "outputs"), outputs.shape))
        doutputs = checks.array("doutputs", doutputs, shape, outputs.dtype)
        if (ends := tapes[-1][0].lengths) is not None:  # beyond them the output is 0
            doutputs = doutputs * (np.arange(len(doutputs))[:, None] < ends)[..., None]
    count, found = len(stack.layers), []
    downs = _losses(stack, tapes, doutputs)
    for k, (layer, taken, down) in enumerate(zip(stack.layers, tapes, downs)):
        sides = (None, None) if down is None else np.split(down, len(layer), axis=2)
        for params, tape, dh, way in zip(layer, taken, sides, ("", "_reverse")):
            dstates = None
            if dh is not None:
                dstates = np.zeros_like(tape.states[1:])
                dstates[..., : dh.shape[2]] = turned(dh, tape.lengths) if way else dh
            one = checkup(stack.cell, params, tape.x, dstates, tape.states[0], tape.lengths)
            alone = count == len(layer) == 1
            where = "" if alone else f"layer {k + 1} of {count} (l{k}{way})"
            found.append(one._replace(where=where))
    return tuple(found)


def _losses(stack, tapes, doutputs):
    """What of the loss comes down to each layer: one walk from the last to the first."""
    if doutputs is None:
        return [None] * len(stack.layers)
    downs = [doutputs]
    for layer, taken in zip(stack.layers[:0:-1], tapes[:0:-1]):
        downs.append(backward_stack(Stack(stack.cell, (layer,)), (taken,), downs[-1])[1])
    return downs[::-1]


def _norms(J, lengths, exponent):
    """The norms by lag; where they overflow, what the caller can do about it."""
    try:
        return lag_norms(J, lengths)
    except ValueError as error:  # J is well formed, so its products overflow
        raise ValueError(
            f"x must have fewer steps: over {len(J)} the gradients of this network, which grow by "
            f"e^{exponent:.2f} a step, overflow {J.dtype}"
        ) from error


def _weights(cell, params):
    H = params.W.shape[1]
    named = {}
    for k, letter in enumerate(BLOCKS.get(cell, " ")):
        W = params.W[k * H : (k + 1) * H]
        radius = np.abs(np.linalg.eigvals(W)).max()
        named[f"W {letter}".strip()] = float(radius), float(np.linalg.norm(W, 2))
    return named


def _first_below(norms, level):
    """The first lag from which on the median over the sequences stays below the level."""
    above = np.flatnonzero(np.nanmedian(norms, axis=1) >= level)
    return int(above[-1]) + 1 if above[-1] + 1 < len(norms) else None


def _shares(cell, params, x, dstates, s0, lengths):
    """The tails of the gradient of W by lag, and its sampling error by two halves of the batch."""
    if dstates is None:
        return None, None
    B = x.shape[1]
    by_lag = []
    for half in (slice(0, B, 2), slice(1, B, 2)) if B > 1 else (slice(0, 1),):
        of_half = None if lengths is None else lengths[half]
        part = gradient_by_lag(cell, params, x[:, half], dstates[:, half], s0[half], of_half)
        by_lag.append(part.W)
    tails = np.cumsum(sum(by_lag)[::-1], axis=0)[::-1]
    whole = np.linalg.norm(tails[0])
    if whole == 0:
        raise ValueError("dstates must give W a gradient, got one that is 0")
    shares = np.linalg.norm(tails, axis=(1, 2)) / whole
    if B == 1:
        return shares, None
    # the error of a sum of B terms is as large as the difference of the sums of its halves
    return shares, float(np.linalg.norm((by_lag[0] - by_lag[1]).sum(axis=0)) / whole)


def _gates(cell, params, tape, states, real):
    """The saturated share, and the half-life that each unit's keeping gate gives."""
    H = params.W.shape[1]
    if cell not in BLOCKS:
        bounded = cell not in ("rnn_relu", "rnn_linear")
        return float(np.mean(np.abs(states[1:][real]) > EDGE)) if bounded else np.nan, None
    a = states[:-1, :, :H] @ params.W.T + tape.x @ params.U.T + params.b
    a = a[real].reshape(-1, CELLS[cell].gates, H)
    gates = 0.5 + 0.5 * np.tanh(0.5 * a)
    logistic = gates[:, CELLS[cell].logistic]
    kept = gates[:, BLOCKS[cell].index(KEEPS[cell])]
    keep = np.mean(np.log(np.maximum(kept, 1e-300)), axis=0)
    with np.errstate(divide="ignore"):
        return float(np.mean(np.abs(logistic - 0.5) > EDGE - 0.5)), -np.log(2) / keep


# --- What it means ---------------------------------------------------------------------------


def _read(found):
    """The sentences, each with its condition."""
    T, B = len(found.norms) - 1, found.norms.shape[1]
    median = np.nanmedian(found.norms, axis=1)
    peak = int(np.argmax(median))
    rate = float(np.median(found.exponents[:, 0]))
    on = f"on these {B} sequences" if B > 1 else "on this sequence"

    chaotic = (found.exponents[:, 0] > 0).all() and rate * T > np.log(10)
    if chaotic:
        yield Finding(
            "chaotic",
            f"The largest exponent is {rate:+.3f} a step {on}: a difference of states grows "
            f"tenfold in {np.log(10) / rate:.0f} steps. Clipping bounds the step of the "
            f"optimizer; it does not make a gradient over {T} steps tell how the loss changes.",
            "ch-chaos",
        )
    elif median[peak] > 10:
        yield Finding(
            "exploding",
            f"Clip the gradient: it can grow {median[peak]:.0f} times over {peak} steps {on} "
            f"(median), though no exponent says that it grows for ever.",
            "ch-exploding",
        )
    forgotten = found.reach[SMALL]
    if forgotten is not None:
        yield Finding(
            "vanishing",
            f"From {forgotten} steps back a gradient arrives with less than a thousandth of its "
            f"norm {on} (median; the largest exponent says {np.exp(rate):.3f} a step). Whatever "
            f"lies farther back is learned last, if at all.",
            "ch-vanishing",
        )
    elif not chaotic and 0.1 < median[-1] < 10:
        yield Finding(
            "holding",
            f"Over all {T} steps a gradient keeps its norm within a factor of ten {on} (median, in "
            f"the direction that keeps it best). If the network forgets, it need not be for lack "
            f"of a way back through this layer.",
            "ch-jacobians",
        )
    yield from _read_weights(found, median, peak, rate)
    yield from _read_shares(found, B)
    yield from _read_gates(found, T)


def _read_weights(found, median, peak, rate):
    if "W" not in found.weights:  # gates: no one matrix decides
        return
    radius, norm = found.weights["W"]
    if norm < 1 and found.cell != "rnn_leaky":
        yield Finding(
            "contracting",
            f"The 2-norm of W is {norm:.3f}, so on any inputs a gradient shrinks by at least that "
            f"factor a step: {norm**20:.0e} over 20 steps.",
            "ch-vanishing",
        )
    if radius > 1.05 and rate < 0:
        yield Finding(
            "radius",
            f"The spectral radius of W is {radius:.2f}, and yet gradients shrink: the slopes of "
            f"the units count too, and at these inputs they are small enough.",
            "ch-jacobians",
        )
    if radius < 1 and median[peak] > 2:
        yield Finding(
            "transient",
            f"The spectral radius of W is {radius:.2f}, and yet a gradient grows "
            f"{median[peak]:.1f} times over {peak} steps: W is far from normal.",
            "ch-transients",
        )


def _read_shares(found, B):
    if found.shares is None:
        return
    T = len(found.shares)
    near = int(np.argmax(np.append(found.shares, 0) < 0.01))
    if near < T / 2:
        yield Finding(
            "near-sighted",
            f"Uses of W at lags of {near} steps or more add less than 1% to the norm of its "
            f"gradient, in this batch of {B}.",
            "ch-impacts",
        )
    if found.noise is None or found.noise < SMALL:
        return
    drowned = int(np.argmax(np.append(found.shares, 0) < found.noise))
    if drowned < T:
        yield Finding(
            "drowned",
            f"To hear lags of {drowned} or more, average over many updates or larger batches: what "
            f"they add to the gradient of W is smaller than the sampling error of this batch of "
            f"{B} ({found.noise:.2g} of the gradient), which falls as the root of the batch size.",
            "ch-vanishing",
        )


def _read_gates(found, T):
    if found.saturated > 0.5:
        what = "gates are" if found.half_lives is not None else "activations are"
        yield Finding(
            "saturated",
            f"{found.saturated:.0%} of the {what} beyond {EDGE:g} of their range, where less than "
            f"a tenth of a gradient passes.",
            "ch-vanishing",
        )
    if found.half_lives is None:
        return
    longest, middle = found.half_lives.max(), np.median(found.half_lives)
    gate = {"f": "forget", "z": "update"}[KEEPS[found.cell]]
    if longest < T / 4 and found.reach[SMALL] is not None:  # or other paths carry the gradient
        yield Finding(
            "short gates",
            f"Start the {gate} gates with larger biases, or with biases drawn for the lag that you "
            f"need: they halve what they keep within {middle:.1f} steps (median unit; the longest "
            f"{longest:.1f}), and the sequences have {T}.",
            "ch-forget-bias",
        )


def _nothing(found):
    """What is printed where no sentence applies: the norm fell, and not to a thousandth."""
    T, B = len(found.norms) - 1, found.norms.shape[1]
    left = np.nanmedian(found.norms, axis=1)[-1]
    without = " Without a loss (dstates) its shares by lag were not measured."
    return Finding(
        "nothing",
        f"Nothing was found: on {B} sequences of at most {T} steps a gradient still has {left:.2g} "
        f"of its norm after {T} (median, in the direction that keeps it best), and a thousandth "
        f"counts as forgotten here. This does not show that the network uses what lies far back."
        + without
        * (found.shares is None),
        "ch-bring",
    )


# --- From a shell ----------------------------------------------------------------------------


#: What is said below the last of several layers.
WHOLE = (
    "A gradient travels back in the layer that forgets slowest: no layer alone tells how far the "
    "whole reaches."
)


def _load(path):
    """The arrays of a file by their names."""
    path = Path(path)
    if path.suffix == ".npz":
        with np.load(path) as file:
            return dict(file)
    if path.suffix == ".safetensors":
        try:
            from safetensors.numpy import load_file
        except ImportError:
            raise ValueError(f"{path.name} needs the package safetensors: pip install it") from None
        return load_file(path)
    if path.suffix in (".pt", ".pth"):
        try:
            import torch
        except ImportError:
            raise ValueError(
                f"{path.name} needs PyTorch, which is not installed here; where it is, save it by "
                "np.savez('weights.npz', **{k: v.numpy() for k, v in state_dict.items()})"
            ) from None
        return torch.load(path, map_location="cpu", weights_only=True)
    raise ValueError(f"weights must be a .npz, .safetensors, .pt or .pth file, got {path.name}")


def main(arguments=None):
    """Load, measure, print; `python -m rnn_src.checkup --help` lists the options.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the command line, if not given.

    Raises
    ------
    SystemExit
        With one sentence, if a file or an option is not as it should be.

    Notes
    -----
    Shown in :ref:`ch-bring`.

    Examples
    --------
    >>> main(["weights.txt", "--cell", "lstm", "--input", "x.npy"])
    Traceback (most recent call last):
    SystemExit: weights must be a .npz, .safetensors, .pt or .pth file, got weights.txt
    """
    given = _options(arguments)
    draw = _drawing() if given.figure else None
    try:
        weights = _load(given.weights)
        if given.layer is None and not given.reverse:
            stack = from_pytorch_stack(given.cell, weights, given.prefix)
        else:
            place = given.prefix, given.layer or 0, given.reverse
            stack = Stack(given.cell, ((from_pytorch(given.cell, weights, *place),),))
        x = np.load(given.input).astype(stack.layers[0][0].W.dtype)
        lengths = np.load(given.lengths) if given.lengths else None
        if x.ndim == 3 and given.batch_first:
            x = x.swapaxes(0, 1)
        elif x.ndim == 3 and _looks_batch_first(x, lengths):
            T, B, D = x.shape
            print(
                f"Note: the input is read as {T} steps of {B} sequences. If it is {T} sequences of "
                f"{B} steps, add --batch-first."
            )
        if given.reverse:
            x = turned(x, lengths)
        found = checkup_stack(stack, x, lengths=lengths)
        print("\n\n".join(map(str, found)))
        if len(found) > 1:
            print(f"\n{fill(WHOLE, 76)}")
        for one in found if given.figure else ():
            path, name = Path(given.figure), re.search(r"\((.+)\)", one.where)
            draw(one).savefig(path.with_stem(f"{path.stem}-{name[1]}") if name else path)
    except (OSError, TypeError, ValueError) as error:
        sys.exit(str(error))


def _options(arguments):
    parser = argparse.ArgumentParser(prog="python -m rnn_src.checkup", description=__doc__)
    parser.add_argument("weights", help=".npz, .safetensors, .pt or .pth, with PyTorch's names")
    parser.add_argument("--cell", required=True, choices=("rnn", "rnn_relu", "gru", "lstm"))
    parser.add_argument("--input", required=True, help=".npy of (T, B, D), the network's own kind")
    parser.add_argument("--lengths", help=".npy of (B,), where the sequences are padded")
    parser.add_argument("--batch-first", action="store_true", help="the input is (B, T, D)")
    parser.add_argument("--prefix", default="", help="of the layers' names, such as encoder.")
    alone = "one layer alone, the first is 0; the input is then that of this layer"
    parser.add_argument("--layer", type=int, help=alone)
    parser.add_argument("--reverse", action="store_true", help="of this layer what reads backwards")
    drawn = "where to draw it: .svg, .png or .pdf; of several layers each gets its name"
    parser.add_argument("--figure", help=drawn)
    return parser.parse_args(arguments)


def _looks_batch_first(x, lengths):
    """Whether the first axis is more likely the batch: by the lengths, or as the shorter one."""
    T, B, _ = x.shape
    return T < B if lengths is None else np.shape(lengths) == (T,) != (B,)


def _drawing():
    """What draws a checkup, asked for before the work is done."""
    try:
        from rnn_src.figures import checkup_figure
    except ImportError:
        sys.exit("--figure needs Matplotlib, which is not installed here: pip install matplotlib")
    return checkup_figure


if __name__ == "__main__":
    main()

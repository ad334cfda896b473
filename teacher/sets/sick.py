"""What is asked of the third problem set: a sickness, and the number that proves it."""

from functools import partial

import numpy as np
from grade import Task, Wrong, alike, both, kind, parts
from sets.clinic import SICKNESSES, ward

from rnn_src import forward
from rnn_src.checkup import checkup
from rnn_src.gradient_flow import lyapunov_exponents
from rnn_src.readout import softmax_cross_entropy
from rnn_src.scan import jacobians

PAGES = {
    "forgets": ("vanishing", "How fast"),
    "explodes": ("chaos", "The exponent, measured"),
    "closed gates": ("half-lives", "The half-life of a gate"),
    "transposed": ("bring", "Load it"),
    "padding": ("sequences", "Padding and masks done right"),
    "diluted": ("sequences", "Padding and masks done right"),
    "healthy": ("bring", "The checkup"),
}


def measured(p):
    """For each sickness the number that proves it, or None; and whatever else of it is known."""
    B, H = p.x.shape[1], p.params.W.shape[1]
    found = checkup(p.cell, p.params, p.x, lengths=p.lengths)
    own = p.states[p.lengths, np.arange(B), :H]
    real = np.arange(len(p.x))[:, None] < p.lengths
    lives = found.half_lives
    numbers = {
        "forgets": found.reach[1e-3],
        "explodes": float(np.median(found.exponents[:, 0])),
        "closed gates": None if lives is None else float(lives.max()),
        "transposed": float(np.abs(gap(p)).max()),
        "padding": int((np.abs(p.last - own).max(axis=1) > 1e-9).sum()),
        "diluted": p.loss / softmax_cross_entropy(p.o, p.targets, real)[0],
        "healthy": 0.0,
    }
    return numbers, found


def gap(p):
    """By how much the states differ from those of the library."""
    return forward(p.cell, p.params, p.x, lengths=p.lengths)[0] - p.states


def rates(p):
    """The largest exponent from one vector and from a whole frame: in so few steps they differ."""
    J = jacobians(p.cell, p.params, p.x, lengths=p.lengths)
    steps = len(p.x) / p.lengths  # the padding's Jacobians are the identity
    return [float(np.median(lyapunov_exponents(J, n)[:, 0] * steps)) for n in (1, None)]


def refuted(claim, p, numbers, found):
    """What speaks against a claim, measured; nothing of what is true instead."""
    T = len(p.x)
    if claim == "forgets":
        if numbers["forgets"] is None:
            left = np.nanmedian(found.norms, axis=1)[-1]
            return f"a gradient keeps {left:.2g} of its norm over {T} steps"
        return (
            "that is a symptom: something in this cell makes it forget, and has a name of its own"
        )
    if claim == "explodes":
        return f"its largest exponent is {numbers['explodes']:+.3f} a step, not above 0.05"
    if claim == "closed gates":
        if found.half_lives is None:
            return f"its cell, {p.cell}, has no gates"
        return f"its longest half-life is {numbers['closed gates']:.1f} steps, of {T}"
    if claim == "transposed":
        return "it gives the states of its library to rounding"
    if claim == "padding":
        return "it answers from the last state of each sequence"
    if claim == "diluted":
        return "the loss that is reported is the mean over the real steps"
    return "one of the six numbers of the table says that it is ill"


def suspects(sickness, p, found):
    """Numbers that were measured in another way than the table says."""
    H = p.params.W.shape[1]
    without = checkup(p.cell, p.params, p.x)
    says = "This takes the padding for steps: give `lengths` to what you measure with."
    if sickness == "explodes":
        radius = np.abs(np.linalg.eigvals(p.params.W)).max()
        yield (
            "This is the logarithm of the spectral radius of W: the slopes of the units count too.",
            np.log(radius),
        )
        largest = found.exponents[:, 0]
        yield "This is the factor a step: take its logarithm.", np.exp(np.median(largest))
        yield says, np.median(without.exponents[:, 0])
        yield says, np.median(largest * p.lengths / len(p.x))
        yield "This is a mean over the sequences: take the median.", largest.mean()
    if sickness == "forgets":
        yield says, without.reach[1e-3]
        yield "This is the lag at which a half is left, not a thousandth.", found.reach[0.5]
    if sickness == "closed gates":
        yield "This is the median unit: the longest decides.", np.median(found.half_lives)
        yield "This is the mean over the units: the longest decides.", found.half_lives.mean()
        yield "This is the shortest half-life: the longest decides.", found.half_lives.min()
        yield says, without.half_lives.max()
    if sickness == "transposed":
        yield "This is a mean: give the largest difference.", np.abs(gap(p)).mean()
        yield "Differences have a sign: give the largest absolute one.", gap(p).max()
        yield "This is of h alone: compare all of the state.", np.abs(gap(p)[..., :H]).max()
    if sickness == "padding":
        wrong = measured(p)[0]["padding"]
        yield "Those are the sequences that are right.", len(p.lengths) - wrong
    if sickness == "diluted":
        ratio = measured(p)[0]["diluted"]
        yield "This is upside down: what is reported over what is right.", 1 / ratio
        yield "This is the share of padding.", 1 - ratio


def check_patient(place, do, seed):
    """One bed of the ward."""
    p, sickness = ward(seed)[place]
    came, number = parts("diagnose", do.diagnose(p), "sickness, number")
    if not isinstance(came, str) or came not in SICKNESSES:
        raise Wrong(f"The sickness must be one of {', '.join(SICKNESSES)}; came {came!r:.40}.")
    numbers, found = measured(p)
    if came != sickness:
        raise Wrong(f"Came {came!r}. But {refuted(came, p, numbers, found)}.", PAGES[came])
    wanted, says = numbers[sickness], f"{came!r} is right. Its number:"
    try:
        number = float(number)
    except (TypeError, ValueError):
        raise Wrong(f"{says} came {kind(number)}, wanted one number.", PAGES[came]) from None
    right = [wanted, *rates(p)] if sickness == "explodes" else [wanted]
    if not any(alike(number, one, 1e-6) for one in right):
        says += f" {both(number, wanted)}."
        others = [(s, other) for s, other in suspects(sickness, p, found) if other is not None]
        same = [sentence for sentence, other in others if alike(number, other, 1e-6)]
        raise Wrong(" ".join([says, *same[:1]]), PAGES[came])


TASKS = tuple(
    Task(f"patient {letter}", "bring", "The checkup", partial(check_patient, place))
    for place, letter in enumerate("ABCDEFG")
)

"""An exam of twenty questions whose numbers, and so its key, come from a secret.

    python teacher/exam.py --out FOLDER          asks for the secret
    python teacher/exam.py --out FOLDER --sample writes the public sample

The same secret makes the same exam and the same key, on any machine; another makes other numbers in
every question. This file is public: it shows which questions there are and how each is answered, as
a textbook may. It does not show the numbers.

Why a secret seed and not an encrypted key. An encrypted key lies in public for ever: whoever learns
the password once has the key for good, and the exam is spent. Here nothing is stored that could
leak. A teacher who has used a secret, or lost it, takes another and has another exam. And a key
that is computed cannot disagree with its questions. The secret goes through scrypt, so that
guessing it from a printed exam is slow, and short ones are refused.
"""

import argparse
import functools
import getpass
import hashlib
import math
import random
import re
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))  # in a checkout the package lies there, not installed

from rnn_src import backward, forward  # noqa: E402
from rnn_src.cells import GRUParams, LSTMParams, RNNParams  # noqa: E402
from rnn_src.linear import compose  # noqa: E402
from rnn_src.optimizers import clip_by_norm, clip_by_value  # noqa: E402
from rnn_src.theory import forget_half_life, rounding_lag  # noqa: E402

SAMPLE = "sample"  # the secret that everybody knows
SHORTEST = 16  # characters
QUESTIONS = []


class Question(NamedTuple):
    """A question with its numbers, the answers by name, and how to mark them."""

    text: str
    answers: dict
    note: str
    given: dict  # the numbers again, for whoever wants to compute the answers in another way


def question(page, title, points):
    """Enter a question on a page of the book, a function of a generator, into the list."""

    def enter(function):
        QUESTIONS.append((function, page, title, points))
        return function

    return enter


class Draw:
    """Numbers from seeds. Python promises that the stream of `random` stays; NumPy does not."""

    def __init__(self, *seeds):
        self._random = random.Random("/".join(map(str, seeds))).random

    def integer(self, low, high):
        """From low to high, both included."""
        return low + int(self._random() * (high + 1 - low))

    def pick(self, low, high, step):
        """A round number from an even grid."""
        return round(low + step * self.integer(0, round((high - low) / step)), 10)

    def nonzero(self, low, high, step):
        """The same, and never 0, where a 0 would answer the question."""
        while not (value := self.pick(low, high, step)):
            pass
        return value


# --- Part I. Recurrence ----------------------------------------------------------------------


@question("memory", "What a window can reach", 5)
def window(rng):
    longest, size, answers = (rng.integer(*r) for r in ((20, 60), (5, 19), (3, 9)))
    text = rf"""
        A clue stands $d$ steps before the end of a sequence, with $d$ uniform on 1, 2, ...,
        {longest}. It decides which of {answers} equally frequent answers is right. A model sees
        the last {size} steps and nothing else (a clue at $d \le {size}$ is seen), and all other
        steps say nothing of the answer. (a) What share of answers can the best such model get
        right? (b) And the best model that sees everything, but no order, if the same symbols
        stand in every sequence?
        """
    share = size / longest
    return Question(
        text,
        {"a": share + (1 - share) / answers, "b": 1 / answers},
        r"""
        (a) A seen clue is always answered, another guessed. (b) Without order all sequences are
        one bag: it guesses. Three points for (a), one
        of them for the share of seen clues alone; two for (b).
        """,
        dict(longest=longest, size=size, answers=answers),
    )


@question("cell", "Two steps by hand", 5)
def two_steps(rng):
    w11, w12, w21, w22 = (rng.pick(-1.5, 1.5, 0.1) for _ in range(4))
    u, b = (rng.pick(0.2, 1.2, 0.1) for _ in range(2))
    x1, x2 = (rng.pick(-1.0, 1.0, 0.1) for _ in range(2))
    text = rf"""
        A tanh network has two units, $W = \begin{{pmatrix}} {w11:g} & {w12:g} \\ {w21:g} &
        {w22:g} \end{{pmatrix}}$, one input with $U = ({u:g}, {-u:g})^\top$, and $b = ({b:g},
        0)^\top$. It starts from $h_0 = 0$ and reads {x1:g}, then {x2:g}. (a) $h_1$? (b) $h_2$?
        """
    params = RNNParams(
        np.array([[w11, w12], [w21, w22]]), np.array([[u], [-u]]), np.array([b, 0.0])
    )
    states, _ = forward("rnn", params, np.array([[[x1]], [[x2]]]))
    first, second = states[1:, 0].tolist()
    return Question(
        text,
        {"a": first, "b": second},
        r"""
        Two points for $h_1$, three for $h_2$. Whoever takes $W^\top$ for $W$ loses two: row $i$
        of $W$ belongs to unit $i$.
        """,
        dict(W=[[w11, w12], [w21, w22]], u=u, b=b, x=[x1, x2]),
    )


@question("letters", "Surprise", 5)
def surprise(rng):
    symbols = rng.integer(8, 39)
    high, share = rng.pick(0.5, 0.9, 0.01), rng.pick(0.3, 0.9, 0.01)
    low = (1 - high) / (symbols - 1)
    text = rf"""
        A model names the next of {symbols} symbols. It always gives {high:.2f} to one symbol
        and shares the rest evenly among the others, and its favourite is right in {share:.0%}
        of the steps. (a) Its mean cross-entropy in nats? (b) Its perplexity? (c) What does a
        model that knows nothing have as its cross-entropy, if all symbols are equally frequent?
        """
    loss = -share * math.log(high) - (1 - share) * math.log(low)
    return Question(
        text,
        {"a": loss, "b": math.exp(loss), "c": math.log(symbols)},
        r"""
        Three points for (a), one each for (b), e to the power of (a), and (c), the logarithm of the
        number of symbols. Bits for nats cost one point.
        """,
        dict(symbols=symbols, high=high, low=low, share=share),
    )


# --- Part II. Gradients through time ---------------------------------------------------------


@question("sequences", "A loss with padding in it", 5)
def padding(rng):
    T = rng.integer(12, 24)
    lengths = [T, *sorted((rng.integer(3, T - 1) for _ in range(4)), reverse=True)]
    loss = rng.pick(0.4, 1.4, 0.01)
    real = sum(lengths)
    text = rf"""
        Five sequences of {", ".join(map(str, lengths))} steps are padded to {T}. A program sets
        the loss of padded steps to 0 and takes the mean over the whole array, {loss:.2f} nats.
        (a) What is the mean over the real steps? (b) By which factor does the program multiply
        the gradient? (c) The same network is then tested on sequences that all have the same
        length. Will the reported loss rise or fall, if the network is as good on each step as
        before? Why?
        """
    return Question(
        text,
        {"a": loss * 5 * T / real, "b": real / (5 * T), "c": "rise"},
        r"""
        Two points each for (a) and (b), one for (c): the sum is right, the divisor is not, and
        where nothing is padded it is right again.
        """,
        dict(T=T, lengths=lengths, loss=loss),
    )


@question("bptt", "Backwards by hand", 6)
def by_hand(rng):
    w, x = rng.pick(0.3, 1.4, 0.05), [rng.pick(-2, 2, 0.1) for _ in range(3)]
    y = rng.pick(-1, 1, 0.1)
    text = rf"""
        One linear unit, $h_t = w h_{{t-1}} + x_t$, with $w = {w:g}$ and $h_0 = 1$, reads
        {x[0]:g}, {x[1]:g}, {x[2]:g}. The loss is $L = \frac12 (h_3 - y)^2$ with $y = {y:g}$.
        Find (a) $\partial L / \partial h_0$ and (b) $dL/dw$, as the sum of the three uses of
        $w$. (c) What does a program give for $dL/dw$ that takes $h_t$ where $h_{{t-1}}$
        belongs?
        """
    params = RNNParams(np.array([[w]]), np.ones((1, 1)), np.zeros(1))
    inputs, first = np.array(x)[:, None, None], np.ones((1, 1))
    states, tape = forward("rnn_linear", params, inputs, first)
    dstates = np.zeros((3, 1, 1))
    dstates[-1] = states[-1] - y
    grads, _, ds0 = backward("rnn_linear", params, tape, dstates)
    h, error = states[:, 0, 0], float(states[-1, 0, 0] - y)
    wrong = sum(error * w ** (2 - t) * h[t + 1] for t in range(3))
    return Question(
        text,
        {"a": float(ds0[0, 0]), "b": float(grads.W[0, 0]), "c": float(wrong)},
        r"""
        Two points each. (a) is error times $w^3$; (b) the error times $w^2 h_0 + w h_1 + h_2$;
        (c) the same with $h_1, h_2, h_3$.
        """,
        dict(w=w, x=x, y=y),
    )


@question("gradient-check", "The step of a difference", 5)
def difference(rng):
    terms, third = rng.pick(5, 95, 5), rng.pick(0.5, 6, 0.1)
    text = rf"""
        The derivative of a loss is measured by central differences in float64, with $u = 1.1
        \times 10^{{-16}}$. The terms that the loss adds up have absolute values that sum to
        {terms:g}, and its third derivative along the direction is {third:g}. Take the rounding
        error as $u \sum |\ell| / \epsilon$ and what is cut off as $\epsilon^2 |L'''| / 6$. (a)
        Which step makes their sum smallest? (b) How large is the sum there? (c) Why has the
        complex step no such best step?
        """
    step = (3 * 1.1e-16 * terms / third) ** (1 / 3)
    error = 1.1e-16 * terms / step + step**2 * third / 6
    return Question(
        text,
        {"a": step, "b": error, "c": "nothing is subtracted"},
        r"""
        Two points each for (a) and (b), to 5%; who sets the two errors equal finds a step
        larger by a factor $2^{1/3}$ and gets one point of (a). (c) One point: no two losses are
        subtracted, so there is no rounding that grows as the step falls.
        """,
        dict(terms=terms, third=third),
    )


@question("truncation", "What a window keeps", 5)
def kept(rng):
    w, T = rng.pick(0.7, 0.98, 0.01), rng.integer(40, 99)
    K, n = rng.integer(5, 19), rng.integer(10, 39)
    d = rng.integer(1, n - 1)
    text = rf"""
        One linear unit, $h_t = w h_{{t-1}} + u x_t$, with $w = {w:.2f}$, reads {T} inputs of 1,
        and only its last state has a loss. (a) Which share of $dL/du$ does a window of {K}
        credit, the lags from 0 to {K - 1}? (b) In a long sequence with a loss at every step,
        which share of the pairs of lag {d} do chunks of {n} steps credit? (c) And on average
        random cuts with probability $1/{n}$ at every step?
        """
    return Question(
        text,
        {"a": (1 - w**K) / (1 - w**T), "b": (n - d) / n, "c": (1 - 1 / n) ** d},
        r"""
        Two points for (a), a quotient of geometric sums; two for (b), one for (c). A window
        that credits one lag more or less: one point of (a).
        """,
        dict(w=w, T=T, K=K, n=n, d=d),
    )


@question("jacobians", "Small eigenvalues, large products", 5)
def hump(rng):
    a, c = rng.pick(0.8, 0.97, 0.01), rng.pick(2, 12, 0.5)
    text = rf"""
        $W = \begin{{pmatrix}} {a:g} & {c:g} \\ 0 & {a:g} \end{{pmatrix}}$, and the units are
        linear. (a) What is $(W^k)_{{12}}$? (b) For which whole $k$ is it largest (the first, if
        there are two), and how large is it there? (c) Somebody says that gradients shrink at
        every step, because both eigenvalues are below 1. Which condition on $W$ is missing?
        """
    hundredths = round(100 * a)
    k = -(-hundredths // (100 - hundredths))  # the first k with (k + 1) a <= k, in whole numbers
    return Question(
        text,
        {"a": "$k c a^{k-1}$", "b": (k, k * c * a ** (k - 1)), "c": "that W is normal"},
        r"""
        One point for (a), three for (b) (the largest $k$ is near $-1 / \ln a$), one for (c):
        the sentence holds if $W$ is normal, or if its 2-norm is below 1.
        """,
        dict(a=a, c=c),
    )


@question("vanishing", "Lost in rounding", 5)
def rounding(rng):
    rate = rng.pick(0.6, 0.98, 0.005)
    batch, noise = rng.integer(16, 128), rng.pick(0.5, 3, 0.1)
    text = rf"""
        The contribution of lag $k$ to a gradient is ${rate:g}^k$ times that of lag 0. (a) From
        which lag on does adding it to that of lag 0 change nothing in float32? (Half the
        distance from 1 to the next number, $2^{{-24}}$, rounds to nothing.) (b) A batch of
        {batch} sequences has a sampling error of {noise:g} times the contribution of lag 0,
        divided by the root of the batch. From which lag on is the contribution below this
        error? (c) Which of the two floors falls, if the gradients of many batches are averaged?
        """
    floor = noise / math.sqrt(batch)
    lag = max(0, math.floor(math.log(floor) / math.log(rate)) + 1)
    return Question(
        text,
        {"a": rounding_lag(rate), "b": lag, "c": "noise"},
        r"""
        Two points each for (a) and (b), off by one lag: one point; (c) one point: errors of
        many batches average out, and what was rounded away in each of them does not come back.
        """,
        dict(rate=rate, batch=batch, noise=noise),
    )


@question("half-lives", "Half-lives", 5)
def half_lives(rng):
    b, steps = rng.pick(0.5, 5, 0.05), rng.integer(15, 249)
    text = rf"""
        A forget gate hears only its bias. (a) After how many steps is half of what it kept
        left, if the bias is {b:g}? (b) Which bias keeps half for {steps} steps? (c) By about
        how much must the bias grow, if a long half-life is to be doubled?
        """
    gate = 0.5 ** (1 / steps)
    return Question(
        text,
        {"a": forget_half_life(b), "b": math.log(gate / (1 - gate)), "c": math.log(2)},
        r"""
        Two points each for (a) and (b), one for (c): a long half-life is about $e^b \ln 2$, so the
        bias is about its logarithm less a constant.
        """,
        dict(b=b, steps=steps),
    )


@question("exploding", "Before the NaN", 4)
def overflow(rng):
    factor, start = rng.pick(1.1, 3, 0.01), rng.pick(0.01, 0.5, 0.01)
    text = rf"""
        In float32 (largest number $3.4 \times 10^{{38}}$) each entry of a gradient is
        {start:.2f} at the last step and {factor:g} times as large with each step back. (a) How
        many steps back is it the first time infinite? (b) The program clips by the norm, for
        which it squares the entries, in float32 too. From how many steps back on is a square
        infinite? (c) By what does it then multiply the gradient, and what comes out?
        """
    top = float(np.finfo(np.float32).max)
    first, square = (
        math.floor(math.log(m / start) / math.log(factor)) + 1 for m in (top, math.sqrt(top))
    )
    return Question(
        text,
        {"a": first, "b": square, "c": "by 0: the update is 0, and where an entry is infinite NaN"},
        r"""
        One point for (a), two for (b): about half as many steps. (c) One point: limit over
        infinity is 0, so finite entries become 0 without a warning, and $0 \cdot \infty$ is
        NaN. Off by one: half.
        """,
        dict(factor=factor, start=start),
    )


@question("signal-propagation", "How far a signal travels", 5)
def travels(rng):
    sigma, drive = rng.pick(0.6, 0.97, 0.01), rng.pick(0.1, 2, 0.1)
    level = rng.integer(20, 1999)
    text = rf"""
        A wide *linear* network has independent normal recurrent weights of variance $\sigma_w^2
        / H$, $\sigma_w = {sigma:.2f}$, and its inputs bring a fresh variance of {drive:g} to
        each unit at every step. (a) Which mean square of a unit settles? (b) By which factor
        does each step back multiply the mean square of a gradient? (c) After how many steps has
        a typical norm fallen below 1/{level}? (d) If the units were tanh units, would $\chi$ be
        larger or smaller than in (b)? Why?
        """
    steps = math.floor(math.log(1 / level) / math.log(sigma)) + 1
    return Question(
        text,
        {"a": drive / (1 - sigma**2), "b": sigma**2, "c": steps, "d": "smaller"},
        r"""
        One point each for (a), (b) and (d), two for (c). (c) The norm is the root of the mean
        square, so $\sigma_w^k$ counts; who takes $\sigma_w^{2k}$ gets one. (d) Slopes are at
        most 1.
        """,
        dict(sigma=sigma, drive=drive, level=level),
    )


@question("impacts", "The share of a lag", 5)
def share_of_lag(rng):
    w, T, blame = rng.pick(0.4, 0.95, 0.01), rng.integer(6, 14), rng.pick(1, 20, 0.5)
    factor = rng.integer(4, 29)
    text = rf"""
        One linear unit, $h_t = w h_{{t-1}} + u x_t$, $w = {w:.2f}$, reads {T} inputs of 1; a
        loss puts a blame of {blame:g} on the last state. (a) $dL/du$? (b) The share of the
        first input, at lag {T - 1}? (c) The learning rate is made {factor} times as large. What
        becomes of that share? (d) Instead the batch is. Which part of a gradient's norm falls,
        and how?
        """
    total = blame * (1 - w**T) / (1 - w)
    return Question(
        text,
        {
            "a": total,
            "b": blame * w ** (T - 1) / total,
            "c": "it stays",
            "d": "the noise, as 1 over the root of the batch",
        },
        "Two points for (a), one each for (b), (c), (d). A number multiplies all lags alike.",
        dict(w=w, T=T, blame=blame),
    )


# --- Part III. Repairs -----------------------------------------------------------------------


@question("clipping", "Two ways to clip", 5)
def clipping(rng):
    g = [rng.pick(3, 12, 0.1), rng.pick(0.1, 1.5, 0.05), -rng.pick(0.1, 1.5, 0.05)]
    limit = rng.pick(0.5, 2, 0.05)
    text = rf"""
        A gradient is $({g[0]:g}, {g[1]:g}, {g[2]:g})$. What is left of it if it is clipped (a)
        to a norm of {limit:g}, (b) entry by entry to $[-{limit:g}, {limit:g}]$? (c) The cosine
        between (b) and the gradient? (d) Does (a) change which share of a gradient comes from
        far lags? Why?
        """
    tree = {"g": np.array(g)}
    by_norm = clip_by_norm(tree, limit)[0]["g"]
    by_value = clip_by_value(tree, limit)["g"]
    cosine = by_value @ tree["g"] / np.linalg.norm(by_value) / np.linalg.norm(tree["g"])
    return Question(
        text,
        {"a": by_norm.tolist(), "b": by_value.tolist(), "c": float(cosine), "d": "no"},
        "Two points for (a), one each for (b), (c), (d): one number multiplies all of it.",
        dict(g=g, limit=limit),
    )


@question("lstm-tracks", "A step of an LSTM", 6)
def lstm_step(rng):
    bi, bf, bg, bo = (rng.pick(*r, 0.1) for r in ((-2, 1), (-1, 3), (-2, 2), (-1, 2)))
    w, h, c = (rng.nonzero(-top, top, 0.1) for top in (1, 0.8, 2))
    text = rf"""
        An LSTM of one unit has no input. Its biases are {bi:g} ($i$), {bf:g} ($f$), {bg:g}
        ($g$) and {bo:g} ($o$); $h$ enters the forget gate alone, with the weight {w:g}. From
        $h_0 = {h:g}$, $c_0 = {c:g}$ find (a) $c_1$, (b) $h_1$, (c) $\partial c_1 / \partial
        c_0$ and (d) $\partial c_1 / \partial h_0$. (e) Over many steps, what does the product
        of the forget gates alone leave out?
        """
    W = np.array([[0.0], [w], [0.0], [0.0]])
    params = LSTMParams(W, np.zeros((4, 1)), np.array([bi, bf, bg, bo]))
    state = np.array([[h, c]])
    states, tape = forward("lstm", params, np.zeros((1, 1, 1)), state)
    _, _, back = backward("lstm", params, tape, np.array([[[0.0, 1.0]]]))
    (h1, c1), (by_h, by_c) = states[1, 0].tolist(), back[0].tolist()
    return Question(
        text,
        {"a": c1, "b": h1, "c": by_c, "d": by_h, "e": "the track through h and the gates"},
        r"""
        Two points for (a), one each for (b) to (e). (c) is the forget gate; (d) is $f (1 - f) w
        c_0$; (e) the second track, through $h$ and the gates.
        """,
        dict(b=[bi, bf, bg, bo], w=w, h=h, c=c),
    )


@question("forget-bias", "The mean of a gate", 4)
def mean_gate(rng):
    high, low = rng.pick(0.9, 0.99, 0.005), rng.pick(0.05, 0.6, 0.05)
    every = rng.integer(3, 11)
    nth = f"{every}rd" if every == 3 else f"{every}th"
    text = rf"""
        A forget gate is {high:g} at all steps but every {nth}, where it is {low:g}. (a)
        What is the half-life of the direct path, from the mean that is right for a product? (b)
        Which half-life does the arithmetic mean of the gate give? (c) Is that always at least
        as long? Why?
        """
    log_mean = ((every - 1) * math.log(high) + math.log(low)) / every
    mean = ((every - 1) * high + low) / every
    return Question(
        text,
        {"a": math.log(0.5) / log_mean, "b": math.log(0.5) / math.log(mean), "c": "yes"},
        r"""
        Two points for (a), one each for (b) and (c): a product takes the geometric mean, which
        is at most the arithmetic one.
        """,
        dict(high=high, low=low, every=every),
    )


@question("gru", "A state that is averaged", 5)
def averaged(rng):
    z, n = rng.pick(0.6, 0.97, 0.01), rng.pick(-0.9, 0.9, 0.1)
    h, k = rng.pick(0.1, 1, 0.05), rng.integer(3, 11)
    percent = rng.integer(1, 9)
    text = rf"""
        In a GRU of one unit with weights $W = 0$ the update gate is {z:.2f} and the candidate
        {n:g} at every step. (a) What is $h_{{{k}}}$, from $h_0 = {h:g}$? (b) After how many
        steps is $\partial h_k / \partial h_0$ below {percent}%? (c) Which bias makes the update
        gate {z:.2f}, if it hears nothing else? (d) $W$ is not 0 any more. Does the update gate
        still say how long the unit remembers? Why?
        """
    b = math.log(z / (1 - z))
    params = GRUParams(
        np.zeros((3, 1)), np.zeros((3, 1)), np.array([0.0, b, math.atanh(n)]), np.zeros(1)
    )
    states, _ = forward("gru", params, np.zeros((k, 1, 1)), np.array([[h]]))
    steps = math.floor(math.log(percent / 100) / math.log(z)) + 1
    return Question(
        text,
        {"a": float(states[-1, 0, 0]), "b": steps, "c": b, "d": "no"},
        r"""
        Two points for (a), one each for the rest. (d) A gradient returns through $W$, too, and
        the gates hear the state.
        """,
        dict(z=z, n=n, h=h, k=k, percent=percent),
    )


@question("showdown", "Is it luck?", 5)
def luck(rng):
    runs = rng.integer(5, 8)
    one = rng.integer(runs - 1, runs)
    other = rng.integer(0, one - 1 - 1)
    pairs, level = rng.integer(6, 39), 0.05
    text = rf"""
        One network solves a task with {one} of {runs} seeds, another with {other} of {runs}.
        Both are equally good, and the solved runs fell to them by chance. (a) How probable is
        it that the first gets {one} or more of the {one + other} solved runs? (b) {pairs} such
        pairs are compared, and the largest difference of all is reported. Which probability
        should a single pair have, at a level of {level:.0%}? (c) Does (a) meet it?
        """
    p = tail(runs, one, one + other)
    return Question(
        text,
        {"a": p, "b": level / pairs, "c": "yes" if p < level / pairs else "no"},
        r"""
        Three points for (a), one each for (b) and (c). (a) Of all ways to choose the solved
        runs, count those that give so many to the first; one-sided, as it is asked.
        """,
        dict(runs=runs, one=one, other=other, pairs=pairs),
    )


def tail(runs, least, solved):
    """How probable it is that one of two equal networks gets `least` or more of the solved runs."""
    ways = sum(
        math.comb(runs, k) * math.comb(runs, solved - k)
        for k in range(least, runs + 1)
        if k <= solved
    )
    return ways / math.comb(2 * runs, solved)


# --- Part IV. After the gates ----------------------------------------------------------------


@question("linear-recurrence", "Steps that are composed", 5)
def composed(rng):
    a = [rng.nonzero(-0.9, 0.9, 0.1) for _ in range(4)]
    b = [rng.pick(-2, 2, 0.5) for _ in range(4)]
    T = rng.integer(100, 3999)
    steps = ", ".join(f"({x:g}, {y:g})" for x, y in zip(a, b))
    text = rf"""
        Four steps $h \mapsto a h + b$ have $(a, b)$ = {steps}, in the order of time. Compose
        (a) the first two, (b) the last two, (c) these two results. What does (c) make of $h_0 =
        1$? (d) Neighbours are composed until one step is left, and then come the missing steps:
        about how many compositions wait for each other in this scan over {T} steps? (e) How much
        of the work does it save on one processor?
        """
    pairs = [(np.array(x), np.array(y)) for x, y in zip(a, b)]
    first, second = compose(*pairs[:2]), compose(*pairs[2:])
    whole = [float(v) for v in compose(first, second)]
    return Question(
        text,
        {
            "a": [float(v) for v in first],
            "b": [float(v) for v in second],
            "c": (whole, whole[0] + whole[1]),
            "d": 2 * math.log2(T),
            "e": "no work",
        },
        r"""
        One point each. (d) Two for each halving, $2 \log_2 T$; any whole number within two of
        it. Half of that is the way up alone. (e) Nothing of the work: a scan removes waiting.
        (Fewer calls of a program may save time.)
        """,
        dict(a=a, b=b, T=T),
    )


@question("parallel-time", "Does Newton pay?", 5)
def newton(rng):
    T, S, K = rng.integer(200, 8999), rng.integer(16, 128), rng.integer(3, 19)
    text = rf"""
        A vanilla network of {S} units is run over {T} steps by Newton's method, which needs {K}
        sweeps. Each sweep has $1 + 2 \log_2 T$ levels in a row, and its work is $T S^3$ where
        the loop's is $T S^2$. (a) How many times the loop's work is that? (b) With processors
        enough and levels as quick as steps, how many sweeps may it need, before the loop is as
        quick? (c) How many sweeps are enough for any network, and what does chaos do to the
        number?
        """
    return Question(
        text,
        {"a": K * S, "b": T / (1 + 2 * math.log2(T)), "c": f"at most T = {T}; it raises it"},
        r"""
        One point for (a), two each for (b) and (c): each sweep makes at least one more step
        right. Where the largest exponent is above 0, errors grow on their way and the number is
        of the order of $T$.
        """,
        dict(T=T, S=S, K=K),
    )


# --- The exam --------------------------------------------------------------------------------


@functools.cache
def stretched(secret):
    """The seed of a secret, slow to guess; or one sentence why it is none."""
    if secret != SAMPLE and len(secret) < SHORTEST:
        raise ValueError(
            f"the secret must have at least {SHORTEST} characters, got {len(secret)}: a short one "
            "can be guessed from a printed exam"
        )
    return hashlib.scrypt(secret.encode(), salt=b"Through Time", n=2**14, r=8, p=1).hex()


def questions(secret):
    """The twenty questions of a secret: (page, title, points, Question) each."""
    found = []
    for place, (function, page, title, points) in enumerate(QUESTIONS):
        drawn = function(Draw(stretched(secret), place))
        found.append((page, title, points, drawn))
    return found


def head(number, page, title, points):
    """The head of a question. It has the title of the page: numbers change with the edition."""
    text = (ROOT / "book" / f"{page}.md").read_text(encoding="utf-8")
    of = re.search(r"^# (.+)$", text, re.MULTILINE)[1]
    return f"## {number}. {title}\n\nOn *{of}*, {points} points."


TERMS = """A calculator and one written page are allowed. Give numbers to three digits, and a reason
with every yes and no.""".replace("\n", " ")


def paper(secret, heading):
    """The exam in Markdown, piece by piece."""
    asked = questions(secret)
    total = sum(points for _, _, points, _ in asked)
    yield f"# {heading}\n\nTwenty questions, {total} points, three hours. {TERMS}"
    for number, (page, title, points, q) in enumerate(asked, 1):
        yield f"{head(number, page, title, points)}\n\n{flow(q.text)}"


def key(secret, heading):
    """The answers in Markdown, with how to mark them."""
    right = "A number is right within 1%, if nothing else is said. A bare yes or no scores nothing."
    yield f"# {heading}\n\n{right}"
    for number, (page, title, points, q) in enumerate(questions(secret), 1):
        lines = [f"- ({part}) {shown(value)}" for part, value in q.answers.items()]
        top = head(number, page, title, points)
        yield "\n\n".join([top, "\n".join(lines), flow(q.note)])


def flow(text):
    """A text in one line, its numbers with a real minus."""
    pieces = " ".join(text.split()).split("$")  # every second one is mathematics
    pieces[::2] = [re.sub(r"(?<!\w)-(?=\d)", "\N{MINUS SIGN}", piece) for piece in pieces[::2]]
    return "$".join(pieces)


def shown(value):
    """An answer as it stands in the key."""
    if isinstance(value, (tuple, list)):
        return ", ".join(map(shown, value))
    if not isinstance(value, float):
        return str(value)
    digits, e, power = f"{value + 0.0:.4g}".partition("e")  # + 0.0: no minus at a zero
    return flow(digits) if not e else rf"${digits} \times 10^{{{int(power)}}}$"


def write(folder, secret):
    """Write exam.md, exam.ipynb and key.md."""
    import nbformat
    from nbformat.v4 import new_markdown_cell, new_notebook

    of = " (the public sample)" if secret == SAMPLE else ""
    pages, folder = [*paper(secret, f"Exam: recurrent networks{of}")], Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    cells = [new_markdown_cell(page) for page in pages]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    nbformat.write(new_notebook(cells=cells), folder / "exam.ipynb")
    (folder / "exam.md").write_text("\n\n".join(pages) + "\n", encoding="utf-8")
    answers = key(secret, f"Key: recurrent networks{of}")
    (folder / "key.md").write_text("\n\n".join(answers) + "\n", encoding="utf-8")


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="exam.py", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--out", required=True, help="the folder for exam.md, exam.ipynb and key.md"
    )
    parser.add_argument(
        "--seed", help="the secret; asked for if it is not given, which no shell records"
    )
    parser.add_argument("--sample", action="store_true", help="the public sample")
    given = parser.parse_args(arguments)
    secret = SAMPLE if given.sample else given.seed or getpass.getpass("Secret: ")
    try:
        if secret == SAMPLE and not given.sample:
            raise ValueError("the secret must be another than that of the sample, which is public")
        write(given.out, secret)
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

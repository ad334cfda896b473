"""What is asked of the second problem set, and what typical mistakes give."""

import contextlib

import numpy as np
from grade import Task, Wrong, close, generator, kind, parts
from sets.forward import drawn

from rnn_src import backward, forward
from rnn_src.cells import RNNParams
from rnn_src.readout import Readout, readout, readout_backward, softmax, softmax_cross_entropy

# --- Tasks 1 to 3: gradients -----------------------------------------------------------------


def way_back(p, x, h, dh, back=None, slopes=None, past=None):
    """BPTT in one loop, in which a line can be another."""
    back = p.W if back is None else back
    slopes = 1 - h[1:] ** 2 if slopes is None else slopes
    past, g = h[:-1] if past is None else past, np.zeros_like(h[0])
    dW, dU, db = map(np.zeros_like, p)
    for t in reversed(range(len(x))):
        delta = slopes[t] * (dh[t] + g)
        dW, dU, db = dW + delta.T @ past[t], dU + delta.T @ x[t], db + delta.sum(axis=0)
        g = delta @ back
    return RNNParams(dW, dU, db), g


def totals(p, h, dh):
    """The total derivatives at the states: what a walk must not start from again."""
    g = dh.copy()
    for t in reversed(range(1, len(dh))):
        g[t - 1] += ((1 - h[t + 1] ** 2) * g[t]) @ p.W
    return g


def windows(p, x, h, dh, window):
    """Every loss sent back by itself, through its last `window` uses of the weights."""
    found = RNNParams(*map(np.zeros_like, p))
    for t in range(len(x)):
        first, one = max(0, t + 1 - window), np.zeros_like(dh)
        one[t] = dh[t]
        part, _ = way_back(p, x[first : t + 1], h[first : t + 2], one[first : t + 1])
        found = RNNParams(*(a + b for a, b in zip(found, part)))
    return found


def small(rng, T=5, B=3):
    """A network whose past weighs, its inputs, states, and the blame at each state."""
    p = drawn("rnn", rng)
    x, h0, dh = rng.normal(size=(T, B, 3)), rng.normal(size=(B, 4)), rng.normal(size=(T, B, 4))
    return p, x, forward("rnn", p, x, h0)[0], dh


def compare(came, wanted, suspects):
    """Each array of a gradient, beside those of typical mistakes."""
    if not isinstance(came, (tuple, list)) or len(came) != 3:
        raise Wrong(f"A gradient must be a record RNNParams(dW, dU, db), came {kind(came)}.")
    for k, name in enumerate("WUb"):
        theirs = [(says, other[k]) for says, other in suspects]
        close(f"d{name}", came[k], wanted[k], theirs)


def check_backward(do, seed):
    rng = generator(seed, "backward")
    for T in (1, 5):
        p, x, h, dh = small(rng, T)
        grads, dh0 = way_back(p, x, h, dh)
        last = np.zeros_like(dh)
        last[-1] = dh[-1]
        mean = [a / x.shape[1] for a in (*grads, dh0)]
        variants = [
            (
                "W was multiplied by the state before the step: here stands the one after it.",
                way_back(p, x, h, dh, past=h[1:]),
            ),
            (
                "Blame goes back by the transpose of what went forward: with rows that is "
                "`delta @ W`.",
                way_back(p, x, h, dh, back=p.W.T),
            ),
            (
                "The slope of tanh is 1 - h ** 2, with h = tanh(a): here stands a for h.",
                way_back(p, x, h, dh, slopes=1 - np.arctanh(h[1:]) ** 2),
            ),
            (
                "The slope of a step is that of the state after it: here stands the one before.",
                way_back(p, x, h, dh, slopes=1 - h[:-1] ** 2),
            ),
            ("The slope of tanh is missing.", way_back(p, x, h, dh, slopes=np.ones_like(dh))),
            ("Only the loss of the last step has a part in this.", way_back(p, x, h, last)),
            (
                "Nothing comes back from later steps here: that is the immediate part alone.",
                way_back(p, x, h, dh, back=0 * p.W),
            ),
            (
                "Pairs of a loss and a use are counted more than once: blame that was already "
                "carried back is carried back again.",
                (twice(p, x, h, dh), dh0),
            ),
            (
                "This is the mean over the batch; the gradient of a sum is a sum.",
                (RNNParams(*mean[:3]), mean[3]),
            ),
        ]
        came, came_0 = parts("backward", do.backward(p, x, h, dh), "grads, dh0")
        compare(came, grads, [(says, other) for says, (other, _) in variants])
        same = [(says, other) for says, (_, other) in variants]
        first = (1 - h[1] ** 2) * totals(p, h, dh)[0]
        same.append(("On its way to h0 the blame passes W once more.", first))
        close("dh0", came_0, dh0, same, "(B, H)")


def twice(p, x, h, dh):
    """Walks that start from the totals."""
    return windows(p, x, h, totals(p, h, dh), len(x))


def check_loss_gradients(do, seed):
    rng = generator(seed, "loss_gradients")
    T, B, K = 5, 3, 4
    p, x, h, _ = small(rng, T, B)
    h, _ = forward("rnn", p, x)
    V, c, targets = rng.normal(size=(K, 4)), rng.normal(size=K), rng.integers(0, K, (T, B))
    out = Readout(V, c)
    o = readout(out, h[1:])
    value, do_ = softmax_cross_entropy(o, targets)
    (dV, dc), dh = readout_backward(out, h[1:], do_)
    grads, _ = way_back(p, x, h, dh)
    last = np.where(np.arange(T)[:, None, None] == T - 1, dh, 0)
    variants = [
        (
            "The error at the outputs reaches the states through V, and here it does not.",
            way_back(p, x, h, do_)[0],
        ),
        ("Only the loss of the last step has a part in this.", way_back(p, x, h, last)[0]),
        (
            "The loss is a mean over T B answers, and this is the gradient of the sum.",
            [a * T * B for a in grads],
        ),
        (
            "The loss is a mean over T B answers, and this is divided by T alone.",
            [a * B for a in grads],
        ),
        (
            "The loss is a mean over T B answers, and this is divided by B alone.",
            [a * T for a in grads],
        ),
        (
            "The error of a softmax is its probabilities less 1 at the target; the 1 is missing.",
            way_back(p, x, h, (softmax(o) / (T * B)) @ V)[0],
        ),
        (
            "Nothing comes back from later steps here: that is the immediate part alone.",
            way_back(p, x, h, dh, back=0 * p.W)[0],
        ),
        ("This is the gradient with its sign turned.", [-a for a in grads]),
    ]
    came = do.loss_and_gradients(p, V, c, x, targets)
    with contextlib.suppress(Exception):  # theirs may be anything
        (dW, dU, db), _ = do.backward(p, x, h, dh)
        says = "That is what your `backward` makes of the right blame: mend Task 1 first."
        variants.insert(0, (says, (dW, dU, db)))
    loss, came, came_V, came_c = parts("loss_and_gradients", came, "loss, grads, dV, dc")
    says = "The probabilities here sum to 1 over the batch, not over the outputs of a step."
    off = [("This is the sum; a mean is asked for.", value * T * B)]
    for v in (o, o - o.max(-1, keepdims=True)):
        log_p = v - np.log(np.exp(v).sum(1, keepdims=True))
        off.append((says, -np.take_along_axis(log_p, targets[..., None], -1).mean()))
    close("loss", loss, value, off)
    early = np.einsum("tbk,tbh->kh", do_, h[:-1])
    many = [("The loss is a mean over T B answers, and this is the sum.", dV * T * B)]
    many += [("An output is made of the state after the step, not of the one before.", early)]
    close("dV", came_V, dV, many, "(K, H)")
    close("dc", came_c, dc, [(many[0][0], dc * T * B)], "(K,)")
    compare(came, grads, variants)


def check_truncated(do, seed):
    rng = generator(seed, "truncated")
    for window in (2, 3):
        p, x, h, dh = small(rng, T=7)
        _, tape = forward("rnn", p, x, h[0])
        wanted = backward("rnn", p, tape, dh, window=window)[0]
        chunks = [np.zeros_like(a) for a in p]
        for start in range(0, len(x), window):
            stop = start + window
            part, _ = way_back(p, x[start:stop], h[start : stop + 1], dh[start:stop])
            chunks = [a + b for a, b in zip(chunks, part)]
        off = "A window of K credits the lags from 0 to K - 1: this is one lag too"
        variants = [
            (f"{off} many.", windows(p, x, h, dh, window + 1)),
            (f"{off} few.", windows(p, x, h, dh, window - 1)),
            ("These are chunks: a window slides along with each loss.", chunks),
            ("Nothing is cut here.", way_back(p, x, h, dh)[0]),
            (
                f"Only the last {window} steps of the sequence are in this: each loss has a window "
                "of its own.",
                way_back(p, x[-window:], h[-window - 1 :], dh[-window:])[0],
            ),
        ]
        compare(do.truncated(p, x, h, dh, window), wanted, variants)


# --- Tasks 4 and 5: a check ------------------------------------------------------------------


class Loss:
    """A loss of the parameters that remembers where it was asked."""

    def __init__(self, x, h0, dh, scale=1.0):
        self.given, self.scale, self.asked = (x, h0, dh), scale, []

    def __deepcopy__(self, memo):
        return self  # so that it is this one that remembers

    def __call__(self, p):
        self.asked.append(p)
        dtype = np.result_type(*p)  # in the precision of the parameters, as any network computes
        x, h, dh = (a.astype(dtype) for a in self.given)
        value = dtype.type(0)
        for x_t, dh_t in zip(x, dh):
            h = np.tanh(h @ p.W.T + x_t @ p.U.T + p.b)
            value += (h * dh_t).sum()
        return dtype.type(self.scale) * value


def along(grads, arrow):
    return sum(float(np.sum(g * v)) for g, v in zip(grads, arrow))


def check_slope(do, seed):
    rng = generator(seed, "slope")
    for dtype in 3 * [np.float64] + [np.float32]:
        p, x, h, dh = small(rng)
        p = RNNParams(*(a.astype(dtype) for a in p))
        exact = RNNParams(*(a.astype(float) for a in p))
        h = forward("rnn", exact, x, h[0])[0]
        grads, _ = way_back(exact, x, h, dh)
        arrow = [g + rng.normal(size=g.shape) for g in grads]
        length = np.sqrt(sum(np.sum(v**2) for v in arrow)) / 1.5  # no unit vector
        arrow = RNNParams(*((v / length).astype(dtype) for v in arrow))
        loss = Loss(x, h[0], dh)
        came, wanted = do.slope(loss, p, arrow), along(grads, arrow)
        if np.ndim(came) or not np.isrealobj(came):
            raise Wrong("`slope` must return one real number.")
        try:
            close("slope", came, wanted, tolerance=1e-7)
        except Wrong as wrong:
            raise Wrong(f"{wrong} {diagnosis(came / wanted, loss.asked, p, arrow)}") from None


def diagnosis(ratio, asked, p, arrow):
    """Why a measured derivative is off, from where the loss was asked."""
    gaps = [np.abs(a.W - p.W).max() / np.abs(arrow.W).max() for a in asked]
    if len(asked) > 1 and (abs(ratio - 2) < 1e-3 or abs(ratio - 0.5) < 1e-3):
        return "That is off by a factor of 2: how far apart are the two points?"
    if abs(ratio * 1.5 - 1) < 1e-3:
        return "That is divided by the length of the arrow: a longer arrow has a larger derivative."
    if any(a.W.dtype == np.float32 for a in asked):
        return (
            "The loss was computed in float32, where a small step is lost in rounding: measure in "
            "float64."
        )
    if not gaps or max(gaps) == 0:
        return "The loss was never asked anywhere else."
    if min(gaps) == 0:
        return (
            "The loss was asked at the point itself and at one side of it: the error of that falls "
            "like the step, that of two sides like its square."
        )
    size = "small" if max(gaps) < 1e-8 else "large" if max(gaps) > 1e-4 else ""
    why = {"small": "the two losses agree in most of their digits", "large": "the loss bends there"}
    return f"A step of {max(gaps):.0e} is too {size}: {why[size]}." if size else ""


def check_check(do, seed):
    rng = generator(seed, "check")
    p, x, h, dh = small(rng)
    grads, _ = way_back(p, x, h, dh)

    def ask(claim, scale=1.0):
        return do.refuses("gradient_check", Loss(x, h[0], dh, scale), p, RNNParams(*claim))

    def spoiled(name, factor):
        return grads._replace(**{name: factor * getattr(grads, name)})

    for scale in (1.0, 1e-7):
        if ask([scale * g for g in grads], scale):
            measured = 0.0
            with contextlib.suppress(Exception):  # theirs may be anything
                measured = do.slope(Loss(x, h[0], dh, scale), p, grads) / scale
            if not abs(measured - along(grads, grads)) <= 1e-4 * along(grads, grads):
                raise Wrong("A right gradient is refused. Does it use `slope`? Mend Task 4 first.")
            raise Wrong(
                f"A right gradient is refused, of a loss around {scale:.0g}. An error is large or "
                "small beside the derivative itself."
            )
    hole = grads.W.copy()
    hole[1, 2] = np.nan
    if not ask(grads._replace(W=hole)):
        raise Wrong(
            "A gradient with a NaN in it passes. Every comparison with NaN is false: so do not "
            "refuse what is above a limit, refuse what is not below it."
        )
    if not ask([2 * g for g in grads]):
        raise Wrong("Twice the gradient passes. An angle does not see a factor: compare the sizes.")
    for name in "WUb":
        if not ask(spoiled(name, 1.001)):
            raise Wrong(
                f"A gradient passes whose d{name} is off by a tenth of a percent. Is d{name} "
                "looked at, and how much is forgiven?"
            )
    tiny = [1e-7 * g for g in spoiled("W", 1.5)]
    if not ask(tiny, 1e-7):
        raise Wrong(
            "A gradient passes that is off by half, where the loss is tiny. An error is large or "
            "small beside the derivative itself, not beside 1."
        )
    if not ask([0 * g for g in grads], 0.0):
        raise Wrong(
            "A loss that is 0 everywhere passes: nothing was compared with nothing. A check that "
            "can prove nothing must not pass."
        )


TASKS = (
    Task("backward", "bptt", "The derivation", check_backward),
    Task("loss_and_gradients", "bptt", "Immediate and total", check_loss_gradients),
    Task("truncated", "truncation", "What is cut", check_truncated),
    Task("slope", "gradient-check", "A whole network", check_slope),
    Task("gradient_check", "gradient-check", "How a check can lie", check_check),
)

"""What is asked of the first problem set, and what typical mistakes give."""

import numpy as np
from grade import Task, Wrong, close, generator

from rnn_src import forward, init
from rnn_src.readout import softmax_cross_entropy

TRANSPOSED = "These are the numbers that a transposed W gives: row i of W belongs to unit i."
NO_BIAS = "These are the numbers without the bias."


def drawn(cell, rng, D=3, H=4):
    """Parameters whose every array matters: W is not symmetric, no bias is 0."""
    params = init(cell, D, H, rng)
    biases = {k: rng.normal(0, 0.7, v.shape) for k, v in params._asdict().items() if v.ndim == 1}
    return params._replace(**biases)


def turned(params):
    """W transposed, gate by gate."""
    blocks = params.W.reshape(-1, params.W.shape[1], params.W.shape[1])
    return params._replace(W=blocks.swapaxes(1, 2).reshape(params.W.shape))


def without(params, gate, name="b"):
    """The parameters with one gate's bias gone."""
    b = params.b.copy()
    if name == "b":
        b.reshape(-1, params.W.shape[1])[gate] = 0
        return params._replace(b=b)
    return params._replace(b_n=np.zeros_like(params.b_n))


def check_step(do, seed):
    rng = generator(seed, "step")
    for _ in range(2):
        params, h, x = drawn("rnn", rng), rng.normal(size=4), rng.normal(size=3)

        def one(p, h=h, x=x):
            return np.tanh(p.W @ h + p.U @ x + p.b)

        suspects = [
            (TRANSPOSED, one(turned(params))),
            (NO_BIAS, one(without(params, 0))),
            ("These are the numbers before the tanh.", np.arctanh(one(params))),
            ("The last state has no part in these numbers.", one(params, np.zeros(4))),
            ("The input has no part in these numbers.", one(params, h, np.zeros(3))),
        ]
        close("h", do.step(params, h, x), one(params), suspects, "(H,)")


def check_run(do, seed):
    rng = generator(seed, "run")
    for T, B in ((6, 3), (1, 2)):
        params, h0 = drawn("rnn", rng), rng.normal(size=(B, 4))
        x = rng.normal(size=(T, B, 3))
        states, _ = forward("rnn", params, x, h0)
        alone = np.concatenate([h0[None], *(forward("rnn", params, r[None], h0)[0][1:] for r in x)])
        suspects = [
            (TRANSPOSED, forward("rnn", turned(params), x, h0)[0]),
            (NO_BIAS, forward("rnn", without(params, 0), x, h0)[0]),
            ("Every step here starts from h0: hand each state on to the next step.", alone),
            ("Here states[0] is 0 and not h0.", forward("rnn", params, x)[0]),
            ("states[0] = h0 is missing, so every state stands one place too early.", states[1:]),
            (
                "All states here are the last one: one array was written again and again.",
                np.broadcast_to(states[-1], states.shape),
            ),
        ]
        close("states", do.run(params, x, h0), states, suspects, "(T + 1, B, H)")


def check_padded(do, seed):
    rng = generator(seed, "padded")
    T, B = 7, 4
    lengths = np.array([T, 1, *rng.integers(2, T, 2)])
    params, x = drawn("rnn", rng), rng.normal(size=(T, B, 3))
    states, _ = forward("rnn", params, x, lengths=lengths)
    behind = np.arange(T + 1)[:, None] > lengths
    suspects = [
        (
            "The padding has moved these states: behind its end a sequence keeps its last state.",
            forward("rnn", params, x)[0],
        ),
        (
            "Each sequence here reads one step too many: step t (from 0) is real if t < length.",
            forward("rnn", params, x, lengths=np.minimum(lengths + 1, T))[0],
        ),
        (
            "Each sequence here ends one step too early: step t (from 0) is real if t < length.",
            early(params, x, lengths),
        ),
        (
            "Behind its end a state here is 0: carry the last one over instead.",
            np.where(behind[..., None], 0, states),
        ),
    ]
    close("states", do.run_padded(params, x, lengths), states, suspects, "(T + 1, B, H)")


def early(params, x, lengths):
    """The states if each sequence lost its last step."""
    states, _ = forward("rnn", params, x)
    steps = np.minimum(np.arange(len(states))[:, None], lengths - 1)
    return states[steps, np.arange(len(lengths))]


def check_loss(do, seed):
    rng = generator(seed, "loss")
    T, B, K = 6, 3, 5
    o, targets = rng.normal(size=(T, B, K)), rng.integers(0, K, (T, B))
    lengths = np.array([T, 2, int(rng.integers(3, T))])
    real = np.arange(T)[:, None] < lengths
    wanted, _ = softmax_cross_entropy(o, targets, real)
    shifted = o - np.log(np.exp(o).sum(axis=-1, keepdims=True))
    each = -np.take_along_axis(shifted, targets[..., None], -1)[..., 0] * real
    suspects = [
        (
            "The sum is right and its divisor is not: there are fewer real steps than T B.",
            each.mean(),
        ),
        ("This is the sum: divide it by the number of real steps.", each.sum()),
        (
            "This is the mean of the means of the sequences: every real step counts alike.",
            (each.sum(axis=0) / lengths).mean(),
        ),
        ("The padding has a part in this.", softmax_cross_entropy(o, targets)[0]),
        ("This is in bits: take the natural logarithm.", wanted / np.log(2)),
    ]
    close("loss", do.loss(o, targets, lengths), wanted, suspects)
    large = 1000 * o
    wanted, _ = softmax_cross_entropy(large, targets, real)
    came = do.loss(large, targets, lengths)
    if not np.isfinite(came):
        raise Wrong(
            f"loss: came {came}, wanted {wanted:.6g}, where outputs are in the thousands: exp of "
            "them overflows. Which number can be taken from all outputs of a step without "
            "changing the softmax?"
        )
    close("loss of large outputs", came, wanted)


def check_gru(do, seed):
    rng = generator(seed, "gru")
    for _ in range(2):
        p, h, x = drawn("gru", rng), rng.normal(size=(3, 4)), rng.normal(size=(3, 3))

        def one(p, h=h, x=x):
            return forward("gru", p, x[None], h)[0][1]

        r, z, n = gates(p, h, x)
        W_n, U_n, b_n = p.W[8:], p.U[8:], p.b[8:]
        early = np.tanh(x @ U_n.T + b_n + (r * h) @ W_n.T + p.b_n)
        inside = np.tanh(x @ U_n.T + b_n + p.b_n + r * (h @ W_n.T))
        zrn = [np.concatenate([a[4:8], a[:4], a[8:]]) for a in p[:3]]
        suspects = [
            (
                "z and 1 - z have changed places: z is the share that is kept.",
                z * n + (1 - z) * h,
            ),
            (
                "The reset here acts on the state before its product with W; in this book it acts "
                "on the product.",
                (1 - z) * early + z * h,
            ),
            ("b_n here stands outside the reset.", (1 - z) * inside + z * h),
            (
                "r and z have changed places: the blocks are r, z, n.",
                one(type(p)(*zrn, p.b_n)),
            ),
            (TRANSPOSED, one(turned(p))),
            *(
                (f"The bias of gate {name} is missing.", one(without(p, k)))
                for k, name in enumerate("rzn")
            ),
            ("The bias b_n is missing.", one(without(p, 0, "b_n"))),
        ]
        close("h", do.gru_step(p, h, x), one(p), suspects, "(B, H)")


def gates(p, h, x):
    """r, z and n of a step, by the equations."""
    W, U, b = (np.split(a, 3) for a in (p.W, p.U, p.b))
    r, z = (1 / (1 + np.exp(-(h @ W[k].T + x @ U[k].T + b[k]))) for k in (0, 1))
    return r, z, np.tanh(x @ U[2].T + b[2] + r * (h @ W[2].T + p.b_n))


TASKS = (
    Task("step", "cell", "The equations, letter by letter", check_step),
    Task("run", "cell", "Unrolled", check_run),
    Task("run_padded", "sequences", "Padding and masks done right", check_padded),
    Task("loss", "sequences", "Padding and masks done right", check_loss),
    Task("gru_step", "gru", "The step", check_gru),
)

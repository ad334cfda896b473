"""Typical mistakes, each as a change of the solution, and what the grader must say of it.

`make teacher` writes what it said into a table; tests/test_teacher.py holds the words.
"""

from typing import NamedTuple

__all__ = ["MISTAKES", "Mistake"]


class Mistake(NamedTuple):
    """A change of the solution of one function.

    `task` is the one that must fail (for a patient its sickness), with `words` in what is said.
    `also` are tasks that call this function and fail with it.
    """

    set: str
    name: str
    function: str
    changes: tuple
    task: str
    words: str
    also: tuple = ()

    def spoil(self, codes):
        """The cells with the mistake in them."""
        for code in codes:
            if f"def {self.function}(" not in code:
                yield code
                continue
            for old, new in self.changes:
                assert code.count(old) == 1, f"{self.name}: the solution has another form"
                code = code.replace(old, new)
            yield code


def _of(set, function, name, *changes, words, task=None, also=()):
    return Mistake(set, name, function, changes, task or function, words, also)


DOUBLE = """\
    dh = dh.copy()
    for t in reversed(range(1, len(x))):
        dh[t - 1] += ((1 - states[t + 1] ** 2) * dh[t]) @ params.W
"""
BACK = "    back = np.zeros_like(states[0])\n"
MEANS = "    B = x.shape[1]\n    return RNNParams(dW / B, dU / B, db / B), back / B"
CLAIM = "assert abs(measured - said) <= 1e-5 * size"
LG = ("loss_and_gradients",)  # it calls `backward`

MISTAKES = (
    _of(
        "forward",
        "step",
        "W is transposed",
        ("params.W @ h", "params.W.T @ h"),
        words="a transposed W",
    ),
    _of(
        "forward",
        "step",
        "the bias is forgotten",
        (" + params.b)", ")"),
        words="without the bias",
    ),
    _of(
        "forward",
        "run",
        "every step starts from h0",
        ("a = states[t] @", "a = h0 @"),
        words="Every step here starts from h0",
    ),
    _of(
        "forward",
        "run",
        "the first state is left out",
        ("return states", "return states[1:]"),
        words="states[0] = h0 is missing",
    ),
    _of(
        "forward",
        "run",
        "one array is written again and again",
        ("states[t + 1] = np.tanh(a)", "states[:] = np.tanh(a)"),
        words="All states here are the last one",
    ),
    _of(
        "forward",
        "run_padded",
        "the padding moves the state",
        ("np.where(real, np.tanh(a), states[t])", "np.tanh(a)"),
        words="The padding has moved these states",
    ),
    _of(
        "forward",
        "run_padded",
        "one padded step is read",
        ("t < lengths", "t <= lengths"),
        words="one step too many",
    ),
    _of(
        "forward",
        "loss",
        "the loss is averaged over the padding",
        ("each[real].mean()", "(each * real).mean()"),
        words="its divisor is not",
    ),
    _of(
        "forward",
        "loss",
        "exp overflows",
        ("o = o - o.max(axis=-1, keepdims=True)", "pass"),
        words="exp of them overflows",
    ),
    _of(
        "forward",
        "loss",
        "the outputs are changed in place",
        ("o = o - o.max", "o -= o.max"),
        words="changes an array that it was given",
    ),
    _of(
        "forward",
        "gru_step",
        "z and 1 - z change places",
        ("(1 - z) * n + z * h", "z * n + (1 - z) * h"),
        words="z is the share that is kept",
    ),
    _of(
        "forward",
        "gru_step",
        "the reset acts before the product",
        ("r * (h @ W_n.T + params.b_n)", "(r * h) @ W_n.T + params.b_n"),
        words="before its product with W",
    ),
    _of(
        "forward",
        "gru_step",
        "a gate has no bias",
        ("x @ U_r.T + b_r", "x @ U_r.T"),
        words="The bias of gate r is missing",
    ),
    _of(
        "bptt",
        "backward",
        "h_t stands for h_{t-1}",
        ("delta.T @ states[t]", "delta.T @ states[t + 1]"),
        words="here stands the one after it",
        also=LG,
    ),
    _of(
        "bptt",
        "backward",
        "W for its transpose",
        ("delta @ params.W", "delta @ params.W.T"),
        words="Blame goes back by the transpose",
        also=LG,
    ),
    _of(
        "bptt",
        "backward",
        "the slope is taken at a",
        ("1 - states[t + 1] ** 2", "1 - np.arctanh(states[t + 1]) ** 2"),
        words="here stands a for h",
        also=LG,
    ),
    _of(
        "bptt",
        "backward",
        "mean over the batch, not sum",
        ("    return RNNParams(dW, dU, db), back", MEANS),
        words="This is the mean over the batch",
        also=LG,
    ),
    _of(
        "bptt",
        "backward",
        "pairs are counted twice",
        (BACK, DOUBLE + BACK),
        words="counted more than once",
        also=LG,
    ),
    _of(
        "bptt",
        "loss_and_gradients",
        "a softmax over the batch",
        ("o.max(axis=-1, keepdims=True)", "o.max(axis=1, keepdims=True)"),
        ("np.exp(o).sum(axis=-1, keepdims=True)", "np.exp(o).sum(axis=1, keepdims=True)"),
        words="sum to 1 over the batch",
    ),
    _of(
        "bptt",
        "loss_and_gradients",
        "the path through the readout is forgotten",
        ("error @ V", "error"),
        words="reaches the states through V",
    ),
    _of(
        "bptt",
        "loss_and_gradients",
        "the gradient of the sum, not of the mean",
        ("(np.exp(log_p) - right) / targets.size", "np.exp(log_p) - right"),
        words="and this is the sum",
    ),
    _of(
        "bptt",
        "truncated",
        "a window one lag too long",
        ("t + 1 - window", "t - window"),
        words="one lag too many",
    ),
    _of(
        "bptt",
        "truncated",
        "one window, at the end of the sequence",
        ("in range(len(x))", "in range(len(x) - window, len(x))"),
        ("max(0, t + 1 - window)", "len(x) - window"),
        words="each loss has a window of its own",
    ),
    _of(
        "bptt",
        "slope",
        "the length of the direction is divided away",
        ("(2 * step)", "(2 * step * np.sqrt(sum(np.sum(v**2) for v in arrow)))"),
        words="divided by the length of the arrow",
        also=("gradient_check",),
    ),
    _of(
        "bptt",
        "slope",
        "a difference to one side",
        ("p - step * v", "p"),
        ("(2 * step)", "step"),
        words="one side of it",
        also=("gradient_check",),
    ),
    _of(
        "bptt",
        "slope",
        "the step is lost in float32",
        ("[p.astype(float) for p in params]", "params"),
        words="computed in float32",
    ),
    _of(
        "bptt",
        "slope",
        "the step is too small",
        ("step = 1e-6", "step = 1e-13"),
        words="is too small",
        also=("gradient_check",),
    ),
    _of(
        "bptt",
        "gradient_check",
        "NaN is no error",
        (CLAIM, "assert not abs(measured - said) > 1e-5 * size"),
        words="A gradient with a NaN in it passes",
    ),
    _of(
        "bptt",
        "gradient_check",
        "0/0 passes",
        ('assert size > 0, "nothing was compared with nothing"', "pass"),
        words="A loss that is 0 everywhere passes",
    ),
    _of(
        "bptt",
        "gradient_check",
        "an absolute tolerance",
        (CLAIM, "assert abs(measured - said) <= 1e-5"),
        words="not beside 1",
    ),
    _of(
        "bptt",
        "gradient_check",
        "only W is looked at",
        ("zip(params, claim)", "zip(params[:1], claim[:1])"),
        words="whose dU is off",
    ),
    _of(
        "sick",
        "diagnose",
        "the radius of W for the exponent",
        (
            "np.median(found.exponents[:, 0])",
            "np.log(np.abs(np.linalg.eigvals(p.params.W[-H:])).max())",
        ),
        task="explodes",
        words="the logarithm of the spectral radius",
    ),
    _of(
        "sick",
        "diagnose",
        "padding counts as steps",
        (
            "found = checkup(p.cell, p.params, p.x, lengths=p.lengths)",
            "found = checkup(p.cell, p.params, p.x)",
        ),
        task="explodes",
        words="takes the padding for steps",
        also=("closed gates",),
    ),
    _of(
        "sick",
        "diagnose",
        "the symptom for the cause",
        ("lives.max() < len(p.x) / 4", "lives.max() < 0"),
        task="closed gates",
        words="that is a symptom",
    ),
    _of(
        "sick",
        "diagnose",
        "the median unit for the longest",
        ('"closed gates", lives.max()', '"closed gates", np.median(lives)'),
        task="closed gates",
        words="This is the median unit",
    ),
    _of(
        "sick",
        "diagnose",
        "the ratio upside down",
        ('"diluted", share', '"diluted", 1 / share'),
        task="diluted",
        words="upside down",
    ),
    _of(
        "sick",
        "diagnose",
        "the last state but one",
        ("p.states[p.lengths, ", "p.states[p.lengths - 1, "),
        task="healthy",
        words="it answers from the last state of each sequence",
        also=("forgets", "explodes", "closed gates", "padding", "diluted"),
    ),
)

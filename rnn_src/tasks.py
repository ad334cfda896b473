"""Seeded data sets, each with the loss that knowing none of the input would get.

Real input needs no download: the English of the Python manual that every interpreter carries
(`pydoc_data.topics`) and the handwritten digits inside scikit-learn. Introduced in
:ref:`ch-memory` and :ref:`ch-sequences`.
"""

import functools
import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rnn_src import checks

__all__ = [
    "ALPHABET",
    "PLACES",
    "TASKS",
    "Batch",
    "Task",
    "adding",
    "arrow",
    "characters",
    "copying",
    "decode",
    "digit_pixels",
    "digit_rows",
    "encode",
    "manual_text",
    "one_hot",
    "pad",
    "sky",
    "sky_vocabulary",
    "temporal_order",
    "words",
]

#: The 32 symbols of the character tasks: 5 bits each, if they were all as frequent.
ALPHABET = " abcdefghijklmnopqrstuvwxyz.,:'-"

#: The sky sentences: what is where.
PLACES = {"clouds": "sky", "fish": "sea", "trees": "forest", "cars": "street"}

_FILLERS = (
    "often still really today always quite here mostly almost now rarely once again perhaps indeed "
    "usually maybe simply likely surely"
).split()

_TEST_SEED = 20_250_101  # test sets never share a generator with training


class Batch(NamedTuple):
    """One batch of sequences, time first.

    Parameters
    ----------
    x : (T, B, D) ndarray
        Inputs.
    targets : (T, B) ndarray of int, or (T, B, O) ndarray of float
        Classes or values; only those under the mask count.
    mask : (T, B) ndarray of bool
        True where an answer is asked for.

    Notes
    -----
    One form serves many-to-one (the mask keeps the last step) and many-to-many; see
    :ref:`ch-sequences`.

    Examples
    --------
    >>> batch = adding(length=10).batch(np.random.default_rng(0), 3)
    >>> batch.x.shape, int(batch.mask.sum())
    ((10, 3, 2), 3)
    """

    x: np.ndarray
    targets: np.ndarray
    mask: np.ndarray


class Task(NamedTuple):
    """A task: what to draw, what to lose, and what ignorance costs.

    Parameters
    ----------
    name : str
        Its key in `TASKS`.
    input_size, output_size : int
        D and O.
    loss : {"cross_entropy", "squared_error"}
        Which loss of `rnn_src.readout` it is scored by, averaged over the tokens under the mask.
    baseline : float
        Loss of the best prediction that knows the task and the time step but none of the input.
    batch : callable
        ``batch(rng, size) -> Batch`` for training; TypeError or ValueError if `rng` is not a
        Generator or `size` not a positive integer.
    test : Batch
        Fixed and never trained on.

    Notes
    -----
    The baselines are derived in :ref:`ch-sequences`.

    Examples
    --------
    >>> round(adding(length=10).baseline, 4)
    0.1667
    """

    name: str
    input_size: int
    output_size: int
    loss: str
    baseline: float
    batch: Callable
    test: Batch


def _checked(batch):
    """The same function of (rng, size), with its arguments looked at first."""

    def checked(rng, size):
        return batch(checks.generator("rng", rng), checks.positive_integer("size", size))

    return checked


def _task(name, input_size, output_size, loss, baseline, batch, test_size=500):
    """A task whose test set comes from the same generator of data, under its own seed."""
    test = batch(np.random.default_rng(_TEST_SEED), test_size)
    return Task(name, input_size, output_size, loss, float(baseline), _checked(batch), test)


def one_hot(indices, size):
    """Indices as rows with a single 1.

    Parameters
    ----------
    indices : (...) array of int
        In 0..size-1.
    size : int
        How many symbols there are.

    Returns
    -------
    (..., size) ndarray of float64
        One more axis than `indices`.

    Raises
    ------
    ValueError
        If an index is out of range or not an integer.

    Notes
    -----
    Used from :ref:`ch-memory` on.

    Examples
    --------
    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    size = checks.positive_integer("size", size)
    return np.eye(size)[checks.integers("indices", indices, size)]


def pad(sequences):
    """Put sequences of different lengths into one array, zeros behind their ends.

    Parameters
    ----------
    sequences : list of (T_n,) arrays of int
        At least one, none of them empty.

    Returns
    -------
    indices : (T, B) ndarray of int
        Time first, T the longest length.
    lengths : (B,) ndarray of int
        For `rnn_src.scan.forward`.
    mask : (T, B) ndarray of bool
        True at the real tokens, for the losses.

    Raises
    ------
    ValueError
        If there is no sequence, or one is empty or not a row of integers.

    Notes
    -----
    Padding and what it must not do is the subject of a section of :ref:`ch-sequences`.

    Examples
    --------
    >>> indices, lengths, mask = pad([[5, 6, 7], [8]])
    >>> indices.T.tolist(), lengths.tolist(), mask.T.tolist()
    ([[5, 6, 7], [8, 0, 0]], [3, 1], [[True, True, True], [True, False, False]])
    """
    sequences = [checks.as_array("sequences", sequence) for sequence in sequences]
    strange = [s for s in sequences if s.ndim != 1 or not np.issubdtype(s.dtype, np.integer)]
    if not sequences or strange:
        got = f"{str(strange[0].tolist()):.60}" if strange else "none"
        raise ValueError(f"sequences must be rows of at least one integer, got {got}")
    lengths = np.array([len(sequence) for sequence in sequences])
    mask = np.arange(lengths.max())[:, None] < lengths
    indices = np.zeros(mask.shape, dtype=int)
    for n, sequence in enumerate(sequences):
        indices[: lengths[n], n] = sequence
    return indices, lengths, mask


@functools.cache
def manual_text():
    """The English of the Python manual: its prose, in lower case, in the 32-letter `ALPHABET`.

    Code, tables and headings are left out, repeated paragraphs are kept once, and the paragraphs
    are shuffled by a fixed seed, so that both parts of a split cover all topics. The text
    differs a little from one Python version to the next.

    Returns
    -------
    str
        Some 130,000 characters and more.

    Raises
    ------
    ImportError
        If this Python was packaged without `pydoc_data`.

    Notes
    -----
    Read from :ref:`ch-memory` on.

    Examples
    --------
    >>> text = manual_text()
    >>> len(text) > 100_000, set(text) <= set(ALPHABET)
    (True, True)
    """
    from pydoc_data import topics

    blocks = [
        " ".join(block.split())
        for _, topic in sorted(topics.topics.items())
        for block in re.split(r"\n\s*\n", topic)
    ]
    prose = [
        re.sub(r" +", " ", re.sub(f"[^{re.escape(ALPHABET)}]", "", block.lower())).strip()
        for block in dict.fromkeys(blocks)
        if len(block) > 60
        and block[0].isupper()
        and block[-1] in ".:"
        and sum(c.isalpha() or c in " ,.'" for c in block) > 0.95 * len(block)
    ]
    np.random.default_rng(0).shuffle(prose)
    return " ".join(prose)


def encode(text):
    """Text as indices into `ALPHABET`.

    Parameters
    ----------
    text : str
        Symbols of `ALPHABET` only.

    Returns
    -------
    (len(text),) ndarray of int
        Each in 0..31.

    Raises
    ------
    TypeError
        If `text` is not a str.
    ValueError
        If a symbol is not in the alphabet.

    Notes
    -----
    Used in :ref:`ch-sequences`.

    Examples
    --------
    >>> encode("a b").tolist()
    [1, 0, 2]
    """
    checks.instance("text", text, str)
    strange = sorted(set(text) - set(ALPHABET))
    if strange:
        raise ValueError(f"text must be made of {ALPHABET!r}, got {''.join(strange)!r} in it")
    return np.array([ALPHABET.index(c) for c in text], dtype=int)


def decode(indices):
    """Indices into `ALPHABET` as text, the reverse of `encode`.

    Parameters
    ----------
    indices : (N,) array of int
        In 0..31.

    Returns
    -------
    str
        As long as `indices`; none gives the empty text.

    Raises
    ------
    ValueError
        If an index is out of range or not an integer, or `indices` is not a row of them.

    Notes
    -----
    Used in :ref:`ch-sequences`.

    Examples
    --------
    >>> decode([1, 0, 2])
    'a b'
    """
    indices = checks.as_array("indices", indices)
    if indices.ndim != 1:
        raise ValueError(f"indices must be (N,), got {indices.shape}")
    if indices.size == 0:
        return ""
    return "".join(ALPHABET[i] for i in checks.integers("indices", indices, len(ALPHABET)))


def _split(stream):
    """The first nine tenths of a stream to train on, the last tenth to test on."""
    cut = len(stream) * 9 // 10
    return stream[:cut], stream[cut:]


def _check_room(test, length):
    if len(test) <= length:
        raise ValueError(
            f"length must be below {len(test)}, the tokens of the test text, got {length}"
        )


def _last(shape):
    """A mask that keeps the last step."""
    mask = np.zeros(shape, dtype=bool)
    mask[-1] = True
    return mask


def _at_the_end(x, answers):
    """A many-to-one batch: (T, B, D) inputs, one class a sequence, asked for at the last step."""
    shape = x.shape[:2]
    return Batch(x, np.broadcast_to(answers, shape).copy(), _last(shape))


def sky_vocabulary():
    """The words of the sky sentences, in the order of their indices.

    Returns
    -------
    list of str
        The nouns first, then the words every sentence has, then the fillers.

    Notes
    -----
    Used in :ref:`ch-memory`.

    Examples
    --------
    >>> sky_vocabulary()[:4]
    ['clouds', 'fish', 'trees', 'cars']
    """
    return [*PLACES, "the", "unlike", "are", "in", *_FILLERS]


def sky(length=6):
    """ "The clouds, unlike the fish, still really often are in the ___": which place?

    The subject decides the place. A second noun stands after it, so that the *set* of words leaves
    two answers open and only their order decides.

    Parameters
    ----------
    length : int
        Steps from the subject to the blank, at least 6; all but 6 are filler words.

    Returns
    -------
    Task
        Many-to-one, T = length + 2, 4 classes. The baseline is ln 4; the best guess from the bag
        of words has accuracy 1/2.

    Raises
    ------
    ValueError
        If `length` is below 6.

    Notes
    -----
    Measured in :ref:`ch-memory`.

    Examples
    --------
    >>> task = sky(length=8)
    >>> batch = task.batch(np.random.default_rng(1), 1)
    >>> vocabulary = sky_vocabulary()
    >>> " ".join(vocabulary[i] for i in batch.x[:, 0].argmax(axis=-1))
    'the fish unlike the cars usually surely are in the'
    >>> list(PLACES.values())[batch.targets[-1, 0]]
    'sea'
    """
    length = checks.positive_integer("length", length, least=6)
    vocabulary = sky_vocabulary()
    nouns, fillers = len(PLACES), np.array([vocabulary.index(word) for word in _FILLERS])
    the, unlike, are, into = (vocabulary.index(word) for word in ("the", "unlike", "are", "in"))

    def batch(rng, size):
        subject = rng.integers(nouns, size=size)
        other = (subject + rng.integers(1, nouns, size=size)) % nouns
        words = np.empty((length + 2, size), dtype=int)
        words[:5] = np.array([the, 0, unlike, the, 0])[:, None]
        words[1], words[4] = subject, other
        words[5:-3] = rng.choice(fillers, size=(length - 6, size))
        words[-3:] = np.array([are, into, the])[:, None]
        return _at_the_end(one_hot(words, len(vocabulary)), subject)

    return _task("sky", len(vocabulary), nouns, "cross_entropy", np.log(nouns), batch)


def arrow(length=20):
    """A stretch of English, forwards or backwards: which?

    Both classes hold exactly the same letters, so a model that ignores order is right half of the
    time.

    Parameters
    ----------
    length : int
        T, the characters of a stretch, at least 2.

    Returns
    -------
    Task
        Many-to-one, D = 32, 2 classes (1 is forwards). The baseline is ln 2.

    Raises
    ------
    ValueError
        If `length` is below 2, or not below the length of the test text.

    Notes
    -----
    Measured in :ref:`ch-memory`.

    Examples
    --------
    >>> batch = arrow(length=12).batch(np.random.default_rng(0), 2)
    >>> batch.x.shape
    (12, 2, 32)
    """
    length = checks.positive_integer("length", length, least=2)
    train, test = _split(encode(manual_text()))
    _check_room(test, length)

    def draw(stream, rng, size):
        starts = rng.integers(len(stream) - length, size=size)
        stretches = stream[starts + np.arange(length)[:, None]]
        forwards = rng.integers(2, size=size)
        return _at_the_end(
            one_hot(np.where(forwards, stretches, stretches[::-1]), len(ALPHABET)), forwards
        )

    held_out = draw(test, np.random.default_rng(_TEST_SEED), 1000)
    batch = _checked(functools.partial(draw, train))
    return Task("arrow", len(ALPHABET), 2, "cross_entropy", float(np.log(2)), batch, held_out)


def _next_token(name, stream, size, length):
    """Read a stream token by token and predict the next one, at every step."""
    length = checks.positive_integer("length", length)
    train, test = _split(stream)
    _check_room(test, length)

    def cut(stream, starts):
        stretch = stream[starts + np.arange(length + 1)[:, None]]
        return Batch(
            one_hot(stretch[:-1], size), stretch[1:], np.ones(stretch[1:].shape, dtype=bool)
        )

    def batch(rng, size):
        return cut(train, rng.integers(len(train) - length, size=size))

    held_out = cut(test, np.arange(0, len(test) - length, length))
    seen = np.bincount(train, minlength=size) + 1.0  # +1 so that no test token has probability 0
    baseline = -np.mean(np.log((seen / seen.sum())[held_out.targets]))
    return Task(name, size, size, "cross_entropy", float(baseline), _checked(batch), held_out)


def characters(length=50):
    """The next character of the manual's English, at every step.

    Parameters
    ----------
    length : int
        T, the characters read from a zero state.

    Returns
    -------
    Task
        Many-to-many, D = O = 32. The baseline is the unigram cross-entropy on the test text, in
        nats.

    Raises
    ------
    ValueError
        If `length` is not a positive integer below the length of the test text.

    Notes
    -----
    Trained in :ref:`ch-sequences`.

    Examples
    --------
    >>> task = characters(length=30)
    >>> task.test.x.shape[0], task.test.x.shape[2]
    (30, 32)
    """
    return _next_token("characters", encode(manual_text()), len(ALPHABET), length)


def words(length=20, vocabulary=200):
    """The next word of the manual's English, at every step.

    Parameters
    ----------
    length : int
        T, the words read from a zero state.
    vocabulary : int
        How many different words are known; all others are one word, "unknown".

    Returns
    -------
    Task
        Many-to-many, D = O = vocabulary + 1. The baseline is the unigram cross-entropy on the test
        text.

    Raises
    ------
    ValueError
        If a size is not a positive integer, or `length` is not below the length of the test text.

    Notes
    -----
    Trained in :ref:`ch-sequences`.

    Examples
    --------
    >>> words(length=10, vocabulary=50).output_size
    51
    """
    vocabulary = checks.positive_integer("vocabulary", vocabulary)
    found = re.findall("[a-z]+", manual_text())
    names, counts = np.unique(found, return_counts=True)
    known = names[np.argsort(-counts, kind="stable")[:vocabulary]]
    index = {name: k for k, name in enumerate(known)}
    stream = np.array([index.get(name, len(known)) for name in found])
    return _next_token("words", stream, len(known) + 1, length)


def _digits(name, length, steps):
    """scikit-learn's 1,797 digits of 8 x 8 pixels, cut into `steps` pieces."""
    if length not in (None, steps):
        raise ValueError(f"length must be {steps}, the steps of a digit, or None, got {length!r}")
    from sklearn.datasets import load_digits

    data = load_digits()
    x = (data.data / 16.0).reshape(-1, steps, 64 // steps).transpose(1, 0, 2)
    shuffled = np.random.default_rng(_TEST_SEED).permutation(x.shape[1])
    train, test = shuffled[360:], shuffled[:360]

    def batch(rng, size):
        chosen = rng.choice(train, size=size)
        return _at_the_end(x[:, chosen], data.target[chosen])

    held_out = _at_the_end(x[:, test], data.target[test])
    return Task(name, x.shape[2], 10, "cross_entropy", float(np.log(10)), _checked(batch), held_out)


def digit_rows(length=None):
    """Handwritten digits read row by row: 8 steps of 8 pixels.

    Parameters
    ----------
    length : int, optional
        8 or None; the image fixes it.

    Returns
    -------
    Task
        Many-to-one, D = 8, 10 classes, 1,437 digits to train on and 360 to test on. Baseline ln 10.

    Raises
    ------
    ValueError
        If `length` is another number.

    Notes
    -----
    The data are the UCI optical digits inside scikit-learn; trained in :ref:`ch-sequences`.

    Examples
    --------
    >>> digit_rows().test.x.shape
    (8, 360, 8)
    """
    return _digits("digit_rows", length, steps=8)


def digit_pixels(length=None):
    """Handwritten digits read pixel by pixel: 64 steps of 1 pixel.

    Parameters
    ----------
    length : int, optional
        64 or None; the image fixes it.

    Returns
    -------
    Task
        Many-to-one, D = 1, 10 classes, 1,437 digits to train on and 360 to test on. Baseline ln 10.

    Raises
    ------
    ValueError
        If `length` is another number.

    Notes
    -----
    The data are the UCI optical digits inside scikit-learn; trained in :ref:`ch-sequences`.

    Examples
    --------
    >>> digit_pixels().test.x.shape
    (64, 360, 1)
    """
    return _digits("digit_pixels", length, steps=64)


def adding(length=100):
    """Add the two marked numbers of a sequence.

    Parameters
    ----------
    length : int
        T, at least 2. Values are uniform on [0, 1]; one marker stands in each half.

    Returns
    -------
    Task
        Many-to-one, D = 2, one output. The baseline, the variance of the sum, is exactly 1/6.

    Raises
    ------
    ValueError
        If `length` is below 2.

    Notes
    -----
    Hochreiter and Schmidhuber (1997), in the form of Arjovsky, Shah and Bengio (2016); the
    baseline is derived in :ref:`ch-sequences`.

    Examples
    --------
    >>> adding(length=50).test.targets.shape
    (50, 1000, 1)
    """
    length = checks.positive_integer("length", length, least=2)

    def batch(rng, size):
        x = np.zeros((length, size, 2))
        x[:, :, 0] = rng.random((length, size))
        each = np.arange(size)
        first = rng.integers(length // 2, size=size)
        second = rng.integers(length // 2, length, size=size)
        x[first, each, 1] = x[second, each, 1] = 1.0
        total = x[first, each, 0] + x[second, each, 0]
        targets = np.broadcast_to(total[:, None], (length, size, 1)).copy()
        return Batch(x, targets, _last((length, size)))

    return _task("adding", 2, 1, "squared_error", 1 / 6, batch, test_size=1000)


def copying(length=100):
    """Repeat ten symbols after a wait.

    Parameters
    ----------
    length : int
        The wait: `length` - 1 blanks and a delimiter. There are length + 20 steps in all.

    Returns
    -------
    Task
        Many-to-many, D = 10 (8 symbols, blank, delimiter), O = 9. The baseline is 10 ln 8 /
        (length + 20).

    Raises
    ------
    ValueError
        If `length` is not a positive integer.

    Notes
    -----
    Hochreiter and Schmidhuber (1997), in the form of Arjovsky, Shah and Bengio (2016); the
    baseline is derived in :ref:`ch-sequences`.

    Examples
    --------
    >>> task = copying(length=100)
    >>> task.test.x.shape[0], round(task.baseline, 4)
    (120, 0.1733)
    """
    length = checks.positive_integer("length", length)
    blank, delimiter, steps = 8, 9, length + 20

    def batch(rng, size):
        symbols = rng.integers(8, size=(10, size))
        read = np.full((steps, size), blank)
        read[:10], read[length + 9] = symbols, delimiter
        targets = np.full((steps, size), blank)
        targets[-10:] = symbols
        return Batch(one_hot(read, 10), targets, np.ones((steps, size), dtype=bool))

    return _task("copying", 10, 9, "cross_entropy", 10 * np.log(8) / steps, batch)


def temporal_order(length=50):
    """Say which two symbols stood in a sequence, and in which order.

    A or B stands at a random place of the second tenth and again of the sixth tenth; all other
    places hold one of four symbols that mean nothing.

    Parameters
    ----------
    length : int
        T, at least 10.

    Returns
    -------
    Task
        Many-to-one, D = 6 (A, B and the four others), 4 classes: AA, BA, AB, BB. The baseline is
        ln 4. The test set has 10,000 sequences, as in the papers.

    Raises
    ------
    ValueError
        If `length` is below 10.

    Notes
    -----
    Hochreiter and Schmidhuber (1997), task 6a, in the form of Pascanu, Mikolov and Bengio (2013);
    measured in :ref:`ch-without-gates`.

    Examples
    --------
    >>> batch = temporal_order(length=20).batch(np.random.default_rng(0), 1)
    >>> "".join("ABcdef"[k] for k in batch.x[:, 0].argmax(axis=-1)), int(batch.targets[-1, 0])
    ('feeAdccccfBfeefeeeef', 2)
    """
    length = checks.positive_integer("length", length, least=10)
    tenth = length // 10

    def batch(rng, size):
        symbols = rng.integers(2, 6, size=(length, size))
        pair, each = rng.integers(2, size=(2, size)), np.arange(size)
        symbols[tenth + rng.integers(tenth, size=size), each] = pair[0]
        symbols[length // 2 + rng.integers(tenth, size=size), each] = pair[1]
        return _at_the_end(one_hot(symbols, 6), pair[0] + 2 * pair[1])

    return _task("temporal_order", 6, 4, "cross_entropy", np.log(4), batch, test_size=10_000)


#: Every task by name; each is called with `length`.
#:
#: :meta hide-value:
TASKS = {
    task.__name__: task
    for task in (
        sky,
        arrow,
        characters,
        words,
        digit_rows,
        digit_pixels,
        adding,
        copying,
        temporal_order,
    )
}

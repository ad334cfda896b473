"""English to read: the manual of Python, its characters, its words, and its direction."""

import functools
import re

import numpy as np

from rnn_src import checks
from rnn_src.tasks.base import TEST_SEED, Batch, Task, checked, many_to_one
from rnn_src.tasks.symbols import one_hot

__all__ = ["ALPHABET", "arrow", "characters", "decode", "encode", "manual_text", "words"]

#: The 32 symbols of the character tasks: 5 bits each, if they were all as frequent.
ALPHABET = " abcdefghijklmnopqrstuvwxyz.,:'-"


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
    Used in :ref:`ch-letters`.

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
    Used in :ref:`ch-letters`.

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
        return many_to_one(
            one_hot(np.where(forwards, stretches, stretches[::-1]), len(ALPHABET)), forwards
        )

    held_out = draw(test, np.random.default_rng(TEST_SEED), 1000)
    batch = checked(functools.partial(draw, train))
    return Task("arrow", len(ALPHABET), 2, "cross_entropy", float(np.log(2)), batch, held_out)


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
    Trained in :ref:`ch-letters`.

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
    Trained in :ref:`ch-letters`.

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
    return Task(name, size, size, "cross_entropy", float(baseline), checked(batch), held_out)


def _split(stream):
    """The first nine tenths of a stream to train on, the last tenth to test on."""
    cut = len(stream) * 9 // 10
    return stream[:cut], stream[cut:]


def _check_room(test, length):
    if len(test) <= length:
        raise ValueError(
            f"length must be below {len(test)}, the tokens of the test text, got {length}"
        )

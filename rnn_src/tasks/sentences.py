"""The sky sentences: a clue, words that mislead, words that fill, and a blank."""

import numpy as np

from rnn_src import checks
from rnn_src.tasks.base import make_task, many_to_one
from rnn_src.tasks.symbols import one_hot

__all__ = ["PLACES", "sky", "sky_vocabulary"]

#: The sky sentences: what is where.
PLACES = {"clouds": "sky", "fish": "sea", "trees": "forest", "cars": "street"}

_FILLERS = (
    "often still really today always quite here mostly almost now rarely once again perhaps indeed "
    "usually maybe simply likely surely"
).split()


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
        return many_to_one(one_hot(words, len(vocabulary)), subject)

    return make_task("sky", len(vocabulary), nouns, "cross_entropy", np.log(nouns), batch)

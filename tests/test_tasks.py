"""Tasks: what is drawn, that it repeats, and that each baseline is what theory says."""

import re
from collections import Counter

import numpy as np
import pytest

from rnn_src.readout import mean_squared_error, softmax_cross_entropy
from rnn_src.scan import forward, init
from rnn_src.tasks import (
    ALPHABET,
    PLACES,
    TASKS,
    adding,
    arrow,
    characters,
    copying,
    decode,
    digit_pixels,
    digit_rows,
    encode,
    manual_text,
    one_hot,
    pad,
    sky,
    sky_vocabulary,
    temporal_order,
    words,
)

MANY_TO_MANY = ("characters", "words", "copying")


def rng(seed=0):
    return np.random.default_rng(seed)


def symbols(x):
    """The indices that one-hot rows stand for."""
    return x.argmax(axis=-1)


@pytest.fixture(params=list(TASKS))
def task(request):
    return TASKS[request.param]()


# --- Every task ------------------------------------------------------------------------------


def test_shapes_and_masks(task):
    assert TASKS[task.name]().name == task.name
    for batch, size in ((task.batch(rng(), 6), 6), (task.test, task.test.x.shape[1])):
        T = batch.x.shape[0]
        values = (task.output_size,) if task.loss == "squared_error" else ()
        assert batch.x.shape == (T, size, task.input_size) and batch.x.dtype == np.float64
        assert batch.targets.shape == (T, size, *values)
        assert batch.mask.shape == (T, size) and batch.mask.dtype == bool
        asked = batch.mask if task.name in MANY_TO_MANY else batch.mask[-1:]
        assert asked.all() and batch.mask.sum() == asked.size
        if task.loss == "cross_entropy":
            assert np.issubdtype(batch.targets.dtype, np.integer)
            assert 0 <= batch.targets.min() and batch.targets.max() < task.output_size


def equal(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_a_seed_gives_one_batch(task):
    assert equal(task.batch(rng(), 6), task.batch(rng(), 6))
    assert not equal(task.batch(rng(), 6), task.batch(rng(1), 6))
    assert equal(task.test, TASKS[task.name]().test)


def test_a_generator_moves_on(task):
    generator = rng()
    assert not equal(task.batch(generator, 6), task.batch(generator, 6))


def test_the_test_set_is_not_what_a_run_trains_on(task):
    """The first batches of a run are seeded by [seed, 1]; none of them is the test set."""
    size = task.test.x.shape[1]
    assert not any(equal(task.batch(rng([seed, 1]), size), task.test) for seed in range(5))


def test_batches_are_the_callers_to_change(task):
    """Writing into a batch reaches neither the next one nor the test set."""
    before = [v.copy() for v in task.test]
    batch = task.batch(rng(), 6)
    batch.x[:], batch.targets[:], batch.mask[:] = 0, 0, False
    assert equal(task.test, before) and task.batch(rng(), 6).x.any()


@pytest.mark.parametrize(
    "generator, size, error, message",
    [
        (0, 6, TypeError, "rng must be a numpy.random.Generator .*got int"),
        (rng(), 0, ValueError, "size must be an integer of at least 1, got 0"),
        (rng(), 2.0, ValueError, "size must be .*got 2.0"),
        (rng(), True, ValueError, "size must be .*got True"),
    ],
)
def test_bad_input_of_batch(task, generator, size, error, message):
    with pytest.raises(error, match=message):
        task.batch(generator, size)


# --- Sky -------------------------------------------------------------------------------------


def sentences(batch):
    vocabulary = sky_vocabulary()
    return [" ".join(vocabulary[i] for i in column) for column in symbols(batch.x).T]


@pytest.mark.parametrize("length", [6, 7, 15])
def test_the_subject_of_a_sky_sentence_decides_the_place(length):
    batch = sky(length).batch(rng(), 200)
    places = list(PLACES.values())
    for sentence, answer in zip(sentences(batch), batch.targets[-1], strict=True):
        found = sentence.split()
        assert len(found) == length + 2 and sentence.endswith(" are in the")
        assert re.match(r"the (\w+) unlike the (\w+)( |$)", sentence)
        assert PLACES[found[1]] == places[answer] and found[4] in PLACES and found[4] != found[1]
        assert sum(word in PLACES for word in found) == 2


def test_the_bag_of_words_leaves_exactly_two_answers():
    """Each pair of nouns stands for its two places about equally often: the best guess is 1/2."""
    batch = sky(6).batch(rng(), 6000)
    answers = {}
    for sentence, answer in zip(sentences(batch), batch.targets[-1], strict=True):
        answers.setdefault("".join(sorted(sentence.split())), Counter())[int(answer)] += 1
    assert len(answers) == 6 and all(len(counts) == 2 for counts in answers.values())
    best = sum(max(counts.values()) for counts in answers.values()) / 6000
    assert abs(best - 0.5) < 5 * 0.5 / np.sqrt(6000)


def test_the_places_are_as_frequent():
    counts = np.bincount(sky().batch(rng(), 8000).targets[-1], minlength=4)
    assert np.abs(counts / 8000 - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 8000)
    assert sky().baseline == pytest.approx(np.log(4), rel=1e-15)


# --- Arrow -----------------------------------------------------------------------------------


def test_reversal_flips_the_label_of_an_arrow():
    """Forward stretches are in the text, backward ones after a reversal: one bag, two labels."""
    batch, text = arrow(24).batch(rng(), 60), manual_text()
    for column, forwards in zip(symbols(batch.x).T, batch.targets[-1], strict=True):
        read = decode(column)
        assert (read if forwards else read[::-1]) in text
        assert (read[::-1] if forwards else read) not in text
    assert 0.2 < batch.targets[-1].mean() < 0.8


def test_both_directions_are_as_frequent():
    labels = arrow(4).batch(rng(), 10_000).targets[-1]
    assert abs(labels.mean() - 0.5) < 5 * 0.5 / 100
    assert arrow(4).baseline == pytest.approx(np.log(2), rel=1e-15)


# --- Text ------------------------------------------------------------------------------------


def test_what_counts_as_prose(monkeypatch):
    """Over 60 characters, a capital, an end, and over 95% of letters and plain marks; once."""
    from pydoc_data import topics

    long = 60 * "a"
    kept = {
        f"A{long[:59]}.": f"a{long[:59]}.",
        f"B{long[:58]}::": f"b{long[:58]}::",
        f"C{94 * 'c'}[[[[.": f"c{94 * 'c'}.",  # 4 odd ones of 100
        f"D  [\n  {long}.": f"d {long}.",
    }
    left = [f"E{long[:58]}.", f"e{long}.", f"F{long}", f"G{93 * 'g'}[[[[[.", f"[{long}."]
    monkeypatch.setattr(topics, "topics", {"a": "\n\n".join([*kept, *left]), "b": [*kept][0]})
    text = manual_text.__wrapped__()
    assert len(text) == sum(map(len, kept.values())) + 3
    assert all(block in text for block in kept.values())


def test_the_manual_in_32_letters():
    text = manual_text()
    assert len(ALPHABET) == 32 == len(set(ALPHABET))
    assert set(text) <= set(ALPHABET) and len(text) > 100_000
    assert "  " not in text and text == text.strip()
    assert text.count(" the ") > 1000  # English


def test_encode_and_decode_are_inverse():
    text = manual_text()
    indices = encode(text)
    assert indices.dtype == int and indices.shape == (len(text),)
    assert decode(indices) == text and decode(encode(ALPHABET)) == ALPHABET
    np.testing.assert_array_equal(encode(decode(np.arange(32))), np.arange(32))
    assert decode([]) == "" and len(encode("")) == 0


@pytest.mark.parametrize("name", ["characters", "words"])
def test_the_target_is_the_next_input(name):
    task = TASKS[name](12)
    for batch in (task.batch(rng(), 8), task.test):
        np.testing.assert_array_equal(symbols(batch.x)[1:], batch.targets[:-1])
        np.testing.assert_array_equal(batch.x.sum(axis=-1), 1)


def test_characters_train_and_test_on_two_parts_of_the_text():
    text = manual_text()
    cut = len(text) * 9 // 10
    task = characters(60)
    for columns, part in ((task.batch(rng(), 50), text[:cut]), (task.test, text[cut:])):
        for column, last in zip(symbols(columns.x).T, columns.targets[-1], strict=True):
            assert decode([*column, last]) in part
    tested = "".join(decode(column) for column in symbols(task.test.x).T)
    assert text[cut:].startswith(tested)  # each token once


def test_the_unigram_baseline_of_characters():
    """-sum over the test targets of log((count in the training text + 1) / total), one by one."""
    text, task = manual_text(), characters(50)
    train = Counter(text[: len(text) * 9 // 10])
    total = sum(train.values()) + 32
    losses = [-np.log((train[ALPHABET[k]] + 1) / total) for k in task.test.targets.ravel()]
    assert task.baseline == pytest.approx(np.mean(losses), rel=1e-12)
    assert 2.5 < task.baseline < np.log(32)


def test_the_unigram_baseline_and_the_vocabulary_of_words():
    found, task = re.findall("[a-z]+", manual_text()), words(20, vocabulary=30)
    counts = Counter(found)
    known = sorted(counts, key=lambda word: (-counts[word], word))[:30]
    assert known[0] == "the" and task.input_size == task.output_size == 31
    names = [word if word in known else "unknown" for word in found]
    cut = len(names) * 9 // 10
    train = Counter(names[:cut])
    labels = [*known, "unknown"]
    tested = [labels[k] for k in task.test.targets.T.ravel()]
    assert tested == names[cut + 1 : cut + 1 + len(tested)]
    losses = [-np.log((train[name] + 1) / (cut + 31)) for name in tested]
    assert task.baseline == pytest.approx(np.mean(losses), rel=1e-12)


# --- Digits ----------------------------------------------------------------------------------


@pytest.mark.parametrize("make, steps", [(digit_rows, 8), (digit_pixels, 64)])
def test_digits_are_the_images_of_scikit_learn(make, steps):
    from sklearn.datasets import load_digits

    data = load_digits()
    images = {image.tobytes(): label for image, label in zip(data.images, data.target, strict=True)}
    task = make()
    for batch in (task.batch(rng(), 50), task.test):
        assert batch.x.shape[0] == steps and batch.x.min() == 0 and batch.x.max() == 1
        for n, label in enumerate(batch.targets[-1]):
            assert images[(16 * batch.x[:, n]).reshape(8, 8).tobytes()] == label
    assert task.baseline == pytest.approx(np.log(10), rel=1e-15)


@pytest.mark.parametrize("make", [digit_rows, digit_pixels])
def test_no_test_digit_is_trained_on(make):
    """20,000 draws see all 1,437 training digits; none of them is among the 360 of the test set."""
    task = make()
    seen = {column.tobytes() for column in task.batch(rng(), 20_000).x.transpose(1, 0, 2)}
    tested = {column.tobytes() for column in task.test.x.transpose(1, 0, 2)}
    assert len(seen) == 1437 and len(tested) == 360 and not seen & tested


# --- Adding and copying ----------------------------------------------------------------------


@pytest.mark.parametrize("length", [2, 3, 10, 101])
def test_the_target_of_adding_is_the_sum_of_the_marked(length):
    x, targets, _ = adding(length).batch(rng(), 300)
    values, marks = x[..., 0], x[..., 1]
    np.testing.assert_array_equal(marks[: length // 2].sum(axis=0), 1)
    np.testing.assert_array_equal(marks[length // 2 :].sum(axis=0), 1)
    np.testing.assert_allclose(targets[-1, :, 0], (values * marks).sum(axis=0), rtol=1e-15)
    assert 0 <= values.min() and values.max() < 1


def test_the_adding_baseline_is_the_variance_of_the_sum():
    """Guessing 1 costs 1/6; the squared error of n sums has standard deviation sqrt(7/180)."""
    batch, n = adding(10).batch(rng(), 50_000), 50_000
    loss, _ = mean_squared_error(np.ones((n, 1)), batch.targets[-1])
    assert adding(10).baseline == pytest.approx(1 / 6, rel=1e-15)
    assert abs(loss - 1 / 6) < 4 * np.sqrt(7 / 180 / n)


def test_copying_says_its_ten_symbols_again():
    length = 15
    batch = copying(length).batch(rng(), 40)
    read = symbols(batch.x)
    assert read.shape == (35, 40) and (read[:10] < 8).all()
    np.testing.assert_array_equal(batch.targets[-10:], read[:10])
    np.testing.assert_array_equal(batch.targets[:-10], 8)
    np.testing.assert_array_equal(read[10:-11], 8)
    np.testing.assert_array_equal(read[-11], 9)
    np.testing.assert_array_equal(read[-10:], 8)


@pytest.mark.parametrize("length", [1, 30, 100])
def test_the_copying_baseline_is_what_the_memoryless_strategy_scores(length):
    """Blank for certain until the delimiter, then one of 8 symbols at random."""
    task = copying(length)
    o = np.full((length + 20, 500, 9), -1e4)
    o[:-10, :, 8] = 0
    o[-10:, :, :8] = 0
    loss, _ = softmax_cross_entropy(o, task.test.targets, task.test.mask)
    assert task.baseline == pytest.approx(10 * np.log(8) / (length + 20), rel=1e-15)
    assert loss == pytest.approx(task.baseline, rel=1e-12)


# --- Padding and one-hot ---------------------------------------------------------------------


def test_one_hot():
    indices = rng().integers(5, size=(3, 2))
    rows = one_hot(indices, 5)
    assert rows.shape == (3, 2, 5) and rows.dtype == np.float64
    np.testing.assert_array_equal(symbols(rows), indices)
    np.testing.assert_array_equal(rows.sum(axis=-1), 1)


def test_padded_sequences_run_as_they_do_alone():
    sequences = [[1, 2, 0, 2], [2], [0, 1]]
    indices, lengths, mask = pad(sequences)
    assert lengths.tolist() == [4, 1, 2] == mask.sum(axis=0).tolist()
    params = init("rnn", 3, 4, rng())
    states, _ = forward("rnn", params, one_hot(indices, 3), lengths=lengths)
    for n, sequence in enumerate(sequences):
        assert indices[mask[:, n], n].tolist() == sequence
        alone, _ = forward("rnn", params, one_hot(sequence, 3)[:, None])
        np.testing.assert_allclose(states[-1, n], alone[-1, 0], rtol=1e-13)


# --- Bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make, least",
    [(sky, 6), (arrow, 2), (characters, 1), (words, 1), (adding, 2), (copying, 1)],
)
def test_bad_lengths(make, least):
    for bad in (least - 1, float(least), True, None, "9"):
        with pytest.raises(
            ValueError, match=f"length must be an integer of at least {least}, got {bad!r}"
        ):
            make(bad)
    make(least)


@pytest.mark.parametrize("make", [arrow, characters, words])
def test_lengths_beyond_the_text(make):
    with pytest.raises(
        ValueError, match=r"length must be below \d+, the tokens of the test text, got 10000000"
    ):
        make(10**7)


@pytest.mark.parametrize("make, steps", [(digit_rows, 8), (digit_pixels, 64)])
def test_the_length_of_a_digit_is_fixed(make, steps):
    make(steps)
    for bad in (steps - 1, 0, "8", True):
        with pytest.raises(ValueError, match=f"length must be {steps}, .*got {bad!r}"):
            make(bad)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: words(10, 0), ValueError, "vocabulary must be an integer of at least 1, got 0"),
        (lambda: words(10, 9.5), ValueError, "vocabulary must be .*got 9.5"),
        (lambda: one_hot([0, 3], 3), ValueError, r"indices must be integers in 0..2, got \[0, 3\]"),
        (lambda: one_hot(np.zeros(0, int), 3), ValueError, r"indices must be .* 0..2, got \[\]"),
        (lambda: one_hot([0, -1], 3), ValueError, r"indices must be .*got \[0, -1\]"),
        (lambda: one_hot([0.0], 3), ValueError, r"indices must be .*got \[0.0\]"),
        (lambda: one_hot([], 3), ValueError, r"indices must be .*got \[\]"),
        (
            lambda: one_hot([[0], [1, 2]], 3),
            ValueError,
            "indices must be an array, got rows of different lengths",
        ),
        (lambda: one_hot([0], 0), ValueError, "size must be an integer of at least 1, got 0"),
        (lambda: pad([]), ValueError, "sequences must be rows of at least one integer, got none"),
        (lambda: pad([[1], []]), ValueError, r"sequences must be rows .*got \[\]"),
        (lambda: pad([[1], [2.5]]), ValueError, r"sequences must be rows .*got \[2.5\]"),
        (lambda: pad([[1], [[2]]]), ValueError, r"sequences must be rows .*got \[\[2\]\]"),
        (lambda: pad(["ab"]), ValueError, "sequences must be rows .*got ab"),
        (lambda: encode("Héllo!"), ValueError, "text must be made of .*got '!Hé' in it"),
        (lambda: encode(None), TypeError, "text must be a str, got NoneType"),
        (lambda: encode(["a"]), TypeError, "text must be a str, got list"),
        (lambda: decode([32]), ValueError, r"indices must be integers in 0..31, got \[32\]"),
        (lambda: decode([-1]), ValueError, r"indices must be .*got \[-1\]"),
        (lambda: decode([1.5]), ValueError, r"indices must be .*got \[1.5\]"),
        (lambda: decode(5), ValueError, r"indices must be \(N,\), got \(\)"),
        (lambda: decode([[5]]), ValueError, r"indices must be \(N,\), got \(1, 1\)"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- Temporal order --------------------------------------------------------------------------


@pytest.mark.parametrize("length, first, second", [(10, {1}, {5}), (57, set(range(5, 10)), None)])
def test_temporal_order_asks_for_two_symbols_in_their_order(length, first, second):
    batch = temporal_order(length).batch(rng(), 3000)
    found = symbols(batch.x)
    assert (np.count_nonzero(found < 2, axis=0) == 2).all()
    at = np.sort(np.argsort(found >= 2, axis=0, kind="stable")[:2], axis=0)
    tenth, half = length // 10, length // 2
    assert set(at[0].tolist()) == first and tenth == min(first)
    assert set(at[1].tolist()) == (second or set(range(half, half + tenth)))
    values = np.take_along_axis(found, at, axis=0)
    np.testing.assert_array_equal(batch.targets[-1], values[0] + 2 * values[1])
    assert Counter(batch.targets[-1].tolist()).keys() == {0, 1, 2, 3}
    counts = np.bincount(found.ravel(), minlength=6)[2:]
    assert counts.min() > 0.95 * counts.mean()


def test_temporal_order_is_that_of_the_paper():
    task = temporal_order(50)
    assert task.test.x.shape == (50, 10_000, 6) and task.baseline == np.log(4)
    with pytest.raises(ValueError, match="^length must be an integer of at least 10, got 9$"):
        temporal_order(9)

"""Every sentence of a checkup: said of a network built to deserve it, not of one built not to."""

import sys

import numpy as np
import pytest
import safetensors.numpy

from rnn_src import backward, forward, init
from rnn_src.cells import RNNParams
from rnn_src.checkup import checkup, main
from rnn_src.figures import checkup_figure
from rnn_src.initializers import gaussian
from rnn_src.interop import to_pytorch

T, B, D, H = 60, 8, 3, 16


def drawn(cell, seed=0, scale=1.0, **start):
    rng = np.random.default_rng(seed)
    params = init(cell, D, H, rng, **start)
    return params._replace(W=scale * params.W), rng.standard_normal((T, B, D))


def gated(cell, keep):
    """A cell with gates whose keeping gate starts with this bias."""
    params, x = drawn(cell)
    params.b[H : 2 * H] = keep
    return params, x


def on_the_last(x, parts=1, seed=1):
    """A loss on the last h alone, another for each sequence."""
    dstates = np.zeros((*x.shape[:2], parts * H))
    dstates[-1, :, :H] = np.random.default_rng(seed).standard_normal((x.shape[1], H))
    return dstates


def said(cell, made, dstates=None):
    params, x = made
    return {finding.name for finding in checkup(cell, params, x, dstates).findings}


def chain(entry):
    """W with one diagonal above the main one: no eigenvalue but 0, and growth while it lasts."""
    rng = np.random.default_rng(0)
    W = entry * np.eye(H, k=1)
    return RNNParams(W, 0.01 * rng.standard_normal((H, D)), np.zeros(H)), np.zeros((T, B, D))


def saturating(bias):
    params, x = drawn("rnn")
    return params._replace(b=np.full(H, bias), U=0 * params.U), x


def carried():
    """Gates that keep nothing, and a candidate whose own weights carry the gradient."""
    params, x = gated("lstm", -6.0)
    W = 0 * params.W
    W[2 * H : 3 * H] = 4 * np.eye(H)  # a half of i, a half of o: g's path has slope 1 at 0
    return params._replace(W=W, U=1e-3 * params.U), x


DESERVED = [
    ("vanishing", "rnn", drawn("rnn", scale=0.7)),
    ("vanishing", "lstm", gated("lstm", 0.0)),
    ("vanishing", "gru", gated("gru", 0.0)),
    ("holding", "rnn_linear", drawn("rnn_linear")),
    ("holding", "rnn_leaky", drawn("rnn_leaky")),
    ("exploding", "rnn_linear", chain(1.5)),
    ("chaotic", "rnn", drawn("rnn", scale=4.0, recurrent=gaussian)),
    ("contracting", "rnn", drawn("rnn", scale=0.9)),
    ("radius", "rnn", drawn("rnn", scale=1.2)),
    ("transient", "rnn_linear", chain(1.2)),
    ("saturated", "rnn", saturating(3.0)),
    ("short gates", "lstm", gated("lstm", 1.0)),
    ("short gates", "gru", gated("gru", 1.0)),
]
NOT_DESERVED = [
    ("vanishing", "rnn_linear", drawn("rnn_linear")),
    ("vanishing", "rnn", drawn("rnn", scale=4.0, recurrent=gaussian)),
    ("vanishing", "lstm", gated("lstm", 6.0)),
    ("holding", "rnn", drawn("rnn", scale=0.7)),
    ("holding", "rnn_linear", drawn("rnn_linear", scale=1.1)),
    ("exploding", "rnn_linear", drawn("rnn_linear")),
    ("exploding", "rnn", drawn("rnn", scale=4.0, recurrent=gaussian)),
    ("chaotic", "rnn", drawn("rnn")),
    ("chaotic", "rnn_linear", chain(1.5)),
    ("contracting", "rnn", drawn("rnn", scale=1.1)),
    ("contracting", "rnn_leaky", drawn("rnn_leaky", scale=0.9)),
    ("contracting", "lstm", gated("lstm", 0.0)),
    ("radius", "rnn", drawn("rnn", scale=0.9)),
    ("radius", "rnn_linear", drawn("rnn_linear", scale=1.2)),
    ("transient", "rnn_linear", drawn("rnn_linear", scale=0.9)),
    ("saturated", "rnn", saturating(0.1)),
    ("saturated", "rnn_linear", drawn("rnn_linear")),
    ("short gates", "lstm", gated("lstm", 6.0)),
    ("short gates", "lstm", carried()),
    ("short gates", "gru", gated("gru", 6.0)),
]


@pytest.mark.parametrize(("name", "cell", "made"), DESERVED, ids=lambda v: str(v)[:20])
def test_a_network_that_deserves_a_sentence_gets_it(name, cell, made):
    assert name in said(cell, made)


@pytest.mark.parametrize(("name", "cell", "made"), NOT_DESERVED, ids=lambda v: str(v)[:20])
def test_a_network_that_does_not_deserve_a_sentence_does_not_get_it(name, cell, made):
    assert name not in said(cell, made)


def test_a_gradient_that_comes_from_near_is_called_near_sighted():
    params, x = drawn("rnn", scale=0.7)
    assert "near-sighted" in said("rnn", (params, x), on_the_last(x))
    params, x = drawn("rnn_linear")
    assert "near-sighted" not in said("rnn_linear", (params, x), on_the_last(x))
    assert "near-sighted" not in said("rnn_linear", (params, x))


def test_a_far_part_drowns_in_the_noise_of_a_batch_and_not_where_all_sequences_agree():
    params, x = drawn("rnn", scale=0.7)
    assert "drowned" in said("rnn", (params, x), on_the_last(x))
    alike = np.repeat(x[:, :1], B, axis=1)
    same = np.repeat(on_the_last(x)[:, :1], B, axis=1)
    assert "drowned" not in said("rnn", (params, alike), same)
    assert "drowned" not in said("rnn", (params, x[:, :1]), on_the_last(x)[:, :1])


def test_shares_are_tails_of_the_gradient_of_bptt():
    params, x = drawn("lstm")
    dstates = on_the_last(x, parts=2)
    found = checkup("lstm", params, x, dstates)
    _, tape = forward("lstm", params, x)
    whole = backward("lstm", params, tape, dstates)[0].W
    for lag in (1, 3, 10):
        near = backward("lstm", params, tape, dstates, window=lag)[0].W
        share = np.linalg.norm(whole - near) / np.linalg.norm(whole)
        assert np.isclose(found.shares[lag], share, rtol=1e-6)


def test_noise_is_the_sampling_error_of_the_gradient():
    """Over many batches of the same kind the gradient varies as one batch says that it does."""
    params, _ = drawn("rnn")
    noises, gradients = [], []
    for seed in range(40):
        x = np.random.default_rng(seed).standard_normal((20, 32, D))
        dstates = on_the_last(x, seed=100 + seed) + 0.3 * (np.arange(20) == 19)[:, None, None]
        _, tape = forward("rnn", params, x)
        gradients.append(backward("rnn", params, tape, dstates)[0].W)
        noises.append(checkup("rnn", params, x, dstates).noise * np.linalg.norm(gradients[-1]))
    spread = np.sqrt(np.var(gradients, axis=0, ddof=1).sum())
    assert abs(np.sqrt(np.mean(np.square(noises))) / spread - 1) < 0.1


def test_a_shorter_sequence_is_measured_as_if_it_were_alone():
    params, x = drawn("lstm")
    lengths = np.array([T, 25, 40, T, T, T, T, T])
    together = checkup("lstm", params, x, lengths=lengths)
    alone = checkup("lstm", params, x[:25, 1:2])
    assert np.allclose(together.norms[:26, 1], alone.norms[:, 0], rtol=1e-8)
    assert np.isnan(together.norms[26:, 1]).all()
    assert np.allclose(together.exponents[1], alone.exponents[0], rtol=1e-6)


@pytest.mark.parametrize(("cell", "bias"), [("lstm", 2.0), ("gru", 3.0)])
def test_half_lives_are_those_of_the_gates(cell, bias):
    """Without weights the gate is its bias: sigma(bias)^k is a half at the half-life."""
    params, x = gated(cell, bias)
    params = params._replace(W=0 * params.W, U=0 * params.U)
    kept = 1 / (1 + np.exp(-bias))
    assert np.allclose(kept ** checkup(cell, params, x).half_lives, 0.5)


def test_reach_is_the_lag_from_which_on_the_norms_stay_below():
    params, x = drawn("rnn_linear")
    found = checkup("rnn_linear", params._replace(W=0.5 * params.W), x)  # norms are 2^-k
    assert found.reach == {0.5: 2, 1e-3: 10, 2.0**-24: 25}
    assert "below   0.001 from lag 10" in str(found)
    assert checkup("rnn_linear", params, x).reach == {0.5: None, 1e-3: None, 2.0**-24: None}


def test_gradients_beyond_the_dtype_are_told_with_what_to_do():
    """W = 4 I without inputs: e^1.39 a step, and 4^64 is above the largest float32."""
    params, x = drawn("rnn_linear")
    params = RNNParams(*(leaf.astype(np.float32) for leaf in params))
    params.W[:] = 4 * np.eye(H)
    x = np.zeros((70, 2, D), np.float32)
    assert checkup("rnn_linear", params, x[:60]).norms[-1, 0] == 4.0**60
    with pytest.raises(ValueError, match=r"^x must have fewer steps: over 70 .* e\^1.39 a step"):
        checkup("rnn_linear", params, x)


def test_bad_input_gets_one_sentence():
    params, x = drawn("rnn")
    with pytest.raises(ValueError, match="cell must be one of"):
        checkup("elman", params, x)
    with pytest.raises(ValueError, match=r"x must be \(T, B, D\) with D = 3"):
        checkup("rnn", params, x[..., :2])
    with pytest.raises(ValueError, match="dstates must be"):
        checkup("rnn", params, x, on_the_last(x)[1:])
    with pytest.raises(ValueError, match=r"with T = 60, B = 8, S = 16, got \(60, 7, 16\)"):
        checkup("rnn", params, x, on_the_last(x)[:, 1:])
    with pytest.raises(ValueError, match="dstates must give W a gradient"):
        checkup("rnn", params, x, np.zeros((T, B, H)))


# --- From a shell ----------------------------------------------------------------------------


@pytest.fixture
def stored(tmp_path):
    """A layer of a model, by PyTorch's names, and its inputs."""
    params, x = drawn("lstm")
    names = {f"encoder.{name}": leaf for name, leaf in to_pytorch("lstm", params).items()}
    np.savez(tmp_path / "weights.npz", **names)
    safetensors.numpy.save_file(names, tmp_path / "weights.safetensors")
    np.save(tmp_path / "x.npy", x)
    return tmp_path, params, x


def shell(folder, *options, weights="weights.npz"):
    main([str(folder / weights), "--input", str(folder / "x.npy"), *options])


@pytest.mark.parametrize("weights", ["weights.npz", "weights.safetensors"])
def test_a_file_is_read_measured_and_printed(stored, capsys, weights):
    folder, params, x = stored
    shell(folder, "--cell", "lstm", "--prefix", "encoder.", weights=weights)
    assert capsys.readouterr().out == f"{checkup('lstm', params, x)}\n"


def test_a_figure_is_drawn_and_a_batch_may_come_first(stored, capsys):
    folder, params, x = stored
    np.save(folder / "x.npy", x.swapaxes(0, 1))
    figure = folder / "out.svg"
    options = ["--cell", "lstm", "--prefix", "encoder.", "--batch-first", "--figure", str(figure)]
    shell(folder, *options)
    assert capsys.readouterr().out == f"{checkup('lstm', params, x)}\n"
    assert "<svg" in figure.read_text()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--cell", "lstm"], "encoder."),
        (["--cell", "gru", "--prefix", "encoder."], "weight_ih"),
        (["--cell", "lstm", "--prefix", "encoder.", "--layer", "3"], "layer"),
    ],
)
def test_what_does_not_fit_is_one_sentence(stored, options, sentence):
    with pytest.raises(SystemExit) as stop:
        shell(stored[0], *options)
    assert sentence in str(stop.value) and "\n" not in str(stop.value)


def test_a_missing_file_is_one_sentence(stored):
    with pytest.raises(SystemExit, match=r"No such file.*nowhere\.npz"):
        shell(stored[0], "--cell", "lstm", weights="nowhere.npz")


def test_a_file_of_pytorch_without_pytorch_says_how_to_convert_it(stored, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    with pytest.raises(SystemExit, match=r"np\.savez"):
        shell(stored[0], "--cell", "lstm", weights="weights.pt")


def test_the_figure_shows_what_was_measured():
    params, x = drawn("lstm")
    found = checkup("lstm", params, x, on_the_last(x, parts=2))
    left, right = checkup_figure(found).axes
    solid, dashed = left.lines[:2]
    assert np.allclose(solid.get_ydata(), np.median(found.norms, axis=1))
    rate = np.median(found.exponents[:, 0])
    assert dashed.get_linestyle() == "--" and np.isclose(np.log(dashed.get_ydata()[1]), rate)
    assert np.allclose(right.lines[0].get_ydata()[:20], found.shares[:20])
    assert len(checkup_figure(checkup("lstm", params, x)).axes) == 1

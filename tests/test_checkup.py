"""Every sentence of a checkup: said of a network built to deserve it, not of one built not to."""

import sys

import numpy as np
import pytest
import safetensors.numpy

from rnn_src import backward, forward, init
from rnn_src.cells import RNNParams
from rnn_src.checkup import checkup, checkup_stack, main
from rnn_src.figures import checkup_figure
from rnn_src.gradient_flow import gradient_by_lag
from rnn_src.initializers import gaussian
from rnn_src.interop import to_pytorch
from rnn_src.stack import Stack, backward_stack, forward_stack

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


def test_a_gradient_that_reaches_a_carried_state_is_not_called_near_sighted():
    params, x = drawn("rnn_linear")
    dstates, carried_in = np.zeros((T, B, H)), np.ones((B, H))
    dstates[-1] = 1.0
    found = checkup("rnn_linear", params, 0.001 * x, dstates, s0=carried_in)
    assert found.shares.min() > 0.01 > found.noise > 0.001  # from 0, the last share would be 0
    assert not {"near-sighted", "drowned"} & {finding.name for finding in found.findings}


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


def test_padding_beyond_all_sequences_changes_nothing():
    params, x = drawn("lstm")
    lengths, dstates = np.full(B, 25), on_the_last(x[:25], parts=2)
    long = np.concatenate([dstates, np.zeros((T - 25, *dstates.shape[1:]))])
    padded = checkup("lstm", params, x, long, lengths=lengths)
    alone = checkup("lstm", params, x[:25], dstates, lengths=lengths)
    assert str(padded) == str(alone)
    assert np.allclose(padded.norms, alone.norms) and np.allclose(padded.shares, alone.shares)


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


def test_where_no_sentence_applies_one_says_so_and_on_what():
    params, x = drawn("rnn_linear")
    params = params._replace(W=0.92 * np.eye(H))
    params.W[0, 1] = 0.2  # so the 2-norm is above 1, and the norms end between the two limits
    found = checkup("rnn_linear", params, x)
    text = " ".join(str(found).split())
    assert found.findings == ()
    left = np.median(found.norms[-1])
    assert 1e-3 < left < 0.1
    assert f"Nothing was found: on {B} sequences of at most {T} steps" in text
    assert f"still has {left:.2g} of its norm after {T}" in text
    assert "Without a loss (dstates) its shares by lag were not measured. [bring]" in text
    with_loss = checkup("rnn_linear", params, x, on_the_last(x))._replace(findings=())
    assert "Nothing was found" in str(with_loss)
    assert "Without a loss" not in str(with_loss)


def test_what_to_do_stands_before_what_to_know():
    params, x = gated("lstm", 0.0)
    found = checkup("lstm", params, x, on_the_last(x, parts=2))
    names = [finding.name for finding in found.findings]
    assert names[0] == "short gates" and names[-1] == "drowned"
    assert names.index("vanishing") < names.index("near-sighted")


# --- Several layers --------------------------------------------------------------------------


def two_layers(cell="lstm", directions=1):
    rng = np.random.default_rng(5)
    widths = (D, directions * H)
    layers = tuple(tuple(init(cell, d, H, rng) for _ in range(directions)) for d in widths)
    return Stack(cell, layers), rng.standard_normal((T, B, D))


def test_each_layer_is_measured_on_the_outputs_of_the_one_below():
    stack, x = two_layers()
    found = checkup_stack(stack, x)
    (lower,), (upper,) = stack.layers
    read = forward("lstm", lower, x)[0][1:, :, :H]
    for one, alone in zip(found, (checkup("lstm", lower, x), checkup("lstm", upper, read))):
        assert np.array_equal(one.norms, alone.norms) and one.findings == alone.findings
    assert str(found[0]).startswith("lstm, layer 1 of 2 (l0): ")
    assert str(found[1]).startswith("lstm, layer 2 of 2 (l1): ")


@pytest.mark.parametrize("directions", [1, 2])
def test_the_losses_of_each_layer_are_those_that_come_down_to_it(directions):
    """The gradients by lag that make the shares add up to the gradient by backward_stack."""
    stack, x = two_layers(directions=directions)
    ends = np.array([T, 30, 40, T, T, 50, T, T])
    doutputs = np.random.default_rng(1).standard_normal((T, B, directions * H))  # padding too
    _, tapes = forward_stack(stack, x, lengths=ends)
    grads = [grad.W for layer in backward_stack(stack, tapes, doutputs)[0] for grad in layer]
    taken = []

    def noted(*given):
        taken.append(gradient_by_lag(*given))
        return taken[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnn_src.checkup.gradient_by_lag", noted)
        checkup_stack(stack, x, doutputs, lengths=ends)
    halves = [part.W.sum(axis=0) for part in taken]
    assert len(halves) == 2 * len(grads)
    for grad, one, other in zip(grads, halves[::2], halves[1::2]):
        assert np.allclose(one + other, grad, rtol=1e-9, atol=1e-12 * np.abs(grad).max())


def test_a_loss_of_another_shape_is_one_sentence():
    stack, x = two_layers()
    with pytest.raises(ValueError, match=r"doutputs must be \(T, B, outputs\).*16"):
        checkup_stack(stack, x, np.zeros((T, B, 2 * H)))


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


@pytest.fixture
def deep(tmp_path):
    """Two layers of a model, by PyTorch's names, and their inputs."""
    stack, x = two_layers()
    names = {
        name.replace("_l0", f"_l{k}"): leaf
        for k, (params,) in enumerate(stack.layers)
        for name, leaf in to_pytorch("lstm", params).items()
    }
    np.savez(tmp_path / "weights.npz", **names)
    np.save(tmp_path / "x.npy", x)
    return tmp_path, stack, x


def test_a_file_of_several_layers_is_read_through(deep, capsys):
    folder, stack, x = deep
    shell(folder, "--cell", "lstm", "--figure", str(folder / "out.svg"))
    printed = capsys.readouterr().out
    lower, upper = checkup_stack(stack, x)
    assert printed.startswith(f"{lower}\n\n{upper}\n\nA gradient travels back in the layer")
    drawn = sorted(path.name for path in folder.glob("*.svg"))
    assert drawn == ["out-l0.svg", "out-l1.svg"]


def test_one_layer_alone_reads_its_own_input(deep, capsys):
    folder, stack, x = deep
    np.save(folder / "x.npy", read := forward_stack(stack, x)[0])
    shell(folder, "--cell", "lstm", "--layer", "1")
    assert capsys.readouterr().out == f"{checkup('lstm', stack.layers[1][0], read)}\n"


def test_an_input_that_looks_batch_first_gets_a_note(stored, capsys):
    folder, params, x = stored
    options = ["--cell", "lstm", "--prefix", "encoder."]
    np.save(folder / "x.npy", x.swapaxes(0, 1))
    shell(folder, *options)
    first, _, rest = capsys.readouterr().out.partition("\n")
    assert f"read as {B} steps of {T} sequences" in first and "--batch-first" in first
    assert rest == f"{checkup('lstm', params, x.swapaxes(0, 1))}\n"
    np.save(folder / "x.npy", x[:4])  # few steps, and the lengths say that they are steps
    np.save(folder / "lengths.npy", ends := np.full(B, 3))
    shell(folder, *options, "--lengths", str(folder / "lengths.npy"))
    assert capsys.readouterr().out == f"{checkup('lstm', params, x[:4], lengths=ends)}\n"
    np.save(folder / "x.npy", x[:, :4].swapaxes(0, 1))
    np.save(folder / "lengths.npy", np.full(4, T))
    with pytest.raises(SystemExit, match="lengths must be"):
        shell(folder, *options, "--lengths", str(folder / "lengths.npy"))
    assert "--batch-first" in capsys.readouterr().out


def test_a_figure_without_matplotlib_is_refused_before_the_work(stored, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rnn_src.figures", None)  # as if its import failed
    with pytest.raises(SystemExit, match="--figure needs Matplotlib.*pip install matplotlib"):
        shell(stored[0], "--cell", "lstm", "--prefix", "encoder.", "--figure", "out.svg")
    assert not capsys.readouterr().out


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

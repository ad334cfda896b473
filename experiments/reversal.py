"""An encoder and a decoder that say a sequence in reverse: what one state can hand over.

One GRU reads n symbols of 8, drawn evenly. Its last state is the first one of a second GRU, which
says them from the last to the first. It is trained with teacher forcing: at each step it is fed the
right symbol before. Adam, rate 0.005, a fifth of it for the last third, clipped at norm 1; 3,000
updates of 64 sequences, of one length from 1 to 10 each.
"""

import numpy as np

from experiments.grid import rounded
from rnn_src import backward, forward, init
from rnn_src.optimizers import adam, clip_by_norm
from rnn_src.readout import init_readout, readout, readout_backward, softmax_cross_entropy
from rnn_src.tasks import one_hot

SYMBOLS, LONGEST, BITS = 8, 10, range(1, 9)
POINTS = [{"units": units, "seed": seed} for units in (8, 32) for seed in range(3)]
SAME = {"first_losses": 1e-3}


def fresh(units, rng, dtype=np.float32):
    """An encoder, a decoder and a readout; the last of the D = 9 inputs says "begin"."""
    encoder, decoder = (init("gru", SYMBOLS + 1, units, rng, dtype) for _ in range(2))
    return encoder, decoder, init_readout(units, SYMBOLS, rng, dtype)


def inputs(symbols, model):
    """One-hot rows in the model's dtype."""
    return one_hot(symbols, SYMBOLS + 1).astype(model[2].V.dtype)


def shifted(answer):
    """What the decoder is fed with a teacher: "begin", then the right symbols but the last."""
    begin = np.full((1, answer.shape[1]), SYMBOLS)
    return np.concatenate([begin, answer[:-1]])


def encode(model, symbols):
    """The state that is handed over."""
    return forward("gru", model[0], inputs(symbols, model))[0][-1]


def gradients(model, symbols, answer):
    """The loss with a teacher, and the gradients of all three parts."""
    encoder, decoder, out = model
    read, tape = forward("gru", encoder, inputs(symbols, model))
    fed = inputs(shifted(answer), model)
    said, decoder_tape = forward("gru", decoder, fed, s0=read[-1])
    loss, do = softmax_cross_entropy(readout(out, said[1:]), answer)
    out_grads, dh = readout_backward(out, said[1:], do)
    decoder_grads, _, handed = backward("gru", decoder, decoder_tape, dh)
    dstates = np.zeros_like(read[1:])
    dstates[-1] = handed  # all that the encoder ever hears
    encoder_grads, _, _ = backward("gru", encoder, tape, dstates)
    return loss, (encoder_grads, decoder_grads, out_grads)


def forced(model, state, answer):
    """What it says from this state when it is fed the right symbols."""
    states, _ = forward("gru", model[1], inputs(shifted(answer), model), state)
    return readout(model[2], states[1:]).argmax(axis=2)


def free(model, state, steps):
    """What it says from this state when it is fed what it said."""
    said, symbol = [], np.full(len(state), SYMBOLS)
    for _ in range(steps):
        state = forward("gru", model[1], inputs(symbol[None], model), state)[0][-1]
        symbol = readout(model[2], state).argmax(axis=1)
        said.append(symbol)
    return np.array(said)


def coarse(state, bits):
    """Each number of the state, in (-1, 1), replaced by the middle of its one of 2^bits cells."""
    cells = 2**bits
    cell = np.clip(np.floor((state + 1) / 2 * cells), 0, cells - 1)
    return ((2 * cell + 1) / cells - 1).astype(state.dtype)


def train(units, seed, updates=3000):
    """The model, and the loss of each update."""
    rng = np.random.default_rng([seed, 1])
    model = fresh(units, np.random.default_rng([seed, 0]))
    optimizers = adam(5e-3), adam(1e-3)
    state, losses = optimizers[0].init(model), []
    for update in range(updates):
        symbols = rng.integers(SYMBOLS, size=(rng.integers(1, LONGEST + 1), 64))
        loss, grads = gradients(model, symbols, symbols[::-1])
        grads, _ = clip_by_norm(grads, 1.0)
        optimizer = optimizers[3 * update >= 2 * updates]
        model, state = optimizer.update(grads, state, model)
        losses.append(loss)
    return model, losses


def measure(units, seed, updates=3000):
    """Train; then 2,000 sequences of each length, with a teacher and without, and coarse states."""
    model, losses = train(units, seed, updates)
    rng = np.random.default_rng(7)
    rows = []
    for n in range(1, LONGEST + 5):
        symbols = rng.integers(SYMBOLS, size=(n, 2000))
        answer, state = symbols[::-1], encode(model, symbols)
        taught, alone = (
            said == answer for said in (forced(model, state, answer), free(model, state, n))
        )
        late = np.cumsum(~alone, axis=0) > ~alone  # an error was made before
        whole = [
            np.mean((free(model, coarse(state, bits), n) == answer).all(axis=0)) for bits in BITS
        ]
        rows.append(
            {
                "forced": taught.mean(),
                "free": alone.mean(),
                "forced_whole": taught.all(axis=0).mean(),
                "free_whole": alone.all(axis=0).mean(),
                "forced_late": taught[late].mean() if late.any() else np.nan,
                "free_late": alone[late].mean() if late.any() else np.nan,
                "coarse_whole": whole,
            }
        )
    return {
        "first_losses": rounded(losses[:20]),
        "last_loss": rounded(np.mean(losses[-100:])),
        **{name: [rounded(row[name]) for row in rows] for name in rows[0]},
    }

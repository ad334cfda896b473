"""Write tests/data/reader.npz: a network that PyTorch trained, and what PyTorch makes of a batch.

    PYTHONPATH=. python tests/make_trained_network.py

Run by hand, where PyTorch is installed; the pages "Bring your own network" and "Mend a network that
forgets" read the file, and so does `test_stack.py`. The network reads sky sentences of
`rnn_src.tasks`, from 6 to 20 words behind the subject, and says the place: words into vectors, two
layers of an LSTM, a linear readout of the last output.
Batches are padded, packed, and batch first. All is float32.

"weights/" is the state dict; words (B, T), lengths (B,), places (B,) and logits (B, 4) are a batch
of sentences of mixed length and the answers; "accuracy" holds the share of 400 sentences whose
place it finds, for each of "distances"; "losses" those of its training, for every hundredth update.
"""

from pathlib import Path

import numpy as np

from rnn_src.tasks import pad, sky, sky_vocabulary

DATA = Path(__file__).parent / "data" / "reader.npz"
COMMAND = "PYTHONPATH=. python tests/make_trained_network.py"
VOCABULARY, PLACES = len(sky_vocabulary()), 4
WORDS, H, UPDATES, BATCH = 8, 24, 3000, 32
LONGEST, DISTANCES = 20, (6, 10, 15, 20, 25, 30, 40, 60, 80, 120)


def sentences(rng, distances):
    """One sentence a distance, as words (B, T), lengths (B,) and places (B,)."""
    drawn = [sky(int(distance)).batch(rng, 1) for distance in distances]
    words, lengths, _ = pad([batch.x[:, 0].argmax(axis=1) for batch in drawn])
    return words.T, lengths, np.array([batch.targets[-1, 0] for batch in drawn])


def network():
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, WORDS)
            self.lstm = nn.LSTM(WORDS, H, num_layers=2, batch_first=True)
            self.readout = nn.Linear(H, PLACES)

        def forward(self, words, lengths):
            packed = pack_padded_sequence(
                self.embedding(words), lengths, batch_first=True, enforce_sorted=False
            )
            _, (h, _) = self.lstm(packed)
            return self.readout(h[-1])

    torch.manual_seed(0)
    return Reader()


def train(model, rng):
    import torch

    optimizer, losses = torch.optim.Adam(model.parameters(), lr=3e-3), []
    for k in range(UPDATES):
        words, lengths, places = sentences(rng, rng.integers(6, LONGEST + 1, size=BATCH))
        logits = model(torch.from_numpy(words), torch.from_numpy(lengths))
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(places))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if k % 100 == 0:
            losses.append(float(loss.detach()))
    return losses


def write(path=DATA):
    import torch

    torch.set_num_threads(1)
    model, rng = network(), np.random.default_rng(0)
    losses = train(model, rng)
    answer = lambda words, lengths: model(*map(torch.from_numpy, (words, lengths)))  # noqa: E731
    accuracy = []
    with torch.no_grad():
        for distance in DISTANCES:
            words, lengths, places = sentences(np.random.default_rng(1), [distance] * 400)
            found = answer(words, lengths).argmax(dim=1).numpy()
            accuracy.append(float(np.mean(found == places)))
        words, lengths, places = sentences(np.random.default_rng(2), np.linspace(6, 40, 16))
        logits = answer(words, lengths).numpy()
    made = np.array([f"torch {torch.__version__}", f"numpy {np.__version__}", COMMAND])
    arrays = {f"weights/{name}": tensor.numpy() for name, tensor in model.state_dict().items()}
    arrays |= {"words": words, "lengths": lengths, "places": places, "logits": logits}
    arrays |= {"distances": np.array(DISTANCES), "accuracy": np.array(accuracy)}
    np.savez_compressed(path, made=made, losses=np.array(losses), **arrays)


if __name__ == "__main__":
    write()

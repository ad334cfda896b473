"""Write tests/data/deployed.npz: what two deployed networks answer under their own libraries.

    PYTHONPATH=. python tests/make_deployed_reference.py

Run by hand, where onnxruntime, PyTorch, librosa and soundfile are installed;
`experiments/deployed.py` compares its own answers with the file. It takes the files out of the
packages as the grid does, and shares nothing else with it. No weights are stored:

- voice: for each 32 ms of the recording the probability of speech that onnxruntime computes with
  the model of silero-vad, and PyTorch with the TorchScript file that the package loads by default;
- speaker: for each window of the grid the embedding that PyTorch computes from the weights of
  Resemblyzer and the mel frames of librosa.
"""

import io
import zipfile
from pathlib import Path

import numpy as np

from experiments._packages import FILES, HERE, fetch

DATA = Path(__file__).parent / "data" / "deployed.npz"
STARTS = (11.1, 12.75, 18.65, 14.75, 16.3, 21.8, 23.4, 25.0)  # seconds


def voice(samples):
    """As the package's OnnxWrapper: chunks of 512 samples, the last 64 of the chunk before."""
    import onnxruntime

    session = onnxruntime.InferenceSession(fetch("voice"))
    state, context, answers = np.zeros((2, 1, 128), np.float32), samples[:64] * 0, []
    for chunk in samples[: len(samples) // 512 * 512].reshape(-1, 512):
        heard = np.concatenate([context, chunk])[None]
        feeds = {"input": heard, "state": state, "sr": np.array(16_000)}
        answer, state = session.run(None, feeds)
        context = chunk[-64:]
        answers.append(answer[0, 0])
    return np.array(answers)


def voice_default(samples):
    """The package's default model; its digest is not kept, as nothing else reads it."""
    import torch

    folder = HERE / FILES["voice"][0].replace("==", "-")
    with zipfile.ZipFile(*folder.glob("*.whl")) as wheel:
        model = torch.jit.load(io.BytesIO(wheel.read("silero_vad/data/silero_vad.jit")))
    model.eval()
    model.reset_states()
    with torch.no_grad():
        chunks = torch.from_numpy(samples[: len(samples) // 512 * 512].reshape(-1, 1, 512))
        return np.array([model(chunk, 16_000).item() for chunk in chunks])


def speaker(samples):
    """As the package's VoiceEncoder, on frames of its audio.py, but with no pause cut out."""
    import librosa
    import torch

    loudness = 20 * np.log10(np.sqrt(np.mean(samples**2)))
    louder = samples * 10 ** (max(0, -30 - loudness) / 20)
    frames = librosa.feature.melspectrogram(
        y=louder, sr=16_000, n_fft=400, hop_length=160, n_mels=40
    ).T
    frames = np.stack([frames[round(100 * s) : round(100 * s) + 160] for s in STARTS])
    weights = torch.load(io.BytesIO(fetch("speaker")), map_location="cpu", weights_only=True)
    weights = weights["model_state"]
    lstm, linear = torch.nn.LSTM(40, 256, 3, batch_first=True), torch.nn.Linear(256, 256)
    for module, name in ((lstm, "lstm."), (linear, "linear.")):
        own = {k.removeprefix(name): v for k, v in weights.items() if k.startswith(name)}
        module.load_state_dict(own)
    with torch.no_grad():
        _, (hidden, _) = lstm(torch.from_numpy(frames))
        raw = torch.relu(linear(hidden[-1]))
        return (raw / torch.norm(raw, dim=1, keepdim=True)).numpy()


def main():
    import soundfile

    samples, rate = soundfile.read(io.BytesIO(fetch("speech")), dtype="float32")
    assert rate == 16_000
    answers = {f.__name__: f(samples) for f in (voice, voice_default, speaker)}
    np.savez_compressed(DATA, **{k: v.astype(np.float32) for k, v in answers.items()})


if __name__ == "__main__":
    main()

"""Half a minute of speech as two deployed networks hear it: what stands before their LSTMs."""

import io
import wave

import numpy as np

from experiments._packages import fetch

__all__ = ["RATE", "mel_frames", "speech", "speaks", "voice_features"]

RATE = 16_000  # samples a second


def speech():
    """The samples of the recording, from -1 to 1, and who speaks when: (name, start, end)."""
    with wave.open(io.BytesIO(fetch("speech"))) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 2**15
    turns = []
    for line in fetch("turns").decode().splitlines():
        _, _, _, start, seconds, _, _, name, *_ = line.split()
        turns.append((name, float(start), float(start) + float(seconds)))
    return samples, turns


def speaks(turns, starts, ends):
    """For each stretch of time: 1 if one of the turns covers it, 0 if none touches it, else NaN."""
    found = np.zeros(len(starts))
    for _, start, end in turns:
        found[(starts < end) & (ends > start) & (found == 0)] = np.nan
        found[(starts >= start) & (ends <= end)] = 1
    return found


# --- silero-vad ------------------------------------------------------------------------------


def _convolved(x, weight, bias=0, stride=1, pad=0):
    """One-dimensional convolution: x is (N, channels, length), weight (out, channels, width)."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2], axis=2)[:, :, ::stride]
    return np.einsum("nclw,ocw->nol", windows, weight, optimize=True) + np.reshape(bias, (-1, 1))


def voice_features(samples, weights):
    """What the LSTM of silero-vad reads, (T, 128): one step for 512 samples and the 64 before them.

    As its module TinySileroVAD has it: a Fourier transform by a convolution, whose magnitudes go
    through four convolutions with ReLU.
    """
    steps = len(samples) // 512
    padded = np.concatenate([np.zeros(64), samples[: 512 * steps]])
    x = np.lib.stride_tricks.sliding_window_view(padded, 576)[::512]
    x = np.pad(x, ((0, 0), (0, 64)), mode="reflect")[:, None]
    x = _convolved(x, weights["stft_conv.weight"], stride=128)
    x = np.sqrt(x[:, :129] ** 2 + x[:, 129:] ** 2)
    for k, stride in enumerate((1, 2, 2, 1), start=1):
        kernel, bias = weights[f"conv{k}.weight"], weights[f"conv{k}.bias"]
        x = np.maximum(_convolved(x, kernel, bias, stride, pad=1), 0)
    return x[:, :, 0]


# --- Resemblyzer -----------------------------------------------------------------------------


def _mel(hertz):
    """Slaney's scale: even below 1,000 Hz, logarithmic above."""
    return np.where(hertz < 1000, hertz / (200 / 3), 15 + 27 * np.log(hertz / 1000 + 1e-9) / LOG)


LOG = np.log(6.4)


def _hertz(mel):
    return np.where(mel < 15, mel * (200 / 3), 1000 * np.exp(LOG * (mel - 15) / 27))


def _filters(size, bands=40):
    """Triangles between neighbours on Slaney's scale, each of the same area: (bands, size)."""
    edges = _hertz(np.linspace(0, _mel(np.array(RATE / 2)), bands + 2))
    frequencies = np.linspace(0, RATE / 2, size)
    ramps = (frequencies - edges[:, None]) / np.diff(edges, append=np.inf)[:, None]
    rising = ramps[:-2]
    falling = 1 - ramps[1:-1]
    area = 2 / (edges[2:] - edges[:-2])
    return np.maximum(0, np.minimum(rising, falling)) * area[:, None]


def mel_frames(samples):
    """What the first LSTM of Resemblyzer reads, (T, 40): a frame of 25 ms every 10 ms.

    As its preprocessing and librosa have it, but for the pauses, which are not cut out: the whole
    is made louder, up to -30 dB, and the power spectrum is summed in 40 bands.
    """
    loudness = 10 * np.log10(np.mean(samples**2))
    samples = samples * 10 ** (max(0, -30 - loudness) / 20)
    padded = np.pad(samples, 200)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 400)[::160]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    return power @ _filters(201).T

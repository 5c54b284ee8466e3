"""Mel spectrogram, MFCC and their windows per video frame, defined once.

Mel after Wav2Lip (hparams.py, audio.py): 16 kHz, pre-emphasis 0.97, n_fft = win = 800, hop 200 (80 steps/s),
80 Slaney mels 55-7600 Hz, dB relative to 20 dB, floor -100 dB, scaled to [-4, 4].
MFCC after python_speech_features 0.6 with its defaults, as SyncNet (Chung & Zisserman 2016) uses it.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from harness.types import FPS, SAMPLE_RATE, Audio

MEL_BANDS = 80
MEL_STEPS_PER_SECOND = 80
MEL_WINDOW = 16
MFCC_PER_FRAME = 4
_N_FFT, _HOP = 800, 200
_BLOCK = 8192  # steps transformed at once (102 s): an hour of sound needs no more memory than that

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


def mel_spectrogram(audio: Audio) -> Float32:
    """Return (80, 1 + N // 200) float32 in [-4, 4] of (N,) mono 16 kHz audio."""
    signal = audio.astype(np.float64)
    emphasised = np.append(signal[:1], signal[1:] - 0.97 * signal[:-1])
    padded = np.pad(emphasised, _N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::_HOP]
    blocks = [_mel_block(frames[start : start + _BLOCK]) for start in range(0, len(frames), _BLOCK)]
    return np.concatenate(blocks, axis=1)


def _mel_block(frames: Float64) -> Float32:
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_N_FFT) / _N_FFT)
    magnitude = np.abs(np.fft.rfft(frames * hann, axis=1))
    decibel = 20 * np.log10(np.maximum(1e-5, _mel_filters() @ magnitude.T)) - 20
    return np.clip(8 * (decibel + 100) / 100 - 4, -4, 4).astype(np.float32)


def mel_slice(audio: Audio, first: int, steps: int) -> Float32:
    """Return (80, steps): `mel_spectrogram`'s steps from `first` on, without making the others.

    Silence stands past the end.
    """
    # A step reaches two hops to each side, and pre-emphasis one sample more.
    begin = max(0, first - 3)
    end = min(first + steps, 1 + len(audio) // _HOP)
    if end <= first:
        return np.full((MEL_BANDS, steps), -4.0, np.float32)
    mel = mel_spectrogram(audio[begin * _HOP : (end + 3) * _HOP])[:, first - begin : end - begin]
    return np.pad(mel, ((0, 0), (0, steps - mel.shape[1])), constant_values=-4.0)


def mel_windows(audio: Audio, frames: int) -> Float32:
    """Return (frames, 80, 16): the 200 ms of mel that starts at each video frame, silence past the end."""
    return windows_of(mel_spectrogram(audio), np.arange(frames))


def windows_of(mel: Float32, frames: NDArray[np.int64]) -> Float32:
    """Return (len(frames), 80, 16): the 200 ms of `mel` (80, steps) from each of these video frames on."""
    starts = (frames * MEL_STEPS_PER_SECOND) // FPS
    missing = int(starts.max()) + MEL_WINDOW - mel.shape[1]
    if missing > 0:
        mel = np.pad(mel, ((0, 0), (0, missing)), constant_values=-4.0)
    return np.stack([mel[:, s : s + MEL_WINDOW] for s in starts])


def mfcc(audio: Audio) -> Float64:
    """Return (13, steps) MFCC at 100 steps/s, equal to python_speech_features.mfcc on int16 values."""
    signal = np.clip(np.rint(audio.astype(np.float64) * 32768.0), -32768, 32767)
    emphasised = np.append(signal[0], signal[1:] - 0.97 * signal[:-1])
    steps = 1 + max(0, -(-(len(signal) - 400) // 160))
    padded = np.pad(emphasised, (0, (steps - 1) * 160 + 400 - len(signal)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 400)[::160]
    power = np.square(np.abs(np.fft.rfft(frames, 512))) / 512
    eps = np.finfo(float).eps
    energy = power.sum(axis=1)
    energy = np.where(energy == 0, eps, energy)
    bands = power @ _mfcc_filters().T
    cepstra = dct(np.log(np.where(bands == 0, eps, bands)), type=2, axis=1, norm="ortho")[:, :13]
    cepstra = cepstra * (1 + 11 * np.sin(np.pi * np.arange(13) / 22))
    cepstra[:, 0] = np.log(energy)
    return np.ascontiguousarray(cepstra.T)


@cache
def _mel_filters() -> Float64:
    """(80, 401) triangles, area-normalised, on Slaney's scale (linear to 1 kHz, then logarithmic)."""
    edges = _slaney_hz(np.linspace(_slaney_mel(55.0), _slaney_mel(7600.0), MEL_BANDS + 2))
    bins = np.arange(_N_FFT // 2 + 1) * SAMPLE_RATE / _N_FFT
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(triangles * (2 / (edges[2:] - edges[:-2]))[:, None])


def _slaney_mel(hertz: float) -> float:
    return 3 * hertz / 200 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)


def _slaney_hz(mel: Float64) -> Float64:
    return np.where(mel < 15, 200 * mel / 3, 1000 * np.exp(np.log(6.4) * (mel - 15) / 27))


@cache
def _mfcc_filters() -> Float64:
    """(26, 257) triangles of python_speech_features.get_filterbanks(26, 512, 16000)."""
    top = 2595 * np.log10(1 + 8000 / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, 28) / 2595) - 1)
    edges = np.floor(513 * hertz / SAMPLE_RATE)
    bank = np.zeros((26, 257))
    for j in range(26):
        left, centre, right = edges[j : j + 3]
        for i in range(int(left), int(centre)):
            bank[j, i] = (i - left) / (centre - left)
        for i in range(int(centre), int(right)):
            bank[j, i] = (right - i) / (right - centre)
    return bank

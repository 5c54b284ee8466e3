"""Mel and MFCC equal independent implementations; windows start where their frame starts."""

import numpy as np
import pytest

from harness import audio
from harness.types import SAMPLE_RATE


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(5).normal(0, 0.1, 16_300).clip(-1, 1).astype(np.float32)


@pytest.mark.parametrize("samples", [100, 400, 640, 16_300])
def test_mfcc_equals_python_speech_features(noise: np.ndarray, samples: int) -> None:
    theirs = pytest.importorskip("python_speech_features")
    signal = noise[:samples]
    values = np.clip(np.rint(signal.astype(np.float64) * 32768), -32768, 32767).astype(np.int16)
    np.testing.assert_allclose(audio.mfcc(signal), theirs.mfcc(values, SAMPLE_RATE).T, rtol=1e-8, atol=1e-8)


def test_mfcc_of_silence_is_finite() -> None:
    assert np.isfinite(audio.mfcc(np.zeros(1600, np.float32))).all()


def test_mel_filters_equal_torchaudio() -> None:
    functional = pytest.importorskip("torchaudio.functional")
    bank = functional.melscale_fbanks(401, 55.0, 7600.0, 80, SAMPLE_RATE, "slaney", "slaney")
    # Float32 in torchaudio: bins below its rounding are zero in one of the two.
    np.testing.assert_allclose(audio._mel_filters(), bank.numpy().T, atol=2e-6)


def test_mel_equals_a_plain_short_time_fourier_transform(noise: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    signal = torch.from_numpy(noise).double()
    emphasised = torch.cat([signal[:1], signal[1:] - 0.97 * signal[:-1]])
    window = torch.hann_window(800, dtype=torch.float64)
    spectrum = torch.stft(emphasised, 800, 200, 800, window, pad_mode="constant", return_complex=True).abs()
    bank = torch.from_numpy(audio._mel_filters())
    decibel = 20 * torch.log10(torch.clamp(bank @ spectrum, min=1e-5)) - 20
    expected = torch.clamp(8 * (decibel + 100) / 100 - 4, -4, 4)
    np.testing.assert_allclose(audio.mel_spectrogram(noise), expected.numpy(), atol=1e-5)


def test_mel_shape_range_and_silence(noise: np.ndarray) -> None:
    mel = audio.mel_spectrogram(noise)
    assert mel.shape == (80, 1 + len(noise) // 200) and mel.dtype == np.float32
    assert mel.min() >= -4 and mel.max() <= 4
    assert (audio.mel_spectrogram(np.zeros(1600, np.float32)) == -4).all()


def test_a_tone_lights_its_own_band() -> None:
    times = np.arange(8000) / SAMPLE_RATE
    bands = [
        int(audio.mel_spectrogram(np.sin(2 * np.pi * hertz * times).astype(np.float32))[:, 20].argmax())
        for hertz in (200, 400, 1000, 3000, 7000)
    ]
    assert bands == sorted(set(bands))


def test_windows_start_with_their_frame_and_end_in_silence() -> None:
    frames = 25
    signal = np.zeros(frames * 640, np.float32)
    at = 15
    signal[at * 640 : at * 640 + 64] = 0.5
    windows = audio.mel_windows(signal, frames)
    assert windows.shape == (frames, 80, 16)
    onset = [int(w.max(0).argmax()) if w.max() > -3 else None for w in windows]
    # 80 steps/s against 25 frames/s: the click is 3.2 steps later in each earlier frame's window.
    assert [onset[at - n] for n in range(5)] == pytest.approx([0, 3.2, 6.4, 9.6, 12.8], abs=1)
    assert (windows[-1][:, -8:] == -4).all()

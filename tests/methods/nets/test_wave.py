import numpy as np
import pytest
import torch

from methods.nets.wave import Hearing, start_as_envelopes, start_as_filterbank


def test_parts_join_to_the_whole_wave() -> None:
    hearing = Hearing(16_000, context=0, levelled=False)
    wave = np.arange(5 * 640, dtype=np.float32)
    parts = [hearing.part(wave, 0, 2), hearing.part(wave, 2, 3)]
    np.testing.assert_array_equal(np.concatenate(parts), wave)


@pytest.mark.parametrize(("start", "frames"), [(0, 2), (3, 4), (9, 2), (-4, 2)])
def test_zeros_stand_off_the_ends(start: int, frames: int) -> None:
    hearing = Hearing(8000, context=100, levelled=False)
    wave = np.ones(5 * 320 + 7, np.float32)
    part = hearing.part(wave, start, frames)
    positions = np.arange(start * 320 - 100, (start + frames) * 320 + 100)
    np.testing.assert_array_equal(part, (positions >= 0) & (positions < len(wave)))


def test_halved_rate_keeps_a_low_tone_and_loses_a_high_one() -> None:
    time = np.arange(16_000) / 16_000
    hearing = Hearing(8000, 0, levelled=False)
    low, high = (hearing.prepared(np.sin(2 * np.pi * hz * time).astype(np.float32)) for hz in (440, 6000))
    assert low.shape == (8000,) and low.dtype == np.float32
    np.testing.assert_allclose(low[200:-200], np.sin(2 * np.pi * 440 * time[::2])[200:-200], atol=0.02)
    assert abs(high[200:-200]).max() < 0.02


def test_levelled_means_no_mean_and_peak_1_and_silence_stays_silent() -> None:
    hearing = Hearing(16_000, 0, levelled=True)
    wave = hearing.prepared((0.01 * np.sin(np.arange(1600)) + 0.3).astype(np.float32))
    assert abs(wave.mean()) < 1e-5 and abs(wave).max() == pytest.approx(1)
    for silence in (np.zeros(1600, np.float32), np.zeros(0, np.float32)):
        np.testing.assert_array_equal(hearing.prepared(silence), silence)


def test_filterbank_answers_each_tone_in_its_own_place() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Conv1d(1, 32, 400)
    start_as_filterbank(layer, 16_000)
    time = torch.arange(16_000) / 16_000
    loudest = [
        int(layer(torch.sin(2 * np.pi * hz * time)[None, None])[0].std(1).argmax())
        for hz in (200, 500, 1000, 2000, 4000, 7000)
    ]
    assert loudest == sorted(set(loudest))


def test_envelopes_keep_a_level_and_lose_its_carrier() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Conv1d(1, 8, 31)
    start_as_envelopes([layer])
    carrier = torch.cos(torch.pi * torch.arange(400) / 2)
    level, wave = layer(torch.ones(1, 1, 400)), layer(carrier[None, None])
    assert level.std(2).max() < 1e-5 and level.abs().mean() > 0.5
    assert wave.abs().max() < 0.01 * level.abs().max()

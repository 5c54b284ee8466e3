"""metrics/features/sync.py: windows, distances, sign of the offset, what cannot be scored."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import pairwise_distance

from harness.types import Audio, Clip, Frames, Unscorable
from metrics.features.sync import (
    MAX_SHIFT,
    MIN_FRAMES,
    SyncScore,
    mfcc_windows,
    score_distances,
    shift_distances,
    sync_score,
)

FRAMES = 70


class BrightnessIsLoudness:
    """Both streams give the log of the sound's amplitude: the video as brightness, the audio as energy."""

    def video_features(self, frames: Frames) -> Any:
        brightness = frames[:-4].mean(axis=(1, 2, 3))
        return np.stack([brightness / 40, np.full(len(brightness), 1.0)], 1).astype(np.float32)

    def audio_features(self, windows: Any) -> Any:
        energy = windows[:, 0, 0]
        return np.stack([energy / 2 - self.quiet / 2, np.full(len(energy), 1.0)], 1).astype(np.float32)

    quiet = 0.0


def clip_of(levels: Any, lead: int = 0) -> tuple[Clip, BrightnessIsLoudness]:
    """Return a clip with the given brightness per frame, whose sound comes `lead` frames early."""
    carrier = np.random.default_rng(3).standard_normal(640).astype(np.float32) * 1e-3
    amplitudes = np.exp(np.roll(levels, -lead) / 40)
    audio = np.concatenate([carrier * amplitude for amplitude in amplitudes]).astype(np.float32)
    frames = np.broadcast_to(levels[:, None, None, None], (len(levels), 8, 8, 3)).astype(np.uint8)
    backbone = BrightnessIsLoudness()
    backbone.quiet = float(mfcc_windows(np.tile(carrier, 6), 1)[0, 0, 0])
    return Clip(frames, audio), backbone


def random_levels(frames: int = FRAMES) -> Any:
    return np.random.default_rng(5).integers(0, 160, frames).astype(float)


@pytest.mark.parametrize("lead", [-13, -5, -1, 0, 1, 4, 12])
def test_offset_is_how_many_frames_the_audio_leads(lead: int) -> None:
    clip, backbone = clip_of(random_levels(), lead)
    assert sync_score(clip, backbone).offset == lead


def test_matching_streams_have_little_distance_and_much_confidence() -> None:
    matching = sync_score(*clip_of(random_levels()))
    clip, backbone = clip_of(random_levels())
    other = Clip(
        clip.frames, clip_of(np.random.default_rng(8).integers(0, 160, FRAMES).astype(float))[0].audio
    )
    unrelated = sync_score(other, backbone)
    assert matching.distance < 0.2 < unrelated.distance
    assert matching.confidence > 2 * unrelated.confidence


def test_distances_equal_torch_pairwise_distance_with_zero_rows_outside() -> None:
    generator = np.random.default_rng(0)
    video, audio = generator.standard_normal((2, 40, 6)).astype(np.float32)
    padded = torch.nn.functional.pad(torch.from_numpy(audio), (0, 0, MAX_SHIFT, MAX_SHIFT))
    expected = [
        pairwise_distance(torch.from_numpy(video), padded[s : s + 40]).mean().item()
        for s in range(2 * MAX_SHIFT + 1)
    ]
    np.testing.assert_allclose(shift_distances(video, audio), expected, rtol=1e-6)


def test_score_is_minimum_and_median_less_minimum() -> None:
    distances = np.linspace(5, 8, 31).astype(np.float32)
    distances[13] = 2.0
    score = score_distances(distances, 40)
    assert score == SyncScore(2.0, pytest.approx(float(np.median(distances)) - 2.0), 2, 6.5, 40)


def test_a_score_at_the_edge_says_that_there_is_no_peak() -> None:
    assert "no peak" in (SyncScore(1.0, 0.1, -15, 2.0, 200).caveat or "")
    assert "short: 40 windows" in (SyncScore(1.0, 0.1, 0, 2.0, 40).caveat or "")
    assert SyncScore(1.0, 0.1, 0, 2.0, 95).caveat is None


def test_the_shorter_stream_decides_the_number_of_windows() -> None:
    clip, backbone = clip_of(random_levels())
    assert clip.audio is not None
    assert sync_score(clip, backbone).windows == FRAMES - 5
    shorter = Clip(clip.frames, clip.audio[: 50 * 640 + 600])
    assert sync_score(shorter, backbone) == sync_score(Clip(clip.frames[:50], clip.audio), backbone)


def test_windows_are_those_of_python_speech_features() -> None:
    peer = pytest.importorskip("python_speech_features")
    audio = (np.random.default_rng(1).standard_normal(40 * 640) * 0.1).astype(np.float32)
    expected = peer.mfcc(np.rint(audio.astype(np.float64) * 32768).astype(np.int16), 16000).T
    windows = mfcc_windows(audio, 35)
    np.testing.assert_allclose(windows[7], expected[:, 28:48], rtol=1e-5, atol=1e-5)
    assert windows.shape == (35, 13, 20)


def silent(length: int) -> Audio:
    return np.zeros(length, np.float32)


@pytest.mark.parametrize(
    ("frames", "audio", "reason"),
    [
        (FRAMES, None, "no sound track"),
        (FRAMES, silent(FRAMES * 640), "silent"),
        (MIN_FRAMES - 1, silent(FRAMES * 640) + 0.5, "24 frames with sound, fewer than the 25"),
        (FRAMES, silent(10 * 640) + 0.5, "10 frames with sound"),
    ],
)
def test_clips_that_cannot_be_scored_say_why(frames: int, audio: Audio | None, reason: str) -> None:
    clip = Clip(np.zeros((frames, 8, 8, 3), np.uint8), audio)
    with pytest.raises(Unscorable, match=reason):
        sync_score(clip, BrightnessIsLoudness())

"""metrics/features/sync_streams.py: what SyncNet's published evaluation would read of a file."""

import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from harness.media import encode, read_clip
from harness.types import Clip, Unscorable
from metrics.features.sync_streams import decoded, dump, ffmpeg, whole_frames
from tests.films import Film, click_time, flash_time, write
from tests.metrics.random_syncnet import film


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A film of 30 frames of 64 px with sound."""
    clip = film(30, side=64)
    encode(tmp_path / "film.mp4", clip.frames, clip.audio)
    return tmp_path / "film.mp4"


def of(path: Path) -> Clip:
    """A clip that says which file it is of; what it holds must not matter."""
    return Clip(np.zeros((1, 8, 8, 3), np.uint8), np.zeros(1, np.float32), path=path)


def test_decoded_frames_are_the_clip_itself(source: Path) -> None:
    clip = read_clip(source)
    assert decoded(clip) == [clip]


def test_the_file_is_read_and_not_what_was_decoded_from_it(source: Path) -> None:
    (stream,) = whole_frames(of(source))
    own = read_clip(source)
    assert stream.frames.shape == (30, 224, 224, 3)
    assert stream.audio is not None and own.audio is not None
    colours = stream.frames.mean(axis=(0, 1, 2)) - own.frames.mean(axis=(0, 1, 2))
    assert np.abs(colours).max() < 4  # RGB, not BGR
    np.testing.assert_allclose(stream.audio[:16_000], own.audio[:16_000], atol=2e-3)


@pytest.mark.parametrize("rate", [12, 25, 60])
def test_other_rates_become_25_frames_with_pictures_and_sound_in_their_places(
    tmp_path: Path, rate: int
) -> None:
    shown = Film(Fraction(rate), seconds=2.0)
    write(tmp_path / "film.mkv", shown)
    (stream,) = whole_frames(of(tmp_path / "film.mkv"))
    assert abs(len(stream.frames) - 50) <= 1
    assert stream.audio is not None
    # A coarser film's flash can only be cut at its own frames.
    assert flash_time(list(stream.frames)) == pytest.approx(shown.event, abs=0.5 / 25 + 0.5 / rate)
    assert click_time(stream.audio) == pytest.approx(shown.event, abs=0.002)


def test_stereo_of_another_rate_becomes_mono_at_16_khz(source: Path, tmp_path: Path) -> None:
    times = np.arange(44_100 * 3 // 2) / 44_100
    left = (8000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)
    wavfile.write(tmp_path / "stereo.wav", 44_100, np.stack([left, 0 * left], 1))
    both = tmp_path / "both.mkv"
    ffmpeg("-i", source, "-i", tmp_path / "stereo.wav", "-map", "0:v", "-map", "1:a", "-c", "copy", both)
    (stream,) = whole_frames(of(both))
    assert stream.audio is not None
    assert len(stream.audio) == pytest.approx(24_000, abs=2)
    spectrum = np.abs(np.fft.rfft(stream.audio[:16_000]))
    assert int(spectrum.argmax()) == 440


def test_dumps_are_private_and_removed(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    whole_frames(of(source))
    assert list((tmp_path / "temporary").iterdir()) == []


def test_what_cannot_be_read_says_why(source: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(source.read_bytes()[:400])
    mute = tmp_path / "mute.mp4"
    encode(mute, film(30, side=64).frames, None)
    frames = np.zeros((1, 8, 8, 3), np.uint8)
    for clip, reason in (
        (Clip(frames, np.zeros(1, np.float32)), "the clip has none"),
        (Clip(frames, None, path=mute), "no sound track"),
        (of(mute), "ffmpeg cannot decode"),
        (of(broken), "ffmpeg cannot decode"),
    ):
        with pytest.raises(Unscorable, match=reason):
            whole_frames(clip)


def test_frames_are_jpeg_of_the_encoders_default_quality(source: Path, tmp_path: Path) -> None:
    (tmp_path / "dump").mkdir()
    dump(source, tmp_path / "dump")
    assert sorted(path.name for path in (tmp_path / "dump").iterdir())[:2] == ["000001.jpg", "000002.jpg"]
    rate, sound = wavfile.read(tmp_path / "dump" / "audio.wav")
    assert (rate, sound.dtype, sound.ndim) == (16_000, np.int16, 1)

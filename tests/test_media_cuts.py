"""An interval of a video is exactly the part of the whole; pictures are converted only when asked for."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from harness import media
from harness.media import pictures
from harness.types import BadInput
from tests import films

LONG = films.Film(Fraction(25), seconds=16.0, video_start=0.2, audio_start=0.1, b_frames=2)
CUTS = [(0.0, 1.0), (0.4, 2.4), (7.0, 8.2), (11.32, 15.96)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, list[np.ndarray], np.ndarray]]:
    folder, found = tmp_path_factory.mktemp("whole"), {}
    for suffix in films.CODECS:
        path = folder / f"film.{suffix}"
        films.write(path, LONG if suffix in ("mp4", "mkv") else replace(LONG, b_frames=None))
        audio = media.read_audio(path)
        assert audio is not None
        found[suffix] = path, list(media.frames_25fps(path)), audio
    return found


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("suffix", films.CODECS)
def test_a_cut_is_a_part_of_the_whole(whole: dict, suffix: str, cut: tuple[float, float]) -> None:
    path, frames, audio = whole[suffix]
    first, last = (round(t * 25) for t in cut)
    np.testing.assert_array_equal(list(media.frames_25fps(path, cut)), frames[first:last])
    sound = media.read_audio(path, cut=cut)
    assert sound is not None
    np.testing.assert_array_equal(sound, audio[first * 640 : last * 640])


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize(("name", "codec"), [("a.wav", "pcm_s16le"), ("a.m4a", "aac")])
def test_a_cut_of_an_own_sound_file(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    path = tmp_path / name
    films.write_audio(path, rate, 7.0, codec, seconds=12.0)
    audio = media.audio_16k(path)
    assert audio is not None
    np.testing.assert_array_equal(media.audio_16k(path, cut=(6.5, 7.5)), audio[104_000:120_000])


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_a_late_cut_does_not_decode_what_comes_before(
    whole: dict, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(pictures, "frame_time", lambda frame, _: seen.append(frame) or frame.time)
    assert len(list(media.frames_25fps(whole[suffix][0], (15.0, 15.4)))) == 10
    assert len(seen) < 120


def test_a_cut_between_frames_takes_the_nearest(whole: dict) -> None:
    path, frames, _ = whole["mp4"]
    np.testing.assert_array_equal(list(media.frames_25fps(path, (0.93, 1.5))), frames[23:37])


@pytest.mark.parametrize("cut", [(2.0, 2.0), (3.0, 1.0), (-1.0, 1.0), (float("nan"), 1.0)])
def test_what_is_no_interval_is_refused(whole: dict, cut: tuple[float, float]) -> None:
    for read in (media.frames_25fps, media.audio_16k):
        with pytest.raises(BadInput, match=r"film\.mp4: cut .* is no interval"):
            list(read(whole["mp4"][0], cut=cut))  # type: ignore[operator]


@pytest.mark.parametrize("cut", [(16.1, 16.4), (30.0, 31.0), (5.0, 18.0)])
def test_a_cut_beyond_the_video_is_refused(whole: dict, cut: tuple[float, float]) -> None:
    with pytest.raises(BadInput, match=r"film\.mp4: cut .* 16\.00 s long"):
        list(media.frames_25fps(whole["mp4"][0], cut))


def test_a_cut_in_whole_seconds_may_end_a_little_late(whole: dict) -> None:
    assert len(list(media.frames_25fps(whole["mp4"][0], (15.0, 16.9)))) == 25


def test_only_pictures_asked_for_are_converted(whole: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    convert = pictures._Converter.__call__
    monkeypatch.setattr(pictures._Converter, "__call__", lambda *a: calls.append(a[1:]) or convert(*a))
    taken = [p for i, p in enumerate(media.pictures_25fps(whole["mp4"][0])) if i % 100 == 0]
    assert not calls
    assert taken[2].rgb() is taken[2].rgb()
    assert taken[2].rgb(longest=64) is taken[2].rgb()  # never enlarged
    assert len(calls) == 1


def test_pictures_outlive_their_file_and_repeat(tmp_path: Path) -> None:
    films.write(tmp_path / "slow.mp4", films.Film(Fraction(25, 2)))
    shown = list(media.pictures_25fps(tmp_path / "slow.mp4"))
    assert shown[1] is shown[2] and shown[3] is shown[4] and shown[2] is not shown[3]
    assert shown[3].time == pytest.approx(4 / 25)
    assert shown[30].rgb().mean() > 200


def test_scaled_pictures_are_the_whole_in_small(tmp_path: Path) -> None:
    ys, xs = np.mgrid[0:120, 0:200]
    image = np.stack([xs, ys + 60, 255 - xs], axis=-1).astype(np.uint8)
    media.encode(tmp_path / "a.mp4", np.stack([image] * 3), None)
    picture = next(media.pictures_25fps(tmp_path / "a.mp4"))
    assert picture.size == (200, 120)
    small = picture.rgb(longest=50)
    assert small.shape == (30, 50, 3)
    mean = picture.rgb().reshape(30, 4, 50, 4, 3).mean((1, 3))
    assert np.abs(small.mean(-1) - mean.mean(-1)).max() <= 3
    assert np.abs(small - mean).max() <= 8  # colours are stored at half the resolution


def test_frames_that_change_their_size_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "grows.ts"
    parts = []
    for side in (32, 64):
        films.write(tmp_path / f"{side}.mpg", films.Film(Fraction(25), seconds=0.5), side=side)
        parts.append((tmp_path / f"{side}.mpg").read_bytes())
    path.write_bytes(b"".join(parts))
    with pytest.raises(BadInput, match=r"change from \(32, 32\) to \(64, 64\)"):
        list(media.frames_25fps(path))

"""Picture and sound belong to the same moment, whatever a file went through: its content says its time."""

import itertools
import subprocess
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from scipy.signal import correlate

from harness import media
from harness.types import BadInput
from tests import coded

HALF_FRAME = 0.02
RATES = {
    "15": Fraction(15),
    "23.976": Fraction(24_000, 1001),
    "25": Fraction(25),
    "29.97": Fraction(30_000, 1001),
    "50": Fraction(50),
}
STARTS = [(0.0, 0.0), (0.4, 0.0), (0.0, 0.3), (0.4, 0.2), (0.2, 0.48)]
"""Where picture and sound begin on the file's clock."""
CODINGS = [
    ("mp4", coded.Coding("libx264", "aac", 44_100, b_frames=2)),
    ("mp4", coded.Coding("mpeg4", "libmp3lame", 48_000, b_frames=1)),
    ("mov", coded.Coding("libx264", "pcm_s16le", 48_000, b_frames=3)),
    ("mkv", coded.Coding("libx264", "libmp3lame", 44_100, b_frames=2)),
    ("webm", coded.Coding("libvpx", "libopus", 48_000)),
    ("flv", coded.Coding("flv", "libmp3lame", 44_100)),
    ("avi", coded.Coding("mpeg4", "pcm_s16le", 16_000, b_frames=1)),
    ("mpg", coded.Coding("mpeg2video", "mp2", 48_000, b_frames=2)),
]
"""How each container is mostly met."""
PLAIN = coded.Coding("libx264", "pcm_s16le", 48_000)
NOT_WRITABLE = {("mpg", "15"), ("mpg", "variable"), ("avi", "variable")}
FILMS = [
    pytest.param(
        suffix,
        coding,
        name,
        STARTS[0 if suffix == "avi" else (row + column) % len(STARTS)],  # an AVI's streams begin together
        id=f"{suffix} {coding.video} {name}",
    )
    for row, (suffix, coding) in enumerate(CODINGS)
    for column, name in enumerate([*RATES, "variable"])
    if (suffix, name) not in NOT_WRITABLE
]
REWRITES = {
    "flv": "-c:v flv -c:a libmp3lame -ar 44100 -b:v 2M",
    "mpg": "-c:v mpeg1video -bf 2 -c:a mp2 -b:v 3M",
    "avi": "-c:v mpeg4 -bf 2 -c:a pcm_s16le",
    # An AVI has no time before its first frame, so what MP2 looks ahead is lost.
    "h264.avi": "-c:v libx264 -bf 0 -c:a mp2",
    "webm": "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus",
    "mkv": "-c:v libx264 -c:a aac",
    "ts": "-c:v libx264 -c:a aac",
    "wmv": "-c:v wmv2 -c:a wmav2",
    "plain.mp4": "-c:v libx264 -c:a aac -use_editlist 0",
    "fragmented.mp4": "-c:v libx264 -c:a aac -movflags frag_keyframe+empty_moov",
    "hevc.mp4": "-c:v libx265 -x265-params log-level=none -c:a libopus",
}


@pytest.mark.parametrize(("suffix", "coding", "name", "starts"), FILMS)
def test_every_container_and_rate(
    tmp_path: Path, suffix: str, coding: coded.Coding, name: str, starts: tuple[float, float]
) -> None:
    path, times = tmp_path / f"film.{suffix}", _times(name)
    coded.write(path, coding, times, Fraction(starts[0]), starts[1])
    shown = _check(path, float(max(b - a for a, b in itertools.pairwise(times))))
    assert shown[0] == 0


@pytest.mark.parametrize(
    ("name", "rate"),
    [(n, r) for i, n in enumerate(REWRITES) for r in (list(RATES)[i % 5], list(RATES)[(i + 2) % 5])],
)
def test_what_ffmpeg_rewrites(tmp_path: Path, name: str, rate: str) -> None:
    source, path = tmp_path / "source.mov", tmp_path / f"film.{name}"
    rate = "29.97" if (name, rate) == ("mpg", "15") else rate  # MPEG-1 knows no 15
    coded.write(source, PLAIN, _times(rate), Fraction(0), 0.0)
    _ffmpeg("-i", source, *REWRITES[name].split(), path)
    _check(path, float(1 / RATES[rate]), sound_within=0.011 if name == "h264.avi" else 0.003)


@pytest.mark.parametrize("begin", ["0.5", "0.73", "1.1"])
@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_an_edit_list_hides_what_was_cut_off(tmp_path: Path, source: Path, suffix: str, begin: str) -> None:
    path = tmp_path / f"cut.{suffix}"
    _ffmpeg("-ss", begin, "-i", source, "-c", "copy", path)
    assert b"elst" in path.read_bytes()
    # FFmpeg shows the first whole picture from the cut on, when its time is a little later.
    shown = _check(path, 0.04, sound_within=HALF_FRAME, pieces=(0.1, 0.6, 1.1))
    assert shown[0] == pytest.approx(float(begin), abs=HALF_FRAME)


def test_a_cut_of_a_late_film_is_in_sync(tmp_path: Path) -> None:
    path = tmp_path / "late.mkv"
    coded.write(path, CODINGS[3][1], _times("29.97"), Fraction(2, 5), 0.2)
    shown = coded.read_picture(next(media.frames_25fps(path, (1.03, 2.0))))
    sound = media.read_audio(path, cut=(1.03, 2.0))
    assert sound is not None and len(sound) == 15_520
    assert shown == pytest.approx(1.03, abs=HALF_FRAME)
    assert coded.read_sound(sound, 0.2) == pytest.approx(1.23, abs=0.003)


def test_pictures_that_go_back_in_time_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "shuffled.avi"
    coded.write(
        path, coded.Coding("libx264", "pcm_s16le", 16_000, b_frames=2), _times("25"), Fraction(0), 0.0
    )
    with pytest.raises(BadInput, match=r"shuffled\.avi: pictures go back in time by 0\.040 s"):
        list(media.frames_25fps(path))


def test_a_real_clip_muxed_again_keeps_its_sync(shared: Path, tmp_path: Path) -> None:
    clip = media.read_clip(shared / "clips" / "syncnet_example.avi")
    assert clip.audio is not None
    media.encode(tmp_path / "again.mp4", clip.frames, media.fit_audio(clip.audio, len(clip.frames)))
    again = media.read_clip(tmp_path / "again.mp4")
    assert again.audio is not None and again.frames.shape == clip.frames.shape
    # Every picture is nearer to itself than to its neighbours.
    small, small_again = (c.frames[:, ::4, ::4].astype(np.float32) for c in (clip, again))
    apart = [
        np.abs(small_again[1:-1] - small[1 + d : len(small) - 1 + d]).mean((1, 2, 3)) for d in (-1, 0, 1)
    ]
    assert np.median(apart[1]) < 0.5 * min(np.median(apart[0]), np.median(apart[2]))
    for begin in range(0, len(clip.audio) - 48_000, 32_000):
        piece, near = clip.audio[begin + 8000 : begin + 24_000], again.audio[begin + 7000 : begin + 25_000]
        lag = int(correlate(near, piece, "valid", "fft").argmax()) - 1000
        assert abs(lag) <= 0.002 * 16_000


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a film of 50 pictures a second with a key frame every 12, and sound that codecs do not delay."""
    first = tmp_path_factory.mktemp("source") / "all.mov"
    coded.write(first, PLAIN, _times("50"), Fraction(0), 0.0)
    path = first.with_name("source.mov")
    _ffmpeg("-i", first, "-c:v", "libx264", "-g", "12", "-bf", "2", "-crf", "10", "-c:a", "copy", path)
    return path


def _ffmpeg(*arguments: str | Path) -> None:
    program = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, "-y", "-v", "error", "-threads", "1", *map(str, arguments)], check=True)


def _times(name: str) -> list[Fraction]:
    if name == "variable":
        steps = np.random.default_rng(5).integers(8, 70, 75)
        return [Fraction(int(t), 1000) for t in np.cumsum([0, *steps]) if t < coded.SECONDS * 1000]
    return [i / RATES[name] for i in range(int(coded.SECONDS * RATES[name]))]


def _check(
    path: Path,
    longest_gap: float,
    sound_within: float = 0.003,
    pieces: tuple[float, ...] = (0.7, 1.3, 1.9),
) -> np.ndarray:
    """See that every picture and every piece of sound is where it belongs; return the pictures' times."""
    shown = np.array([coded.read_picture(frame) for frame in media.frames_25fps(path)])
    late = shown - shown[0] - np.arange(len(shown)) / 25
    # The nearest picture there is: up to half the time between two of them away, in both directions.
    assert np.abs(late).max() <= max(longest_gap, 0.04) / 2 + 0.002
    assert abs(late.mean()) < HALF_FRAME / 2
    sound = media.read_audio(path)
    assert sound is not None
    belongs = np.array([coded.read_sound(sound, at) - at for at in pieces])
    assert np.abs(belongs - shown[0]).max() < sound_within
    return shown

"""Footage as phones, cameras and broken disks leave it: shown as a player would, or refused by name."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import pytest

from harness import media
from harness.types import BadInput
from tests import films

CORNERS = np.array([[[250, 20, 20], [20, 250, 20]], [[20, 20, 250], [240, 240, 240]]], np.uint8)
"""Red, green / blue, white: no turn of it looks like another."""


@pytest.mark.parametrize("suffix", films.CODECS)
def test_files_cut_short_are_refused_wherever_they_are_cut(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole.{suffix}"
    films.write(whole, films.Film(Fraction(25)), side=96)
    content, path = whole.read_bytes(), tmp_path / f"cut.{suffix}"
    unnoticed = 0
    for kept in np.random.default_rng(1).uniform(0.02, 0.97, 25):
        path.write_bytes(content[: int(kept * len(content))])
        try:
            unnoticed += len(list(media.pictures_25fps(path))) > 0
        except BadInput as refusal:
            assert f"cut.{suffix}: " in str(refusal)
    # An FLV has no length of the whole: a cut in the four bytes between two packets cannot be seen.
    assert unnoticed <= (3 if suffix == "flv" else 0)


def test_a_sound_file_cut_short_is_refused(tmp_path: Path) -> None:
    media.write_wav(tmp_path / "a.wav", np.zeros(16_000, np.float32))
    content = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(content[:20_000])
    with pytest.raises(BadInput, match=r"a\.wav: cut short: 20000 bytes of at least 32036"):
        media.audio_16k(tmp_path / "a.wav")


def test_a_live_stream_promises_nothing(tmp_path: Path) -> None:
    films.write(tmp_path / "a.mkv", films.Film(Fraction(25)))
    _ffmpeg("-i", tmp_path / "a.mkv", "-c", "copy", "-live", "1", tmp_path / "live.mkv")
    assert len(list(media.frames_25fps(tmp_path / "live.mkv"))) == 50
    assert len(list(media.frames_25fps(tmp_path / "live.mkv", (1.0, 1.4)))) == 10


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "Git LFS pointer"),
    ],
)
def test_reasons_are_named(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.flv").write_bytes(content)
    with pytest.raises(BadInput, match=rf"a\.flv: .*{reason}"):
        list(media.pictures_25fps(tmp_path / "a.flv"))


def test_a_video_of_one_pixel(tmp_path: Path) -> None:
    path = tmp_path / "pixel.mkv"
    _write(path, np.full((5, 1, 1, 3), 90, np.uint8), codec="ffv1", pixels="bgr0")
    picture = next(media.pictures_25fps(path))
    assert picture.size == (1, 1) and picture.rgb(longest=640).tolist() == [[[90, 90, 90]]]


def test_ten_bits_show_what_eight_do(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 128).astype(np.uint8)
    frames = np.stack([np.broadcast_to(ramp[:, None], (64, 128, 3))] * 5)
    shown = []
    for pixels in ("yuv420p", "yuv420p10le"):
        path = tmp_path / f"{pixels}.mp4"
        _write(
            path,
            frames,
            codec="libx265",
            pixels=pixels,
            options={"crf": "2", "x265-params": "log-level=none"},
        )
        shown.append(np.stack(list(media.frames_25fps(path))).astype(int))
    assert shown[0].shape == shown[1].shape == frames.shape
    assert np.abs(shown[1] - shown[0]).max() <= 4
    assert abs((shown[1] - shown[0]).mean()) < 1.5  # swscale, as the field uses it, rounds either down


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_every_turn_of_a_telephone(tmp_path: Path, turn: int) -> None:
    path, upright = tmp_path / "phone.mp4", CORNERS.repeat(32, 0).repeat(48, 1)
    lying = np.rot90(upright, -turn // 90)
    _write(path, np.stack([lying] * 3), turn=turn)
    picture = next(media.pictures_25fps(path))
    assert picture.size == (96, 64)
    for shown in (picture.rgb(), picture.rgb(longest=48)):
        height, width = shown.shape[:2]
        assert (width, height) in ((96, 64), (48, 32))
        corners = shown[height // 4 :: height // 2, width // 4 :: width // 2]
        assert np.abs(corners.astype(int) - CORNERS).max() < 30
    _ffmpeg("-i", path, "-frames:v", "1", tmp_path / "peer.png")
    peer = next(media.frames_25fps(tmp_path / "peer.png"))
    assert np.abs(peer.astype(int) - picture.rgb()).mean() < 3


@pytest.mark.parametrize(
    ("shape", "size"), [(Fraction(16, 15), (102, 64)), (Fraction(1, 2), (48, 64)), (Fraction(1), (96, 64))]
)
def test_pixels_are_shown_square(tmp_path: Path, shape: Fraction, size: tuple[int, int]) -> None:
    path = tmp_path / "oblong.mp4"
    _write(path, np.stack([CORNERS.repeat(32, 0).repeat(48, 1)] * 3), shape=shape)
    picture = next(media.pictures_25fps(path))
    assert picture.size == size
    assert picture.rgb().shape == (size[1], size[0], 3)
    assert max(picture.rgb(longest=40).shape) == 40
    corners = picture.rgb()[16::32, size[0] // 4 :: size[0] // 2][:2, :2]
    assert np.abs(corners.astype(int) - CORNERS).max() < 30


def test_pixels_of_no_sane_shape_are_refused(tmp_path: Path) -> None:
    _write(tmp_path / "thin.mp4", np.zeros((3, 64, 64, 3), np.uint8), shape=Fraction(1, 20))
    with pytest.raises(BadInput, match=r"thin\.mp4: pixels of 1/20 to 1"):
        list(media.pictures_25fps(tmp_path / "thin.mp4"))


def test_interlaced_frames_stay_whole(tmp_path: Path) -> None:
    combed = np.zeros((10, 64, 96, 3), np.uint8)
    combed[:, ::2] = 200
    options = {"flags": "+ildct+ilme", "b": "8000000"}
    _write(tmp_path / "tv.mpg", combed, codec="mpeg2video", options=options)
    with av.open(str(tmp_path / "tv.mpg")) as container:
        assert next(container.decode(video=0)).interlaced_frame
    shown = np.stack(list(media.frames_25fps(tmp_path / "tv.mpg")))
    assert shown.shape == combed.shape
    assert shown[:, ::2].mean() > 180 and shown[:, 1::2].mean() < 20


@pytest.mark.parametrize("minutes", [3, pytest.param(30, marks=pytest.mark.slow)])
def test_a_long_film_takes_no_more_memory_than_its_sound(tmp_path: Path, minutes: int) -> None:
    one = tmp_path / "one.mp4"
    films.write(one, films.Film(Fraction(25), seconds=10.0), side=64)
    _ffmpeg("-stream_loop", str(minutes * 6 - 1), "-i", one, "-c", "copy", tmp_path / "long.mp4")
    code = (
        "import resource, sys; from pathlib import Path; from harness import media; path = Path(sys.argv[1]);"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "print(sum(1 for _ in media.pictures_25fps(path)), len(media.read_audio(path)),"
        "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "long.mp4"], capture_output=True, text=True, check=True
    )
    frames, samples, kilobytes = map(int, said.stdout.split())
    assert frames == pytest.approx(minutes * 1500, abs=minutes * 6)
    assert samples == pytest.approx(frames * 640, rel=0.01)
    # float32 pieces and the timeline that they make.
    assert kilobytes < 40_000 + 2.2 * 4 * samples / 1000


def _write(
    path: Path,
    frames: np.ndarray,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    turn: int = 0,
    shape: Fraction | None = None,
) -> None:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt, stream.options = pixels, options or {}
        if shape is not None:
            stream.codec_context.sample_aspect_ratio = shape
        if turn:
            stream.set_display_rotation(turn)
        for image in frames:
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24"))
            )
        container.mux(stream.encode(None))


def _ffmpeg(*arguments: str | Path) -> None:
    program = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, "-y", "-v", "error", "-threads", "1", *map(str, arguments)], check=True)

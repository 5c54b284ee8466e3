"""Odd footage in a folder: each clip gets a number that means what it says, or its reason."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from harness import media, results
from harness.types import Audio, Frames
from tests.metrics.frames import moving_frames
from tests.test_evaluate import per_clip, scored

SIDE, LENGTH = 64, 50
METRICS = ("psnr", "ssim", "lse_c", "fid")


def speech(frames: int = LENGTH) -> Audio:
    return (0.3 * np.random.default_rng(1).standard_normal(frames * 640)).astype(np.float32)


def recoded(path: Path, frames: Frames, rate: int = 25, codec: str = "ffv1", pixels: str = "rgb24") -> None:
    """Write lossless footage of any rate and pixel format, without sound."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], pixels
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, "rgb24").reformat(format=pixels)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def variable_rate(path: Path, frames: Frames) -> None:
    """Write the frames of a 25 fps film, every third held for two frames' time and the next left out."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "bgr0"
        stream.codec_context.time_base = Fraction(1, 25)
        for time, frame in enumerate(frames):
            if time % 3 != 2:
                picture = av.VideoFrame.from_ndarray(frame, "rgb24").reformat(format="bgr0")
                picture.pts, picture.time_base = time, Fraction(1, 25)
                container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def damaged(path: Path, frames: Frames) -> None:
    """Write a film whose middle is overwritten."""
    media.encode(path, frames, speech())
    whole = bytearray(path.read_bytes())
    middle = len(whole) // 3
    whole[middle : middle + 400] = bytes(400)
    path.write_bytes(whole)


ODD: dict[str, Callable[[Path, Frames], None]] = {
    "plain.mp4": lambda path, frames: media.encode(path, frames, speech()),
    "no_audio.mp4": lambda path, frames: media.encode(path, frames, None),
    "silence.mp4": lambda path, frames: media.encode(path, frames, 0 * speech()),
    "three_frames.mp4": lambda path, frames: media.encode(path, frames[:3], speech(3)),
    "fps12.mkv": lambda path, frames: recoded(path, frames[::2], rate=12, pixels="bgr0"),
    "fps50.mkv": lambda path, frames: recoded(path, frames.repeat(2, axis=0), rate=50, pixels="bgr0"),
    "alpha.mkv": lambda path, frames: recoded(path, frames, pixels="bgra"),
    "bits16.mkv": lambda path, frames: recoded(path, frames, pixels="gbrp16le"),
    "portrait.mp4": lambda path, frames: media.encode(path, frames[:, :, :48], speech()),
    "variable.mkv": variable_rate,
    "damaged.mp4": damaged,
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("odd")
    (root / "mine").mkdir()
    (root / "real").mkdir()
    frames = moving_frames(LENGTH, SIDE)
    dimmed = (frames // 2 + 60).astype(np.uint8)
    for name, write in ODD.items():
        write(root / "mine" / name, frames)
        recoded((root / "real" / name).with_suffix(".mkv"), dimmed, pixels="bgr0")
    scored(root / "out", root / "mine", root / "real", metrics=[*METRICS], fid_min_frames=2)
    return root / "out"


def test_every_clip_is_scored_or_has_its_reason(out: Path) -> None:
    for metric in METRICS:
        rows = per_clip(out, metric)
        assert set(rows) == {Path(name).stem for name in ODD}
        for row in rows.values():
            assert row["value"] or row["reason"] or metric == "fid"


def test_sound_that_cannot_be_judged_has_its_reason_and_the_picture_its_number(out: Path) -> None:
    picture, sync = per_clip(out, "psnr"), per_clip(out, "lse_c")
    for name, reason in (("no_audio", "no sound track"), ("silence", "silent"), ("three_frames", "3 frames")):
        assert reason in sync[name]["reason"]
        assert float(picture[name]["value"]) > 5
    assert float(sync["plain"]["value"]) >= 0


@pytest.mark.parametrize("name", ["alpha", "bits16"])
def test_the_pixels_of_richer_formats_are_those_of_8_bit_rgb(out: Path, name: str) -> None:
    picture = per_clip(out, "psnr")
    lossless = [float(picture[n]["value"]) for n in (name, "fps50")]
    assert lossless[0] == pytest.approx(lossless[1], abs=0.05)


def test_other_rates_are_taken_by_time_and_told_where_they_end_early(out: Path) -> None:
    picture = per_clip(out, "psnr")
    assert picture["fps50"]["detail"] == ""
    assert "generated" in picture["fps12"]["detail"]
    # Held frames cost quality where the picture moves, never the alignment of what follows.
    assert float(picture["variable"]["value"]) > float(picture["fps50"]["value"]) - 6


def test_another_shape_is_refused_by_name(out: Path) -> None:
    assert "48x64 and 64x64" in per_clip(out, "psnr")["portrait"]["reason"]


def test_damage_is_told_or_survived(out: Path) -> None:
    row = per_clip(out, "psnr")["damaged"]
    assert row["reason"] or float(row["value"]) > 0
    found = {r["metric"]: r for r in results.read_rows(out / "results.csv") if r["method"] == "mine"}
    assert int(found["psnr"]["n"]) + int(found["psnr"]["n_unscored"]) == len(ODD)

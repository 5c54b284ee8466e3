"""HDTF's annotation files, with the faults they are published with, against local videos."""

from pathlib import Path

import numpy as np
import pytest

from harness import datasets, media
from harness.types import BadInput, Frames
from tests.datasets.layouts import FACE, POINTER, Drawn, made

WIDTH, HEIGHT = 128, 96
PLACE = (30, 12)
"""Left and upper edge of the drawn face in the wide picture."""

WATCH = "https://www.youtube.com/watch?v="


def write_lists(root: Path, name: str, **lines: list[str]) -> None:
    """Write the annotation files of one list; files without lines given are there and empty."""
    for kind in ("video_url", "annotion_time", "crop_wh", "crop_ratio", "resolution"):
        text = "".join(f"{line}\n" for line in lines.get(kind, []))
        made(root / f"{name}_{kind}.txt").write_text(text, encoding="utf-8")


def film(drawn: list[Drawn]) -> Frames:
    """Three seconds of drawn faces in a wide grey picture."""
    faces = np.concatenate([clip.frames for clip in drawn])[:75]
    wide = np.full((len(faces), HEIGHT, WIDTH, 3), 90, np.uint8)
    x, y = PLACE
    wide[:, y : y + FACE, x : x + FACE] = faces
    return wide


def put(path: Path, drawn: list[Drawn]) -> None:
    media.encode(made(path), film(drawn), None)


def test_clips_are_cut_and_cropped_as_the_lists_say(tmp_path: Path, drawn: list[Drawn]) -> None:
    put(tmp_path / "videos" / "AdamKinzinger2.mp4", drawn)
    put(tmp_path / "_videos_raw" / "RD_Radio11.mp4", drawn)
    write_lists(
        tmp_path / "HDTF_dataset",
        "WRA",
        video_url=[f"\ufeffAdamKinzinger2 {WATCH}a"],
        annotion_time=["AdamKinzinger2.mp4 00:00-00:01 00:01-00:03 "],
        crop_wh=["AdamKinzinger2_0.mp4 30 64 12 64", "AdamKinzinger2_1.mp4 29 62 13 62  "],
        resolution=["AdamKinzinger2.mp4 96"],
    )
    write_lists(
        tmp_path / "HDTF_dataset",
        "RD",
        video_url=[f"Radio11 {WATCH}b"],
        annotion_time=["Radio11.mp4 00:01-00:02"],
        crop_wh=["Radio11_0.mp4 30 64 12 64"],
        resolution=["Radio11.mp4 96"],
    )
    found = datasets.read("hdtf", tmp_path)
    assert not found.unusable and not found.notes and found.emotions == ()
    assert [(s.id, s.speaker, s.cut, s.box) for s in found.samples] == [
        ("AdamKinzinger2_0", "AdamKinzinger", (0.0, 1.0), (30, 12, 64, 64)),
        ("AdamKinzinger2_1", "AdamKinzinger", (1.0, 3.0), (29, 13, 62, 62)),
        ("Radio11_0", "Radio11", (1.0, 2.0), (30, 12, 64, 64)),
    ]
    assert {(s.emotion, s.text, s.level) for s in found.samples} == {(None, None, None)}
    x, y, width, height = found.samples[2].box or (0, 0, 0, 0)
    pictures = np.stack(list(media.frames_25fps(found.samples[2].video)))[25:50]
    truth = np.concatenate([clip.frames for clip in drawn])[25:50].astype(float)
    assert np.abs(pictures[:, y : y + height, x : x + width] - truth).mean() < 6


def test_every_published_fault_is_named(tmp_path: Path, drawn: list[Drawn]) -> None:
    names = ("Radio6", "Radio24", "Radio34", "Radio40", "Radio41", "Radio42", "Radio43", "Radio44", "Radio45")
    for name in names:
        put(tmp_path / f"{name}.mp4", drawn)
    (tmp_path / "Radio44.mp4").write_bytes(b"not a film")
    (tmp_path / "Radio45.mp4").write_bytes(POINTER)
    put(tmp_path / "again" / "Radio34.mp4", drawn)
    (tmp_path / "Radio34_0.mp4").write_bytes(b"cut by another program")
    times = "00:00-00:01"
    write_lists(
        tmp_path,
        "RD",
        video_url=[f"{name} {WATCH}{name}" for name in names],
        annotion_time=[
            *(
                "Radio6.mp4 00:00-00:01",
                "Radio34.mp4 00:00-00:01 00:02-00:01 0:1-0:2 00:00-00:02 00:01-00:02",
            ),
            *(f"{name}.mp4 {times}" for name in names[3:]),
        ],
        crop_wh=[
            *(f"Radio34_{i}.mp4 30 64 12 64" for i in range(3)),
            *("Radio34_3.mp4 30 64 40 64", "Radio42_0.mp4 30 64 12", "Radio43_0.mp4 30 64 12 64"),
            *("Radio40_0.mp4 30 64 12 64", "Radio41_0.mp4 30 64 12 64", "Radio44_0.mp4 30 64 12 64"),
        ],
        resolution=[
            *("Radio40.mp4 0", "Radio41.mp4 1080"),
            *(f"{name}.mp4 96" for name in names if name not in {"Radio40", "Radio41", "Radio43"}),
        ],
    )
    found = datasets.read("hdtf", tmp_path)
    assert [s.id for s in found.samples] == ["Radio34_0"]
    reasons = {
        "Radio6_0": "no crop in the annotations",
        "Radio24": "no times in the annotations",
        "Radio34_1": 'times "00:02-00:01" end before they start',
        "Radio34_2": 'times "0:1-0:2" are not mm:ss-mm:ss',
        "Radio34_3": "crop 64x64 at 30,40 is not within the picture of 128x96",
        "Radio34_4": "no crop in the annotations",
        "Radio40": "the annotations give 0 as the height",
        "Radio41": "96 pixels high, but its crops were measured on 1080; fetch it in that size",
        "Radio42_0": 'crop "30 64 12" is not x, width, y, height',
        "Radio43": "the annotations give nothing as the height",
        "Radio44": "not a video that can be read",
        "Radio45": "git-lfs pointer",
        "again/Radio34.mp4": "is the same video, and is the one used",
    }
    assert set(found.unusable) == set(reasons)
    for clip, reason in reasons.items():
        assert reason in found.unusable[clip]


def test_videos_that_are_not_there_are_counted_and_named(tmp_path: Path, drawn: list[Drawn]) -> None:
    put(tmp_path / "A.mp4", drawn)
    videos = ["A", *(f"B{i}" for i in range(30))]
    write_lists(
        tmp_path,
        "WDA",
        annotion_time=[f"{name}.mp4 00:00-00:01" for name in videos],
        crop_wh=[f"{name}_0.mp4 30 64 12 64" for name in videos],
        resolution=[f"{name}.mp4 96" for name in videos],
    )
    found = datasets.read("hdtf", tmp_path)
    assert [s.id for s in found.samples] == ["A_0"] and not found.unusable
    (note,) = found.notes
    assert note.startswith("30 of 31 listed videos are not here: B0, B1, B10") and note.endswith(
        "and 10 more"
    )


def test_one_video_under_two_names_has_one_speaker(tmp_path: Path, drawn: list[Drawn]) -> None:
    names = ["JamesClyburn", "JamesClyburn1", "WhipJimClyburn", "Other1", "Other2"]
    for name in names:
        put(tmp_path / f"{name}.mp4", drawn[:1])
    write_lists(
        tmp_path,
        "WDA",
        video_url=[
            f"\ufeffJamesClyburn {WATCH}first",
            f"JamesClyburn1 {WATCH}second&t=5s",
            f"WhipJimClyburn {WATCH}second",
            f"Other1 {WATCH}third",
        ],
        annotion_time=[f"{name}.mp4 00:00-00:01" for name in names],
        crop_wh=[f"{name}_0.mp4 30 64 12 64" for name in names],
        resolution=[f"{name}.mp4 96" for name in names],
    )
    who = {s.id: s.speaker for s in datasets.read("hdtf", tmp_path).samples}
    assert [who[f"{name}_0"] for name in names] == [*["JamesClyburn"] * 3, *["Other"] * 2]


def test_missing_annotations_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no RD_annotion_time\.txt, WDA_"):
        datasets.read("hdtf", tmp_path)
    write_lists(tmp_path, "RD")
    (tmp_path / "RD_crop_wh.txt").unlink()
    with pytest.raises(BadInput, match=r"RD_crop_wh\.txt: missing; fetch HDTF's annotation files"):
        datasets.read("hdtf", tmp_path)
    write_lists(tmp_path, "RD")
    (tmp_path / "RD_crop_wh.txt").write_bytes(b"\xff\xfeR")
    with pytest.raises(BadInput, match=r"RD_crop_wh\.txt: not text in UTF-8"):
        datasets.read("hdtf", tmp_path)
    write_lists(tmp_path, "RD")
    with pytest.raises(BadInput, match="holds no clip for the reader hdtf, which looks for RD_annotion_time"):
        datasets.read("hdtf", tmp_path)

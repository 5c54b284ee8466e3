"""MEAD's two layouts read back, one view at a time; what is not MEAD's is named."""

from pathlib import Path

import numpy as np
import pytest

from harness import datasets, media
from harness.datasets.mead import EMOTIONS, VIEWS
from harness.types import EMOTIONS as VOCABULARY
from harness.types import BadInput
from tests.datasets.layouts import POINTER, Drawn, made, write_mead


def put(root: Path, *names: str, content: bytes = b"film") -> None:
    for name in names:
        made(root / name).write_bytes(content)


def test_the_released_folders_come_back_whole(tmp_path: Path, drawn: list[Drawn]) -> None:
    write_mead(tmp_path, drawn[0], "M003", "surprised/level_3/001")
    write_mead(tmp_path, drawn[1], "W009", "neutral/level_1/040")
    found = datasets.read("mead", tmp_path)
    first, second = found.samples
    assert (first.id, first.speaker, first.emotion, first.level, first.view) == (
        *("M003_front_surprised_level_3_001", "M003", "surprise", "high", "front"),
    )
    assert (second.id, second.speaker, second.emotion, second.level, second.view) == (
        *("W009_front_neutral_level_1_040", "W009", "neutral", None, "front"),
    )
    assert {s.text for s in found.samples} == {None} and not found.unusable and not found.notes
    for clip, sample in zip(drawn, found.samples, strict=False):
        assert sample.audio is not None and sample.audio.suffix == ".m4a"
        assert np.stack(list(media.frames_25fps(sample.video))).shape == clip.frames.shape
        sound = media.read_audio(sample.video, sample.audio)
        assert sound is not None
        heard = np.corrcoef(sound[: len(clip.audio)], clip.audio)[0, 1]
        assert heard > 0.98, "the sound is not this clip's, or not where it was"


def test_a_flat_folder_comes_back_whole(tmp_path: Path, drawn: list[Drawn]) -> None:
    media.encode(tmp_path / "M003#angry#level_1#001.mp4", drawn[0].frames, drawn[0].audio)
    put(tmp_path, "W015#contempt#level_2#030.mp4")
    first, second = datasets.read("mead", tmp_path).samples
    assert (first.id, first.speaker, first.emotion, first.level, first.view) == (
        *("M003_angry_level_1_001", "M003", "angry", "low", None),
    )
    assert (second.id, second.emotion, second.level) == ("W015_contempt_level_2_030", "contempt", "medium")
    assert first.audio is None
    assert media.read_audio(first.video, first.audio) is not None


def test_all_eight_emotions_are_in_the_vocabulary(tmp_path: Path) -> None:
    put(tmp_path, *(f"M003/video/front/{emotion}/level_1/001.mp4" for emotion in EMOTIONS))
    found = datasets.read("mead", tmp_path)
    assert {s.emotion for s in found.samples} == set(VOCABULARY) == set(found.emotions)


def test_one_view_is_read_and_front_is_the_usual_one(tmp_path: Path) -> None:
    put(tmp_path, *(f"M003/video/{view}/sad/level_2/001.mp4" for view in VIEWS))
    assert [s.view for s in datasets.read("mead", tmp_path).samples] == ["front"]
    (sample,) = datasets.read("mead:left_30", tmp_path).samples
    assert (sample.id, sample.view) == ("M003_left_30_sad_level_2_001", "left_30")
    assert "left_30/sad" in str(sample.video)
    with pytest.raises(BadInput, match='"mead:left30": did you mean "left_30"'):
        datasets.read("mead:left30", tmp_path)
    with pytest.raises(BadInput, match="crema_d has one view only"):
        datasets.read("crema_d:front", tmp_path)


def test_faults_are_named(tmp_path: Path) -> None:
    front = "M003/video/front"
    put(tmp_path, f"{front}/neutral/level_2/001.mp4", f"{front}/joy/level_1/001.mp4")
    put(tmp_path, f"{front}/sad/level_4/001.mp4", "M003#angry.mp4", f"{front}/sad/level_1/._001.mp4")
    put(tmp_path, f"{front}/sad/level_1/002.mp4", content=b"")
    put(tmp_path, f"{front}/sad/level_1/003.mp4", content=POINTER)
    put(tmp_path, f"{front}/sad/level_1/004.mp4")
    put(tmp_path, "M003/audio/sad/level_1/004.m4a", content=b"")
    found = datasets.read("mead", tmp_path)
    assert not found.samples
    reasons = {
        "M003_front_neutral_level_2_001": "neutral clips at level_1 only",
        "M003_front_joy_level_1_001": 'emotion "joy", level "level_1": MEAD has the emotions angry',
        "M003_front_sad_level_4_001": 'level "level_4"',
        "M003_angry__": 'M003#angry.mp4: emotion "angry", level ""',
        "M003_front_sad_level_1_002": "002.mp4: empty",
        "M003_front_sad_level_1_003": "git-lfs pointer",
        "M003_front_sad_level_1_004": "004.m4a: empty",
    }
    assert set(found.unusable) == set(reasons)
    for clip, reason in reasons.items():
        assert reason in found.unusable[clip]


def test_actors_known_to_be_incomplete_are_named_and_used(tmp_path: Path) -> None:
    put(tmp_path, "W017/video/down/sad/level_1/001.mp4", "M011/video/front/sad/level_1/001.mp4")
    put(tmp_path, "M003/video/front/sad/level_1/001.mp4")
    found = datasets.read("mead", tmp_path)
    assert [s.speaker for s in found.samples] == ["M003", "M011"]
    assert [note.partition(":")[0] for note in found.notes] == ["M011", "W017"]
    assert "every view but down" in found.notes[1]


def test_a_folder_of_something_else_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"looks for M003/video/front/angry/level_1/001\.mp4"):
        datasets.read("mead", tmp_path)

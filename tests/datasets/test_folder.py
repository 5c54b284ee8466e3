"""A folder of clips, with and without its manifest; mistakes name the file, the line and the nearest word."""

from pathlib import Path

import pytest

from harness import datasets
from harness.types import BadInput

HEADER = "file,speaker,emotion,level,text\n"


def folder(root: Path, manifest: str | None, *files: str) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"film")
    if manifest is not None:
        (root / "manifest.csv").write_text(manifest, encoding="utf-8")
    return root


def test_labels_come_from_the_manifest(tmp_path: Path) -> None:
    manifest = HEADER + 'b.mp4,Ann, Happy ,3,"Well, well."\nsub/a.avi,,,,\n'
    found = datasets.read("folder", folder(tmp_path, manifest, "b.mp4", "sub/a.avi", "unlisted.mp4"))
    first, second = found.samples
    assert (first.id, first.speaker, first.emotion, first.level, first.text) == (
        *("b", "Ann", "happy", "high", "Well, well."),
    )
    assert (second.id, second.speaker, second.emotion, second.level, second.text) == ("sub__a", *[None] * 4)
    assert second.video == tmp_path / "sub" / "a.avi"


@pytest.mark.parametrize(
    ("word", "emotion"),
    [
        ("disgusted", "disgust"),
        ("surprised", "surprise"),
        ("Anger", "angry"),
        ("sadness", "sad"),
        ("HAPPINESS", "happy"),
        ("fearful", "fear"),
        ("contempt", "contempt"),
    ],
)
def test_other_words_for_the_same_emotion(tmp_path: Path, word: str, emotion: str) -> None:
    folder(tmp_path, f"file,speaker,emotion\na.mp4,x,{word}\n", "a.mp4")
    assert datasets.read("folder", tmp_path).samples[0].emotion == emotion


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("file,speaker,emotoin\na.mp4,x,happy\n", 'no column emotion; did you mean "emotoin"'),
        ("file,speaker,emotion,levl\na.mp4,x,happy,1\n", 'column "levl": did you mean "level"'),
        (HEADER + "a.mp4,x,happy,,\nb.mp4,x,hapy,,\n", 'line 3: emotion "hapy": did you mean "happy"'),
        (HEADER + "a.mp4,x,happy,4,\n", 'line 2: level "4"; known: 1, 2, 3'),
        (HEADER + "a.mp4,x,happy,,\na.mp4,x,happy,,\n", "line 3: a.mp4 is listed twice"),
        (HEADER + "a.mp4,x,happy,,\na.avi,x,happy,,\n", "line 3: a.avi is listed twice, or two files"),
        (HEADER + "../a.mp4,x,happy,,\n", 'line 2: file "../a.mp4": write the path of a clip below'),
        (HEADER + ",x,happy,,\n", 'line 2: file "": write the path'),
        (HEADER, "holds no clip for the reader folder"),
        ("", "no column file"),
    ],
)
def test_mistakes_in_a_manifest(tmp_path: Path, manifest: str, message: str) -> None:
    folder(tmp_path, manifest, "a.mp4", "b.mp4", "a.avi")
    with pytest.raises(BadInput) as refusal:
        datasets.read("folder", tmp_path)
    assert message in str(refusal.value)
    assert str(tmp_path) in str(refusal.value)


def test_short_rows_byte_order_marks_and_other_columns(tmp_path: Path) -> None:
    folder(
        tmp_path,
        "\ufefffile,speaker,emotion,level,note\na.mp4,x\nb.mp4,x,sad,1,extra,more\n",
        "a.mp4",
        "b.mp4",
    )
    first, second = datasets.read("folder", tmp_path).samples
    assert (first.emotion, second.emotion, second.level) == (None, "sad", "low")


def test_a_manifest_in_another_coding_is_refused(tmp_path: Path) -> None:
    folder(tmp_path, None, "a.mp4")
    (tmp_path / "manifest.csv").write_bytes((HEADER + "a.mp4,Zoë,happy,,\n").encode("latin-1"))
    with pytest.raises(BadInput, match=r"manifest\.csv: not a CSV file in UTF-8"):
        datasets.read("folder", tmp_path)


def test_a_listed_file_that_is_missing_is_reported(tmp_path: Path) -> None:
    folder(tmp_path, HEADER + "gone.mp4,x,happy,,\na.mp4,x,happy,,\n", "a.mp4")
    found = datasets.read("folder", tmp_path)
    assert [s.id for s in found.samples] == ["a"]
    assert "gone.mp4 does not exist" in found.unusable["gone"]


def test_the_vocabulary_is_what_the_labels_use(tmp_path: Path) -> None:
    folder(tmp_path, HEADER + "a.mp4,x,sad,,\nb.mp4,x,anger,,\nc.mp4,x,,,\n", "a.mp4", "b.mp4", "c.mp4")
    assert datasets.read("folder", tmp_path).emotions == ("sad", "angry")


def test_without_a_manifest_every_clip_is_found(tmp_path: Path) -> None:
    names = ("z.MP4", "a.avi", "sub/b.mpg", "c.webm", "d.mkv", "e.mov", "f.flv", "g.m4v")
    found = datasets.read("folder", folder(tmp_path, None, *names, ".hidden.mp4", "notes.txt"))
    assert [s.id for s in found.samples] == ["a", "c", "d", "e", "f", "g", "sub__b", "z"]
    assert {(s.speaker, s.emotion) for s in found.samples} == {(None, None)}
    (tmp_path / "a.mp4").write_bytes(b"film")
    with pytest.raises(BadInput, match="both called a"):
        datasets.read("folder", tmp_path)


def test_an_empty_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"manifest\.csv with rows, or video files"):
        datasets.read("folder", tmp_path)


def test_the_real_clips(shared: Path) -> None:
    found = datasets.read("folder", shared / "clips")
    labels = {s.id: (s.speaker, s.emotion, s.level) for s in found.samples}
    assert len(labels) == 11 and not found.unusable
    assert labels["MEAD_M030_level_3_angry_016"] == ("M030", "angry", "high")
    assert labels["EAMM_video_surprised"] == (None, "surprise", None)
    assert labels["LibreFace_sample_disfa"] == (None, None, None)

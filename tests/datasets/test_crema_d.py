"""CREMA-D's layout read back: ids, labels and text, and every unusable file with its reason."""

from pathlib import Path

import pytest

from harness import datasets
from harness.datasets import synthetic
from harness.datasets.crema_d import KNOWN_BAD
from harness.types import EMOTIONS, LEVELS, BadInput

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def put(
    root: Path, stem: str, video: bytes = b"film", suffix: str = ".flv", audio: bytes | None = b"RIFF"
) -> None:
    for folder in ("VideoFlash", "AudioWAV"):
        (root / folder).mkdir(exist_ok=True)
    (root / "VideoFlash" / f"{stem}{suffix}").write_bytes(video)
    if audio is not None:
        (root / "AudioWAV" / f"{stem}.wav").write_bytes(audio)


@pytest.mark.parametrize(
    ("stem", "emotion", "level", "text"),
    [
        ("1001_IEO_HAP_HI", "happy", "high", "It's eleven o'clock."),
        ("1002_IEO_ANG_MD", "angry", "medium", "It's eleven o'clock."),
        ("1003_IEO_SAD_LO", "sad", "low", "It's eleven o'clock."),
        ("1004_DFA_NEU_XX", "neutral", None, "Don't forget a jacket."),
        ("1005_TSI_FEA_XX", "fear", None, "The surface is slick."),
        ("1006_WSI_DIS_XX", "disgust", None, "We'll stop in a couple of minutes."),
    ],
)
def test_labels_come_from_the_name(
    tmp_path: Path, stem: str, emotion: str, level: str | None, text: str
) -> None:
    put(tmp_path, stem)
    (sample,) = datasets.read("crema_d", tmp_path).samples
    assert (sample.id, sample.speaker) == (stem, stem[:4])
    assert (sample.emotion, sample.level, sample.text) == (emotion, level, text)
    assert sample.video == tmp_path / "VideoFlash" / f"{stem}.flv"
    assert sample.audio == tmp_path / "AudioWAV" / f"{stem}.wav"
    assert sample.truth is None


def test_without_a_wav_the_video_has_the_sound(tmp_path: Path) -> None:
    put(tmp_path, "1001_DFA_ANG_XX", suffix=".mp4", audio=None)
    assert datasets.read("crema_d", tmp_path).samples[0].audio is None


def test_every_unusable_file_has_its_reason(tmp_path: Path) -> None:
    put(tmp_path, "1001_DFA_ANG_XX")
    for stem in KNOWN_BAD:
        put(tmp_path, stem)
    put(tmp_path, "1002_DFA_ANG_XX", video=POINTER)
    put(tmp_path, "1003_DFA_ANG_XX", audio=POINTER)
    put(tmp_path, "1004_DFA_JOY_XX")
    put(tmp_path, "holiday")
    put(tmp_path, "1005_DFA_ANG_XX")
    put(tmp_path, "1005_DFA_ANG_XX", suffix=".mp4")
    (tmp_path / "VideoFlash" / "notes.txt").write_text("not a clip")
    found = datasets.read("crema_d", tmp_path)
    assert [s.id for s in found.samples] == ["1001_DFA_ANG_XX", "1005_DFA_ANG_XX"]
    assert set(found.unusable) == {
        *KNOWN_BAD,
        *("1002_DFA_ANG_XX", "1003_DFA_ANG_XX", "1004_DFA_JOY_XX", "holiday", "1005_DFA_ANG_XX.mp4"),
    }
    assert "git lfs pull" in found.unusable["1002_DFA_ANG_XX"]
    assert "1003_DFA_ANG_XX.wav" in found.unusable["1003_DFA_ANG_XX"]
    assert "one minute" in found.unusable["1064_IEO_DIS_MD"]


def test_the_embedded_corpus_comes_back_whole(tmp_path: Path) -> None:
    spec = synthetic.SynthSpec(speakers=2, size=64, seed=11, clips_per_speaker=3)
    plans = synthetic.write_corpus(spec, tmp_path)
    found = datasets.read("synthetic", tmp_path)
    assert [s.id for s in found.samples] == sorted(p.name for p in plans)
    assert not found.unusable
    for sample in found.samples:
        assert sample.truth is not None and sample.truth.is_file() and sample.audio is not None
        assert sample.emotion in EMOTIONS and sample.level in (None, *LEVELS)


def test_a_drawn_speaker_may_have_a_broken_clips_name(tmp_path: Path) -> None:
    put(tmp_path, "1076_MTI_SAD_XX", suffix=".mp4")
    (tmp_path / "corpus.json").write_text("{}")
    assert [s.id for s in datasets.read("synthetic", tmp_path).samples] == ["1076_MTI_SAD_XX"]


def test_missing_root_empty_root_and_unknown_reader(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"data\.root: .*gone is not a folder"):
        datasets.read("crema_d", tmp_path / "gone")
    with pytest.raises(BadInput, match=r"looks for VideoFlash/\*\.flv"):
        datasets.read("crema_d", tmp_path)
    with pytest.raises(BadInput, match=r'"crema": did you mean "crema_d"'):
        datasets.read("crema", tmp_path)

"""CREMA-D's layout read back: ids, labels and text, and every unusable file with its reason."""

from pathlib import Path

import numpy as np
import pytest

from harness import datasets, media
from harness.datasets import synthetic
from harness.datasets.crema_d import KNOWN_BAD
from harness.datasets.crema_d_votes import COUNTS, WINNERS, read_votes
from harness.types import EMOTIONS, LEVELS, BadInput
from tests.datasets.layouts import POINTER, Drawn, made, write_crema_d

COUNTS_HEADER = '"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote","meanEmoResp"\n'
WINNERS_HEADER = (
    '"","FileName","VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote","MultiModalLevel"\n'
)


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
    put(tmp_path, "1006_DFA_ANG_XX", video=b"")
    put(tmp_path, "1007_DFA_ANG_XX", audio=b"")
    put(tmp_path, "1004_DFA_JOY_XX")
    put(tmp_path, "holiday")
    put(tmp_path, "1005_DFA_ANG_XX")
    put(tmp_path, "1005_DFA_ANG_XX", suffix=".mp4")
    (tmp_path / "VideoFlash" / "notes.txt").write_text("not a clip")
    found = datasets.read("crema_d", tmp_path)
    assert [s.id for s in found.samples] == ["1001_DFA_ANG_XX", "1005_DFA_ANG_XX"]
    assert set(found.unusable) == {
        *KNOWN_BAD,
        *("1002_DFA_ANG_XX", "1003_DFA_ANG_XX", "1006_DFA_ANG_XX", "1007_DFA_ANG_XX"),
        *("1004_DFA_JOY_XX", "holiday", "1005_DFA_ANG_XX.mp4"),
    }
    assert "1006_DFA_ANG_XX.flv: empty" in found.unusable["1006_DFA_ANG_XX"]
    assert "1007_DFA_ANG_XX.wav: empty" in found.unusable["1007_DFA_ANG_XX"]
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
    synthetic.write_description(synthetic.SynthSpec(speakers=1), tmp_path)
    assert [s.id for s in datasets.read("synthetic", tmp_path).samples] == ["1076_MTI_SAD_XX"]


def test_the_corpus_as_published_comes_back_whole(tmp_path: Path, drawn: list[Drawn]) -> None:
    write_crema_d(tmp_path, drawn)
    found = datasets.read("crema_d", tmp_path)
    assert not found.unusable and not found.notes
    assert found.emotions == ("neutral", "happy", "sad", "angry", "fear", "disgust")
    for clip, sample in zip(drawn, found.samples, strict=True):
        known = clip.sample
        assert (sample.id, sample.speaker, sample.text) == (known.id, known.speaker, known.text)
        assert (sample.emotion, sample.level) == (known.emotion, known.level)
        assert sample.video.suffix == ".flv" and sample.votes is None
        frames = np.stack(list(media.frames_25fps(sample.video)))
        assert frames.shape == clip.frames.shape
        assert np.abs(frames.astype(float) - clip.frames).mean() < 6
        assert media.read_audio(sample.video, sample.audio) == pytest.approx(clip.audio, abs=1e-4)


def test_votes_are_shares_of_those_who_saw_and_heard(tmp_path: Path) -> None:
    for stem in ("1001_DFA_ANG_XX", "1001_DFA_DIS_XX", "1001_DFA_FEA_XX"):
        put(tmp_path, stem)
    made(tmp_path / COUNTS).write_text(
        COUNTS_HEADER
        + '"100062",6,2,0,0,1,0,"1001_DFA_ANG_XX",9,0.67,"A",54.7\n'
        + '"200062",9,0,0,0,0,0,"1001_DFA_ANG_XX",9,1,"A",60\n'
        + '"300062",5,2,0,0,3,0,"1001_DFA_ANG_XX",10,0.5,"A",50\n'
        + '"300063",0,0,0,0,0,0,"1001_DFA_DIS_XX",0,0,"",0\n'
    )
    (tmp_path / WINNERS).write_text(WINNERS_HEADER + '"1","1001_DFA_FEA_XX","A","5","A","5","A","5"\n')
    found = datasets.read("crema_d", tmp_path)
    votes = {s.id: s.votes for s in found.samples}
    assert votes == {
        "1001_DFA_ANG_XX": {"angry": 0.5, "disgust": 0.2, "neutral": 0.3},
        "1001_DFA_DIS_XX": None,
        "1001_DFA_FEA_XX": None,
    }
    assert found.notes == (f"{COUNTS}: votes are shares of the raters who saw and heard a clip",)


def test_without_counts_the_winner_has_the_vote_and_ties_are_even(tmp_path: Path) -> None:
    for stem in ("1001_DFA_ANG_XX", "1001_DFA_DIS_XX", "1001_DFA_FEA_XX"):
        put(tmp_path, stem)
    made(tmp_path / WINNERS).write_text(
        WINNERS_HEADER
        + '"1","1001_DFA_ANG_XX","N","69","N","92","A","64"\n'
        + '"2","1001_DFA_DIS_XX","A:D","69:2","N","92","A:D:H:N","1:2:3:4"\n'
    )
    found = datasets.read("crema_d", tmp_path)
    assert [s.votes for s in found.samples] == [
        {"angry": 1.0},
        {"angry": 0.25, "disgust": 0.25, "happy": 0.25, "neutral": 0.25},
        None,
    ]
    assert "winning emotion only" in found.notes[0]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (POINTER, "git lfs pull"),
        (b"a,b\n1,2\n", "not the table that CREMA-D publishes"),
        (WINNERS_HEADER.encode() + b'"1","1001_DFA_ANG_XX","N","69","N","92","Q","64"\n', "KeyError"),
        (b"\xff\xfe", "not the table that CREMA-D publishes"),
    ],
)
def test_a_table_that_cannot_be_read_costs_the_votes_only(tmp_path: Path, table: bytes, reason: str) -> None:
    put(tmp_path, "1001_DFA_ANG_XX")
    made(tmp_path / WINNERS).write_bytes(table)
    found = datasets.read("crema_d", tmp_path)
    assert found.samples[0].votes is None
    assert reason in found.unusable[WINNERS]


def test_the_published_table_of_votes(tmp_path: Path, shared: Path) -> None:
    put(tmp_path, "1002_TIE_DIS_XX")
    put(tmp_path, "1001_IEO_HAP_LO")
    made(tmp_path / WINNERS).write_bytes((shared / "clips" / "cremad_summaryTable.csv").read_bytes())
    by_id = {s.id: s.votes for s in datasets.read("crema_d", tmp_path).samples}
    assert by_id == {"1001_IEO_HAP_LO": {"happy": 1.0}, "1002_TIE_DIS_XX": {"disgust": 0.5, "happy": 0.5}}
    votes, unusable, _ = read_votes(tmp_path)
    assert len(votes) == 7442 and not unusable
    assert all(sum(shares.values()) == pytest.approx(1) for shares in votes.values())


def test_missing_root_empty_root_and_unknown_reader(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"data\.root: .*gone is not a folder"):
        datasets.read("crema_d", tmp_path / "gone")
    with pytest.raises(BadInput, match=r"looks for VideoFlash/\*\.flv"):
        datasets.read("crema_d", tmp_path)
    with pytest.raises(BadInput, match=r'"crema": did you mean "crema_d"'):
        datasets.read("crema", tmp_path)

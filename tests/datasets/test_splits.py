"""Splits by speaker: disjoint, exact, the same for the same seed, named by a hash."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import data
from harness.config import Data, SplitFractions, validated
from harness.datasets import split_files, splits
from harness.types import BadInput, Sample

DEFAULT = SplitFractions()


def corpus(speakers: int, clips: int = 3) -> list[Sample]:
    return [
        Sample(f"{who}_{clip}", Path("a.mp4"), None, str(who), "happy")
        for who in range(1001, 1001 + speakers)
        for clip in range(clips)
    ]


def speakers_by_split(samples: list[Sample]) -> dict[str, set[str | None]]:
    return {name: {s.speaker for s in samples if s.split == name} for name in ("train", "val", "test")}


@given(st.integers(3, 120), st.integers(0, 99))
def test_speakers_are_disjoint_and_every_split_is_filled(speakers: int, seed: int) -> None:
    placed, _ = splits.assign(corpus(speakers, 2), DEFAULT, seed)
    by_split = speakers_by_split(placed)
    assert sum(len(names) for names in by_split.values()) == speakers
    for name, names in by_split.items():
        assert names
        assert abs(len(names) - getattr(DEFAULT, name) * speakers) < 1.5


def test_the_embedded_corpus_of_14_is_cut_10_1_3() -> None:
    placed, _ = splits.assign(corpus(14), DEFAULT, 1)
    assert Counter(s.split for s in placed) == {"train": 30, "val": 3, "test": 9}


def test_same_seed_same_split_whatever_the_order() -> None:
    samples = corpus(20)
    first, name = splits.assign(samples, DEFAULT, 7)
    second, again = splits.assign(samples[::-1], DEFAULT, 7)
    assert name == again
    assert sorted(first, key=lambda s: s.id) == sorted(second, key=lambda s: s.id)
    other, other_name = splits.assign(samples, DEFAULT, 8)
    assert other_name != name and speakers_by_split(other) != speakers_by_split(first)


def test_the_hash_names_clips_and_their_split() -> None:
    samples = corpus(6)
    _, name = splits.assign(samples, DEFAULT, 1)
    renamed = [replace(s, id=s.id + "x") for s in samples]
    assert splits.assign(renamed, DEFAULT, 1)[1] != name
    assert splits.assign([replace(s, text="said") for s in samples], DEFAULT, 1)[1] == name


def test_clips_without_a_speaker_are_speakers_of_their_own() -> None:
    samples = [replace(s, speaker=None) for s in corpus(1, 10)]
    placed, _ = splits.assign(samples, DEFAULT, 1)
    assert Counter(s.split for s in placed) == {"train": 7, "val": 1, "test": 2}


def test_all_may_be_tested() -> None:
    placed, _ = splits.assign(corpus(1), SplitFractions(train=0, val=0, test=1), 1)
    assert {s.split for s in placed} == {"test"}


def test_too_few_speakers_and_wrong_sums_are_refused() -> None:
    with pytest.raises(BadInput, match=r"2 speakers cannot fill train, val, test; .*test=1"):
        splits.assign(corpus(2), DEFAULT, 1)
    with pytest.raises(BadInput, match=r"data\.split: .* sums to 1\.8, not 1"):
        splits.assign(corpus(5), SplitFractions(test=1), 1)


def test_a_leak_is_named() -> None:
    first, second, *_ = corpus(1)
    with pytest.raises(BadInput, match="speaker 1001 is in both train and test"):
        splits.check_disjoint([replace(first, split="train"), replace(second, split="test")])


GOOD = "name: mine\nversion: 2\nspeakers:\n  train: [1001]\n  val: ['1002']\n  test: [1003, 1009]\n"


def file_split(path: Path, text: str) -> SplitFractions:
    path.write_text(text)
    return validated(Data, {"split": str(path)}, "sweep").split


def test_a_file_gives_every_speaker_its_split(tmp_path: Path) -> None:
    chosen = file_split(tmp_path / "mine.yaml", GOOD)
    placed, name = splits.assign(corpus(3), chosen, 1)
    assert speakers_by_split(placed) == {"train": {"1001"}, "val": {"1002"}, "test": {"1003"}}
    assert splits.assign(corpus(3), chosen, 2)[1] == name, "a file does not depend on the seed"
    assert splits.source(chosen, 1).startswith("mine version 2 (")
    other = file_split(tmp_path / "other.yaml", GOOD.replace("1009", "1008"))
    assert splits.source(other, 1) != splits.source(chosen, 1)
    assert splits.source(DEFAULT, 7) == "drawn with seed 7"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("[1001]", "[1001, 1003]"), "speaker 1003 is in both train and test: a leak"),
        (GOOD.replace("['1002']", "[]"), "1 speakers of the corpus are in no split: 1002; add them"),
        (GOOD.replace("version: 2", "version: 0"), 'key "version": Input should be greater'),
        (GOOD.replace("speakers", "speaker"), 'unknown key "speaker": did you mean "speakers"'),
        ("- 1\n", "a split file has the keys name, version and speakers"),
        ("{", "not YAML"),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    with pytest.raises(BadInput) as refusal:
        splits.assign(corpus(3), file_split(path, text), 1)
    assert message in str(refusal.value) and str(path) in str(refusal.value)


def test_a_missing_file_and_a_file_with_fractions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone\.yaml: no such split file"):
        splits.assign(corpus(3), SplitFractions.model_validate(tmp_path / "gone.yaml"), 1)
    with pytest.raises(BadInput, match="write split: FILE alone"):
        validated(Data, {"split": {"file": "a.yaml", "train": 0.5}}, "sweep")
    with pytest.raises(BadInput, match=r'unknown key "split\.tran": did you mean "train"'):
        validated(Data, {"split": {"tran": 0.5}}, "sweep")


def test_a_written_split_is_the_drawn_one(tmp_path: Path) -> None:
    samples = [*corpus(12), Sample("loose", Path("b.mp4"), None, None, None)]
    path = tmp_path / "twelve.yaml"
    split_files.save(path, splits.written_down(samples, DEFAULT, 5, "twelve"))
    placed, name = splits.assign(samples, SplitFractions.model_validate(path), 99)
    assert (placed, name) == splits.assign(samples, DEFAULT, 5)
    with pytest.raises(BadInput, match=r"twelve\.yaml exists already"):
        split_files.save(path, split_files.load(path))


def test_the_command_writes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for actor in range(1001, 1011):
        clip = tmp_path / "corpus" / "VideoFlash" / f"{actor}_DFA_ANG_XX.flv"
        clip.parent.mkdir(parents=True, exist_ok=True)
        clip.write_bytes(b"film")
    out = tmp_path / "mine.yaml"
    command = ["split", "crema_d", str(tmp_path / "corpus"), "--seed", "3", "--out", str(out)]
    assert data.main(command) == 0
    assert "mine version 1 (" in capsys.readouterr().out
    assert len(split_files.load(out).speakers.train) == 7
    assert data.main(command) == 2, "a split is never written over"
    assert data.main([*command[:-1], str(tmp_path / "b.yaml"), "--train", "0.9"]) == 2
    assert "sums to 1.2" in capsys.readouterr().err


def test_a_speaker_trained_on_is_not_tested_on() -> None:
    tested, _ = splits.assign(corpus(10), DEFAULT, 1)
    splits.check_untrained(tested, tested)
    trained, _ = splits.assign(corpus(10), DEFAULT, 2)
    both = speakers_by_split(tested)["test"] - speakers_by_split(trained)["test"]
    with pytest.raises(
        BadInput, match=f"trains on {len(both)} speakers that data tests: {min(map(str, both))}"
    ):
        splits.check_untrained(tested, trained)

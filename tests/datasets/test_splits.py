"""Splits by speaker: disjoint, exact, the same for the same seed, named by a hash."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config import SplitFractions
from harness.datasets import splits
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

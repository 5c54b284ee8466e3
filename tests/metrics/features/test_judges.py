"""The embedded judges: the shipped files, what they reach on speakers drawn now, how they train."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.config import JUDGE_SEEDS
from harness.datasets.synthetic import CORPUS_VERSION
from harness.types import BadInput, Pair, Sample
from metrics.features.augment import augment
from metrics.features.emotion import embedded_emotion
from metrics.features.judge_checks import check_au, check_emotion, check_sync, shifted_audio
from metrics.features.judge_data import CHECK_CORPUS, CLASSES, TRAINING_CORPORA, JudgeClip
from metrics.features.judge_files import FOLDER, describe
from metrics.features.judge_training import train_au, train_emotion, train_sync
from metrics.features.sync_judge import SyncJudge, SyncJudgeNet, lip_windows
from metrics.features.train_judges import JUDGES


def test_the_shipped_files_are_those_described_and_small() -> None:
    SyncJudge.load()
    assert embedded_emotion().classes == CLASSES
    assert all(describe(name)["corpus_version"] == CORPUS_VERSION for name in JUDGES)
    assert sum(path.stat().st_size for path in FOLDER.glob("*.safetensors")) < 8e6


def test_the_figures_on_unseen_speakers_that_are_shipped_meet_the_bars() -> None:
    sync, emotion, au = (describe(name)["figures"] for name in ("sync_judge", "emotion_judge", "au_judge"))
    assert min(sync["offset_within_1_frame"].values()) >= 0.95
    assert sync["lse_c_other_sentence"] <= sync["lse_c"] / 2
    assert emotion["accuracy"] >= 97
    assert np.median(list(au["correlation"].values())) > 0.8


def test_judges_and_checks_have_seeds_that_no_run_may_use() -> None:
    seeds = [spec.seed for spec in (*TRAINING_CORPORA, CHECK_CORPUS)]
    assert len(set(seeds)) == len(seeds) and all(seed in JUDGE_SEEDS for seed in seeds)


def test_they_work_on_speakers_drawn_now(drawn_pairs: list[Pair], drawn_samples: list[Sample]) -> None:
    sync = check_sync(drawn_pairs, drawn_samples)
    assert min(sync["offset_within_1_frame"].values()) >= 0.8
    assert sync["lse_c_other_sentence"] < sync["lse_c"] / 2
    assert check_emotion(drawn_pairs)["accuracy"] >= 80
    assert check_au(drawn_pairs, drawn_samples)["mae"] < 0.1


def test_a_changed_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"sync_judge\.safetensors: no such file"):
        SyncJudge.load(tmp_path)
    for path in FOLDER.iterdir():
        shutil.copy(path, tmp_path)
    described = json.loads((tmp_path / "judges.json").read_text())
    described["sync_judge"]["sha256"] = "0" * 64
    (tmp_path / "judges.json").write_text(json.dumps(described))
    with pytest.raises(BadInput, match="SHA-256"):
        SyncJudge.load(tmp_path)


def test_a_judgement_does_not_depend_on_the_other_frames() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (100, 64, 64, 3)).astype(np.uint8)
    classifier, sync = embedded_emotion(), SyncJudge.load()
    np.testing.assert_allclose(
        classifier.log_probabilities(frames)[70:75], classifier.log_probabilities(frames[70:75]), atol=1e-4
    )
    np.testing.assert_allclose(
        sync.video_features(frames)[70], sync.video_features(frames[70:75])[0], atol=1e-5
    )


def test_embeddings_are_unit_vectors_and_a_one() -> None:
    rows = SyncJudge(SyncJudgeNet()).audio_features(
        np.random.default_rng(0).normal(size=(3, 13, 20)).astype("f")
    )
    assert rows.shape == (3, 129)
    np.testing.assert_allclose(np.linalg.norm(rows[:, :-1], axis=1), 1, atol=1e-5)
    assert (rows[:, -1] == 1).all()


def test_lip_windows_are_lower_halves_of_five_frames() -> None:
    frames = torch.arange(7.0).view(7, 1, 1, 1).repeat(1, 3, 64, 64)
    frames[:, :, :32] = -1
    windows = lip_windows(frames)
    assert windows.shape == (3, 5, 3, 32, 64)
    assert windows[2, :, 0, 0, 0].tolist() == [2.0, 3.0, 4.0, 5.0, 6.0]


def made_up_clips(count: int = 10) -> list[JudgeClip]:
    generator = np.random.default_rng(1)
    return [
        JudgeClip(
            np.full((30, 72, 72, 3), 40 * (index % 6) + 20, np.uint8),
            generator.normal(size=(25, 13, 20)).astype(np.float32),
            np.full((30, 4), 0.1 * index, np.float32),
            np.full((30, 3), 0.1 * index, np.float32),
            index % 6,
        )
        for index in range(count)
    ]


@pytest.mark.parametrize("train", [train_sync, train_emotion, train_au])
def test_training_is_reproducible_and_moves_every_parameter(train: Any) -> None:
    clips = made_up_clips()
    start, first, second = (train(clips, 7, lambda line: None, steps=n) for n in (1, 3, 3))
    for (name, before), after, again in zip(
        start.named_parameters(), first.parameters(), second.parameters(), strict=True
    ):
        assert torch.equal(after, again), name
        assert not torch.equal(before, after), name


def test_augmented_pictures_differ_by_draw_and_stay_in_range() -> None:
    pixels = torch.randint(0, 256, (3, 2, 3, 72, 72), dtype=torch.uint8)
    first, again, other = (augment(pixels, 64, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert first.shape == (3, 2, 3, 64, 64)
    assert float(first.min()) >= -1 and float(first.max()) <= 1
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_shift_moves_sound_without_changing_its_length() -> None:
    audio = np.arange(1, 5 * 640 + 1, dtype=np.float32)
    early, late = shifted_audio(audio, 2), shifted_audio(audio, -2)
    assert len(early) == len(late) == len(audio)
    assert early[0] == audio[1280] and early[-1] == 0
    assert late[1280] == audio[0] and late[0] == 0

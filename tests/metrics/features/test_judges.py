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
from harness.types import BadInput, Clip, Pair, Sample
from metrics.features.augment import augment, augment_with_points
from metrics.features.emotion import embedded_emotion
from metrics.features.judge_checks import check_au, check_emotion, check_landmarks, check_sync, shifted_audio
from metrics.features.judge_data import CHECK_CORPUS, CLASSES, TRAINING_CORPORA, JudgeClip
from metrics.features.judge_files import FOLDER, describe, file_sha256
from metrics.features.judge_training import (
    MIRRORED_68,
    train_au,
    train_emotion,
    train_landmarks,
    train_sync,
)
from metrics.features.landmark_judge import LandmarkJudge, from_pixels
from metrics.features.sync_judge import SyncJudge, SyncJudgeNet, lip_windows
from metrics.features.train_judges import JUDGES, main, write_description


def test_the_shipped_files_are_those_described_and_small() -> None:
    SyncJudge.load()
    assert embedded_emotion().classes == CLASSES
    assert all(describe(name)["corpus_version"] == CORPUS_VERSION for name in JUDGES)
    assert sum(path.stat().st_size for path in FOLDER.glob("*.safetensors")) < 5e6


def test_the_figures_on_unseen_speakers_that_are_shipped_meet_the_bars() -> None:
    names = ("sync_judge", "emotion_judge", "au_judge", "landmark_judge")
    sync, emotion, au, landmarks = (describe(name)["figures"] for name in names)
    assert min(sync["offset_within_1_frame"].values()) >= 0.95
    assert sync["lse_c_other_sentence"] <= sync["lse_c"] / 2
    assert emotion["accuracy"] >= 97
    assert np.median(list(au["correlation"].values())) > 0.8
    assert landmarks["face_error_centred"] < 0.05 and landmarks["mouth_error_centred"] < 0.05


def test_judges_and_checks_have_seeds_that_no_run_may_use() -> None:
    seeds = [spec.seed for spec in (*TRAINING_CORPORA, CHECK_CORPUS)]
    assert len(set(seeds)) == len(seeds) and all(seed in JUDGE_SEEDS for seed in seeds)


def test_they_work_on_speakers_drawn_now(drawn_pairs: list[Pair], drawn_samples: list[Sample]) -> None:
    sync = check_sync(drawn_pairs, drawn_samples)
    assert min(sync["offset_within_1_frame"].values()) >= 0.8
    assert sync["lse_c_other_sentence"] < sync["lse_c"] / 2
    assert check_emotion(drawn_pairs)["accuracy"] >= 80
    assert check_au(drawn_pairs, drawn_samples)["mae"] < 0.1
    assert check_landmarks(drawn_pairs, drawn_samples)["face_error_centred"] < 0.06


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
    whole, part = (Pair("one", clip, clip) for clip in (Clip(frames, None), Clip(frames[70:75], None)))
    np.testing.assert_allclose(classifier.read(whole)[70:75], classifier.read(part), atol=1e-4)
    points = LandmarkJudge.load().landmarks
    np.testing.assert_allclose(points(frames)[70:75], points(frames[70:75]), atol=1e-3)
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
            generator.uniform(10, 60, (30, 68, 2)).astype(np.float32),
        )
        for index in range(count)
    ]


@pytest.mark.parametrize("train", [train_sync, train_emotion, train_au, train_landmarks])
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


def test_points_move_with_the_pictures() -> None:
    # A bright spot on black, and where it is said to be: it must be found there in every view.
    pixels = torch.zeros(8, 1, 3, 72, 72, dtype=torch.uint8)
    pixels[..., 20:23, 48:51] = 255
    points = torch.from_numpy(from_pixels(np.float32([[[49, 21]]]), 72)).expand(8, 1, 2)
    pictures, moved, mirrored = augment_with_points(pixels, points, 64, torch.Generator().manual_seed(3))
    light = pictures[:, 0].mean(dim=1)
    low, high = light.amin(dim=(1, 2), keepdim=True), light.amax(dim=(1, 2), keepdim=True)
    light = (light > (low + 2 * high) / 3).float()
    centres = (torch.arange(64) * 2 + 1) / 64 - 1
    found = torch.stack([light.sum(dim=1) @ centres, light.sum(dim=2) @ centres], 1)
    found /= light.sum(dim=(1, 2))[:, None]
    assert 0 < int(mirrored.sum()) < 8
    torch.testing.assert_close(found, moved[:, 0], atol=0.06, rtol=0)


def test_mirrored_points_are_partners() -> None:
    assert [MIRRORED_68[i] for i in MIRRORED_68] == list(range(68))
    assert [MIRRORED_68[i] for i in (0, 8, 17, 27, 36, 39, 48, 51, 60)] == [16, 8, 26, 27, 45, 42, 54, 51, 64]


def test_training_one_judge_leaves_what_is_known_of_the_others(tmp_path: Path) -> None:
    for path in FOLDER.iterdir():
        shutil.copy(path, tmp_path)
    before = json.loads((tmp_path / "judges.json").read_text())
    (tmp_path / "au_judge.safetensors").write_bytes(b"another")
    write_description(tmp_path, {"au_judge": {"mae": 1.0}})
    after = json.loads((tmp_path / "judges.json").read_text())
    assert {name: after[name] for name in after if name != "au_judge"} == {
        name: before[name] for name in before if name != "au_judge"
    }
    assert after["au_judge"]["sha256"] == file_sha256(tmp_path / "au_judge.safetensors")
    assert after["au_judge"]["figures"] == {"mae": 1.0}


def test_an_unknown_judge_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emotion"]) == 2
    assert 'no judge "emotion"; known: sync_judge' in capsys.readouterr().err


def test_a_shift_moves_sound_without_changing_its_length() -> None:
    audio = np.arange(1, 5 * 640 + 1, dtype=np.float32)
    early, late = shifted_audio(audio, 2), shifted_audio(audio, -2)
    assert len(early) == len(late) == len(audio)
    assert early[0] == audio[1280] and early[-1] == 0
    assert late[1280] == audio[0] and late[0] == 0

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import EMOTIONS, SIZE, made_up_clip

from harness import prepare
from harness.audio import mel_windows
from harness.contracts import TrainingData
from harness.types import BadInput
from methods.nets.align import upright_eyes
from methods.nets.masks import half_mask
from methods.nets.sampling import OWN, Draw, Windows, WindowSampler, generator_mel, streamed_mel
from methods.nets.wave import Hearing


def drawn(data: TrainingData, draw: Draw, seed: int = 0, rank: int = 0, world: int = 1) -> Windows:
    return WindowSampler(data, EMOTIONS, SIZE, draw).draw(np.random.default_rng(seed), rank, world)


def test_shapes(corpus: TrainingData) -> None:
    windows = drawn(corpus, Draw(clips=3, length=5, per_clip=2))
    shapes = [tuple(getattr(windows, f.name).shape) for f in fields(Windows)]
    assert shapes == [
        (6, 5, 3, 64, 64),
        (6, 5, 1, 64, 64),
        (6, 5, 3, 64, 64),
        (6, 0, 3, 64, 64),
        (6, 5, 1, 80, 16),
        (6, 1, 80, 16),
        (6,),
        (6, 0),
        (6, 5, 2),
    ]


def test_a_window_is_its_clips_frames_sound_and_emotion(corpus: TrainingData) -> None:
    one = replace(corpus, clips=corpus.clips[1:2], speakers=("a",), emotions=("happy",), splits=("train",))
    clip = prepare.load(corpus.clips[1])
    windows = drawn(one, Draw(clips=4, length=5))
    frames = torch.from_numpy(clip.frames).permute(0, 3, 1, 2).float() / 255
    mel = torch.from_numpy(mel_windows(clip.audio, len(clip.frames)))
    for i in range(4):
        (start,) = [s for s in range(10) if torch.allclose(frames[s : s + 5], windows.target[i], atol=1e-6)]
        assert torch.equal(windows.mask[i, :, 0], torch.from_numpy(clip.mask[start : start + 5]))
        # The whole window's speech starts with it; a frame's own starts one frame (3.2 steps) earlier.
        assert (windows.speech[i, 0] - mel[start]).abs().mean() < 0.3
        assert (windows.mel[i, 1, 0] - mel[start]).abs().mean() < 0.3
    assert windows.emotion.tolist() == [1] * 4


def test_reference_is_of_another_clip_of_the_same_speaker(corpus: TrainingData) -> None:
    skins = [prepare.load(path).frames[0, 20, 32] / 255 for path in corpus.clips]
    windows = drawn(corpus, Draw(clips=32, length=5))
    for target, reference in zip(windows.target, windows.reference, strict=True):
        own, other = (
            int(np.argmin([abs(s - x.numpy()).sum() for s in skins]))
            for x in (target[0, :, 20, 32], reference[0, :, 20, 32])
        )
        assert other == own ^ 1


def test_workers_shares_are_the_global_batch(corpus: TrainingData) -> None:
    plan = Draw(clips=4, length=5, per_clip=2, augment=0.8)
    whole = drawn(corpus, plan)
    for rank in (0, 1):
        part = drawn(corpus, plan, rank=rank, world=2)
        kept = [0, 1, 4, 5] if rank == 0 else [2, 3, 6, 7]
        for f in fields(Windows):
            assert torch.equal(getattr(part, f.name), getattr(whole, f.name)[kept])


def test_wave_is_the_windows_own_samples_with_context(corpus: TrainingData) -> None:
    one = replace(corpus, clips=corpus.clips[:1], speakers=("a",), emotions=("neutral",), splits=("train",))
    clip = prepare.load(corpus.clips[0])
    hearing = Hearing(16_000, context=1280, levelled=False)
    windows = drawn(one, Draw(clips=4, length=5, hearing=hearing))
    frames = torch.from_numpy(clip.frames).permute(0, 3, 1, 2).float() / 255
    padded = np.pad(clip.audio, 1280)
    for target, wave in zip(windows.target, windows.wave, strict=True):
        (start,) = [s for s in range(10) if torch.allclose(frames[s : s + 5], target, atol=1e-6)]
        np.testing.assert_array_equal(wave, padded[start * 640 :][: 5 * 640 + 2 * 1280])


def test_upright_windows_have_their_eyes_in_one_place_and_one_still(
    corpus: TrainingData, tmp_path: Path
) -> None:
    """A white dot stands on each eye and on the mouth of heads that move about."""
    rng = np.random.default_rng(0)
    clip = made_up_clip(0, 0)
    eyes = np.array([[24, 26], [40, 26]]) + rng.integers(-3, 4, (len(clip.frames), 1, 2))
    clip.landmarks[:, [36, 39]], clip.landmarks[:, [42, 45]] = eyes[:, :1], eyes[:, 1:]
    clip.landmarks[:, 48:] = eyes[:, :1] + np.array([8, 20])
    for frame, (x, y) in zip(clip.frames, eyes[:, 0], strict=True):
        frame[:] = 90
        for dx, dy in ((0, 0), (16, 0), (8, 20)):
            frame[y + dy - 1 : y + dy + 2, x + dx - 1 : x + dx + 2] = 255
    prepare.save(tmp_path / "moving.npz", clip)
    data = TrainingData((tmp_path / "moving.npz",), ("a",), ("happy",), ("train",), SIZE)
    windows = drawn(data, Draw(clips=3, length=5, upright=True))
    assert windows.reference.shape == (3, 1, 3, 64, 64)
    for picture in (*windows.target.flatten(0, 1), *windows.reference.flatten(0, 1)):
        for x, y in upright_eyes(SIZE).round().astype(int):
            assert picture[0, y, x] > 0.8
    wanted = torch.from_numpy(upright_eyes(SIZE)[0] + np.float32([8, 20]))
    torch.testing.assert_close(windows.mouth, wanted.expand_as(windows.mouth), atol=1e-3, rtol=0)


def test_without_emotions_every_clip_with_sound_will_do(corpus: TrainingData) -> None:
    unlabelled = replace(corpus, emotions=(None, "happy", "fear", None))
    sampler = WindowSampler(unlabelled, (), SIZE, Draw(8, 5))
    assert sampler.paths == list(corpus.clips)
    assert not sampler.draw(np.random.default_rng(0)).emotion.any()


def test_only_training_clips_with_sound_and_a_known_emotion(corpus: TrainingData, tmp_path: Path) -> None:
    silent = tmp_path / "silent.npz"
    prepare.save(silent, made_up_clip(0, 0, sound=False))
    data = TrainingData(
        (silent, *corpus.clips[:3]),
        ("a",) * 4,
        ("happy", "happy", "happy", "fear"),
        ("train", "val", "train", "train"),
        SIZE,
    )
    assert WindowSampler(data, EMOTIONS, SIZE, Draw(1, 5)).paths == [corpus.clips[1]]


def test_bad_input_is_named(corpus: TrainingData) -> None:
    with pytest.raises(BadInput, match=r"image_size: 96.*64 px"):
        WindowSampler(corpus, EMOTIONS, 96, Draw(1, 5))
    with pytest.raises(BadInput, match="at least 99 frames"):
        WindowSampler(corpus, EMOTIONS, SIZE, Draw(1, 99))


def test_a_source_is_played_from_the_speakers_clip_in_that_emotion(corpus: TrainingData) -> None:
    """Mouths are red in happy clips and dark in neutral ones; speakers differ in skin."""
    plan = Draw(clips=16, length=5, mask="half", source="neutral")
    windows = WindowSampler(corpus, ("happy",), SIZE, plan).draw(np.random.default_rng(0))
    assert windows.target[:, :, 0, 46, 32].min() > 0.7
    for pictures in (windows.reference, windows.seen):
        assert pictures.shape == windows.target.shape
        assert pictures[:, :, 0, 46, 32].max() < 0.2
        assert [_skin_of(corpus, p[0]) ^ 1 for p in pictures] == [
            _skin_of(corpus, t[0]) for t in windows.target
        ]
    assert (windows.reference[:, 0] != windows.reference[:, 4]).flatten(1).any(1).all()
    assert windows.mask[0, 0, 0].equal(torch.from_numpy(half_mask(1, SIZE)[0]))


def test_frames_of_the_own_clip_are_other_frames_on_end(corpus: TrainingData) -> None:
    one = replace(corpus, clips=corpus.clips[:1], speakers=("a",), emotions=("neutral",), splits=("train",))
    clip = prepare.load(corpus.clips[0])
    frames = torch.from_numpy(clip.frames).permute(0, 3, 1, 2).float() / 255
    windows = drawn(one, Draw(clips=8, length=5, source=OWN))
    for reference in windows.reference:
        assert any(torch.allclose(frames[s : s + 5], reference, atol=1e-2) for s in range(10))
    assert windows.seen.shape[1] == 0


def _skin_of(corpus: TrainingData, picture: torch.Tensor) -> int:
    """Which clip of the corpus has this picture's skin: each has its own."""
    skins = [prepare.load(path).frames[0, 20, 32] / 255 for path in corpus.clips]
    return int(np.argmin([abs(skin - picture[:, 20, 32].numpy()).sum() for skin in skins]))


def test_a_pair_without_a_source_is_named(corpus: TrainingData) -> None:
    with pytest.raises(BadInput, match="of a speaker with a clip in sad"):
        WindowSampler(corpus, ("happy",), SIZE, Draw(1, 5, source="sad"))


def test_mel_in_chunks_is_the_whole(corpus: TrainingData) -> None:
    audio = prepare.load(corpus.clips[0]).audio
    chunks = list(streamed_mel(audio, 14, 4))
    assert [len(chunk) for chunk in chunks] == [4, 4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(chunks), generator_mel(audio, 14))

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import made_up_clip, request_for
from pydantic import ValidationError

from harness import catalog, prepare
from harness.contracts import TrainingData
from harness.types import SAMPLES_PER_FRAME, BadInput, Clip, Request, Target, Unscorable

CONTROLS = ("ground_truth", "still", "wrong_audio", "shifted_audio", "wrong_emotion")


def show(name: str, request: Request, **config: object) -> Clip:
    kind = catalog.method(name)
    (clip,) = kind(kind.Config.model_validate(config)).generate([request])
    return clip


@pytest.fixture
def asked(corpus: TrainingData) -> Request:
    truth, other, _, another = corpus.clips
    return request_for(truth, target=Target(truth, other_audio=another, other_emotion=other))


@pytest.mark.parametrize("name", CONTROLS)
def test_card_says_control(name: str) -> None:
    kind = catalog.method(name)
    assert kind.card.name == name
    assert kind.card.control and not kind.card.trains and not kind.stages
    with pytest.raises(ValidationError):
        kind.Config.model_validate({"alpha": 1})


def test_ground_truth_is_the_target(asked: Request) -> None:
    truth = prepare.load(asked.target.truth)
    clip = show("ground_truth", asked)
    np.testing.assert_array_equal(clip.frames, truth.frames)
    np.testing.assert_array_equal(clip.audio, truth.audio)


def test_ground_truth_of_a_silent_file_is_silent(asked: Request, tmp_path: Path) -> None:
    prepare.save(tmp_path / "silent.npz", made_up_clip(0, 0, sound=False))
    silent = Target(tmp_path / "silent.npz", None, None)
    assert show("ground_truth", replace(asked, target=silent)).audio is None
    for name in ("shifted_audio",):
        with pytest.raises(Unscorable, match="no sound"):
            show(name, replace(asked, target=silent))


def test_still_never_moves(asked: Request) -> None:
    clip = show("still", replace(asked, target=None))
    assert clip.frames.shape == asked.context.shape
    assert (clip.frames == asked.reference[0]).all()


def test_wrong_audio_keeps_frames_and_cuts_or_pads_the_other_sound(asked: Request, tmp_path: Path) -> None:
    truth = prepare.load(asked.target.truth)
    for frames in (6, 30):
        other = made_up_clip(9, 0, frames)
        prepare.save(tmp_path / "other.npz", other)
        clip = show(
            "wrong_audio", replace(asked, target=Target(asked.target.truth, tmp_path / "other.npz", None))
        )
        np.testing.assert_array_equal(clip.frames, truth.frames)
        common = min(frames, len(truth.frames)) * SAMPLES_PER_FRAME
        assert len(clip.audio) == len(truth.audio)
        np.testing.assert_array_equal(clip.audio[:common], other.audio[:common])
        assert not clip.audio[common:].any()


@pytest.mark.parametrize("frames", [5, -3, 0])
def test_shifted_audio_leads_by_n_frames(asked: Request, frames: int) -> None:
    truth = prepare.load(asked.target.truth).audio
    audio = show("shifted_audio", asked, frames=frames).audio
    assert len(audio) == len(truth)
    moved = frames * SAMPLES_PER_FRAME
    for i in (3000, 4321, 5000):
        assert audio[i] == truth[i + moved]
    assert not (audio[len(audio) - moved :].any() if moved > 0 else audio[: max(0, -moved)].any())


def test_wrong_emotion_shows_the_other_clip_with_the_sound_asked_for(asked: Request) -> None:
    clip = show("wrong_emotion", asked)
    np.testing.assert_array_equal(clip.frames, prepare.load(asked.target.other_emotion).frames)
    np.testing.assert_array_equal(clip.audio, asked.audio)


@pytest.mark.parametrize("name", ["wrong_audio", "wrong_emotion"])
def test_missing_other_clip_is_unscorable(asked: Request, name: str) -> None:
    with pytest.raises(Unscorable, match="the corpus has no clip"):
        show(name, replace(asked, target=Target(asked.target.truth, None, None)))


def test_without_target_the_request_is_named(asked: Request) -> None:
    with pytest.raises(BadInput, match=asked.id):
        show("ground_truth", replace(asked, target=None))

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from ladder import answers_odd_sounds, long_request, refuses_bad_requests, resumed, weights
from made_up import SIZE
from pydantic import ValidationError
from tiny import TINY, lively

from harness.contracts import Training
from harness.cost import measured
from harness.types import BadInput, Request
from harness.weights import Weights
from methods.synchrorama import Synchrorama, autoencoder
from methods.synchrorama import training as loops
from methods.synchrorama.conditions import Conditions
from methods.synchrorama.config import Config
from methods.synchrorama.denoiser import Denoiser


def test_stages_do_not_depend_on_what_comes_after() -> None:
    later = {"sync": 0.5, "emotion": 0.0, "au": 1.0, "guide_emotion": 4.0, "steps": 7, "inference_steps": 9}
    varied = TINY.model_copy(update={**later, "overlap": 2, "shared_noise": 1.0})
    for stage in Synchrorama.stages:
        assert Synchrorama(TINY).stage_config(stage) == Synchrorama(varied).stage_config(stage)
    for key, value in (
        ("scheduler", "flow"),
        ("a2m", False),
        ("scene_text", False),
        ("text_sentiment", False),
    ):
        other = Synchrorama(TINY.model_copy(update={key: value}))
        assert Synchrorama(TINY).stage_config("image") != other.stage_config("image"), key


def test_reports_all_terms(ready: Training) -> None:
    seen: dict[int, Mapping[str, float]] = {}
    short = TINY.model_copy(update={"steps": 1})
    loops.fit(short, replace(ready, report=lambda step, losses, checkpoint=None: seen.update({step: losses})))
    found = seen[1]
    assert set(found) == {"denoising", "sync", "emotion", "au", "total"}
    weighed = found["denoising"] + 0.05 * found["sync"] + 0.05 * found["emotion"] + 0.1 * found["au"]
    assert found["total"] == pytest.approx(weighed, rel=1e-4)


@pytest.mark.parametrize("stage", ["vae", "image", "fit"])
def test_resumed_in_the_middle_equals_undisturbed(ready: Training, tmp_path: Path, stage: str) -> None:
    config = TINY.model_copy(update={"vae_steps": 11, "image_steps": 11})
    trainers = {"vae": autoencoder.train_autoencoder, "image": loops.train_image, "fit": loops.fit}
    found = resumed(lambda training: trainers[stage](config, training), ready, tmp_path)
    assert torch.equal(found, weights(trainers[stage](config, ready)))


def test_saved_and_loaded_makes_the_same_clip(fitted: Synchrorama, asked: Request, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    loaded = Synchrorama(TINY.model_copy(update={"sync": 9.0}))
    loaded.load(tmp_path)
    mine, theirs = fitted.generate([asked])[0], loaded.generate([asked])[0]
    np.testing.assert_array_equal(mine.frames, theirs.frames)
    assert mine.notes == theirs.notes
    with pytest.raises(BadInput, match="emotions is"):
        Synchrorama(TINY.model_copy(update={"emotions": ("neutral", "sad")})).load(tmp_path)
    with pytest.raises(BadInput, match="not a saved synchrorama"):
        Synchrorama(TINY).load(tmp_path / "nowhere")


def test_its_operations_can_be_counted(fitted: Synchrorama, asked: Request, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    assert measured(cast(Any, fitted), tmp_path, asked).flops > 1e6


def test_gates_are_told_of_each_clip(fitted: Synchrorama, asked: Request) -> None:
    labelled, free = fitted.generate([asked, replace(asked, emotion=None)])
    assert labelled.notes["gate_label"] == 1 and sum(labelled.notes.values()) == pytest.approx(1)
    assert free.notes["gate_label"] == 0 and free.notes["gate_sentiment"] > 0


def test_what_is_asked_for_changes_the_clip(ready: Training, fitted: Synchrorama, asked: Request) -> None:
    untrained = Synchrorama(TINY)
    untrained._model = fitted._ready()
    told, untrained._model.denoiser = untrained._model.denoiser, lively(TINY)
    usual = untrained.generate([asked])[0].frames
    np.testing.assert_array_equal(usual, untrained.generate([asked])[0].frames)
    for other in (
        replace(asked, emotion="neutral"),
        replace(asked, audio=asked.audio[::-1].copy()),
        replace(asked, seed=2),
        replace(asked, scene="A dark face that turns away."),
    ):
        assert (untrained.generate([other])[0].frames != usual).any()
    untrained._model.denoiser = told


@pytest.mark.parametrize("switch", ["a2m", "scene_text", "label", "text_sentiment", "speech_emotion"])
def test_ablations_run(ready: Training, switch: str, tmp_path: Path) -> None:
    config = TINY.model_copy(update={switch: False, "steps": 1, "sync": 0.0, "emotion": 0.0, "au": 0.0})
    assert loops.fit(config, ready) is not None


def test_without_audio_to_motion_the_head_keeps_still(ready: Training, asked: Request) -> None:
    method = Synchrorama(TINY.model_copy(update={"a2m": False, "steps": 1}))
    method.fit(ready)
    model = method._ready()
    parts = list(model._heard(asked, asked.audio, model.fusion.null[None]))
    assert all((part.landmarks == asked.reference_landmarks).all() for part in parts)
    assert sum(len(part.mel) for part in parts) == asked.frames


def test_requests_that_the_model_cannot_answer(fitted: Synchrorama, asked: Request) -> None:
    refuses_bad_requests(fitted, asked)
    with pytest.raises(BadInput, match=f"{asked.id}: .*fear.*neutral, happy"):
        fitted.generate([replace(asked, emotion="fear")])
    faceless = replace(asked, reference_eyes=np.zeros((1, 2, 2), np.float32))
    with pytest.raises(BadInput, match=f"{asked.id}: no face"):
        fitted.generate([faceless])
    with pytest.raises(BadInput, match="not English"):
        fitted.generate(
            [replace(asked, text="Ich weiß wirklich nicht, was das alles bedeuten soll, mein Freund.")]
        )
    with pytest.raises(BadInput, match="fit or load first"):
        Synchrorama(TINY).generate([asked])


def test_odd_sounds_are_answered(fitted: Synchrorama, asked: Request) -> None:
    answers_odd_sounds(fitted, asked)


def test_thirty_seconds_of_silence_have_no_voice(fitted: Synchrorama, asked: Request) -> None:
    silent = replace(long_request(asked, 750), audio=np.zeros(750 * 640, np.float32), emotion=None, text="")
    first = next(fitted.stream(silent))
    assert first.shape[1:] == (SIZE, SIZE, 3)
    assert not any(fitted._ready().gates(silent).values())  # nothing is said: the embedding of nothing


@pytest.mark.parametrize(
    "bad",
    [
        {"alfa": 1},
        {"scheduler": "euler"},
        {"emotions": ["sad"]},
        {"emotions": ["happy", "calm"]},
        {"overlap": 4},
        {"guide_audio": -1},
    ],
)
def test_bad_config_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(bad))):
        Config.model_validate(bad)


def test_a_long_clip_comes_in_chunks_of_bounded_size(fitted: Synchrorama, asked: Request) -> None:
    long = long_request(asked, 120)
    parts = [len(part) for part in fitted.stream(long)]
    assert sum(parts) == 120 and max(parts) <= TINY.frames
    held = fitted._ready()
    sizes = [len(rows.mel) for rows in held._heard(long, long.audio, held.fusion.null[None])]
    assert max(sizes) <= 50


def test_full_size_builds_with_a_reference_network() -> None:
    """The full method's parts, narrow: every scale, 4x32x32 latents, the reference by attention."""
    config = Config(
        size="full",
        vae_channels=(8, 8, 8, 8),
        vae_norm=4,
        channels=(8, 8, 16, 16),
        norm=4,
        cross=16,
        heads=2,
        guide_channels=8,
        frames=5,
    )
    assert config.latent_size == 32 and config.inference_steps == 25
    denoiser = Denoiser(config, timed=True)
    side = config.latent_size
    told = Conditions(
        reference=torch.randn(1, 4, side, side),
        guides=torch.rand(1, 2, 3, 256, 256),
        mel=torch.randn(1, 2, 80, 16),
        heard=torch.ones(1, dtype=torch.bool),
        emotion=torch.randn(1, 16),
        calm=torch.zeros(1, 16),
        text=torch.randn(1, 5, 768),
        read=torch.ones(1, 5, dtype=torch.bool),
    )
    noisy = torch.randn(1, 2, 4, side, side)
    with torch.no_grad():
        said = denoiser(noisy, torch.full((1, 2), 10), told)
        other = denoiser(noisy, torch.full((1, 2), 10), told.without("reference"))
    assert said.shape == noisy.shape and (said != other).any()
    pictures = torch.rand(1, 3, 256, 256)
    coder = autoencoder.Autoencoder(config)
    assert coder.decode(coder.encode(pictures)).shape == pictures.shape


def test_missing_pretrained_weights_are_named(ready: Training, tmp_path: Path) -> None:
    config = TINY.model_copy(update={"pretrained": True})
    with pytest.raises(BadInput, match="sd15-unet"):
        loops.train_image(config, replace(ready, weights=Weights(tmp_path)))

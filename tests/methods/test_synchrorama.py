from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from ladder import answers_odd_sounds, long_request, refuses_bad_requests, resumed, weights
from made_up import EMOTIONS, SIZE, made_up_clip, request_for
from pydantic import ValidationError
from torch import Tensor

from harness import prepare
from harness.contracts import Training, TrainingData
from harness.cost import measured
from harness.prepare import PreparedClip
from harness.types import BadInput, Request
from harness.weights import Weights
from methods.nets.loop import build
from methods.synchrorama import Synchrorama, autoencoder, generation, judges
from methods.synchrorama import training as loops
from methods.synchrorama.conditions import DROPPED, Conditions
from methods.synchrorama.config import Config
from methods.synchrorama.denoiser import Denoiser
from methods.synchrorama.latents import LatentClips
from methods.synchrorama.mood import frozen_fusion
from methods.synchrorama.noise import LEVELS, Process, sampler
from methods.synchrorama.scenes import Scene, Scenes

TINY = Config(
    emotions=EMOTIONS,
    vae_channels=(8,),
    vae_norm=4,
    vae_batch=2,
    vae_steps=3,
    channels=(8, 8),
    norm=4,
    cross=8,
    heads=2,
    guide_channels=4,
    a2m_width=8,
    a2m_batch=2,
    a2m_steps=2,
    expert_width=4,
    expert_steps=2,
    critic_width=2,
    critic_steps=2,
    landmark_steps=2,
    image_batch=2,
    image_steps=3,
    batch=2,
    steps=11,
    inference_steps=2,
)
FRAMES = 40


def spoken_clip(seed: int) -> PreparedClip:
    """A made-up clip whose landmarks are a face's, near enough: eyes where the ladder's clips have them."""
    clip = made_up_clip(seed, seed % 2, FRAMES)
    rng = np.random.default_rng(7)
    points = rng.uniform((20, 20), (44, 52), (68, 2))
    points[[36, 39, 42, 45]] = (22, 26), (26, 26), (38, 26), (42, 26)
    points[[37, 38, 40, 41]], points[[43, 44, 46, 47]] = (24, 26), (40, 26)
    return replace(clip, landmarks=np.tile(points, (FRAMES, 1, 1)).astype(np.float32))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    folder = tmp_path_factory.mktemp("spoken")
    paths = tuple(folder / f"{i}.tar" for i in range(4))
    for i, path in enumerate(paths):
        prepare.save(path, spoken_clip(i))
    texts, scenes = ("Hello there.",) * 4, ("A bright face that looks ahead.", "A dark face, close.") * 2
    return TrainingData(paths, ("a", "a", "b", "b"), EMOTIONS * 2, ("train",) * 4, SIZE, texts, scenes)


@pytest.fixture(scope="module")
def ready(corpus: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> Training:
    root = tmp_path_factory.mktemp("stages")
    artefacts = {stage: root / stage for stage in Synchrorama.stages}
    start = Training(data=corpus, artefacts={}, report=lambda *_: None, seed=5, weights=Weights())
    for stage, needs in Synchrorama.stages.items():
        artefacts[stage].mkdir()
        needed = replace(start, artefacts={name: artefacts[name] for name in needs})
        Synchrorama(TINY).run_stage(stage, needed, artefacts[stage])
    return replace(start, artefacts=artefacts)


@pytest.fixture(scope="module")
def fitted(ready: Training) -> Synchrorama:
    method = Synchrorama(TINY)
    method.fit(ready)
    return method


@pytest.fixture(scope="module")
def asked(corpus: TrainingData) -> Request:
    return replace(request_for(corpus.clips[0]), text="Hello there.", frames=16)


@pytest.fixture(scope="module")
def scene(ready: Training) -> Scene:
    config = TINY.model_copy(update={"drop": 0.0})
    return Scenes(config, ready, frozen_fusion(config, ready), 2, 6).draw(np.random.default_rng(0), 2)


def lively(config: Config, timed: bool = True) -> Denoiser:
    """A denoiser none of whose layers is silent, in evaluation mode."""
    denoiser = build(3, lambda: Denoiser(config, timed))
    with torch.no_grad():
        for parameter in denoiser.parameters():
            if not parameter.any():
                parameter.add_(
                    0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
                )
    return denoiser.eval()


def inputs(scene: Scene) -> tuple[Tensor, Tensor, Conditions]:
    latents = torch.cat([scene.motion, scene.latents], 1)
    return latents, torch.full(latents.shape[:2], 400), scene.conditions


def test_scenes_hold_what_they_say(scene: Scene, ready: Training) -> None:
    side = TINY.latent_size
    assert scene.latents.shape == (2, 6, 8, side, side) and scene.motion.shape == (2, 2, 8, side, side)
    assert scene.conditions.guides.shape == (2, 8, 3, SIZE, SIZE) and scene.conditions.guides.any()
    assert scene.conditions.mel.shape == (2, 8, 80, 16) and scene.speech.shape == (2, 6, 1, 80, 16)
    assert scene.landmarks.shape == (2, 6, 68, 2) and scene.emotion.shape == (2,)
    # A frame's own window begins one frame before it: the expert's, which begins with it, is the next one's.
    torch.testing.assert_close(scene.conditions.mel[:, 3], scene.speech[:, 0, 0])
    clips = LatentClips(ready.artefacts["vae"])
    assert len(clips) == 4 and clips[0].latents.shape[0] == FRAMES
    assert abs(torch.cat([clips[i].latents.float() for i in clips]).std() - 1) < 0.2


def test_two_workers_share_one_batch(ready: Training) -> None:
    def drawn(rank: int, world: int) -> Scene:
        share = replace(ready, rank=rank, world=world)
        return Scenes(TINY, share, frozen_fusion(TINY, share), 2, 6).draw(np.random.default_rng(3), 4)

    whole = drawn(0, 1)
    for rank in (0, 1):
        part = drawn(rank, 2)
        assert torch.equal(part.latents, whole.latents[rank::2])
        for mine, all_of_it in zip(part.conditions, whole.conditions, strict=True):
            torch.testing.assert_close(mine, all_of_it[rank::2])
    with pytest.raises(BadInput, match="batch: 2 is no multiple of the 3 workers"):
        loops.fit(TINY, replace(ready, world=3))


def test_drop_takes_each_condition_away(ready: Training) -> None:
    config = TINY.model_copy(update={"drop": 1.0})
    bare = (
        Scenes(config, ready, frozen_fusion(config, ready), 2, 6).draw(np.random.default_rng(0), 2).conditions
    )
    assert not bare.reference.any() and not bare.heard.any() and not bare.read.any()
    assert torch.equal(bare.emotion, bare.calm)


@pytest.mark.parametrize("reference", ["concat", "network"])
def test_gradient_reaches_every_parameter_that_trains(scene: Scene, reference: str) -> None:
    config = TINY.model_copy(update={"reference": reference})
    denoiser = lively(config)
    noisy, level, conditions = inputs(scene)
    # Half of the windows without sound and words, so that what stands in for them is trained too.
    half = torch.tensor([True, False])
    denoiser(noisy, level, conditions.kept({"audio": half, "text": half})).square().mean().backward()
    missing = {
        n for n, p in denoiser.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())
    }
    # The reference network's own answer is not used: what stands behind its last look trains nothing.
    assert {n for n in missing if not n.startswith("bank.unet.up_blocks")} <= SILENT


# A bias before a normalisation over its own channel groups of one place; keys' biases cancel in a softmax.
SILENT: set[str] = set()


def test_attention_over_time_changes_nothing_at_first(scene: Scene) -> None:
    denoiser = build(3, lambda: Denoiser(TINY, timed=False)).eval()
    noisy, level, conditions = inputs(scene)
    with torch.no_grad():
        image = denoiser(noisy, level, conditions)
        denoiser.add_time(TINY)
        assert torch.equal(denoiser.eval()(noisy, level, conditions), image)
        denoiser = lively(TINY)
        moved = noisy.clone()
        moved[:, 0] += 1
        other = denoiser(moved, level, conditions) - denoiser(noisy, level, conditions)
    assert other[:, -1].any()  # once it has learned something, the last frame knows of the first


def test_guidance_of_one_is_the_single_pass(scene: Scene) -> None:
    denoiser = lively(TINY)
    noisy, level, conditions = inputs(scene)
    passes: list[int] = []

    def counted(noisy: Tensor, level: Tensor, told: Conditions) -> Tensor:
        passes.append(len(noisy))
        return denoiser(noisy, level, told)

    with torch.no_grad():
        alone = denoiser(noisy, level, conditions)
        ones = generation.guided(counted, noisy, level, conditions, generation.Guidance(1, 1, 1, 1))
        torch.testing.assert_close(ones, alone, atol=1e-5, rtol=0)
        assert passes == [2]
        for name in DROPPED:
            scales = generation.Guidance(**{n: 2.0 if n == name else 1.0 for n in DROPPED})
            moved = generation.guided(counted, noisy, level, conditions, scales)
            without = denoiser(noisy, level, conditions.without(name))
            torch.testing.assert_close(moved, 2 * alone - without, atol=1e-4, rtol=1e-4)
            assert (moved - alone).any(), name
    assert passes[1:] == [4] * 4


@pytest.mark.parametrize("kind", ["ddim", "dpm", "flow"])
def test_samplers_undo_the_noise_of_a_perfect_denoiser(kind: str) -> None:
    config = TINY.model_copy(update={"scheduler": kind, "inference_steps": 8})
    process, steps = Process(config), sampler(config)
    data, latents = torch.randn(1, 4, 4, 4), torch.randn(1, 4, 4, 4)
    for level in steps.timesteps:
        # What knows the data says the noise that must be there, and so the target of training.
        at = torch.tensor([min(LEVELS - 1, round(float(level)) - (kind == "flow"))])
        noise = (latents - process.signal[at] * data) / process.spread[at].clamp(min=1e-3)
        latents = steps.step(process.target(data, noise, at), level, latents, return_dict=False)[0]
    torch.testing.assert_close(latents, data, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("kind", ["ddim", "flow"])
def test_clean_undoes_noised(kind: str) -> None:
    process = Process(TINY.model_copy(update={"scheduler": kind}))
    data, noise = torch.randn(2, 3, 4, 4, 4)
    level = torch.tensor([3, 500, 998])
    found = process.clean(process.noised(data, noise, level), process.target(data, noise, level), level)
    torch.testing.assert_close(found, data, atol=1e-4, rtol=1e-4)
    assert process.signal[-1] == 0  # the last level is noise alone
    assert (process.weight(torch.arange(LEVELS)) > 0).all()


def test_each_term_reaches_the_latents(ready: Training, scene: Scene) -> None:
    seen = judges.Judges(TINY, ready)
    latents = scene.latents[:1].clone().requires_grad_(True)
    terms = seen.terms(latents, scene.first(), 1)
    assert set(terms) == {"sync", "emotion", "au"}
    for name, term in terms.items():
        (gradient,) = torch.autograd.grad(term, latents, retain_graph=True)
        assert gradient[:, 1:].any() and not gradient[:, :1].any(), name
    off = TINY.model_copy(update={"sync": 0.0, "emotion": 0.0, "au": 0.0})
    assert judges.Judges(off, ready).terms(latents, scene.first(), 1) == {}


def test_overfits_one_window(scene: Scene) -> None:
    """One-step latents of a single batch come near the truth from pure noise and the conditions."""
    config = TINY.model_copy(update={"channels": (16, 16)})
    denoiser, process = build(0, lambda: Denoiser(config, timed=True)), Process(config)
    part = replace(scene.first(), latents=scene.latents[:1])
    optimiser = torch.optim.Adam(denoiser.parameters(), 5e-3)
    noise, level = torch.randn(part.latents.shape), torch.tensor([700])
    noised = process.noised(part.latents, noise, level)
    seen = torch.cat([part.motion, noised], 1)
    levels = torch.tensor([[0, 0, *[700] * 6]])
    errors = []
    for _ in range(30):
        said = denoiser(seen, levels, part.conditions)[:, 2:]
        loss = (said - process.target(part.latents, noise, level)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(loss.item())
    assert errors[-1] < 0.3 * errors[0]


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


def test_chunks_cover_a_clip_once() -> None:
    for frames in range(1, 40):
        parts = list(generation.starts(frames, 6, 1))
        covered = [first + i for first, length in parts for i in range(length)]
        assert set(covered) == set(range(frames)) and len(covered) == frames + len(parts) - 1
        assert all(length > 1 or frames == 1 for _, length in parts)


def test_a_frame_has_one_noise_in_every_chunk() -> None:
    denoiser, reference = lively(TINY), torch.zeros(8, 16, 16)
    maker = generation.ChunkMaker(TINY, denoiser, reference, 5)
    torch.testing.assert_close(maker._noise(0, 6)[5], maker._noise(5, 6)[0])
    assert (maker._noise(0, 2)[0] != maker._noise(0, 2)[1]).any()
    cold = generation.ChunkMaker(TINY.model_copy(update={"temperature": 0.1}), denoiser, reference, 5)
    torch.testing.assert_close(cold._noise(0, 6) * TINY.temperature, maker._noise(0, 6) * 0.1)


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

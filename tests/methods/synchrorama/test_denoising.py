from dataclasses import replace

import numpy as np
import pytest
import torch
from made_up import SIZE
from tiny import FRAMES, TINY, inputs, lively
from torch import Tensor

from harness.contracts import Training
from harness.types import BadInput
from methods.nets.loop import build
from methods.synchrorama import generation, judges
from methods.synchrorama import training as loops
from methods.synchrorama.conditions import DROPPED, Conditions
from methods.synchrorama.denoiser import Denoiser
from methods.synchrorama.latents import LatentClips
from methods.synchrorama.mood import frozen_fusion
from methods.synchrorama.noise import LEVELS, Process, sampler
from methods.synchrorama.scenes import Scene, Scenes


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

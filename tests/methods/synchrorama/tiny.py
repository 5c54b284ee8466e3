"""synchrorama at a size that trains in seconds, and what its tests share."""

from dataclasses import replace

import numpy as np
import torch
from made_up import EMOTIONS, made_up_clip
from torch import Tensor

from harness.prepare import PreparedClip
from methods.nets.loop import build
from methods.synchrorama.conditions import Conditions
from methods.synchrorama.config import Config
from methods.synchrorama.denoiser import Denoiser
from methods.synchrorama.scenes import Scene

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

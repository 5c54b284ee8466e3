"""Generation: guided denoising of one chunk, and chunks of any length of sound, joined without a seam.

A chunk's noise is a function of the seed and of each frame's place in the clip, so frames that two chunks
share start from the same noise; they are cross-faded as latents. The last frames before a chunk are its
motion frames, the reference at the start. Memory is that of one chunk, whatever the clip's length.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from methods.synchrorama.conditions import Conditions
from methods.synchrorama.config import Config
from methods.synchrorama.denoiser import Denoiser
from methods.synchrorama.noise import sampler


@dataclass(frozen=True, slots=True)
class Guidance:
    """A scale for each condition; 1 leaves the conditional pass as it is and costs no pass of its own."""

    reference: float
    audio: float
    emotion: float
    text: float

    @classmethod
    def of(cls, config: Config) -> "Guidance":
        """Return the configured scales."""
        return cls(config.guide_reference, config.guide_audio, config.guide_emotion, config.guide_text)

    def active(self) -> dict[str, float]:
        """Return the scales that are not 1, by condition."""
        scales = {name: float(getattr(self, name)) for name in self.__slots__}
        return {name: scale for name, scale in scales.items() if scale != 1}


Said = Callable[[Tensor, Tensor, Conditions], Tensor]


def guided(
    denoiser: Said, noisy: Tensor, level: Tensor, conditions: Conditions, guidance: Guidance
) -> Tensor:
    """Return the conditional answer, moved away from each answer without one condition.

    all + sum over c of (scale_c - 1) * (all - without c): classifier-free guidance (Ho and Salimans 2022)
    with a scale for each condition; where only one is not 1 it is the usual one, and where all are 1 it is
    the conditional pass itself. Passes stand side by side in one batch.
    """
    active = guidance.active()
    if not active:
        return denoiser(noisy, level, conditions)
    passes = [conditions, *(conditions.without(name) for name in active)]
    times = len(passes)
    joined = Conditions(*(torch.cat(parts) for parts in zip(*passes, strict=True)))
    said = denoiser(noisy.repeat(times, 1, 1, 1, 1), level.repeat(times, 1), joined).chunk(times)
    moved = said[0].clone()
    for scale, without in zip(active.values(), said[1:], strict=True):
        moved += (scale - 1) * (said[0] - without)
    return moved


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one chunk of F frames is made from: `conditions` are of its M motion frames and its own."""

    first: int
    frames: int
    conditions: Conditions


class ChunkMaker:
    """Makes the latents of chunks in order, of one reference (4, s, s); `seed` is the request's."""

    def __init__(self, config: Config, denoiser: Denoiser, reference: Tensor, seed: int) -> None:
        self.config, self.denoiser, self.seed = config, denoiser, seed
        self.reference = reference[None]
        self.guidance = Guidance.of(config)

    def latents(self, chunk: Chunk, motion: Tensor) -> Tensor:
        """Return (F, 4, s, s) that follow the motion frames (M, 4, s, s)."""
        steps = sampler(self.config)
        latents = self._noise(chunk.first, chunk.frames).to(motion.device)
        motion = self.denoiser.inside(motion[None], self.reference)[0]
        for level in steps.timesteps:
            levels = torch.zeros(1, len(motion) + chunk.frames, device=motion.device)
            levels[:, len(motion) :] = level
            seen = torch.cat([motion, latents])[None]
            said = guided(self.denoiser, seen, levels, chunk.conditions, self.guidance)
            latents = steps.step(said[0, len(motion) :].float(), level, latents, return_dict=False)[0]
        return self.denoiser.outside(latents[None], self.reference)[0]

    def _noise(self, first: int, frames: int) -> Tensor:
        side, shared = self.config.latent_size, self.config.shared_noise
        shape = (self.config.latent_channels, side, side)
        common = np.random.default_rng([self.seed, 0]).standard_normal(shape, np.float32)
        places = range(first + 1, first + frames + 1)
        own = np.stack(
            [np.random.default_rng([self.seed, p]).standard_normal(shape, np.float32) for p in places]
        )
        noise = (shared**0.5 * common + (1 - shared) ** 0.5 * own).astype(np.float32)
        return torch.from_numpy(noise) * self.config.temperature


def starts(frames: int, length: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Yield first frame and length of each chunk of a clip: full ones, the last as long as what is left."""
    first = 0
    while True:
        yield first, min(length, frames - first)
        if first + length >= frames:
            return
        first += length - overlap


def joined(
    chunks: Iterator[Chunk], maker: ChunkMaker, reference: Tensor, motion: int, overlap: int
) -> Iterator[Tensor]:
    """Yield a clip's latents in parts (t, 4, s, s): chunk after chunk, what they share cross-faded.

    reference: (4, s, s), which stands in for what is before the clip.
    """
    before = reference[None].repeat(motion, 1, 1, 1)
    held = reference.new_zeros(0, *reference.shape)
    for chunk in chunks:
        latents = maker.latents(chunk, before)
        shared = len(held)
        share = torch.arange(1, shared + 1, device=latents.device) / (shared + 1)
        latents[:shared] = torch.lerp(held, latents[:shared], share[:, None, None, None])
        kept = len(latents) - overlap if chunk.frames > overlap else 0
        done = latents[:kept]
        yield done
        held = latents[kept:]
        before = torch.cat([before, done])[-motion:]
    yield held

"""Draws what the denoiser trains on: windows of latents with all that they are conditioned on.

As `methods.nets.sampling`, a step's global batch is a function of its generator alone, whoever asks, so that
resumed runs and several workers see the same. References are of another clip of the speaker, a neutral one if
there is any.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.contracts import Training
from harness.types import BadInput
from methods.nets.sampling import companions
from methods.synchrorama.conditions import DROPPED, Conditions
from methods.synchrorama.config import Config
from methods.synchrorama.emotion import Cues, EmotionFusion, hidden
from methods.synchrorama.guides import draw_guides
from methods.synchrorama.latents import LatentClip, LatentClips
from methods.synchrorama.mood import ClipMoods

_FIRST_CHUNK = 0.2  # share of windows whose motion frames are the reference, as a clip's first chunk has it


@dataclass(frozen=True, slots=True)
class Scene:
    """A batch of windows: M motion frames, then F frames to be denoised.

    latents: (B, F, 4, s, s), clean. motion: (B, M, 4, s, s), clean. conditions: of M + F frames.
    speech: (B, F, 1, 80, 16), the 200 ms from each frame on, for a sync expert.
    landmarks: (B, F, 68, 2). emotion: (B,) index in `config.emotions`. reference: (B, 4, s, s), that of the
    conditions before any was dropped.
    """

    latents: Tensor
    motion: Tensor
    conditions: Conditions
    speech: Tensor
    landmarks: Tensor
    emotion: Tensor
    reference: Tensor

    def first(self) -> "Scene":
        """Return the batch's first window alone."""
        parts: list[Any] = [p.rows(slice(1)) if isinstance(p, Conditions) else p[:1] for p in self._parts()]
        return Scene(*parts)

    def _parts(self) -> list[Any]:
        return [getattr(self, f.name) for f in fields(self)]

    def to(self, device: str) -> "Scene":
        """Return the same batch on `device`."""
        return Scene(*(part.to(device) for part in self._parts()))


@dataclass(frozen=True, slots=True)
class _Pick:
    clip: int
    other: int
    start: int
    at: int
    first: bool


class Scenes:
    """The training split's clips with sound, in one of the emotions, and at least M + F frames long.

    Raises BadInput when there are none.
    """

    def __init__(
        self, config: Config, training: Training, fusion: EmotionFusion, motion: int, frames: int
    ) -> None:
        self.config, self.training, self.fusion = config, training, fusion
        self.motion, self.frames = motion, frames
        data = training.data
        self.clips = LatentClips(training.artefacts["vae"])
        labels = zip(data.splits, data.emotions, strict=True)
        wanted = [i for i, (s, e) in enumerate(labels) if s == "train" and e in config.emotions]
        known = {i: self.clips[i] for i in wanted}
        self.lengths = {i: len(c.latents) for i, c in known.items() if len(c.mel)}
        self.kept = [i for i, length in self.lengths.items() if length >= motion + frames]
        if not self.kept:
            raise BadInput(
                f"data: of {len(data.clips)} clips none is for training, with sound, in "
                f"{', '.join(config.emotions)} and at least {motion + frames} frames long"
            )
        self.companions = companions(data, self.kept, None)
        self.moods = ClipMoods(config, training)

    def draw(self, rng: np.random.Generator, count: int) -> Scene:
        """Return this worker's share of `count` windows, conditions dropped as `config.drop` says."""
        training, picks = self.training, [self._pick(rng) for _ in range(count)]
        mine = slice(training.rank, None, training.world)
        numbers = torch.tensor([p.clip for p in picks])
        cues = hidden(self.moods.cues(numbers), rng)
        keep = {name: torch.from_numpy(rng.random(count) >= self.config.drop)[mine] for name in DROPPED}
        scene = self._scene(picks[mine], numbers[mine], cues.rows(torch.arange(count)[mine]), keep)
        return scene.to(training.device)

    def _pick(self, rng: np.random.Generator) -> _Pick:
        clip = self.kept[int(rng.integers(len(self.kept)))]
        other = self.companions[clip][int(rng.integers(len(self.companions[clip])))]
        start = int(rng.integers(self.lengths[clip] - self.motion - self.frames + 1))
        at = int(rng.integers(self.lengths[other]))
        return _Pick(clip, other, start, at, bool(rng.random() < _FIRST_CHUNK))

    def _scene(self, picks: list[_Pick], numbers: Tensor, cues: Cues, keep: dict[str, Tensor]) -> Scene:
        parts = [self._window(pick) for pick in picks]
        latents, landmarks, mel, speech, reference = (torch.stack(x) for x in zip(*parts, strict=True))
        with torch.no_grad():
            emotion, calm = (
                self.fusion(*cues)[0],
                self.fusion(*cues.only(torch.zeros(4, dtype=torch.bool)))[0],
            )
        side = self.config.image_size
        shown = draw_guides(landmarks, side)
        text, read = self.moods.text(numbers)
        conditions = Conditions(
            reference=reference,
            guides=shown if self.config.a2m else torch.zeros_like(shown),
            mel=mel,
            heard=torch.ones(len(picks), dtype=torch.bool),
            emotion=emotion,
            calm=calm,
            text=text,
            read=read,
        )
        motion, frames = latents[:, : self.motion], latents[:, self.motion :]
        own = torch.tensor(
            [self.config.emotions.index(str(self.training.data.emotions[p.clip])) for p in picks]
        )
        after = landmarks[:, self.motion :]
        told = conditions.kept(keep)
        return Scene(frames, motion, told, speech[:, self.motion :, None], after, own, reference)

    def _window(self, pick: _Pick) -> tuple[Tensor, ...]:
        clip, other = self.clips[pick.clip], self.clips[pick.other]
        first, last = pick.start, pick.start + self.motion + self.frames
        reference = other.latents[pick.at].float()
        latents, landmarks = clip.latents[first:last].float(), clip.landmarks[first:last].clone()
        if pick.first and self.motion:
            latents[: self.motion], landmarks[: self.motion] = reference, other.landmarks[pick.at]
        return latents, landmarks, *_sound(clip, first, last), reference


def _sound(clip: LatentClip, first: int, last: int) -> tuple[Tensor, Tensor]:
    """Return each frame's own mel window, which begins a frame before it, and the one that begins with it."""
    mel = clip.mel.float()
    return mel[first:last], mel[first + 1 : last + 1]

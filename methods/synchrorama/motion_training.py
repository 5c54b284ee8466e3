"""Training of audio-to-motion: L1 where sound decides, an energy score where it does not.

L1 and velocity L1 (METHODS.md section 2) alone give each frame its median: right for lips, dead for a head
whose sway no sound foretells. So head, eyes and brows learn by the energy score (Gneiting and Raftery, JASA
2007, section 4.3): the mean distance of the model's draws to the truth, less half the mean distance of two
draws to each other. Its best is the truth's own distribution, so spread and pace come out right of
themselves, and where sound does decide it is a plain distance. Against a conditional VAE it needs no second
network and nothing that may collapse; against a critic, no game.
"""

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from harness.contracts import Training
from methods.nets.experts import descend, shared_batch
from methods.nets.loop import Stateful, build, train
from methods.synchrorama import motion_scores, slow_noise
from methods.synchrorama.audio_to_motion import OFFSET_UNIT, AudioToMotion, Reference
from methods.synchrorama.config import Config
from methods.synchrorama.motion_data import MotionClips, Passages
from methods.synchrorama.pose import placed

WEIGHTS = {
    "lips": 2.0,
    "lips_velocity": 2.0,
    "contour": 0.5,
    "contour_velocity": 0.5,
    "eyes": 2.0,
    "eyes_velocity": 2.0,
    "head": 1.0,
    "head_velocity": 1.0,
}
# Landmarks: what sound decides, and the groups that move as one and partly by chance.
_DECIDED = {"lips": slice(48, 68), "contour": slice(0, 17)}
_OPEN = (slice(17, 22), slice(22, 27), slice(27, 36), slice(36, 48))
_PASSAGE = 8  # frames, of which a window is some: what eyes and brows do is brief
_VELOCITY = 4.0  # a frame's change is about as much less than a place's range
_SMALLEST = 1e-8  # under a distance's root, whose slope at 0 is infinite


def train_a2m(config: Config, training: Training, emotion: nn.Module) -> AudioToMotion:
    """Return audio-to-motion trained on the training split, and report how it does on the validation's.

    emotion: clips (B,), indices into `training.data.clips`, to their embeddings (B, config.cross), the way it
    is wanted in training; it lies on the training's device, and its parameters are trained along, in place.
    """
    batch = shared_batch(config.a2m_batch, "a2m_batch", training)
    clips = MotionClips(training.data, "train", config.a2m_length)
    made = build(training.seed, lambda: make_a2m(config))
    model = cast(AudioToMotion, made).to(training.device)
    losses = MotionLosses(model, emotion)
    wrapped = training.wrap(losses)
    optimiser = Adam(losses.parameters(), config.a2m_rate)
    schedule = CosineAnnealingLR(optimiser, config.a2m_steps)
    share = slice(training.rank, None, training.world)

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        passages = clips.draw(rng, batch, share).to(training.device)
        noise = [torch.from_numpy(slow_noise.drawn(rng, batch, config.a2m_length)[share]) for _ in range(2)]
        terms: dict[str, Tensor] = wrapped(passages, torch.cat(noise).to(training.device))
        total = torch.stack([WEIGHTS[name] * term for name, term in terms.items()]).sum()
        descend(optimiser, total)
        schedule.step()
        return {name: term.detach() for name, term in {**terms, "total": total}.items()}

    parts: dict[str, Stateful] = {"a2m": losses, "optimiser": optimiser, "schedule": schedule}
    train(training, parts, config.a2m_steps, step)
    held_out = MotionClips(training.data, "val", config.a2m_length)
    if held_out.kept:
        training.report(config.a2m_steps, motion_scores.of_clips(model, emotion, held_out, training.device))
    return model


def make_a2m(config: Config) -> AudioToMotion:
    """Return an untrained network as `config` says."""
    return AudioToMotion(config.cross, config.a2m_width, config.size, config.a2m_length)


class MotionLosses(nn.Module):
    """The unweighted terms of two draws a passage, by name; lengths are eye distances over OFFSET_UNIT."""

    def __init__(self, model: AudioToMotion, emotion: nn.Module) -> None:
        super().__init__()
        self.model, self.emotion = model, emotion

    def forward(self, passages: Passages, noise: Tensor) -> dict[str, Tensor]:
        """Return the terms; noise (2 * B, T, slow_noise.SIZE)."""
        embedded = self.emotion(passages.clip)
        reference = Reference(_twice(passages.pose0), _twice(passages.landmarks0))
        pose, points = self.model.at_rest(_twice(passages.mel), _twice(embedded), reference, noise)
        # Placed by the true head, so that no sway blurs what lips learn.
        shown = placed(points, self.model.depth, _twice(passages.pose))
        unit = OFFSET_UNIT * passages.pose[:, :, 5].exp()[..., None, None]
        drawn, true = _halves(shown) / unit, passages.landmarks / unit
        found: dict[str, Tensor] = {}
        for name, part in _DECIDED.items():
            ours, theirs = drawn[:, :, :, part], true[:, :, part]
            found[name] = (ours - theirs).abs().mean()
            found[f"{name}_velocity"] = _VELOCITY * (ours.diff(dim=2) - theirs.diff(dim=1)).abs().mean()
        brief = [
            (_passages(drawn[:, :, :, p].flatten(3)), _passages(true[:, :, p].flatten(2))) for p in _OPEN
        ]
        found["eyes"], found["eyes_velocity"] = _scores(brief)
        units = self.model.pose_units
        heads = _halves(pose) / units, passages.pose / units
        found["head"], found["head_velocity"] = _scores([heads])
        return found


def energy_score(drawn: Tensor, true: Tensor) -> Tensor:
    """Return the energy score of two draws (2, ..., T, n) of what was (..., T, n), T and n one vector."""
    size: float = (true.shape[-1] * true.shape[-2]) ** 0.5
    apart: Tensor = _norm(drawn[0] - drawn[1]).mean() / 2
    return (_norm(drawn - true).mean() - apart) / size


def _scores(pairs: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return the mean energy scores of places and of velocities of (drawn, true) pairs."""
    places = torch.stack([energy_score(ours, theirs) for ours, theirs in pairs]).mean()
    moving = [energy_score(ours.diff(dim=-2), theirs.diff(dim=-2)) for ours, theirs in pairs]
    return places, _VELOCITY * torch.stack(moving).mean()


def _norm(x: Tensor) -> Tensor:
    return (x.square().sum(dim=(-2, -1)) + _SMALLEST).sqrt()


def _passages(x: Tensor) -> Tensor:
    """Return (..., T, n) cut into (..., T / 8, 8, n)."""
    return x.view(*x.shape[:-2], -1, _PASSAGE, x.shape[-1])


def _halves(x: Tensor) -> Tensor:
    """Return (2, B, ...) of (2 * B, ...): what `_twice` put together."""
    return x.view(2, -1, *x.shape[1:])


def _twice(x: Tensor) -> Tensor:
    return torch.cat([x, x])

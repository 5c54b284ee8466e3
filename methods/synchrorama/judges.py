"""The losses on one-step decoded frames: sync, emotion, action units, meaning; and the landmark network.

METHODS.md section 2, after LatentSync: below a noise level the denoiser's words are taken to the end in one
step, decoded, and shown to frozen networks. Action units are read as distances between landmarks, relative to
the eyes' distance, from a small network that learns landmarks on decoded pictures. Meaning is CLIP's picture
embedding beside the true frame's, which needs CLIP's weights.
"""

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy, l1_loss

from harness.contracts import Training
from methods.nets.adversarial import Player
from methods.nets.blocks import frozen, initialise, strided_convs
from methods.nets.emotion_critic import EmotionCritic
from methods.nets.experts import shared_batch, stored
from methods.nets.loop import build, train
from methods.nets.sync_expert import FRAMES, SyncExpert, sync_loss
from methods.synchrorama.autoencoder import Autoencoder
from methods.synchrorama.clip_picture import ClipPicture
from methods.synchrorama.config import Config
from methods.synchrorama.latents import LatentClips
from methods.synchrorama.scenes import Scene

_BATCH, _RATE = 32, 2e-3  # of the landmark network, which is learned in a minute
# Pairs of iBUG-68 whose distance an action unit changes: inner brows to eyes (AU1, 4), outer brows (AU2),
# lids (AU5, 6, 43), mouth's width (AU12, 20), its corners to the nose (AU12, 15), lips' opening (AU25, 26),
# upper lip to the nose (AU9, 10), chin (AU17, 26).
_PAIRS = (
    *((21, 39), (22, 42), (17, 36), (26, 45), (37, 41), (38, 40), (43, 47), (44, 46)),
    *((48, 54), (48, 33), (54, 33), (62, 66), (61, 67), (63, 65), (51, 33), (57, 8), (51, 57)),
)
_OUTER = (36, 45)


class LandmarkNet(nn.Module):
    """Pictures (N, 3, S, S) in [0, 1] to landmarks (N, 68, 2), shares of the side; upright faces only."""

    def __init__(self, size: int) -> None:
        super().__init__()
        channels = (3, 16, 32, 64, 64)
        self.convs = strided_convs(channels)
        self.points = nn.Linear(64 * (size // 16) ** 2, 68 * 2)
        initialise(self.convs)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the landmarks."""
        found = cast(Tensor, self.points(self.convs(pictures - 0.5).flatten(1)))
        return (found * 0.1 + 0.5).view(-1, 68, 2)


def train_landmarks(config: Config, training: Training) -> LandmarkNet:
    """Teach the landmark network on decoded latents of the training split, by L1."""
    count = shared_batch(_BATCH, "the landmark stage's batch", training)
    autoencoder = stored(training, "vae", Autoencoder(config))
    frozen(autoencoder)
    clips = LatentClips(training.artefacts["vae"])
    kept = [i for i, split in enumerate(training.data.splits) if split == "train"]
    net = build(training.seed, lambda: LandmarkNet(config.image_size))
    player = Player(net, _RATE, (0.9, 0.999), config.landmark_steps, training)

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        drawn = [(clips[kept[int(rng.integers(len(kept)))]], rng.random()) for _ in range(count)]
        mine = [(clip, int(at * len(clip.latents))) for clip, at in drawn[training.rank :: training.world]]
        latents = torch.stack([clip.latents[at] for clip, at in mine]).float().to(training.device)
        wanted = torch.stack([clip.landmarks[at] for clip, at in mine]).to(training.device)
        with torch.no_grad():
            pictures = (autoencoder.decode(latents) + 1) / 2
        loss = l1_loss(player.wrapped(pictures), wanted)
        player.descend(loss)
        return {"landmarks": loss.detach()}

    train(training, player.parts("landmarks"), config.landmark_steps, step)
    return cast(LandmarkNet, net)


class Judges:
    """The frozen networks whose weight is not 0, and the decoder before them."""

    def __init__(self, config: Config, training: Training) -> None:
        self.config = config
        self.weights = {
            "sync": config.sync,
            "emotion": config.emotion,
            "au": config.au,
            "semantic": config.semantic,
        }
        wanted = {name for name, weight in self.weights.items() if weight > 0}
        self.autoencoder = _frozen(training, "vae", Autoencoder(config)) if wanted else None
        self.expert = _frozen(training, "sync_expert", make_expert(config)) if "sync" in wanted else None
        self.critic = (
            _frozen(training, "emotion_critic", make_critic(config)) if "emotion" in wanted else None
        )
        self.points = (
            _frozen(training, "landmarks", LandmarkNet(config.image_size)) if "au" in wanted else None
        )
        self.clip: nn.Module | None = None
        if "semantic" in wanted:
            self.clip = frozen(ClipPicture(training.weights)).to(training.device)

    def terms(self, latents: Tensor, scene: Scene, first: int) -> dict[str, Tensor]:
        """Return the unweighted terms of a scene's predicted latents (B, F, 4, s, s).

        FRAMES of them are decoded, from `first` on.
        """
        if self.autoencoder is None:
            return {}
        part = slice(first, first + FRAMES)
        decode = cast(Autoencoder, self.autoencoder).decode
        pictures = (decode(latents[:, part].flatten(0, 1)) + 1) / 2
        frames = pictures.view(len(latents), FRAMES, *pictures.shape[1:])
        found = {}
        if self.expert is not None:
            found["sync"] = sync_loss(cast(SyncExpert, self.expert), frames, scene.speech[:, first])
        if self.critic is not None:
            found["emotion"] = cross_entropy(self.critic(frames), scene.emotion)
        if self.points is not None:
            ours = unit_distances(self.points(frames.flatten(0, 1)))
            found["au"] = l1_loss(ours, unit_distances(scene.landmarks[:, part].flatten(0, 1)))
        if self.clip is not None:
            with torch.no_grad():
                true = (decode(scene.latents[:, part].flatten(0, 1)) + 1) / 2
                meant = self.clip(true)
            found["semantic"] = 1 - cosine_similarity(self.clip(frames.flatten(0, 1)), meant).mean()
        return found


def unit_distances(landmarks: Tensor) -> Tensor:
    """Return (N, pairs) distances that action units change, in distances of the eyes' outer corners."""
    one, other = (landmarks[:, [pair[side] for pair in _PAIRS]] for side in (0, 1))
    eyes = (landmarks[:, _OUTER[1]] - landmarks[:, _OUTER[0]]).norm(dim=1, keepdim=True)
    away: Tensor = (one - other).square().sum(2).add(1e-8).sqrt()
    relative: Tensor = away / eyes.clamp(min=1e-3)
    return relative


def make_expert(config: Config) -> SyncExpert:
    """Return an untrained sync expert of the configured size."""
    return SyncExpert(config.expert_width, config.image_size)


def make_critic(config: Config) -> EmotionCritic:
    """Return an untrained emotion critic of the configured size."""
    return EmotionCritic(config.critic_width, config.image_size, len(config.emotions))


def _frozen(training: Training, stage: str, module: nn.Module) -> nn.Module:
    return frozen(stored(training, stage, module))

"""synchrorama: latent diffusion with multi-modal emotion, audio-to-motion and scene descriptions (2025).

No implementation is public; METHODS.md section 2 says what is the paper's and what is ours. A still, sound
and any of label, words and scene to a talking face: sound and emotion move landmarks (`audio_to_motion`),
landmarks, drawn, guide a latent denoiser (`denoiser`), chunk follows chunk (`generation`).

    python -m harness.sweep sweeps/synchrorama.yaml
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from pydantic import BaseModel
from torch import nn

from harness.contracts import MethodCard, Training
from harness.types import BadInput, Clip, Frames, Request
from methods.nets.experts import EmotionTask, SyncTask, stored, train_emotion_critic, train_sync_expert
from methods.nets.loop import build
from methods.nets.saved import read_model, write_model
from methods.synchrorama import config as settings
from methods.synchrorama import pretrained
from methods.synchrorama import training as loops
from methods.synchrorama.autoencoder import Autoencoder, train_autoencoder
from methods.synchrorama.judges import make_critic, make_expert, train_landmarks
from methods.synchrorama.latents import encode_clips, round_trip
from methods.synchrorama.model import Model
from methods.synchrorama.mood import ClipEmotion, train_fusion
from methods.synchrorama.motion_training import train_a2m

_EXPERT = (8, 8, 2e-3)  # clips a step, windows of each, rate: as in cvae
_CRITIC = (32, 1e-3)


class Synchrorama:
    """The method as the harness sees it; made with its Config, ready to generate after `fit` or `load`."""

    card: ClassVar[MethodCard] = MethodCard(
        name="synchrorama",
        title="Latent diffusion, audio to motion, emotion of many kinds",
        paper="SynchroRaMa: latent diffusion with multi-modal emotion embedding and audio-to-motion (2025)",
        conditions=("audio", "emotion", "text", "scene", "reference"),
        trained_against=("sync", "emotion", "au"),
        note="no implementation or value is public: every one is ours; the head moves by audio-to-motion, "
        "not by the target's; a label overrides words and voice, and may be left out",
        whole="one mood is read from the whole recording, and motion is drawn for many frames at once",
    )
    Config: ClassVar[type[BaseModel]] = settings.Config
    stages: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "vae": (),
        "emotion": (),
        "sync_expert": (),
        "emotion_critic": (),
        "a2m": ("emotion",),
        "landmarks": ("vae",),
        "image": ("vae", "emotion"),
    }

    def __init__(self, config: settings.Config) -> None:
        self.config = config
        self._model: Model | None = None

    def stage_config(self, stage: str) -> Mapping[str, Any]:
        """Return what `stage` depends on: no weight of a loss on decoded frames, no guidance scale."""
        chosen: dict[str, Any] = self.config.model_dump(mode="json", include=set(settings.STAGE_KEYS[stage]))
        if stage == "image":
            chosen["process"] = "flow" if self.config.scheduler == "flow" else "diffusion"
        return chosen

    def run_stage(self, stage: str, training: Training, out: Path) -> None:
        """Train `stage`; write its weights and config into `out`, and what later stages read of the clips."""
        config = self.config
        trainers: dict[str, Callable[[], nn.Module]] = {
            "vae": lambda: _autoencoder(config, training),
            "emotion": lambda: train_fusion(config, training, out),
            "sync_expert": lambda: _train_expert(config, training),
            "emotion_critic": lambda: _train_critic(config, training),
            "a2m": lambda: train_a2m(config, training, ClipEmotion(config, training).to(training.device)),
            "landmarks": lambda: train_landmarks(config, training),
            "image": lambda: loops.train_image(config, training),
        }
        made = trainers[stage]()
        if stage == "vae":
            encode_clips(cast(Autoencoder, made), training, out)
            if (psnr := round_trip(cast(Autoencoder, made), training)) is not None:
                training.report(config.vae_steps, {"round_trip": psnr})
        write_model(out, made, {"stage": stage, **self.stage_config(stage)})

    def fit(self, training: Training) -> None:
        """Train attention over time, from the image stage; take the other parts as their stages left them."""
        denoiser = loops.fit(self.config, training)
        model = Model(self.config)
        model.denoiser.load_state_dict(denoiser.state_dict())
        for stage, part in (("vae", model.autoencoder), ("emotion", model.fusion), ("a2m", model.motion)):
            stored(training, stage, part)
        self._model = model.to(training.device).eval()

    def save(self, folder: Path) -> None:
        """Write model.safetensors and config.json."""
        if self._model is None:
            raise BadInput("synchrorama: nothing to save; fit or load first")
        write_model(folder, self._model, {"method": self.card.name, **self.config.model_dump(mode="json")})

    def load(self, folder: Path) -> None:
        """Read what `save` wrote. Raises BadInput when it is another method's, size's or emotion set's."""
        wanted = self.config.model_dump(mode="json", include=set(settings.GENERATOR_KEYS))
        weights = read_model(folder, self.card.name, wanted)
        model = Model(self.config)
        model.load_state_dict(weights)
        self._model = model.eval()

    def generate(self, requests: Sequence[Request]) -> list[Clip]:
        """Return one clip a request, its noise drawn from the request's seed, with the emotion's gates.

        The reference is turned upright, as every training picture was, and each frame moved to where
        audio-to-motion has the eyes. Raises BadInput for a picture of another size, or one without a face,
        and for an emotion that it was not taught; without any label, words and voice say the emotion.
        """
        return [self._ready().clip(request) for request in requests]

    @torch.inference_mode()
    def stream(self, request: Request) -> Iterator[Frames]:
        """Yield the frames of `generate` in chunks (t, S, S, 3), in memory that no clip's length changes."""
        yield from self._ready().stream(request)

    def _ready(self) -> Model:
        if self._model is None:
            raise BadInput("synchrorama: nothing to generate with; fit or load first")
        return self._model


def _autoencoder(config: settings.Config, training: Training) -> nn.Module:
    """Return SD-VAE as published where pretrained weights are wanted, or an autoencoder trained here."""
    if not config.pretrained:
        return train_autoencoder(config, training)
    autoencoder = Autoencoder(config)
    pretrained.load_vae(autoencoder, training.weights)
    return autoencoder.to(training.device).eval()


def _train_expert(config: settings.Config, training: Training) -> nn.Module:
    expert = build(training.seed, lambda: make_expert(config))
    clips, windows, rate = _EXPERT
    task = SyncTask(clips, windows, config.expert_steps, rate, config.augment, upright=True)
    return train_sync_expert(cast(Any, expert), task, config.emotions, config.image_size, training)


def _train_critic(config: settings.Config, training: Training) -> nn.Module:
    critic = build(training.seed, lambda: make_critic(config))
    batch, rate = _CRITIC
    task = EmotionTask(batch, config.critic_steps, rate, config.augment, upright=True)
    return train_emotion_critic(cast(Any, critic), task, config.emotions, config.image_size, training)


METHOD = Synchrorama

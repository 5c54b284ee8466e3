"""cvae: Phan et al., "Emotional-Controllable Talking Face Generation on Real-Time System".

A conditional deep variational autoencoder inpaints the masked face from a reference picture, speech and an
emotion, trained with eq. (6): reconstruction, KL, alpha lip sync, beta perceptual, gamma emotion. What the
paper leaves open follows METHODS.md section 1, nearest to sahilg06/EmoGen.
The paper's weights were not released.

    python -m harness.sweep sweeps/loss_weights.yaml
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import nn

from harness.contracts import MethodCard, Training
from harness.types import Audio, BadInput, Clip, Frames, Request
from methods.cvae import config as settings
from methods.cvae import training as stages
from methods.cvae.network import Generator
from methods.cvae.painter import Painter
from methods.nets.align import aligned
from methods.nets.arriving import AHEAD, arriving_mel, whole_mel
from methods.nets.asked import collected, sound_asked_for
from methods.nets.saved import read_model, write_model

_CHUNK = 25  # frames at once: memory does not grow with a clip's length; 50 take longer each on one core


class CVAE:
    """The method as the harness sees it; made with its Config, ready to generate after `fit` or `load`."""

    card: ClassVar[MethodCard] = MethodCard(
        name="cvae",
        title="Conditional deep VAE",
        paper='Phan et al., "Emotional-Controllable Talking Face Generation on Real-Time System"',
        conditions=("audio", "emotion", "reference", "context"),
        trained_against=("sync", "emotion", "perceptual"),
    )
    Config: ClassVar[type[BaseModel]] = settings.Config
    ahead: ClassVar[int] = AHEAD
    stages: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "warm_start": (),  # the longest first: the other two share the second core
        "sync_expert": (),
        "emotion_critic": (),
    }

    def __init__(self, config: settings.Config) -> None:
        self.config = config
        self._generator: Generator | None = None
        self._painter: Painter | None = None

    def stage_config(self, stage: str) -> Mapping[str, Any]:
        """Return what `stage` depends on: nothing that trials of a sweep over loss weights vary."""
        chosen: Mapping[str, Any] = self.config.model_dump(
            mode="json", include=set(settings.STAGE_KEYS[stage])
        )
        return chosen

    def run_stage(self, stage: str, training: Training, out: Path) -> None:
        """Train `stage` and write its weights and config into `out`."""
        trainers: dict[str, Callable[[settings.Config, Training], nn.Module]] = {
            "sync_expert": stages.train_sync_expert,
            "emotion_critic": stages.train_emotion_critic,
            "warm_start": stages.warm_start,
        }
        write_model(out, trainers[stage](self.config, training), {"stage": stage, **self.stage_config(stage)})

    def fit(self, training: Training) -> None:
        """Train the generator from the warm start with eq. (6)."""
        self._ready(stages.fit(self.config, training))

    def save(self, folder: Path) -> None:
        """Write model.safetensors and config.json."""
        if self._generator is None:
            raise BadInput("cvae: nothing to save; fit or load first")
        config = self.config.model_dump(mode="json")
        write_model(folder, self._generator, {"method": self.card.name, **config})

    def load(self, folder: Path) -> None:
        """Read what `save` wrote. Raises BadInput when it is another method's, size's or emotion set's."""
        wanted = self.config.model_dump(mode="json", include=set(settings.GENERATOR_KEYS))
        weights = read_model(folder, self.card.name, wanted)
        generator = Generator(self.config)
        generator.load_state_dict(weights)
        self._ready(generator)

    def generate(self, requests: Sequence[Request]) -> list[Clip]:
        """Return one clip a request: the latent's mean, the first reference moved to each frame's eyes.

        The network's face is pasted where the request's mask is True; other pixels are the context's own.
        Raises BadInput for a picture of another size than the model's, or an emotion that it was not taught.
        """
        return [collected(self.stream(request), request) for request in requests]

    def stream(self, request: Request) -> Iterator[Frames]:
        """Yield the frames of `generate` in chunks (t, S, S, 3), in memory that no clip's length changes."""
        audio, canvas = self._asked(request)
        start = 0
        for mel in whole_mel(audio, request.frames, _CHUNK):
            yield canvas.painted(mel, slice(start, start + len(mel)))
            start += len(mel)

    def live(self, request: Request, sound: Iterator[Audio]) -> Iterator[Frames]:
        """Yield the very frames of `generate`, (1, S, S, 3) each, as their sound comes."""
        _, canvas = self._asked(request)
        for mel in arriving_mel(sound):
            yield canvas.painted(mel[None], slice(0, 1))

    def _ready(self, generator: Generator) -> None:
        self._generator = generator.eval()
        self._painter = Painter(generator)
        self._painter.warm(self.config.image_size, len(self.config.emotions))

    def _asked(self, request: Request) -> tuple[Audio, "_Canvas"]:
        """Return the request's sound and what it is painted on, or raise BadInput for what cannot be."""
        if self._painter is None:
            raise BadInput("cvae: nothing to generate with; fit or load first")
        audio, emotions = self._checked(request), self.config.emotions
        label = torch.zeros(1, len(emotions), device=self._painter.device)
        label[0, emotions.index(str(request.emotion))] = 1
        return audio, _Canvas(self._painter, self._painter.emotion(label), request)

    def _checked(self, request: Request) -> Audio:
        """Return the request's sound, or raise BadInput for what this model cannot answer."""
        config = self.config
        audio = sound_asked_for(request, self.card.name, config.image_size, config.emotions)
        if min(len(request.context), len(request.mask)) < request.frames:
            raise BadInput(f"{request.id}: context and mask must have all {request.frames} frames asked for")
        return audio


METHOD = CVAE


@dataclass(frozen=True, slots=True)
class _Canvas:
    """One clip: what it is painted with, the code (1, C) of its emotion, and its pictures."""

    painter: Painter
    emotion: torch.Tensor
    request: Request

    @torch.inference_mode()
    def painted(self, mel: NDArray[np.float32], part: slice) -> Frames:
        """Return the frames (t, S, S, 3) of mel windows (t, 80, 16) over the request's frames `part`."""
        asked, device = self.request, self.painter.device
        frames = asked.context[part].copy()
        moved = aligned(asked.reference[0], asked.reference_eyes[0], asked.eyes[part])
        pictures = torch.from_numpy(np.concatenate([frames, moved], axis=3)).permute(0, 3, 1, 2)
        heard = torch.from_numpy(mel)[:, None].to(device)
        made = self.painter(pictures.to(device).float().div_(255), heard, self.emotion)
        pixels = made.mul_(255).round_().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        np.copyto(frames, pixels, where=asked.mask[part][..., None])
        return frames

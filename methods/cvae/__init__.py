"""cvae: Phan et al., "Emotional-Controllable Talking Face Generation on Real-Time System".

A conditional deep variational autoencoder inpaints the masked face from a reference picture, speech and an
emotion, trained with eq. (6): reconstruction, KL, alpha lip sync, beta perceptual, gamma emotion. What the
paper leaves open follows METHODS.md section 1, nearest to sahilg06/EmoGen.
The paper's weights were not released.

    python -m harness.sweep sweeps/loss_weights.yaml
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from methods.nets.align import aligned
from methods.nets.asked import collected, sound_asked_for
from methods.nets.sampling import streamed_mel
from methods.nets.saved import read_model, write_model

_CHUNK = 50  # frames at once: memory does not grow with a clip's length


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
    stages: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "warm_start": (),  # the longest first: the other two share the second core
        "sync_expert": (),
        "emotion_critic": (),
    }

    def __init__(self, config: settings.Config) -> None:
        self.config = config
        self._generator: Generator | None = None

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
        self._generator = stages.fit(self.config, training).eval()

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
        self._generator = generator.eval()

    def generate(self, requests: Sequence[Request]) -> list[Clip]:
        """Return one clip a request: the latent's mean, the first reference moved to each frame's eyes.

        The network's face is pasted where the request's mask is True; other pixels are the context's own.
        Raises BadInput for a picture of another size than the model's, or an emotion that it was not taught.
        """
        return [collected(self.stream(request), request) for request in requests]

    @torch.inference_mode()
    def stream(self, request: Request) -> Iterator[Frames]:
        """Yield the frames of `generate` in chunks (t, S, S, 3), in memory that no clip's length changes."""
        if self._generator is None:
            raise BadInput("cvae: nothing to generate with; fit or load first")
        generator, audio = self._generator, self._checked(request)
        device = next(generator.parameters()).device
        label = torch.zeros(1, len(self.config.emotions), device=device)
        label[0, self.config.emotions.index(str(request.emotion))] = 1
        first = request.reference[0], request.reference_eyes[0]
        start = 0
        for mel in streamed_mel(audio, request.frames, _CHUNK):
            part = slice(start, start + len(mel))
            frames = request.context[part].copy()
            pictures = torch.cat([_pictures(frames), _pictures(aligned(*first, request.eyes[part]))], 1)
            heard = torch.from_numpy(mel)[:, None].to(device)
            painted = generator(pictures.to(device), heard, label.expand(len(mel), -1), None).frames
            _paste(frames, painted, request.mask[part])
            yield frames
            start += len(mel)

    def _checked(self, request: Request) -> Audio:
        """Return the request's sound, or raise BadInput for what this model cannot answer."""
        config = self.config
        audio = sound_asked_for(request, self.card.name, config.image_size, config.emotions)
        if min(len(request.context), len(request.mask)) < request.frames:
            raise BadInput(f"{request.id}: context and mask must have all {request.frames} frames asked for")
        return audio


METHOD = CVAE


def _pictures(frames: Frames) -> torch.Tensor:
    """(T, H, W, 3) uint8 to (T, 3, H, W) float in [0, 1]."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255


def _paste(frames: Frames, painted: torch.Tensor, mask: NDArray[np.bool_]) -> None:
    """Put painted (T, 3, H, W) pixels into (T, H, W, 3) `frames` where `mask` is True, in place."""
    pixels = (painted.float() * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    np.copyto(frames, pixels, where=mask[..., None])

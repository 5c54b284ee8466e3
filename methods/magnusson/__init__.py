"""magnusson: Magnusson et al., "Invertable Frowns: Video-to-Video Facial Emotion Translation" (2021).

Wav2Lip, fine-tuned to make a source clip speak given sound in another emotion: one model a pair of source
and target emotion, so the model has no emotion input, and the label that is asked for picks the weights. A
still is a source clip of one frame. What the paper leaves open follows METHODS.md section 5 and
IanMagnusson/Wav2Lip-Emotion, whose weights were not released.

    python -m harness.sweep sweeps/baselines.yaml
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel
from torch import nn

from harness.contracts import MethodCard, Training
from harness.protocol import played
from harness.types import Audio, BadInput, Clip, Frames, Request
from methods.magnusson import config as settings
from methods.magnusson import training as stages
from methods.nets.asked import collected, sound_asked_for
from methods.nets.masks import half_mask, hull_mask
from methods.nets.sampling import streamed_mel
from methods.nets.saved import read_model, write_model
from methods.nets.wav2lip import Wav2Lip

_CHUNK = 50  # frames at once: memory does not grow with a clip's length


class Magnusson:
    """The method as the harness sees it; made with its Config, ready to generate after `fit` or `load`."""

    card: ClassVar[MethodCard] = MethodCard(
        name="magnusson",
        title="Wav2Lip-Emotion",
        paper='Magnusson et al., "Invertable Frowns: Video-to-Video Facial Emotion Translation", ADGD 2021',
        conditions=("audio", "emotion", "reference"),
        trained_against=("sync", "emotion"),
        video_to_video=True,
        note="one model a pair of source and target emotion, which has no emotion input: the label picks the "
        "weights; edits the whole source clip where data.reference is source, a still otherwise",
    )
    Config: ClassVar[type[BaseModel]] = settings.Config
    stages: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "sync_expert": (),
        "emotion_judge": (),
        "pretrain": ("sync_expert",),
    }

    def __init__(self, config: settings.Config) -> None:
        self.config = config
        self._generators: dict[str, Wav2Lip] | None = None

    def stage_config(self, stage: str) -> Mapping[str, Any]:
        """Return what `stage` depends on."""
        chosen: Mapping[str, Any] = self.config.model_dump(
            mode="json", include=set(settings.STAGE_KEYS[stage])
        )
        return chosen

    def run_stage(self, stage: str, training: Training, out: Path) -> None:
        """Train `stage` and write its weights and config into `out`."""
        trainers: dict[str, Callable[[settings.Config, Training], nn.Module]] = {
            "sync_expert": stages.train_sync_expert,
            "emotion_judge": stages.train_emotion_judge,
            "pretrain": stages.pretrain,
        }
        write_model(out, trainers[stage](self.config, training), {"stage": stage, **self.stage_config(stage)})

    def fit(self, training: Training) -> None:
        """Train one generator a pair."""
        models = stages.fit(self.config, training)
        self._generators = {pair: model.generator.eval() for pair, model in models.items()}

    def save(self, folder: Path) -> None:
        """Write the generators of all pairs, and the config."""
        if self._generators is None:
            raise BadInput("magnusson: nothing to save; fit or load first")
        whole = nn.ModuleDict(self._generators)
        write_model(folder, whole, {"method": self.card.name, **self.config.model_dump(mode="json")})

    def load(self, folder: Path) -> None:
        """Read what `save` wrote. Raises BadInput when it is another method's, size's or set of pairs'."""
        wanted = self.config.model_dump(mode="json", include=set(settings.GENERATOR_KEYS))
        weights = read_model(folder, self.card.name, wanted)
        made = {p: stages.make_generator(self.config) for p in self.config.pairs}
        nn.ModuleDict(made).load_state_dict(weights)
        self._generators = {pair: generator.eval() for pair, generator in made.items()}

    def generate(self, requests: Sequence[Request]) -> list[Clip]:
        """Return one clip a request: the source clip, speaking the sound in the emotion asked for.

        The head stays where the source clip has it, so a frame fits back into the source's footage
        (`harness.paste`). Raises BadInput for pictures of another size than the model's and for a pair of
        emotions that it was not trained for.
        """
        return [self._clip(request) for request in requests]

    def stream(self, request: Request) -> Iterator[Frames]:
        """Yield the frames of `generate` in chunks (t, S, S, 3), in memory that no clip's length changes."""
        audio = self._sound(request)
        generator = self._generator(request)
        start = 0
        for mel in streamed_mel(audio, request.frames, _CHUNK):
            yield _painted(generator, self._pictures(request, start, len(mel)), mel)
            start += len(mel)

    def _clip(self, request: Request) -> Clip:
        return collected(self.stream(request), request)

    def _pictures(self, request: Request, start: int, count: int) -> torch.Tensor:
        """Return (count, 6, S, S): the source frames of these times, masked and whole."""
        at = played(len(request.reference), start, count)
        source = request.reference[at]
        if self.config.mask == "half":
            mask = half_mask(count, self.config.image_size)
        else:
            mask = hull_mask(request.reference_landmarks[at], self.config.image_size)
        both = np.concatenate([np.where(mask[..., None], 0, source), source], axis=3)
        return torch.from_numpy(both.astype(np.uint8)).permute(0, 3, 1, 2).float() / 255

    def _generator(self, request: Request) -> Wav2Lip:
        if self._generators is None:
            raise BadInput("magnusson: nothing to generate with; fit or load first")
        pair = f"{request.reference_emotion}->{request.emotion}"
        if pair not in self._generators:
            trained = ", ".join(self._generators)
            raise BadInput(f"{request.id}: {pair} is no pair of emotions that this magnusson has: {trained}")
        return self._generators[pair]

    def _sound(self, request: Request) -> Audio:
        return sound_asked_for(request, self.card.name, self.config.image_size, ())


METHOD = Magnusson


@torch.inference_mode()
def _painted(generator: Wav2Lip, pictures: torch.Tensor, mel: np.ndarray[Any, Any]) -> Frames:
    device = next(generator.parameters()).device
    frames = generator(pictures.to(device), torch.from_numpy(mel)[:, None].to(device))
    pixels = (frames.float() * 255).round().to(torch.uint8)
    return np.asarray(pixels.permute(0, 2, 3, 1).cpu().numpy())

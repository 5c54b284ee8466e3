"""eskimez: Eskimez et al. 2021, "Speech Driven Talking Face Generation from a Single Image and an Emotion
Condition" (2008.03592).

One still, a raw wave and an emotion to a talking face, after the authors' code (eeskimez/emotalkingface).
Their weights cannot be loaded.

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
from harness.types import BadInput, Clip, Frames, Request
from methods.eskimez import config as settings
from methods.eskimez import training as loops
from methods.eskimez.network import HEARING, Generator, Memory
from methods.nets.align import replaced, upright
from methods.nets.asked import collected, sound_asked_for
from methods.nets.saved import read_model, write_model
from methods.nets.signed import as_bytes, as_signed

_CHUNK = 50  # frames at once: memory does not grow with a clip's length


class Eskimez:
    """The method as the harness sees it; made with its Config, ready to generate after `fit` or `load`."""

    card: ClassVar[MethodCard] = MethodCard(
        name="eskimez",
        title="GAN with an emotion condition",
        paper=(
            'Eskimez et al., "Speech Driven Talking Face Generation from a Single Image and an Emotion '
            'Condition" (IEEE Transactions on Multimedia 2021)'
        ),
        conditions=("audio", "emotion", "reference"),
        trained_against=("emotion", "perceptual"),
        note="loads nobody's weights; the still is another clip's, not the window's own first frame; heads "
        "are aligned in every frame",
        whole="it levels the wave by the mean and the peak of the whole recording",
    )
    Config: ClassVar[type[BaseModel]] = settings.Config
    stages: ClassVar[Mapping[str, tuple[str, ...]]] = {"generator_alone": (), "emotion_critic": ()}

    def __init__(self, config: settings.Config) -> None:
        self.config = config
        self._generator: Generator | None = None

    def stage_config(self, stage: str) -> Mapping[str, Any]:
        """Return what `stage` depends on: no weight of a discriminator."""
        keys = set(settings.STAGE_KEYS[stage])
        chosen: Mapping[str, Any] = self.config.model_dump(mode="json", include=keys)
        return chosen

    def run_stage(self, stage: str, training: Training, out: Path) -> None:
        """Train `stage` and write its weights and config into `out`."""
        trainers: dict[str, Callable[[settings.Config, Training], nn.Module]] = {
            "emotion_critic": loops.train_emotion_critic,
            "generator_alone": loops.train_alone,
        }
        write_model(out, trainers[stage](self.config, training), {"stage": stage, **self.stage_config(stage)})

    def fit(self, training: Training) -> None:
        """Train generator and discriminators together."""
        self._generator = loops.fit(self.config, training).eval()

    def save(self, folder: Path) -> None:
        """Write model.safetensors and config.json."""
        if self._generator is None:
            raise BadInput("eskimez: nothing to save; fit or load first")
        write_model(
            folder, self._generator, {"method": self.card.name, **self.config.model_dump(mode="json")}
        )

    def load(self, folder: Path) -> None:
        """Read what `save` wrote. Raises BadInput when it is another method's, size's or emotion set's."""
        wanted = self.config.model_dump(mode="json", include=set(settings.GENERATOR_KEYS))
        weights = read_model(folder, self.card.name, wanted)
        generator = Generator(self.config)
        generator.load_state_dict(weights)
        self._generator = generator.eval()

    def generate(self, requests: Sequence[Request]) -> list[Clip]:
        """Return one clip a request, its noise drawn from the request's seed.

        The still is turned upright, as every training picture was, and each frame moved to where the target's
        eyes are. Raises BadInput for a picture of another size, or an emotion that it was not taught.
        """
        return [collected(self.stream(request), request) for request in requests]

    @torch.inference_mode()
    def stream(self, request: Request) -> Iterator[Frames]:
        """Yield the frames of `generate` in chunks (t, S, S, 3), in memory that no clip's length changes."""
        if self._generator is None:
            raise BadInput("eskimez: nothing to generate with; fit or load first")
        generator, config = self._generator, self.config
        audio = sound_asked_for(request, self.card.name, config.image_size, config.emotions)
        device = next(generator.parameters()).device
        still = upright(request.reference[:1], request.reference_eyes[:1])
        identity = generator.image(as_signed(still).to(device))
        label = torch.zeros(1, len(config.emotions), device=device)
        label[0, config.emotions.index(str(request.emotion))] = 1
        wave, rng = HEARING.prepared(audio), np.random.default_rng(request.seed)
        memory: Memory | None = None
        for start in range(0, request.frames, _CHUNK):
            count = min(_CHUNK, request.frames - start)
            part = torch.from_numpy(HEARING.part(wave, start, count))[None].to(device)
            noise = torch.from_numpy(rng.standard_normal((1, count, 2 * config.width), np.float32))
            made, memory = generator.speak(identity, part, noise.to(device), label, memory)
            yield replaced(as_bytes(made[0]), request.eyes[start : start + count])


METHOD = Eskimez

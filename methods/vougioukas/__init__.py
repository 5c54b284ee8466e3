"""vougioukas: Vougioukas et al. 2019, "Realistic Speech-Driven Facial Animation with GANs" (1906.06337).

One still and a raw wave to a talking face, against a frame, a sequence and a sync discriminator. There is no
emotion input: what a face shows of one comes from the voice, and the harness's label is not looked at.
The authors released a generator without its training; the discriminators are after the paper's description.
Their weights cannot be loaded.

    python -m harness.sweep sweeps/baselines.yaml
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel

from harness.contracts import MethodCard, Training
from harness.types import BadInput, Clip, Frames, Request
from methods.nets.align import replaced, upright
from methods.nets.asked import collected, sound_asked_for
from methods.nets.saved import read_model, write_model
from methods.nets.signed import as_bytes, as_signed
from methods.vougioukas import config as settings
from methods.vougioukas import training as loops
from methods.vougioukas.network import HEARING, Generator, Memory

_CHUNK = 50  # frames at once: memory does not grow with a clip's length


class Vougioukas:
    """The method as the harness sees it; made with its Config, ready to generate after `fit` or `load`."""

    card: ClassVar[MethodCard] = MethodCard(
        name="vougioukas",
        title="Temporal GAN with three discriminators",
        paper='Vougioukas et al., "Realistic Speech-Driven Facial Animation with GANs" (IJCV 2020)',
        conditions=("audio", "reference"),
        trained_against=("sync",),
        note="no emotion control: its paper has no emotion input, what a face shows comes from the voice; "
        "loads nobody else's weights; recalled of the paper, found in no source that could be read: the "
        "discriminators, loss weights, 96x128, learning rates",
    )
    Config: ClassVar[type[BaseModel]] = settings.Config
    stages: ClassVar[Mapping[str, tuple[str, ...]]] = {loops.STAGE: ()}

    def __init__(self, config: settings.Config) -> None:
        self.config = config
        self._generator: Generator | None = None

    def stage_config(self, stage: str) -> Mapping[str, Any]:
        """Return what the generator's training alone depends on: no weight of a discriminator."""
        chosen: Mapping[str, Any] = self.config.model_dump(mode="json", include=set(settings.ALONE_KEYS))
        return chosen

    def run_stage(self, stage: str, training: Training, out: Path) -> None:
        """Train the generator alone and write its weights and config into `out`."""
        write_model(
            out, loops.train_alone(self.config, training), {"stage": stage, **self.stage_config(stage)}
        )

    def fit(self, training: Training) -> None:
        """Train the generator against its discriminators."""
        self._generator = loops.fit(self.config, training).eval()

    def save(self, folder: Path) -> None:
        """Write model.safetensors and config.json."""
        if self._generator is None:
            raise BadInput("vougioukas: nothing to save; fit or load first")
        write_model(
            folder, self._generator, {"method": self.card.name, **self.config.model_dump(mode="json")}
        )

    def load(self, folder: Path) -> None:
        """Read what `save` wrote. Raises BadInput when it is another method's or another size's."""
        wanted = self.config.model_dump(mode="json", include=set(settings.GENERATOR_KEYS))
        weights = read_model(folder, self.card.name, wanted)
        generator = Generator(self.config)
        generator.load_state_dict(weights)
        self._generator = generator.eval()

    def generate(self, requests: Sequence[Request]) -> list[Clip]:
        """Return one clip a request, its noise drawn from the request's seed.

        The still is turned upright, as every training picture was, and each frame moved to where the target's
        eyes are. What the network does not make of a square crop is the still's own.
        Raises BadInput for a picture of another size than the model's.
        """
        return [collected(self.stream(request), request) for request in requests]

    @torch.inference_mode()
    def stream(self, request: Request) -> Iterator[Frames]:
        """Yield the frames of `generate` in chunks (t, S, S, 3), in memory that no clip's length changes."""
        if self._generator is None:
            raise BadInput("vougioukas: nothing to generate with; fit or load first")
        generator, config = self._generator, self.config
        audio = sound_asked_for(request, self.card.name, config.image_size, ())
        device = next(generator.parameters()).device
        still = upright(request.reference[:1], request.reference_eyes[:1])
        kept = loops.columns(config)
        identity = generator.identity(as_signed(still[:, :, kept]).to(device))
        wave, rng = HEARING.prepared(audio), np.random.default_rng(request.seed)
        memory: Memory | None = None
        for start in range(0, request.frames, _CHUNK):
            count = min(_CHUNK, request.frames - start)
            part = torch.from_numpy(HEARING.part(wave, start, count))[None].to(device)
            drawn = config.noise_sigma * rng.standard_normal((1, count, config.noise_code), np.float32)
            noise = torch.from_numpy(drawn).to(device)
            made, memory = generator.speak(identity, part, noise, memory)
            whole = np.repeat(still, count, axis=0)
            whole[:, :, kept] = as_bytes(made[0])
            yield replaced(whole, request.eyes[start : start + count])


METHOD = Vougioukas

"""Configuration of `eskimez`: what paper and released code give, and a reason for every other value.

EK is eeskimez/emotalkingface, the authors' code (models.py, trainer.py, datagen.py, model/args.txt).
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from methods.nets.labels import CREMA_D, Emotions
from methods.nets.perceptual import Trunk

# `size: paper`: EK's widths, rates and batch. It counts epochs, up to 1000 of 2,000 steps, and publishes no
# stopping point; 100,000 steps a stage are 50 of them.
PAPER: dict[str, Any] = {
    "image_size": 128,
    "width": 64,
    "speech_width": 64,
    "critic_width": 64,
    "elsewhere": 0.01,
    "perceptual_weight": 1.0,
    "frame": 0.01,
    "emotion": 0.001,
    "auxiliary": 0.001,
    "perceptual": "reference",
    "perceptual_frames": 32,
    "perceptual_crop": 1.0,
    "momentum": 0.5,
    "batch": 3,
    "length": 32,
    "emotion_batch": 3,
    "emotion_steps": 100_000,
    "emotion_rate": 1e-4,
    "alone_steps": 100_000,
    "alone_batch": 3,
    "alone_length": 32,
    "alone_rate": 1e-4,
    "steps": 100_000,
    "generator_rate": 1e-5,
    "critic_rate": 1e-4,
}


class Config(BaseModel):
    """Keys of `eskimez` in YAML; `size: paper` replaces every default that is not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Literal["tiny", "paper"] = "tiny"
    image_size: Literal[64, 96, 128] = 64
    emotions: Emotions = CREMA_D

    # Generator: channels, and codes of 8 * width; EK 64.
    width: int = Field(16, ge=2, multiple_of=2)
    speech_width: int = Field(16, ge=2)  # of the wave's convolutions; cheap, and hearing is the hard part

    # The discriminators' first convolution, EK 64.
    critic_width: int = Field(8, ge=2)

    # The objective's weights. EK's mask is 0.01 far from the mouth: VGG's five deep layers, at weight 1, hold
    # the rest of the face. Tiny's trunk has two shallow ones, whose differences are a hundredth as large, and
    # it looks at a patch: so more weight there, and a mask that looks elsewhere too. Its L1 is then ten times
    # EK's, and its steps are few: EK's 0.01, 0.001 and 0.001 would go unheard.
    mouth: float = Field(100.0, ge=0)
    elsewhere: float = Field(0.3, ge=0, le=1)
    perceptual_weight: float = Field(50.0, ge=0)
    frame: float = Field(0.05, ge=0)
    emotion: float = Field(0.1, ge=0)
    auxiliary: float = Field(0.05, ge=0)
    penalty: float = Field(10.0, ge=0)  # of the frame discriminator's gradient

    # Perceptual loss: EK on every frame. On one core that costs more than all the rest, so tiny looks at one
    # frame a window, at a random square of a quarter of the side.
    perceptual: Trunk = "embedded"
    perceptual_frames: int = Field(1, ge=1)
    perceptual_crop: float = Field(0.25, gt=0, le=1)

    augment: float = Field(0.8, ge=0, le=1)  # EK's group probability, with the changes of `nets.augment`
    momentum: float = Field(0.9, ge=0, lt=1)  # Adam's beta1; as in cvae, 0.5 is unsteady at tiny's rates
    length: int = Field(12, ge=2)  # frames a window

    # Stage 1: the emotion discriminator, on real windows.
    emotion_batch: int = Field(32, ge=1)
    emotion_steps: int = Field(200, ge=1)
    emotion_rate: float = Field(1e-3, gt=0)

    # Stage 2: the generator alone. Many stills and short windows, as a step of few speakers teaches little of
    # faces.
    alone_steps: int = Field(1000, ge=1)
    alone_batch: int = Field(8, ge=1)
    alone_length: int = Field(5, ge=1)
    alone_rate: float = Field(1.5e-3, gt=0)

    # Stage 3: all together.
    batch: int = Field(3, ge=1)
    steps: int = Field(150, ge=1)
    generator_rate: float = Field(3e-4, gt=0)
    critic_rate: float = Field(5e-4, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _fill_paper(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("size") == "paper":
            return {**PAPER, **given}
        return given

    @model_validator(mode="after")
    def _frames_enough(self) -> "Config":
        shortest = min(self.length, self.alone_length)
        if self.perceptual_frames > shortest:
            raise ValueError(
                f"perceptual_frames: {self.perceptual_frames} is more than a window's {shortest} frames"
            )
        return self


# What the generator is made of, and what each stage depends on: never a weight of stage 3 alone.
_DATA = ("image_size", "emotions")
GENERATOR_KEYS = (*_DATA, "width", "speech_width")
STAGE_KEYS: dict[str, tuple[str, ...]] = {
    "emotion_critic": (
        *(*_DATA, "critic_width", "augment"),
        *("emotion_batch", "emotion_steps", "emotion_rate"),
    ),
    "generator_alone": (
        *(*GENERATOR_KEYS, "augment", "momentum"),
        *("mouth", "elsewhere", "auxiliary"),
        *("perceptual_weight", "perceptual", "perceptual_frames", "perceptual_crop"),
        *("alone_steps", "alone_batch", "alone_length", "alone_rate"),
    ),
}

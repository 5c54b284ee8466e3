"""Configuration of `vougioukas`: what paper and released code give, and a reason for every other value.

SDA is DinoMan/speech-driven-animation, the authors' generator without its training. Values of the paper
that we recall but found in no source that we could read are marked PR.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

# `size: paper`: SDA's widths and codes; training values are PR, steps and batch are given nowhere: 40 epochs
# of CREMA-D's 70 % at batch 16. The learning rates are those of a public re-implementation too.
PAPER: dict[str, Any] = {
    "image_size": 128,
    "portrait": True,
    "width": 64,
    "audio_width": 16,
    "speech_code": 256,
    "identity_code": 128,
    "noise_code": 10,
    "critic_width": 64,
    "sync_code": 256,
    "upper_half": 0.0,
    "momentum": 0.5,
    "batch": 16,
    "length": 25,
    "alone_steps": 0,
    "alone_batch": 16,
    "alone_length": 25,
    "alone_rate": 1e-4,
    "steps": 13_000,
    "generator_rate": 1e-4,
    "frame_rate": 1e-4,
    "slow_rate": 1e-5,
}


class Config(BaseModel):
    """Keys of `vougioukas` in YAML; `size: paper` replaces every default that is not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Literal["tiny", "paper"] = "tiny"
    image_size: Literal[64, 128] = 64  # the side of the harness's square crops
    portrait: bool = False  # only the middle three quarters of the width are made: the paper's 96x128

    # Generator, in SDA's layout.
    width: int = Field(24, ge=2)  # first identity convolution; SDA 64
    audio_width: int = Field(16, ge=2)  # first audio convolution, as in SDA: hearing is the hard part
    speech_code: int = Field(128, ge=1)
    identity_code: int = Field(32, ge=1)
    noise_code: int = Field(10, ge=1)
    noise_sigma: float = Field(0.33, ge=0)  # SDA's at inference; we train at what we generate with

    # Discriminators: unpublished, so half of the generator's width, which learns no faster than they do.
    critic_width: int = Field(8, ge=2)
    sync_code: int = Field(64, ge=1)

    # The objective's weights, PR.
    frame: float = Field(1.0, ge=0)
    sync: float = Field(0.8, ge=0)
    sequence: float = Field(0.2, ge=0)
    reconstruction: float = Field(600.0, ge=0)  # L1, of the lower half
    # L1 of the upper half, where the paper has none: in tiny's few steps no discriminator teaches eyes.
    upper_half: float = Field(200.0, ge=0)

    augment: float = Field(0.8, ge=0, le=1)  # cvae's: colours; the paper's own is mirroring (PR), not built
    momentum: float = Field(0.9, ge=0, lt=1)  # Adam's beta1; as in cvae, 0.5 is unsteady at tiny's rates

    # The generator alone, on L1: the paper trains end to end, so 0 there. Many stills and short windows, as a
    # step of few speakers teaches little of faces.
    alone_steps: int = Field(1200, ge=0)
    alone_batch: int = Field(16, ge=1)
    alone_length: int = Field(2, ge=1)
    alone_rate: float = Field(1e-3, gt=0)

    # All together.
    batch: int = Field(3, ge=1)  # windows
    length: int = Field(12, ge=10)  # frames a window; sync needs misaligned sound for every five of them
    steps: int = Field(150, ge=1)
    generator_rate: float = Field(5e-4, gt=0)
    frame_rate: float = Field(5e-4, gt=0)
    slow_rate: float = Field(5e-5, gt=0)  # sequence and sync discriminators, a tenth as in the paper

    @model_validator(mode="before")
    @classmethod
    def _fill_paper(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("size") == "paper":
            return {**PAPER, **given}
        return given

    @property
    def breadth(self) -> int:
        """The width in pixels of what the network makes; its height is `image_size`."""
        return self.image_size * 3 // 4 if self.portrait else self.image_size


# What the generator is made of, and what its training alone depends on besides.
GENERATOR_KEYS = (
    *("image_size", "portrait", "width", "audio_width"),
    *("speech_code", "identity_code", "noise_code", "noise_sigma"),
)
ALONE_KEYS = (
    *GENERATOR_KEYS,
    *("reconstruction", "upper_half", "augment", "momentum"),
    *("alone_steps", "alone_batch", "alone_length", "alone_rate"),
)

"""Configuration of `cvae`: what the paper gives, and a reason for every value that it does not."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from methods.nets.labels import CREMA_D, Emotions
from methods.nets.perceptual import Trunk

# `size: paper`: EmoGen's widths, batches and rates (METHODS.md section 1); its step counts are not given
# anywhere, these are Wav2Lip's order of magnitude scaled to CREMA-D's 8 hours.
PAPER: dict[str, Any] = {
    "width": 16,
    "residuals": 1,
    "perceptual": "reference",
    "perceptual_frames": 5,
    "perceptual_crop": 1.0,
    "momentum": 0.5,
    "batch": 16,
    "steps": 100_000,
    "learning_rate": 1e-4,
    "critic_tuning_rate": 1e-6,
    "warm_start_steps": 50_000,
    "warm_start_batch": 80,
    "warm_start_rate": 1e-4,
    "sync_width": 32,
    "sync_clips": 32,
    "sync_steps": 100_000,
    "sync_rate": 1e-4,
    "critic_width": 64,
    "critic_batch": 64,
    "critic_steps": 50_000,
    "critic_rate": 1e-4,
}


class Config(BaseModel):
    """Keys of `cvae` in YAML; `size: paper` replaces every default that is not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Literal["tiny", "paper"] = "tiny"
    image_size: Literal[64, 96, 128] = 64  # the paper's emotion discriminator is 64x64, the only size named
    emotions: Emotions = CREMA_D

    # Eq. (6) names the weights, gives no value; these are EmoGen's.
    alpha: float = Field(0.03, ge=0)
    beta: float = Field(0.01, ge=0)
    gamma: float = Field(0.01, ge=0)

    kl: float = Field(1, ge=0)  # eq. (6) gives the divergence no weight: only an ablation changes it

    # Section 2 encodes the emotion by an MLP. `one_hot` hands the label on as it is, `none` withholds it: for
    # ablations.
    emotion_input: Literal["mlp", "one_hot", "none"] = "mlp"

    # Generator. Tiny: half of EmoGen's width trains at about 100 frames/s on one core.
    width: int = Field(8, ge=4, multiple_of=4)
    momentum: float = Field(0.9, ge=0, lt=1)  # Adam's beta1; EmoGen's 0.5 diverges at tiny's higher rates
    residuals: int = Field(0, ge=0)  # residual convolutions after each stage
    augment: float = Field(0.8, ge=0, le=1)  # EmoGen's group probability

    # Perceptual loss: the bundled trunk costs 40 ms a frame on one core, as much as five generated frames, so
    # tiny looks at one frame a window, and there at a random square of half the side.
    perceptual: Trunk = "embedded"
    perceptual_frames: int = Field(1, ge=1, le=5)
    perceptual_crop: float = Field(0.5, gt=0, le=1)

    # Joint training from the warm start.
    batch: int = Field(4, ge=1)  # windows of 5 frames
    steps: int = Field(200, ge=1)
    learning_rate: float = Field(5e-4, gt=0)
    critic_tuning_rate: float = Field(1e-5, gt=0)

    # Warm start: single frames, as neither of its two terms needs neighbours.
    warm_start_steps: int = Field(1400, ge=1)
    warm_start_batch: int = Field(16, ge=1)
    warm_start_rate: float = Field(2e-3, gt=0)  # falls to 0 along a cosine, as in `fit`

    # Sync expert: windows of one clip are one another's negatives.
    sync_width: int = Field(8, ge=4, multiple_of=4)
    sync_clips: int = Field(8, ge=1)
    sync_windows: int = Field(8, ge=2)
    sync_steps: int = Field(700, ge=1)
    sync_rate: float = Field(2e-3, gt=0)

    # Emotion discriminator.
    critic_width: int = Field(8, ge=1)
    critic_batch: int = Field(32, ge=1)
    critic_steps: int = Field(300, ge=1)
    critic_rate: float = Field(1e-3, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _fill_paper(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("size") == "paper":
            return {**PAPER, **given}
        return given


# What each stage depends on: never alpha, beta, gamma or a value of `fit` alone, so that trials share it.
_DATA = ("image_size", "emotions")
_NETWORK = ("width", "residuals", "emotion_input")
STAGE_KEYS: dict[str, tuple[str, ...]] = {
    "sync_expert": (*_DATA, "augment", "sync_width", "sync_clips", "sync_windows", "sync_steps", "sync_rate"),
    "emotion_critic": (*_DATA, "augment", "critic_width", "critic_batch", "critic_steps", "critic_rate"),
    "warm_start": (
        *_DATA,
        *_NETWORK,
        "kl",
        "augment",
        "momentum",
        "warm_start_steps",
        "warm_start_batch",
        "warm_start_rate",
    ),
}
GENERATOR_KEYS = (*_DATA, *_NETWORK)

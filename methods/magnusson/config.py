"""Configuration of `magnusson`: the paper's and its repository's values, and a reason for every other one."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from harness.types import EMOTIONS
from methods.nets.labels import CREMA_D
from methods.nets.wav2lip_start import LEAST_WIDTH

# `size: paper`: Wav2Lip's widths and the repository's batch and rates (METHODS.md section 5). Step counts are
# given nowhere; these are the order of magnitude of Wav2Lip's own advice, scaled to CREMA-D's 8 hours.
PAPER: dict[str, Any] = {
    "image_size": 96,
    "width": 16,
    "most": None,
    "start": "random",
    "even_inputs": None,
    "discriminator_width": 32,
    "augment": 0.0,
    "batch": 8,
    "steps": 20_000,
    "learning_rate": 1e-4,
    "discriminator_rate": 1e-4,
    "momentum": 0.5,
    "pretrain_length": 5,
    "pretrain_batch": 16,
    "pretrain_steps": 200_000,
    "pretrain_rate": 1e-4,
    "pretrain_norm": "l1",
    "pretrain_mouth": 0.0,
    "pretrain_sync": 0.03,
    "pretrain_gan": 0.07,
    "sync_width": 32,
    "sync_public": True,
    "sync_clips": 32,
    "sync_windows": 2,
    "sync_steps": 200_000,
    "sync_rate": 1e-4,
    "critic_width": 64,
    "critic_batch": 64,
    "critic_steps": 50_000,
    "critic_rate": 1e-4,
}


class Config(BaseModel):
    """Keys of `magnusson` in YAML; `size: paper` replaces every default that is not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Literal["tiny", "paper"] = "tiny"
    image_size: Literal[64, 96, 128] = 64  # the paper's is 96; 128 to stand beside methods of that size

    # One model a pair, "source->target". The paper has three pairs of MEAD's emotions; here every emotion of
    # CREMA-D is reached from neutral, which is the only one that a protocol can give as the source.
    pairs: tuple[str, ...] = tuple(f"neutral->{target}" for target in CREMA_D)
    # The paper's best on MEAD hides the lower half; "hull" is its full mask.
    mask: Literal["half", "hull"] = "half"

    # The paper's weights with emotion objective and L1; its emotion-only setting is .6, .03, .07, .3.
    recon: float = Field(0.8, ge=0)
    sync: float = Field(0.03, ge=0)
    gan: float = Field(0.07, ge=0)
    emotion: float = Field(0.1, ge=0)

    # Generator, discriminator. Tiny: at full size nearly half of Wav2Lip's channels, or no colour gets from
    # the reference to the output; further in, where a face of 64 px has less to say, a sixteenth.
    width: int = Field(6, ge=1)
    most: int | None = Field(32, ge=1)  # no layer is wider; null: 32 times the width, as Wav2Lip
    # "copy": first frames are the reference, and batch statistics stay as they are then (wav2lip_start.py).
    # From a random start, tiny's steps end before the reference is copied, and the sound is not heard at all.
    start: Literal["random", "copy"] = "copy"
    # The generator's rates are for layers of at most so many inputs, wider ones learn slower in proportion;
    # null: all alike. Statistics that stay no longer hold a wide layer's outputs to their size.
    even_inputs: int | None = Field(64, ge=1)
    discriminator_width: int = Field(4, ge=1)
    momentum: float = Field(0.9, ge=0, lt=1)  # Adam's beta1; Wav2Lip's 0.5 is for its low rates
    # The repository clamps the discriminator's gradient norm to 1e-2..1e10.
    least_gradient: float = Field(1e-2, gt=0)
    most_gradient: float = Field(1e10, gt=0)
    # Colours, as in cvae; the paper has none. Tiny: two dozen speakers teach neither that skin is copied from
    # the reference, nor the judge that a tint is no emotion.
    augment: float = Field(0.8, ge=0, le=1)

    # Fine-tuning of each pair, windows of 5 frames; constant rates in the repository, which stops by eye, and
    # a cosine to 0 here, where the number of steps is given.
    batch: int = Field(2, ge=1)
    steps: int = Field(90, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    discriminator_rate: float = Field(1e-3, gt=0)

    # Wav2Lip's own training, on all emotions. Tiny: single frames, as L1 needs no neighbours: Wav2Lip, too,
    # leaves sync out until frames are good enough for its expert, and its GAN comes last.
    pretrain_length: Literal[1, 5] = 1
    pretrain_batch: int = Field(16, ge=1)
    pretrain_steps: int = Field(800, ge=1)
    pretrain_rate: float = Field(2e-3, gt=0)
    # Tiny: squared, and harder at the mouth. L1's slope is the same for an open mouth that should be shut as
    # for a shade of skin: after 200 steps a wrong sound cost nothing with it, and with squares more from step
    # to step. In `fit` it is the paper's L1.
    pretrain_norm: Literal["l1", "l2"] = "l2"
    pretrain_mouth: float = Field(20.0, ge=0)  # times a Gaussian of sigma 9 pixels of 128
    pretrain_sync: float = Field(0.0, ge=0)
    pretrain_gan: float = Field(0.0, ge=0)

    # Sync expert: windows of one clip are one another's negatives. `sync_public`: Wav2Lip's own layers.
    sync_width: int = Field(8, ge=4, multiple_of=4)
    sync_public: bool = False
    sync_clips: int = Field(8, ge=1)
    sync_windows: int = Field(8, ge=2)
    sync_steps: int = Field(400, ge=1)
    sync_rate: float = Field(2e-3, gt=0)

    # Emotion judge. The paper's is a DenseNet-121 trained on FER2013, whose weights were not released; this
    # one is trained on the corpus at hand, so that both sizes and all corpora have one.
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

    @field_validator("pairs")
    @classmethod
    def _known(cls, pairs: tuple[str, ...]) -> tuple[str, ...]:
        for pair in pairs:
            source, arrow, target = pair.partition("->")
            if not arrow or source not in EMOTIONS or target not in EMOTIONS:
                raise ValueError(f'a pair is "neutral->happy", of {", ".join(EMOTIONS)}; got "{pair}"')
        if not pairs or len(set(pairs)) < len(pairs):
            raise ValueError(f"one or more different pairs; got {list(pairs)}")
        return pairs

    @model_validator(mode="after")
    def _sync_needs_windows(self) -> "Config":
        if self.pretrain_sync > 0 and self.pretrain_length == 1:
            raise ValueError("pretrain_sync needs pretrain_length: 5, the frames that the sync expert sees")
        return self

    @model_validator(mode="after")
    def _copy_needs_channels(self) -> "Config":
        if self.start == "copy" and self.width < LEAST_WIDTH:
            raise ValueError(
                f"width: {self.width}; start: copy needs {LEAST_WIDTH} or more, make it that or start: random"
            )
        return self

    @property
    def emotions(self) -> tuple[str, ...]:
        """All emotions of the pairs, in the harness's order: what experts and pre-training see."""
        named = {emotion for pair in self.pairs for emotion in pair.split("->")}
        return tuple(e for e in EMOTIONS if e in named)


# What each stage depends on; never a value of `fit` alone.
_DATA = ("image_size", "pairs", "augment")
_NETWORK = ("width", "most", "mask")
_EXPERT = ("sync_width", "sync_public")
STAGE_KEYS: dict[str, tuple[str, ...]] = {
    "sync_expert": (*_DATA, *_EXPERT, "sync_clips", "sync_windows", "sync_steps", "sync_rate"),
    "emotion_judge": (*_DATA, "critic_width", "critic_batch", "critic_steps", "critic_rate"),
    "pretrain": (
        *_DATA,
        *_NETWORK,
        *_EXPERT,
        "discriminator_width",
        "momentum",
        "start",
        "even_inputs",
        "least_gradient",
        "most_gradient",
        "pretrain_length",
        "pretrain_batch",
        "pretrain_steps",
        "pretrain_rate",
        "pretrain_norm",
        "pretrain_mouth",
        "pretrain_sync",
        "pretrain_gan",
    ),
}
GENERATOR_KEYS = ("image_size", "pairs", *_NETWORK)

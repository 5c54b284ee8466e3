"""Configuration of `synchrorama`: the paper gives no value, so each one here has its anchor or its reason.

Anchors: Hallo (fudan-generative-vision/hallo) and EchoMimic (antgroup/echomimic) for diffusion on portraits,
LatentSync (bytedance) for losses on one-step decoded frames; "ours" is our own choice.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.contracts import AT_GENERATION
from methods.nets.labels import CREMA_D, Emotions

Scheduler = Literal["ddim", "dpm", "flow"]

# `size: full`: SD-VAE, SD1.5's UNet twice (reference and denoiser), Hallo's windows and rates.
FULL: dict[str, Any] = {
    "image_size": 256,
    "vae_patch": 1,
    "latent_channels": 4,
    "vae_channels": (128, 256, 512, 512),
    "vae_layers": 2,
    "vae_norm": 32,
    "vae_rate": 1e-5,
    "channels": (320, 640, 1280, 1280),
    "layers": 2,
    "norm": 32,
    "cross": 768,
    "heads": 8,
    "reference": "network",
    "residual": False,
    "guide_channels": 320,
    "audio_tokens": 4,
    "a2m_width": 512,
    "text_encoder": "reference",
    "semantic": 0.05,
    "frames": 14,
    "overlap": 2,
    "image_rate": 1e-5,
    "image_steps": 30_000,
    "rate": 1e-5,
    "steps": 30_000,
    "inference_steps": 25,
    "temperature": 1.0,
}


class Config(BaseModel):
    """Keys of `synchrorama` in YAML; `size: full` replaces every default that is not given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Literal["tiny", "full"] = "tiny"
    image_size: Literal[64, 256, 512] = 64
    emotions: Emotions = CREMA_D

    # What the ablation switches off.
    text_sentiment: bool = True
    speech_emotion: bool = True
    valence_arousal: bool = True
    label: bool = True  # the corpus's label: without it, words and voice alone say the emotion
    scene_text: bool = True
    a2m: bool = True  # without it there are no guides, and the head stays where the reference has it

    # Where emotion and text come from.
    sentiment: str = "vader"  # or the name of a transformers classifier
    speech: str = "embedded"  # or the name of a wav2vec2 model
    text_encoder: Literal["embedded", "reference"] = "embedded"  # bundled MiniLM, or CLIP
    pretrained: bool = False  # start from SD-VAE, SD1.5 and AnimateDiff by the weights table (size: full)

    # Autoencoder: 64 px to 8x16x16. METHODS.md's 64 channels at the latents' own size, without the 32 and 64
    # above it, where five sixths of the time would go: pixels enter four by four. The principal components of
    # such squares alone give speakers never seen 29 dB with METHODS.md's 4 numbers, 33 with 8, 37 with 12;
    # a round trip of 28.5 dB, measured, kept the speaker and lost the lips. From there 60 steps reach 34 dB.
    latent_channels: int = Field(8, ge=1)
    vae_patch: Literal[1, 2, 4] = 4
    vae_channels: tuple[int, ...] = (64,)
    vae_layers: int = Field(1, ge=1)
    vae_norm: int = Field(8, ge=1)
    vae_batch: int = Field(16, ge=1)
    vae_steps: int = Field(400, ge=1)
    vae_augment: float = Field(
        0.2, ge=0, le=1
    )  # new speakers' colours; more is noise that no latent can hold
    vae_rate: float = Field(2e-3, gt=0)
    kl: float = Field(1e-5, ge=0)  # latents stay near N(0, 1); sd-vae's 1e-6 counts sums, ours means

    # Denoiser.
    channels: tuple[int, ...] = (32, 64, 128)
    layers: int = Field(1, ge=1)
    norm: int = Field(8, ge=1)
    cross: int = Field(64, ge=8)
    heads: int = Field(4, ge=1)
    reference: Literal["concat", "network"] = "concat"
    residual: bool = True  # what is denoised is the difference from the reference; see `Denoiser`
    guide_channels: int = Field(16, ge=1)
    audio_tokens: int = Field(4, ge=1)
    motion_frames: int = Field(2, ge=1)  # latents of the previous chunk; Hallo 2
    frames: int = Field(6, ge=5)  # a chunk's; Hallo 14; the sync expert looks at five
    overlap: int = Field(
        1, ge=0, json_schema_extra=AT_GENERATION
    )  # frames that two chunks share, cross-faded

    # Audio to motion: weights of its own losses are the module's.
    a2m_steps: int = Field(600, ge=1)
    a2m_batch: int = Field(16, ge=1)
    a2m_length: int = Field(32, ge=8, multiple_of=8)  # frames a window: a sway of the head takes about 50
    a2m_rate: float = Field(2e-3, gt=0)
    a2m_width: int = Field(128, ge=8)

    # Noise: Hallo's scaled-linear betas to zero terminal SNR, v-prediction, min-SNR 5; or flow matching.
    scheduler: Scheduler = "ddim"
    inference_steps: int = Field(3, ge=1, json_schema_extra=AT_GENERATION)
    # Factor of the noise that generation begins with. After a short training the network's answers differ by
    # noise that no face has: .4 measured 1 dB above 1 on a speaker never seen, and keeps lips as sharp.
    temperature: float = Field(0.4, ge=0, le=1, json_schema_extra=AT_GENERATION)
    min_snr: float = Field(5.0, gt=0)
    shared_noise: float = Field(0.5, ge=0, le=1)  # variance common to a window's frames (PYoCo's mixed noise)
    drop: float = Field(0.05, ge=0, le=1)  # of each condition, as Hallo

    # Few steps and no guidance: after a short training each adds its errors (3 steps without measured better
    # than 6 with emotion's scale at 2, in lse_c and PSNR).
    # Guidance: 1 is none and costs no pass. Each other scale costs one pass without its condition.
    guide_reference: float = Field(1.0, ge=0, json_schema_extra=AT_GENERATION)
    guide_audio: float = Field(1.0, ge=0, json_schema_extra=AT_GENERATION)
    guide_emotion: float = Field(1.0, ge=0, json_schema_extra=AT_GENERATION)
    guide_text: float = Field(1.0, ge=0, json_schema_extra=AT_GENERATION)

    # Losses on one-step decoded frames below `decode_below` of 1000 noise levels (METHODS.md section 2).
    sync: float = Field(0.05, ge=0)
    emotion: float = Field(0.05, ge=0)
    au: float = Field(0.1, ge=0)
    semantic: float = Field(0.0, ge=0)
    decode_below: int = Field(500, ge=1, le=1000)

    # The frozen networks of those losses.
    augment: float = Field(0.8, ge=0, le=1)
    expert_width: int = Field(8, ge=4, multiple_of=4)
    expert_steps: int = Field(500, ge=1)
    critic_width: int = Field(8, ge=1)
    critic_steps: int = Field(200, ge=1)
    landmark_steps: int = Field(300, ge=1)

    # Image stage: single frames, from latents that the autoencoder's stage left.
    image_batch: int = Field(16, ge=1)
    image_steps: int = Field(1600, ge=1)
    image_rate: float = Field(1.5e-3, gt=0)
    ema: float = Field(0.99, ge=0, lt=1)  # of the denoiser's weights, in both stages

    # Temporal and audio stage.
    batch: int = Field(4, ge=1)
    steps: int = Field(400, ge=1)
    rate: float = Field(5e-4, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _fill_full(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("size") == "full":
            return {**FULL, **given}
        return given

    @model_validator(mode="after")
    def _chunks_move_on(self) -> "Config":
        if self.overlap > self.frames // 2:
            raise ValueError(f"overlap: {self.overlap} is more than half of a chunk's {self.frames} frames")
        return self

    @property
    def latent_size(self) -> int:
        """Side of the latents: the picture's patches, halved between the autoencoder's scales."""
        scale: int = self.vae_patch * 2 ** (len(self.vae_channels) - 1)
        return self.image_size // scale


# What each stage depends on: never a loss weight, a guidance scale or a value of `fit` alone.
_DATA = ("size", "image_size", "emotions")
_VAE = (*_DATA, "latent_channels", "vae_patch", "vae_channels", "vae_layers", "vae_norm")
_EMOTION = ("text_sentiment", "speech_emotion", "valence_arousal", "label", "sentiment", "speech")
_A2M = (*_DATA, *_EMOTION, "a2m_width", "a2m_length", "cross")
_DENOISER = (
    *(*_VAE, *_EMOTION, "scene_text", "text_encoder", "a2m"),
    *(
        "channels",
        "layers",
        "norm",
        "cross",
        "heads",
        "reference",
        "residual",
        "guide_channels",
        "audio_tokens",
    ),
)
_NOISE = ("min_snr", "drop", "ema", "pretrained")
GENERATOR_KEYS = (*_DENOISER, "a2m_width", "a2m_length", "motion_frames", "frames")
STAGE_KEYS: dict[str, tuple[str, ...]] = {
    "emotion": (*_DATA, *_EMOTION, "cross"),
    "vae": (*_VAE, "vae_batch", "vae_steps", "vae_rate", "kl", "vae_augment", "pretrained"),
    "a2m": (*_A2M, "a2m_steps", "a2m_batch", "a2m_rate"),
    "sync_expert": (*_DATA, "augment", "expert_width", "expert_steps"),
    "emotion_critic": (*_DATA, "augment", "critic_width", "critic_steps"),
    "landmarks": (*_VAE, "landmark_steps"),
    "image": (*_DENOISER, *_NOISE, "image_batch", "image_steps", "image_rate"),
}

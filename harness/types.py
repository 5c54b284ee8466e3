"""The nouns of the road: Sample, Request, Clip, Pair, Measurement, Score.

Units, once for the whole project: video is 25 frames/s, `(T, H, W, 3)` uint8 RGB; audio is mono 16 kHz
float32 in [-1, 1], so one frame lasts 640 audio samples. Emotions are one vocabulary of eight.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.store import Store

T = TypeVar("T")

FPS = 25
SAMPLE_RATE = 16_000
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS

EMOTIONS = ("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise", "contempt")
LEVELS = ("low", "medium", "high")

Frames = NDArray[np.uint8]
Audio = NDArray[np.float32]
Split = Literal["train", "val", "test"]


class BadInput(Exception):
    """A user's mistake or an unusable file: the message names the file, the key and the fix.

    Command lines print it as one line, without a stack trace, and exit with 2.
    """


class Unscorable(Exception):
    """A clip that a metric cannot score; the message is the reason shown beside the NaN."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled clip of a corpus.

    `id` is the corpus's own, unique in it. `audio` is a sound file of its own (CREMA-D's AudioWAV) or
    None when the sound is the video's own track. `emotion` is one of EMOTIONS, `level` one of LEVELS;
    None where the corpus does not say. `truth` is the .npz beside a clip of the embedded corpus.
    `votes` are shares of human raters by emotion, summing to 1. `view` is the camera's, as the corpus names
    it. `cut` (start, end) are the seconds of the video, from its first frame on, that are this clip; `box`
    (x, y, width, height) are the pixels of its pictures that the corpus says to keep.
    """

    id: str
    video: Path
    audio: Path | None
    speaker: str | None
    emotion: str | None
    level: str | None = None
    text: str | None = None
    split: Split = "test"
    truth: Path | None = None
    votes: Mapping[str, float] | None = None
    view: str | None = None
    cut: tuple[float, float] | None = None
    box: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What only a control may see: prepared clips (`prepare.load`) of the corpus itself.

    `truth` is the very clip that was asked for. `other_audio` says another sentence; `other_emotion`
    shows the same speaker in another emotion, the same sentence if there is one. None where the corpus
    has no such clip.
    """

    truth: Path
    other_audio: Path | None
    other_emotion: Path | None


@dataclass(frozen=True, slots=True)
class Request:
    """What a method is asked to generate.

    reference: (R, H, W, 3) uint8; R = 1 is a still, R > 1 a source clip for a method whose card says
        video_to_video. The run's protocol says which clip it comes from; it is never a frame of the target
        clip unless that is asked for, and then it is a still. A source shorter than `frames` is played forth
        and back; it is never slowed down.
    reference_emotion: the emotion that the reference shows, None where the corpus does not say.
    context: (T, H, W, 3) uint8, the target's own frames with the whole face zeroed by `faces.full_face_mask`,
        for methods whose paper inpaints; it shows only what the mask leaves (hair, background, pose).
    mask: (T, H, W) bool, True where `context` is zeroed.
    eyes: (T, 2, 2) float32 pixels, the centres of right and left eye in the target's frames: the head's place
        that the mask already shows. reference_eyes: (R, 2, 2), the same in the reference.
    reference_landmarks: (R, 68, 2) float32 pixels of the reference, iBUG-68 order.
    audio: (N,) float32 mono 16 kHz, None where the corpus's file is silent: the engine then asks only methods
        that do not listen. frames: how many to make, at 25 frames/s.
    emotion, level, text, scene: the conditioning asked for; None where there is none.
    seed: the only source of randomness that `generate` may use: same request, same clip.
    target: set for controls only.
    """

    id: str
    reference: Frames
    context: Frames
    mask: NDArray[np.bool_]
    eyes: NDArray[np.float32]
    reference_eyes: NDArray[np.float32]
    reference_landmarks: NDArray[np.float32]
    audio: Audio | None
    frames: int
    emotion: str | None
    level: str | None
    text: str | None
    seed: int
    scene: str | None = None
    reference_emotion: str | None = None
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Clip:
    """A generated or recorded clip: frames (T, H, W, 3) uint8 RGB at `fps`, audio (N,) float32 16 kHz.

    `audio` is None where a file has no sound track. `path` is the file that it was decoded from, for
    protocols that decode it themselves. `shared` says that several methods are compared with this clip, so
    what is computed from it is worth keeping. `notes` are numbers that a method tells of its own clip.
    """

    frames: Frames
    audio: Audio | None
    fps: float = FPS
    path: Path | None = None
    shared: bool = False
    notes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pair:
    """A generated clip beside the real one that it should equal, as every metric sees them.

    `landmarks` are the reference's, (T, 68, 2) float32 pixels in iBUG-68 order, where they are known without
    looking. `memo` keeps what several metrics share (one decode, one feature pass per clip): see `once`.
    `store` keeps what several methods share, by content; None keeps nothing.
    """

    clip_id: str
    generated: Clip
    reference: Clip
    speaker: str | None = None
    emotion: str | None = None
    level: str | None = None
    landmarks: NDArray[np.float32] | None = None
    store: Store | None = None
    memo: dict[tuple[Any, ...], Any] = field(default_factory=dict, repr=False)

    @property
    def length(self) -> int:
        """Frames in both clips: metrics compare the first `length` frames and never resample."""
        return min(len(self.generated.frames), len(self.reference.frames))

    def once(self, key: tuple[Any, ...], compute: Callable[[], T]) -> T:
        """Return `compute()`, computed at most once per clip and key (name, backbone, side)."""
        if key not in self.memo:
            self.memo[key] = compute()
        value: T = self.memo[key]
        return value


@dataclass(frozen=True, slots=True)
class Traces:
    """What a metric saw over time in both clips of a pair, frame i beside frame i.

    generated, reference: (T, units), NaN where there was nothing to see (no face).
    """

    units: tuple[str, ...]
    generated: NDArray[np.float32]
    reference: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one metric found on one clip.

    Exactly one of `value` and `reason` is set, or `features` for set metrics: a mapping of arrays,
    rows are frames (FID, KID). `detail` holds what a report shows beside the value (predicted class).
    `traces` are the series that a value was made of, where a report draws them; no score depends on them.
    """

    clip_id: str
    value: float | None = None
    reason: str | None = None
    features: Mapping[str, NDArray[np.float32]] | None = None
    speaker: str | None = None
    emotion: str | None = None
    level: str | None = None
    detail: str | None = None
    traces: Traces | None = None

    @property
    def scored(self) -> bool:
        """Whether this clip counts in the aggregate."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Score:
    """A metric over clips: value and 95 % interval, NaN with n = 0 when nothing could be scored.

    `reason` says why there is no value though clips were scored; `detail` what a reader must know beside the
    value (how many frames a set metric saw).
    """

    value: float
    ci_low: float
    ci_high: float
    n: int
    n_unscored: int
    reason: str | None = None
    detail: str | None = None

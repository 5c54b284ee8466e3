"""Lip-sync scores from two streams of embeddings, one rule for every backbone.

Windows, distances and the search over +-15 frames follow SyncNet's published evaluation (Chung and Zisserman,
Out of Time, ACCV Workshops 2016; joonson/syncnet_python; the LSE scripts of Wav2Lip). A backbone only turns
windows into vectors (`SyncBackbone`): `syncnet` is the field's, `sync_judge` the embedded one.
Not done here: face detection and cropping; a clip is scored as it was prepared.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.audio import MFCC_PER_FRAME, mfcc
from harness.contracts import Backbone
from harness.types import SAMPLES_PER_FRAME, Audio, Clip, Frames, Pair, Unscorable
from harness.weights import Weights

WINDOW = 5
MFCC_WINDOW = WINDOW * MFCC_PER_FRAME
MAX_SHIFT = 15
# 20 windows: at a shift of 10, still half of them meet real sound. Acted sentences (CREMA-D) last 1-3 s, so
# the 50 frames that would keep every shift well supported would leave many of them out.
MIN_FRAMES = 25
FEW_FRAMES = 100
_EPSILON = 1e-6
_SILENCE = 1e-3  # peak, about -60 dB: espeak's and a studio's noise floors are under it, speech is far above

Float32 = NDArray[np.float32]


class SyncBackbone(Protocol):
    """Embeds windows of both streams into one space where matching ones are near."""

    def video_features(self, frames: Frames) -> Float32:
        """Return (T - 4, D): one row per 5 consecutive frames of (T, H, W, 3) uint8 RGB."""
        ...

    def audio_features(self, windows: Float32) -> Float32:
        """Return (n, D) for (n, 13, 20) MFCC windows, one per frame."""
        ...


@dataclass(frozen=True, slots=True)
class SyncScore:
    """What one clip's streams say of each other.

    distance: LSE-D, the smallest mean distance over shifts; confidence: LSE-C, the median over shifts less
    that. offset: frames of 40 ms by which the audio leads the video. windows: how many were averaged.
    """

    distance: float
    confidence: float
    offset: int
    windows: int

    @property
    def caveat(self) -> str | None:
        """What a reader must know of this clip's score, or None."""
        notes = []
        if abs(self.offset) == MAX_SHIFT:
            notes.append(f"no peak within {MAX_SHIFT} frames")
        if self.windows + WINDOW < FEW_FRAMES:
            notes.append(f"short: {self.windows} windows")
        return "; ".join(notes) or None


def shift_distances(video: Float32, audio: Float32) -> Float32:
    """Return (31,) mean distances of video row i to audio row i + s, for s = -15..15.

    video, audio: (n, D). Outside the clip the audio is rows of zeros, as in the published evaluation.
    """
    rows = len(video)
    padded = np.pad(audio, ((MAX_SHIFT, MAX_SHIFT), (0, 0)))
    means = [
        np.linalg.norm(video - padded[start : start + rows] + _EPSILON, axis=1).mean()
        for start in range(2 * MAX_SHIFT + 1)
    ]
    return np.array(means, np.float32)


def score_distances(distances: Float32, windows: int) -> SyncScore:
    """Return LSE-D, LSE-C and offset of (31,) mean distances. Offset > 0: the audio leads."""
    best = int(distances.argmin())
    smallest = float(distances[best])
    return SyncScore(smallest, float(np.median(distances)) - smallest, MAX_SHIFT - best, windows)


def mfcc_windows(audio: Audio, count: int) -> Float32:
    """Return (count, 13, 20): the 20 MFCC steps of the 5 frames from each of `count` frames on."""
    coefficients = mfcc(audio)
    starts = range(0, MFCC_PER_FRAME * count, MFCC_PER_FRAME)
    return np.stack([coefficients[:, s : s + MFCC_WINDOW] for s in starts]).astype(np.float32)


def sync_score(clip: Clip, backbone: SyncBackbone) -> SyncScore:
    """Score one clip. Raises Unscorable for a clip without sound, silent, or shorter than 25 frames."""
    audio = clip.audio
    if audio is None:
        raise Unscorable("no sound track")
    frames = min(len(clip.frames), len(audio) // SAMPLES_PER_FRAME)
    if frames < MIN_FRAMES:
        raise Unscorable(f"{frames} frames with sound, fewer than the {MIN_FRAMES} that sync needs")
    if np.abs(audio[: frames * SAMPLES_PER_FRAME]).max() < _SILENCE:
        raise Unscorable("silent sound track")
    # One window fewer than fits: the last would need an MFCC step that only later sound has.
    windows = frames - WINDOW
    video = backbone.video_features(clip.frames[: windows + WINDOW - 1])
    sound = backbone.audio_features(mfcc_windows(audio, windows))
    return score_distances(shift_distances(video, sound), windows)


@dataclass(frozen=True, slots=True)
class NamedSync:
    """A loaded backbone with the names that a card shows."""

    backbone: SyncBackbone
    label: str
    protocol: str
    paper: str

    def score(self, pair: Pair) -> SyncScore:
        """Return the generated clip's score, computed once for LSE-C, LSE-D and the offset together."""
        return pair.once(("sync", self.label), lambda: sync_score(pair.generated, self.backbone))


def load_sync(backbone: Backbone, weights: Weights) -> NamedSync:
    """Load the backbone asked for. BadInput when its weights are missing or not genuine."""
    if backbone == "reference":
        from metrics.features.syncnet import SyncNetBackbone

        return NamedSync(
            SyncNetBackbone(weights.state_dict("syncnet-v2")),
            weights.label("syncnet-v2", "syncnet-v2"),
            f"wav2lip-lrs, frames=decoded, >= {MIN_FRAMES} frames",
            "Prajwal et al., A Lip Sync Expert Is All You Need, ACM Multimedia 2020",
        )
    from metrics.features.sync_judge import SyncJudge

    return NamedSync(
        SyncJudge.load(),
        "sync-judge",
        f"SyncNet's distances, lower half of 64x64 crops, >= {MIN_FRAMES} frames",
        "this project; distances after Chung and Zisserman, ACCV Workshops 2016",
    )

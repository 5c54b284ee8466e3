"""Lip-sync scores from two streams of embeddings, one rule for every backbone and protocol.

Windows, distances and the search over +-15 frames follow SyncNet's published evaluation (Chung and Zisserman,
Out of Time, ACCV Workshops 2016; joonson/syncnet_python; the LSE scripts of Wav2Lip). A backbone only turns
windows into vectors (`SyncBackbone`): `syncnet` is the field's, `sync_judge` the embedded one. A protocol
says which frames those are (`sync_streams`, `sync_tracks`).

Clips below 25 frames are refused and those below 100 carry a caveat; the published script scores whatever has
6 frames, and calls the confidence of 6 frames 0. 50 would keep every shift well supported
(rows of zeros stand outside the clip), but acted sentences last 1-3 s and many of them would be left out; at
25, a shift of 10 still meets as much real sound as zeros.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import fmean
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.audio import MFCC_PER_FRAME, mfcc
from harness.contracts import Setup
from harness.types import SAMPLES_PER_FRAME, Audio, BadInput, Clip, Frames, Pair, Unscorable
from metrics.features.kept import instrument, kept
from metrics.features.sync_protocols import NamedProtocol, load_protocol

WINDOW = 5
MFCC_WINDOW = WINDOW * MFCC_PER_FRAME
MAX_SHIFT = 15
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
    that. offset: frames of 40 ms by which the audio leads the video. unshifted: the mean distance at offset
    0. windows: how many were averaged. tracks: over how many of a clip's face tracks these are means; 1
    also where no faces are looked for.
    """

    distance: float
    confidence: float
    offset: float
    unshifted: float
    windows: int
    tracks: int = 1

    @property
    def caveat(self) -> str | None:
        """What a reader must know of this clip's score, or None."""
        notes = []
        if abs(self.offset) == MAX_SHIFT:
            notes.append(f"no peak within {MAX_SHIFT} frames")
        if self.windows + WINDOW < FEW_FRAMES:
            notes.append(f"short: {self.windows} windows")
        if self.tracks > 1:
            notes.append(f"mean over {self.tracks} face tracks")
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
    confidence = float(np.median(distances)) - smallest
    return SyncScore(smallest, confidence, MAX_SHIFT - best, float(distances[MAX_SHIFT]), windows)


def mfcc_windows(audio: Audio, count: int) -> Float32:
    """Return (count, 13, 20): the 20 MFCC steps of the 5 frames from each of `count` frames on."""
    coefficients = mfcc(audio)
    starts = range(0, MFCC_PER_FRAME * count, MFCC_PER_FRAME)
    return np.stack([coefficients[:, s : s + MFCC_WINDOW] for s in starts]).astype(np.float32)


def window_count(clip: Clip) -> int:
    """Return how many windows of a clip are scored.

    Raises Unscorable for a clip without sound, silent, or shorter than 25 frames.
    """
    if clip.audio is None:
        raise Unscorable("no sound track")
    frames = min(len(clip.frames), len(clip.audio) // SAMPLES_PER_FRAME)
    if frames < MIN_FRAMES:
        raise Unscorable(f"{frames} frames with sound, fewer than the {MIN_FRAMES} that sync needs")
    if np.abs(clip.audio[: frames * SAMPLES_PER_FRAME]).max() < _SILENCE:
        raise Unscorable("silent sound track")
    # One window fewer than fits: the last would need an MFCC step that only later sound has.
    return frames - WINDOW


class Keep(Protocol):
    """Gives features of a content, by `compute` or from where they were kept."""

    def __call__(
        self, side: Literal["generated", "sound"], content: NDArray[Any], compute: Callable[[], Float32]
    ) -> Float32:
        """Return `compute()`, a function of `content` alone."""
        ...


def compute_now(
    side: Literal["generated", "sound"], content: NDArray[Any], compute: Callable[[], Float32]
) -> Float32:
    """Keep nothing."""
    return compute()


def sync_score(clip: Clip, backbone: SyncBackbone, keep: Keep = compute_now) -> SyncScore:
    """Score one clip of frames and sound. Raises Unscorable as `window_count` does."""
    windows = window_count(clip)
    frames, sound = clip.frames[: windows + WINDOW - 1], clip.audio
    assert sound is not None
    # All of the sound, so that clips of other lengths that speak over it find the same features.
    whole = len(sound) // SAMPLES_PER_FRAME - WINDOW
    video = keep("generated", frames, lambda: backbone.video_features(frames))
    audio = keep("sound", sound, lambda: backbone.audio_features(mfcc_windows(sound, whole)))
    return score_distances(shift_distances(video, audio[:windows]), windows)


def mean_of_tracks(scores: Sequence[SyncScore], whole_offset: bool = False) -> SyncScore:
    """Return the mean over a clip's face tracks, each number by itself; windows are those of all tracks.

    whole_offset: the mean offset loses its fraction, as LatentSync prints it.
    """
    offset = fmean(score.offset for score in scores)
    return SyncScore(
        fmean(score.distance for score in scores),
        fmean(score.confidence for score in scores),
        int(offset) if whole_offset else offset,
        fmean(score.unshifted for score in scores),
        sum(score.windows for score in scores),
        len(scores),
    )


@dataclass(frozen=True, slots=True)
class NamedSync:
    """A loaded backbone and protocol with what a card says of them; `key` names both in the store."""

    backbone: SyncBackbone
    protocol: NamedProtocol
    key: str
    label: str
    paper: str
    domain: Literal["any", "embedded-corpus"]
    comparable: bool

    @property
    def variant(self) -> str:
        """What a card shows of the protocol."""
        return f"{self.protocol.name}: {self.protocol.describes}; >= {MIN_FRAMES} frames"

    def score(self, pair: Pair) -> SyncScore:
        """Return the generated clip's score, computed once for all metrics of the family.

        Raises Unscorable with the protocol's or the rule's reason.
        """
        outcome = pair.once(("sync", self.key), lambda: self._outcome(pair))
        if isinstance(outcome, str):
            raise Unscorable(outcome)
        return outcome

    def _outcome(self, pair: Pair) -> SyncScore | str:
        """The score, or why there is none: a failure is found once, too."""
        try:
            streams = self.protocol.streams(pair.generated)
            scores = [self._stream_score(pair, index, stream) for index, stream in enumerate(streams)]
        except Unscorable as reason:
            return str(reason)
        return mean_of_tracks(scores, self.protocol.whole_offset)

    def _stream_score(self, pair: Pair, index: int, stream: Clip) -> SyncScore:
        def keep(
            side: Literal["generated", "sound"], content: NDArray[Any], compute: Callable[[], Float32]
        ) -> Float32:
            return kept(pair, side, f"{self.key}/{index}", content, compute)

        return sync_score(stream, self.backbone, keep)


@lru_cache(maxsize=1)
def load_sync(setup: Setup) -> NamedSync:
    """Load the backbone and protocol asked for, once for all metrics of the family.

    BadInput when its weights are missing or not genuine, or when the backbone does not know the protocol.
    """
    return _reference(setup) if setup.backbone == "reference" else _embedded(setup)


def _reference(setup: Setup) -> NamedSync:
    from metrics.features.syncnet import SyncNetBackbone

    weights, protocol = setup.weights, load_protocol(setup.lse_protocol or "wav2lip-lrs", setup.weights)
    return NamedSync(
        SyncNetBackbone(weights.state_dict("syncnet-v2")),
        protocol,
        f"{instrument('syncnet', weights, 'syncnet-v2')}/{protocol.name}",
        weights.label("syncnet_v2", "syncnet-v2"),
        "Prajwal et al., A Lip Sync Expert Is All You Need, ACM Multimedia 2020",
        domain="any",
        comparable=protocol.published
        and not weights.unverified.intersection({"syncnet-v2", *protocol.weights}),
    )


def _embedded(setup: Setup) -> NamedSync:
    if setup.lse_protocol not in (None, "decoded"):
        raise BadInput(
            f"lse_protocol {setup.lse_protocol} is SyncNet's; the embedded sync judge knows decoded alone: "
            "use --backbones reference, or leave the protocol out"
        )
    from metrics.features.sync_judge import SyncJudge

    return NamedSync(
        SyncJudge.load(),
        replace(load_protocol("decoded", setup.weights), describes="lower half of 64x64 crops"),
        instrument("sync-judge", setup.weights),
        "sync-judge",
        "this project; distances after Chung and Zisserman, ACCV Workshops 2016",
        domain="embedded-corpus",
        comparable=False,
    )

"""Known faults of graded strength: what `harness.calibrate` does to real clips before it measures them.

Each fault is a pure function of a clip (frames, sound, landmarks), a strength and a seeded generator. Every
strength of a fault is made with the same random numbers, so a stronger fault holds the weaker one (the same
noise louder, the same frames lost and more). At `Fault.unfaulted` the clip is given back as it is. Faults of
a set (`of_set`) replace whole clips: their strength is the share of clips replaced. Nothing is judged here.
"""

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from harness import media
from harness.datasets.synthetic import ClipPlan, draw
from harness.faces import EYES, Landmarks
from harness.prepare import PreparedClip, load
from harness.types import SAMPLES_PER_FRAME, Audio, Clip, Frames, Unscorable

_CHIN = range(6, 11)
_LIPS = range(48, 68)
_NOSE = range(27, 36)
_STEADY = (*EYES, *_NOSE)
"""Landmarks that neither speech nor, much, expression moves: what a held mouth is carried along with."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A real clip and what faults may need beside it.

    plan: how the embedded corpus drew it. other_emotion, other_speaker: prepared clips of the same sentence
    (`prepare.load`), by the same speaker in another emotion and by another speaker. None where there is none.
    """

    clip: PreparedClip
    plan: ClipPlan | None = None
    other_emotion: Path | None = None
    other_speaker: Path | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and the strengths that it is tried at.

    arms: strengths from weak to strong, one row for each direction from `unfaulted`. unit: how a strength is
    written, `{}` in its place; shares ("{} of ...") in percent. touches: what of the clip it changes.
    needs: what a `Subject` must have.
    """

    name: str
    title: str
    says: str
    unit: str
    arms: tuple[tuple[float, ...], ...]
    make: Callable[[Subject, float, np.random.Generator], Clip]
    unfaulted: float = 0.0
    touches: Literal["sound", "picture", "both"] = "picture"
    needs: Literal["plan", "other_emotion", "other_speaker"] | None = None
    of_set: bool = False

    @property
    def strengths(self) -> tuple[float, ...]:
        """All strengths in ascending order, the unfaulted clip's left out."""
        return tuple(sorted(s for arm in self.arms for s in arm))

    def apply(self, subject: Subject, strength: float, seed: tuple[int, ...]) -> Clip:
        """Return the faulty clip; the same seed gives the same clip. Unscorable where it cannot be made."""
        if strength == self.unfaulted:
            return Clip(subject.clip.frames, subject.clip.audio)
        return self.make(subject, strength, np.random.default_rng(seed))


def shift_audio(audio: Audio, frames: int) -> Audio:
    """Return the sound heard `frames` video frames earlier (later if negative), silence filled in."""
    samples = frames * SAMPLES_PER_FRAME
    if samples >= 0:
        return np.pad(audio[samples:], (0, min(samples, len(audio))))
    return np.pad(audio[:samples], (min(-samples, len(audio)), 0))


def blur(frames: Frames, sigma: float) -> Frames:
    """Return frames blurred by a Gaussian of `sigma` pixels."""
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in frames])


def noise(frames: Frames, deviation: float, generator: np.random.Generator) -> Frames:
    """Return frames with Gaussian noise of `deviation` grey levels, each pixel and channel by itself."""
    field = generator.standard_normal(frames.shape, np.float32)
    return np.asarray(np.clip(np.rint(frames + np.float32(deviation) * field), 0, 255), np.uint8)


def shake(frames: Frames, deviation: float, generator: np.random.Generator) -> Frames:
    """Return frames each moved by itself, Gaussian with `deviation` pixels along either side."""
    size = frames.shape[2], frames.shape[1]
    border = cv2.BORDER_REPLICATE
    moved = [
        cv2.warpAffine(
            frame, np.array([(1, 0, x), (0, 1, y)]), size, flags=cv2.INTER_CUBIC, borderMode=border
        )
        for frame, (x, y) in zip(frames, deviation * generator.standard_normal((len(frames), 2)), strict=True)
    ]
    return np.stack(moved)


def jpeg(frames: Frames, quality: int) -> Frames:
    """Return frames written as JPEG of `quality` 1..100 and read again."""
    setting = [cv2.IMWRITE_JPEG_QUALITY, quality]
    coded = [cv2.imencode(".jpg", cv2.cvtColor(f, cv2.COLOR_RGB2BGR), setting)[1] for f in frames]
    return np.stack([cv2.cvtColor(cv2.imdecode(c, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB) for c in coded])


def recoded(clip: Clip, crf: int = media.CRF, generations: int = 1) -> Clip:
    """Return a clip written as the harness writes clips (H.264, AAC) and read again, several times over."""
    with tempfile.TemporaryDirectory(prefix="calibrate-") as folder:
        path = Path(folder) / "clip.mp4"
        for _ in range(generations):
            frames, audio = clip.frames, clip.audio
            media.encode(path, frames, audio, crf=crf)
            read = media.read_clip(path)
            sound = None if audio is None or read.audio is None else media.fit_audio(read.audio, len(frames))
            clip = Clip(read.frames[: len(frames)], sound)
    return clip


def drop_frames(frames: Frames, share: float, generator: np.random.Generator) -> Frames:
    """Return the clip with a random `share` of frames lost: later ones come early, the last one is held."""
    count = len(frames)
    lost = generator.permutation(np.arange(1, count))[: round(share * count)]
    kept = np.setdiff1d(np.arange(count), lost)
    return np.asarray(frames[np.pad(kept, (0, count - len(kept)), mode="edge")])


def middle(count: int, share: float) -> slice:
    """Return the middle `share` of `count` frames, where the speech is."""
    length = round(share * count)
    start = (count - length) // 2
    return slice(start, start + length)


def freeze(frames: Frames, share: float) -> Frames:
    """Return the clip standing still on one frame for its middle `share`."""
    held = middle(len(frames), share)
    frozen = frames.copy()
    frozen[held] = frames[max(0, held.start - 1)]
    return frozen


def freeze_mouth(frames: Frames, landmarks: Landmarks, share: float) -> Frames:
    """Return the clip with the first frame's lips and chin pasted over those of its middle `share`.

    They are carried along with eyes and nose (a similarity) and blended in over a soft edge, so that head,
    eyes and brows go on moving.
    """
    frozen = frames.copy()
    first = landmarks[0]
    for i in range(len(frames))[middle(len(frames), share)]:
        matrix = _similarity(first[list(_STEADY)], landmarks[i][list(_STEADY)])
        size = frames.shape[2], frames.shape[1]
        pasted = cv2.warpAffine(
            frames[0], matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        points = [*_LIPS, *_CHIN]
        carried = first[points] @ matrix[:, :2].T + matrix[:, 2]
        weight = _soft_hull(np.concatenate([carried, landmarks[i][points]]), size)[..., None]
        mixed = weight * pasted + (1 - weight) * frames[i]
        frozen[i] = np.rint(mixed).astype(np.uint8)
    return frozen


def _similarity(source: Landmarks, target: Landmarks) -> NDArray[np.float64]:
    """Return the (2, 3) similarity that maps points (N, 2) best onto others, by least squares (Umeyama)."""
    a, b = source.astype(np.float64), target.astype(np.float64)
    x, y = (p[:, 0] + 1j * p[:, 1] for p in (a - a.mean(axis=0), b - b.mean(axis=0)))
    turn = np.vdot(x, y) / np.vdot(x, x)
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, b.mean(axis=0) - linear @ a.mean(axis=0)])


def _soft_hull(points: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return (H, W) weights 0..1: 1 on the points' hull and a little round it, with a soft edge."""
    width, height = size
    edge = max(1.0, 0.06 * float(np.ptp(points[:, 0])))
    mask = np.zeros((height, width), np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(points).astype(np.int32)), 1.0)
    reach = 2 * math.ceil(2 * edge) + 1
    grown = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    return np.asarray(cv2.GaussianBlur(grown, (0, 0), edge), np.float32)


def _shifted(subject: Subject, strength: float, _: np.random.Generator) -> Clip:
    if subject.clip.audio is None:
        raise Unscorable("no sound track to shift")
    return Clip(subject.clip.frames, shift_audio(subject.clip.audio, round(strength)))


def _pictures(
    change: Callable[[PreparedClip, float, np.random.Generator], Frames],
) -> Callable[[Subject, float, np.random.Generator], Clip]:
    """Return a fault that changes the picture and leaves the sound."""
    return lambda subject, strength, generator: Clip(
        change(subject.clip, strength, generator), subject.clip.audio
    )


def _drawn_with_gain(subject: Subject, gain: float, _: np.random.Generator) -> Clip:
    if subject.plan is None:
        raise Unscorable("not a clip of the embedded corpus: it cannot be drawn again")
    return Clip(draw(subject.plan, gain)[2].frames, subject.clip.audio)


def _replaced(by: Path | None) -> Clip:
    if by is None:
        raise Unscorable("no clip of the same sentence to put in its place")
    other = load(by)
    return Clip(other.frames, other.audio)


_SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
_STEPS = tuple(float(s) for s in range(1, 13))

FAULTS = {
    fault.name: fault
    for fault in (
        Fault(
            "audio_shift",
            "Audio shift",
            "the sound moved; positive: it leads the picture, as AV offset counts",
            "{} frames",
            (_STEPS, tuple(-s for s in _STEPS)),
            _shifted,
            touches="sound",
        ),
        Fault(
            "blur",
            "Blur",
            "Gaussian blur, sigma in pixels",
            "{} px",
            ((0.3, 0.6, 1.0, 2.0, 3.0),),
            _pictures(lambda clip, strength, _: blur(clip.frames, strength)),
        ),
        Fault(
            "noise",
            "Noise",
            "Gaussian noise, standard deviation in grey levels of 0..255",
            "{} grey levels",
            ((1.0, 2.0, 4.0, 12.0, 32.0),),
            _pictures(lambda clip, strength, generator: noise(clip.frames, strength, generator)),
        ),
        Fault(
            "shake",
            "Picture shaken",
            "each frame moved by itself, standard deviation in pixels: jitter in time",
            "{} px",
            ((0.1, 0.2, 0.4, 0.8, 1.6),),
            _pictures(lambda clip, strength, generator: shake(clip.frames, strength, generator)),
        ),
        Fault(
            "jpeg",
            "JPEG",
            "every frame coded as JPEG; quality as libjpeg counts, lower is worse",
            "quality {}",
            ((95.0, 80.0, 60.0, 35.0, 15.0),),
            _pictures(lambda clip, strength, _: jpeg(clip.frames, round(strength))),
            unfaulted=101.0,
        ),
        Fault(
            "h264",
            "H.264",
            "coded as H.264 (x264 veryfast, yuv420p); constant rate factor, higher is worse",
            "CRF {}",
            ((10.0, 18.0, 26.0, 34.0, 42.0),),
            _pictures(lambda clip, s, _: recoded(Clip(clip.frames, None), crf=round(s)).frames),
            unfaulted=-1.0,
        ),
        Fault(
            "reencode",
            "Re-encode only",
            "written and read as the harness writes every clip (H.264 at CRF 10, AAC), generations",
            "{} generations",
            ((1.0, 2.0, 4.0, 8.0),),
            lambda subject, s, _: recoded(
                Clip(subject.clip.frames, subject.clip.audio), generations=round(s)
            ),
            touches="both",
        ),
        Fault(
            "frame_drop",
            "Frames dropped",
            "share of frames lost at random; later ones come early, the last one is held",
            "{} of frames",
            ((0.05, 0.1, 0.2, 0.4),),
            _pictures(lambda clip, strength, generator: drop_frames(clip.frames, strength, generator)),
        ),
        Fault(
            "freeze",
            "Picture frozen",
            "the picture stands still for the middle share of the clip",
            "{} of clip",
            (_SHARES,),
            _pictures(lambda clip, strength, _: freeze(clip.frames, strength)),
        ),
        Fault(
            "mouth_frozen",
            "Mouth frozen",
            "the first frame's lips and chin held for the middle share of the clip, head and eyes alive",
            "{} of clip",
            (_SHARES,),
            _pictures(lambda clip, strength, _: freeze_mouth(clip.frames, clip.landmarks, strength)),
        ),
        Fault(
            "au_gain",
            "AU gain",
            "drawn again with the emotion's action units scaled; lips, blinks, head and speech kept",
            "×{}",
            ((0.8, 0.6, 0.3, 0.0), (1.1, 1.2, 1.4)),
            _drawn_with_gain,
            unfaulted=1.0,
            needs="plan",
        ),
        Fault(
            "wrong_emotion",
            "Wrong emotion",
            "same speaker and sentence in another emotion, for a share of the clips",
            "{} of clips",
            (_SHARES,),
            lambda subject, _, __: _replaced(subject.other_emotion),
            touches="both",
            needs="other_emotion",
            of_set=True,
        ),
        Fault(
            "identity_swap",
            "Identity swap",
            "another speaker saying the same sentence, for a share of the clips",
            "{} of clips",
            (_SHARES,),
            lambda subject, _, __: _replaced(subject.other_speaker),
            touches="both",
            needs="other_speaker",
            of_set=True,
        ),
    )
}
"""Every fault by its name, in the order that they are shown in."""

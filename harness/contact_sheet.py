"""Small pictures of random faces, one of each speaker in each emotion, for the eye to check labels by.

A picture is from the middle of its clip. It is the face crop of `face-v1` where the detector's file is there
and finds a face, and the whole frame otherwise; which of the two it is, is said of each.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from harness import faces, media
from harness.datasets.splits import speaker_of
from harness.faces import Policy
from harness.types import EMOTIONS, FPS, BadInput, Sample
from harness.weights import Weights

MOST_SPEAKERS = 100
"""Of each emotion; CREMA-D has 91."""

SIDE = 144
_QUALITY = 82


@dataclass(frozen=True, slots=True)
class Shot:
    """What to draw: a sample, and the moment of its video, in seconds."""

    sample: Sample
    moment: float


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small JPEG; `face` says whether it is a face crop or the whole frame."""

    jpeg: bytes
    face: bool


@dataclass(frozen=True, slots=True)
class DrawThumbnails:
    """Draws shots as thumbnails; `policy` None shows whole frames."""

    policy: Policy | None
    weights: Weights

    def open(self) -> Callable[[Shot], Thumbnail]:
        """See Job."""
        cv2.setNumThreads(1)
        return partial(_draw, self.policy, self.weights)


def choose(samples: Iterable[Sample], seed: int) -> list[Sample]:
    """Return a random clip of each speaker in each emotion, at most MOST_SPEAKERS an emotion, in that order.

    Clips without an emotion come last, as a group of their own. What is chosen depends on the seed and the
    ids alone.
    """
    groups: dict[tuple[str | None, str], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.emotion, speaker_of(sample)), []).append(sample)
    chosen = []
    for emotion in (*EMOTIONS, None):
        speakers = sorted((s for e, s in groups if e == emotion), key=lambda name: _lot(seed, name))
        for speaker in sorted(speakers[:MOST_SPEAKERS]):
            chosen.append(min(groups[emotion, speaker], key=lambda s: _lot(seed, s.id)))
    return chosen


def _lot(seed: int, name: str) -> str:
    return hashlib.sha256(f"face {seed}:{name}".encode()).hexdigest()


def cropping(reader: str, weights: Weights) -> tuple[Policy | None, str]:
    """Return the policy that the thumbnails are cropped by, None for whole frames, and that in words."""
    if reader == "synthetic":
        return None, "whole frames: the embedded corpus is drawn as face crops"
    try:
        weights.path("face-landmarker")
    except BadInput as error:
        return None, f"whole frames, because there is no face detector: {error}"
    return faces.policy("face-v1"), "face crops by face-v1 (MediaPipe FaceLandmarker)"


def _draw(policy: Policy | None, weights: Weights, shot: Shot) -> Thumbnail:
    sample = shot.sample
    picture = next(media.pictures_25fps(sample.video, (shot.moment, shot.moment + 1 / FPS)))
    face = None if policy is None else _face(policy, weights, sample, picture)
    if face is not None:
        return Thumbnail(_jpeg(face), face=True)
    if sample.box is None:
        return Thumbnail(_jpeg(picture.rgb(SIDE)), face=False)
    return Thumbnail(_jpeg(_shrunk(picture.region(*sample.box))), face=False)


def _face(policy: Policy, weights: Weights, sample: Sample, picture: media.Picture) -> media.Frame | None:
    with faces.open_detector(policy, weights) as detect:
        try:
            track = faces.look([picture], detect, policy, sample.video, SIDE, within=sample.box)
        except BadInput:
            return None  # no face in this picture; the whole of it shows what there is instead
    return next(faces.cut(track, lambda: [picture]))


def _shrunk(image: media.Frame) -> media.Frame:
    scale = SIDE / max(image.shape[:2])
    if scale >= 1:
        return image
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(image: media.Frame) -> bytes:
    out = BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=_QUALITY, optimize=True)
    return out.getvalue()


def write(folder: Path, thumbnails: Sequence[Thumbnail]) -> list[str]:
    """Write the pictures as 0000.jpg and on, those of an earlier sheet removed; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("[0-9][0-9][0-9][0-9].jpg"):
        old.unlink()
    names = [f"{i:04d}.jpg" for i in range(len(thumbnails))]
    for name, thumbnail in zip(names, thumbnails, strict=True):
        (folder / name).write_bytes(thumbnail.jpeg)
    return names

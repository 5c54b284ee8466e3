"""One face through a clip, in two passes: `look` follows it, `cut` makes its crops.

    with open_detector(policy, weights) as detect:
        track = look(media.pictures_25fps(path), detect, policy, path, size)
    for frame in cut(track, lambda: media.pictures_25fps(path)): ...

`look` keeps the regions about the face as long as they fit in KEPT_BYTES; `cut` then needs no second
decoding. A longer clip is decoded again, so that memory does not grow with its length.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.faces.cropping import Bounds, Box, Region, Source, crop_boxes, crop_region, face_boxes, take
from harness.faces.detectors import Detector, Landmarks, NearDetector
from harness.faces.geometry import rescaled
from harness.faces.policies import Policy
from harness.types import BadInput

KEPT_BYTES = 400_000_000


@dataclass(frozen=True, slots=True)
class Track:
    """One face of a clip of T pictures, seen for crops of `size` pixels.

    landmarks: (T, 68, 2) pixels of the whole picture. boxes: (T, 3) left, top and side of the crops in it.
    found: (T,) bool, False where the landmarks are bridged. shrink: by how much regions are shrunk before
    they are cropped. within: the part of the pictures that is used, None for all. kept: the region of each
    picture, None where they would not fit in memory.
    """

    landmarks: Landmarks
    boxes: NDArray[np.float64]
    found: NDArray[np.bool_]
    size: int
    shrink: int
    within: Bounds | None
    kept: tuple[Region, ...] | None

    def inside(self) -> Landmarks:
        """Return the (T, 68, 2) landmarks in pixels of the crops."""
        local = (self.landmarks - self.boxes[:, None, :2]).astype(np.float32)
        return rescaled(local, self.size / float(self.boxes[0, 2]))


def look(
    pictures: Iterable[Source],
    detect: Detector,
    chosen: Policy,
    where: Path,
    size: int,
    within: Bounds | None = None,
) -> Track:
    """Follow one face through a clip. `within`: the corpus's own box; what lies beyond it is never used.

    Raises BadInput, naming `where`, without a face, or when it is gone for longer than the policy bridges.
    """
    follower = _Follower(detect, chosen, size, within)
    keeper = _Keeper()
    found: list[Landmarks | None] = []
    previous: Source | None = None
    for picture in pictures:
        if picture is not previous:
            face, region = follower(picture)
            keeper.add(region)
        else:
            keeper.again()
        found.append(face)
        previous = picture
    landmarks = _bridged(found, chosen, where)
    boxes = crop_boxes(landmarks, chosen)
    seen = np.array([face is not None for face in found])
    return Track(landmarks, boxes, seen, size, follower.shrink, within, keeper.all_of(boxes))


def cut(track: Track, pictures: Callable[[], Iterable[Source]]) -> Iterator[NDArray[np.uint8]]:
    """Yield the (size, size, 3) crops; `pictures` opens the same pictures again where they were not kept."""
    if track.kept is not None:
        for region, box in zip(track.kept, track.boxes, strict=True):
            yield crop_region(region, box, track.size)
        return
    for picture, box in zip(pictures(), track.boxes, strict=True):
        yield crop_region(take(picture, box, track.shrink, track.within), box, track.size)


@dataclass(slots=True)
class _Follower:
    """Finds one face in picture after picture: near the last one, or else in the whole picture."""

    detect: Detector
    chosen: Policy
    size: int
    within: Bounds | None
    shrink: int = 0
    last: Landmarks | None = None
    lost: bool = True

    def __call__(self, picture: Source) -> tuple[Landmarks | None, Region | None]:
        """Return the face's landmarks in the whole picture, and the region that was looked at."""
        region: Region | None = None
        for start in self._starts(picture):
            region = self._region(picture, start)
            face = self._near(region.image, region.inward(start))
            self.lost = face is None
            if face is not None:
                self.last = region.outward(face)
                return self.last, region
        self.lost = True
        return None, region

    def _near(self, image: NDArray[np.uint8], start: Landmarks) -> Landmarks | None:
        if isinstance(self.detect, NearDetector):
            return self.detect.near(image, start)
        faces = self.detect(image)
        index = nearest(faces, start)
        return None if index is None else faces[index]

    def _starts(self, picture: Source) -> Iterator[Landmarks]:
        """Yield where the face may be: where it was, and if it is not there, where it is seen from afar."""
        if self.last is not None and not self.lost:
            yield self.last
        faces = self._overview(picture)
        index = largest(faces) if self.last is None else nearest(faces, self.last)
        if index is not None:
            yield faces[index]

    def _overview(self, picture: Source) -> list[Landmarks]:
        left, top, width, height = self.within or (0, 0, *picture.size)
        scale = min(1.0, self.chosen.overview / max(width, height))
        if self.within is None:
            image = picture.rgb(self.chosen.overview)
        else:
            image = picture.region(left, top, width, height)
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        offset = np.array([left, top], np.float32)
        return [rescaled(face, 1 / scale) + offset for face in self.detect(image)]

    def _region(self, picture: Source, face: Landmarks) -> Region:
        box = face_boxes(face[None], self.chosen)[0]
        if not self.shrink:
            self.shrink = max(1, int(box[2] / max(self.size, self.chosen.working_side)))
        return take(picture, _widened(box, self.chosen.region), self.shrink, self.within)


def _widened(box: Box, ratio: float) -> Box:
    left, top, side = box
    return np.array([left - side * (ratio - 1) / 2, top - side * (ratio - 1) / 2, side * ratio])


@dataclass(slots=True)
class _Keeper:
    """Keeps regions until there are too many."""

    regions: list[Region] | None = field(default_factory=list)
    total: int = 0

    def add(self, region: Region | None) -> None:
        """Keep one more; from the first picture that has none on, nothing is kept."""
        self.total += 0 if region is None else region.image.nbytes
        if region is None or self.total > KEPT_BYTES:
            self.regions = None
        elif self.regions is not None:
            self.regions.append(region)

    def again(self) -> None:
        """Keep the last one for the next picture, too, which is the same."""
        if self.regions:
            self.regions.append(self.regions[-1])

    def all_of(self, boxes: NDArray[np.float64]) -> tuple[Region, ...] | None:
        """Return the kept regions if every crop can be taken from its own."""
        if self.regions is None or not all(map(Region.covers, self.regions, boxes)):
            return None
        return tuple(self.regions)


def track(images: Iterable[NDArray[np.uint8]], detect: Detector, chosen: Policy, where: Path) -> Landmarks:
    """Return one face's (T, 68, 2) landmarks, looked for in every whole image by itself: for cropped footage.

    Raises BadInput, naming `where`, without a face, or when it is gone for longer than the policy bridges.
    """
    found: list[Landmarks | None] = []
    last: Landmarks | None = None
    for image in images:
        faces = detect(image)
        index = largest(faces) if last is None else nearest(faces, last)
        found.append(None if index is None else faces[index])
        last = last if index is None else faces[index]
    return _bridged(found, chosen, where)


def largest(faces: Sequence[Landmarks]) -> int | None:
    """Return which of a picture's faces, (points, 2) each, spans the largest box; None without one."""
    areas = [float(np.prod(np.ptp(face, axis=0))) for face in faces]
    return int(np.argmax(areas)) if areas else None


def nearest(faces: Sequence[Landmarks], last: Landmarks) -> int | None:
    """Return which face's centre is nearest to the last one's, if it is within that one's width."""
    distance = [float(np.linalg.norm(face.mean(axis=0) - last.mean(axis=0))) for face in faces]
    if not distance or min(distance) > float(np.ptp(last[:, 0])):
        return None
    return int(np.argmin(distance))


def _bridged(found: list[Landmarks | None], chosen: Policy, where: Path) -> Landmarks:
    seen = [i for i, face in enumerate(found) if face is not None]
    if not seen:
        raise BadInput(f"{where}: no face found in any of its {len(found)} frames")
    bounds = [-1, *seen, len(found)]
    gap = max(after - before - 1 for before, after in itertools.pairwise(bounds))
    if gap > chosen.longest_gap:
        raise BadInput(f"{where}: no face in {gap} frames on end; {chosen.name} bridges {chosen.longest_gap}")
    known = np.stack([face for face in found if face is not None]).reshape(len(seen), -1)
    every = np.arange(len(found))
    filled = np.stack([np.interp(every, seen, column) for column in known.T], axis=1)
    return filled.reshape(-1, 68, 2).astype(np.float32)

"""Face and mouth regions of a pair: the same box in both clips, placed by the reference's landmarks.

In each frame the box is centred on the bounding box of the reference's landmarks (iBUG-68: all of them, or
the mouth's) and is as large as the largest of those in the clip, times a margin; near an edge it is moved
inside. All frames of a clip so have one size. The landmarks are those known with the clip, or the backbone's.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.contracts import MetricCard, Setup
from harness.types import Frames, Pair, Unscorable
from metrics.aggregate import require_same_size
from metrics.features.landmarks import MOUTH_68, load_landmarks

FACE_MARGIN = 1.1
MOUTH_MARGIN = 1.5

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CroppedPair:
    """A pair whose clips show the region alone; missing: frames that the reference shows no face in."""

    pair: Pair
    missing: int

    def note(self, detail: str | None) -> str | None:
        """Return a measurement's detail with what was left out here."""
        left_out = f"{self.missing} frames without a face left out" if self.missing else None
        return "; ".join(filter(None, [detail, left_out])) or None


class Region:
    """A region by name, "face" or "mouth", with the extractor that finds it where it is not known."""

    def __init__(self, name: str, setup: Setup) -> None:
        """Load the extractor; BadInput when its weights are missing or not genuine."""
        self.name = name
        self.extractor = load_landmarks(setup)
        self.points, self.margin = (
            (list(MOUTH_68), MOUTH_MARGIN) if name == "mouth" else (list(range(68)), FACE_MARGIN)
        )
        what = "points 48-67" if name == "mouth" else "all 68 points"
        self.variant = (
            f"{name}: bounding box of the reference's {what}, largest of the clip times {self.margin}, "
            f"landmarks as prepared with the clip or by {self.extractor.label}"
        )

    def card(self, whole: MetricCard) -> MetricCard:
        """Return the card of a whole-frame metric as this region's."""
        return replace(
            whole,
            name=f"{whole.name}_{self.name}",
            title=f"{whole.title} {self.name}",
            variant=f"{whole.variant}; {self.variant}",
            comparable=False,
            domain=self.extractor.domain,
        )

    def crop(self, pair: Pair) -> CroppedPair:
        """Return the pair cropped to the region; Unscorable if sizes differ or the reference has no face."""
        require_same_size(pair)
        known = pair.landmarks
        if known is None:
            known = self.extractor.read(pair, "reference")[:, list(self.extractor.ibug68)]
        boxed = boxes(known[: pair.length, self.points], self.margin, pair.reference.frames.shape[1:3])
        seen = np.flatnonzero(boxed[:, 2] > 0)
        if not len(seen):
            raise Unscorable(f"no face in the reference in any of {pair.length} frames")
        generated, reference = (
            replace(clip, frames=cut(clip.frames, boxed, seen)) for clip in (pair.generated, pair.reference)
        )
        # What was kept of the whole frames is not the crops'.
        return CroppedPair(
            replace(pair, generated=generated, reference=reference, landmarks=None, memo={}),
            pair.length - len(seen),
        )


def boxes(points: Float32, margin: float, size: tuple[int, int]) -> NDArray[np.int64]:
    """Return (T, 4) left, top, width, height of the boxes round (T, points, 2) pixels, all of one size.

    size: height and width of the frames, which a box never leaves. All zeros where points are NaN.
    """
    found = ~np.isnan(points).any(axis=(1, 2))
    rows = np.zeros((len(points), 4), np.int64)
    if not found.any():
        return rows
    low, high = points[found].min(axis=1), points[found].max(axis=1)
    limits = np.array(size[::-1])
    # A pixel's square reaches half a pixel beyond its centre.
    extent = np.minimum(np.ceil((high - low + 1).max(axis=0) * margin).astype(np.int64), limits)
    corner = np.round((low + high + 1) / 2 - extent / 2).astype(np.int64)
    rows[found] = np.concatenate(
        [np.clip(corner, 0, limits - extent), np.broadcast_to(extent, corner.shape)], axis=1
    )
    return rows


def cut(frames: Frames, boxed: NDArray[np.int64], seen: NDArray[np.int64]) -> Frames:
    """Return the (n, height, width, 3) contents of the boxes of the frames `seen`."""
    rows = ((int(i), *map(int, boxed[i])) for i in seen)
    return np.stack([frames[i, top : top + h, left : left + w] for i, left, top, w, h in rows])

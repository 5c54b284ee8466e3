"""How a clip's landmarks move: where they are in eye distances, their slow part, and their jerk.

Eye distances, so that neither the picture's size nor the face's share of it counts; places in the picture, so
that the head's motion is in them. A detector adds jitter of its own, nearly white over time: `slow` and
`jerk` average over several frames, so that it passes neither for motion nor for a lack of smoothness.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from harness.contracts import MetricCard, Setup
from harness.faces import eye_frame
from harness.types import FPS, Measurement, Pair, Score, Unscorable
from metrics.aggregate import mean_score, measurement
from metrics.features.landmarks import load_landmarks

SLOW_WINDOW = 5
JERK_WINDOW = 6
FEWEST = 10
"""Runs of frames shorter than this are too short to speak of their spread."""
_SMALLEST_EYES = 1.0

Floats = NDArray[np.float64]


class MotionMetric(ABC):
    """A number of how the generated clip's 68 landmarks move; the reference is not looked at.

    A subclass names its card's fields and computes the number.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str]
    higher_is_better: ClassVar[bool | None]
    rule: ClassVar[str]
    paper: ClassVar[str]

    def __init__(self, setup: Setup) -> None:
        """Load the landmark extractor; BadInput when its weights are missing or not genuine."""
        self.extractor = load_landmarks(setup)
        self.card = MetricCard(
            name=self.name,
            title=self.title,
            unit=self.unit,
            higher_is_better=self.higher_is_better,
            range=(0.0, np.inf),
            backbone=self.extractor.label,
            variant=f"{self.rule}; {self.extractor.variant}, of which 68 in iBUG's order",
            paper=f"{self.paper}; {self.extractor.paper}",
            comparable=False,
            family="landmarks",
            domain=self.extractor.domain,
            min_frames=FEWEST,
            paired=False,
        )

    @abstractmethod
    def of_points(self, points: Floats) -> tuple[float, str | None]:
        """Return the number and its detail, of (T, 68, 2) in eye distances, NaN where there is no face."""

    def measure(self, pair: Pair) -> Measurement:
        """Return the clip's number; Unscorable where too few frames in a row show a face."""
        points = in_eye_distances(self.extractor.read(pair, "generated")[:, list(self.extractor.ibug68)])
        missing = int(np.isnan(points).any(axis=(1, 2)).sum())
        value, detail = self.of_points(points)
        note = f"{missing} frames without a face left out" if missing else None
        return measurement(pair, value, "; ".join(filter(None, [detail, note])) or None)

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips."""
        return mean_score(measurements)


def in_eye_distances(landmarks: NDArray[np.float32]) -> Floats:
    """Return (T, 68, 2) pixels in units of the clip's distance between the eyes; NaN frames stay NaN.

    Unscorable when no frame has a face, or one so small that its eyes lie within a pixel.
    """
    found = ~np.isnan(landmarks).any(axis=(1, 2))
    if not found.any():
        raise Unscorable(f"no face in any of {len(landmarks)} frames")
    unit = eye_frame(landmarks[found])[2]
    if unit < _SMALLEST_EYES:
        raise Unscorable(f"the eyes lie {unit:.2f} px apart, less than {_SMALLEST_EYES}: no face to measure")
    return landmarks.astype(np.float64) / unit


def slow(values: Floats) -> Floats:
    """Return the running means (n, ...) over 5 frames (0.2 s) of (T, ...), where all 5 are known.

    Jitter from frame to frame is divided by 2.2, motion below 1 Hz loses 6 % and less, a syllable's 4 Hz
    three quarters. Unscorable when fewer than 6 are left: a spread needs several.
    """
    means = _in_runs(values, SLOW_WINDOW).mean(axis=-1)
    if len(means) <= FEWEST - SLOW_WINDOW:
        raise Unscorable(f"too few frames with a face in a row: {len(means)} windows of {SLOW_WINDOW}")
    return np.asarray(means)


def spread(values: Floats) -> Floats:
    """Return the standard deviation over time (...) of the slow part of (T, ...)."""
    return np.asarray(slow(values).std(axis=0))


def jerk(values: Floats) -> Floats:
    """Return the third derivatives (n, ...), per s^3, of (T, ...), where 6 frames in a row are known.

    That of the cubic through 6 frames by least squares (Savitzky and Golay, Analytical Chemistry 1964): of a
    detector's white noise it passes a sixth of what the plain third difference does, and it still sees a
    place that alternates from frame to frame, to which windows of 5 and 7 are nearly blind. Unscorable when
    no 6 are known.
    """
    places = np.arange(JERK_WINDOW) - (JERK_WINDOW - 1) / 2
    third = 6 * np.linalg.pinv(np.vander(places, 4, increasing=True))[3]
    runs = _in_runs(values, JERK_WINDOW)
    if not len(runs):
        raise Unscorable(f"no {JERK_WINDOW} frames with a face in a row")
    return np.asarray(runs @ third * FPS**3)


def _in_runs(values: Floats, window: int) -> Floats:
    """Return every run (n, ..., window) of (T, ...) without NaN."""
    runs = sliding_window_view(values, window, axis=0)
    known = ~np.isnan(runs).reshape(len(runs), -1).any(axis=1)
    return np.asarray(runs[known])

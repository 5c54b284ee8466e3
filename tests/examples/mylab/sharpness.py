"""Sharpness: variance of the Laplacian, the mean over frames (Pech-Pacheco et al., ICPR 2000)."""

from collections.abc import Sequence
from math import inf

import cv2

from harness.contracts import MetricCard, Setup
from harness.types import Measurement, Pair, Score
from metrics.aggregate import mean_score, measurement


class Sharpness:
    """How much detail the generated frames hold; the reference is not looked at."""

    card = MetricCard(
        name="sharpness",
        title="Sharpness",
        unit="",
        higher_is_better=True,
        range=(0.0, inf),
        backbone="none",
        variant="variance of the 3x3 Laplacian of luma, mean over frames",
        paper="Pech-Pacheco et al., ICPR 2000",
        comparable=False,
        paired=False,
    )

    def __init__(self, setup: Setup) -> None:
        """Load nothing: networks would be loaded here, once a worker."""

    def measure(self, pair: Pair) -> Measurement:
        """Return one clip's value; Unscorable(reason), of harness.types, would say that there is none."""
        luma = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in pair.generated.frames]
        sharp = [cv2.Laplacian(picture, cv2.CV_64F).var() for picture in luma]
        return measurement(pair, sum(sharp) / len(sharp))

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips: value, 95 % interval, n, unscored."""
        return mean_score(measurements)


METRIC = Sharpness

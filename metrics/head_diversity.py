"""Head diversity: the standard deviation over time of the head's yaw, pitch and roll, mean of the three.

SadTalker's diversity of head motion (Zhang et al., CVPR 2023) is the standard deviation, over a clip's
frames, of the features that a pose network (Hopenet) finds in them. Here it is of the angles themselves, in
degrees, so that a value can be pictured, of the pose that the landmarks say (`harness.faces.pose`), and of
motion slower than a fifth of a second, so that jitter does not count. The head's shift in the picture does
not count either; it does in `motion_diversity`. The detail has the three angles.

More is not better without end: read it beside the ground truth's. A still scores 0. Noise floor of the
embedded judge on drawn clips at 64 px, mean of 12: the truth's own landmarks 1.31, read by the judge 0.90, a
third less, from its H.264 0.88; a still written as H.264 0.002, with Gaussian noise of 4 and 12 grey levels
0.06 and 0.17.
"""

from typing import ClassVar

import numpy as np

from harness.faces import head_pose
from metrics.features.motion import Floats, MotionMetric, spread


class HeadDiversity(MotionMetric):
    """The spread over time of a generated head's angles."""

    name, title, unit = "head_diversity", "Head diversity", "°"
    higher_is_better: ClassVar[bool | None] = True
    rule = "standard deviation over time of yaw, pitch and roll, their mean, after a running mean of 5 frames"
    paper = "after Zhang et al., SadTalker, CVPR 2023"

    def of_points(self, points: Floats) -> tuple[float, str | None]:
        """Return the mean of the three deviations, and each."""
        deviations = spread(angles(points))
        detail = ", ".join(
            f"{name} {value:.2f}°" for name, value in zip(("yaw", "pitch", "roll"), deviations, strict=True)
        )
        return float(deviations.mean()), detail


def angles(points: Floats) -> Floats:
    """Return (T, 3) yaw, pitch and roll in degrees of (T, 68, 2), NaN where there is no face."""
    found = ~np.isnan(points).any(axis=(1, 2))
    turned = np.full((len(points), 3), np.nan)
    turned[found] = head_pose(points[found].astype(np.float32))
    return turned


METRIC = HeadDiversity

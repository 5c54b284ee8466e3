"""Motion diversity: how far a face's landmarks spread over time, the head's motion and the face's together.

For each of 68 landmarks the root of its variance over time (x and y together), the mean over landmarks, in
eye distances. After the diversity of head motion that SadTalker reports (Zhang et al., CVPR 2023: the
standard deviation, over a clip's frames, of a pose network's features), which is `head_diversity` in degrees
here. What differs: landmarks instead of features, so that a face that moves under a still head counts too,
and only motion slower than a fifth of a second, so that neither a jittering face nor a jittering detector
counts as a lively one.

More is not better without end: read it beside the ground truth's, which a leaderboard shows. A still scores
zero.

The embedded judge on drawn clips at 64 px, mean of 12: the truth's own landmarks 0.061, read by the judge
0.057, from its H.264 0.056. Its noise floor: a still written as H.264 0.0001, with Gaussian noise of 4 and 12
grey levels on every frame 0.002 and 0.007. A still shaken by a whole pixel of 64 at random scores 0.032 all
the same: `smoothness` tells it.
"""

from typing import ClassVar

from metrics.features.motion import Floats, MotionMetric, spread


def landmark_spread(points: Floats) -> float:
    """Return the mean over landmarks of the deviation over time of (T, 68, 2), in the points' unit."""
    return float(((spread(points) ** 2).sum(axis=-1) ** 0.5).mean())


class MotionDiversity(MotionMetric):
    """The spread over time of a generated clip's landmarks."""

    name, title, unit = "motion_diversity", "Motion diversity", "eye distances"
    higher_is_better: ClassVar[bool | None] = True
    rule = "standard deviation over time of 68 landmarks, mean over them, after a running mean of 5 frames"
    paper = "after Zhang et al., SadTalker, CVPR 2023"

    def of_points(self, points: Floats) -> tuple[float, str | None]:
        """Return the spread."""
        return landmark_spread(points), None


METRIC = MotionDiversity

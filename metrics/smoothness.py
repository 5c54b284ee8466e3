"""Smoothness: the mean jerk of a face's landmarks.

Jerk, the third derivative of place by time, is what motor control measures smoothness by (Flash and Hogan,
Journal of Neuroscience 1985); it grows with the cube of frequency, and so sees jitter long before spread
does. Here: its mean size over 68 landmarks and all frames, in eye distances per s^3, taken from cubics over 6
frames (`metrics.features.motion.jerk`) so that the detector's own jitter weighs little.

A still scores 0 and whoever moves less is smoother, so it has no direction and nobody is ranked by it: the
ground truth's is what natural motion scores. Jerk well above that is jitter, well below it a stiff face.

Noise floor of the embedded judge on drawn clips at 64 px, mean of 12: the truth's own landmarks 90, read by
the judge 102, from its H.264 100; a still written as H.264 2; with Gaussian noise of 4 and 12 grey levels 120
and 196; the face shaken at random by half a pixel a frame 443, by one 824.
"""

from typing import ClassVar

import numpy as np

from metrics.features.motion import Floats, MotionMetric, jerk


class Smoothness(MotionMetric):
    """The mean jerk of a generated clip's landmarks."""

    name, title, unit = "smoothness", "Landmark jerk", "eye distances/s³"
    higher_is_better: ClassVar[bool | None] = None
    rule = "mean size of the third derivative of 68 landmarks, from cubics over 6 frames; a still has 0"
    paper = "after Flash and Hogan, The Coordination of Arm Movements, Journal of Neuroscience 1985"

    def of_points(self, points: Floats) -> tuple[float, str | None]:
        """Return the mean jerk."""
        return float(np.linalg.norm(jerk(points), axis=-1).mean()), None


METRIC = Smoothness

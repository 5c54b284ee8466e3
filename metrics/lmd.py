"""LMD: how far the generated face's landmarks lie from the real one's, once both are centred.

EAT's definition (Gan et al., Efficient Emotional Adaptation for Audio-Driven Talking-Head Generation, ICCV
2023): each frame's set is centred by its own mean, neither scale nor rotation is removed, and the Euclidean
distance is averaged over points and frames. EAT uses dlib's 68 points; the landmarks here are named in the
title, and a number of one kind says nothing about another's. In pixels of frames whose shorter side is
brought to 256, so a face that fills less of its frame scores lower: the distance in eye distances is beside
it. A turn of the head counts as well as the face's motion.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.contracts import MetricCard, Setup
from harness.faces import eye_centres
from harness.types import Measurement, Pair, Score, Unscorable
from metrics.aggregate import mean_score, measurement, require_frames, require_same_size
from metrics.features.landmarks import load_landmarks

SIDE = 256

Float32 = NDArray[np.float32]


def landmark_distance(generated: Float32, reference: Float32) -> float:
    """Return the mean distance, in their units, of two (T, points, 2) sets, each frame's about its mean."""
    a = generated - generated.mean(axis=1, keepdims=True, dtype=np.float64)
    b = reference - reference.mean(axis=1, keepdims=True, dtype=np.float64)
    return float(np.linalg.norm(a - b, axis=2).mean())


class LandmarkDistance:
    """LMD of a generated clip's whole face against its reference's, frame i with frame i."""

    name, part = "lmd", "face"

    def __init__(self, setup: Setup) -> None:
        """Load the landmark extractor; BadInput when its weights are missing or not genuine."""
        self.extractor = load_landmarks(setup)
        self.card = MetricCard(
            name=self.name,
            title=f"{self.extractor.title} {self.part}",
            unit="px",
            higher_is_better=False,
            range=(0.0, SIDE * 2**0.5),
            backbone=self.extractor.label,
            variant=f"{self.extractor.variant}; px at {SIDE} px of the frame's shorter side, each set "
            "centred by its own mean, frames without a face in either clip left out",
            paper=f"Gan et al., EAT, ICCV 2023; {self.extractor.paper}",
            comparable=False,
            family="landmarks",
            domain=self.extractor.domain,
        )

    def measure(self, pair: Pair) -> Measurement:
        """Return the clip's LMD; Unscorable if sizes differ or no frame shows a face in both clips."""
        require_frames(pair, self.card.min_frames)
        require_same_size(pair)
        generated = self.extractor.read(pair, "generated")[: pair.length]
        reference = self.extractor.read(pair, "reference")[: pair.length]
        found = ~(np.isnan(generated) | np.isnan(reference)).any(axis=(1, 2))
        if not found.any():
            raise Unscorable(f"no face in both clips in any of {pair.length} frames")
        generated, reference = generated[found], reference[found]
        right, left = eye_centres(reference[:, list(self.extractor.ibug68)]).transpose(1, 0, 2)
        pixels = landmark_distance(self.points(generated), self.points(reference))
        detail = f"{pixels / float(np.linalg.norm(left - right, axis=1).mean()):.4f} eye distances"
        if missing := int((~found).sum()):
            detail += f"; {missing} frames without a face left out"
        return measurement(pair, pixels * SIDE / min(pair.reference.frames.shape[1:3]), detail)

    def points(self, landmarks: Float32) -> Float32:
        """Return the landmarks that this metric is about."""
        return landmarks

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips, in px."""
        return mean_score(measurements)


METRIC = LandmarkDistance

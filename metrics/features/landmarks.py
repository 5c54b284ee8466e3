"""Face landmarks of a clip, in pixels of its frames, from two instruments that are never mixed.

Reference: the 478 vertices of MediaPipe's face mesh. Embedded: the landmark judge's 68 points, valid for the
embedded corpus alone. A frame without a face is NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Setup
from harness.faces import MESH_TO_68
from harness.types import Pair
from harness.weights import Weights
from metrics.features.face_mesh import LIPS, POINTS, WEIGHTS, FaceMesh
from metrics.features.judge_files import describe
from metrics.features.kept import Side, instrument, kept
from metrics.features.landmark_judge import NAME, LandmarkJudge
from metrics.features.landmark_judge import POINTS as JUDGE_POINTS

MOUTH_68 = tuple(range(48, 68))

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LandmarkExtractor:
    """An instrument: the landmarks that it finds in one whole clip, and the words for a card.

    read: (pair, side) -> (T, points, 2) float32 pixels. mouth: its points of the lips. ibug68: its points
    nearest to iBUG-68's, in that order.
    """

    label: str
    title: str
    variant: str
    paper: str
    domain: Literal["any", "embedded-corpus"]
    mouth: tuple[int, ...]
    ibug68: tuple[int, ...]
    read: Callable[[Pair, Side], Float32]


def load_landmarks(setup: Setup) -> LandmarkExtractor:
    """Load the instrument asked for. BadInput when its weights are missing or not genuine."""
    return mesh_landmarks(setup.weights) if setup.backbone == "reference" else judge_landmarks()


def mesh_landmarks(weights: Weights) -> LandmarkExtractor:
    """Load MediaPipe's face mesh; BadInput when its file is missing or not genuine."""
    mesh = FaceMesh(weights)
    return LandmarkExtractor(
        label=weights.label("MediaPipe FaceLandmarker", WEIGHTS),
        title="LMD-mp478",
        variant=f"{POINTS} vertices of MediaPipe's mesh (mouth: {len(LIPS)} of the lips)",
        paper="Kartynnik et al., Real-time Facial Surface Geometry, 2019",
        domain="any",
        mouth=LIPS,
        ibug68=MESH_TO_68,
        read=lambda pair, side: mesh.of_clip(pair, side).points,
    )


def judge_landmarks() -> LandmarkExtractor:
    """Load the embedded judge; BadInput when its file is missing or another."""
    judge = LandmarkJudge.load()
    key = instrument(NAME, Weights())
    error = describe(NAME)["figures"]["face_error_centred"]

    def read(pair: Pair, side: Side) -> Float32:
        frames = (pair.reference if side == "reference" else pair.generated).frames
        return kept(pair, side, key, frames, lambda: judge.landmarks(frames))

    return LandmarkExtractor(
        label="landmark-judge",
        title="LMD-68",
        variant=f"68 points found by the judge to {error:.3f} eye distances (mouth: {len(MOUTH_68)})",
        paper="this project, trained on the embedded corpus",
        domain="embedded-corpus",
        mouth=MOUTH_68,
        ibug68=tuple(range(JUDGE_POINTS)),
        read=read,
    )

"""MediaPipe FaceLandmarker over a clip: 478 landmarks and 52 blendshapes a frame, from one pass.

Kartynnik et al., Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs, 2019. Frames are
independent pictures, so no frame depends on the order of work; of several faces the largest of the first
frame that has one is followed by nearness, as the face policy does. AUs (`blendshapes`) and landmarks
(`landmarks`) are read from the same pass.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.faces import MESH_TO_68, largest, nearest
from harness.types import Frames, Pair
from harness.weights import Weights
from metrics.features.kept import Side, instrument, kept

WEIGHTS = "face-landmarker"
POINTS = 478
SHAPES = (
    *("_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight"),
    *("eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft"),
    *("eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight"),
    *("eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose"),
    *("mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel"),
    *("mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight"),
    *("mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower"),
    *("mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight"),
)
# The vertices of the lips' inner and outer outlines.
LIPS = (
    *(0, 13, 14, 17, 37, 39, 40, 61, 78, 80, 81, 82, 84, 87, 88, 91, 95, 146, 178, 181),
    *(185, 191, 267, 269, 270, 291, 308, 310, 311, 312, 314, 317, 318, 321, 324, 375, 402, 405, 409, 415),
)
MIN_SIDE = 256
MOST_FACES = 4

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MeshPass:
    """What one pass found in T frames; rows of a frame without a face are NaN.

    points: (T, 478, 2) pixels of the frames as given, a whole number being a pixel's centre.
    shapes: (T, 52) in 0..1, in the order of SHAPES.
    """

    points: Float32
    shapes: Float32

    @property
    def sixty_eight(self) -> Float32:
        """The (T, 68, 2) points nearest to iBUG-68's."""
        return self.points[:, list(MESH_TO_68)]


class FaceMesh:
    """FaceLandmarker with its published file; one pass a clip, shared by all metrics that need it."""

    def __init__(self, weights: Weights) -> None:
        """Find the file; BadInput when it is missing or not genuine."""
        self.path = weights.path(WEIGHTS)
        self.instrument = instrument("face-mesh", weights, WEIGHTS)

    def of_clip(self, pair: Pair, side: Side) -> MeshPass:
        """Return the pass over one whole clip of a pair."""
        clip = pair.reference if side == "reference" else pair.generated
        rows = kept(pair, side, self.instrument, clip.frames, lambda: mesh_rows(clip.frames, self.path))
        return MeshPass(rows[:, : 2 * POINTS].reshape(-1, POINTS, 2), rows[:, 2 * POINTS :])


def mesh_rows(frames: Frames, path: Path) -> Float32:
    """Return (T, 478 * 2 + 52): points, then shapes, of (T, H, W, 3) uint8 RGB frames.

    path: face_landmarker.task.
    """
    # MediaPipe takes a second to import and is needed by this backbone alone.
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(path)),
        output_face_blendshapes=True,
        num_faces=MOST_FACES,
    )
    rows = np.full((len(frames), 2 * POINTS + len(SHAPES)), np.nan, np.float32)
    last: Float32 | None = None
    # Opened for each clip, in 50 ms: left open to the interpreter's end, its closing fails.
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for row, frame in zip(rows, frames, strict=True):
            faces = _faces(landmarker.detect, frame)
            seen = [points for points, _ in faces]
            chosen = largest(seen) if last is None else nearest(seen, last)
            if chosen is None:
                continue
            last = seen[chosen]
            row[:] = np.concatenate([last.ravel(), faces[chosen][1]])
    return rows


def _faces(detect: Callable[[Any], Any], frame: NDArray[np.uint8]) -> list[tuple[Float32, Float32]]:
    """Return each face's points in the frame's pixels and its shapes."""
    import mediapipe

    picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=upscaled(frame))
    found = detect(picture)
    size = np.array(frame.shape[1::-1], np.float32)
    return [
        (
            np.array([(point.x, point.y) for point in face], np.float32) * size - np.float32(0.5),
            np.array([scores[name] for name in SHAPES], np.float32),
        )
        for face, scores in zip(
            found.face_landmarks,
            ({shape.category_name: shape.score for shape in shapes} for shapes in found.face_blendshapes),
            strict=True,
        )
    ]


def upscaled(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an (H, W, 3) frame with its shorter side at least 256 px: smaller faces are missed."""
    side = min(frame.shape[:2])
    if side >= MIN_SIDE:
        return np.ascontiguousarray(frame)
    scale = MIN_SIDE / side
    bigger: NDArray[np.uint8] = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return bigger

"""AU proxy from MediaPipe FaceLandmarker's blendshapes: which shapes stand for which action unit.

The map follows py-feat's AU reference (cosanlab/py-feat, docs/pages/au_reference.md), approximate by its own
word; left and right are averaged. Left out: shapes that the model never moves (cheekSquint, noseSneer,
jawForward, cheekPuff, so AU6, 9, 29, 34 are not measurable), AU25, which has no shape, and jaw sideways, gaze
and eye direction codes.
"""

import atexit
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.types import Frames

MIN_SIDE = 256

UNITS = {
    "AU1": ("browInnerUp",),
    "AU2": ("browOuterUpLeft", "browOuterUpRight"),
    "AU4": ("browDownLeft", "browDownRight"),
    "AU5": ("eyeWideLeft", "eyeWideRight"),
    "AU7": ("eyeSquintLeft", "eyeSquintRight"),
    "AU8": ("mouthClose",),
    "AU10": ("mouthUpperUpLeft", "mouthUpperUpRight"),
    "AU12": ("mouthSmileLeft", "mouthSmileRight"),
    "AU14": ("mouthDimpleLeft", "mouthDimpleRight"),
    "AU15": ("mouthFrownLeft", "mouthFrownRight"),
    "AU16": ("mouthLowerDownLeft", "mouthLowerDownRight"),
    "AU17": ("mouthShrugLower",),
    "AU18": ("mouthPucker",),
    "AU20": ("mouthStretchLeft", "mouthStretchRight"),
    "AU22": ("mouthFunnel",),
    "AU23/24": ("mouthPressLeft", "mouthPressRight"),
    "AU26": ("jawOpen",),
    "AU28": ("mouthRollUpper", "mouthRollLower"),
    "AU43/45": ("eyeBlinkLeft", "eyeBlinkRight"),
}

Float32 = NDArray[np.float32]


def units_of(shapes: dict[str, float]) -> list[float]:
    """Return the AUs, in the order of UNITS, of one face's blendshapes by name."""
    return [sum(shapes[name] for name in names) / len(names) for names in UNITS.values()]


def load_blendshapes(path: Path) -> Callable[[Frames], Float32]:
    """Return a function (T, H, W, 3) uint8 RGB -> (T, AUs) in 0..1; NaN rows where no face is found.

    path: face_landmarker.task. Frames are independent pictures: no tracking carries a face over.
    """
    # MediaPipe takes a second to import and is needed by this backbone alone.
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(path)),
        output_face_blendshapes=True,
        num_faces=1,
    )
    landmarker = vision.FaceLandmarker.create_from_options(options)
    atexit.register(landmarker.close)  # left to the interpreter's end, its own closing fails noisily

    def intensities(frames: Frames) -> Float32:
        rows = np.full((len(frames), len(UNITS)), np.nan, np.float32)
        for row, frame in zip(rows, frames, strict=True):
            picture = mp.Image(image_format=mp.ImageFormat.SRGB, data=upscaled(frame))
            faces = landmarker.detect(picture).face_blendshapes
            if faces:
                row[:] = units_of({shape.category_name: shape.score for shape in faces[0]})
        return rows

    return intensities


def upscaled(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an (H, W, 3) frame with its shorter side at least 256 px: smaller faces are missed."""
    side = min(frame.shape[:2])
    if side >= MIN_SIDE:
        return np.ascontiguousarray(frame)
    scale = MIN_SIDE / side
    bigger: NDArray[np.uint8] = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return bigger

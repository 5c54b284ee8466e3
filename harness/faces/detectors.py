"""Detectors behind one call: from a picture to the 68 landmarks of every face in it.

`mediapipe`: FaceLandmarker in its reference file, each picture by itself. (Its video mode with one face
smooths landmarks over time, which moves the lips by up to 7 px of a 256 px crop; with more faces it finds
what the image mode finds, no faster.) `embedded`: the project's own, for drawn faces only (`embedded`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.faces.policies import Policy
from harness.weights import Weights

Landmarks = NDArray[np.float32]
Detector = Callable[[NDArray[np.uint8]], list[Landmarks]]
"""From one (H, W, 3) picture to the (68, 2) landmarks, in pixels, of every face in it."""

OpenDetector = Callable[[], AbstractContextManager[Detector]]
"""Opens a detector for one clip and closes it again."""

FILES = {"mediapipe": "face-landmarker", "embedded": "embedded-face-detector"}
"""What each detector's file is called in `harness.weights_table`."""

# The vertices of MediaPipe's 478-point mesh nearest to the points of iBUG-68: jaw line, brows, nose
# bridge and base, eyes, outer and inner lips, as commonly used (PeizhiYan/Mediapipe_2_Dlib_Landmarks).
MESH_TO_68 = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
)


def open_detector(chosen: Policy, weights: Weights) -> AbstractContextManager[Detector]:
    """Open the policy's detector for one clip; BadInput when its file is missing or another."""
    if chosen.detector == "embedded":
        from harness.faces.embedded import embedded_detector  # needs torch, which takes seconds to import

        return embedded_detector(chosen, weights)
    return mediapipe_detector(chosen, weights)


@contextmanager
def mediapipe_detector(chosen: Policy, weights: Weights) -> Iterator[Detector]:
    """Open MediaPipe FaceLandmarker with the reference file, in 50 ms; BadInput when the file is missing.

    To be closed before the interpreter ends: its own thread is gone by then, and closing fails.
    """
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(weights.path(FILES["mediapipe"]))),
        num_faces=chosen.most_faces,
    )

    def detect(image: NDArray[np.uint8]) -> list[Landmarks]:
        height, width = image.shape[:2]
        scale = max(1.0, chosen.smallest_picture / min(height, width))
        if scale > 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        found = landmarker.detect(picture).face_landmarks
        return [_pixels(face, width, height) for face in found]

    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        yield detect


def _pixels(face: Sequence[Any], width: int, height: int) -> Landmarks:
    points = [(face[i].x * width, face[i].y * height) for i in MESH_TO_68]
    return np.array(points, np.float32) - np.float32(0.5)

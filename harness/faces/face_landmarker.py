"""MediaPipe FaceLandmarker in its reference file: in whole pictures as it comes, near a known face by itself.

FaceLandmarker (Kartynnik et al., Real-time Facial Surface Geometry, 2019) first finds faces and then, with a
second network, the 478 points of each. Where a face is known from the picture before, only the second is
needed; LiteRT runs it out of the same file, on the window about that face that FaceLandmarker would choose
itself, in half the time. Against FaceLandmarker on every full-size picture by itself, landmarks are off by
0.3 % of the crop's side on average, which is what they move by when its window moves, and they shake no more.
(FaceLandmarker's video mode with one face smooths landmarks over time, which moves the lips by up to 7 px of
a 256 px crop; with more faces it is no faster than picture by picture.)
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.faces.detectors import FILES, MESH_TO_68, Detector, Landmarks
from harness.faces.geometry import eye_frame
from harness.faces.policies import Policy
from harness.weights import Weights

_SECOND_NETWORK = "face_landmarks_detector.tflite"
_WINDOW = 256
# Small pictures are not enlarged beyond this side: a strip of one row would fill a memory.
_LARGEST = 2048
# FaceLandmarker's own threshold for a face being there.
_IS_FACE = 0.5
# The window's side, and its middle below the eyes' middle, in interocular units: of those tried on real
# clips, the window that gives the points nearest to FaceLandmarker's own.
_WINDOW_UNITS = 4.0
_BELOW_EYES = 0.65


class FaceLandmarker:
    """See `detectors.NearDetector`."""

    def __init__(self, landmarker: Any, mesh: "_Mesh", chosen: Policy) -> None:
        self.landmarker, self.mesh, self.chosen = landmarker, mesh, chosen

    def __call__(self, image: NDArray[np.uint8]) -> list[Landmarks]:
        """Return the (68, 2) landmarks of the faces in an (H, W, 3) picture."""
        import mediapipe

        height, width = image.shape[:2]
        scale = self.chosen.smallest_picture / min(height, width)
        scale = max(1.0, min(scale, _LARGEST / max(height, width)))
        if scale > 1:
            image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC))
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        found = self.landmarker.detect(picture).face_landmarks
        size = np.array([width, height], np.float32)
        points = [np.array([(face[i].x, face[i].y) for i in MESH_TO_68], np.float32) for face in found]
        return [face * size - np.float32(0.5) for face in points]

    def near(self, image: NDArray[np.uint8], last: Landmarks) -> Landmarks | None:
        """Return the landmarks of the face that was at `last`, None where there is none any more."""
        return self.mesh(image, last)


class _Mesh:
    """FaceLandmarker's second network: one face in a square window of 256 px that stands upright on it."""

    def __init__(self, task: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with zipfile.ZipFile(task) as files:
            self._net = Interpreter(model_content=files.read(_SECOND_NETWORK), num_threads=1)
        self._net.allocate_tensors()
        self._input = self._net.get_input_details()[0]["index"]
        self._points, self._face = (output["index"] for output in self._net.get_output_details()[:2])

    def __call__(self, image: NDArray[np.uint8], last: Landmarks) -> Landmarks | None:
        matrix = _window(last)
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        window = cv2.warpAffine(image, matrix, (_WINDOW, _WINDOW), flags=how)
        self._net.set_tensor(self._input, window[None].astype(np.float32) / np.float32(255))
        self._net.invoke()
        logit = float(self._net.get_tensor(self._face).item())
        if 1 / (1 + np.exp(-logit)) < _IS_FACE:
            return None
        points = self._net.get_tensor(self._points).reshape(-1, 3)[list(MESH_TO_68), :2] - 0.5
        placed: Landmarks = (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
        return placed


def _window(last: Landmarks) -> NDArray[np.float64]:
    """Return the (2, 3) matrix from the window's pixels to the picture's."""
    (middle,), ((right, down),), unit = eye_frame(last[None])
    turn = np.array([[right, -down], [down, right]])
    # Of a face in profile the eyes are at one side.
    across = (last - middle) @ turn[:, 0]
    centre = middle + turn @ ((across.min() + across.max()) / 2, _BELOW_EYES * unit)
    scaled = turn * (_WINDOW_UNITS * unit / _WINDOW)
    return np.column_stack([scaled, centre - scaled @ np.full(2, (_WINDOW - 1) / 2)])


@contextmanager
def mediapipe_detector(chosen: Policy, weights: Weights) -> Iterator[Detector]:
    """Open FaceLandmarker with the reference file, in 70 ms; BadInput when the file is missing.

    To be closed before the interpreter ends: its own thread is gone by then, and closing fails.
    """
    from mediapipe.tasks.python import BaseOptions, vision

    task = weights.path(FILES["mediapipe"])
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(task)), num_faces=chosen.most_faces
    )
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        yield FaceLandmarker(landmarker, _Mesh(task), chosen)

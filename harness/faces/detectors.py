"""Detectors behind one call: from a picture to the 68 landmarks of every face in it.

`mediapipe` (`face_landmarker`): the reference file, for people. `embedded` (`embedded`): the project's own,
for drawn faces only.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class NearDetector(Protocol):
    """A detector that finds a face faster where it was in the picture before."""

    def __call__(self, image: NDArray[np.uint8], /) -> list[Landmarks]:
        """See `Detector`."""
        ...

    def near(self, image: NDArray[np.uint8], last: Landmarks) -> Landmarks | None:
        """Return the landmarks of the face that was at `last`, None where there is none any more."""
        ...


def open_detector(chosen: Policy, weights: Weights) -> AbstractContextManager[Detector]:
    """Open the policy's detector for one clip; BadInput when its file is missing or another."""
    # Each needs packages that take seconds to import.
    if chosen.detector == "embedded":
        from harness.faces.embedded import embedded_detector

        return embedded_detector(chosen, weights)
    from harness.faces.face_landmarker import mediapipe_detector

    return mediapipe_detector(chosen, weights)

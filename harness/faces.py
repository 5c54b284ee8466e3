"""One face policy for every method and metric: where the face is, how it is cropped, what is hidden of it.

`face-v1`: MediaPipe FaceLandmarker on every frame by itself (so no frame depends on the order of work);
the largest face of the first frame that has one, then the nearest from frame to frame; gaps of up to 12
frames are interpolated, longer ones make the clip unusable. The crop is square, of one size for the whole
clip, centred on the eyes smoothed over time, and framed as the embedded corpus is drawn; what lies beyond
the picture is its edge repeated. `none`: the footage is cropped already and is only resized; its landmarks
are the corpus's truth where it has one, and found by the same detector otherwise. Landmarks are pixel
indices: a whole number is a pixel's centre.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from harness.types import BadInput, Frames, Unscorable
from harness.weights import Weights

Landmarks = NDArray[np.float32]
Detector = Callable[[NDArray[np.uint8]], list[Landmarks]]
"""From one (H, W, 3) picture to the (68, 2) landmarks, in pixels, of every face in it."""

OpenDetector = Callable[[], AbstractContextManager[Detector]]
"""Opens a detector for one clip and closes it again."""

EYES = (36, 39, 42, 45)
NOSE_BASE = 33

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


@dataclass(frozen=True, slots=True)
class Policy:
    """A face policy by name and version, with every constant that a crop depends on.

    side: the crop's side in interocular units (`eye_frame`). eye_height: where the eyes' middle stands,
    as a fraction from the top. smoothing: sigma of the centre's smoothing in frames. longest_gap: frames
    without a face that are bridged. smallest_picture: smaller pictures are enlarged for the detector.
    """

    name: str
    crops: bool
    side: float = 4.0
    eye_height: float = 0.4
    smoothing: float = 3.0
    longest_gap: int = 12
    most_faces: int = 4
    smallest_picture: int = 256


POLICIES = {"none": Policy("none", crops=False), "face-v1": Policy("face-v1", crops=True)}


def policy(name: str) -> Policy:
    """Return a policy by its name."""
    if name not in POLICIES:
        raise BadInput(f'no face policy "{name}"; known: {", ".join(POLICIES)}')
    return POLICIES[name]


@contextmanager
def mediapipe_detector(chosen: Policy, weights: Weights) -> Iterator[Detector]:
    """Open MediaPipe FaceLandmarker with the reference file, in 50 ms; BadInput when the file is missing.

    To be closed before the interpreter ends: its own thread is gone by then, and closing fails.
    """
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(weights.path("face-landmarker"))),
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


def track(images: Iterable[NDArray[np.uint8]], detect: Detector, chosen: Policy, where: Path) -> Landmarks:
    """Return one face's (T, 68, 2) landmarks in every frame; BadInput, naming `where`, without a face."""
    found: list[Landmarks | None] = []
    last: Landmarks | None = None
    for image in images:
        faces = detect(image)
        index = largest(faces) if last is None else nearest(faces, last)
        found.append(None if index is None else faces[index])
        last = last if index is None else faces[index]
    return _bridged(found, chosen.longest_gap, where)


def largest(faces: Sequence[Landmarks]) -> int | None:
    """Return which of a picture's faces, (points, 2) each, spans the largest box; None without one."""
    areas = [float(np.prod(np.ptp(face, axis=0))) for face in faces]
    return int(np.argmax(areas)) if areas else None


def nearest(faces: Sequence[Landmarks], last: Landmarks) -> int | None:
    """Return which face's centre is nearest to the last one's, if it is within that one's width."""
    distance = [float(np.linalg.norm(face.mean(axis=0) - last.mean(axis=0))) for face in faces]
    if not distance or min(distance) > float(np.ptp(last[:, 0])):
        return None
    return int(np.argmin(distance))


def crop_boxes(landmarks: Landmarks, chosen: Policy) -> NDArray[np.float64]:
    """Return (T, 3) left, top and side of the square crops, in pixels; one side for the whole clip."""
    middle, _, unit = eye_frame(landmarks)
    side = chosen.side * unit
    centre = gaussian_filter1d(middle, chosen.smoothing, axis=0, mode="nearest")
    corner = centre - side * np.array([0.5, chosen.eye_height])
    return np.concatenate([corner, np.full((len(corner), 1), side)], axis=1)


def crop(image: NDArray[np.uint8], box: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """Return the (size, size, 3) content of a box, area-averaged, its outside the repeated edge."""
    left, top, side = box
    # Shrinking by more than 2 in one bilinear step would skip pixels: take pixels first, then average them.
    taken = max(size, round(side))
    ratio = taken / side
    first = (ratio - 1) / 2 - ratio * np.array([left, top])
    matrix = np.array([[ratio, 0, first[0]], [0, ratio, first[1]]])
    cut = cv2.warpAffine(
        image, matrix, (taken, taken), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    shrunk = cut if taken == size else cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.uint8)


def eye_centres(landmarks: Landmarks) -> Landmarks:
    """Return (T, 2, 2), the centres of right and left eye, each the mean of its two corners."""
    return np.stack([landmarks[:, [36, 39]].mean(axis=1), landmarks[:, [42, 45]].mean(axis=1)], axis=1)


def eye_frame(landmarks: Landmarks) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return the eyes' middle (T, 2), their unit direction (T, 2) and the clip's interocular unit in pixels.

    The unit is the median distance of the eyes' centres, or of eyes and nose base where a turned head
    shortens the former; neither moves with mouth, jaw or brows.
    """
    points = landmarks.astype(np.float64)
    right, left = eye_centres(landmarks).astype(np.float64).transpose(1, 0, 2)
    middle, across = (right + left) / 2, left - right
    between = np.linalg.norm(across, axis=1)
    to_nose = np.linalg.norm(points[:, NOSE_BASE] - middle, axis=1)
    unit = max(float(np.median(between)), float(np.median(to_nose)) / 0.85)
    return middle, across / np.maximum(between, 1e-6)[:, None], unit


def full_face_mask(landmarks: Landmarks, size: int) -> NDArray[np.bool_]:
    """Return (T, S, S) bool, True on the whole face from above the raised brows to below the open jaw.

    A superellipse placed by the eyes alone, of one size for the whole clip, so that its outline says nothing
    of mouth, jaw or brows. It covers every landmark of every clip of the embedded corpus.
    """
    return np.stack(list(full_face_masks(landmarks, size)))


def full_face_masks(landmarks: Landmarks, size: int) -> Iterator[NDArray[np.bool_]]:
    """Yield the (S, S) masks of `full_face_mask` one by one, for clips whose masks fill a memory."""
    middle, across, unit = eye_frame(landmarks)
    ys, xs = np.mgrid[0:size, 0:size].astype(np.float64)
    for (mx, my), (ux, uy) in zip(middle, across, strict=True):
        right = ((xs - mx) * ux + (ys - my) * uy) / unit
        down = (-(xs - mx) * uy + (ys - my) * ux) / unit
        yield np.abs(right / 1.5) ** 2.5 + np.abs((down - 1.05) / 2.0) ** 2.5 <= 1


def _pixels(face: Sequence[Any], width: int, height: int) -> Landmarks:
    points = [(face[i].x * width, face[i].y * height) for i in MESH_TO_68]
    return np.array(points, np.float32) - np.float32(0.5)


def _bridged(found: list[Landmarks | None], longest_gap: int, where: Path) -> Landmarks:
    seen = [i for i, face in enumerate(found) if face is not None]
    if not seen:
        raise BadInput(f"{where}: no face found in any of its {len(found)} frames")
    bounds = [-1, *seen, len(found)]
    gap = max(after - before - 1 for before, after in itertools.pairwise(bounds))
    if gap > longest_gap:
        raise BadInput(f"{where}: no face in {gap} frames on end; face-v1 bridges {longest_gap}")
    known = np.stack([face for face in found if face is not None]).reshape(len(seen), -1)
    every = np.arange(len(found))
    filled = np.stack([np.interp(every, seen, column) for column in known.T], axis=1)
    return filled.reshape(-1, 68, 2).astype(np.float32)


def rescaled(landmarks: Landmarks, ratio: float) -> Landmarks:
    """Return the landmarks of pictures resized by `ratio`: index 0 is half a pixel inside the edge."""
    return (landmarks + np.float32(0.5)) * np.float32(ratio) - np.float32(0.5)


def resized(frames: Frames, size: int) -> Frames:
    """Return (T, size, size, 3) of square footage; Unscorable for any other, which would be squeezed."""
    height, width = frames.shape[1:3]
    if height != width:
        raise Unscorable(f"{width}x{height} is no square face crop: crop the faces (face-v1)")
    return resized_to(frames, size, size)


def resized_to(frames: Frames, height: int, width: int) -> Frames:
    """Return (T, height, width, 3): footage shrunk by area or enlarged by cubic interpolation."""
    if frames.shape[1:3] == (height, width):
        return frames
    method = cv2.INTER_AREA if frames.shape[1] > height else cv2.INTER_CUBIC
    return np.stack([cv2.resize(f, (width, height), interpolation=method) for f in frames])

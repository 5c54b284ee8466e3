"""One face policy for every method and metric: detect, follow, crop, and the whole-face mask.

`none` is for footage that is cropped already: frames are resized, nothing else. `face-v1` finds the speaker
with MediaPipe FaceLandmarker on every 25 fps frame, follows that face, and cuts one square of constant scale
that moves smoothly with the head. The square hangs on eye corners and nose alone, so that an opening jaw does
not move the picture, and it is never rotated. Landmarks are pixel indices: whole numbers are pixel centres.
Not done here: decoding (`media`), sound.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.catalog import nearest
from harness.media import Frame, frames_25fps
from harness.types import BadInput, Frames
from harness.weights import Weights

Float = NDArray[np.float32]

Detector = Callable[[Iterable[Frame]], list[list[Float]]]
"""From a clip's frames, (H, W, 3) uint8 RGB, to the faces in each: (68, 2) float32 px, iBUG-68 order."""

# iBUG-68 points as vertices of MediaPipe's 478-point face mesh, chosen by anatomy from the mesh's own
# connection sets (face oval, brows, eyes, lips; mediapipe/tasks/.../face_landmarker.py).
_IBUG_68 = (
    *(127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356),  # jaw, ear to ear
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),  # brows
    *(168, 197, 5, 4, 98, 97, 2, 326, 327),  # nose: bridge, base
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer lips
    *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lips
)

_RIGID_EYES = (36, 39, 42, 45)
_NOSE_BASE = 33
# Proportions of an adult face in inter-ocular distances (eye centre to eye centre).
_NOSE_LENGTH = 0.72
_MASK_TOP, _MASK_BOTTOM, _MASK_HALF_WIDTH = -0.85, 2.6, 1.42
_MASK_ROUNDNESS = 2.5
_TURN_SHIFT = 0.7


@dataclass(frozen=True, slots=True)
class Policy:
    """How faces are cropped: every constant that a pixel of a prepared clip depends on.

    crop: False takes the (square) footage as it is. detect_side: longest side, in px, of the picture that the
        detector sees. max_faces, confidence: FaceLandmarker's own limits.
    track_overlap: IoU with a face's last box that continues its track. The track with the largest area
        summed over frames is the speaker: large, and there for long.
    longest_gap: frames without the face that are bridged by interpolation; a longer gap makes the clip
        unusable. A face that jumps (a cut) breaks its track and so leaves such a gap.
    side: of the square, in inter-ocular distances, from the clip's median face; 4.2 makes the head fill about
        75 % of the height, as in the embedded corpus. centre_down: of its centre below the eyes, same unit.
    smoothing: frames in the moving average of the centre. padding: value of pixels outside the picture.
    """

    name: str
    version: int
    crop: bool
    detect_side: int = 640
    max_faces: int = 4
    confidence: float = 0.5
    track_overlap: float = 0.3
    longest_gap: int = 5
    side: float = 4.2
    centre_down: float = 0.25
    smoothing: int = 13
    padding: int = 0

    def detector(self, weights: Weights) -> Detector:
        """Return a detector that asks for its weights only when it is given a clip."""
        return LandmarkDetector(self, weights)


POLICIES = {p.name: p for p in (Policy("none", 1, crop=False), Policy("face-v1", 1, crop=True))}


def policy(name: str) -> Policy:
    """Return the policy of that name. Raises BadInput with the nearest match."""
    if name not in POLICIES:
        raise BadInput(f'key faces: no face policy "{name}": {nearest(name, list(POLICIES))}')
    return POLICIES[name]


class LandmarkDetector:
    """MediaPipe FaceLandmarker on single pictures.

    IMAGE mode, because VIDEO mode filters landmarks over time, which blurs and delays the lips; here
    a frame's landmarks depend on that frame alone.
    """

    def __init__(self, rules: Policy, weights: Weights) -> None:
        self._rules, self._weights = rules, weights

    def __call__(self, frames: Iterable[Frame]) -> list[list[Float]]:
        """Return every frame's faces. Raises BadInput when the weights are missing."""
        # Loaded here: half a second that footage with its own landmarks never pays.
        from mediapipe.tasks.python import BaseOptions, vision

        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(self._weights.path("face-landmarker"))),
            running_mode=vision.RunningMode.IMAGE,
            num_faces=self._rules.max_faces,
            min_face_detection_confidence=self._rules.confidence,
            min_face_presence_confidence=self._rules.confidence,
        )
        # Opened for each clip: left open it closes at interpreter exit, when its thread is gone, and fails.
        with vision.FaceLandmarker.create_from_options(options) as landmarker:
            return [self._faces(landmarker, frame) for frame in frames]

    def _faces(self, landmarker: Any, frame: Frame) -> list[Float]:
        from mediapipe import Image, ImageFormat

        height, width = frame.shape[:2]
        seen = np.ascontiguousarray(_at_most(frame, self._rules.detect_side))
        return [
            np.array([(face[i].x * width, face[i].y * height) for i in _IBUG_68], np.float32)
            - np.float32(0.5)
            for face in landmarker.detect(Image(ImageFormat.SRGB, seen)).face_landmarks
        ]


def crop_clip(path: Path, rules: Policy, size: int, detector: Detector) -> tuple[Frames, Float]:
    """Return crops (T, size, size, 3) uint8 RGB and landmarks (T, 68, 2) px of the crop.

    The file is decoded twice so that only crops, never whole pictures, are kept in memory.
    Raises BadInput, naming the file, when there is no face in it or it is lost for too long.
    """
    track = follow_speaker(detector(frames_25fps(path)), rules)
    landmarks = fill_gaps(track, rules, path)
    if not rules.crop:
        frames, width = squares(path, size)
        return frames, rescale(landmarks, size / width)
    centres, side = crop_windows(landmarks, rules)
    pictures = zip(frames_25fps(path), centres, strict=True)
    crops = np.stack([crop(picture, centre, side, size, rules.padding) for picture, centre in pictures])
    return crops, (landmarks - centres[:, None]) * np.float32(size / side) + np.float32(size / 2 - 0.5)


def squares(path: Path, size: int) -> tuple[Frames, int]:
    """Return footage that is cropped already as (T, size, size, 3), and its own width in px.

    Raises BadInput when it is not square.
    """
    resized, width = [], 0
    for frame in frames_25fps(path):
        height, width = frame.shape[:2]
        if height != width:
            raise BadInput(f"{path}: {width}x{height} is not a square crop; use faces: face-v1 for it")
        resized.append(_resize(frame, size, size))
    return np.stack(resized), width


def rescale(landmarks: Float, ratio: float) -> Float:
    """Return landmarks of a picture resized by `ratio`; pixel indices count from half a pixel inside."""
    return (landmarks + np.float32(0.5)) * np.float32(ratio) - np.float32(0.5)


def follow_speaker(found: Sequence[Sequence[Float]], rules: Policy) -> Float:
    """Return one face through the frames (T, 68, 2), NaN where it was not seen.

    found: the faces of each frame, as a Detector returns them. See Policy for who is the speaker.
    """
    tracks: list[dict[int, Float]] = []
    for index, faces in enumerate(found):
        free = list(faces)
        for track in [t for t in tracks if index - max(t) <= rules.longest_gap + 1]:
            overlaps = [_overlap(track[max(track)], face) for face in free]
            if overlaps and max(overlaps) >= rules.track_overlap:
                track[index] = free.pop(int(np.argmax(overlaps)))
        tracks += [{index: face} for face in free]
    chosen = np.full((len(found), 68, 2), np.nan, np.float32)
    for index, face in max(tracks, key=_total_area, default={}).items():
        chosen[index] = face
    return chosen


def fill_gaps(track: Float, rules: Policy, path: Path) -> Float:
    """Return the track with short gaps interpolated, held at both ends. Raises BadInput for longer ones."""
    missing = np.isnan(track[:, 0, 0])
    if missing.all():
        raise BadInput(f"{path}: no face in any of its {len(track)} frames; remove it from the corpus")
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]])))
    for start, stop in edges.reshape(-1, 2):
        if stop - start > rules.longest_gap:
            raise BadInput(
                f"{path}: no face in frames {start}-{stop - 1} of {len(track)}; {rules.name} bridges at most "
                f"{rules.longest_gap}: cut the clip there"
            )
    seen, times = np.flatnonzero(~missing), np.arange(len(track))
    flat = track.reshape(len(track), -1)
    filled = np.stack([np.interp(times, seen, values[seen]) for values in flat.T], axis=1)
    return filled.reshape(track.shape).astype(np.float32)


def crop_windows(landmarks: Float, rules: Policy) -> tuple[Float, float]:
    """Return the square's centres (T, 2) px, smoothed, and its side in px, the same in every frame."""
    eyes, _, down, scale = head_axes(landmarks)
    unit = float(np.median(scale))
    wanted = eyes + rules.centre_down * unit * down
    half = rules.smoothing // 2
    padded = np.pad(wanted, ((half, half), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0)
    return windows.mean(-1).astype(np.float32), rules.side * unit


def crop(picture: Frame, centre: Float, side: float, size: int, padding: int) -> Frame:
    """Return the square of `side` px round `centre` as (size, size, 3), subpixel and without aliasing."""
    finer = max(1, int(np.ceil(side / size)))  # sampled this much finer, then averaged
    step = side / (size * finer)
    x, y = np.asarray(centre, np.float64) - side / 2 + step / 2
    picture = cv2.warpAffine(
        picture,
        np.array([[step, 0, x], [0, step, y]]),
        (size * finer, size * finer),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(padding, padding, padding),
    )
    return _resize(picture, size, size)


def full_face_mask(landmarks: Float, size: int) -> NDArray[np.bool_]:
    """Return (T, size, size) bool, True on the face: brows to the chin of a wide-open jaw, cheek to cheek.

    landmarks: (T, 68, 2) px. Only eye corners and the nose base are read, which no expression or viseme
    moves. The outline is a superellipse in head axes (along the eyes, and down at a right angle), scaled by
    inter-ocular distance or nose length, whichever a turned or nodding head shortens less, and shifted
    away from the nose when the head turns, because the far cheek hides and the near one shows.
    """
    eyes, right, down, scale = head_axes(landmarks)
    nose = landmarks[:, _NOSE_BASE] - eyes
    turn = -_TURN_SHIFT * (nose * right).sum(1, keepdims=True)
    middle, half_height = (_MASK_TOP + _MASK_BOTTOM) / 2, (_MASK_BOTTOM - _MASK_TOP) / 2
    centre = eyes + turn * right + middle * scale[:, None] * down
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    across = _MASK_HALF_WIDTH * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / _MASK_ROUNDNESS)
    along = half_height * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / _MASK_ROUNDNESS)
    mask = np.zeros((len(landmarks), size, size), np.uint8)
    for image, middle_point, x, y, unit in zip(mask, centre, right, down, scale, strict=True):
        outline = middle_point + unit * (across[:, None] * x + along[:, None] * y)
        cv2.fillPoly(image, [np.rint(outline).astype(np.int32)], 1)
    return mask.astype(bool)


def head_axes(landmarks: Float) -> tuple[Float, Float, Float, Float]:
    """Return the eye centre (T, 2), unit vectors to the image right and down the face (T, 2), scale (T,).

    Scale is the inter-ocular distance in px that the head would show from the front.
    """
    corners = landmarks[:, _RIGID_EYES]  # (T, 4, 2)
    eyes = corners.mean(1)
    between = corners[:, 2:].mean(1) - corners[:, :2].mean(1)
    distance = np.maximum(np.linalg.norm(between, axis=1), 1e-3)
    right = between / distance[:, None]
    down = np.stack([-right[:, 1], right[:, 0]], 1)
    nose = ((landmarks[:, _NOSE_BASE] - eyes) * down).sum(1)
    return eyes, right, down, np.maximum(distance, nose / _NOSE_LENGTH)


def _at_most(frame: Frame, side: int) -> Frame:
    height, width = frame.shape[:2]
    ratio = side / max(height, width)
    return _resize(frame, round(width * ratio), round(height * ratio)) if ratio < 1 else frame


def _resize(frame: Frame, width: int, height: int) -> Frame:
    """Average when shrinking, interpolate when enlarging, touch nothing at the same size."""
    if frame.shape[:2] == (height, width):
        return frame
    method = cv2.INTER_AREA if width < frame.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, (width, height), interpolation=method), np.uint8)


def _overlap(first: Float, second: Float) -> float:
    """Intersection over union of the two faces' bounding boxes."""
    low, high = np.maximum(first.min(0), second.min(0)), np.minimum(first.max(0), second.max(0))
    shared = float(np.prod(np.maximum(0, high - low)))
    return shared / max(_area(first) + _area(second) - shared, 1e-6)


def _area(face: Float) -> float:
    return float(np.prod(face.max(0) - face.min(0)))


def _total_area(track: dict[int, Float]) -> float:
    return sum(_area(face) for face in track.values())

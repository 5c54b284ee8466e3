"""The mask tells nothing of the mouth, the crop stands still, the speaker is followed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness import faces
from harness.faces import POLICIES, Landmarks
from harness.types import BadInput

RULES = POLICIES["face-v1"]
MOVING = [*range(27), *range(31, 33), 34, 35, *range(48, 68), 37, 38, 40, 41, 43, 44, 46, 47]
WHERE = Path("clip.mp4")


def face(x: float = 64, y: float = 50, unit: float = 30, frames: int = 1) -> Landmarks:
    """(frames, 68, 2): a frontal face with its eyes' middle at (x, y), `unit` px between eye centres."""
    points = np.zeros((68, 2))
    turn = np.linspace(np.pi, 0, 17)
    points[:17] = np.stack([1.2 * np.cos(turn), 1.95 * np.sin(turn)], 1)
    points[17:27, 0], points[17:27, 1] = np.linspace(-0.85, 0.85, 10), -0.4
    points[27:31, 1] = np.linspace(0, 0.55, 4)
    points[31:36] = np.stack([np.linspace(-0.25, 0.25, 5), np.full(5, 0.72)], 1)
    for first, middle in ((36, -0.5), (42, 0.5)):
        points[first : first + 6, 0] = middle + np.array([-0.22, -0.08, 0.08, 0.22, 0.08, -0.08])
    points[48:68, 0], points[48:68, 1] = np.linspace(-0.4, 0.4, 20), 1.2
    return np.repeat((points * unit + (x, y))[None], frames, 0).astype(np.float32)


def turned(landmarks: Landmarks, degrees: float) -> Landmarks:
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = landmarks.mean((0, 1))
    return ((landmarks - middle) @ matrix.T + middle).astype(np.float32)


def inside(mask: np.ndarray, landmarks: Landmarks) -> np.ndarray:
    at = np.rint(landmarks).astype(int).clip(0, mask.shape[1] - 1)
    return np.stack([m[p[:, 1], p[:, 0]] for m, p in zip(mask, at, strict=True)])


def test_mask_does_not_follow_mouth_jaw_or_brows() -> None:
    still = face(frames=8)
    moved = still.copy()
    moved[:, MOVING] += np.random.default_rng(0).normal(0, 6, (8, len(MOVING), 2)).astype(np.float32)
    np.testing.assert_array_equal(faces.full_face_mask(still, 128), faces.full_face_mask(moved, 128))


@pytest.mark.parametrize("degrees", [-25, 0, 25])
def test_mask_covers_the_face_with_its_jaw_wide_open(degrees: float) -> None:
    upright = face(y=40, frames=2, unit=26)
    upright[1, 5:12, 1] += 0.55 * 26  # the chin, and the corners of the jaw with it
    landmarks = turned(upright, degrees)
    mask = faces.full_face_mask(landmarks, 128)
    assert mask.shape == (2, 128, 128) and mask.dtype == bool
    assert inside(mask, landmarks).all()


def test_mask_follows_the_head_and_leaves_the_rest() -> None:
    near, far = faces.full_face_mask(np.concatenate([face(40, 45, 15), face(80, 60, 15)]), 128)
    assert not near[:, 90:].any() and not far[:, :40].any()
    np.testing.assert_array_equal(near[:100, :80], far[15:115, 40:120])
    assert 0.1 < near.mean() < 0.25


def test_crop_puts_pixels_where_its_landmarks_are() -> None:
    for unit, size in ((60.0, 64), (60.0, 240), (14.0, 96)):
        landmarks = face(300.4, 250.7, unit)
        box = faces.crop_boxes(landmarks, RULES)[0]
        ys, xs = np.mgrid[0:600, 0:700]
        for x, y in landmarks[0, [36, 45, 33, 8]]:
            spread = unit / 12
            dot = 255 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * spread**2))
            image = np.repeat(dot.astype(np.uint8)[..., None], 3, 2)
            small = faces.crop(image, box, size)[..., 0].astype(float)
            rows, columns = np.mgrid[0:size, 0:size]
            seen = np.array([(columns * small).sum(), (rows * small).sum()]) / small.sum()
            expected = faces.rescaled(
                np.array([[x, y]], np.float32) - box[:2].astype(np.float32), size / box[2]
            )
            np.testing.assert_allclose(seen, expected[0], atol=0.15)


def test_crop_has_one_size_and_ignores_the_jaw() -> None:
    landmarks = face(frames=20)
    landmarks[:, :, 0] += np.linspace(0, 30, 20, dtype=np.float32)[:, None]
    boxes = faces.crop_boxes(landmarks, RULES)
    assert len(set(boxes[:, 2])) == 1 and boxes[0, 2] == pytest.approx(RULES.side * 30, rel=0.01)
    moved = landmarks.copy()
    moved[:, MOVING] += 5
    np.testing.assert_array_equal(boxes, faces.crop_boxes(moved, RULES))


def test_crop_is_steadier_than_the_detector() -> None:
    rng = np.random.default_rng(0)
    landmarks = face(frames=100) + rng.normal(0, 0.6, (100, 1, 2)).astype(np.float32)
    boxes = faces.crop_boxes(landmarks, RULES)
    steps = np.abs(np.diff(boxes[:, :2], axis=0))
    assert steps.mean() < 0.2 * np.abs(np.diff(landmarks.mean(1), axis=0)).mean()
    assert steps.max() < 0.01 * boxes[0, 2]


def test_beyond_the_picture_its_edge_is_repeated() -> None:
    image = np.full((50, 50, 3), 90, np.uint8)
    cut = faces.crop(image, np.array([-30.0, -30.0, 120.0]), 64)
    assert (cut == 90).all()


def test_tracks_the_largest_face_through_gaps_and_visitors() -> None:
    speaker, visitor = face(60, 60, 30)[0], face(220, 60, 20)[0]
    frames = [[visitor, speaker], [speaker], [], [visitor], [visitor, speaker], [speaker]]
    found = faces.track(_numbered(6), lambda image: frames[int(image[0, 0, 0])], RULES, WHERE)
    np.testing.assert_allclose(found, np.repeat(speaker[None], 6, 0), atol=1e-4)


def test_gaps_are_bridged_in_a_straight_line_up_to_the_longest() -> None:
    gap = RULES.longest_gap
    first, last = face(60)[0], face(60 + gap + 1)[0]
    frames = [[first], *([[]] * gap), [last]]
    found = faces.track(_numbered(gap + 2), lambda image: frames[int(image[0, 0, 0])], RULES, WHERE)
    np.testing.assert_allclose(np.diff(found[:, 30, 0]), 1, atol=1e-3)
    short = replace(RULES, longest_gap=gap - 1)
    with pytest.raises(BadInput, match=rf"clip\.mp4: no face in {gap} frames"):
        faces.track(_numbered(gap + 2), lambda image: frames[int(image[0, 0, 0])], short, WHERE)


def test_a_clip_without_a_face_is_named() -> None:
    with pytest.raises(BadInput, match=r"clip\.mp4: no face found in any of its 3 frames"):
        faces.track(_numbered(3), lambda image: [], RULES, WHERE)


def test_unknown_policy_is_refused() -> None:
    assert faces.policy("face-v1") is RULES
    with pytest.raises(BadInput, match=r"face-v2.*face-v1"):
        faces.policy("face-v2")


@pytest.mark.parametrize(("before", "size"), [(64, 64), (128, 64), (64, 96)])
def test_resizing_keeps_flat_colour_and_untouched_pixels(before: int, size: int) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, before, before, 3), np.uint8)
    out = faces.resized(frames, size)
    assert out.shape == (2, size, size, 3)
    if before == size:
        np.testing.assert_array_equal(out, frames)
    assert (faces.resized(np.full_like(frames, 77), size) == 77).all()


def _numbered(count: int) -> list[np.ndarray]:
    return [np.full((4, 4, 3), i, np.uint8) for i in range(count)]

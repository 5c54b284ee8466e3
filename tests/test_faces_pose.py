"""Head pose and the masks that are read from landmarks."""

import numpy as np
import pytest

from harness import faces
from harness.datasets import synthetic
from harness.faces import Landmarks
from harness.faces.pose import _HEAD, _RIGID
from tests.test_faces import MOVING, face, inside, turned


def posed(yaw: float, pitch: float, roll: float) -> Landmarks:
    """(1, 68, 2): the mean head turned to the picture's right, up, and clockwise, in degrees."""
    (cy, sy), (cp, sp), (cr, sr) = [
        (np.cos(a), np.sin(a)) for a in (np.radians(yaw), np.radians(pitch), np.radians(roll))
    ]
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    tilt = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    points = np.zeros((1, 68, 2), np.float32)
    points[0, list(_RIGID)] = (_HEAD @ (tilt @ nod @ turn).T)[:, :2] * (9, -9) + (60, 70)
    return points


@pytest.mark.parametrize(
    "angles", [(0, 0, 0), (25, 0, 0), (0, 18, 0), (0, 0, 30), (-20, 12, 7), (35, -15, -12)]
)
def test_pose_of_the_mean_head_is_exact(angles: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(faces.head_pose(posed(*angles))[0], angles, atol=0.01)


def test_pose_ignores_speech_and_brows() -> None:
    still, moved = posed(10, 5, 3), posed(10, 5, 3)
    speech = [i for i in MOVING if i not in _RIGID]
    moved[:, speech] += 9
    np.testing.assert_array_equal(faces.head_pose(still), faces.head_pose(moved))


def test_pose_follows_the_heads_of_drawn_faces() -> None:
    plans = synthetic.plan(synthetic.SynthSpec(speakers=3, size=64, seed=5, clips_per_speaker=1))
    found, truth = [], []
    for plan in plans:
        _, performance, drawn = synthetic.draw(plan)
        found.append(faces.head_pose(drawn.landmarks))
        truth.append(performance.pose[:, [1, 0, 2]])
    for got, expected in zip(found, truth, strict=True):
        # Of a person's own nose the pose knows nothing: pitch is off by about as much in every frame.
        np.testing.assert_allclose((got - expected).mean(axis=0), (0, -9, 0), atol=3)
        assert (np.abs((got - got.mean(0)) - (expected - expected.mean(0))).mean(axis=0) < 0.6).all()
    moved = np.concatenate([f - f.mean(0) for f in found]), np.concatenate([t - t.mean(0) for t in truth])
    assert all(np.corrcoef(moved[0][:, i], moved[1][:, i])[0, 1] > 0.9 for i in range(3))


def test_lower_half_is_the_whole_mask_below_the_nose_and_says_nothing_of_the_mouth() -> None:
    landmarks = turned(face(64, 45, 26, frames=2), 15)
    whole, lower = faces.full_face_mask(landmarks, 128), faces.lower_half_mask(landmarks, 128)
    assert not (lower & ~whole).any() and 0.5 < lower.sum() / whole.sum() < 0.8
    seen = inside(lower, landmarks)
    assert seen[:, 48:].all() and seen[:, 31:36].all() and not seen[:, 36:48].any()
    moved = landmarks.copy()
    moved[:, MOVING] += 7
    np.testing.assert_array_equal(lower, faces.lower_half_mask(moved, 128))


def test_hull_reaches_every_landmark_and_follows_the_jaw() -> None:
    landmarks = face(64, 45, 26, frames=2)
    landmarks[1, 5:12, 1] += 12
    shut, opened = faces.hull_mask(landmarks, 128)
    assert inside(np.stack([shut, opened]), landmarks).all()
    assert opened.sum() > shut.sum() + 200
    assert not (shut & ~faces.full_face_mask(landmarks[:1], 128)[0]).any()


def test_hull_beyond_the_picture_is_cut_off() -> None:
    assert faces.hull_mask(face(-500, 60, 30), 64).sum() == 0
    assert faces.hull_mask(face(32, 25, 200), 64).all()

import numpy as np

from methods.nets.masks import half_mask, hull_mask


def face(jaw: float) -> np.ndarray:
    """(1, 68, 2): a jaw line from ear to ear, `jaw` px deep, brows above it."""
    points = np.full((1, 68, 2), (32, 30), np.float32)
    turn = np.linspace(0, np.pi, 17)
    points[0, :17] = np.stack([32 - 20 * np.cos(turn), 28 + jaw * np.sin(turn)], 1)
    points[0, 17:27] = np.stack([np.linspace(18, 46, 10), np.full(10, 22)], 1)
    points[0, 33] = (32, 38)
    return points


def test_half_is_the_lower_half() -> None:
    mask = half_mask(2, 64)
    assert mask.shape == (2, 64, 64) and mask[:, 32:].all() and not mask[:, :32].any()


def test_hull_covers_landmarks_and_forehead_and_leaves_corners() -> None:
    points = face(26)
    mask = hull_mask(points, 64)[0]
    assert all(mask[int(y), int(x)] for x, y in np.rint(points[0]))
    assert mask[14, 32] and not mask[3, 32] and not mask[[0, 0, 63, 63], [0, 63, 0, 63]].any()


def test_hull_follows_the_jaw() -> None:
    open_jaw, closed = hull_mask(face(30), 64), hull_mask(face(24), 64)
    assert open_jaw[0, 57, 32] and not closed[0, 57, 32]

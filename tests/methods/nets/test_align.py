import cv2
import numpy as np

from methods.nets.align import aligned, moved_upright, replaced, upright, upright_eyes


def test_eyes_land_on_the_frames_eyes() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    own = np.array([[20, 30], [40, 32]], np.float32)
    for x, y in own.astype(int):
        picture[y - 1 : y + 2, x - 1 : x + 2] = 255
    eyes = np.array([[[20, 30], [40, 32]], [[25, 36], [48, 30]], [[15, 20], [31, 28]]], np.float32)
    moved = aligned(picture, own, eyes)
    assert moved.shape == (3, 64, 64, 3)
    np.testing.assert_array_equal(moved[0], picture)
    for frame, places in zip(moved, eyes.astype(int), strict=True):
        for x, y in places:
            assert frame[y, x].min() > 200
        assert frame.mean() < 3 * picture.mean()


def test_what_lies_beyond_the_picture_is_its_edge() -> None:
    picture = np.full((64, 64, 3), 77, np.uint8)
    own = np.array([[20, 30], [40, 30]], np.float32)
    assert (aligned(picture, own, own[None] + 25) == 77).all()


def test_upright_eyes_are_as_face_v1_frames_them() -> None:
    """Two fifths down, a quarter of the side apart, pixel indices: half a pixel inside."""
    np.testing.assert_allclose(upright_eyes(64), [[23.5, 25.1], [39.5, 25.1]], atol=1e-5)


def test_replaced_undoes_upright() -> None:
    rng = np.random.default_rng(0)
    smooth = np.kron(rng.uniform(60, 200, (4, 4, 3)), np.ones((16, 16, 1)))
    frames = np.stack([cv2.GaussianBlur(smooth, (0, 0), 4)] * 2).astype(np.uint8)
    eyes = np.array([[[22, 27], [40, 25]], [[26, 24], [42, 27]]], np.float32)
    again = replaced(upright(frames, eyes), eyes)
    inside = np.s_[:, 12:-12, 12:-12]
    assert abs(again[inside].astype(int) - frames[inside]).max() <= 3
    assert replaced(frames[:0], eyes[:0]).shape == (0, 64, 64, 3)


def test_points_move_with_their_frames() -> None:
    eyes = np.array([[[22, 27], [40, 25]]], np.float32)
    np.testing.assert_allclose(moved_upright(eyes[:, 0], eyes, 64)[0], upright_eyes(64)[0], atol=1e-4)
    middle = eyes.mean(axis=1)
    np.testing.assert_allclose(moved_upright(middle, eyes, 64)[0], upright_eyes(64).mean(axis=0), atol=1e-4)

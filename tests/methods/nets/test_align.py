import numpy as np

from methods.nets.align import aligned


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

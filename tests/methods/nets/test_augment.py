import numpy as np
from numpy.typing import NDArray

from methods.nets.augment import Colours, apply_colours, draw_colours


def pictures(windows: int, frames: int) -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (windows, frames, 3, 8, 8), np.uint8)


def test_one_change_for_all_frames_of_a_window() -> None:
    frame = pictures(6, 1)
    changed = apply_colours(frame.repeat(4, axis=1), draw_colours(np.random.default_rng(0), 6, 8, 1.0))
    assert (changed == changed[:, :1]).all()
    assert not np.allclose(changed[:, 0], frame[:, 0] / 255)


def test_group_probability_zero_changes_nothing() -> None:
    frames = pictures(4, 2)
    same = apply_colours(frames, draw_colours(np.random.default_rng(0), 4, 8, 0.0))
    np.testing.assert_allclose(same, frames / 255, atol=1e-6)


def test_each_change_in_closed_form() -> None:
    order = np.array([[2, 0, 1]])
    one = Colours(
        *(np.float32([x]) for x in (0.1, 1.2, 0.9)), order, np.float32([[0, 0.05, -0.05]]), np.float32([0])
    )
    found = apply_colours(np.full((1, 1, 3, 1, 1), [[[[[50]], [[100]], [[150]]]]], np.uint8), one)[
        0, 0, :, 0, 0
    ]
    shuffled = np.array([150, 50, 100]) / 255
    wanted = ((shuffled - 0.5) * 1.2 + 0.6) ** 0.9 + [0, 0.05, -0.05]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_how_often_each_change_happens() -> None:
    colours = draw_colours(np.random.default_rng(1), 4000, 2, 0.8)
    for changed in (
        colours.brightness != 0,
        colours.contrast != 1,
        colours.gamma != 1,
        colours.shift[:, 0] != 0,
        colours.noise[:, 0, 0, 0] != 0,
    ):
        assert abs(changed.mean() - 0.32) < 0.03
    assert abs((colours.order != np.arange(3)).any(1).mean() - 0.32 * 5 / 6) < 0.03  # 1 shuffle in 6 is none


def test_the_result_stays_in_range() -> None:
    frames = np.repeat(np.array([0, 255], np.uint8), 48).reshape(1, 2, 3, 4, 4).repeat(20, axis=0)
    changed = apply_colours(frames, draw_colours(np.random.default_rng(2), 20, 4, 1.0))
    assert changed.min() >= 0 and changed.max() <= 1

import numpy as np
import torch

from methods.nets.augment import apply_colours, draw_colours


def test_one_change_for_all_frames_of_a_window() -> None:
    frame = torch.rand(6, 1, 3, 8, 8)
    changed = apply_colours(frame.repeat(1, 4, 1, 1, 1), draw_colours(np.random.default_rng(0), 6, 8, 1.0))
    assert torch.equal(changed, changed[:, :1].expand_as(changed))
    assert not torch.allclose(changed[:, 0], frame[:, 0])


def test_group_probability_zero_changes_nothing() -> None:
    frames = torch.rand(4, 2, 3, 8, 8)
    same = apply_colours(frames, draw_colours(np.random.default_rng(0), 4, 8, 0.0))
    torch.testing.assert_close(same, frames, atol=1e-6, rtol=0)


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
    frames = torch.cat([torch.zeros(20, 1, 3, 4, 4), torch.ones(20, 1, 3, 4, 4)], 1)
    changed = apply_colours(frames, draw_colours(np.random.default_rng(2), 20, 4, 1.0))
    assert changed.min() >= 0 and changed.max() <= 1

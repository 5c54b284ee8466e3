"""metrics/psnr.py against its closed form and scikit-image."""

import numpy as np
import pytest

from harness.contracts import Setup
from harness.types import Unscorable
from harness.weights import Weights
from metrics.psnr import PSNR, frame_psnr
from tests.metrics.frames import moving_frames, noisy, pair

METRIC = PSNR(Setup("embedded", Weights()))


def test_closed_form_and_no_wrap_around() -> None:
    black, white = np.zeros((1, 8, 8, 3), np.uint8), np.full((1, 8, 8, 3), 255, np.uint8)
    assert frame_psnr(white, black) == pytest.approx([0.0])
    assert frame_psnr(black, white) == pytest.approx([0.0])
    assert frame_psnr(black + np.uint8(10), black) == pytest.approx([20 * np.log10(25.5)])


def test_more_noise_is_less() -> None:
    real = moving_frames(4)
    values = [METRIC.measure(pair(noisy(real, s), real)).value or 0 for s in (2, 8, 32)]
    assert values[0] > values[1] > values[2]


@pytest.mark.parametrize("size", [64, 37])
def test_equals_scikit_image(size: int) -> None:
    from skimage.metrics import peak_signal_noise_ratio

    real = moving_frames(5, size)
    fake = noisy(real, 12)
    expected = [peak_signal_noise_ratio(r, f) for f, r in zip(fake, real, strict=True)]
    np.testing.assert_allclose(frame_psnr(fake, real), expected, rtol=0, atol=1e-9)
    assert METRIC.measure(pair(fake, real)).value == pytest.approx(np.mean(expected), abs=1e-9)


def test_identical_frames_are_left_out_and_counted() -> None:
    real = moving_frames(4)
    fake = noisy(real, 12)
    fake[:3] = real[:3]
    found = METRIC.measure(pair(fake, real))
    assert found.value == pytest.approx(frame_psnr(fake[3:], real[3:])[0])
    assert found.detail == "3 of 4 frames identical, left out"


def test_identical_clip_is_unscorable_with_its_reason() -> None:
    real = moving_frames(3)
    with pytest.raises(Unscorable, match="identical to the reference: PSNR is infinite"):
        METRIC.measure(pair(real, real))


def test_longer_clip_is_cut_never_resampled() -> None:
    real = moving_frames(9)
    fake = noisy(real, 12)[:6]
    assert METRIC.measure(pair(fake, real)).value == METRIC.measure(pair(fake, real[:6])).value


def test_other_sizes_and_empty_clips_are_unscorable() -> None:
    with pytest.raises(Unscorable, match="32x32 and 64x64"):
        METRIC.measure(pair(moving_frames(3, 32), moving_frames(3, 64)))
    with pytest.raises(Unscorable, match=r"^0 frames.* 1 "):
        METRIC.measure(pair(moving_frames(3)[:0], moving_frames(3)))


def test_aggregate_is_the_mean_over_clips() -> None:
    real = moving_frames(3)
    found = [METRIC.measure(pair(noisy(real, s), real, f"c{s}")) for s in (4, 16)]
    score = METRIC.aggregate(found)
    assert score.n == 2 and score.value == pytest.approx(np.mean([m.value for m in found]))

"""metrics/ssim_wang.py against scikit-image's form of Wang's definition, and its edges."""

import numpy as np
import pytest

from harness.contracts import Setup
from harness.types import Unscorable
from harness.weights import Weights
from metrics.ssim import frame_ssim
from metrics.ssim_wang import WangSSIM, frame_ssim_wang
from tests.metrics.frames import moving_frames, noisy, pair

METRIC = WangSSIM(Setup("embedded", Weights()))


@pytest.mark.parametrize("size", [64, 37, 11])
@pytest.mark.parametrize("strength", [1, 60])
def test_equals_scikit_image(size: int, strength: float) -> None:
    from skimage.metrics import structural_similarity

    real = moving_frames(3, size)
    fake = noisy(real, strength)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    expected = [
        structural_similarity(r, f, channel_axis=2, **options) for f, r in zip(fake, real, strict=True)
    ]
    found = frame_ssim_wang(fake, real)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    assert METRIC.measure(pair(fake, real)).value == pytest.approx(np.mean(expected), abs=1e-9)


def test_it_is_another_metric_than_ssim() -> None:
    real, fake = moving_frames(3), noisy(moving_frames(3), 20)
    assert abs(frame_ssim_wang(fake, real) - frame_ssim(fake, real)).min() > 1e-3


def test_identity_and_symmetry() -> None:
    real, fake = moving_frames(3), noisy(moving_frames(3), 20)
    assert METRIC.measure(pair(real, real)).value == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(frame_ssim_wang(real, fake), frame_ssim_wang(fake, real), atol=1e-12)


def test_frames_smaller_than_its_window_and_unequal_ones_are_unscorable() -> None:
    with pytest.raises(Unscorable, match=r"10x10.*11x11"):
        METRIC.measure(pair(moving_frames(3, 10), moving_frames(3, 10)))
    with pytest.raises(Unscorable, match="32x32 and 64x64"):
        METRIC.measure(pair(moving_frames(3, 32), moving_frames(3, 64)))


def test_its_card_names_the_variant() -> None:
    assert (METRIC.card.name, METRIC.card.title) == ("ssim_wang", "SSIM(wang)")
    assert METRIC.card.variant.startswith("wang: ")

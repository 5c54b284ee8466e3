"""metrics/ssim.py against its identities and scikit-image."""

import numpy as np
import pytest

from harness.contracts import Setup
from harness.types import Unscorable
from harness.weights import Weights
from metrics.ssim import SSIM, frame_ssim
from tests.metrics.frames import moving_frames, noisy, pair

METRIC = SSIM(Setup("embedded", Weights()))


def test_identity_symmetry_and_range() -> None:
    real, fake = moving_frames(3), noisy(moving_frames(3), 20)
    assert METRIC.measure(pair(real, real)).value == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(frame_ssim(real, fake), frame_ssim(fake, real), atol=1e-12)
    negative = frame_ssim(255 - real, real)
    assert (negative >= -1).all() and (negative < frame_ssim(fake, real)).all()


def test_more_noise_is_less() -> None:
    real = moving_frames(3)
    values = [METRIC.measure(pair(noisy(real, s), real)).value or 0 for s in (2, 8, 32)]
    assert values[0] > values[1] > values[2]


@pytest.mark.parametrize("size", [64, 37, 7])
@pytest.mark.parametrize("strength", [1, 60])
def test_equals_scikit_image(size: int, strength: float) -> None:
    from skimage.metrics import structural_similarity

    real = moving_frames(4, size)
    fake = noisy(real, strength)
    expected = [structural_similarity(r, f, channel_axis=2) for f, r in zip(fake, real, strict=True)]
    np.testing.assert_allclose(frame_ssim(fake, real), expected, rtol=0, atol=1e-9)


def test_equals_scikit_image_where_sums_are_largest() -> None:
    from skimage.metrics import structural_similarity

    checks = (np.indices((1, 40, 52, 3)).sum(0) % 2 * 255).astype(np.uint8)
    white = np.full_like(checks, 255)
    for fake, real in [(checks, white), (255 - checks, checks)]:
        expected = structural_similarity(real[0], fake[0], channel_axis=2)
        assert frame_ssim(fake, real)[0] == pytest.approx(expected, abs=1e-9)


def test_frames_do_not_influence_one_another() -> None:
    real, fake = moving_frames(5), noisy(moving_frames(5), 20)
    together = frame_ssim(fake, real)
    alone = [frame_ssim(fake[i : i + 1], real[i : i + 1])[0] for i in range(5)]
    np.testing.assert_array_equal(together, alone)


def test_small_and_unequal_frames_are_unscorable() -> None:
    with pytest.raises(Unscorable, match=r"6x6.*7x7"):
        METRIC.measure(pair(moving_frames(2, 6), moving_frames(2, 6)))
    with pytest.raises(Unscorable, match="32x32 and 64x64"):
        METRIC.measure(pair(moving_frames(2, 32), moving_frames(2, 64)))


def test_longer_clip_is_cut_never_resampled() -> None:
    real = moving_frames(9)
    fake = noisy(real, 12)[:6]
    assert METRIC.measure(pair(fake, real)).value == METRIC.measure(pair(fake, real[:6])).value

"""The picture metrics at their edges: three frames, tiny and unequal sides, a clip against itself."""

from math import isnan
from pathlib import Path

import pytest

from harness.catalog import metric
from harness.contracts import Backbone, Metric, Setup
from harness.types import Unscorable
from harness.weights import Weights
from tests.metrics.frames import moving_frames, noisy, pair

FORMULAS = ("psnr", "ssim", "ssim_wang")
NETWORKS = ("lpips", "lpips_vgg", "lpips_squeeze")
PAIRED = FORMULAS + NETWORKS
SETS = ("fid", "kid")


@pytest.fixture(scope="module")
def made(random_weights: Path) -> dict[str, Metric]:
    """Return the picture metrics with reference backbones, FID asked for however few frames there are."""
    setup = Setup("reference", Weights(random_weights, allow_unverified=True), fid_min_frames=2)
    return {name: metric(name)(setup) for name in PAIRED + SETS}


@pytest.mark.parametrize("name", PAIRED + SETS)
def test_three_frames_are_enough(made: dict[str, Metric], name: str) -> None:
    real = moving_frames(3)
    found = made[name].measure(pair(noisy(real, 15), real))
    assert found.scored
    score = made[name].aggregate([found])
    assert score.n == 1 and not isnan(score.value)


@pytest.mark.parametrize("name", SETS)
def test_three_frames_are_too_few_for_every_fifth(name: str) -> None:
    with pytest.raises(Unscorable, match=r"^3 frames, fewer than the 10"):
        metric(name)(Setup("embedded", Weights())).measure(pair(moving_frames(3), moving_frames(3)))


@pytest.mark.parametrize(
    ("name", "side", "wanted"),
    [("ssim", 6, 7), ("ssim_wang", 10, 11), *((name, 31, 32) for name in NETWORKS)],
)
def test_smaller_sides_are_unscorable_with_both_sizes(
    made: dict[str, Metric], name: str, side: int, wanted: int
) -> None:
    smallest = moving_frames(3, wanted)
    assert made[name].measure(pair(noisy(smallest, 9), smallest)).scored
    narrow = smallest[:, :, :side]
    with pytest.raises(Unscorable, match=rf"frames of {side}x{wanted} are smaller .* {wanted}x{wanted}"):
        made[name].measure(pair(noisy(narrow, 9), narrow))


@pytest.mark.parametrize("name", ["psnr", *SETS])
def test_six_pixels_are_no_matter_to_the_others(made: dict[str, Metric], name: str) -> None:
    real = moving_frames(3, 6)
    assert made[name].measure(pair(noisy(real, 9), real)).scored


@pytest.mark.parametrize("name", PAIRED)
def test_other_sizes_are_unscorable_and_named(made: dict[str, Metric], name: str) -> None:
    with pytest.raises(Unscorable, match=r"differ in size: 48x64 and 64x64"):
        made[name].measure(pair(moving_frames(3)[:, :, :48], moving_frames(3)))


@pytest.mark.parametrize(
    ("name", "backbone", "best"),
    [
        ("ssim", "reference", 1.0),
        ("ssim_wang", "reference", 1.0),
        *((name, "reference", 0.0) for name in (*NETWORKS, "fid")),
        ("lpips", "embedded", 0.0),
        ("lpips_vgg", "embedded", 0.0),
    ],
)
def test_a_clip_against_itself_is_best(
    made: dict[str, Metric], name: str, backbone: Backbone, best: float
) -> None:
    chosen = made[name] if backbone == "reference" else metric(name)(Setup(backbone, Weights()))
    real = moving_frames(3)
    found = chosen.aggregate([chosen.measure(pair(real.copy(), real))])
    assert found.value == pytest.approx(best, abs=1e-6)


def test_a_clip_against_itself_has_no_finite_psnr(made: dict[str, Metric]) -> None:
    real = moving_frames(3)
    with pytest.raises(Unscorable, match="identical to the reference"):
        made["psnr"].measure(pair(real.copy(), real))

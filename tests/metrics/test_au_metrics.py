"""metrics/au_mae.py, au_correlation.py and the AU proxy: identity, closed form, what is left out."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import pearsonr

from harness.contracts import Setup
from harness.types import Clip, Frames, Pair, Unscorable
from harness.weights import Weights
from metrics.au_correlation import AUCorrelation
from metrics.au_mae import AUMeanAbsoluteError
from metrics.features.au import AUExtractor, correlations, mean_absolute_error
from metrics.features.blendshapes import UNITS, units_of, upscaled


def channels_are_units(frames: Frames) -> NDArray[np.float32]:
    """Give the first pixel's three channels as intensities; a black pixel is a frame without a face."""
    rows = frames[:, 0, 0].astype(np.float32) / 255
    rows[frames[:, 0, 0].sum(axis=1) == 0] = np.nan
    return rows


TOY = AUExtractor("toy", "toy", "", "", ("AU1", "AU12", "AU26"), channels_are_units)


@pytest.fixture
def mae() -> AUMeanAbsoluteError:
    metric = AUMeanAbsoluteError(Setup("embedded", Weights()))
    metric.extractor = TOY
    return metric


@pytest.fixture
def correlation() -> AUCorrelation:
    metric = AUCorrelation(Setup("embedded", Weights()))
    metric.extractor = TOY
    return metric


def clip_of(units: NDArray[np.uint8]) -> Clip:
    return Clip(np.broadcast_to(units[:, None, None], (len(units), 4, 4, 3)).copy(), None)


def random_units(frames: int = 20, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(1, 256, (frames, 3)).astype(np.uint8)


def test_a_clip_against_itself(mae: AUMeanAbsoluteError, correlation: AUCorrelation) -> None:
    clip = clip_of(random_units())
    assert mae.measure(Pair("same", clip, clip)).value == 0.0
    assert correlation.measure(Pair("same", clip, clip)).value == pytest.approx(1.0)


def test_mae_in_closed_form(mae: AUMeanAbsoluteError) -> None:
    low, high = np.full((12, 3), 51, np.uint8), np.full((12, 3), 102, np.uint8)
    high[:, 0] = 51
    measured = mae.measure(Pair("apart", clip_of(high), clip_of(low)))
    assert measured.value == pytest.approx(0.2 * 2 / 3)


def test_frames_are_paired_in_time_up_to_the_shorter_clip(mae: AUMeanAbsoluteError) -> None:
    units = random_units(30)
    assert mae.measure(Pair("cut", clip_of(units[:20]), clip_of(units))).value == 0.0
    late = mae.measure(Pair("late", clip_of(units[1:21]), clip_of(units))).value
    assert late is not None and late > 0.1


def test_correlations_equal_scipy() -> None:
    a, b = random_units(25, 1) / np.float32(255), random_units(25, 2) / np.float32(255)
    expected = [pearsonr(a[:, i], b[:, i]).statistic for i in range(3)]
    np.testing.assert_allclose(correlations(a, b), expected, atol=1e-6)


def test_a_unit_that_holds_still_on_either_side_is_left_out(correlation: AUCorrelation) -> None:
    moving, held = random_units(), random_units(seed=3)
    held[:, 0] = 40
    held[:, 1:] = moving[:, 1:]
    for generated, reference in ((held, moving), (moving, held)):
        measured = correlation.measure(Pair("held", clip_of(generated), clip_of(reference)))
        assert measured.value == pytest.approx(1.0)
        assert measured.detail == "2 of 3 AUs move"


def test_a_still_clip_has_no_correlation(correlation: AUCorrelation) -> None:
    still = np.full((20, 3), 90, np.uint8)
    with pytest.raises(Unscorable, match="no action unit moves in both clips"):
        correlation.measure(Pair("still", clip_of(still), clip_of(random_units())))


def test_frames_without_a_face_are_left_out_and_counted(
    mae: AUMeanAbsoluteError, correlation: AUCorrelation
) -> None:
    units = random_units()
    holed = units.copy()
    holed[3:7] = 0
    pair = Pair("holes", clip_of(holed), clip_of(units))
    measured = mae.measure(pair)
    assert (measured.value, measured.detail) == (0.0, "4 frames without a face left out")
    assert correlation.measure(pair).detail == "3 of 3 AUs move; 4 frames without a face left out"
    faceless = clip_of(np.zeros((20, 3), np.uint8))
    with pytest.raises(Unscorable, match="no face in both clips in any of 20 frames"):
        mae.measure(Pair("none", faceless, clip_of(units)))


def test_a_clip_too_short_for_a_correlation_says_so(correlation: AUCorrelation) -> None:
    clip = clip_of(random_units(9))
    with pytest.raises(Unscorable, match="9 frames"):
        correlation.measure(Pair("short", clip, clip))


def test_mae_grows_with_the_difference() -> None:
    base = np.full((10, 2), 0.3, np.float32)
    errors = [mean_absolute_error(base + d, base) for d in (0.0, 0.1, 0.2)]
    assert errors == pytest.approx([0.0, 0.1, 0.2], abs=1e-6)


def test_left_and_right_shapes_are_averaged() -> None:
    shapes = {name: 0.0 for names in UNITS.values() for name in names}
    shapes |= {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.4, "jawOpen": 0.5}
    units = dict(zip(UNITS, units_of(shapes), strict=True))
    assert units["AU12"] == pytest.approx(0.6) and units["AU26"] == 0.5 and units["AU1"] == 0.0


def test_small_frames_are_enlarged_for_the_detector() -> None:
    assert upscaled(np.zeros((64, 64, 3), np.uint8)).shape == (256, 256, 3)
    assert upscaled(np.zeros((300, 400, 3), np.uint8)).shape == (300, 400, 3)


def test_the_proxy_sees_the_smile_that_was_drawn(shared: Path, drawn_pairs: list[Pair]) -> None:
    metric = AUMeanAbsoluteError(Setup("reference", Weights(shared / "weights")))
    smile = metric.extractor.units.index("AU12")
    by_emotion = {pair.emotion: pair for pair in drawn_pairs}
    found = {
        emotion: metric.extractor.intensities(by_emotion[emotion].generated.frames[10:30:5])[:, smile]
        for emotion in ("happy", "sad")
    }
    assert np.nanmean(found["happy"]) > np.nanmean(found["sad"]) + 0.1
    blank = Clip(np.full((3, 64, 64, 3), 128, np.uint8), None)
    with pytest.raises(Unscorable, match="no face"):
        metric.measure(Pair("blank", blank, blank))

"""The AU metrics on a toy instrument: identity, closed form, independent forms, what is left out."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import pearsonr

from harness.contracts import Setup
from harness.types import Clip, Pair, Unscorable
from harness.weights import Weights
from metrics.au_correlation import AUCorrelation
from metrics.au_f1 import AUPresenceF1
from metrics.au_icc import AUIntraclassCorrelation
from metrics.au_mae import AUMeanAbsoluteError
from metrics.features.agreement import (
    correlations,
    f1_scores,
    intraclass_correlations,
    macro,
    mean_absolute_error,
)
from metrics.features.au import AUExtractor, Readings, embedded_au, with_presence

Float32 = NDArray[np.float32]


def channels_are_units(pair: Pair, side: str) -> Readings:
    """Give the first pixel's three channels as intensities; a black pixel is a frame without a face."""
    frames = (pair.reference if side == "reference" else pair.generated).frames
    rows = frames[:, 0, 0].astype(np.float32) / 255
    rows[frames[:, 0, 0].sum(axis=1) == 0] = np.nan
    return with_presence(rows)


UNITS = ("AU1", "AU12", "AU26")
TOY = AUExtractor("toy", "toy", "", "", "any", UNITS, UNITS, "", 1.0, channels_are_units)


def toy(kind: Any) -> Any:
    metric = kind(Setup("embedded", Weights()))
    metric.extractor = TOY
    return metric


@pytest.fixture
def mae() -> AUMeanAbsoluteError:
    return toy(AUMeanAbsoluteError)


@pytest.fixture
def correlation() -> AUCorrelation:
    return toy(AUCorrelation)


@pytest.fixture
def icc() -> AUIntraclassCorrelation:
    return toy(AUIntraclassCorrelation)


@pytest.fixture
def f1() -> AUPresenceF1:
    return toy(AUPresenceF1)


def clip_of(units: NDArray[np.uint8]) -> Clip:
    return Clip(np.broadcast_to(units[:, None, None], (len(units), 4, 4, 3)).copy(), None)


def random_units(frames: int = 20, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(1, 256, (frames, 3)).astype(np.uint8)


def shares(frames: int, seed: int) -> Float32:
    return (random_units(frames, seed) / 255).astype(np.float32)


def test_a_clip_against_itself(
    mae: AUMeanAbsoluteError, correlation: AUCorrelation, icc: AUIntraclassCorrelation, f1: AUPresenceF1
) -> None:
    clip = clip_of(random_units())
    assert mae.measure(Pair("same", clip, clip)).value == 0.0
    assert correlation.measure(Pair("same", clip, clip)).value == pytest.approx(1.0)
    assert icc.measure(Pair("same", clip, clip)).value == pytest.approx(1.0)
    assert f1.measure(Pair("same", clip, clip)).value == 1.0


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
    a, b = shares(25, 1), shares(25, 2)
    expected = [pearsonr(a[:, i], b[:, i]).statistic for i in range(3)]
    np.testing.assert_allclose(correlations(a, b, 0.01), expected, atol=1e-6)


def anova_icc(ratings: NDArray[np.float64]) -> float:
    """ICC(3,1) of (targets, raters) from the two-way analysis of variance, as Shrout and Fleiss write it."""
    targets, raters = ratings.shape
    grand = ratings.mean()
    total = ((ratings - grand) ** 2).sum()
    between_targets = raters * ((ratings.mean(axis=1) - grand) ** 2).sum()
    between_raters = targets * ((ratings.mean(axis=0) - grand) ** 2).sum()
    bms = between_targets / (targets - 1)
    ems = (total - between_targets - between_raters) / ((targets - 1) * (raters - 1))
    return (bms - ems) / (bms + (raters - 1) * ems)


def test_icc_equals_the_analysis_of_variance_and_its_closed_form() -> None:
    a, b = shares(25, 1), shares(25, 2)
    b = (0.6 * a + 0.3 * b).astype(np.float32)
    found = intraclass_correlations(a, b, 0.01)
    for unit in range(3):
        x, y = a[:, unit].astype(np.float64), b[:, unit].astype(np.float64)
        assert found[unit] == pytest.approx(anova_icc(np.stack([x, y], 1)), abs=1e-9)
        closed = 2 * np.cov(x, y)[0, 1] / (x.var(ddof=1) + y.var(ddof=1))
        assert found[unit] == pytest.approx(closed, abs=1e-9)


def test_icc_of_shrout_and_fleiss_own_judges() -> None:
    # Their table 2, six targets by four judges, and the ICC(3,1) that they print for it.
    table = [(9, 2, 5, 8), (6, 1, 3, 2), (8, 4, 6, 8), (7, 1, 2, 6), (10, 5, 6, 9), (6, 2, 4, 7)]
    ratings = np.array(table, np.float64)
    assert anova_icc(ratings) == pytest.approx(0.71, abs=0.005)
    first, second = ratings[:, :1].astype("f"), ratings[:, 1:2].astype("f")
    assert intraclass_correlations(first, second, 0.01)[0] == pytest.approx(anova_icc(ratings[:, :2]))


def test_icc_falls_with_amplitude_but_not_with_offset() -> None:
    base = shares(40, 1)
    icc = [intraclass_correlations((base * g).astype("f"), base, 0.01).mean() for g in (1.0, 0.5, 0.25)]
    assert icc[0] == pytest.approx(1) and icc[0] > icc[1] > icc[2] > 0
    assert icc[1] == pytest.approx(2 * 0.5 / (1 + 0.25))
    np.testing.assert_allclose(intraclass_correlations(base + 0.3, base, 0.01), 1, atol=1e-6)
    np.testing.assert_allclose(intraclass_correlations(-base, base, 0.01), -1, atol=1e-6)


def test_icc_counts_a_still_face_and_leaves_out_what_no_one_moves(icc: AUIntraclassCorrelation) -> None:
    moving, held = random_units(), random_units()
    moving[:, 0] = held[:, 0] = 40
    held[:, 1] = 90
    measured = icc.measure(Pair("held", clip_of(held), clip_of(moving)))
    assert measured.value == pytest.approx((0 + 1) / 2)
    assert measured.detail == "2 of 3 AUs move"
    still = clip_of(np.full((20, 3), 90, np.uint8))
    with pytest.raises(Unscorable, match="no action unit moves in either clip"):
        icc.measure(Pair("still", still, still))


def test_f1_by_hand_and_without_positives() -> None:
    generated = np.array([(1, 0, 0), (1, 0, 1), (0, 0, 0), (1, 0, 0)], np.float32)
    reference = np.array([(1, 0, 0), (0, 0, 0), (1, 0, 0), (1, 0, 0)], np.float32)
    # AU one: 2 hits, 1 false, 1 missed; AU two: never shown; AU three: shown by the generated face alone.
    expected = [2 * 2 / (2 * 2 + 1 + 1), np.nan, 0.0]
    np.testing.assert_array_equal(f1_scores(generated, reference), expected)
    assert macro(f1_scores(generated, reference)) == (pytest.approx(1 / 3), 2)


def test_presence_starts_at_the_threshold(f1: AUPresenceF1) -> None:
    at, below = np.full((4, 3), 51, np.uint8), np.full((4, 3), 50, np.uint8)
    below[:, 0] = 51
    measured = f1.measure(Pair("edge", clip_of(below), clip_of(at)))
    assert (measured.value, measured.detail) == (pytest.approx(1 / 3), "3 of 3 AUs present")
    faint = clip_of(np.full((4, 3), 50, np.uint8))
    with pytest.raises(Unscorable, match="no action unit is present"):
        f1.measure(Pair("faint", faint, faint))


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
    mae: AUMeanAbsoluteError, correlation: AUCorrelation, icc: AUIntraclassCorrelation, f1: AUPresenceF1
) -> None:
    units = random_units()
    holed = units.copy()
    holed[3:7] = 0
    pair = Pair("holes", clip_of(holed), clip_of(units))
    measured = mae.measure(pair)
    assert (measured.value, measured.detail) == (0.0, "4 frames without a face left out")
    for metric in (correlation, icc):
        assert metric.measure(pair).detail == "3 of 3 AUs move; 4 frames without a face left out"
    assert f1.measure(pair).detail == "3 of 3 AUs present; 4 frames without a face left out"
    faceless = clip_of(np.zeros((20, 3), np.uint8))
    for metric in (mae, correlation, icc, f1):
        with pytest.raises(Unscorable, match="no face in both clips in any of 20 frames"):
            metric.measure(Pair("none", faceless, clip_of(units)))


def test_a_clip_too_short_for_a_correlation_says_so(
    correlation: AUCorrelation, icc: AUIntraclassCorrelation
) -> None:
    clip = clip_of(random_units(9))
    for metric in (correlation, icc):
        with pytest.raises(Unscorable, match="9 frames"):
            metric.measure(Pair("short", clip, clip))


def test_mae_keeps_both_series_with_gaps_where_no_face_was_found(mae: AUMeanAbsoluteError) -> None:
    units = random_units(30)
    holed = units[:20].copy()
    holed[3:7] = 0
    pair = Pair("holes", clip_of(holed), clip_of(units))
    found = mae.measure(pair)
    assert found.traces is not None and found.traces.units == UNITS
    generated, reference = found.traces.generated, found.traces.reference
    np.testing.assert_allclose(reference, units[:20].astype("f") / 255)
    assert np.isnan(generated[3:7]).all() and not np.isnan(np.delete(generated, range(3, 7), axis=0)).any()
    assert found.value == pytest.approx(float(np.nanmean(np.abs(generated - reference))))
    one = mae.measure(Pair("one", clip_of(units[:1]), clip_of(units))).traces
    assert one is not None and one.generated.shape == one.reference.shape == (1, 3)


def test_mae_grows_with_the_difference() -> None:
    base = np.full((10, 2), 0.3, np.float32)
    errors = [mean_absolute_error(base + d, base) for d in (0.0, 0.1, 0.2)]
    assert errors == pytest.approx([0.0, 0.1, 0.2], abs=1e-6)


def test_cards_tell_the_metrics_apart() -> None:
    setup = Setup("embedded", Weights())
    kinds = (AUMeanAbsoluteError, AUCorrelation, AUIntraclassCorrelation, AUPresenceF1)
    cards = [kind(setup).card for kind in kinds]
    assert [c.title for c in cards] == ["AU MAE", "AU r", "AU ICC(3,1)", "AU F1"]
    assert [c.higher_is_better for c in cards] == [False, True, True, True]
    assert "present from 0.2 on" in cards[3].variant and not any(c.comparable for c in cards)


def test_the_judge_reads_a_clip_whole_and_refuses_what_is_no_crop(drawn_pairs: list[Pair]) -> None:
    extractor, clip = embedded_au(), drawn_pairs[0].generated
    whole = extractor.intensities(Pair("a", clip, clip)).generated
    short = Pair("b", replace(clip, frames=clip.frames[:20]), clip)
    np.testing.assert_allclose(extractor.intensities(short).reference, whole[:20], atol=1e-5)
    wide = Clip(np.zeros((3, 32, 64, 3), np.uint8), None)
    with pytest.raises(Unscorable, match="64x32 are no square face crops"):
        extractor.intensities(Pair("wide", wide, wide))

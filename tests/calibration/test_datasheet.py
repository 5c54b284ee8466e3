from math import inf, nan

import numpy as np
import pytest

from harness.calibration import datasheet
from harness.calibration.datasheet import Level, Scored, judge, level
from harness.types import Score

SPEAKERS = [str(i // 3) for i in range(24)]
STRENGTHS = (1.0, 2.0, 4.0, 8.0)


def found(values: np.ndarray) -> Scored:
    scored = np.isfinite(values)
    mean = float(values[scored].mean()) if scored.any() else nan
    return Scored(Score(mean, mean, mean, int(scored.sum()), int((~scored).sum())), values)


def verdict(
    effect: float, noise: float = 0.1, better: bool | None = False, fault: str = "blur"
) -> datasheet.Verdict:
    """Judge a metric whose score is `effect` times the strength, over clips of quite different scores."""
    generator = np.random.default_rng(3)
    clips = generator.normal(10, 3, 24)
    base = found(clips)
    faulty = [found(clips + effect * s + generator.normal(0, noise, 24)) for s in STRENGTHS]
    arm = [level(s, f, base, SPEAKERS) for s, f in zip(STRENGTHS, faulty, strict=True)]
    table = np.stack([base.values, *(f.values for f in faulty)])  # type: ignore[list-item]
    return judge(("psnr", fault), better, [arm], base, [table])


def test_a_metric_that_follows_the_fault_sees_it_from_the_weakest() -> None:
    seen = verdict(1.0)
    assert seen.verdict == "sees" and seen.smallest == (1.0,)
    assert seen.rho == pytest.approx(1) and seen.clip_rho == pytest.approx(1)
    assert not seen.improves and seen.expected
    assert verdict(-1.0).rho == pytest.approx(-1)


def test_small_effects_are_found_pairwise_though_clips_differ_much() -> None:
    assert verdict(0.2).smallest == (1.0,)
    assert verdict(0.03, noise=0.15).smallest[0] in (2.0, 4.0, 8.0)


def test_a_metric_that_does_not_move_is_blind() -> None:
    blind = verdict(0.0)
    assert blind.verdict == "blind" and blind.smallest == (None,)
    still = verdict(0.0, noise=0.0)
    assert still.verdict == "blind" and np.isnan(still.rho)


def test_a_score_that_gets_better_with_the_fault_is_marked() -> None:
    assert verdict(1.0, better=True).improves
    assert not verdict(1.0, better=False).improves
    assert not verdict(1.0, better=None).improves
    assert not verdict(0.0, better=True).improves


def made(detected: str, differences: tuple[float, ...]) -> list[Level]:
    score = Score(1.0, 1.0, 1.0, 24, 0)
    return [
        Level(s, score, d, d, d, mark == "y")
        for s, d, mark in zip(STRENGTHS, differences, detected, strict=True)
    ]


def test_the_smallest_detectable_fault_holds_for_all_stronger_ones_on_the_same_side() -> None:
    up = (1.0, 1.0, 1.0, 1.0)
    assert datasheet.smallest_detectable(made("nyyy", up)) == 2.0
    assert datasheet.smallest_detectable(made("ynyy", up)) == 4.0
    assert datasheet.smallest_detectable(made("yyyn", up)) is None
    assert datasheet.smallest_detectable(made("yyyy", (-1.0, 1.0, 1.0, 1.0))) == 2.0


def test_a_strength_without_any_score_says_nothing() -> None:
    arm = made("yyyn", (1.0, 1.0, 1.0, nan))
    arm[-1] = Level(8.0, Score(nan, nan, nan, 0, 24), nan, nan, nan, False)
    assert datasheet.smallest_detectable(arm) == 1.0


def test_a_score_that_turns_is_seen_in_part() -> None:
    values = [0.0, 1.0, 3.0, 2.0, 0.5]
    base = found(np.zeros(24))
    arm = [
        level(s, found(np.full(24, v)), base, SPEAKERS) for s, v in zip(STRENGTHS, values[1:], strict=True)
    ]
    seen = judge(("psnr", "blur"), False, [arm], base, [])
    assert seen.verdict == "partly" and seen.smallest == (1.0,) and abs(seen.rho) < 0.95


def test_two_directions_are_judged_by_the_weaker() -> None:
    base = found(np.zeros(24))
    seen = [level(s, found(np.full(24, s)), base, SPEAKERS) for s in STRENGTHS]
    unseen = [level(-s, found(np.zeros(24)), base, SPEAKERS) for s in STRENGTHS]
    one_sided = judge(("toy", "au_gain"), False, [seen, unseen], base, [])
    assert one_sided.verdict == "partly" and one_sided.smallest == (1.0, None) and not one_sided.expected


def test_where_the_unfaulted_have_no_score_95_percent_of_the_faulty_must() -> None:
    base = found(np.full(24, nan))
    some, most = np.full(24, 30.0), np.full(24, 30.0)
    some[:2], most[:1] = nan, nan
    assert not level(1.0, found(some), base, SPEAKERS).detected
    assert level(1.0, found(most), base, SPEAKERS).detected
    arm = [level(s, found(np.full(24, 40.0 - s)), base, SPEAKERS) for s in STRENGTHS]
    seen = judge(("psnr", "blur"), True, [arm], base, [])
    assert (seen.verdict, seen.rho, seen.improves) == ("sees", -1.0, False)


def test_nothing_scored_is_not_called_blind() -> None:
    base = found(np.full(24, nan))
    arm = [level(s, found(np.full(24, nan)), base, SPEAKERS) for s in STRENGTHS]
    assert judge(("emotion_accuracy", "blur"), True, [arm], base, []).verdict == "unscored"


def test_a_set_metric_is_judged_by_the_interval_of_its_score() -> None:
    base = Scored(Score(0.1, 0.0, 0.2, 24, 0), None)
    assert level(1.0, Scored(Score(1.0, 0.5, 1.5, 24, 0), None), base, SPEAKERS).detected
    assert not level(1.0, Scored(Score(1.0, 0.05, 1.9, 24, 0), None), base, SPEAKERS).detected


def test_speakers_are_drawn_whole_where_five_are_known() -> None:
    by_speaker = np.repeat([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -5.0], 3)
    low, high = datasheet.paired_interval(by_speaker, SPEAKERS)
    assert low < 0 < high
    narrow_low, narrow_high = datasheet.paired_interval(by_speaker, [None] * 24)
    assert narrow_high - narrow_low < high - low


def test_nothing_is_detected_in_a_single_clip() -> None:
    assert np.isnan(datasheet.paired_interval(np.array([5.0]), ["a"])).all()
    base, faulty = found(np.array([1.0])), found(np.array([6.0]))
    assert not level(1.0, faulty, base, ["a"]).detected


def test_rank_correlation_is_spearmans_and_skips_what_has_no_score() -> None:
    assert datasheet.rank_correlation([1.0, nan, 2.0, 30.0]) == 1.0
    assert datasheet.rank_correlation([inf, 3.0, 2.0, 1.0]) == -1.0
    assert datasheet.rank_correlation([0.0, 1.0, 0.0, 1.0]) == pytest.approx(1 / 5**0.5)
    assert np.isnan(datasheet.rank_correlation([1.0, 1.0, 1.0]))
    assert np.isnan(datasheet.rank_correlation([1.0, 2.0]))


def test_share_within_counts_what_was_scored() -> None:
    assert datasheet.share_within(np.array([3.0, 4.0, 6.0, nan]), np.full(4, 3.0)) == pytest.approx(2 / 3)

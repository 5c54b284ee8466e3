"""Krippendorff's alpha, against its author's own example."""

import numpy as np
import pytest

from harness.study.votes import Trial
from reports.study.judgements import Cast, Choices, Ratings, Who
from reports.study.reliability import alpha, coincidences, of_choices, of_ratings

NONE = 0
# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section C: 4 observers, 12 units.
OBSERVERS = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3),
    (NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE),
)


def published() -> Ratings:
    rows = [
        (person, clip, score)
        for person, scores in enumerate(OBSERVERS)
        for clip, score in enumerate(scores)
        if score != NONE
    ]
    people, clips, scores = np.array(rows).T
    cast = Cast((Trial("a", "-"),), tuple(f"c{i}" for i in range(12)))
    return Ratings(cast, Who(people, clips), np.zeros(len(rows), np.intp), scores.astype(float))


def test_the_published_example() -> None:
    found = of_ratings(published())
    assert found.nominal.value == pytest.approx(0.743, abs=5e-4)
    assert found.ordinal.value == pytest.approx(0.815, abs=5e-4)
    assert found.nominal.n == 40
    assert found.nominal.low < 0.743 < found.nominal.high


def test_agreement_in_everything_is_one_and_by_chance_is_none() -> None:
    rng = np.random.default_rng(0)
    units, values = np.repeat(np.arange(300), 4), np.repeat(rng.integers(5, size=300), 4)
    for level in ("nominal", "ordinal"):
        same = coincidences(units, values, 5)[1].sum(0)
        chance = coincidences(units, rng.integers(5, size=1200), 5)[1].sum(0)
        assert alpha(same, level) == pytest.approx(1)  # type: ignore[arg-type]
        assert abs(float(alpha(chance, level))) < 0.06  # type: ignore[arg-type]


def test_votes_that_are_all_alike_have_no_alpha() -> None:
    found = coincidences(np.repeat(np.arange(5), 2), np.zeros(10, np.intp), 3)[1].sum(0)
    assert np.isnan(alpha(found, "nominal"))


def test_a_pair_is_the_same_unit_on_either_side() -> None:
    cast = Cast((Trial("a", "-"), Trial("b", "-")), tuple(f"c{i}" for i in range(6)))
    clips = np.repeat(np.arange(6), 2)
    left = np.tile([0, 1], 6)
    better = np.repeat([0, 1, 0, 1, 0, 0], 2)
    choices = Choices(cast, Who(np.tile([0, 1], 6), clips), left, 1 - left, (left == better).astype(float))
    assert of_choices(choices).nominal.value == pytest.approx(1)

"""Whole studies drawn at once, with their truth: what intervals and tests are held to.

`python -m tests.study.draws` runs the full version of the coverage tests and prints its figures.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from harness.study.votes import Trial
from reports.study import bradley_terry, clusters
from reports.study.judgements import Cast, Choices, Estimate, Ratings, Who
from reports.study.sides import side_bias

STRENGTHS = np.array([1.2, 0.4, -0.3, -1.3])
TIE = -0.3


@dataclass(frozen=True)
class Design:
    """A study of four methods: every clip's pairs in a drawn order, sides by a coin.

    person_sd, clip_sd: spread of tastes for each method. side: log-odds added to the left; side_sd: how far
    participants differ in it.
    """

    participants: int = 30
    clips: int = 18
    pairs: int = 24
    person_sd: float = 0.5
    clip_sd: float = 0.4
    side: float = 0.0
    side_sd: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.participants:4d} participants x {self.pairs} pairs, {self.clips} clips, "
            f"spread {self.person_sd} (people) {self.clip_sd} (clips)"
        )


def draw(rng: np.random.Generator, design: Design) -> Choices:
    """Return one study's choices."""
    methods, votes = len(STRENGTHS), design.participants * design.pairs
    cells = np.array([(c, i, j) for c in range(design.clips) for i, j in combinations(range(methods), 2)])
    turns = -(-votes // len(cells))
    shown = cells[np.concatenate([rng.permutation(len(cells)) for _ in range(turns)])[:votes]]
    flipped = rng.random(votes) < 0.5
    clip, left, right = shown[:, 0], *np.where(flipped, shown[:, [2, 1]].T, shown[:, [1, 2]].T)
    person = np.repeat(np.arange(design.participants), design.pairs)
    liking = _likings(rng, design)
    apart = liking(person, clip, left) - liking(person, clip, right)
    apart = apart + (design.side + rng.normal(0, design.side_sd, design.participants))[person]
    weights = np.exp(np.stack([apart / 2, np.full(votes, TIE), -apart / 2]))
    upto = np.cumsum(weights / weights.sum(0), 0)
    score = 1 - 0.5 * (rng.random(votes) > upto[:2]).sum(0)
    return Choices(_cast(design), Who(person, clip), left, right, score)


def draw_ratings(rng: np.random.Generator, design: Design) -> Ratings:
    """Return one study's ratings, unrounded: their mean is 3 + the strength."""
    votes = design.participants * design.pairs
    person = np.repeat(np.arange(design.participants), design.pairs)
    clip, shown = rng.integers(design.clips, size=votes), rng.integers(len(STRENGTHS), size=votes)
    score = 3 + _likings(rng, design)(person, clip, shown) + rng.normal(0, 0.8, votes)
    return Ratings(_cast(design), Who(person, clip), shown, score)


def truth(rng: np.random.Generator, design: Design) -> NDArray[np.float64]:
    """Return the strengths of all people about all clips: a fit to very many of both.

    They are a little nearer to zero than STRENGTHS, because tastes differ.
    """
    crowd = replace(design, participants=20_000, clips=2_000, side=0.0, side_sd=0.0)
    return bradley_terry.fit(*bradley_terry.tables(draw(rng, crowd)))[0]


def bootstrap(rng: np.random.Generator, choices: Choices, draws: int) -> list[Estimate]:
    """Return the percentile intervals of a bootstrap over participants: what the report does not use."""
    people = int(choices.who.participant.max()) + 1
    weights = rng.multinomial(people, np.full(people, 1 / people), draws)[:, choices.who.participant]
    found = bradley_terry.fit(*bradley_terry.tables(choices, weights.astype(float)))[0]
    return [Estimate(0.0, low, high, 0) for low, high in np.quantile(found, [0.025, 0.975], 0).T]


def covered(found: list[Estimate] | tuple[Estimate, ...], values: NDArray[np.float64]) -> int:
    """Return how many intervals hold their truth."""
    return sum(e.low <= v <= e.high for e, v in zip(found, values, strict=True))


def mos(ratings: Ratings) -> list[Estimate]:
    """Return the mean rating of each method."""
    rows = [ratings.shown == k for k in range(len(STRENGTHS))]
    return [clusters.mean(ratings.score[row], ratings.who[row]) for row in rows]


def _likings(rng: np.random.Generator, design: Design) -> Callable[..., NDArray[np.float64]]:
    """Return what a person thinks of a method on a clip, for arrays of all three."""
    people = rng.normal(0, design.person_sd, (design.participants, len(STRENGTHS)))
    clips = rng.normal(0, design.clip_sd, (design.clips, len(STRENGTHS)))
    return lambda person, clip, shown: STRENGTHS[shown] + people[person, shown] + clips[clip, shown]


def _cast(design: Design) -> Cast:
    names = (Trial(f"m{k}", "-") for k in range(len(STRENGTHS)))
    return Cast(tuple(names), tuple(f"clip_{c:03d}" for c in range(design.clips)))


def _normal(ratings: Ratings, k: int) -> Estimate:
    """Return the interval that takes every rating for independent: what the report does not use."""
    own = ratings.score[ratings.shown == k]
    half = float(stdtrit(len(own) - 1, 0.975)) * float(own.std(ddof=1)) / len(own) ** 0.5
    return Estimate(float(own.mean()), float(own.mean()) - half, float(own.mean()) + half, len(own))


def main(times: int) -> None:
    """Print the coverage of every interval and the rates of the side test."""
    rng = np.random.default_rng(20)
    designs = [
        Design(200, 18, 24, 0.5, 0.0),
        Design(200, 18, 24),
        Design(30, 18, 24),
        Design(12, 18, 24),
        Design(30, 8, 24, 0.3, 0.3),
        Design(30, 18, 24, 0.8, 0.0),
        Design(30, 18, 24, 0.0, 0.0),
    ]
    for design in designs:
        values = truth(rng, design)
        hits = np.zeros(4)
        order = 0
        for _ in range(times):
            choices, ratings = draw(rng, design), draw_ratings(rng, design)
            fitted = bradley_terry.strengths(choices).values
            order += int((np.argsort([-f.value for f in fitted]) == np.arange(4)).all())
            hits += (
                covered(fitted, values),
                covered(bootstrap(rng, choices, 200), values),
                covered(mos(ratings), 3 + STRENGTHS),
                covered([_normal(ratings, k) for k in range(4)], 3 + STRENGTHS),
            )
        two, boot, rated, naive = 100 * hits / (4 * times)
        print(
            f"{design}: strengths {two:.1f} % (participant bootstrap {boot:.1f} %), MOS {rated:.1f} % "
            f"(votes as independent {naive:.1f} %), order right {100 * order / times:.1f} %",
            flush=True,
        )
    for people in (12, 30, 200):
        for side, spread in ((0.0, 0.0), (0.0, 1.0), (0.3, 0.0), (0.3, 0.5)):
            design = Design(people, side=side, side_sd=spread)
            tests = [side_bias(draw(rng, design)) for _ in range(4 * times)]
            found = np.mean([t.found for t in tests])
            naive = np.mean([t.p_votes < 0.05 for t in tests])
            print(
                f"{people:4d} participants, side {side} +- {spread}: found {100 * found:.1f} % "
                f"(votes as independent {100 * naive:.1f} %)",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]))

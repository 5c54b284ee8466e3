"""Simulated people with known preferences, who answer pairs and rate clips: for analysis and over HTTP alike.

`Crowd` draws a participant's answer to what was shown; `votes` and `study` make whole studies of it without a
server. Strengths are those of Davidson's model; participants and clips have tastes of their own about them.
"""

from dataclasses import dataclass, field
from itertools import combinations
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from harness.study.votes import Assignment, Participant, Trial, Vote, facts

PREFERENCE = "preference"
RATING = "naturalness"


@dataclass(frozen=True)
class Crowd:
    """People and what they like.

    strengths: log-odds of each method. tie: Davidson's log weight of "no difference". participant_sd,
    clip_sd: spread of tastes about the strengths. side: log-odds added to the left. A rating is 3 + 0.7 of
    the liking, give or take `rating_sd`. careless: the share of participants who answer by chance.
    """

    strengths: dict[Trial, float]
    tie: float = -0.5
    participant_sd: float = 0.5
    clip_sd: float = 0.3
    side: float = 0.0
    rating_sd: float = 0.8
    careless: float = 0.0
    seed: int = 0

    def chances(self, participant: int, clip: str, left: Trial, right: Trial) -> NDArray[np.float64]:
        """Return the chances of "left", "none", "right"."""
        apart = self.side
        if not self.is_careless(participant):
            apart += self.liking(participant, clip, left) - self.liking(participant, clip, right)
        weights = np.exp([apart / 2, self.tie, -apart / 2])
        return np.asarray(weights / weights.sum())

    def choose(self, rng: np.random.Generator, participant: int, clip: str, left: Trial, right: Trial) -> str:
        """Return "left", "none" or "right"."""
        return str(rng.choice(["left", "none", "right"], p=self.chances(participant, clip, left, right)))

    def rate(self, rng: np.random.Generator, participant: int, clip: str, shown: Trial) -> str:
        """Return "1" to "5"."""
        if self.is_careless(participant):
            return str(rng.integers(1, 6))
        score = 3 + 0.7 * self.liking(participant, clip, shown) + rng.normal(0, self.rating_sd)
        return str(int(np.clip(round(score), 1, 5)))

    def liking(self, participant: int, clip: str, shown: Trial) -> float:
        """Return a participant's log-odds of a method on a clip: the same every time."""
        own = self._taste("participant", str(participant), shown, self.participant_sd)
        return self.strengths[shown] + own + self._taste("clip", clip, shown, self.clip_sd)

    def is_careless(self, participant: int) -> bool:
        """Whether a participant answers by chance."""
        return _generator(self.seed, "careless", str(participant)).random() < self.careless

    def _taste(self, what: str, name: str, shown: Trial, spread: float) -> float:
        key = (what, name, shown)
        if key not in self._drawn:
            self._drawn[key] = float(_generator(self.seed, what, name, shown.method, shown.trial).normal())
        return spread * self._drawn[key]

    _drawn: dict[tuple[str, str, Trial], float] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Session:
    """How a study was held: `pairs` of each participant and two attention checks, rated as well or not."""

    participants: int = 40
    clips: tuple[str, ...] = tuple(f"clip_{i:02d}" for i in range(12))
    pairs: int = 18
    ratings: bool = True
    seed: int = 1


def study(crowd: Crowd, session: Session) -> tuple[list[Vote], list[Participant]]:
    """Return all votes and participants of a study in which everybody finished."""
    rng = np.random.default_rng(session.seed)
    cells = [(clip, *pair) for clip in session.clips for pair in combinations(crowd.strengths, 2)]
    places = iter(cells[i] for _ in range(10**6) for i in rng.permutation(len(cells)))
    votes, people = [], []
    for number in range(session.participants):
        own = []
        for place in range(session.pairs):
            clip, one, other = next(places)
            left, right = (one, other) if rng.random() < 0.5 else (other, one)
            shown = _assignment(len(votes) + len(own), number, place, clip, left, right)
            own += _answers(crowd, rng, shown, session.ratings)
        own += [_check(crowd, rng, number, session.pairs + i, session.clips[0]) for i in range(2)]
        votes += own
        people.append(Participant(number, number, 0, 0.0, 0.0, 1.0, facts(own)))
    return votes, people


def _answers(crowd: Crowd, rng: np.random.Generator, shown: Assignment, rated: bool) -> list[Vote]:
    assert shown.right is not None
    seconds = 2.0 if crowd.is_careless(shown.participant) else float(rng.uniform(8, 30))
    answer = crowd.choose(rng, shown.participant, shown.sample, shown.left, shown.right)
    found = [Vote(shown, PREFERENCE, "pair", answer, 0.0, seconds, 2.0, 2.0, 2)]
    if rated:
        scores = [crowd.rate(rng, shown.participant, shown.sample, m) for m in (shown.left, shown.right)]
        found.append(Vote(shown, RATING, "left", scores[0], 0.0, seconds, 2.0, 2.0, 2))
        found.append(Vote(shown, RATING, "right", scores[1], 0.0, seconds, 2.0, 2.0, 2))
    return found


def _check(crowd: Crowd, rng: np.random.Generator, participant: int, place: int, clip: str) -> Vote:
    """Return the answer to an attention check, whose left clip is the right answer."""
    best, worst = (pick(crowd.strengths, key=crowd.strengths.__getitem__) for pick in (max, min))
    shown = Assignment(
        10**6 + 10 * participant + place, participant, place, "attention", clip, best, worst,
        "each", None, "left", 0.0, 1.0,
    )  # fmt: skip
    wrong = crowd.is_careless(participant) and rng.random() < 0.7
    return Vote(shown, PREFERENCE, "pair", "right" if wrong else "left", 0.0, 9.0, 2.0, 2.0, 2)


def _assignment(
    number: int, participant: int, place: int, clip: str, left: Trial, right: Trial
) -> Assignment:
    return Assignment(number, participant, place, "pair", clip, left, right, "left", None, None, 0.0, 1.0)


def _generator(seed: int, *names: str) -> np.random.Generator:
    return np.random.default_rng([seed, *(crc32(name.encode()) for name in names)])

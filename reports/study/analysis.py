"""Everything that is computed from a study's votes, once for all of them and once for the cleaned ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import nan

import numpy as np

from harness.study.votes import Participant, Study, Trial, Vote
from harness.types import BadInput
from reports.load import Run
from reports.rank import Board
from reports.study import agreement, reliability
from reports.study.agreement import MetricAgreement
from reports.study.bradley_terry import Strengths, strengths
from reports.study.clusters import mean, share
from reports.study.exclusion import excluded
from reports.study.judgements import Cast, Choices, Estimate, Who, cast_of, choices, compared, ratings
from reports.study.sides import SideBias, side_bias

JUDGED = ("pair", "single", "abx")


@dataclass(frozen=True)
class Question:
    """What was asked, as the study's YAML has it."""

    name: str
    kind: str
    text: str


@dataclass(frozen=True)
class Preference:
    """Answers to a preference: all in the order of the cast's methods.

    won[i][j]: share of votes on i and j that prefer i, half of the ties not counted; tied[i][j]: of no
    difference. others: how often one vote agrees with most others.
    """

    question: Question
    strengths: Strengths
    won: tuple[tuple[Estimate, ...], ...]
    tied: tuple[tuple[float, ...], ...]
    side: SideBias
    reliability: reliability.Agreement
    others: Estimate
    metrics: tuple[MetricAgreement, ...]


@dataclass(frozen=True)
class Rating:
    """Answers to a rating: mean opinion scores in the order of the cast's methods.

    The metrics are held to the choices that ratings imply, where one participant rated two methods on one
    clip.
    """

    question: Question
    mos: tuple[Estimate, ...]
    reliability: reliability.Agreement
    others: Estimate
    metrics: tuple[MetricAgreement, ...]


@dataclass(frozen=True)
class Match:
    """Answers to ABX: how often X was recognised, by pair of methods; 50 % is what guessing gives."""

    question: Question
    recognised: dict[tuple[int, int], Estimate]


@dataclass(frozen=True)
class Analysis:
    """What some participants said."""

    cast: Cast
    participants: int
    votes: int
    preferences: tuple[Preference, ...]
    ratings: tuple[Rating, ...]
    matches: tuple[Match, ...]


@dataclass(frozen=True)
class Found:
    """A study's results, raw and cleaned; excluded: who is left out of the cleaned ones, and why."""

    study: Study
    people: tuple[Participant, ...]
    votes: tuple[Vote, ...]
    excluded: Mapping[int, tuple[str, ...]]
    raw: Analysis
    clean: Analysis

    @property
    def kept(self) -> list[Vote]:
        """The votes of those who broke no rule."""
        return [v for v in self.votes if v.assignment.participant not in self.excluded]


def analyse(
    run: Run, board: Board, study: Study, votes: Sequence[Vote], people: Sequence[Participant]
) -> Found:
    """Return a study's results. Raises BadInput where nothing was judged, or what the run has not."""
    judged = [v for v in votes if v.assignment.kind in JUDGED]
    if not judged:
        raise BadInput(f"study {study.name}: nobody has judged anything yet")
    cast = cast_of(judged, [Trial(*row.key) for row in (*board.competing, *board.controls)])
    _check_of_this_run(run, board, study, cast)
    asked = [Question(q["name"], q["kind"], q["text"]) for q in study.config["questions"]]
    left_out = excluded(people, votes, study.config["exclude"])
    kept = [v for v in judged if v.assignment.participant not in left_out]
    raw = _analysis(run, cast, asked, judged)
    clean = _analysis(run, cast, asked, kept) if left_out else raw
    return Found(study, tuple(people), tuple(votes), left_out, raw, clean)


def _check_of_this_run(run: Run, board: Board, study: Study, cast: Cast) -> None:
    rows = {row.key for row in (*board.competing, *board.controls)}
    clips = set(run.clips["clip"])
    strange = [
        *(f"{t.method} {t.trial}" for t in cast.methods if (t.method, t.trial) not in rows),
        *(clip for clip in cast.clips if clip not in clips),
    ]
    if strange:
        raise BadInput(
            f"study {study.name}: {strange[0]} was judged but is not in the tables of {run.folder}; "
            f"give the run that the study was made from ({study.run})"
        )


def _analysis(run: Run, cast: Cast, asked: Iterable[Question], votes: Sequence[Vote]) -> Analysis:
    by_kind = {kind: [q for q in asked if q.kind == kind] for kind in ("preference", "rating", "match")}
    return Analysis(
        cast,
        len({v.assignment.participant for v in votes}),
        len(votes),
        tuple(_preference(run, q, choices(votes, q.name, cast)) for q in by_kind["preference"]),
        tuple(_rating(run, q, cast, votes) for q in by_kind["rating"]),
        tuple(Match(q, _recognised(q, cast, votes)) for q in by_kind["match"]),
    )


def _preference(run: Run, question: Question, found: Choices) -> Preference:
    fitted = strengths(found)
    values = np.array([v.value for v in fitted.values])
    metrics = (
        [] if fitted.reason else agreement.agreements(run, found, agreement.by_preference(found, values))
    )
    won, tied = _matrix(found)
    return Preference(
        question,
        fitted,
        won,
        tied,
        side_bias(found),
        reliability.of_choices(found),
        agreement.others(found),
        tuple(metrics),
    )


def _rating(run: Run, question: Question, cast: Cast, votes: Sequence[Vote]) -> Rating:
    found = ratings(votes, question.name, cast)
    rows = [found.shown == k for k in range(len(cast.methods))]
    mos = tuple(mean(found.score[row], found.who[row]) for row in rows)
    implied = compared(found)
    metrics: list[MetricAgreement] = []
    if len(found):
        human = agreement.by_rating(found, np.array([m.value for m in mos]))
        metrics = agreement.agreements(run, implied, human)
    return Rating(question, mos, reliability.of_ratings(found), agreement.others(implied), tuple(metrics))


def _matrix(found: Choices) -> tuple[tuple[tuple[Estimate, ...], ...], tuple[tuple[float, ...], ...]]:
    """Return how often the row's method was preferred to the column's, and how often neither."""
    size = len(found.cast.methods)
    won = [[Estimate(nan, nan, nan, 0)] * size for _ in range(size)]
    tied = [[nan] * size for _ in range(size)]
    for i, j in combinations(range(size), 2):
        pair = found[((found.left == i) & (found.right == j)) | ((found.left == j) & (found.right == i))]
        if not len(pair):
            continue
        for one, other in ((i, j), (j, i)):
            score = np.where(pair.left == one, pair.score, 1 - pair.score)
            won[one][other] = share((score == 1).astype(float), pair.who)
            tied[one][other] = float((pair.score == 0.5).mean())
    return tuple(map(tuple, won)), tuple(map(tuple, tied))


def _recognised(question: Question, cast: Cast, votes: Sequence[Vote]) -> dict[tuple[int, int], Estimate]:
    method = {trial: number for number, trial in enumerate(cast.methods)}
    clip = {name: number for number, name in enumerate(cast.clips)}
    groups: dict[tuple[int, int], list[tuple[int, int, float]]] = {}
    for vote in votes:
        shown = vote.assignment
        if shown.kind == "abx" and vote.question == question.name and shown.right is not None:
            one, other = sorted((method[shown.left], method[shown.right]))
            hit = 0.5 if vote.answer == "none" else float(vote.answer == shown.hidden)
            groups.setdefault((one, other), []).append((shown.participant, clip[shown.sample], hit))
    return {
        pair: share(
            np.array([hit for *_, hit in rows]),
            Who(np.array([p for p, *_ in rows]), np.array([c for _, c, _ in rows])),
        )
        for pair, rows in sorted(groups.items())
    }

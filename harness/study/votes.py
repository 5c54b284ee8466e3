"""What a study found, read from its database: the only door through which analysis reads votes.

    votes = read_votes(default_url(run_dir))        # every answer, with its assignment and participant
    study = read_study(default_url(run_dir))        # the YAML as it was when the study began
    people = read_participants(default_url(run_dir))

Everything is raw: nobody is left out here. Exclusion rules are in `Study.config["exclude"]`; `Facts` counts
what they speak of. Reading never changes the database, and works while the study runs.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal, cast

from sqlalchemy import inspect, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from harness.results import read_json
from harness.study.models import AssignmentRow, ParticipantRow, StudyRow, VoteRow
from harness.types import BadInput

Kind = Literal["training", "pair", "single", "abx", "attention", "gold"]
"""What an assignment is for. Only `pair`, `single` and `abx` judge methods; `gold` and `attention` judge the
participant, `training` nobody."""

Side = Literal["left", "right"]
Sound = Literal["left", "right", "each"]
"""Whose sound is heard with both clips; `each`: their sounds differ, so each is played with its own."""

Target = Literal["pair", "left", "right"]


@dataclass(frozen=True, slots=True, order=True)
class Trial:
    """Who made a clip: a row of the run's leaderboard."""

    method: str
    trial: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the exclusion rules speak of, counted over a participant's answers.

    answered: judgements of methods (pair, single, abx). attention_failed, gold_failed: checks answered
    wrong. seconds_median: from being shown to being answered, over judgements, NaN without any.
    same_side_share: the larger share of "left" and "right" among preferences that chose a side, NaN without.
    """

    answered: int
    attention_asked: int
    attention_failed: int
    gold_asked: int
    gold_failed: int
    seconds_median: float
    same_side_share: float


@dataclass(frozen=True, slots=True)
class Participant:
    """A person who consented. Times are seconds since 1970, UTC; `finished` is None for who left."""

    id: int
    number: int
    sequence: int
    created: float
    consented: float
    finished: float | None
    facts: Facts


@dataclass(frozen=True, slots=True)
class Assignment:
    """What was shown. `right` is None for a single clip; `hidden` is the side that ABX's X repeats.

    place: 0 is the first that this participant saw, training included. expected: the right answer of a
    check, None of a judgement.
    """

    id: int
    participant: int
    place: int
    kind: Kind
    sample: str
    left: Trial
    right: Trial | None
    sound: Sound
    hidden: Side | None
    expected: str | None
    assigned: float
    answered: float | None

    @property
    def order(self) -> int:
        """Another name of `place`."""
        return self.place


@dataclass(frozen=True, slots=True)
class Vote:
    """One answer. `answer` is "left", "right" or "none" (no difference) of a preference or an ABX, "1" to "5"
    of a rating; `target` the clip that a rating is of, "pair" for the others.

    started, ended: when the server showed the pair and took the answer. played_left, played_right: seconds
    that the clip played, as the browser says; plays: how often it was started.
    """

    assignment: Assignment
    question: str
    target: Target
    answer: str
    started: float
    ended: float
    played_left: float
    played_right: float | None
    plays: int

    @property
    def about(self) -> Trial | None:
        """Whom a rating is of; None for an answer about the pair."""
        if self.target == "pair":
            return None
        return self.assignment.left if self.target == "left" else self.assignment.right


@dataclass(frozen=True, slots=True)
class Study:
    """What was decided before the first judgement: `config` is study.yaml with its defaults filled in."""

    name: str
    run: str
    config: Mapping[str, Any]
    config_hash: str
    created: float


def default_url(run_dir: Path) -> str:
    """Return the URL of the database of a run's study: the one that it was begun with, SQLite if none was.

    A password is not kept; PostgreSQL's own PGPASSWORD or ~/.pgpass gives it.
    """
    begun = run_dir / "study" / "study.json"
    if begun.is_file():
        return str(read_json(begun)["database"])
    return f"sqlite:///{(run_dir / 'study' / 'votes.sqlite').absolute()}"


def read_study(url: str) -> Study:
    """Return the study of a database. Raises BadInput where there is none."""
    with _reading(url) as connection:
        row = connection.execute(select(StudyRow.__table__)).mappings().one_or_none()
    if row is None:
        raise BadInput(f"{_shown(url)}: no study was begun in this database; run harness.serve with --study")
    return Study(row["name"], row["run"], json.loads(row["config"]), row["config_hash"], row["created"])


def read_assignments(url: str) -> list[Assignment]:
    """Return everything that anybody was to be shown, by participant and place."""
    with _reading(url) as connection:
        return _assignments(connection)


def read_votes(url: str) -> list[Vote]:
    """Return every answer, in the order in which they came. Raises BadInput where there is no study."""
    with _reading(url) as connection:
        return _votes(connection)


def read_participants(url: str) -> list[Participant]:
    """Return everybody who consented, by number, with the facts that exclusion rules speak of."""
    with _reading(url) as connection:
        votes = _votes(connection)
        rows = (
            connection.execute(select(ParticipantRow.__table__).order_by(ParticipantRow.number))
            .mappings()
            .all()
        )
    by_person: dict[int, list[Vote]] = defaultdict(list)
    for vote in votes:
        by_person[vote.assignment.participant].append(vote)
    return [
        Participant(
            id=row["id"],
            number=row["number"],
            sequence=row["sequence"],
            created=row["created"],
            consented=row["consented"],
            finished=row["finished"],
            facts=facts(by_person[row["id"]]),
        )
        for row in rows
    ]


def facts(votes: Sequence[Vote]) -> Facts:
    """Count what exclusion rules speak of over one participant's answers."""
    shown = {vote.assignment.id: vote for vote in votes}.values()
    judged = [v for v in shown if v.assignment.kind in ("pair", "single", "abx")]
    sides = [
        v.answer
        for v in votes
        if v.assignment.kind == "pair" and v.target == "pair" and v.answer in ("left", "right")
    ]
    left = sides.count("left")
    return Facts(
        answered=len(judged),
        attention_asked=_asked(votes, "attention"),
        attention_failed=_failed(votes, "attention"),
        gold_asked=_asked(votes, "gold"),
        gold_failed=_failed(votes, "gold"),
        seconds_median=median(v.ended - v.started for v in judged) if judged else float("nan"),
        same_side_share=max(left, len(sides) - left) / len(sides) if sides else float("nan"),
    )


def _asked(votes: Sequence[Vote], kind: Kind) -> int:
    return len({v.assignment.id for v in votes if v.assignment.kind == kind})


def _failed(votes: Sequence[Vote], kind: Kind) -> int:
    """Count checks with a wrong answer; a gold pair's expectation is of the answers about the pair alone."""
    return len(
        {
            v.assignment.id
            for v in votes
            if v.assignment.kind == kind
            and (kind == "attention" or v.target == "pair")
            and v.answer != v.assignment.expected
        }
    )


def _reading(url: str) -> Connection:
    from harness.study.database import connect  # makes engines; models and readers need no more

    engine = connect(url, reading=True)
    try:
        connection = engine.connect()
        if not inspect(connection).has_table("study"):
            connection.close()
            raise BadInput(
                f"{_shown(url)}: no study was begun in this database; run harness.serve with --study"
            )
    except SQLAlchemyError as error:
        raise BadInput(f"{_shown(url)}: no study can be read here ({error.__class__.__name__})") from error
    return connection


def _shown(url: str) -> str:
    from harness.study.database import shown

    return shown(url)


def _assignments(connection: Connection) -> list[Assignment]:
    table = AssignmentRow.__table__
    rows = connection.execute(select(table).order_by(table.c.participant_id, table.c.place)).mappings()
    return [assignment_of(dict(row)) for row in rows]


def assignment_of(row: Mapping[str, Any]) -> Assignment:
    """Return a row of the assignment table as what it says."""
    right = row["right_method"]
    return Assignment(
        id=row["id"],
        participant=row["participant_id"],
        place=row["place"],
        kind=cast(Kind, row["kind"]),
        sample=row["sample"],
        left=Trial(row["left_method"], row["left_trial"]),
        right=None if right is None else Trial(right, row["right_trial"]),
        sound=cast(Sound, row["sound"]),
        hidden=cast(Side | None, row["hidden"]),
        expected=row["expected"],
        assigned=row["assigned"],
        answered=row["answered"],
    )


def _votes(connection: Connection) -> list[Vote]:
    by_id = {assignment.id: assignment for assignment in _assignments(connection)}
    table = VoteRow.__table__
    return [
        Vote(
            assignment=by_id[row["assignment_id"]],
            question=row["question"],
            target=cast(Target, row["target"]),
            answer=row["answer"],
            started=row["started"],
            ended=row["ended"],
            played_left=row["played_left"],
            played_right=row["played_right"],
            plays=row["plays"],
        )
        for row in connection.execute(select(table).order_by(table.c.id)).mappings()
    ]

"""The desk where participants are received: joins them, shows the next item, takes answers, once each.

Everything is in the database, nothing in this process: any replica answers any request, and none is missed
when it dies. `answer` returns only after the answers are durable.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Select, func, insert, or_, select, update
from sqlalchemy.engine import Connection, Engine

from harness.study.assign import Plan, Shown, State, plan
from harness.study.config import StudyConfig
from harness.study.database import writing
from harness.study.items import Refused, Sight, Submission
from harness.study.material import ClipFile, Material
from harness.study.models import AssignmentRow, ParticipantRow, VoteRow, table
from harness.study.together import Together
from harness.study.tokens import Part, Signer, Ticket, completion_code, stored
from harness.study.votes import Trial, assignment_of

_P, _A, _V = table(ParticipantRow), table(AssignmentRow), table(VoteRow)
_JUDGED = ("pair", "single", "abx")
_SEEN_EVERY = 60.0
_KEPT_CLIPS = 20_000

NOT_SHOWN = "This answer is not to anything that was shown to you."
FULL = "This study has all the participants it needs. Thank you for your interest."


@dataclass(slots=True)
class Desk:
    """Receives participants; `now` gives seconds since 1970."""

    engine: Engine
    signer: Signer
    study: StudyConfig
    material: Material
    now: Callable[[], float] = time.time
    _clips: dict[tuple[str, str], ClipFile] = field(default_factory=dict)
    _together: Together = field(init=False)

    def __post_init__(self) -> None:
        self._together = Together(self.engine)

    def state(self, key: str) -> dict[str, Any]:
        """Return what the holder of a key is to see now: welcome, an item, or the end."""
        with self.engine.connect() as connection:
            person = _person(connection, key)
            if person is None:
                full = self._count(connection) >= self.study.participants
                return {"state": "full", "message": FULL} if full else {"state": "welcome"}
            found = self._next(connection, person["id"], person["code"], key)
        if self.now() - person["seen"] > _SEEN_EVERY:
            with writing(self.engine) as connection:
                connection.execute(update(_P).where(_P.c.id == person["id"]).values(seen=self.now()))
        return found

    def join(self, key: str, invite: str | None) -> dict[str, Any]:
        """Take in who consented, draw their plan, and return the first item; twice is once."""
        if self.study.access == "invite" and not self.signer.invited(invite or "", self.study.invites):
            raise Refused(403, "This study is open to invited participants. Please use your invitation link.")
        with writing(self.engine, exclusive=True) as connection:
            person = _person(connection, key)
            if person is None:
                self._enter(connection, key, invite if self.study.access == "invite" else None)
                person = _person(connection, key)
            assert person is not None
            return self._next(connection, person["id"], person["code"], key)

    async def answer(self, key: str, submission: Submission) -> dict[str, Any]:
        """Store the answers to what a ticket says was shown, and return what comes next.

        The same answers again are confirmed again; other answers to the same are refused.
        """
        ticket = self.signer.ticket_of(key, submission.ticket)
        if ticket is None:
            raise Refused(403, NOT_SHOWN)
        return await self._together.run(partial(self._answer, key, ticket, submission))

    def _answer(
        self, key: str, ticket: Ticket, submission: Submission, connection: Connection
    ) -> dict[str, Any]:
        row = connection.execute(_assigned(key, ticket.assignment).with_for_update()).mappings().first()
        if row is None:
            raise Refused(403, NOT_SHOWN)
        sight = Sight(assignment_of(dict(row)), self.study, self.material)
        if sight.assignment.answered is None:
            sight.check(submission, ticket.shown, self.now())
            self._store(connection, sight, submission, ticket.shown)
        elif _answers(connection, sight.assignment.id) != _given(submission):
            raise Refused(409, "You have answered this already. Please reload the page.")
        following = self._next(connection, row["participant_id"], row["code"], key)
        if following["state"] == "done":
            _finish(connection, row["participant_id"], self.now())
        return {"confirmed": sight.assignment.place, "next": following}

    def clip(self, key: str, token: str) -> ClipFile:
        """Return the clip behind a media token of the holder of a key."""
        kept = self._clips.get((key, token))
        if kept is not None:
            return kept
        named = self.signer.media_of(key, token)
        if named is None:
            raise Refused(404, "There is no such clip.")
        assignment, part = named
        with self.engine.connect() as connection:
            row = connection.execute(_assigned(key, assignment)).mappings().first()
        if row is None:
            raise Refused(404, "There is no such clip.")
        return self._keep(key, token, dict(row), part)

    def counts(self) -> dict[str, int]:
        """Return how many participants, finished participants and answers there are."""
        with self.engine.connect() as connection:
            return {
                "participants": self._count(connection),
                "finished": connection.scalar(select(func.count()).where(_P.c.finished.is_not(None))) or 0,
                "judgements": connection.scalar(select(func.count()).where(_A.c.answered.is_not(None))) or 0,
                "votes": connection.scalar(select(func.count()).select_from(_V)) or 0,
            }

    def _keep(self, key: str, token: str, row: Mapping[str, Any], part: Part) -> ClipFile:
        try:
            clip = Sight(assignment_of(row), self.study, self.material).clip(part)
        except KeyError as error:
            raise Refused(404, "There is no such clip.") from error
        if len(self._clips) >= _KEPT_CLIPS:
            self._clips.clear()
        self._clips[key, token] = clip
        return clip

    def _count(self, connection: Connection) -> int:
        return connection.scalar(select(func.count()).select_from(_P)) or 0

    def _enter(self, connection: Connection, key: str, invite: str | None) -> None:
        number = self._count(connection)
        if number >= self.study.participants:
            raise Refused(403, FULL)
        now = self.now()
        drawn = plan(self.material, self.study, self._balance(connection, now), number)
        person = connection.execute(
            insert(_P)
            .values(
                number=number,
                key=stored(key),
                invite=invite,
                sequence=drawn.sequence,
                created=now,
                consented=now,
                seen=now,
                code=completion_code(),
            )
            .returning(_P.c.id)
        ).scalar_one()
        connection.execute(insert(_A), _rows(person, drawn, now))

    def _balance(self, connection: Connection, now: float) -> State:
        """Count what was judged, and what those who are about may yet judge."""
        about = _P.c.seen > now - 60 * self.study.hold_minutes
        counted = (_A.c.sample, _A.c.left_method, _A.c.left_trial, _A.c.right_method, _A.c.right_trial)
        rows = connection.execute(
            select(*counted, func.count())
            .join(_P, _P.c.id == _A.c.participant_id)
            .where(_A.c.kind.in_(_JUDGED), or_(_A.c.answered.is_not(None), about))
            .group_by(*counted)
        )
        shown: dict[Shown, int] = {
            (sample, Trial(left, lt), None if right is None else Trial(right, rt)): n
            for sample, left, lt, right, rt, n in rows
        }
        orders = connection.execute(
            select(_P.c.sequence, func.count())
            .where(or_(_P.c.finished.is_not(None), about))
            .group_by(_P.c.sequence)
        )
        return State(shown, {int(row): int(n) for row, n in orders})

    def _next(self, connection: Connection, person: int, code: str, key: str) -> dict[str, Any]:
        row = (
            connection.execute(
                select(_A)
                .where(_A.c.participant_id == person, _A.c.answered.is_(None))
                .order_by(_A.c.place)
                .limit(1)
            )
            .mappings()
            .first()
        )
        if row is None:
            return {"state": "done", "code": code}
        return Sight(assignment_of(dict(row)), self.study, self.material).page(self.signer, key, self.now())

    def _store(self, connection: Connection, sight: Sight, submission: Submission, shown: float) -> None:
        now = self.now()
        facts = {
            "assignment_id": sight.assignment.id,
            "started": shown,
            "ended": now,
            "played_left": submission.played.left,
            "played_right": submission.played.right,
            "plays": submission.plays,
        }
        connection.execute(insert(_V), [{**facts, **a.model_dump()} for a in submission.answers])
        connection.execute(update(_A).where(_A.c.id == sight.assignment.id).values(answered=now))
        connection.execute(update(_P).where(_P.c.id == sight.assignment.participant).values(seen=now))


def _person(connection: Connection, key: str) -> Mapping[str, Any] | None:
    row = connection.execute(select(_P).where(_P.c.key == stored(key))).mappings().first()
    return None if row is None else dict(row)


def _assigned(key: str, assignment: int) -> Select[Any]:
    """Select an assignment, if it is that of the holder of a key."""
    return (
        select(_A, _P.c.code)
        .join(_P, _P.c.id == _A.c.participant_id)
        .where(_A.c.id == assignment, _P.c.key == stored(key))
    )


def _rows(person: int, drawn: Plan, now: float) -> Sequence[dict[str, Any]]:
    return [
        {
            "participant_id": person,
            "place": item.place,
            "kind": item.kind,
            "sample": item.sample,
            "left_method": item.left.method,
            "left_trial": item.left.trial,
            "right_method": item.right and item.right.method,
            "right_trial": item.right and item.right.trial,
            "sound": item.sound,
            "hidden": item.hidden,
            "expected": item.expected,
            "assigned": now,
        }
        for item in drawn.items
    ]


def _answers(connection: Connection, assignment: int) -> set[tuple[str, str, str]]:
    found = connection.execute(
        select(_V.c.question, _V.c.target, _V.c.answer).where(_V.c.assignment_id == assignment)
    )
    return {(question, target, answer) for question, target, answer in found}


def _given(submission: Submission) -> set[tuple[str, str, str]]:
    return {(a.question, a.target, a.answer) for a in submission.answers}


def _finish(connection: Connection, person: int, now: float) -> None:
    connection.execute(update(_P).where(_P.c.id == person, _P.c.finished.is_(None)).values(finished=now))

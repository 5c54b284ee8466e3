"""The tables of a study's database, for SQLite and PostgreSQL alike; `migrations/` makes them.

What must never happen twice is a unique constraint, so that several replicas need no lock of their own.
Times are seconds since 1970, UTC, of the server's clock.
"""

from typing import cast

from sqlalchemy import (
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """All tables."""


def table(row: type[Base]) -> Table:
    """Return the table of a row, for statements without objects."""
    return cast(Table, row.__table__)


class StudyRow(Base):
    """The study itself, one row: what was decided before anybody judged, and the key that signs tokens."""

    __tablename__ = "study"
    __table_args__ = (CheckConstraint("id = 1", name="one_study"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    run: Mapped[str] = mapped_column(String(200))
    config: Mapped[str] = mapped_column(Text)
    config_hash: Mapped[str] = mapped_column(String(40))
    secret: Mapped[str] = mapped_column(String(64))
    created: Mapped[float] = mapped_column(Float)


class ParticipantRow(Base):
    """A person who consented. `key` is the SHA-256 of the cookie's secret; `number` counts from 0."""

    __tablename__ = "participant"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, unique=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    invite: Mapped[str | None] = mapped_column(String(64), unique=True)
    sequence: Mapped[int] = mapped_column(Integer)
    created: Mapped[float] = mapped_column(Float)
    consented: Mapped[float] = mapped_column(Float)
    seen: Mapped[float] = mapped_column(Float)
    finished: Mapped[float | None] = mapped_column(Float)
    code: Mapped[str] = mapped_column(String(20), unique=True)


class AssignmentRow(Base):
    """What a participant is shown at one place: every choice that chance made is a column."""

    __tablename__ = "assignment"
    __table_args__ = (
        UniqueConstraint("participant_id", "place"),
        Index("assignment_cell", "kind", "sample", "left_method", "right_method"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    participant_id: Mapped[int] = mapped_column(ForeignKey("participant.id"))
    place: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(10))
    sample: Mapped[str] = mapped_column(String(300))
    left_method: Mapped[str] = mapped_column(String(200))
    left_trial: Mapped[str] = mapped_column(String(100))
    right_method: Mapped[str | None] = mapped_column(String(200))
    right_trial: Mapped[str | None] = mapped_column(String(100))
    sound: Mapped[str] = mapped_column(String(5))
    hidden: Mapped[str | None] = mapped_column(String(5))
    expected: Mapped[str | None] = mapped_column(String(5))
    assigned: Mapped[float] = mapped_column(Float)
    answered: Mapped[float | None] = mapped_column(Float)


class VoteRow(Base):
    """One answer to one question about one assignment. `target` says what was asked about."""

    __tablename__ = "vote"
    __table_args__ = (UniqueConstraint("assignment_id", "question", "target"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignment.id"))
    question: Mapped[str] = mapped_column(String(60))
    target: Mapped[str] = mapped_column(String(5))
    answer: Mapped[str] = mapped_column(String(10))
    started: Mapped[float] = mapped_column(Float)
    ended: Mapped[float] = mapped_column(Float)
    played_left: Mapped[float] = mapped_column(Float)
    played_right: Mapped[float | None] = mapped_column(Float)
    plays: Mapped[int] = mapped_column(Integer)

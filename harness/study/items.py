"""What a participant is shown and asked, and what counts as an answer to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.study.config import Question, StudyConfig
from harness.study.material import ClipFile, Material
from harness.study.tokens import Part, Signer, Ticket
from harness.study.votes import Assignment, Trial

_TICKET_SECONDS = 12 * 3600.0
_ENOUGH = 0.9
"""Share of a clip that must have been played: browsers report the last frames unevenly."""

_SLACK = 2.0
_ANSWERS = {"preference": ("left", "right", "none"), "match": ("left", "right"), "rating": tuple("12345")}
_LABELS = {"left": "Left", "right": "Right", "none": "No difference"}
_PAIR_LABELS: dict[Part, str] = {"left": "Left", "right": "Right", "hidden": "X"}


class Refused(Exception):
    """A request that cannot be granted: an HTTP status of 4xx and what the participant may be told."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Strictly(BaseModel):
    """Input from outside: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Answer(Strictly):
    """One answer to one question."""

    question: str = Field(max_length=60, pattern=r"^[A-Za-z0-9._-]+$")
    target: Literal["pair", "left", "right"]
    answer: Literal["left", "right", "none", "1", "2", "3", "4", "5"]


class Played(Strictly):
    """How many seconds each clip played, replays counted."""

    left: float = Field(ge=0, le=1e6, allow_inf_nan=False)
    right: float | None = Field(None, ge=0, le=1e6, allow_inf_nan=False)
    hidden: float | None = Field(None, ge=0, le=1e6, allow_inf_nan=False)


class Submission(Strictly):
    """All answers about what is shown."""

    ticket: str = Field(max_length=100)
    answers: list[Answer] = Field(min_length=1, max_length=100)
    played: Played
    plays: int = Field(ge=1, le=10_000)


@dataclass(frozen=True, slots=True)
class Sight:
    """One assignment with everything needed to show it and to check what comes back."""

    assignment: Assignment
    study: StudyConfig
    material: Material

    def clip(self, part: Part) -> ClipFile:
        """Return one of the clips shown; KeyError where there is none such."""
        a = self.assignment
        side = a.hidden if part == "hidden" else part
        trial: Trial | None = {"left": a.left, "right": a.right}.get(side or "")
        if trial is None:
            raise KeyError(part)
        return self.material.clips[trial, a.sample]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Which clips are shown."""
        a = self.assignment
        if a.right is None:
            return ("left",)
        return ("left", "right") if a.hidden is None else ("left", "right", "hidden")

    @property
    def questions(self) -> Sequence[Question]:
        """What is asked: a check that says its own answer asks for nothing else."""
        a = self.assignment
        if a.kind != "attention" or a.expected is None:
            return self.study.questions
        kind = self.study.questions[0].kind if self.study.design != "ab" else "preference"
        wanted = _LABELS.get(a.expected, a.expected)
        text = f"Attention check: whatever you saw, please choose “{wanted}”."
        return [Question(name="attention", kind=kind, text=text, low="Low", high="High")]

    def asked(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """Return the possible answers by (question, target)."""
        sides = ("left",) if self.assignment.right is None else ("left", "right")
        return {
            (q.name, target): _ANSWERS[q.kind]
            for q in self.questions
            for target in (sides if q.kind == "rating" else ("pair",))
        }

    def check(self, submission: Submission, shown: float, now: float) -> None:
        """Refuse answers that are not to what was asked, or that came before the clips were played."""
        asked = self.asked()
        given = {(a.question, a.target): a.answer for a in submission.answers}
        if len(given) < len(submission.answers) or set(given) != set(asked):
            raise Refused(422, "Please answer every question once.")
        if any(answer not in asked[key] for key, answer in given.items()):
            raise Refused(422, "That is not one of the answers to choose from.")
        if not 0 <= now - shown <= _TICKET_SECONDS:
            raise Refused(409, "This page was open for too long. Please reload it.")
        self._check_played(submission, now - shown)

    def _check_played(self, submission: Submission, since: float) -> None:
        played: Mapping[str, float | None] = submission.played.model_dump()
        lengths = {part: self.clip(part).seconds for part in self.parts}
        if {part for part, seconds in played.items() if seconds is not None} != set(lengths):
            raise Refused(422, "Playing times must be given for the clips that are shown.")
        if any((seconds or 0) > since * submission.plays + _SLACK for seconds in played.values()):
            raise Refused(422, "These playing times cannot be.")
        one_by_one = self.assignment.sound == "each"
        needed = sum(lengths.values()) if one_by_one else max(lengths.values())
        short = any((played[part] or 0) < _ENOUGH * length for part, length in lengths.items())
        if short or since < _ENOUGH * needed:
            raise Refused(422, "Please play the clips to the end first.")

    def page(self, signer: Signer, key: str, now: float) -> dict[str, Any]:
        """Return what the participant's browser needs, and nothing that says whose clips they are."""
        a = self.assignment
        clips = [
            {
                "part": part,
                "label": _PAIR_LABELS[part] if len(self.parts) > 1 else "Clip",
                "src": f"/study/media/{signer.media(key, a.id, part)}.mp4",
                "seconds": round(self.clip(part).seconds, 3),
            }
            for part in self.parts
        ]
        return {
            "state": "item",
            "place": a.place,
            "of": self.study.length,
            "practice": a.place < self.study.training,
            "practices": self.study.training,
            "ticket": signer.ticket(key, Ticket(a.id, now)),
            "clips": clips,
            "sound": a.sound,
            "questions": [self._question(q) for q in self.questions],
        }

    def _question(self, question: Question) -> dict[str, Any]:
        targets: Sequence[str] = ["pair"]
        if question.kind == "rating":
            targets = ["left"] if self.assignment.right is None else ["left", "right"]
        return {**question.model_dump(), "targets": targets, "answers": _ANSWERS[question.kind]}

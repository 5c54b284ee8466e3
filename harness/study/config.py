"""A study's YAML, strict: what is compared, how people are asked, and whose answers will not count.

Everything that could be bent towards a result afterwards is here, so that it is written before the first
participant: the design, the questions, the checks and the exclusion rules.
"""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from harness.catalog import nearest
from harness.config import Strict, validated
from harness.types import BadInput

Design = Literal["ab", "acr", "abx"]

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$"


class Question(Strict):
    """One question. A rating is of each clip, from 1 (`low`) to 5 (`high`); the others are of the pair."""

    name: str = Field(pattern=_NAME)
    kind: Literal["preference", "rating", "match"]
    text: str = Field(min_length=1, max_length=300)
    low: str = Field("Bad", max_length=40)
    high: str = Field("Excellent", max_length=40)


STANDARD = {
    q.name: q
    for q in (
        Question(name="preference", kind="preference", text="Which clip do you prefer overall?"),
        Question(name="naturalness", kind="rating", text="Overall naturalness"),
        Question(
            name="motion_diversity",
            kind="rating",
            text="Variety of head and face motion",
            low="Stiff",
            high="Lively",
        ),
        Question(
            name="smoothness", kind="rating", text="Smoothness of the video", low="Jerky", high="Smooth"
        ),
        Question(
            name="lip_sync",
            kind="rating",
            text="Lips match the speech",
            low="Not at all",
            high="Perfectly",
        ),
        Question(
            name="emotion",
            kind="rating",
            text="Face shows the emotion of the voice",
            low="Not at all",
            high="Clearly",
        ),
        Question(name="match", kind="match", text="Which clip is the same as X?"),
    )
}
"""Questions that a YAML may name without writing them out."""

_DEFAULT_QUESTIONS: dict[Design, tuple[str, ...]] = {
    "ab": ("preference", "naturalness", "motion_diversity", "smoothness", "lip_sync", "emotion"),
    "acr": ("naturalness", "motion_diversity", "smoothness", "lip_sync", "emotion"),
    "abx": ("match",),
}
_KINDS: dict[Design, set[str]] = {"ab": {"preference", "rating"}, "acr": {"rating"}, "abx": {"match"}}


class Attention(Strict):
    """Checks that say themselves what to answer. `at`: their places, 1 is the first after training."""

    at: tuple[int, ...] = ()


class Gold(Strict):
    """Pairs whose answer is known: `better` against `worse`, both written as in `compare`."""

    at: tuple[int, ...] = ()
    better: str = "ground_truth"
    worse: str = "still"


class Exclusion(Strict):
    """Who is left out of the cleaned results: whoever breaks one rule. None asks for nothing.

    attention_failed, gold_failed: more failed checks than this. seconds_median: a faster median judgement.
    same_side_share: a larger share of one side among ten or more preferences. answered: fewer judgements.
    """

    attention_failed: int | None = Field(0, ge=0)
    gold_failed: int | None = Field(1, ge=0)
    seconds_median: float | None = Field(None, ge=0)
    same_side_share: float | None = Field(None, ge=0.5, le=1)
    answered: int | None = Field(None, ge=0)


class Texts(Strict):
    """What participants read, plain text; an empty line begins a paragraph."""

    welcome: str = (
        "Thank you for your interest. You will watch short clips of talking faces and tell us what you see. "
        "There are no right or wrong opinions: we want to know how the clips look to you."
    )
    consent: str = (
        "Taking part is voluntary and you may leave at any time by closing the page. We store your answers, "
        "when you gave them and how long the clips were played. We store no name, no address and nothing "
        "about your device. Answers are published only as they are stored: without anything that says who "
        "you are."
    )
    instructions: str = (
        "Switch your sound on. Play the clips to the end as often as you like, then answer. "
        "Answers open once the clips have been played."
    )
    thanks: str = "You have finished. Your answers are stored and cannot be lost any more."


class StudyConfig(Strict):
    """A whole study.

    compare: rows of the leaderboard, "method" or "method/trial"; all that have clips where it is left out.
    samples: ids of test clips; all where left out. pairs: judgements a participant gives, checks not counted.
    training: how many unscored items come first. access: anybody, or holders of one of `invites` links.
    participants: nobody is let in beyond this number. hold_minutes: how long somebody who fell silent keeps
    the pairs that they were given from being given again.
    """

    name: str = Field(pattern=_NAME)
    title: str = Field("A study of talking faces", min_length=1, max_length=120)
    design: Design = "ab"
    seed: int = Field(1, ge=0)
    compare: list[str] | None = Field(None, min_length=1)
    samples: list[str] | None = Field(None, min_length=1)
    pairs: int = Field(20, ge=1, le=200)
    training: int = Field(1, ge=0, le=5)
    questions: tuple[Question, ...] = ()
    attention: Attention = Attention()
    gold: Gold = Gold()
    exclude: Exclusion = Exclusion()
    texts: Texts = Texts()
    access: Literal["open", "invite"] = "open"
    invites: int = Field(0, ge=0, le=10_000)
    participants: int = Field(1000, ge=1)
    hold_minutes: float = Field(60, gt=0)
    replicas: int = Field(2, ge=1, le=64)

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, values: Any) -> Any:
        """Fill in the design's own questions where none are given."""
        if not isinstance(values, dict) or "questions" in values:
            return values
        names = _DEFAULT_QUESTIONS.get(values.get("design", "ab"), ())
        return {**values, "questions": list(names)}

    @field_validator("questions", mode="before")
    @classmethod
    def _by_name(cls, questions: Any) -> Any:
        if not isinstance(questions, list):
            return questions
        return [_standard(q) if isinstance(q, str) else q for q in questions]

    @model_validator(mode="after")
    def _fits_together(self) -> "StudyConfig":
        _check_questions(self)
        _check_places(self)
        if self.access == "invite" and not self.invites:
            raise ValueError("access: invite needs invites: how many links to make")
        return self

    @property
    def length(self) -> int:
        """How many things a participant is shown in all."""
        return self.training + self.pairs + len(self.attention.at) + len(self.gold.at)


def load(path: Path) -> StudyConfig:
    """Read a study file. Raises BadInput naming the file and the key."""
    if not path.is_file():
        raise BadInput(f"{path}: no such study file")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not YAML: {error}") from error
    if not isinstance(tree, dict):
        raise BadInput(f"{path}: a study is a mapping of keys, see sweeps/study.yaml")
    return validated(StudyConfig, tree, str(path))


def _standard(name: str) -> Question:
    if name not in STANDARD:
        raise ValueError(f'no question is called "{name}": {nearest(name, list(STANDARD))}')
    return STANDARD[name]


def _check_questions(study: StudyConfig) -> None:
    if not study.questions:
        raise ValueError("questions: a study asks at least one")
    names = [q.name for q in study.questions]
    if doubled := sorted({n for n in names if names.count(n) > 1}):
        raise ValueError(f"questions: {', '.join(doubled)} asked twice")
    if "attention" in names:
        raise ValueError("questions: attention is the name of the checks; choose another")
    if wrong := [q.name for q in study.questions if q.kind not in _KINDS[study.design]]:
        raise ValueError(f"questions: design {study.design} cannot ask {', '.join(wrong)}")


def _check_places(study: StudyConfig) -> None:
    places = study.attention.at + study.gold.at
    last = study.pairs + len(places)
    if len(set(places)) < len(places):
        raise ValueError("attention.at, gold.at: one place cannot hold two checks")
    if outside := [p for p in places if not 1 <= p <= last]:
        raise ValueError(f"attention.at, gold.at: place {outside[0]} is outside 1 to {last}")
    if study.gold.at and not any(q.kind in ("preference", "match") for q in study.questions):
        raise ValueError("gold.at: a gold pair's known answer needs a preference or an ABX question")

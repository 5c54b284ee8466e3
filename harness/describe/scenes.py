"""The work of describing many shots: facts on every worker, then one question for each that differs.

Shots whose facts are the same in words share an answer: a corpus costs far fewer calls than it has clips.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness import prepare
from harness.describe import endpoint as chat
from harness.describe.endpoint import Endpoint
from harness.describe.facts import facts_of
from harness.describe.template import sentence
from harness.jobs import Executor, Outcome
from harness.progress import Progress
from harness.store import Store
from harness.types import BadInput

Scenes = Literal["none", "template", "endpoint"]


@dataclass(frozen=True, slots=True)
class Shot:
    """What is to be described: a prepared clip, or its first frame alone, with the label asked for."""

    clip: Path
    still: bool
    emotion: str | None
    level: str | None


@dataclass(frozen=True, slots=True)
class Measure:
    """Says a shot's facts in a fixed sentence; an item is a Shot."""

    def open(self) -> Callable[[Shot], str]:
        """See Job."""

        def one(shot: Shot) -> str:
            clip = prepare.load(shot.clip)
            shown = slice(1) if shot.still else slice(None)
            return sentence(facts_of(clip.frames[shown], clip.landmarks[shown], shot.emotion, shot.level))

        return one


@dataclass(frozen=True, slots=True)
class Reword:
    """Asks the endpoint for its words, once ever for the same facts; an item is the facts' sentence.

    An endpoint that fails is not asked for the worker's other items: each would wait as long in vain.
    """

    endpoint: Endpoint
    store: Store

    def open(self) -> Callable[[str], str]:
        """See Job."""
        failed: list[BadInput] = []

        def one(facts: str) -> str:
            path = self.endpoint.cached(self.store, facts)
            if failed and not path.exists():
                raise failed[0]
            try:
                self.store.make(path, lambda private: _write(private, chat.ask(self.endpoint, facts)))
            except BadInput as error:
                failed.append(error)
                raise
            return path.read_text(encoding="utf-8")

        return one


def endpoint_of(scenes: Scenes) -> Endpoint | None:
    """Return the endpoint that the environment names, None for scenes that need none; see `endpoint`."""
    return chat.from_environment() if scenes == "endpoint" else None


def describe(pool: Executor, shots: Sequence[Shot], endpoint: Endpoint | None, store: Store) -> list[str]:
    """Return each shot's description: the template's, or the endpoint's words where there is one.

    What asking will cost is said first. BadInput where a shot cannot be read or the endpoint fails; what it
    has answered by then is kept.
    """
    facts = _all(pool.map(Measure(), shots, "scenes: measuring"))
    if endpoint is None:
        return facts
    distinct = list(dict.fromkeys(facts))
    unknown = [text for text in distinct if not endpoint.cached(store, text).exists()]
    Progress().say(
        f"{endpoint.name}: {len(shots)} shots, {len(distinct)} different; {chat.price(unknown)} "
        f"({len(distinct) - len(unknown)} are known from before)"
    )
    words = dict(
        zip(distinct, _all(pool.map(Reword(endpoint, store), distinct, "scenes: asking")), strict=True)
    )
    return [words[text] for text in facts]


def _all(outcomes: Sequence[Outcome[str]]) -> list[str]:
    failed = [found for found in outcomes if found.value is None]
    if failed:
        raise BadInput(f"{failed[0].reason} ({len(failed)} of {len(outcomes)} scenes have no description)")
    return [found.value for found in outcomes if found.value is not None]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")

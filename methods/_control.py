"""What the controls share: they train nothing and show one of the corpus's own prepared clips.

Each is a yardstick: it says what a metric gives where the right answer is known (METHODS.md, Controls).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from harness import prepare
from harness.contracts import MethodCard, Training
from harness.media import fit_audio
from harness.prepare import PreparedClip
from harness.types import Audio, BadInput, Clip, Request, Target, Unscorable


def control_card(name: str, title: str, conditions: tuple[str, ...] = ()) -> MethodCard:
    """Return the card of a control."""
    return MethodCard(name, title, "none: a control of this harness", conditions, control=True, trains=False)


class NoOptions(BaseModel):
    """A control without options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Control(ABC):
    """A method with nothing to train; a subclass says what `show` returns for one request."""

    card: ClassVar[MethodCard]
    Config: ClassVar[type[BaseModel]] = NoOptions
    stages: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __init__(self, config: Any) -> None:
        self.config = config

    @abstractmethod
    def show(self, request: Request) -> Clip:
        """Return the control's clip. Raises Unscorable when the corpus has no clip to make it of."""

    def generate(self, requests: Sequence[Request]) -> list[Clip]:
        """Return one clip a request, in order."""
        return [self.show(request) for request in requests]

    def stage_config(self, stage: str) -> Mapping[str, Any]:
        """Raise BadInput: a control has no stages."""
        raise BadInput(f"{self.card.name}: a control has no stage {stage}")

    def run_stage(self, stage: str, training: Training, out: Path) -> None:
        """Raise BadInput: a control has no stages."""
        raise BadInput(f"{self.card.name}: a control has no stage {stage}")

    def fit(self, training: Training) -> None:
        """Learn nothing."""

    def save(self, folder: Path) -> None:
        """Write nothing: a control has no weights."""

    def load(self, folder: Path) -> None:
        """Read nothing: a control has no weights."""


def target(request: Request) -> Target:
    """Return what the harness lets a control see. Raises BadInput when it gave nothing."""
    if request.target is None:
        raise BadInput(f"{request.id}: a control needs the request's target; the engine sets it for controls")
    return request.target


def truth(request: Request) -> PreparedClip:
    """Return the very clip that was asked for."""
    return prepare.load(target(request).truth)


def sound(clip: PreparedClip, frames: int, what: str) -> Audio:
    """Return the sound of `clip` for exactly `frames` frames. Raises Unscorable for a silent file."""
    if clip.audio is None:
        raise Unscorable(f"{what} has no sound")
    return fit_audio(clip.audio, frames)

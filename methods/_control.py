"""What the controls share: they train nothing and show one of the corpus's own prepared clips.

Each is a yardstick: it says what a metric gives where the right answer is known (METHODS.md, Controls).
"""

from harness import prepare
from harness.contracts import MethodCard, Untrained
from harness.media import fit_audio
from harness.prepare import PreparedClip
from harness.types import Audio, BadInput, Request, Target, Unscorable


def control_card(name: str, title: str, conditions: tuple[str, ...] = ()) -> MethodCard:
    """Return the card of a control."""
    return MethodCard(name, title, "none: a control of this harness", conditions, control=True, trains=False)


class Control(Untrained):
    """A method with nothing to train; a subclass says what `show` returns for one request.

    `show` raises Unscorable when the corpus has no clip to make the control's of.
    """


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

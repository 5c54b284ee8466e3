"""Control: the recorded frames with another sentence's sound, what a lip-sync metric must call bad."""

from harness import prepare
from harness.types import Clip, Request, Unscorable
from methods import _control


class WrongAudio(_control.Control):
    """Shows the target's frames beside the sound of a clip that says something else."""

    card = _control.control_card("wrong_audio", "Another sentence's sound")

    def show(self, request: Request) -> Clip:
        """Return the frames with the other sound, cut or padded with silence to their length."""
        other = _control.target(request).other_audio
        if other is None:
            raise Unscorable("the corpus has no clip of another sentence")
        frames = _control.truth(request).frames[: request.frames]
        return Clip(frames, _control.sound(prepare.load(other), len(frames), "the other clip"))


METHOD = WrongAudio

"""Control: the same speaker in another emotion, what an emotion metric must call wrong."""

from harness import prepare
from harness.media import fit_audio
from harness.types import Clip, Request, Unscorable
from methods import _control


class WrongEmotion(_control.Control):
    """Shows recorded frames of another emotion with the sound that was asked for."""

    card = _control.control_card("wrong_emotion", "Another emotion")

    def show(self, request: Request) -> Clip:
        """Return the other clip's frames, as many as it has up to `request.frames`."""
        other = _control.target(request).other_emotion
        if other is None:
            raise Unscorable("the corpus has no clip of this speaker in another emotion")
        frames = prepare.load(other).frames[: request.frames]
        audio = None if request.audio is None else fit_audio(request.audio, len(frames))
        return Clip(frames, audio)


METHOD = WrongEmotion

"""Control: the recorded clip itself, the best that any metric here can say."""

from harness.media import fit_audio
from harness.types import Clip, Request
from methods import _control


class GroundTruth(_control.Control):
    """Shows the target's frames with the target's sound, or without any where the file has none."""

    card = _control.control_card("ground_truth", "Ground truth")

    def show(self, request: Request) -> Clip:
        """Return the clip that was asked for, at most `request.frames` long."""
        clip = _control.truth(request)
        audio = None if clip.audio is None else fit_audio(clip.audio, request.frames)
        return Clip(clip.frames[: request.frames], audio)


METHOD = GroundTruth

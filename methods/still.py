"""Control: the reference picture, never moving, with the sound that was asked for."""

import numpy as np

from harness.types import Clip, Request
from methods import _control


class Still(_control.Control):
    """Repeats the first reference frame: a method that does not beat it has not moved the face to any use."""

    card = _control.control_card("still", "Still picture", ("reference",))

    def show(self, request: Request) -> Clip:
        """Return `request.frames` copies of the picture."""
        return Clip(np.repeat(request.reference[:1], request.frames, axis=0), request.audio)


METHOD = Still

"""Control: the recorded clip with its sound moved by a known number of frames, which AV offset must find."""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from harness.types import SAMPLES_PER_FRAME, Audio, Clip, Request
from methods import _control


class Config(BaseModel):
    """frames: by how many frames of 40 ms the sound leads the picture; negative, it lags."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    frames: int = Field(5, ge=-15, le=15)  # AV offset is searched within 15 frames


class ShiftedAudio(_control.Control):
    """Moves the target's sound; AV offset of a clip in sync then reads `frames` (positive: it leads)."""

    card = _control.control_card("shifted_audio", "Sound shifted", ("audio",))
    Config = Config

    def show(self, request: Request) -> Clip:
        """Return the target with its sound shifted and silence where none is left."""
        clip = _control.truth(request)
        frames = clip.frames[: request.frames]
        audio = _control.sound(clip, len(frames), "the clip")
        return Clip(frames, lead(audio, self.config.frames * SAMPLES_PER_FRAME))


def lead(audio: Audio, samples: int) -> Audio:
    """Return `audio` heard `samples` earlier (later if negative), as long as before, silence filled in."""
    if samples >= 0:
        return np.pad(audio[samples:], (0, min(samples, len(audio))))
    return np.pad(audio[:samples], (min(-samples, len(audio)), 0))


METHOD = ShiftedAudio

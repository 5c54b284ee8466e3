"""The only video and audio decode and encode of the project (PyAV).

Policy `25fps-nearest`: the timeline starts at the first video frame's presentation time; output frame i is
the source frame whose time is nearest to i/25 s. Sound is never stretched: it is placed on the same
timeline by its own timestamps (cut if it starts earlier, zero-padded if later or where some is missing), as
mono 16 kHz. Frames are never resampled to match a length. A cut (start, end) is seconds of that timeline.
Pictures are what a player shows: turned upright, pixels square (the width is scaled where the file says they
are not), interlaced frames whole. A file that was cut short is refused where its container can tell, and so
are pictures whose timestamps go back. An AVI's picture and sound begin together: it has no timestamps.
Not done here: faces, crops (see `faces`).

`opening` opens and checks files, `pictures` and `sound` decode, `writing` encodes.
"""

from pathlib import Path

import numpy as np

from harness.media.opening import Cut
from harness.media.pictures import Frame, Picture, frames_25fps, pictures_25fps, video_start
from harness.media.sound import audio_16k, read_audio
from harness.media.writing import CRF, encode, fit_audio, to_int16, write_wav
from harness.types import Clip

__all__ = [
    "CRF",
    "Cut",
    "Frame",
    "Picture",
    "audio_16k",
    "encode",
    "fit_audio",
    "frames_25fps",
    "pictures_25fps",
    "read_audio",
    "read_clip",
    "to_int16",
    "video_start",
    "write_wav",
]


def read_clip(path: Path, audio: Path | None = None) -> Clip:
    """Decode a whole clip; `audio` is a sound file of its own whose sample 0 belongs to the first frame."""
    frames = np.stack(list(frames_25fps(path)))
    return Clip(frames, read_audio(path, audio))

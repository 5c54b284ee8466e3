"""From a Sample to what every method trains on and every metric compares with: one prepared clip.

A prepared clip is square face crops at 25 frames/s with 16 kHz sound on the same timeline, made once per
(file, face policy, size) and kept in the store as one uncompressed .npz.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.types import Audio, BadInput, Frames


@dataclass(frozen=True, slots=True)
class PreparedClip:
    """One clip, cropped.

    frames: (T, S, S, 3) uint8 RGB. audio: (T * 640,) float32, or None for a silent file.
    landmarks: (T, 68, 2) float32 pixels of the crop, iBUG-68 order.
    mask: (T, S, S) bool, the whole face, made of rigid points only (`faces.full_face_mask`), so that its
    outline says nothing of the mouth.
    """

    frames: Frames
    audio: Audio | None
    landmarks: NDArray[np.float32]
    mask: NDArray[np.bool_]


def save(path: Path, clip: PreparedClip) -> None:
    """Write a prepared clip; the caller makes it atomic (`store`)."""
    audio = np.empty(0, np.float32) if clip.audio is None else clip.audio
    np.savez(path, frames=clip.frames, audio=audio, landmarks=clip.landmarks, mask=np.packbits(clip.mask))


def load(path: Path) -> PreparedClip:
    """Read a prepared clip. Raises BadInput, naming the file, when it is not one."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            frames, audio = stored["frames"], stored["audio"]
            mask = np.unpackbits(stored["mask"], count=frames[..., 0].size).astype(bool)
            landmarks = stored["landmarks"]
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{path}: not a prepared clip ({error}); delete it and run again") from error
    return PreparedClip(frames, audio if len(audio) else None, landmarks, mask.reshape(frames.shape[:3]))


def frames_and_sound(path: Path) -> tuple[int, bool]:
    """Return a prepared clip's frame count and whether it has sound, without reading its pictures."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return len(stored["landmarks"]), len(stored["audio"]) > 0
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{path}: not a prepared clip ({error}); delete it and run again") from error

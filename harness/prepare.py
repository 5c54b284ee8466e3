"""From a Sample to what every method trains on and every metric compares with: one prepared clip.

A prepared clip is square face crops at 25 frames/s with 16 kHz sound on the same timeline, made once per
(file, face policy, size) and kept in the store as one uncompressed .npz.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.faces import Detector, Policy, crop_clip, full_face_mask, rescale, squares
from harness.media import fit_audio, read_audio
from harness.types import FPS, SAMPLE_RATE, Audio, BadInput, Frames, Sample


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


def prepare(sample: Sample, policy: Policy, size: int, detector: Detector) -> PreparedClip:
    """Return a sample's clip, cropped by `policy` to `size` px, with its sound on the same timeline.

    Sound is cut, or padded with silence, at its end to the picture's length. Landmarks are the corpus's truth
    where it has them and the policy keeps the footage as it is; otherwise the detector's.
    Raises BadInput, naming the file, when either stream cannot be used or no face is found.
    """
    if sample.truth is not None and not policy.crop:
        frames, width = squares(sample.video, size)
        landmarks = rescale(_true_landmarks(sample.truth, len(frames)), size / width)
    else:
        frames, landmarks = crop_clip(sample.video, policy, size, detector)
    audio = read_audio(sample.video, sample.audio)
    if audio is not None:
        _check_length(sample, len(audio) / SAMPLE_RATE, len(frames) / FPS)
        audio = fit_audio(audio, len(frames))
    return PreparedClip(frames, audio, landmarks, full_face_mask(landmarks, size))


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


def _true_landmarks(path: Path, frames: int) -> NDArray[np.float32]:
    try:
        with np.load(path, allow_pickle=False) as truth:
            landmarks = np.asarray(truth["landmarks"], np.float32)
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{path}: no landmarks to read in it ({error}); make the corpus again") from error
    if landmarks.shape != (frames, 68, 2):
        raise BadInput(
            f"{path}: landmarks are {landmarks.shape}, the video needs ({frames}, 68, 2); make it again"
        )
    return landmarks


def _check_length(sample: Sample, sound: float, picture: float) -> None:
    """Refuse sound that cannot be this clip's: half of the picture would be silence."""
    if sound < picture / 2:
        raise BadInput(
            f"{sample.audio or sample.video}: {sound:.2f} s of sound for {picture:.2f} s of picture; "
            "one of the two is not whole"
        )

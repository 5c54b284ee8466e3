"""From a Sample to what every method trains on and every metric compares with: one prepared clip.

A prepared clip is square face crops at 25 frames/s with 16 kHz sound on the same timeline, made once per
(file, face policy, size) and kept in the store as one uncompressed .npz.
"""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from harness import faces, media
from harness.faces import OpenDetector, Policy
from harness.types import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Audio, BadInput, Frames, Sample

_NOT_AN_NPZ = (OSError, ValueError, KeyError, EOFError, BadZipFile)
"""What numpy raises on a file that is no .npz, is cut off, or lacks an array."""


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


def prepare(sample: Sample, policy: Policy, size: int, detector: OpenDetector) -> PreparedClip:
    """Return a sample cropped to (size, size) by a face policy, its sound fitted to the picture's length.

    `detector` is opened only where landmarks have to be found. Raises BadInput, naming the file, when it
    cannot be decoded, shows no face, is not square under policy `none`, or lacks over half of its sound.
    """
    audio = media.read_audio(sample.video, sample.audio)
    frames, landmarks = _cropped(sample, policy, size, detector)
    if audio is not None:
        if len(audio) < len(frames) * SAMPLES_PER_FRAME / 2:
            raise BadInput(
                f"{sample.audio or sample.video}: {len(audio) / SAMPLE_RATE:.2f} s of sound for "
                f"{len(frames) / FPS:.2f} s of picture; one of the two is cut off"
            )
        audio = media.fit_audio(audio, len(frames))
    return PreparedClip(frames, audio, landmarks, faces.full_face_mask(landmarks, size))


def _cropped(
    sample: Sample, policy: Policy, size: int, detector: OpenDetector
) -> tuple[Frames, NDArray[np.float32]]:
    if policy.crops:
        # Two passes, so that a long clip at full size is never in memory.
        with detector() as detect:
            found = faces.track(media.frames_25fps(sample.video), detect, policy, sample.video)
        boxes = faces.crop_boxes(found, policy)
        images = media.frames_25fps(sample.video)
        frames = np.stack([faces.crop(image, box, size) for image, box in zip(images, boxes, strict=True)])
        inside = (found - boxes[:, None, :2]).astype(np.float32)
        return frames, faces.rescaled(inside, size / float(boxes[0, 2]))
    whole = np.stack(list(media.frames_25fps(sample.video)))
    height, width = whole.shape[1:3]
    if height != width:
        raise BadInput(f"{sample.video}: {width}x{height} is not square; faces: none is for cropped footage")
    if sample.truth is None:
        with detector() as detect:
            landmarks = faces.track(whole, detect, policy, sample.video)
    else:
        landmarks = _truth(sample.truth, len(whole))
    return faces.resized(whole, size), faces.rescaled(landmarks, size / width)


def _truth(path: Path, frames: int) -> NDArray[np.float32]:
    try:
        with np.load(path, allow_pickle=False) as truth:
            landmarks = np.asarray(truth["landmarks"], np.float32)
    except _NOT_AN_NPZ as error:
        raise BadInput(f"{path}: no landmarks to be read in it ({error}); draw the clip again") from error
    if landmarks.shape != (frames, 68, 2):
        raise BadInput(
            f"{path}: landmarks {landmarks.shape} beside a clip of {frames} frames; draw the clip again"
        )
    return landmarks


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
    except _NOT_AN_NPZ as error:
        raise BadInput(f"{path}: not a prepared clip ({error}); delete it and run again") from error
    return PreparedClip(frames, audio if len(audio) else None, landmarks, mask.reshape(frames.shape[:3]))


def frames_and_sound(path: Path) -> tuple[int, bool]:
    """Return a prepared clip's frame count and whether it has sound, without reading its pictures."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return len(stored["landmarks"]), len(stored["audio"]) > 0
    except _NOT_AN_NPZ as error:
        raise BadInput(f"{path}: not a prepared clip ({error}); delete it and run again") from error

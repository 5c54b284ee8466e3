"""A made-up clip: an ellipse whose mouth opens with the loudness of a tone, coloured by its emotion."""

from pathlib import Path

import numpy as np

from harness import prepare
from harness.faces import eye_centres
from harness.prepare import PreparedClip
from harness.types import SAMPLES_PER_FRAME, Request, Target

SIZE = 64
EMOTIONS = ("neutral", "happy")
FRAMES = 14


def made_up_clip(seed: int, emotion: int, frames: int = FRAMES, sound: bool = True) -> PreparedClip:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    face = ((x - 32) / 20) ** 2 + ((y - 34) / 26) ** 2 < 1
    opening = 0.5 + 0.5 * np.sin(np.arange(frames) * rng.uniform(0.5, 1.2) + rng.uniform(0, 6))
    pictures = np.full((frames, SIZE, SIZE, 3), 90, np.uint8)
    pictures[:, face] = rng.integers(120, 200, 3)
    for t in range(frames):
        mouth = ((x - 32) / 9) ** 2 + ((y - 46) / (1 + 7 * opening[t])) ** 2 < 1
        pictures[t, mouth] = (200, 30, 30) if emotion else (20, 20, 60)
    audio = np.sin(np.arange(frames * SAMPLES_PER_FRAME) * 0.2) * np.repeat(opening, SAMPLES_PER_FRAME)
    audio += 0.01 * rng.standard_normal(len(audio))  # a pure tone leaves other bands at rounding noise
    mask = np.broadcast_to(face, (frames, SIZE, SIZE)).copy()
    landmarks = np.zeros((frames, 68, 2), np.float32)
    landmarks[:, [36, 39]], landmarks[:, [42, 45]] = (24, 26), (40, 26)
    return PreparedClip(pictures, audio.astype(np.float32) if sound else None, landmarks, mask)


def request_for(path: Path, emotion: str = "happy", target: Target | None = None) -> Request:
    clip = prepare.load(path)
    context = np.where(clip.mask[..., None], 0, clip.frames).astype(np.uint8)
    return Request(
        id=path.stem,
        reference=clip.frames[:1],
        reference_emotion="neutral",
        context=context,
        mask=clip.mask,
        eyes=eye_centres(clip.landmarks),
        reference_eyes=eye_centres(clip.landmarks[:1]),
        reference_landmarks=clip.landmarks[:1],
        audio=clip.audio,
        frames=len(clip.frames),
        emotion=emotion,
        level=None,
        text=None,
        seed=1,
        target=target,
    )

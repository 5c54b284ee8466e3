"""What audio-to-motion learns from: sound, head pose and landmarks of prepared clips.

A window's reference is a frame of another clip of the speaker, a neutral one if there is any, as in
`methods.nets.sampling`: one of the same clip would show the very emotion that the embedding should give.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.contracts import TrainingData
from harness.prepare import frames_and_sound, load
from harness.types import Audio, BadInput, Split
from methods.nets.sampling import companions, generator_mel
from methods.synchrorama.pose import normalised, pose_of

_CLIPS_IN_MEMORY = 4096  # about 0.4 MB each

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MotionClip:
    """A clip: mel (T, 80, 16), a window a frame; pose (T, 6), normalised landmarks (T, 68, 2); its sound."""

    mel: Float32
    pose: Float32
    landmarks: Float32
    audio: Audio


@dataclass(frozen=True, slots=True)
class Passages:
    """A batch of windows of T frames.

    mel: (B, T, 80, 16). pose: (B, T, 6). landmarks: (B, T, 68, 2). pose0 (B, 6) and landmarks0 (B, 68, 2) are
    the reference's. clip: (B,) index into the training data's clips.
    """

    mel: Tensor
    pose: Tensor
    landmarks: Tensor
    pose0: Tensor
    landmarks0: Tensor
    clip: Tensor

    def to(self, device: str) -> "Passages":
        """Return the same batch on `device`."""
        return Passages(*(getattr(self, f.name).to(device) for f in fields(self)))


class MotionClips:
    """The clips of one split that have sound and at least `length` frames, in the order of the data.

    Raises BadInput when the training split has none; another split may be empty.
    """

    def __init__(self, data: TrainingData, split: Split, length: int) -> None:
        self.data, self.length = data, length
        mine = [i for i, s in enumerate(data.splits) if s == split]
        known = {i: frames_and_sound(data.clips[i]) for i in mine}
        self.kept = [i for i, (frames, sound) in known.items() if sound and frames >= length]
        self.frames = {i: known[i][0] for i in self.kept}
        if not self.kept and split == "train":
            raise BadInput(
                f"data: of {len(data.clips)} clips none is for training, with sound and at least {length} "
                "frames long"
            )
        self.companions = companions(data, self.kept, None)
        size = data.size
        self._load = lru_cache(_CLIPS_IN_MEMORY)(lambda path: _load(path, size))

    def clip(self, index: int) -> MotionClip:
        """Return the data's clip at `index`."""
        return self._load(self.data.clips[index])

    def draw(self, rng: np.random.Generator, count: int, share: slice = slice(None)) -> Passages:
        """Return the `share` of `count` windows that begin anywhere, of clips picked with replacement."""
        picks = [self.kept[i] for i in rng.integers(len(self.kept), size=count)]
        others = [self.companions[i][int(rng.integers(len(self.companions[i])))] for i in picks]
        starts = [int(rng.integers(self.frames[i] - self.length + 1)) for i in picks]
        moments = rng.random(count)
        mine = range(count)[share]
        return _stacked([self._passage(picks[k], starts[k], others[k], moments[k]) for k in mine])

    def whole(self, index: int) -> Passages:
        """Return one clip from end to end, (1, T, ...), with the first frame of its first companion."""
        return _stacked([self._passage(index, 0, self.companions[index][0], 0.0, self.frames[index])])

    def _passage(
        self, index: int, start: int, other: int, moment: float, length: int | None = None
    ) -> Sequence[Tensor]:
        clip, still = self.clip(index), self.clip(other)
        frames = slice(start, start + (length or self.length))
        at = int(moment * len(still.pose))
        arrays = (
            clip.mel[frames],
            clip.pose[frames],
            clip.landmarks[frames],
            still.pose[at],
            still.landmarks[at],
        )
        return (*map(torch.from_numpy, arrays), torch.tensor(index))


def _stacked(passages: Sequence[Sequence[Tensor]]) -> Passages:
    return Passages(*map(torch.stack, zip(*passages, strict=True)))


def _load(path: Path, size: int) -> MotionClip:
    clip = load(path)
    if clip.audio is None:
        raise BadInput(f"{path}: has no sound; delete it and run again")
    landmarks = normalised(clip.landmarks, size)
    mel = generator_mel(clip.audio, len(landmarks))
    return MotionClip(mel, pose_of(landmarks), landmarks, clip.audio)

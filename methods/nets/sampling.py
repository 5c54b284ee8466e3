"""Draws training windows from prepared clips: the same global batch on every worker, from (seed, step) alone.

Because a step's batch is a function of its number, a resumed run needs no sampler state to go on exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.audio import mel_windows
from harness.contracts import TrainingData
from harness.faces import eye_centres
from harness.prepare import frames_and_sound, load
from harness.types import SAMPLES_PER_FRAME, Audio, BadInput, Frames
from methods.nets.align import aligned, moved_upright, upright
from methods.nets.augment import apply_colours, draw_colours
from methods.nets.wave import Hearing

_CLIPS_IN_MEMORY = 1024  # about 1.5 MB each at 64 px


@dataclass(frozen=True, slots=True)
class Windows:
    """A batch of windows of T consecutive frames.

    target: (B, T, 3, S, S) in [0, 1]. mask: (B, T, 1, S, S) bool, True on the face.
    reference: (B, T, 3, S, S), one picture of the speaker moved to each frame's eyes; (B, 1, ...) upright.
    mel: (B, T, 1, 80, 16), one window a frame. speech: (B, 1, 80, 16), the mel of the whole window.
    emotion: (B,) index into the method's emotions, 0 where it looks at none.
    wave: (B, N) raw samples as `Draw.hearing` says, (B, 0) without it.
    mouth: (B, T, 2) pixels, the mean of the mouth's landmarks 48-67 in `target`, x then y.
    """

    target: Tensor
    mask: Tensor
    reference: Tensor
    mel: Tensor
    speech: Tensor
    emotion: Tensor
    wave: Tensor
    mouth: Tensor

    def to(self, device: str) -> "Windows":
        """Return the same batch on `device`."""
        return Windows(*(getattr(self, f.name).to(device) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Draw:
    """A global batch: `clips` picks, `per_clip` different windows of `length` frames from each.

    augment: probability that a window's colours are changed (`augment.draw_colours`). references: whether
    reference pictures are wanted; they are empty, (B, 0, 3, S, S), otherwise. upright: whether every picture
    is moved so that its eyes stand at one place (`align.upright`). hearing: what the raw wave is like.
    """

    clips: int
    length: int
    per_clip: int = 1
    augment: float = 0.0
    references: bool = True
    upright: bool = False
    hearing: Hearing | None = None


@dataclass(frozen=True, slots=True)
class _Clip:
    frames: Frames  # (T, S, S, 3)
    eyes: NDArray[np.float32]  # (T, 2, 2)
    mask: Tensor  # (T, 1, S, S) bool
    mel: Tensor  # (T + 1, 1, 80, 16): row f starts at frame f - 1
    wave: Audio  # whole, as the hearing says; empty without one
    mouth: NDArray[np.float32]  # (T, 2)


def generator_mel(audio: Audio, frames: int) -> NDArray[np.float32]:
    """Return (frames, 80, 16): each frame's window starts one frame before it (Wav2Lip's generator)."""
    return mel_windows(np.concatenate([np.zeros(SAMPLES_PER_FRAME, np.float32), audio]), frames)


class WindowSampler:
    """Windows of the training split's clips that have sound, one of `emotions`, and frames enough.

    No emotions at all: labels are not looked at, and every clip with sound will do.
    Raises BadInput when no clip is left or the clips' size is not `size`.
    """

    def __init__(self, data: TrainingData, emotions: Sequence[str], size: int, draw: Draw) -> None:
        if data.size != size:
            raise BadInput(
                f"image_size: {size}, but the clips are prepared at {data.size} px; make them equal"
            )
        self.size, self.plan = size, draw
        self._load = lru_cache(_CLIPS_IN_MEMORY)(lambda path: _load_clip(path, draw))
        labels = zip(data.splits, data.emotions, strict=True)
        chosen = [split == "train" and (not emotions or e in emotions) for split, e in labels]
        known = {i: frames_and_sound(data.clips[i]) for i in np.flatnonzero(chosen)}
        starts = {i: frames - draw.length + 1 for i, (frames, sound) in known.items() if sound}
        kept = [i for i, count in starts.items() if count >= draw.per_clip]
        if not kept:
            raise BadInput(
                f"data: of {len(data.clips)} clips none is for training, with sound, in "
                f"{', '.join(emotions) or 'any emotion'} and at least "
                f"{draw.length + draw.per_clip - 1} frames long"
            )
        self.paths = [data.clips[i] for i in kept]
        self._starts = [starts[i] for i in kept]
        self._emotions = [emotions.index(str(data.emotions[i])) if emotions else 0 for i in kept]
        self._companions = _companions([data.speakers[i] for i in kept], [data.emotions[i] for i in kept])

    def draw(self, rng: np.random.Generator, rank: int = 0, world: int = 1) -> Windows:
        """Return this worker's share of a global batch: picks rank::world, a clip's windows together.

        A reference is a frame of another clip of the speaker, a neutral one if there is any, as in the
        harness's protocol: one of the same clip would show the very emotion that the label should give.
        Only a speaker's single clip is its own reference.
        """
        plan = self.plan
        clips = rng.integers(len(self.paths), size=plan.clips)
        starts = [rng.choice(self._starts[c], plan.per_clip, replace=False) for c in clips]
        others = [int(rng.choice(self._companions[c])) for c in clips]
        moments = rng.random(plan.clips)
        colours = draw_colours(rng, plan.clips * plan.per_clip, self.size, plan.augment)
        mine = range(rank, plan.clips, world)
        windows = [
            self._window(int(clips[i]), int(s), others[i], moments[i]) for i in mine for s in starts[i]
        ]
        batch = Windows(*(torch.stack([getattr(w, f.name) for w in windows]) for f in fields(Windows)))
        as_bytes = torch.cat([batch.target, batch.reference], 1).numpy()
        owned = np.repeat(np.arange(plan.clips) % world == rank, plan.per_clip)
        pictures = torch.from_numpy(apply_colours(as_bytes, colours.of(owned)))
        return replace(batch, target=pictures[:, : plan.length], reference=pictures[:, plan.length :])

    def _window(self, clip: int, start: int, other: int, moment: float) -> Windows:
        own, reference = self._load(self.paths[clip]), self._load(self.paths[other])
        frames = slice(start, start + self.plan.length)
        pictures = own.frames[:0]
        if self.plan.references:
            at = int(moment * len(reference.frames))
            pictures = reference.frames[at : at + 1]  # upright as it was loaded
            if not self.plan.upright:
                pictures = aligned(pictures[0], reference.eyes[at], own.eyes[frames])
        return Windows(
            target=_channels_first(own.frames[frames]),
            mask=own.mask[frames],
            reference=_channels_first(pictures),
            mel=own.mel[frames],
            speech=own.mel[start + 1],
            emotion=torch.tensor(self._emotions[clip]),
            wave=torch.from_numpy(self._heard(own.wave, start)),
            mouth=torch.from_numpy(own.mouth[frames]),
        )

    def _heard(self, wave: Audio, start: int) -> Audio:
        hearing = self.plan.hearing
        return wave if hearing is None else hearing.part(wave, start, self.plan.length)


def _load_clip(path: Path, plan: Draw) -> _Clip:
    clip = load(path)
    if clip.audio is None:
        raise BadInput(f"{path}: has no sound; delete it and run again")
    mel = generator_mel(clip.audio, len(clip.frames) + 1)
    eyes = eye_centres(clip.landmarks)
    frames, mask = clip.frames, clip.mask
    mouth = clip.landmarks[:, 48:].mean(axis=1)
    if plan.upright:
        mouth = moved_upright(mouth, eyes, frames.shape[1])
        mask = upright(np.repeat(mask[..., None], 3, 3).astype(np.uint8), eyes)[..., 0].astype(bool)
        frames = upright(frames, eyes)
    wave = np.zeros(0, np.float32) if plan.hearing is None else plan.hearing.prepared(clip.audio)
    windows, hidden = torch.from_numpy(mel)[:, None], torch.from_numpy(mask)[:, None]
    return _Clip(frames, eyes, hidden, windows, wave, mouth)


def _channels_first(frames: Frames) -> Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2)


def _companions(speakers: Sequence[str | None], emotions: Sequence[str | None]) -> list[NDArray[np.int64]]:
    """Return, for each clip, its speaker's other clips: the neutral ones, else all, else the clip itself."""
    named = np.array([f"speaker {s}" if s is not None else f"clip {i}" for i, s in enumerate(speakers)])
    neutral = np.array([e == "neutral" for e in emotions])
    chosen = []
    for i, name in enumerate(named):
        others = np.flatnonzero((named == name) & (np.arange(len(named)) != i))
        calm = others[neutral[others]]
        chosen.append(calm if len(calm) else others if len(others) else np.array([i]))
    return chosen

"""Draws training windows from prepared clips: the same global batch on every worker, from (seed, step) alone.

Because a step's batch is a function of its number, a resumed run needs no sampler state to go on exactly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.audio import mel_spectrogram, mel_windows, windows_of
from harness.contracts import TrainingData
from harness.faces import eye_centres
from harness.prepare import PreparedClip, frames_and_sound, load
from harness.protocol import played
from harness.types import SAMPLES_PER_FRAME, Audio, BadInput, Frames
from methods.nets.align import aligned, moved_upright, upright
from methods.nets.augment import Colours, apply_colours, draw_colours
from methods.nets.masks import half_mask, hull_mask
from methods.nets.wave import Hearing

Mask = Literal["face", "hull", "half"]
"""What is hidden: `faces.full_face_mask`, the landmarks' hull, or the lower half of the picture."""

OWN = "own"
_CLIPS_IN_MEMORY = 1024  # about 1.5 MB each at 64 px


@dataclass(frozen=True, slots=True)
class Windows:
    """A batch of windows of T consecutive frames.

    target: (B, T, 3, S, S) in [0, 1]. mask: (B, T, 1, S, S) bool, True on the face.
    reference: (B, T, 3, S, S), one picture or T frames of the speaker, moved to each frame's eyes;
    (B, 1, 3, S, S) upright.
    seen: (B, T, 3, S, S), frames of the source clip whose upper half a method sees in the target's place;
    (B, 0, 3, S, S) where it sees the target's own.
    mel: (B, T, 1, 80, 16), one window a frame. speech: (B, 1, 80, 16), the mel of the whole window.
    emotion: (B,) index into the method's emotions, 0 where it looks at none.
    wave: (B, N) raw samples as `Draw.hearing` says, (B, 0) without it.
    mouth: (B, T, 2) pixels, the mean of the mouth's landmarks 48-67 in `target`, x then y.
    """

    target: Tensor
    mask: Tensor
    reference: Tensor
    seen: Tensor
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
    source: video-to-video, so that references are consecutive frames: of the window's own clip ("own"), or of
    a clip of the same speaker in that emotion.
    """

    clips: int
    length: int
    per_clip: int = 1
    augment: float = 0.0
    references: bool = True
    upright: bool = False
    hearing: Hearing | None = None
    mask: Mask = "face"
    source: str | None = None


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


def streamed_mel(audio: Audio, frames: int, chunk: int) -> Iterator[NDArray[np.float32]]:
    """Yield `generator_mel` in chunks, so that only the spectrogram of a long clip is ever whole."""
    mel = mel_spectrogram(np.concatenate([np.zeros(SAMPLES_PER_FRAME, np.float32), audio]))
    for start in range(0, frames, chunk):
        yield windows_of(mel, np.arange(start, min(start + chunk, frames)))


class WindowSampler:
    """Windows of the training split's clips that have sound, one of `emotions`, and frames enough.

    No emotions at all: labels are not looked at, and every clip with sound will do. With `Draw.source` in an
    emotion, only clips count whose speaker has another one in it.
    Raises BadInput when no clip is left or the clips' size is not `size`.
    """

    def __init__(self, data: TrainingData, emotions: Sequence[str], size: int, draw: Draw) -> None:
        if data.size != size:
            raise BadInput(
                f"image_size: {size}, but the clips are prepared at {data.size} px; make them equal"
            )
        self.size, self.plan = size, draw
        self._load = lru_cache(_CLIPS_IN_MEMORY)(partial(_load_clip, plan=draw))
        labels = zip(data.splits, data.emotions, strict=True)
        chosen = [split == "train" and (not emotions or e in emotions) for split, e in labels]
        known = {int(i): frames_and_sound(data.clips[i]) for i in np.flatnonzero(chosen)}
        starts = {i: frames - draw.length + 1 for i, (frames, sound) in known.items() if sound}
        kept = [i for i, count in starts.items() if count >= draw.per_clip]
        others = companions(data, kept, draw.source)
        kept = [i for i in kept if i in others]
        if not kept:
            source = "" if draw.source in (None, OWN) else f", of a speaker with a clip in {draw.source}"
            raise BadInput(
                f"data: of {len(data.clips)} clips none is for training, with sound, in "
                f"{', '.join(emotions) or 'any emotion'} and at least "
                f"{draw.length + draw.per_clip - 1} frames long{source}"
            )
        self.paths = [data.clips[i] for i in kept]
        self._starts = [starts[i] for i in kept]
        self._emotions = [emotions.index(str(data.emotions[i])) if emotions else 0 for i in kept]
        self._companions = [[data.clips[k] for k in others[i]] for i in kept]

    def draw(self, rng: np.random.Generator, rank: int = 0, world: int = 1) -> Windows:
        """Return this worker's share of a global batch: picks rank::world, a clip's windows together.

        A reference is of another clip of the speaker, a neutral one if there is any, as in the harness's
        protocol: one of the same clip would show the very emotion that the label should give. Only a
        speaker's single clip is its own reference, and every clip with `source: own`.
        """
        plan = self.plan
        clips = rng.integers(len(self.paths), size=plan.clips)
        starts = [rng.choice(self._starts[c], plan.per_clip, replace=False) for c in clips]
        others = [self._companions[c][int(rng.integers(len(self._companions[c])))] for c in clips]
        first = rng.random(plan.clips)
        second = first if plan.source is None else rng.random(plan.clips)
        colours = draw_colours(rng, plan.clips * plan.per_clip, self.size, plan.augment)
        mine = range(rank, plan.clips, world)
        windows = [
            self._window(int(clips[i]), int(s), others[i], (first[i], second[i]))
            for i in mine
            for s in starts[i]
        ]
        batch = Windows(*(torch.stack([getattr(w, f.name) for w in windows]) for f in fields(Windows)))
        owned = np.repeat(np.arange(plan.clips) % world == rank, plan.per_clip)
        return _coloured(batch, colours.of(owned))

    def _window(self, clip: int, start: int, other: Path, moments: tuple[float, float]) -> Windows:
        own, frames = self._load(self.paths[clip]), slice(start, start + self.plan.length)
        reference, seen = self._shown(own, self._load(other), own.eyes[frames], moments)
        return Windows(
            target=_channels_first(own.frames[frames]),
            mask=own.mask[frames],
            reference=_channels_first(reference),
            seen=_channels_first(seen),
            mel=own.mel[frames],
            speech=own.mel[start + 1],
            emotion=torch.tensor(self._emotions[clip]),
            wave=torch.from_numpy(self._heard(own.wave, start)),
            mouth=torch.from_numpy(own.mouth[frames]),
        )

    def _shown(
        self, own: _Clip, source: _Clip, eyes: NDArray[np.float32], moments: tuple[float, float]
    ) -> tuple[Frames, Frames]:
        """Return the references, and what is seen of a source, of frames with these eyes."""
        plan, nothing = self.plan, own.frames[:0]
        if not plan.references:
            return nothing, nothing
        if plan.source is None:
            at = int(moments[0] * len(source.frames))
            picture = source.frames[at : at + 1]  # upright as it was loaded
            return picture if plan.upright else aligned(picture[0], source.eyes[at], eyes), nothing
        edited = plan.source != OWN and plan.mask == "half"
        reference = _followed(source, moments[0], eyes)
        return reference, _followed(source, moments[1], eyes) if edited else nothing

    def _heard(self, wave: Audio, start: int) -> Audio:
        hearing = self.plan.hearing
        return wave if hearing is None else hearing.part(wave, start, self.plan.length)


def _load_clip(path: Path, plan: Draw) -> _Clip:
    clip = load(path)
    if clip.audio is None:
        raise BadInput(f"{path}: has no sound; delete it and run again")
    mel = generator_mel(clip.audio, len(clip.frames) + 1)
    eyes = eye_centres(clip.landmarks)
    frames, size = clip.frames, clip.frames.shape[1]
    mask = _hidden(clip, plan.mask)
    mouth = clip.landmarks[:, 48:].mean(axis=1)
    if plan.upright:
        mouth = moved_upright(mouth, eyes, size)
        mask = upright(np.repeat(mask[..., None], 3, 3).astype(np.uint8), eyes)[..., 0].astype(bool)
        frames = upright(frames, eyes)
    wave = np.zeros(0, np.float32) if plan.hearing is None else plan.hearing.prepared(clip.audio)
    windows, hidden = torch.from_numpy(mel)[:, None], torch.from_numpy(mask)[:, None]
    return _Clip(frames, eyes, hidden, windows, wave, mouth)


def _hidden(clip: PreparedClip, mask: Mask) -> NDArray[np.bool_]:
    if mask == "hull":
        return hull_mask(clip.landmarks, clip.frames.shape[1])
    return half_mask(len(clip.frames), clip.frames.shape[1]) if mask == "half" else clip.mask


def _followed(source: _Clip, moment: float, eyes: NDArray[np.float32]) -> Frames:
    """Return frames on end of a source clip from some moment on, each moved to its own place."""
    count, length = len(source.frames), len(eyes)
    first = int(moment * max(1, count - length + 1))
    at = enumerate(played(count, first, length))
    return np.concatenate([aligned(source.frames[i], source.eyes[i], eyes[k : k + 1]) for k, i in at])


def _coloured(batch: Windows, colours: Colours) -> Windows:
    """Return the batch, bytes until now, with each window's pictures in [0, 1] after its colour change."""
    lengths = [batch.target.shape[1], batch.reference.shape[1], batch.seen.shape[1]]
    as_bytes = torch.cat([batch.target, batch.reference, batch.seen], 1).numpy()
    pictures = torch.split(torch.from_numpy(apply_colours(as_bytes, colours)), lengths, 1)
    return replace(batch, target=pictures[0], reference=pictures[1], seen=pictures[2])


def _channels_first(frames: Frames) -> Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2)


def companions(data: TrainingData, kept: Sequence[int], source: str | None) -> dict[int, list[int]]:
    """Return, for each clip of `kept`, the clips that its references are taken from.

    Without a source: of `kept`, the speaker's other clips, the neutral ones if there are any, else the clip
    itself. A clip whose speaker has no other in the source's emotion has none and is left out.
    """
    if source == OWN:
        return {i: [i] for i in kept}
    names = {i: s if s is not None else f"\0{i}" for i, s in enumerate(data.speakers)}
    offered: Sequence[int] = kept
    if source is not None:
        fits = zip(data.emotions, data.splits, data.clips, strict=True)
        offered = [
            i for i, (e, s, c) in enumerate(fits) if e == source and s == "train" and frames_and_sound(c)[1]
        ]
    chosen = {}
    for i in kept:
        others = [k for k in offered if k != i and names[k] == names[i]]
        calm = [k for k in others if data.emotions[k] == "neutral"]
        found = others if source is not None else calm or others or [i]
        if found:
            chosen[i] = found
    return chosen

"""What the table is measured on: clips and weights, in a folder that is removed afterwards.

Clips are drawn anew (the embedded corpus), or are a user's own; a generated clip is its reference with noise.
Weights are random, in the peers' own layouts.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from harness import media
from harness.datasets import crema_d, folder
from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.types import Frames
from harness.weights import Weights
from metrics.bench import random_weights

DRAWN_SEED, DRAWN_SIDE, CLIPS = 77, 256, 24
NOISE = 12.0


@dataclass(frozen=True)
class Material:
    """`scratch` is an empty folder; `clips` a folder of a user's clips, None to draw some."""

    scratch: Path
    clips: Path | None = None

    @cached_property
    def files(self) -> list[Path]:
        """The reference clips' files, at most CLIPS."""
        if self.clips is not None:
            return [sample.video for sample in folder.read(self.clips).samples][:CLIPS]
        root = self.scratch / "corpus"
        spec = SynthSpec(speakers=2, size=DRAWN_SIDE, seed=DRAWN_SEED, clips_per_speaker=CLIPS // 2)
        write_corpus(spec, root)
        return [sample.video for sample in crema_d.read(root).samples]

    @cached_property
    def weights_folder(self) -> Path:
        """Random weights under the published names."""
        made = self.scratch / "weights"
        made.mkdir()
        random_weights.write(made)
        return made

    @property
    def weights(self) -> Weights:
        """The same, for ours to load."""
        return Weights(self.weights_folder, allow_unverified=True)

    def frames(self, count: int) -> tuple[Frames, Frames]:
        """Return the first `count` frames of the first clip, with noise and without."""
        reference = media.read_clip(self.files[0]).frames[:count]
        return noisy(reference), reference

    @cached_property
    def folders(self) -> tuple[Path, Path, Path]:
        """Two folders of generated clips and one of their references, paired by name, all as mp4."""
        one, two, reference = (self.scratch / name for name in ("one", "two", "reference"))
        for made in (one, two, reference):
            made.mkdir()
        for index, file in enumerate(self.files):
            clip = media.read_clip(file)
            height, width = (side // 2 * 2 for side in clip.frames.shape[1:3])
            frames = clip.frames[:, :height, :width]
            for made, shown in ((reference, frames), (one, noisy(frames)), (two, noisy(frames, 1))):
                media.encode(made / f"{index:02}.mp4", shown, clip.audio)
        return one, two, reference


def noisy(frames: Frames, seed: int = 0) -> Frames:
    """Return `frames` with Gaussian noise."""
    noise = np.random.default_rng(seed).normal(0, NOISE, frames.shape)
    return np.asarray(np.clip(frames + noise, 0, 255), np.uint8)

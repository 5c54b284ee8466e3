"""Clips of the embedded corpus for training and checking its judges, prepared as every run's clips are.

Training clips are read back from the H.264 files, every other one with its AAC sound instead of the WAV, so
that the judges know the marks that coding leaves.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.config import JUDGE_SEEDS
from harness.datasets.crema_d import read
from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.faces import POLICIES, Detector
from harness.prepare import PreparedClip, prepare
from harness.types import BadInput, Clip, Pair, Sample
from metrics.features.sync import WINDOW, mfcc_windows

CLASSES = ("neutral", "happy", "sad", "angry", "fear", "disgust")
MOUTH_UNITS = ("AU18", "AU25", "AU26")
# A little more than the judges' 64 px, so that augmentation can zoom in without only blurring.
TRAINING_SIDE = 72
CHECK_SIDE = 64

# Faces are drawn at every size that a run may ask for; more speakers teach more than more clips of each.
TRAINING_CORPORA = tuple(
    SynthSpec(speakers=speakers, size=size, seed=JUDGE_SEEDS.start + index, clips_per_speaker=12)
    for index, (size, speakers) in enumerate(((64, 10), (96, 8), (128, 6)), start=1)
)
CHECK_CORPUS = SynthSpec(speakers=8, size=64, seed=JUDGE_SEEDS.start + 10_001, clips_per_speaker=12)


@dataclass(frozen=True, slots=True)
class JudgeClip:
    """One clip of T frames.

    frames: (T, 72, 72, 3) uint8 RGB. mfcc: (T - 5, 13, 20). au: (T, units) 0..1, and mouth: (T, 3), those of
    MOUTH_UNITS. emotion: index in CLASSES. landmarks: (T, 68, 2) pixels of the frames, iBUG-68 order.
    """

    frames: NDArray[np.uint8]
    mfcc: NDArray[np.float32]
    au: NDArray[np.float32]
    mouth: NDArray[np.float32]
    emotion: int
    landmarks: NDArray[np.float32]


def draw(spec: SynthSpec, folder: Path, workers: int) -> list[Sample]:
    """Make a corpus under `folder`, or find it made, and return its samples."""
    root = folder / f"{spec.seed}_{spec.size}px"
    write_corpus(spec, root, workers)
    return list(read(root).samples)


def training_clips(samples: Sequence[Sample]) -> list[JudgeClip]:
    """Return the clips of `samples` in training form, in order."""
    return [
        _training_clip(sample if index % 2 else replace(sample, audio=None))
        for index, sample in enumerate(samples)
    ]


def check_pair(sample: Sample) -> Pair:
    """Return a clip at 64 px beside itself, as a run would measure the ground truth."""
    prepared = _prepared(sample, CHECK_SIDE)
    clip = Clip(prepared.frames, prepared.audio)
    return Pair(sample.id, clip, clip, sample.speaker, sample.emotion, sample.level)


def truth_units(sample: Sample) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return the action units that drew a clip, (T, units) in 0..1, and their names."""
    if sample.truth is None:
        raise BadInput(f"{sample.video}: no truth beside it; only drawn clips train the judges")
    with np.load(sample.truth, allow_pickle=False) as truth:
        return truth["au"], tuple(str(name) for name in truth["au_names"])


def truth_landmarks(sample: Sample) -> NDArray[np.float32]:
    """Return the landmarks that a clip was drawn with, (T, 68, 2) pixels at 64 px, iBUG-68 order."""
    return _prepared(sample, CHECK_SIDE).landmarks


def _training_clip(sample: Sample) -> JudgeClip:
    prepared = _prepared(sample, TRAINING_SIDE)
    assert prepared.audio is not None and sample.emotion is not None
    windows = mfcc_windows(prepared.audio, len(prepared.frames) - WINDOW)
    units, names = truth_units(sample)
    mouth = units[:, [names.index(name) for name in MOUTH_UNITS]]
    emotion = CLASSES.index(sample.emotion)
    return JudgeClip(prepared.frames, windows, units, mouth, emotion, prepared.landmarks)


def _prepared(sample: Sample, side: int) -> PreparedClip:
    return prepare(sample, POLICIES["none"], side, _no_detector)


def _no_detector() -> AbstractContextManager[Detector]:
    raise AssertionError("a drawn clip's landmarks are its truth")

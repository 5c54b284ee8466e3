"""What the embedded judges reach on drawn speakers that no training saw: the figures in judges.json."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.faces import eye_centres
from harness.media import fit_audio
from harness.types import SAMPLES_PER_FRAME, Audio, Clip, Pair, Sample
from metrics.features.agreement import correlations
from metrics.features.au import embedded_au
from metrics.features.emotion import embedded_emotion
from metrics.features.judge_data import check_pair, truth_landmarks, truth_units
from metrics.features.judge_files import FOLDER
from metrics.features.landmark_judge import LandmarkJudge
from metrics.features.sync import SyncScore, sync_score
from metrics.features.sync_judge import SyncJudge

SHIFTS = (-10, -5, 0, 3, 5, 8)


def check_judge(name: str, samples: Sequence[Sample], folder: Path = FOLDER) -> dict[str, Any]:
    """Return a judge's figures on `samples` (of the embedded corpus)."""
    pairs = [check_pair(sample) for sample in samples]
    if name == "sync_judge":
        return check_sync(pairs, samples, folder)
    if name == "emotion_judge":
        return check_emotion(pairs, folder)
    return (check_au if name == "au_judge" else check_landmarks)(pairs, samples, folder)


def check_sync(pairs: Sequence[Pair], samples: Sequence[Sample], folder: Path = FOLDER) -> dict[str, Any]:
    """Return how often a planted shift is found within a frame, and LSE with own and other sound."""
    judge = SyncJudge.load(folder)
    own = [sync_score(pair.generated, judge) for pair in pairs]
    others = [sync_score(_with_other_sentence(index, pairs, samples), judge) for index in range(len(pairs))]
    planted = {
        f"{shift:+d}": _share_found(
            [sync_score(_shifted(pair.generated, shift), judge) for pair in pairs], shift
        )
        for shift in SHIFTS
    }
    return {
        "clips": len(pairs),
        "offset_within_1_frame": planted,
        "lse_c": _mean([score.confidence for score in own]),
        "lse_c_other_sentence": _mean([score.confidence for score in others]),
        "lse_d": _mean([score.distance for score in own]),
        "lse_d_other_sentence": _mean([score.distance for score in others]),
    }


def check_emotion(pairs: Sequence[Pair], folder: Path = FOLDER) -> dict[str, Any]:
    """Return the accuracy in percent, and each class's recall."""
    classifier = embedded_emotion(folder)
    right: dict[str, list[float]] = {}
    for pair in pairs:
        predicted = classifier.classify(pair)
        right.setdefault(str(pair.emotion), []).append(100.0 * (predicted == pair.emotion))
    everything = [value for values in right.values() for value in values]
    recall = {emotion: _mean(values) for emotion, values in sorted(right.items())}
    return {"clips": len(pairs), "accuracy": _mean(everything), "recall": recall}


def check_au(pairs: Sequence[Pair], samples: Sequence[Sample], folder: Path = FOLDER) -> dict[str, Any]:
    """Return MAE and, over all frames of all clips, Pearson's r of each unit with the truth that drew it."""
    extractor = embedded_au(folder)
    found = np.concatenate([extractor.read(pair, "generated").intensity for pair in pairs])
    truth = np.concatenate([truth_units(sample)[0] for sample in samples])
    correlation = correlations(found, truth, extractor.min_deviation)
    return {
        "clips": len(pairs),
        "mae": _mean(np.abs(found - truth)),
        "correlation": {
            unit: round(float(r), 3) for unit, r in zip(extractor.units, correlation, strict=True)
        },
    }


def check_landmarks(
    pairs: Sequence[Pair], samples: Sequence[Sample], folder: Path = FOLDER
) -> dict[str, Any]:
    """Return the points' mean distance from the truth that drew them, in distances of the eyes' centres.

    error: as found; error_centred: of each frame's points about their own mean, as LMD sees them; jitter:
    deviation over a clip's frames of the error of a point, what LMD cannot tell from motion.
    """
    judge = LandmarkJudge.load(folder)
    rows: dict[str, list[float]] = {}
    for pair, sample in zip(pairs, samples, strict=True):
        truth = truth_landmarks(sample)
        right, left = eye_centres(truth).transpose(1, 0, 2)
        eyes = float(np.median(np.linalg.norm(left - right, axis=1)))
        off = (judge.landmarks(pair.generated.frames) - truth) / eyes
        for name, part in (("face", off), ("mouth", off[:, 48:])):
            centred = part - part.mean(axis=1, keepdims=True)
            moving = centred - centred.mean(axis=0)
            for figure, found in (("error", part), ("error_centred", centred), ("jitter", moving)):
                rows.setdefault(f"{name}_{figure}", []).append(float(np.linalg.norm(found, axis=2).mean()))
    return {"clips": len(pairs), **{name: _mean(found) for name, found in rows.items()}}


def summary(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the figures as a few readable lines."""
    return "\n".join(
        f"{judge}: {', '.join(f'{name} {value}' for name, value in found.items())}"
        for judge, found in figures.items()
    )


def _shifted(clip: Clip, shift: int) -> Clip:
    """Return the clip with its sound `shift` frames early (late if negative), silence filling the gap."""
    assert clip.audio is not None
    return replace(clip, audio=shifted_audio(clip.audio, shift))


def shifted_audio(audio: Audio, shift: int) -> Audio:
    """Return audio of the same length, `shift` frames of 40 ms early; what runs out is silence."""
    samples = abs(shift) * SAMPLES_PER_FRAME
    moved = audio[samples:] if shift > 0 else np.pad(audio, (samples, 0))
    return np.pad(moved, (0, max(0, len(audio) - len(moved))))[: len(audio)]


def _with_other_sentence(index: int, pairs: Sequence[Pair], samples: Sequence[Sample]) -> Clip:
    """Return a clip with the sound of the same speaker's next clip that says another sentence."""
    order = [*range(index + 1, len(samples)), *range(index)]
    mine = samples[index]
    other = next(i for i in order if samples[i].text != mine.text and samples[i].speaker == mine.speaker)
    clip, sound = pairs[index].generated, pairs[other].generated.audio
    assert sound is not None
    return replace(clip, audio=fit_audio(sound, len(clip.frames)))


def _share_found(scores: Sequence[SyncScore], shift: int) -> float:
    return _mean([abs(score.offset - shift) <= 1 for score in scores])


def _mean(values: Sequence[float] | NDArray[np.float32]) -> float:
    return round(float(np.mean(values)), 4)

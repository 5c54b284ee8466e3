"""What the embedded judges reach on drawn speakers that no training saw: the figures in judges.json."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.media import fit_audio
from harness.types import SAMPLES_PER_FRAME, Audio, Clip, Pair, Sample
from metrics.features.au import correlations, embedded_au
from metrics.features.emotion import embedded_emotion
from metrics.features.judge_data import check_pair, truth_units
from metrics.features.judge_files import FOLDER
from metrics.features.sync import SyncScore, sync_score
from metrics.features.sync_judge import SyncJudge

SHIFTS = (-10, -5, -2, 0, 3, 5, 8, 10)


def check_judges(samples: Sequence[Sample], folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """Return each judge's figures on `samples` (of the embedded corpus), by judge."""
    pairs = [check_pair(sample) for sample in samples]
    return {
        "sync_judge": check_sync(pairs, samples, folder),
        "emotion_judge": check_emotion(pairs, folder),
        "au_judge": check_au(pairs, samples, folder),
    }


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
        predicted = classifier.classify(pair.generated.frames)
        right.setdefault(str(pair.emotion), []).append(100.0 * (predicted == pair.emotion))
    everything = [value for values in right.values() for value in values]
    recall = {emotion: _mean(values) for emotion, values in sorted(right.items())}
    return {"clips": len(pairs), "accuracy": _mean(everything), "recall": recall}


def check_au(pairs: Sequence[Pair], samples: Sequence[Sample], folder: Path = FOLDER) -> dict[str, Any]:
    """Return MAE and, over all frames of all clips, Pearson's r of each unit with the truth that drew it."""
    extractor = embedded_au(folder)
    found = np.concatenate([extractor.intensities(pair.generated.frames) for pair in pairs])
    truth = np.concatenate([truth_units(sample)[0] for sample in samples])
    correlation = correlations(found, truth)
    return {
        "clips": len(pairs),
        "mae": _mean(np.abs(found - truth)),
        "correlation": {
            unit: round(float(r), 3) for unit, r in zip(extractor.units, correlation, strict=True)
        },
    }


def summary(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the figures as a few readable lines."""
    sync, emotion, au = (figures[name] for name in ("sync_judge", "emotion_judge", "au_judge"))
    return "\n".join(
        [
            f"sync: offset within 1 frame, by shift: {sync['offset_within_1_frame']}",
            f"sync: LSE-C {sync['lse_c']} own, {sync['lse_c_other_sentence']} other sentence",
            f"emotion: {emotion['accuracy']} % of {emotion['clips']} clips; {emotion['recall']}",
            f"AU: MAE {au['mae']}; r {au['correlation']}",
        ]
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

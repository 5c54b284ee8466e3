"""A made-up run directory: trials of `cvae`, a rival with a hostile name, controls, twelve metrics.

Nothing in it was measured. Run it to look at the page: `python -m tests.reports.made_up DIR`.
"""

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.contracts import MethodCard, MetricCard
from harness.media import encode
from harness.results import (
    CLIP_COLUMNS,
    CURVE_COLUMNS,
    NO_TRIAL,
    RESULT_COLUMNS,
    SAMPLE_COLUMNS,
    TRACE_COLUMNS,
    write_json,
    write_rows,
)
from harness.traces import first_of_each_emotion
from harness.types import EMOTIONS, SAMPLES_PER_FRAME

HOSTILE = "<img src=x onerror=alert(1)>|é\"'"
SIX = EMOTIONS[:6]
SENTENCES = ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI")
CONTROL_NAMES = ("ground_truth", "still", "wrong_audio", "shifted_audio", "wrong_emotion")
NO_FACE = "no face found in 12 of 12 frames"
NO_SOUND = "the clip has no sound"

_LITE = "efficientnet-lite0"
# name, title, unit, direction, backbone, family, domain, value of the truth, of a poor method
_METRICS: tuple[tuple[str, str, str, bool | None, str, str, str, float, float], ...] = (
    ("psnr", "PSNR", "dB", True, "none", "formula", "any", 44.8, 19.0),
    ("ssim", "SSIM", "", True, "none", "formula", "any", 0.996, 0.61),
    ("lpips", "LPIPS", "", False, "st-lpips-alex", "perceptual", "any", 0.004, 0.31),
    ("fid", "FD", "", False, _LITE, "inception", "any", 1.9, 164.0),
    ("kid", "KD", "", False, _LITE, "inception", "any", 0.0003, 0.212),
    ("lse_c", "LSE-C", "", True, "sync-judge-v1", "sync", "embedded-corpus", 0.62, 0.05),
    ("lse_d", "LSE-D", "", False, "sync-judge-v1", "sync", "embedded-corpus", 0.41, 1.2),
    ("av_offset", "AV offset", "frames", None, "sync-judge-v1", "sync", "embedded-corpus", 0.0, 2.0),
    (
        "emotion_accuracy",
        "Emotion acc.",
        "%",
        True,
        "emotion-judge-v1",
        "emotion",
        "embedded-corpus",
        97.2,
        16.7,
    ),
    ("au_mae", "AU error", "0–1", False, "au-judge-v1", "au", "embedded-corpus", 0.004, 0.19),
    ("au_correlation", "AU corr.", "r", True, "au-judge-v1", "au", "embedded-corpus", 0.99, 0.05),
    ("fps", "Speed", "frames/s", True, "none", "formula", "any", 900.0, 310.0),
)
_SETS = {"fid", "kid"}
_UNITS = ("AU1", "AU2", "AU4", "AU6", "AU9", "AU12", "AU15", "AU26")
_LIKENESS = {
    "ground_truth": 1.0,
    "still": 0.25,
    "wrong_audio": 0.55,
    "shifted_audio": 0.7,
    "wrong_emotion": 0.45,
}


@dataclass(frozen=True)
class Options:
    """What to make: `frames` 0 writes no media.

    clips: at most so many of the speakers' sentences in six emotions. seeds: so many of the first trials are
    one point of the sweep, trained with other seeds. lost: the share of values that no instrument gave.
    """

    complete: bool = True
    controls: tuple[str, ...] = CONTROL_NAMES
    reader: str = "synthetic"
    frames: int = 12
    side: int = 32
    trials: int = 8
    speakers: int = 3
    sentences: int = 1
    clips: int | None = None
    seeds: int = 1
    lost: float = 0.0


def make(folder: Path, options: Options = Options()) -> Path:
    """Write the run directory and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    trials = _trials(rng, options.trials)
    likeness = {(m, t): q for m, t, q in trials if t != "t07"}
    likeness |= {(name, NO_TRIAL): _LIKENESS[name] for name in options.controls}
    samples = _samples(options)
    results, per_clip = _numbers(rng, likeness, samples, options.lost)
    write_rows(folder / "results.csv", RESULT_COLUMNS, results)
    write_rows(folder / "per_clip.csv", CLIP_COLUMNS, per_clip)
    write_rows(folder / "clips.csv", SAMPLE_COLUMNS, samples)
    write_rows(folder / "curves.csv", CURVE_COLUMNS, _curves(rng, [t for _, t, _ in trials if t != "only"]))
    write_rows(folder / "traces.csv", TRACE_COLUMNS, _traces(likeness, samples))
    write_json(folder / "run.json", _record(options, trials))
    if options.frames:
        for clip in samples:
            _media(folder, str(clip["clip"]), likeness, options)
    return folder


def weights(trial: str) -> dict[str, float]:
    """Return the swept weights of a made-up trial: a 2 x 2 x 2 grid and beyond."""
    i = int(trial[1:])
    grid = {"alpha": (0.0, 0.03), "beta": (0.01, 0.1), "gamma": (0.0, 0.05)}
    bits = {"alpha": i & 1, "beta": i >> 1 & 1, "gamma": i >> 2 & 1}
    return {name: grid[name][bits[name]] * (1 + i // 8) for name in grid}


def _params(trial: str, seeds: int) -> dict[str, float]:
    """Return what a trial was given: the first of several seeds have the weights of the first trial."""
    if seeds == 1:
        return weights(trial)
    first = int(trial[1:]) < seeds
    return {**weights("t00" if first else trial), "seed": 1 + int(trial[1:]) if first else 1}


def _trials(rng: np.random.Generator, count: int) -> list[tuple[str, str, float]]:
    found = []
    for i in range(count + 1):
        given = weights(f"t{i:02d}")
        quality = 0.55 + 4 * given["alpha"] + 2 * given["gamma"] - 0.4 * given["beta"] + rng.normal(0, 0.02)
        if i != 7:
            found.append(("cvae", f"t{i:02d}", float(quality)))
    return [*found[:count], ("cvae", "t07", 0.0), (HOSTILE, "only", 0.6)]


def _speakers(options: Options) -> list[str]:
    return [str(1001 + i) for i in range(options.speakers)]


def _samples(options: Options) -> list[dict[str, Any]]:
    found = [
        {
            "clip": f"{speaker}_{sentence}_{emotion[:3].upper()}_HI",
            "speaker": speaker,
            "emotion": emotion,
            "level": "high",
            "text": "It's eleven o'clock",
            "frames": options.frames or 12,
            "reference_clip": f"{speaker}_IEO_NEU_XX",
        }
        for speaker in _speakers(options)
        for sentence in SENTENCES[: options.sentences]
        for emotion in SIX
    ]
    return found[: options.clips]


def _numbers(
    rng: np.random.Generator,
    likeness: dict[tuple[str, str], float],
    samples: list[dict[str, Any]],
    lost: float,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    results, per_clip = [], []
    fate = np.random.default_rng(6)
    for (method, trial), quality in likeness.items():
        for name, _, unit, up, backbone, _, _, truth, poor in _METRICS:
            mean = poor + (truth - poor) * quality + rng.normal(0, 0.01) * abs(truth - poor)
            if name == "av_offset":
                mean = 5.0 if method == "shifted_audio" else 0.0
            values = [mean + rng.normal(0, 0.05) * abs(truth - poor) for _ in samples]
            gone = fate.random(len(samples)) < lost
            reasons = [
                _reason(method, name, i) or ("no face found" if gone[i] else "") for i in range(len(gone))
            ]
            head = {"run": "made up", "method": method, "trial": trial, "metric": name}
            if name not in _SETS:
                per_clip += [
                    {**head, "clip": s["clip"], "value": None if why else v, "reason": why}
                    for s, v, why in zip(samples, values, reasons, strict=True)
                ]
            kept = [v for v, why in zip(values, reasons, strict=True) if not why]
            value = float(np.mean(kept)) if kept else float("nan")
            half = 1.96 * float(np.std(kept)) / len(kept) ** 0.5 if kept else float("nan")
            results.append(
                {
                    **head,
                    "value": value,
                    "ci_low": value - half,
                    "ci_high": value + half,
                    "n": len(kept),
                    "n_unscored": len(samples) - len(kept),
                    "unit": unit,
                    "higher_is_better": up,
                    "backbone": backbone,
                    "comparable": backbone == "none",
                }
            )
    return results, per_clip


def _reason(method: str, metric: str, index: int) -> str:
    if metric.startswith("au_") and method == "cvae" and index == 3:
        return NO_FACE
    if metric.startswith("lse_") and index == 5:
        return NO_SOUND
    return NO_FACE if method == HOSTILE and metric == "au_mae" else ""


def _traces(
    likeness: dict[tuple[str, str], float], samples: list[dict[str, Any]], frames: int = 50
) -> Iterator[dict[str, Any]]:
    """Give eight units over two seconds; cvae shows no face in five frames, the rival has no score at all."""
    rng = np.random.default_rng(7)
    chosen = first_of_each_emotion((s["clip"], s["emotion"]) for s in samples)
    waves = {clip: rng.uniform(0.05, 0.45, (len(_UNITS), 1)) for clip in sorted(chosen)}
    time = np.arange(frames) / 25
    for (method, trial), quality in likeness.items():
        for clip, height in waves.items():
            if method == HOSTILE:
                continue
            real = height * (1 + np.sin(2 * np.pi * (1 + 4 * height) * time))
            made = quality * real + rng.normal(0, 0.02, real.shape)
            made[:, 20:25] = np.nan if method == "cvae" else made[:, 20:25]
            for unit, mine, theirs in zip(_UNITS, np.clip(made, 0, 1), real, strict=True):
                for frame in range(frames):
                    yield {
                        "run": "made up", "method": method, "trial": trial, "clip": clip, "metric": "au_mae",
                        "unit": unit, "frame": frame,
                        "generated": float(mine[frame]), "reference": float(theirs[frame]),
                    }  # fmt: skip


def _curves(rng: np.random.Generator, trials: list[str]) -> list[dict[str, Any]]:
    rows = []
    stages = [
        (NO_TRIAL, "sync_expert", ("bce",), 0.7, 30),
        (NO_TRIAL, "emotion_expert", ("cross_entropy",), 1.8, 30),
    ]
    stages += [
        (t, "fit", ("total", "reconstruction", "kl", "sync"), 1.0 + i / 20, 60) for i, t in enumerate(trials)
    ]
    for trial, stage, losses, start, steps in stages:
        for j, loss in enumerate(losses):
            for step in range(steps):
                value = start / (1 + j) * (np.exp(-step / 9) + 0.02) * np.exp(rng.normal(0, 0.05))
                head = {"run": "made up", "method": "cvae", "trial": trial, "stage": stage}
                rows.append({**head, "step": step * 20, "loss": loss, "value": float(value)})
    return rows


def _record(options: Options, trials: list[tuple[str, str, float]]) -> dict[str, Any]:
    metrics = {
        name: MetricCard(
            name, title, unit, up, (0.0, 100.0), bb, "default", "made up", bb == "none", family, domain
        )  # type: ignore[arg-type]
        for name, title, unit, up, bb, family, domain, _, _ in _METRICS
    }
    methods = {
        "cvae": MethodCard(
            "cvae",
            "Conditional VAE",
            "Phan et al.",
            ("audio", "emotion", "reference", "context"),
            ("sync", "emotion"),
        ),
        HOSTILE: MethodCard(HOSTILE, "A <b>rival</b>", "none", ("audio",)),
    }
    for name in options.controls:
        methods[name] = MethodCard(name, name.replace("_", " "), "none", (), control=True, trains=False)
    return {
        "kind": "sweep",
        "name": "loss weights <made up>",
        "complete": options.complete,
        "created": "2025-01-01T00:00:00+00:00",
        "command": "python -m harness.sweep sweeps/loss_weights.yaml",
        "config": {
            "data": {"reader": options.reader, "speakers": 10},
            "methods": [{"name": "cvae", "label": None, "config": {"size": "tiny"}}],
            "controls": [{"name": "shifted_audio", "label": None, "config": {"frames": 5}}],
        },
        "seeds": {"run": 1, "methods": [1]},
        "versions": {"python": "3.11", "torch": "2.11.0", "ray": "2.60.0"},
        "git": {"revision": "0123abcd", "dirty": False},
        "split": {
            "hash": "5d41402abc4b2a76b9719d911017c592",
            "counts": {"test": 18},
            "speakers": {"test": _speakers(options)},
        },
        "reference": {"policy": "neutral", "frame": "first frame of the reference clip"},
        "faces": {"policy": "mediapipe", "size": options.side},
        "backbones": "embedded",
        "hardware": {"cpu": "2 cores", "gpu": None, "memory_gb": 8},
        "times": {"corpus": 41.2, "stages": 120.0, "trials": 560.5, "generate": 31.0, "measure": 88.4},
        "methods": {name: asdict(card) for name, card in methods.items()},
        "metrics": {name: asdict(card) for name, card in metrics.items()},
        "trials": [
            {
                "method": method,
                "trial": trial,
                "params": _params(trial, options.seeds) if method == "cvae" else {},
                "status": "failed" if trial == "t07" else "done",
                "reason": "loss became NaN at step 40 <boom>" if trial == "t07" else None,
            }
            for method, trial, _ in trials
        ],
        "stages": [{"method": "cvae", "stage": "sync_expert", "shared_by_all_trials": True}],
        "failures": [{"what": "cvae t07", "reason": "loss became NaN at step 40", "crash": None}],
        "warnings": [],
    }


def _media(folder: Path, clip: str, likeness: dict[tuple[str, str], float], options: Options) -> None:
    time = np.arange(options.frames * SAMPLES_PER_FRAME) / 16_000
    sound = (0.2 * np.sin(2 * np.pi * 220 * time)).astype(np.float32)
    for index, (method, trial) in enumerate(likeness):
        out = folder / "clips" / method / trial / f"{clip}.mp4"
        out.parent.mkdir(parents=True, exist_ok=True)
        still = method == "still"
        frames = np.stack(
            [_face(options.side, 0.0 if still else t / 2, index, clip) for t in range(options.frames)]
        )
        encode(out, frames, sound)
    reference = folder / "clips" / "_references" / f"{clip}.png"
    reference.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(_face(options.side, 0.0, 0, clip)).save(reference)


def _face(side: int, phase: float, tone: int, clip: str) -> NDArray[np.uint8]:
    """Return an oval with two eyes and a mouth that opens and shuts: a picture, not a person."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    picture = np.zeros((side, side, 3))
    picture[:] = (70 + 20 * (ord(clip[3]) % 4), 95, 120)
    picture[(x / 0.62) ** 2 + (y / 0.82) ** 2 < 1] = (215 - 6 * tone, 172, 145)
    for eye in (-0.25, 0.25):
        picture[((x - eye) / 0.1) ** 2 + ((y + 0.2) / 0.07) ** 2 < 1] = (40, 40, 50)
    opening = 0.04 + 0.12 * abs(np.sin(phase))
    picture[(x / 0.25) ** 2 + ((y - 0.42) / opening) ** 2 < 1] = (130, 40, 45)
    return picture.astype(np.uint8)


if __name__ == "__main__":
    print(make(Path(sys.argv[1]), Options(frames=40, side=96)))

"""What of a run can be judged: whose clips, of which samples; and copies that do not say whose.

A copy carries pictures and sound alone: no metadata, no name, no date. Clips that the harness wrote are
copied packet by packet, bit by bit as they were made; clips that came from elsewhere (an evaluation's) are
encoded again with the harness's one setting, since their coding alone would tell methods apart.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import av
import numpy as np

from harness import media, results
from harness.catalog import nearest
from harness.store import digest, write_whole
from harness.study.config import StudyConfig
from harness.study.votes import Trial
from harness.types import Audio, BadInput

_LONGEST = 120.0
"""Seconds; a participant must play every clip to its end, twice over."""

_SAME_SOUND = 0.05
"""Two sounds are one if they differ by less than this share of their loudness (root mean square)."""


@dataclass(frozen=True, slots=True)
class ClipFile:
    """A clip as participants get it: its copy and its length in seconds."""

    path: Path
    seconds: float


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One thing to judge: a sample by two trials, or by one (`second` is None)."""

    sample: str
    first: Trial
    second: Trial | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that a study shows. `clips` by trial and sample.

    own_sound: pairs whose two sounds differ, so that each must be heard with its own clip.
    """

    run: str
    cells: tuple[Cell, ...]
    gold: tuple[Cell, ...]
    clips: Mapping[tuple[Trial, str], ClipFile]
    own_sound: frozenset[Cell]


def gather(run_dir: Path, study: StudyConfig) -> Material:
    """Find a run's clips and write their copies below RUN_DIR/study. Raises BadInput, naming file and key."""
    record = _record(run_dir)
    rows = _rows(run_dir)
    compared = _chosen(rows, study.compare, "compare") if study.compare else rows
    checks = _chosen(rows, [study.gold.better, study.gold.worse], "gold") if study.gold.at else []
    samples = _samples(run_dir, study)
    files = {(t, s): f for t in {*compared, *checks} for s in samples if (f := _file(run_dir, t, s))}
    copies = run_dir / "study" / "clips"
    clips = {key: _copy(file, copies, record["kind"] == "sweep") for key, file in files.items()}
    cells = _cells(study, samples, compared, clips)
    gold = [Cell(s, *checks) for s in samples if checks and all((trial, s) in clips for trial in checks)]
    _check_enough(run_dir, study, cells, gold)
    paired = {c for c in (*cells, *gold) if c.second is not None}
    return Material(
        str(record["name"]), tuple(cells), tuple(gold), clips, frozenset(_own_sound(paired, clips))
    )


def copy_bare(source: Path, target: Path) -> None:
    """Copy an mp4's packets to another mp4 without metadata, its index first so that it plays at once."""
    options = {"movflags": "faststart", "fflags": "+bitexact"}
    with av.open(str(source)) as old, av.open(str(target), "w", format="mp4", options=options) as new:
        kept = [s for s in old.streams if s.type in ("video", "audio")]
        streams = {s.index: new.add_stream_from_template(s) for s in kept}
        for stream in streams.values():
            stream.metadata.clear()
        for packet in old.demux(kept):
            if packet.dts is None:  # the empty packet that ends a stream
                continue
            packet.stream = streams[packet.stream.index]
            new.mux(packet)


def _record(run_dir: Path) -> dict[str, object]:
    path = run_dir / "run.json"
    if not path.is_file():
        raise BadInput(f"{path}: no such file; give the folder that a sweep or an evaluation wrote")
    record = results.read_json(path)
    if record.get("kind") not in ("sweep", "evaluation"):
        raise BadInput(
            f"{path}: key kind: {record.get('kind')!r} has no clips to judge; give a sweep's folder"
        )
    return record


def _rows(run_dir: Path) -> list[Trial]:
    """Return the leaderboard's rows, in its order, that have a folder of clips."""
    path = run_dir / "results.csv"
    if not path.is_file():
        raise BadInput(f"{path}: no such file; the sweep was not measured yet, finish it with --resume")
    found = dict.fromkeys(Trial(row["method"], row["trial"]) for row in results.read_rows(path))
    return [t for t in found if (run_dir / "clips" / t.method / t.trial).is_dir()]


def _chosen(rows: Sequence[Trial], names: Sequence[str], key: str) -> list[Trial]:
    """Return the rows that names mean: "method/trial", or "method" where it has one trial."""
    whole = {f"{t.method}/{t.trial}": t for t in rows}
    chosen = []
    for name in names:
        found = [whole[name]] if name in whole else [t for t in rows if t.method == name]
        if not found:
            raise BadInput(f'study: key {key}: no row "{name}" with clips; {nearest(name, list(whole))}')
        if len(found) > 1:
            several = ", ".join(f"{t.method}/{t.trial}" for t in found)
            raise BadInput(f"study: key {key}: {name} has several trials; choose of {several}")
        chosen += found
    if len(set(chosen)) < len(chosen):
        raise BadInput(f"study: key {key}: one row is named twice")
    return chosen


def _samples(run_dir: Path, study: StudyConfig) -> list[str]:
    known = [row["clip"] for row in results.read_rows(run_dir / "clips.csv")]
    if study.samples is None:
        return known
    if unknown := [s for s in study.samples if s not in known]:
        raise BadInput(f'study: key samples: no test clip "{unknown[0]}"; {nearest(unknown[0], known)}')
    return study.samples


def _file(run_dir: Path, trial: Trial, sample: str) -> Path | None:
    folder = run_dir / "clips" / trial.method / trial.trial
    whole = folder / f"{sample}.mp4"
    if whole.is_file():
        return whole
    return next((f for f in sorted(folder.glob("*.*")) if f.stem == sample and f.is_file()), None)


def _copy(file: Path, copies: Path, ours: bool) -> ClipFile:
    """Make a clip's copy under a name that only its content decides, unless it is there."""
    facts = file.stat()
    inputs = [str(file.resolve()), facts.st_size, facts.st_mtime_ns, ours, media.CRF]
    target = copies / f"{digest(inputs)}.mp4"
    if not target.exists():
        write_whole(target, lambda private: _bare(file, private, ours))
        os.utime(target, (0, 0))  # a date could tell in which order methods were run
    with av.open(str(target)) as container:
        seconds = float(container.duration or 0) / av.time_base
    if not 0 < seconds <= _LONGEST:
        raise BadInput(f"{file}: {seconds:.0f} s; people judge clips of up to {_LONGEST:.0f} s, cut it")
    return ClipFile(target, seconds)


def _bare(source: Path, target: Path, ours: bool) -> None:
    if ours:
        copy_bare(source, target)
        return
    clip = media.read_clip(source)
    again = target.with_suffix(".again.mp4")
    media.encode(again, clip.frames, clip.audio)
    copy_bare(again, target)
    again.unlink()


def _cells(
    study: StudyConfig,
    samples: Sequence[str],
    compared: Sequence[Trial],
    clips: Mapping[tuple[Trial, str], ClipFile],
) -> list[Cell]:
    if study.design == "acr":
        return [Cell(s, trial) for s in samples for trial in compared if (trial, s) in clips]
    return [
        Cell(s, a, b)
        for s in samples
        for a, b in combinations(compared, 2)
        if (a, s) in clips and (b, s) in clips
    ]


def _check_enough(run_dir: Path, study: StudyConfig, cells: Sequence[Cell], gold: Sequence[Cell]) -> None:
    if not cells:
        raise BadInput(
            f"{run_dir}: no clips to judge; a pairwise study needs two rows with clips of one sample"
        )
    if study.pairs > len(cells):
        raise BadInput(
            f"study: key pairs: {study.pairs} judgements, but only {len(cells)} different ones; lower it"
        )
    if len(study.gold.at) > len(gold):
        raise BadInput(f"study: key gold.at: {len(study.gold.at)} gold pairs, but only {len(gold)} samples")


def _own_sound(paired: set[Cell], clips: Mapping[tuple[Trial, str], ClipFile]) -> list[Cell]:
    """Return the pairs whose sounds differ; sounds are compared sample by sample (of the recording)."""
    apart = []
    for sample in sorted({c.sample for c in paired}):
        here = [c for c in paired if c.sample == sample]
        trials = sorted({t for c in here for t in (c.first, c.second) if t is not None})
        sounds = {t: media.read_audio(clips[t, sample].path) for t in trials}
        apart += [
            c for c in here if c.second is not None and not _one_sound(sounds[c.first], sounds[c.second])
        ]
    return apart


def _one_sound(first: Audio | None, second: Audio | None) -> bool:
    """Whether two sounds are the same, silent clips agreeing with anything that they are shown with."""
    if first is None or second is None:
        return first is None and second is None
    length = min(len(first), len(second))
    loudness = float(np.sqrt(np.mean(first[:length] ** 2)))
    apart = float(np.sqrt(np.mean((first[:length] - second[:length]) ** 2)))
    return apart <= _SAME_SOUND * loudness + 1e-4

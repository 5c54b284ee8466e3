"""What a corpus holds and what of it cannot be used: `python -m harness.data inspect NAME ROOT`.

Every file is probed (`probe`: headers, first picture, last packets), none is decoded whole. Written are
inspect.csv, a row a clip; inspect.json, everything counted; faces/*.jpg, the contact sheet's pictures.
"""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import contact_sheet, results
from harness.config import SplitFractions
from harness.datasets import Found, splits
from harness.jobs import Executor
from harness.probe import Film, probe
from harness.types import EMOTIONS, FPS, LEVELS, BadInput, Sample
from harness.weights import Weights

COLUMNS = (
    *("clip", "usable", "reason", "notes", "speaker", "emotion", "level", "view", "split", "text"),
    *("seconds", "fps", "width", "height", "video_codec", "pixels", "sound_codec", "sound_hz", "channels"),
    *("sound_seconds", "start_offset_ms", "cut_start", "cut_end", "video", "audio"),
)
VOTES = tuple(f"votes_{emotion}" for emotion in EMOTIONS)
"""Columns that follow COLUMNS where the corpus has raters' votes."""

# Corpora give intervals in whole seconds: one may end this much after the video does (as `media` has it).
_CUT_SLACK = 1.0


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is asked for. `seed` draws the faces and, where `fractions` name no file, the split."""

    reader: str
    root: Path
    seed: int
    fractions: SplitFractions
    weights: Weights
    command: str


@dataclass(frozen=True, slots=True)
class Probe:
    """Probes files; an item is (video, audio or None)."""

    def open(self) -> Callable[[tuple[Path, Path | None]], Film]:
        """See Job."""
        return lambda files: probe(*files)


@dataclass(frozen=True, slots=True)
class Usable:
    """A clip that can be used, and what its files say."""

    sample: Sample
    film: Film

    @property
    def start(self) -> float:
        """Where in the video the clip begins, in seconds after the first frame."""
        return self.sample.cut[0] if self.sample.cut else 0.0

    @property
    def seconds(self) -> float:
        """Seconds of picture that are this clip."""
        end = self.sample.cut[1] if self.sample.cut else self.film.seconds
        return min(end, self.film.seconds) - self.start

    @property
    def middle(self) -> float:
        """Where in the video the clip's middle frame stands, in seconds after the first frame."""
        return self.start + int(self.seconds / 2 * FPS) / FPS


@dataclass(frozen=True, slots=True)
class Unusable:
    """A clip that cannot be used, and why; `sample` is None where the reader made none of it."""

    id: str
    sample: Sample | None
    reason: str


def inspect(pool: Executor, asked: Inspection, found: Found, out: Path) -> dict[str, Any]:
    """Inspect what a reader found into the folder `out`; return what inspect.json holds."""
    samples, split = _split(found.samples, asked)
    usable, unusable = _probed(pool, asked.reader, samples)
    faces, broken = _faces(pool, asked, usable, out / "faces")
    usable = [clip for clip in usable if clip.sample.id not in broken]
    unusable += [Unusable(s.id, s, broken[s.id]) for s in samples if s.id in broken]
    unusable += [Unusable(name, None, reason) for name, reason in found.unusable.items()]
    unusable.sort(key=lambda clip: clip.id)
    voted = any(s.votes for s in samples)
    record = {
        "reader": asked.reader,
        "root": str(asked.root),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": asked.command,
        "clips": len(usable) + len(unusable),
        "usable": len(usable),
        "videos": len({clip.sample.video for clip in usable}),
        "hours": sum(clip.seconds for clip in usable) / 3600,
        "split": split,
        "about": list(found.notes),
        "counts": _counts([clip.sample for clip in usable]),
        **_media(usable),
        "votes": _agreement([clip.sample for clip in usable]) if voted else None,
        "notes": _tally(kind for clip in usable for kind in clip.film.notes),
        "unusable": {clip.id: clip.reason for clip in unusable},
        "faces": faces,
    }
    rows = [*(_usable_row(c, asked.root) for c in usable), *(_unusable_row(c, asked.root) for c in unusable)]
    columns = (*COLUMNS, *VOTES) if voted else COLUMNS
    results.write_rows(out / "inspect.csv", columns, sorted(rows, key=lambda row: str(row["clip"])))
    results.write_json(out / "inspect.json", record)
    return record


def _split(samples: Sequence[Sample], asked: Inspection) -> tuple[list[Sample], dict[str, Any]]:
    """Return the samples with the split that a sweep would give them, and what to say of it.

    A split file that does not fit is an error; too few speakers to draw a split from are none.
    """
    said: dict[str, Any] = {"source": splits.source(asked.fractions, asked.seed), "hash": None}
    try:
        placed, said["hash"] = splits.assign(samples, asked.fractions, asked.seed)
    except BadInput as error:
        if asked.fractions.file is not None:
            raise
        return list(samples), {**said, "why_none": str(error)}
    return placed, said


def _probed(pool: Executor, reader: str, samples: Sequence[Sample]) -> tuple[list[Usable], list[Unusable]]:
    """Probe each pair of files once, however many clips are cut from it."""
    files = list(dict.fromkeys((s.video, s.audio) for s in samples))
    outcomes = dict(zip(files, pool.map(Probe(), files, f"{reader}: probing files"), strict=True))
    usable: list[Usable] = []
    unusable: list[Unusable] = []
    for sample in samples:
        film, reason = outcomes[sample.video, sample.audio].value, outcomes[sample.video, sample.audio].reason
        if film is not None:
            reason = _beyond_the_end(sample, film)
        if film is not None and reason is None:
            usable.append(Usable(sample, film))
        else:
            unusable.append(Unusable(sample.id, sample, str(reason)))
    return usable, unusable


def _beyond_the_end(sample: Sample, film: Film) -> str | None:
    if sample.cut is None:
        return None
    start, end = sample.cut
    if start < film.seconds and end <= film.seconds + _CUT_SLACK:
        return None
    return f"{sample.video}: the interval {start:g} to {end:g} s is beyond its end at {film.seconds:.2f} s"


def _counts(samples: Sequence[Sample]) -> dict[str, dict[str, int]]:
    """Return how many clips each speaker, emotion, level, view and split has; "" is what is not said."""
    order = {"emotion": EMOTIONS, "level": LEVELS, "split": ("train", "val", "test")}
    found = {}
    for key in ("speaker", "emotion", "level", "view", "split"):
        tally = Counter(getattr(s, key) or "" for s in samples)
        names = order.get(key, sorted(tally))
        found[key] = {n: tally[n] for n in (*(n for n in names if n), "") if tally[n]}
    return found


def _media(usable: Sequence[Usable]) -> dict[str, Any]:
    films = [clip.film for clip in usable]
    sounds = [film.sound for film in films]
    return {
        "frame_rates": _tally(f"{film.fps:.2f}".rstrip("0").rstrip(".") for film in films),
        "sizes": _tally(f"{film.width}x{film.height}" for film in films),
        "video_codecs": _tally(f"{film.codec} {film.pixels}".strip() for film in films),
        "sound_rates": _tally(str(s.rate) if s else "none" for s in sounds),
        "sound_codecs": _tally(s.codec if s else "none" for s in sounds),
        "channels": _tally(str(s.channels) if s else "none" for s in sounds),
        "seconds": _spread([clip.seconds for clip in usable]),
        "start_offset_ms": _spread([1e3 * film.offset for film in films if film.offset is not None]),
    }


def _tally(names: Iterable[str]) -> dict[str, int]:
    """Return how often each name comes, the most frequent first."""
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"least": min(values), "median": statistics.median(values), "most": max(values), "n": len(values)}


def _agreement(samples: Sequence[Sample]) -> dict[str, Any]:
    """Return how raters' votes agree with the intended emotion.

    `agree`: clips whose intended emotion has the most votes, alone or with others. `shares`: by intended
    emotion, the mean share of votes for each emotion.
    """
    voted = [(s.emotion, s.votes) for s in samples if s.votes and s.emotion]
    shares: dict[str, dict[str, float]] = {}
    for emotion in EMOTIONS:
        own = [votes for intended, votes in voted if intended == emotion]
        if own:
            shares[emotion] = {e: statistics.fmean(v.get(e, 0.0) for v in own) for e in EMOTIONS}
    agree = Counter(e for e, votes in voted if votes.get(e, 0.0) == max(votes.values()))
    return {
        "clips": len(voted),
        "agree": sum(agree.values()),
        "by_emotion": {e: {"clips": sum(1 for i, _ in voted if i == e), "agree": agree[e]} for e in shares},
        "shares": shares,
    }


def _faces(
    pool: Executor, asked: Inspection, usable: Sequence[Usable], folder: Path
) -> tuple[dict[str, Any], dict[str, str]]:
    """Draw the contact sheet; return what to say of it, and why clips broke on the way, by id."""
    policy, how = contact_sheet.cropping(asked.reader, asked.weights)
    by_id = {clip.sample.id: clip for clip in usable}
    chosen = [by_id[s.id] for s in contact_sheet.choose([clip.sample for clip in usable], asked.seed)]
    shots = [contact_sheet.Shot(clip.sample, clip.middle) for clip in chosen]
    job = contact_sheet.DrawThumbnails(policy, asked.weights)
    outcomes = pool.map(job, shots, f"{asked.reader}: drawing faces")
    done = [(shot.sample, outcome) for shot, outcome in zip(shots, outcomes, strict=True)]
    drawn = [(sample, outcome.value) for sample, outcome in done if outcome.value is not None]
    names = contact_sheet.write(folder, [thumbnail for _, thumbnail in drawn])
    sheet = [
        {
            "file": f"{folder.name}/{name}",
            "clip": sample.id,
            **{key: getattr(sample, key) for key in ("speaker", "emotion", "level", "view")},
            "face": thumbnail.face,
        }
        for name, (sample, thumbnail) in zip(names, drawn, strict=True)
    ]
    broken = {sample.id: outcome.reason for sample, outcome in done if outcome.reason is not None}
    return {"how": how, "cropped": policy is not None, "seed": asked.seed, "sheet": sheet}, broken


def _unusable_row(clip: Unusable, root: Path) -> dict[str, Any]:
    labels = {} if clip.sample is None else _labels(clip.sample, root)
    return {"clip": clip.id, "usable": False, "reason": clip.reason, **labels}


def _usable_row(clip: Usable, root: Path) -> dict[str, Any]:
    film, sound = clip.film, clip.film.sound
    row = {
        "clip": clip.sample.id,
        "usable": True,
        **_labels(clip.sample, root),
        "seconds": clip.seconds,
        **{key: getattr(film, key) for key in ("fps", "width", "height", "pixels")},
        "video_codec": film.codec,
        "notes": "; ".join(f"{kind}: {said}" if said else kind for kind, said in film.notes.items()),
        "start_offset_ms": None if film.offset is None else 1e3 * film.offset,
    }
    if sound is None:
        return row
    return row | {
        "sound_codec": sound.codec,
        "sound_hz": sound.rate,
        "channels": sound.channels,
        "sound_seconds": sound.seconds,
    }


def _labels(sample: Sample, root: Path) -> dict[str, Any]:
    start, end = sample.cut or (None, None)
    return {
        **{key: getattr(sample, key) for key in ("speaker", "emotion", "level", "view", "split", "text")},
        "video": _below(sample.video, root),
        "audio": _below(sample.audio, root),
        "cut_start": start,
        "cut_end": end,
        **{f"votes_{emotion}": share for emotion, share in (sample.votes or {}).items()},
    }


def _below(path: Path | None, root: Path) -> str | None:
    if path is None:
        return None
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)

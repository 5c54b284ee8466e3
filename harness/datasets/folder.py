"""Anybody's clips: a folder, with or without a manifest.csv that labels them.

manifest.csv has a row a clip: file, speaker, emotion and, if known, level, text. An empty cell means "not
known". Other columns are ignored, unless their name is a slip for one of these. Without a manifest, every
clip found is taken, unlabelled.
"""

import csv
from collections import Counter
from difflib import get_close_matches
from pathlib import Path

from harness.catalog import nearest
from harness.datasets import Found, unread
from harness.types import EMOTIONS, BadInput, Sample

SUFFIXES = (".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".mpeg", ".webm")
REQUIRED = ("file", "speaker", "emotion")
OPTIONAL = ("level", "text")
_SAME_EMOTION = {
    "anger": "angry",
    "ang": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}
_LEVELS = {"1": "low", "2": "medium", "3": "high", "low": "low", "medium": "medium", "high": "high"}


def read(root: Path) -> Found:
    """Return the clips that the manifest lists, or every clip below `root`."""
    manifest = root / "manifest.csv"
    if manifest.exists():
        return _listed(root, manifest)
    samples = {i: Sample(i, p, None, None, None) for i, p in clips_below(root).items()}
    return _found(root, samples, {})


def clips_below(root: Path) -> dict[str, Path]:
    """Return every video file below `root` by its id: the path without the suffix, `__` for each slash."""
    files = sorted(
        p
        for p in root.rglob("*")
        if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file()
    )
    ids = [clip_id(p.relative_to(root)) for p in files]
    if doubled := sorted(i for i, times in Counter(ids).items() if times > 1):
        raise BadInput(f"{root}: two files are both called {doubled[0]}; rename one")
    return dict(zip(ids, files, strict=True))


def clip_id(file: Path) -> str:
    """Return the id of a file given relative to its corpus."""
    return "__".join(file.with_suffix("").parts)


def generated_names(root: Path) -> dict[str, str]:
    """Return, by id, the ids that the manifest's column `generated` gives to the clips made for its own."""
    manifest = root / "manifest.csv"
    rows = _rows(manifest) if manifest.exists() else []
    named = [(clip_id(Path(row["file"])), row.get("generated", "")) for _, row in rows]
    return {own: clip_id(Path(name)) for own, name in named if name}


def _listed(root: Path, manifest: Path) -> Found:
    samples: dict[str, Sample] = {}
    unusable: dict[str, str] = {}
    for line, row in _rows(manifest):
        where = f"{manifest}, line {line}"
        sample = _sample(root, row, where)
        if sample.id in samples or sample.id in unusable:
            raise BadInput(f"{where}: {row['file']} is listed twice, or two files share its name")
        if sample.video.is_file():
            samples[sample.id] = sample
        else:
            unusable[sample.id] = f"{where}: {sample.video} does not exist"
    return _found(root, samples, unusable)


def _found(root: Path, samples: dict[str, Sample], unusable: dict[str, str]) -> Found:
    """Return the clips sorted; the emotions are those that occur, and names mean what they do in `root`."""
    labels = {sample.emotion for sample in samples.values()}
    hollow = {i: reason for i, sample in samples.items() if (reason := unread(sample.video))}
    return Found(
        samples=tuple(samples[i] for i in sorted(samples) if i not in hollow),
        unusable={**unusable, **hollow},
        emotions=tuple(e for e in EMOTIONS if e in labels),
        population=("folder", str(root.resolve())),
    )


def _rows(manifest: Path) -> list[tuple[int, dict[str, str]]]:
    """Return the rows with their line numbers, every cell a stripped string."""
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as source:
            reader = csv.DictReader(source, restval="", restkey="")
            _check_columns(list(reader.fieldnames or []), manifest)
            return [
                (reader.line_num, {k: v.strip() for k, v in row.items() if isinstance(v, str)})
                for row in reader
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{manifest}: not a CSV file in UTF-8 ({error}); save it again as one") from error


def _check_columns(columns: list[str], manifest: Path) -> None:
    for name in REQUIRED:
        if name not in columns:
            raise BadInput(f"{manifest}: no column {name}; {nearest(name, columns)}")
    for name in OPTIONAL:
        slip = get_close_matches(name, columns, n=1, cutoff=0.75)
        if slip and name not in columns:
            raise BadInput(f'{manifest}: column "{slip[0]}": did you mean "{name}"? rename the column')


def _sample(root: Path, row: dict[str, str], where: str) -> Sample:
    file = Path(row["file"])
    if not row["file"] or file.is_absolute() or ".." in file.parts:
        raise BadInput(f'{where}: file "{row["file"]}": write the path of a clip below {root}')
    level = row.get("level", "").lower()
    if level and level not in _LEVELS:
        raise BadInput(f'{where}: level "{level}"; known: {", ".join(_LEVELS)}')
    return Sample(
        id=clip_id(file),
        video=root / file,
        audio=None,
        speaker=row["speaker"] or None,
        emotion=_emotion(row["emotion"].lower(), where),
        level=_LEVELS[level] if level else None,
        text=row.get("text") or None,
    )


def _emotion(word: str, where: str) -> str | None:
    known = _SAME_EMOTION.get(word, word)
    if known and known not in EMOTIONS:
        raise BadInput(f'{where}: emotion "{word}": {nearest(word, [*EMOTIONS, *_SAME_EMOTION])}')
    return known or None

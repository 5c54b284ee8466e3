"""AUs from OpenFace's CSV that a user puts beside each clip: same folder, same stem, `.csv`.

Baltrusaitis et al., OpenFace 2.0: Facial Behavior Analysis Toolkit, FG 2018. The file is FeatureExtraction's:
`AUxx_r` are intensities 0..5, `AUxx_c` presences 0 or 1, a row is a frame of the source. A clip's frame i is
the row whose timestamp is nearest to i/25 s. Rows that OpenFace failed on (`success` 0) have no face. Files
of several people (`face_id`) are refused: which of them is meant cannot be known.
"""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.types import FPS, Clip, Pair, Unscorable
from metrics.features.au import AUExtractor, Readings
from metrics.features.kept import Side

INTENSITIES = tuple(f"AU{n:02d}_r" for n in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45))
PRESENCES = tuple(f"AU{n:02d}_c" for n in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45))
TOP = 5.0
# Timestamps are written with three digits.
_ROUNDING = 2e-3

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


def openface_au() -> AUExtractor:
    """Return the reader of the CSVs; nothing is loaded, each clip's own file is."""
    return AUExtractor(
        label="OpenFace CSV",
        title="AU (OpenFace)",
        variant=f"{len(INTENSITIES)} AUs of 0..5 from the CSV beside each clip, rows nearest in time",
        paper="Baltrusaitis et al., OpenFace 2.0: Facial Behavior Analysis Toolkit, FG 2018",
        domain="any",
        units=_names(INTENSITIES),
        presence_units=_names(PRESENCES),
        presence_rule="presence as OpenFace's AUxx_c",
        top=TOP,
        read=_read,
    )


def read_csv(path: Path, frames: int) -> Readings:
    """Return the Readings of `frames` frames at 25 frames/s; Unscorable names the file and what it lacks."""
    wanted = ("timestamp", "success", *INTENSITIES, *PRESENCES)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file, skipinitialspace=True))
    except FileNotFoundError as error:
        raise Unscorable(f"no {path}: put OpenFace's CSV of this clip there") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Unscorable(f"{path}: cannot be read ({error})") from error
    header = [name.strip() for name in rows[0]] if rows else []
    missing = [name for name in wanted if name not in header]
    if missing:
        raise Unscorable(f"{path}: no column {missing[0]}; write it with OpenFace's FeatureExtraction -aus")
    if "face_id" in header and len({row[header.index("face_id")].strip() for row in rows[1:]}) > 1:
        raise Unscorable(f"{path}: several people (face_id); keep the rows of one")
    values = _numbers(rows[1:], [header.index(name) for name in wanted], path)
    return _at_25_fps(values, frames)


def _read(pair: Pair, side: Side) -> Readings:
    clip: Clip = pair.reference if side == "reference" else pair.generated
    if clip.path is None:
        raise Unscorable(f"the {side} clip has no file of its own that an OpenFace CSV could lie beside")
    return read_csv(clip.path.with_suffix(".csv"), len(clip.frames))


def _numbers(rows: list[list[str]], columns: list[int], path: Path) -> Float64:
    """Return the columns of all rows in order of time; Unscorable without rows or where one is no number."""
    try:
        values = np.array([[float(row[column]) for column in columns] for row in rows if row], np.float64)
    except (ValueError, IndexError) as error:
        raise Unscorable(f"{path}: a row is cut off or no number ({error}); run OpenFace again") from error
    if not len(values) or not np.isfinite(values).all():
        raise Unscorable(f"{path}: no rows, or a value that is no number; run OpenFace again")
    return values[np.argsort(values[:, 0], kind="stable")]


def _at_25_fps(values: Float64, frames: int) -> Readings:
    times, success = values[:, 0], values[:, 1] == 1
    due = np.arange(frames) / FPS
    after = np.clip(np.searchsorted(times, due), 1, max(1, len(times) - 1))
    before = after - 1
    after = np.minimum(after, len(times) - 1)
    chosen = np.where(due - times[before] <= times[after] - due, before, after)
    # Beyond the file's last row the clip goes on unseen.
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1 / FPS
    seen = success[chosen] & (np.abs(times[chosen] - due) <= max(step, 1 / FPS) / 2 + _ROUNDING)
    found = np.where(seen[:, None], values[chosen, 2:], np.nan).astype(np.float32)
    return Readings(found[:, : len(INTENSITIES)], found[:, len(INTENSITIES) :])


def _names(columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"AU{int(column[2:4])}" for column in columns)

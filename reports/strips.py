"""Frame strips: the same moments of a clip in ground truth, each method's best trial and the still picture.

Only the pictures are made here, one PNG a clip; its rows are labelled by the page, in text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.media import frames_25fps
from harness.types import FPS, BadInput, Frames
from reports.load import Run
from reports.rank import Board, Row

_CLIPS = 4
_COLUMNS = 8
# A row this high is sharp on a page; larger faces are scaled down.
_LARGEST_SIDE = 160
# Where a row has no clip: a grey that is no colour of a face, on either background.
_ABSENT = 128


@dataclass(frozen=True)
class Strip:
    """One picture: `image` is relative to the run, `labels` name its rows, `seconds` its columns.

    `reference` is the picture that the methods were given, relative to the run, None where it is not kept.
    """

    clip: str
    speaker: str
    emotion: str
    image: str
    labels: tuple[tuple[Row, bool], ...]
    seconds: tuple[float, ...]
    reference: str | None
    width: int
    height: int


def write_strips(run: Run, board: Board) -> list[Strip]:
    """Write strips/<clip>.png for a few clips of different emotions and say what is in them."""
    rows = [r for r in (board.real, *board.best_trials(), board.control("still")) if r is not None]
    strips = [_strip(run, rows, clip) for clip in _chosen(run, rows[0])] if rows else []
    return [s for s in strips if s is not None]


def _chosen(run: Run, shown: Row) -> list[str]:
    """Return one clip per emotion, of as many speakers as there are, among those that were written."""
    chosen: list[str] = []
    speakers: set[str] = set()
    have = [
        (clip, speaker, emotion)
        for clip, speaker, emotion in run.clips[["clip", "speaker", "emotion"]].itertuples(index=False)
        if run.clip_file(*shown.key, clip).is_file()
    ]
    for emotion in dict.fromkeys(e for _, _, e in have):
        of_emotion = [(c, s) for c, s, e in have if e == emotion]
        clip, speaker = next(((c, s) for c, s in of_emotion if s not in speakers), of_emotion[0])
        chosen.append(clip)
        speakers.add(speaker)
        if len(chosen) == _CLIPS:
            break
    return chosen


def _strip(run: Run, rows: Sequence[Row], clip: str) -> Strip | None:
    decoded = [_frames(run.clip_file(*row.key, clip)) for row in rows]
    present = [frames for frames in decoded if frames is not None]
    if not present:
        return None
    height, width = present[0].shape[1:3]
    moments = np.linspace(0, min(len(f) for f in present) - 1, _COLUMNS).round().astype(int)
    scale = min(1.0, _LARGEST_SIDE / height)
    size = (round(width * scale), round(height * scale))
    picture = np.concatenate([_row(frames, moments, size) for frames in decoded])
    path = run.folder / "strips" / f"{clip}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, optimize=False)
    reference = run.folder / "clips" / "_references" / f"{clip}.png"
    labels = run.clips[run.clips["clip"] == clip].iloc[0]
    return Strip(
        clip,
        labels["speaker"],
        labels["emotion"],
        path.relative_to(run.folder).as_posix(),
        tuple((row, frames is not None) for row, frames in zip(rows, decoded, strict=True)),
        tuple(float(m) / FPS for m in moments),
        reference.relative_to(run.folder).as_posix() if reference.is_file() else None,
        picture.shape[1],
        picture.shape[0],
    )


def _frames(path: Path) -> Frames | None:
    """Return a clip's frames, None where a failed trial left no readable clip: the page says so."""
    try:
        return np.stack(list(frames_25fps(path)))
    except BadInput:
        return None


def _row(frames: Frames | None, moments: NDArray[np.int_], size: tuple[int, int]) -> Frames:
    if frames is None:
        return np.full((size[1], size[0] * len(moments), 3), _ABSENT, np.uint8)
    pictures = [
        np.asarray(Image.fromarray(frames[m]).resize(size, Image.Resampling.LANCZOS)) for m in moments
    ]
    return np.concatenate(pictures, axis=1)

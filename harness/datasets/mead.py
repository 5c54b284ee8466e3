"""MEAD (Wang et al., ECCV 2020), as released and as the flat copy that many work with.

Released: {actor}/video/{view}/{emotion}/level_{1,2,3}/NNN.mp4, and the sound, where it is unpacked, in
{actor}/audio/{emotion}/level_N/NNN.m4a. Flat: {actor}#{emotion}#level_N#NNN.mp4, whose view is not known.
Clip ids are M003_front_angry_level_1_001 and M003_angry_level_1_001. One view is read at a time, because the
seven show the same performance: `mead` is the front, `mead:left_30` another. Neutral clips stand in level_1,
but have no intensity: their level is None.

The same number is another sentence in another emotion, and no list of them is part of the corpus, so clips
have no text. The authors' test rule (of every actor, the last ten neutral clips and the last six of every
other emotion and level) trains and tests on the same people, so it is not offered as a split.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.catalog import nearest
from harness.datasets import Found, unread
from harness.types import EMOTIONS as VOCABULARY
from harness.types import BadInput, Sample

VIEWS = ("front", "left_30", "left_60", "right_30", "right_60", "top", "down")
EMOTIONS = {
    "angry": "angry",
    "contempt": "contempt",
    "disgusted": "disgust",
    "fear": "fear",
    "happy": "happy",
    "neutral": "neutral",
    "sad": "sad",
    "surprised": "surprise",
}
LEVELS = {"level_1": "low", "level_2": "medium", "level_3": "high"}
INCOMPLETE = {
    "M011": "emotions and views are missing",
    "M019": "emotions and views are missing",
    "W017": "every view but down is missing",
}
"""Actors whose published parts are not whole (uniBruce/Mead issue 9)."""

_ACTOR = "[MW][0-9][0-9][0-9]"


@dataclass(frozen=True, slots=True)
class _Clip:
    video: Path
    actor: str
    emotion: str
    level: str
    number: str
    view: str | None = None

    @property
    def id(self) -> str:
        parts = (self.actor, self.view, self.emotion, self.level, self.number)
        return "_".join(p for p in parts if p is not None)

    @property
    def audio(self) -> Path | None:
        """The sound file beside the folder layout's views; None where there is none."""
        if self.view is None:
            return None
        folder = self.video.parents[4] / "audio" / self.emotion / self.level
        file = folder / f"{self.number}.m4a"
        return file if file.exists() else None


def read(root: Path, view: str = "front") -> Found:
    """Return the clips of one view, and those of a flat folder. Raises BadInput for a view MEAD has not."""
    if view not in VIEWS:
        raise BadInput(f'data.reader: "mead:{view}": {nearest(view, list(VIEWS))}')
    samples: dict[str, Sample] = {}
    unusable: dict[str, str] = {}
    clips = [*_in_folders(root, view), *_flat(root)]
    for clip in clips:
        reason = _unusable(clip)
        if reason is None:
            samples[clip.id] = _sample(clip)
        else:
            unusable[clip.id] = reason
    actors = {clip.actor for clip in clips} | {a for a in INCOMPLETE if (root / a).is_dir()}
    notes = [f"{a}: incomplete as published: {why}" for a, why in INCOMPLETE.items() if a in actors]
    return Found(tuple(samples[i] for i in sorted(samples)), unusable, VOCABULARY, tuple(notes), ("mead",))


def _in_folders(root: Path, view: str) -> Iterator[_Clip]:
    for video in sorted(root.glob(f"{_ACTOR}/video/{view}/*/*/[!.]*.mp4")):
        actor, _, _, emotion, level, _ = video.relative_to(root).parts
        yield _Clip(video, actor, emotion, level, video.stem, view)


def _flat(root: Path) -> Iterator[_Clip]:
    for video in sorted(root.glob(f"{_ACTOR}#*.mp4")):
        actor, emotion, level, number = [*video.stem.split("#", 3), "", ""][:4]
        yield _Clip(video, actor, emotion, level, number)


def _unusable(clip: _Clip) -> str | None:
    if clip.emotion not in EMOTIONS or clip.level not in LEVELS:
        return (
            f'{clip.video}: emotion "{clip.emotion}", level "{clip.level}": MEAD has the emotions '
            f"{', '.join(EMOTIONS)} and the levels {', '.join(LEVELS)}"
        )
    if clip.emotion == "neutral" and clip.level != "level_1":
        return f"{clip.video}: neutral at {clip.level}: MEAD has neutral clips at level_1 only"
    return unread(clip.video) or (unread(clip.audio) if clip.audio is not None else None)


def _sample(clip: _Clip) -> Sample:
    return Sample(
        id=clip.id,
        video=clip.video,
        audio=clip.audio,
        speaker=clip.actor,
        emotion=EMOTIONS[clip.emotion],
        level=None if clip.emotion == "neutral" else LEVELS[clip.level],
        view=clip.view,
    )

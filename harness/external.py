"""The method `external`: clips that were made elsewhere, by anything, enter a leaderboard as they are.

    methods:
      - name: external
        label: wav2lip                   # what the row is called
        config: {clips: /data/wav2lip, paper: "Prajwal et al., ACM MM 2020", trained_against: [sync]}

The folder holds one clip a tested clip, under its id (`python -m harness.data requests` writes what to make
them from). Files are measured as they are: an mp4 is copied byte for byte, and any other container encoded as
every method's frames are. A clip that is missing or cannot be read is an unscored row with its reason; files
that belong to no tested clip are named in the report's warnings. Not done: cropping and resizing; a clip of
another size than its reference is not scored, and says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, field_validator

from harness import media
from harness.catalog import nearest
from harness.config import Sweep
from harness.contracts import MethodCard, Untrained
from harness.datasets import folder
from harness.types import BadInput, Clip, Request, Unscorable

NAME = "external"
_LISTED = 8


class Folder(BaseModel):
    """Where the clips are, and what is known of the method that made them.

    clips: the folder. title, paper, conditions, licence, note: shown on its card. trained_against: metric
    families (sync, emotion, perceptual, au, inception) whose judge is a relative of a network in its losses;
    left out, the report says that it is not known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    clips: Path
    title: str = "clips as given"
    paper: str = ""
    conditions: tuple[str, ...] = ()
    trained_against: tuple[str, ...] | None = None
    licence: str = "unknown"
    note: str = ""

    @field_validator("clips")
    @classmethod
    def _whole(cls, clips: Path) -> Path:
        return clips.absolute()  # a worker may stand elsewhere


class External(Untrained):
    """Answers each request with the file of its name."""

    card: ClassVar[MethodCard] = MethodCard(
        NAME, "clips as given", "", (), None, licence="unknown", trains=False
    )
    Config: ClassVar[type[BaseModel]] = Folder

    def __init__(self, config: Folder) -> None:
        """Find the clips. Raises BadInput where two files are of one name."""
        super().__init__(config)
        self._clips = folder.clips_below(config.clips)

    def show(self, request: Request) -> Clip:
        """Return the clip as it was decoded, with its path. Raises Unscorable where there is none."""
        if request.id not in self._clips:
            raise Unscorable(f"{self.config.clips} has no clip {request.id}")
        path = self._clips[request.id]
        return replace(media.read_clip(path), path=path)


def check(sweep: Sweep) -> None:
    """Raise BadInput where a sweep's folder of clips is not there, is empty or has two files of one name."""
    for entry in sweep.methods:
        if entry.name != NAME:
            continue
        where = Folder.model_validate(entry.config).clips
        if not where.is_dir():
            raise BadInput(
                f"{entry.title}: config.clips: {where} is not a folder; give the one with the clips"
            )
        if not folder.clips_below(where):
            raise BadInput(
                f"{entry.title}: config.clips: no video file in {where} ({', '.join(folder.SUFFIXES)})"
            )


def card_of(config: Mapping[str, Any]) -> MethodCard:
    """Return the card of clips from elsewhere, as far as their config tells of them."""
    known = Folder.model_validate(dict(config))
    told = known.model_dump(exclude={"clips"})
    return replace(External.card, **told)


def remarks(title: str, config: Mapping[str, Any], tested: Iterable[str]) -> list[str]:
    """Return what a reader must know of the folder: clips that it lacks and files that belong to no clip.

    Raises BadInput where not one of the tested clips is there, which is a wrong folder or wrong names.
    """
    where = Folder.model_validate(dict(config)).clips
    there, wanted = set(folder.clips_below(where)), set(tested)
    if not there & wanted:
        first = sorted(wanted)[0]
        raise BadInput(
            f"{title}: {where} holds none of the {len(wanted)} tested clips; it holds "
            f"{sorted(there)[0]}, ..., and {first}, ... are wanted: {nearest(first, sorted(there)[:3])}; "
            "python -m harness.data requests lists the names"
        )
    lacking, extra = sorted(wanted - there), sorted(there - wanted)
    found = []
    if lacking:
        found.append(
            f"{title}: {len(lacking)} of {len(wanted)} tested clips are not in its folder, so they are not "
            f"scored: {_listing(lacking)}"
        )
    if extra:
        found.append(f"{title}: {len(extra)} files of its folder belong to no tested clip: {_listing(extra)}")
    return found


def _listing(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


METHOD = External

"""Corpora: one file each, every one offers `read(root) -> Found`.

A reader looks at names, sizes and tables, and at most at a file's header; what only decoding shows (a stream
that breaks off, no face, sound of another length than the picture) is found when a clip is prepared.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from harness.catalog import nearest
from harness.types import EMOTIONS, BadInput, Sample

READERS = {
    "synthetic": "crema_d",
    "crema_d": "crema_d",
    "mead": "mead",
    "hdtf": "hdtf",
    "folder": "folder",
    "prepared": "prepared",
}
"""The embedded corpus has CREMA-D's layout, so one reader reads both."""

LOOKED_FOR = {
    "synthetic": "VideoFlash/*.mp4, as `python -m harness.data synth` writes them",
    "crema_d": "VideoFlash/*.flv or *.mp4",
    "mead": "M003/video/front/angry/level_1/001.mp4 (reader mead:left_30 for another view) or "
    "M003#angry#level_1#001.mp4",
    "hdtf": "RD_annotion_time.txt and the like, there or in HDTF_dataset, and videos of the names they list",
    "folder": "a manifest.csv with rows, or video files",
    "prepared": "prepared.json, index.parquet and shards, as `python -m harness.data prepare` writes them",
}

_LFS_HEADER = b"version https://git-lfs"


@dataclass(frozen=True, slots=True)
class Found:
    """What a reader found.

    samples: sorted by id. unusable: the files it cannot use, with their reasons. emotions: the mask of the
    vocabulary, those of EMOTIONS that the corpus labels at all; () where it labels none. notes: what a user
    must know of the corpus as a whole, which makes no clip unusable. population: whose names the speakers'
    are; two corpora of one population show the same people where the names are the same; () where unknown.
    """

    samples: tuple[Sample, ...]
    unusable: dict[str, str]
    emotions: tuple[str, ...] = EMOTIONS
    notes: tuple[str, ...] = ()
    population: tuple[str, ...] = ()


def read(reader: str, root: Path) -> Found:
    """Read a corpus. `reader` is a name of READERS; `mead:left_30` is the corpus mead, seen from left_30.

    Raises BadInput when the reader, the view or the folder does not exist, or nothing is in the folder.
    """
    name, _, view = reader.partition(":")
    if name not in READERS:
        raise BadInput(f'data.reader: no reader "{name}": {nearest(name, list(READERS))}')
    if view and name != "mead":
        raise BadInput(f'data.reader: "{reader}": {name} has one view only; write {name}')
    if not root.is_dir():
        raise BadInput(f"data.root: {root} is not a folder")
    module = import_module(f"harness.datasets.{READERS[name]}")
    found: Found = module.read(root, view) if view else module.read(root)
    if not found.samples and not found.unusable:
        raise BadInput(
            f"data.root: {root} holds no clip for the reader {reader}, which looks for {LOOKED_FOR[name]}"
        )
    return found


def unread(file: Path) -> str | None:
    """Return why a file holds nothing: it is empty, forbidden or a git-lfs pointer; None where it may."""
    try:
        with file.open("rb") as source:
            head = source.read(len(_LFS_HEADER))
    except OSError as error:
        return f"{file}: cannot be opened ({error.strerror})"
    if not head:
        return f"{file}: empty, 0 bytes; fetch it again"
    if head == _LFS_HEADER:
        return f"{file}: a git-lfs pointer, not the file itself; run `git lfs pull` in the corpus"
    return None

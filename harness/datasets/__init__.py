"""Corpora: one file each, every one offers `read(root) -> Found`."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from harness.catalog import nearest
from harness.types import BadInput, Sample

READERS = {"synthetic": "crema_d", "crema_d": "crema_d", "folder": "folder"}
"""The embedded corpus has CREMA-D's layout, so one reader reads both."""

LOOKED_FOR = {
    "synthetic": "VideoFlash/*.mp4, as `python -m harness.data synth` writes them",
    "crema_d": "VideoFlash/*.flv or *.mp4",
    "folder": "a manifest.csv with rows, or video files",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What a reader found: samples sorted by id, and the files it cannot use, with their reasons."""

    samples: tuple[Sample, ...]
    unusable: dict[str, str]


def read(reader: str, root: Path) -> Found:
    """Read a corpus. Raises BadInput when the reader, the folder or anything in it is missing."""
    if reader not in READERS:
        raise BadInput(f'data.reader: no reader "{reader}": {nearest(reader, list(READERS))}')
    if not root.is_dir():
        raise BadInput(f"data.root: {root} is not a folder")
    found: Found = import_module(f"harness.datasets.{READERS[reader]}").read(root)
    if not found.samples and not found.unusable:
        raise BadInput(
            f"data.root: {root} is empty for the reader {reader}, which looks for {LOOKED_FOR[reader]}"
        )
    return found

"""A corpus that `python -m harness.data prepare` has made: its clips are shards' samples, used as they lie.

`Sample.video` is the clip's address in its shard (`harness.prepared.tars`), which `prepare.load` reads.
"""

import json
from pathlib import Path
from typing import Any, get_args

from harness.datasets import Found
from harness.prepared import index, tars
from harness.prepared.index import Row
from harness.types import BadInput, Sample, Split

ABOUT = "prepared.json"


def read(root: Path) -> Found:
    """Return the clips of a finished preparation, with its reasons for those that cannot be used."""
    known = about(root)
    with (root / index.NAME).open("rb") as file:
        rows = index.read(file, str(root / index.NAME))
    for shard in sorted({row.shard for row in rows if row.shard}):
        if not (root / shard).is_file():
            raise BadInput(f"{root / shard}: a shard of the index that is not there; copy it again")
    return Found(
        samples=tuple(_sample(root, row) for row in rows if row.shard is not None),
        unusable={row.id: row.reason or "" for row in rows if row.shard is None},
        emotions=tuple(known["emotions"]),
        notes=tuple(known["notes"]),
        population=tuple(known["population"]),
    )


def about(root: Path) -> dict[str, Any]:
    """Return how a corpus was prepared: reader, size, faces. Raises BadInput where `root` is not finished."""
    if not (root / ABOUT).is_file():
        raise BadInput(f"{root}: no {ABOUT} in it; make one with `python -m harness.data prepare`")
    if not (root / index.NAME).is_file():
        raise BadInput(f"{root}: a preparation that was stopped; go on with it by --resume")
    try:
        known: dict[str, Any] = json.loads((root / ABOUT).read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"{root / ABOUT}: not JSON ({error}); prepare the corpus again") from error
    return known


def _sample(root: Path, row: Row) -> Sample:
    return Sample(
        id=row.id,
        video=tars.address(root / str(row.shard), row.offset or 0, str(row.digest)),
        audio=None,
        speaker=row.speaker,
        emotion=row.emotion,
        level=row.level,
        text=row.text,
        split=next(s for s in get_args(Split) if s == row.split),
        votes=row.votes,
        view=row.view,
    )

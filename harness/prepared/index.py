"""The Parquet table beside the shards: one row a clip of the corpus, sorted by id, the unusable ones too."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.types import BadInput, Sample

NAME = "index.parquet"

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("shard", pa.string()),
        pa.field("offset", pa.int64()),
        pa.field("bytes", pa.int64()),
        pa.field("digest", pa.string()),
        pa.field("frames", pa.int64()),
        pa.field("size", pa.int32()),
        pa.field("sound", pa.bool_()),
        pa.field("speaker", pa.string()),
        pa.field("emotion", pa.string()),
        pa.field("level", pa.string()),
        pa.field("text", pa.string()),
        pa.field("split", pa.string()),
        pa.field("votes", pa.map_(pa.string(), pa.float64())),
        pa.field("view", pa.string()),
        pa.field("cut", pa.list_(pa.float64())),
        pa.field("box", pa.list_(pa.int64())),
        pa.field("reason", pa.string()),
        pa.field("stamp", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class Row:
    """One clip. `shard` is None, and `reason` says why, for one that cannot be used.

    offset, bytes, digest: where the sample lies in its shard, and the SHA-256 of its bytes (20 hex digits).
    frames: at 25 frames/s, of (size, size) pixels. sound: whether it has any. The labels are `Sample`'s.
    stamp: what the clip was made of: labels, sizes and modification times of its files.
    """

    id: str
    stamp: str
    shard: str | None = None
    offset: int | None = None
    bytes: int | None = None
    digest: str | None = None
    frames: int | None = None
    size: int | None = None
    sound: bool | None = None
    speaker: str | None = None
    emotion: str | None = None
    level: str | None = None
    text: str | None = None
    split: str | None = None
    votes: Mapping[str, float] | None = None
    view: str | None = None
    cut: Sequence[float] | None = None
    box: Sequence[int] | None = None
    reason: str | None = None

    def labelled(self, sample: Sample) -> "Row":
        """Return the row with a sample's labels."""
        own = {f.name for f in fields(self)}
        return replace(self, **{f.name: getattr(sample, f.name) for f in fields(sample) if f.name in own})


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write rows; equal rows give equal bytes."""
    table = pa.Table.from_pylist([asdict(row) for row in rows], SCHEMA)
    pq.write_table(table, path, compression="zstd")


def read(source: IO[bytes], where: str) -> list[Row]:
    """Read rows. Raises BadInput, naming `where`, when they are none."""
    try:
        found = pq.read_table(source).select(SCHEMA.names).to_pylist()
    except (pa.ArrowException, OSError, KeyError) as error:
        raise BadInput(f"{where}: not the index of prepared shards ({error})") from error
    return [_row(values) for values in found]


def _row(values: dict[str, Any]) -> Row:
    votes = values["votes"]
    return Row(**{**values, "votes": None if votes is None else dict(votes)})

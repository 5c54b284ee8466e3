"""From prepared clips to shards of bounded size: which clip stands where is a function of the sorted ids."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, cast

from harness import prepare
from harness.faults import writing
from harness.prepared import index, tars
from harness.prepared.index import Row
from harness.prepared.place import Place
from harness.store import write_whole
from harness.types import Sample


@dataclass(frozen=True, slots=True)
class Piece:
    """What became of one clip of the corpus: its own tar, or the reason why there is none."""

    sample: Sample
    stamp: str
    path: Path | None
    reason: str | None

    @property
    def size(self) -> int:
        """The bytes that it takes of a shard, but for its labels."""
        return 0 if self.path is None else self.path.stat().st_size


def filled(pieces: Sequence[Piece], limit: int) -> tuple[list[list[Piece]], list[Piece]]:
    """Return the shards that are full, and the pieces left over, which later ones may join.

    A shard takes clips in order until the next would make it larger than `limit` bytes; a clip that is larger
    by itself has a shard of its own.
    """
    shards: list[list[Piece]] = []
    current: list[Piece] = []
    taken = 0
    for piece in pieces:
        size = piece.size
        if taken and size and taken + size > limit:
            shards.append(current)
            current, taken = [], 0
        current.append(piece)
        taken += size
    return shards, current


def shard_name(number: int) -> str:
    """Return the name of a shard."""
    return f"shard-{number:05d}.tar"


def rows_name(number: int) -> str:
    """Return the name of a shard's rows, which lie beside it until the index is written."""
    return f"shard-{number:05d}.parquet"


@dataclass(frozen=True, slots=True)
class Pack:
    """Writes shards into a place; an item is (number, pieces), its value the rows of all its pieces.

    The rows are put there after the shard: where they are, it is complete.
    """

    place: Place

    def open(self) -> Callable[[tuple[int, Sequence[Piece]]], list[Row]]:
        """See Job."""
        return lambda item: self._one(*item)

    def _one(self, number: int, pieces: Sequence[Piece]) -> list[Row]:
        made = self.place.staging / shard_name(number)
        rows: list[Row] = []

        def join(private: Path) -> None:
            with private.open("wb") as shard:
                rows.extend(_row(piece, shard, made.name) for piece in pieces)
                shard.write(tars.END)

        beside = self.place.staging / rows_name(number)
        with writing(self.place.url):
            write_whole(made, join)
            index.write(beside, rows)
        self.place.put(made, made.name)
        self.place.put(beside, beside.name)
        for piece in pieces:
            if piece.path is not None:
                piece.path.unlink()
        return rows


def _row(piece: Piece, shard: IO[bytes], name: str) -> Row:
    row = Row(piece.sample.id, piece.stamp, reason=piece.reason).labelled(piece.sample)
    if piece.path is None:
        return row
    about = prepare.describe(piece.path)
    told = json.dumps({**about, **labels(piece.sample)}, sort_keys=True, ensure_ascii=False)
    offset, hashed = shard.tell(), _Hashed(shard)
    tars.join(cast(IO[bytes], hashed), piece.path, piece.sample.id, told.encode())
    return replace(
        row,
        shard=name,
        offset=offset,
        bytes=shard.tell() - offset,
        digest=hashed.digest.hexdigest()[:20],
        frames=about["frames"],
        size=about["size"],
        sound=about["sound"],
    )


def labels(sample: Sample) -> dict[str, Any]:
    """Return what a corpus says of a clip, as plain JSON values."""
    return {name: value for name, value in asdict(sample).items() if name not in ("video", "audio", "truth")}


class _Hashed:
    """Writes on, and keeps the digest of what was written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def write(self, part: bytes) -> int:
        """Write and hash."""
        self.digest.update(part)
        return self._file.write(part)

"""Files of an object store (by fsspec URL: s3://, gs://), copied here once and then used as local ones.

A pretrained file goes into this machine's cache when a process first wants it, on every machine that does.
Prepared shards go into the run's store, which all nodes see. Both are checked: files of weights by the table
(`harness.weights`), shards clip by clip by the digests in their index. A run's own folder is no URL: SQLite,
locks, appends and renames need a filesystem (`harness.record.run_folder`).
"""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

from harness.prepared.place import Place
from harness.store import Store, write_whole
from harness.types import BadInput

_URL = re.compile(r"[a-z][a-z0-9+.-]*://.")


def is_url(place: object) -> bool:
    """Whether a place is written as a URL."""
    return isinstance(place, str) and _URL.match(place) is not None


def reach(url: str) -> None:
    """Raise BadInput where a place cannot be reached, or nothing lies there."""
    if not Place(url).names():
        raise BadInput(f"{url}: nothing lies there; is the URL right, and may it be listed?")


def copied(url: str, name: str, folder: Path) -> Path | None:
    """Return a file of `url` in `folder`, copied there if it is not yet; None where there is none.

    Raises BadInput where the place cannot be reached.
    """
    target, place = folder / name, Place(url)
    if target.exists():
        return target
    if name not in place.names():
        return None

    def build(private: Path) -> None:
        with place.open(name) as source, private.open("wb") as made:
            shutil.copyfileobj(source, made, 1 << 20)

    write_whole(target, build)
    return target


def prepared(url: str, store: Store) -> Path:
    """Return a folder with the shards of `url`, copied there where they are not; one for each content.

    Raises BadInput where the place cannot be reached, or where a clip is not what the index says.
    """
    from harness.datasets.prepared import ABOUT
    from harness.prepared import index  # the table's library is slow to import

    place = Place(url)
    described = about(url)
    with place.open(index.NAME) as file:
        table = file.read()
    folder = store.path("mirrors", [described, hashlib.sha256(table).hexdigest()])

    def build(private: Path) -> None:
        private.mkdir()
        (private / ABOUT).write_text(json.dumps(described), encoding="utf-8")
        (private / index.NAME).write_bytes(table)
        with (private / index.NAME).open("rb") as file:
            rows = index.read(file, f"{url}/{index.NAME}")
        for shard in sorted({row.shard for row in rows if row.shard}):
            if copied(url, shard, private) is None:
                raise BadInput(f"{url}/{shard}: a shard of the index that is not there; copy it again")
            _check(private / shard, [row for row in rows if row.shard == shard], url)

    return store.make(folder, build)


def about(url: str) -> dict[str, Any]:
    """Return how the corpus at a URL was prepared. Raises BadInput where there is none that is finished."""
    from harness.datasets.prepared import ABOUT
    from harness.prepared import index

    place = Place(url)
    there = place.names()
    if ABOUT not in there:
        raise BadInput(f"{url}: no {ABOUT} in it; make one with `python -m harness.data prepare --out {url}`")
    if index.NAME not in there:
        raise BadInput(f"{url}: a preparation that was stopped; go on with it by --resume")
    described: dict[str, Any] = place.read_json(ABOUT)
    return described


def _check(shard: Path, rows: list[Any], url: str) -> None:
    """Raise BadInput where a clip's bytes in a copied shard are not those that the index names."""
    with shard.open("rb") as file:
        for row in rows:
            file.seek(row.offset)
            found = hashlib.sha256(file.read(row.bytes)).hexdigest()[: len(row.digest)]
            if found != row.digest:
                raise BadInput(
                    f"{url}/{shard.name}: clip {row.id} is not what {url} says (SHA-256 {row.digest}, found "
                    f"{found}); copy the shards there again"
                )

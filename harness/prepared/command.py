"""A corpus prepared once, into shards: what `python -m harness.data prepare` does.

The output is a function of the footage, the policy and the size: the same bytes whatever the number of
workers and however often it was killed and resumed. Its files:

    prepared.json      what was asked: reader, face policy, size, the code's version
    shard-00000.tar    WebDataset samples (`harness.prepared`), at most 256 MB unless one clip is larger
    index.parquet      a row a clip (`index.Row`), written last: where it is, all is done
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness import datasets, faces, prepare
from harness.datasets.prepared import ABOUT
from harness.jobs import Executor
from harness.prepared import index, packing
from harness.prepared.index import Row
from harness.prepared.packing import Pack, Piece
from harness.prepared.place import Place
from harness.store import Store, code_version, digest
from harness.types import FPS, BadInput, Sample
from harness.weights import Weights
from harness.work import Prepare

SHARD_BYTES = 256 * 10**6
_CLIPS_AT_ONCE = 256
"""Clips that wait beside the shards at most, beyond those of one shard: they need room twice for a while."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a preparation was asked for. out: a folder or an fsspec URL."""

    reader: str
    root: Path
    out: str
    size: int
    faces: str
    weights: Weights
    resume: bool = False
    shard_bytes: int = SHARD_BYTES

    def about(self) -> dict[str, Any]:
        """Return what the shards depend on beside the footage, as plain JSON values."""
        policy = asdict(faces.policy(self.faces))
        return {
            "reader": self.reader,
            "size": self.size,
            "faces": policy,
            "fps": FPS,
            "shard_bytes": self.shard_bytes,
            "code": code_version(*prepare.CODE),
        }


class Preparation:
    """One preparation: the corpus as read, and how far its output is. Nothing is written before `run`.

    Raises BadInput when the corpus cannot be read, when `out` holds anything else, a preparation of other
    footage or another policy, or one that was stopped, without `resume`.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked, self.place = asked, Place(asked.out)
        if asked.reader == "prepared":
            raise BadInput(f"{asked.root} is prepared already; NAME is the corpus's own reader")
        found = datasets.read(asked.reader, asked.root)
        self.samples = sorted(found.samples, key=lambda sample: sample.id)
        self.refused = found.unusable
        self.corpus = {
            "emotions": found.emotions,
            "notes": found.notes,
            "population": found.population,
        }
        self.stamps = {s.id: _stamp(s) for s in found.samples} | dict.fromkeys(found.unusable, "")
        there = self.place.names()
        self.begun = ABOUT in there
        self.rows: list[Row] | None = None
        if self.begun:
            self._check_same()
        elif [name for name in there if not name.startswith(".")]:
            raise BadInput(f"--out {asked.out} holds files that are no prepared corpus; give another folder")
        if index.NAME in there:
            self.rows = self._finished()
        elif self.begun and not asked.resume:
            raise BadInput(f"--out {asked.out}: a preparation was stopped there; go on with it by --resume")

    def run(self, pool: Executor) -> list[Row]:
        """Prepare what is missing; return the rows of the whole index."""
        self.place.begin()
        with self._alone():
            if not self.begun:
                made = self.place.staging / ABOUT
                about = {**self.asked.about(), **self.corpus}
                made.write_text(json.dumps(about, indent=1, sort_keys=True), encoding="utf-8")
                self.place.put(made, ABOUT)
            rows = self._shards(pool)
            rows += [Row(clip, "", reason=reason) for clip, reason in self.refused.items()]
            rows.sort(key=lambda row: row.id)
            made = self.place.staging / index.NAME
            index.write(made, rows)
            self.place.put(made, index.NAME)
            self.rows = rows
        self.tidy()
        return rows

    def tidy(self) -> None:
        """Remove what only a stopped preparation needs."""
        for name in self.place.names():
            if name.startswith("shard-") and name.endswith(".parquet"):
                self.place.remove(name)
        self.place.tidy()

    def _shards(self, pool: Executor) -> list[Row]:
        packs = self._packed()
        rows = [row for pack in packs for row in pack]
        count, last = len(packs), rows[-1].id if rows else ""
        todo = [s for s in self.samples if s.id > last]
        job = Prepare(
            faces.policy(self.asked.faces), self.asked.size, Store(self.place.staging), self.asked.weights
        )
        waiting: list[Piece] = []
        for start in range(0, len(todo), _CLIPS_AT_ONCE):
            chosen = todo[start : start + _CLIPS_AT_ONCE]
            where = len(self.samples) - len(todo) + start
            label = f"{self.asked.reader}: preparing clips {where + 1} to {where + len(chosen)}"
            outcomes = pool.map(job, chosen, f"{label} of {len(self.samples)}")
            waiting += [
                Piece(s, self.stamps[s.id], o.value, o.reason) for s, o in zip(chosen, outcomes, strict=True)
            ]
            full, waiting = packing.filled(waiting, self.asked.shard_bytes)
            if start + _CLIPS_AT_ONCE >= len(todo) and any(piece.path for piece in waiting):
                full, waiting = [*full, waiting], []
            rows += self._pack(pool, full, count)
            count += len(full)
        return rows + [Row(p.sample.id, p.stamp, reason=p.reason).labelled(p.sample) for p in waiting]

    def _pack(self, pool: Executor, full: Sequence[Sequence[Piece]], first: int) -> list[Row]:
        outcomes = pool.map(Pack(self.place), list(enumerate(full, start=first)), "writing shards")
        if broken := [o.reason for o in outcomes if o.reason]:
            raise BadInput(f"{self.place.url}: a shard could not be written: {broken[0]}")
        return [row for o in outcomes if o.value is not None for row in o.value]

    def _packed(self) -> list[list[Row]]:
        """Return the rows of each shard that a stopped preparation has finished."""
        there = set(self.place.names())
        packs: list[list[Row]] = []
        while (name := packing.rows_name(len(packs))) in there:
            packs.append(self._read(name))
            self._check_unchanged({row.id: row.stamp for row in packs[-1]})
        return packs

    def _finished(self) -> list[Row]:
        rows = self._read(index.NAME)
        stamps = {row.id: row.stamp for row in rows}
        self._check_unchanged(stamps)
        if new := sorted(self.stamps.keys() - stamps):
            raise BadInput(f"{self._elsewhere()} {len(new)} clips came to it since, the first: {new[0]}")
        return rows

    def _read(self, name: str) -> list[Row]:
        with self.place.open(name) as file:
            return index.read(file, f"{self.place.url}: {name}")

    def _check_same(self) -> None:
        before, now = self.place.read_json(ABOUT), json.loads(json.dumps(self.asked.about()))
        for key, value in now.items():
            if before.get(key) != value:
                raise BadInput(f"{self._elsewhere()} {key}: there {before.get(key)}, asked {value}")

    def _check_unchanged(self, recorded: dict[str, str]) -> None:
        changed = [clip for clip, stamp in recorded.items() if self.stamps.get(clip) != stamp]
        if changed:
            what = f"{len(changed)} clips changed or went since"
            raise BadInput(f"{self._elsewhere()} {what}, the first: {changed[0]}")

    def _elsewhere(self) -> str:
        return f"--out {self.asked.out} was prepared from another corpus or otherwise; give another folder:"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.place.staging / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BadInput(f"--out {self.asked.out}: another run is writing there") from error
            yield


def _stamp(sample: Sample) -> str:
    """Return a digest of a clip's labels and its files' sizes and times: no footage is read for it."""
    files = prepare.source_files(sample)
    stats = [(p.name, s.st_size, s.st_mtime_ns) for p in files for s in [os.stat(p)]]
    return digest([packing.labels(sample), stats])


def summary(out: str, rows: Sequence[Row]) -> str:
    """Return what an output holds, in one line."""
    usable = [row for row in rows if row.frames is not None]
    shards = len({row.shard for row in usable})
    hours = sum(row.frames or 0 for row in usable) / FPS / 3600
    bad = len(rows) - len(usable)
    return f"{out}: {len(usable)} clips, {hours:.2f} hours, in {shards} shards; {bad} clips unusable"

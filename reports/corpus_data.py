"""An inspected corpus read from inspect.json, inspect.csv and faces/*.jpg, grouped as a page shows it."""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.results import read_json, read_rows
from harness.types import EMOTIONS, LEVELS, BadInput

UNSAID = "not said"
Row = Mapping[str, str]
_FIGURE = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class Inspected:
    """inspect.json, the rows of inspect.csv, and the pictures of the contact sheet by file name."""

    record: Mapping[str, Any]
    usable: Sequence[Row]
    unusable: Sequence[Row]
    pictures: Mapping[str, str]

    def emotions(self) -> list[str]:
        """Return the emotions of usable clips in the vocabulary's order, "" last for those without one."""
        found = {row["emotion"] for row in self.usable}
        return [e for e in (*EMOTIONS, "") if e in found]

    def levels(self) -> list[str]:
        """Return the levels of usable clips, "" last; none where no clip has one."""
        found = {row["level"] for row in self.usable}
        return [e for e in (*LEVELS, "") if e in found] if found - {""} else []

    def minutes(self, rows: Iterable[Row]) -> float:
        """Return how much footage rows are."""
        return sum(float(row["seconds"]) for row in rows) / 60


@dataclass(frozen=True)
class Group:
    """Clips that share a finding, each with what is said of it."""

    title: str
    clips: Sequence[tuple[str, str]]


def load(folder: Path) -> Inspected:
    """Read an inspection's folder. Raises BadInput, naming the file, when something of it is missing."""
    for name in ("inspect.json", "inspect.csv"):
        if not (folder / name).is_file():
            raise BadInput(f"{folder / name}: no such file; run python -m harness.data inspect")
    rows = read_rows(folder / "inspect.csv")
    record = read_json(folder / "inspect.json")
    files = [face["file"] for face in record["faces"]["sheet"]]
    return Inspected(
        record=record,
        usable=[row for row in rows if row["usable"] == "true"],
        unusable=[row for row in rows if row["usable"] != "true"],
        pictures={name: b64encode((folder / name).read_bytes()).decode() for name in files},
    )


def crossed(rows: Iterable[Row], first: str, second: str) -> dict[str, Counter[str]]:
    """Return, by the first label, how many clips have each second one."""
    table: dict[str, Counter[str]] = {}
    for row in rows:
        table.setdefault(row[first], Counter())[row[second]] += 1
    return table


def by_reason(rows: Sequence[Row]) -> list[Group]:
    """Return unusable clips grouped by their reasons, which differ in paths and figures only."""
    said = [(row["clip"], row["reason"]) for row in rows]
    return [_titled(group) for group in _grouped(said, lambda reason: _FIGURE.sub("N", _bare(reason)))]


def by_note(rows: Sequence[Row]) -> list[Group]:
    """Return what was noted of usable clips, grouped by its kind."""
    said = [(row["clip"], note) for row in rows if row["notes"] for note in row["notes"].split("; ")]
    return [
        Group(g.title, [(clip, note.partition(": ")[2]) for clip, note in g.clips])
        for g in _grouped(said, lambda note: note.partition(": ")[0])
    ]


def histogram(values: Sequence[float], bins: int = 30) -> list[int]:
    """Return how many values fall into each of equally wide bins from the least to the largest."""
    least, most = min(values), max(values)
    if most == least:
        return [len(values)]
    found = [0] * bins
    for value in values:
        found[min(bins - 1, int(bins * (value - least) / (most - least)))] += 1
    return found


def _grouped(said: Iterable[tuple[str, str]], kind: Callable[[str], str]) -> list[Group]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for clip, text in said:
        groups.setdefault(kind(text), []).append((clip, text))
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return [Group(title, clips) for title, clips in ordered]


def _titled(group: Group) -> Group:
    """Return the group with its figures where all its clips have the same."""
    titles = {_bare(reason) for _, reason in group.clips}
    return Group(titles.pop(), group.clips) if len(titles) == 1 else group


def _bare(reason: str) -> str:
    """Return a reason without the file that it names."""
    head, colon, rest = reason.partition(": ")
    return rest if colon and "/" in head else reason

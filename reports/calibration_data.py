"""A calibration read from its files: calibration.csv, datasheet.csv, run.json; its faults in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.contracts import MetricCard
from harness.results import number, read_json, read_rows
from harness.types import BadInput

UNFAULTED = "unfaulted"
_SHARE = "{} of "


def lowered(title: str) -> str:
    """Return a title as it stands in a sentence: "blur", but "JPEG" and "AU gain"."""
    return title if title[1:2].isupper() or "." in title else title[0].lower() + title[1:]


@dataclass(frozen=True)
class FaultInfo:
    """A fault as run.json describes it."""

    name: str
    title: str
    says: str
    unit: str
    arms: tuple[tuple[float, ...], ...]
    unfaulted: float
    of_set: bool
    touches: str
    clips: int
    not_applicable: str | None

    @property
    def axis(self) -> list[float | None]:
        """Strengths in the order they are drawn in, the unfaulted clip as None."""
        if len(self.arms) == 1:
            return [None, *self.arms[0]]
        low, high = sorted(self.arms, key=max)
        return [*sorted(low), None, *sorted(high)]

    def tick(self, strength: float | None) -> str:
        """Return a strength as an axis shows it; the unfaulted clip's is a word where it is no number."""
        if strength is None:
            known = len(self.arms) > 1 or self.unfaulted == 0
            return f"{self.unfaulted:g}" if known else "none"
        return f"{100 * strength:.3g}" if self.unit.startswith(_SHARE) else f"{strength:g}".replace("-", "−")

    def amount(self, strength: float) -> str:
        """Return a strength with its unit."""
        share = self.unit.startswith(_SHARE)
        unit = self.unit.removesuffix("s") if abs(strength) == 1 and not share else self.unit
        return unit.format(self.tick(strength) + ("\u00a0%" if share else ""))

    def amounts(self, strengths: Sequence[float | None]) -> str:
        """Return where detection begins, one strength a direction: "±1 frame", "×0.8, ×1.2"."""
        known = [s for s in strengths if s is not None]
        if len(known) == 2 and known[0] == -known[1]:
            return "±" + self.amount(abs(known[0]))
        return ", ".join(self.amount(s) for s in sorted(known))


@dataclass(frozen=True)
class LevelRow:
    """A row of calibration.csv; strength None is the unfaulted set."""

    strength: float | None
    value: float
    low: float
    high: float
    n: int
    unscored: int
    detected: bool


@dataclass(frozen=True)
class VerdictRow:
    """A row of datasheet.csv."""

    metric: str
    fault: str
    verdict: str
    rho: float
    clip_rho: float
    smallest: tuple[float | None, ...]
    improves: bool
    expected: bool

    @property
    def kept(self) -> bool:
        """Whether the metric does with this fault what it is there for, or nothing is expected of it."""
        return not self.expected or self.verdict == "sees"


@dataclass(frozen=True)
class Calibration:
    """Everything that the page shows: levels and verdicts by (metric, fault), pictures (PNG) by fault."""

    record: Mapping[str, Any]
    cards: Mapping[str, MetricCard]
    faults: Mapping[str, FaultInfo]
    levels: Mapping[tuple[str, str], tuple[LevelRow, ...]]
    verdicts: Mapping[tuple[str, str], VerdictRow]
    pictures: Mapping[str, bytes]

    @property
    def shown(self) -> list[FaultInfo]:
        """The faults that could be made."""
        return [f for f in self.faults.values() if f.not_applicable is None]

    def unfaulted(self, metric: str) -> LevelRow:
        """Return a metric's score of the unfaulted clips."""
        return self.levels[metric, UNFAULTED][0]


def load(folder: Path) -> Calibration:
    """Read a calibration's folder. Raises BadInput, naming the file, when something of it is missing."""
    for name in ("run.json", "calibration.csv", "datasheet.csv"):
        if not (folder / name).is_file():
            raise BadInput(f"{folder / name}: no such file; run python -m harness.calibrate --out {folder}")
    record = read_json(folder / "run.json")
    levels: dict[tuple[str, str], list[LevelRow]] = {}
    for row in read_rows(folder / "calibration.csv"):
        levels.setdefault((row["metric"], row["fault"]), []).append(_level(row))
    verdicts = [_verdict(row) for row in read_rows(folder / "datasheet.csv")]
    return Calibration(
        record=record,
        cards={n: MetricCard(**{**c, "range": tuple(c["range"])}) for n, c in record["metrics"].items()},
        faults={n: _fault(n, given) for n, given in record["faults"].items()},
        levels={key: tuple(rows) for key, rows in levels.items()},
        verdicts={(v.metric, v.fault): v for v in verdicts},
        pictures={p.stem: p.read_bytes() for p in sorted((folder / "faults").glob("*.png"))},
    )


def _fault(name: str, given: Mapping[str, Any]) -> FaultInfo:
    return FaultInfo(**{**given, "name": name, "arms": tuple(tuple(arm) for arm in given["arms"])})


def _level(row: Mapping[str, str]) -> LevelRow:
    return LevelRow(
        strength=float(row["strength"]) if row["strength"] else None,
        value=number(row["value"]),
        low=number(row["ci_low"]),
        high=number(row["ci_high"]),
        n=int(row["n"]),
        unscored=int(row["n_unscored"]),
        detected=row["detected"] == "true",
    )


def _verdict(row: Mapping[str, str]) -> VerdictRow:
    return VerdictRow(
        metric=row["metric"],
        fault=row["fault"],
        verdict=row["verdict"],
        rho=number(row["rho"]),
        clip_rho=number(row["clip_rho"]),
        smallest=tuple(float(s) if s else None for s in row["smallest"].split(";")),
        improves=row["improves"] == "true",
        expected=row["expected"] == "true",
    )

"""What a run of the performance tables leaves: bench.json, bench.md and bench.html, with its machine.

A folder holds the tables of one machine with one set of versions: a table that is measured again takes its
rows' places, the others stay; rows of another machine are never mixed in.
"""

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness import results
from harness.bench.rows import Row
from harness.types import BadInput

JSON, MARKDOWN, PLOT = "bench.json", "bench.md", "bench.html"
PACKAGES = ("torch", "ray", "numpy", "scipy", "av", "mediapipe", "opencv-contrib-python")
PEERS = ("scikit-image", "torchmetrics", "lpips", "pytorch-fid", "torch-fidelity", "syncnet-python")
_COLUMNS = ("name", "ours", "peer", "theirs", "ratio", "spread", "n", "promised", "note")


@dataclass(frozen=True, slots=True)
class Table:
    """All rows measured on one machine."""

    machine: Mapping[str, Any]
    rows: tuple[Row, ...]

    def with_rows(self, new: Sequence[Row]) -> "Table":
        """Return the table with rows measured now, each in the place of the one of the same key."""
        kept = {row.key: row for row in (*self.rows, *new)}
        return Table(self.machine, tuple(sorted(kept.values(), key=lambda row: _order(row, self.rows, new))))


def machine() -> dict[str, Any]:
    """Return what the figures depend on beside the code: cores, CPU, memory, threads, versions."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": 1,
        "versions": {"python": platform.python_version(), **{p: _version(p) for p in (*PACKAGES, *PEERS)}},
    }


def begun(out: Path) -> Table:
    """Return the table of a folder, empty where there is none yet.

    Raises BadInput, before anything is measured, where the folder's is of another machine or other versions.
    """
    here, file = machine(), out / JSON
    if not file.exists():
        return Table(here, ())
    found = read(file)
    if found.machine != here:
        told = ", ".join(sorted(k for k in here if found.machine.get(k) != here[k]))
        raise BadInput(f"{file}: measured with another {told}; give another --out")
    return found


def read(file: Path) -> Table:
    """Read what `write` wrote. Raises BadInput, naming the file."""
    try:
        whole = json.loads(file.read_text(encoding="utf-8"))
        names = {field.name for field in fields(Row)}
        rows = tuple(Row(**{k: v for k, v in row.items() if k in names}) for row in whole["rows"])
        return Table(whole["machine"], rows)
    except FileNotFoundError as error:
        raise BadInput(f"{file}: no such file; python -m harness.bench writes it") from error
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: not what python -m harness.bench writes ({error!r})") from error


def write(out: Path, table: Table) -> None:
    """Write the three files."""
    from harness.bench.plot import page  # plotly takes a second

    out.mkdir(parents=True, exist_ok=True)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    rows = [asdict(row) for row in table.rows]
    results.write_json(out / JSON, {"written": when, "machine": table.machine, "rows": rows})
    (out / MARKDOWN).write_text(markdown(table), encoding="utf-8")
    (out / PLOT).write_text(page(table.rows, told(table.machine)), encoding="utf-8")


def markdown(table: Table) -> str:
    """Return all tables as one page."""
    parts = ["# Performance", "", told(table.machine), ""]
    for name in dict.fromkeys(row.table for row in table.rows):
        rows = [row for row in table.rows if row.table == name]
        lines = [_COLUMNS, ("---",) * len(_COLUMNS), *(_cells(row) for row in rows)]
        parts += [f"## {name}", "", *(f"| {' | '.join(line)} |" for line in lines), ""]
    return "\n".join(parts)


def told(here: Mapping[str, Any]) -> str:
    """Return the machine in a sentence."""
    versions = ", ".join(f"{p} {v or 'not installed'}" for p, v in here["versions"].items())
    return (
        f"{here['cpu']}, {here['cores']} cores, {here['memory_gib']} GiB, {here['system']}; one thread a "
        f"process unless a row says otherwise; {versions}."
    )


def number(value: float | None) -> str:
    """Return a figure as tables show it: four digits or all before the point, nothing for None."""
    return "" if value is None else f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _cells(row: Row) -> tuple[str, ...]:
    spread = "" if row.low is None else f"{number(row.low)} to {number(row.high)}"
    kept = {True: "met", False: "SHORT", None: ""}[row.met]
    return (
        row.name,
        f"{number(row.ours)} {row.unit}" if row.ours is not None else "",
        row.peer.replace("|", "\\|"),
        number(row.theirs),
        number(row.ratio),
        spread,
        str(row.n),
        f"{row.bar}: {kept}" if row.bar else "",
        row.note,
    )


def _order(row: Row, before: Sequence[Row], new: Sequence[Row]) -> tuple[int, int]:
    """Return a row's place: by table as they were first measured, then as a table gives its rows."""
    tables = list(dict.fromkeys(r.table for r in (*before, *new)))
    keys = [r.key for r in (*before, *new)]
    return tables.index(row.table), keys.index(row.key)


def _cpu() -> str:
    about = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", about.read_text(), re.M) if about.exists() else None
    return found[1].strip() if found else platform.processor() or "unknown CPU"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

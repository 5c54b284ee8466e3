"""Pretrained files: which are here and genuine by their size, which lack, and how each is got."""

from collections.abc import Iterator
from pathlib import Path

from harness.health.finding import Finding
from harness.weights import locate, search_folders
from harness.weights_table import TABLE, WeightsFile

TOPIC = "Pretrained files"
_LISTED = 4


def weights(folder: Path | None) -> Iterator[Finding]:
    """Yield where files are looked for, and each file of the table, those of packages in one line."""
    places = ", ".join(str(place) for place in search_folders(folder))
    yield Finding(TOPIC, "looked for in", "note", places)
    carried = [entry for entry in TABLE.values() if entry.package is not None]
    lost = [entry for entry in carried if locate(entry, folder) is None]
    if not lost:
        yield Finding(TOPIC, "embedded", "ok", f"{len(carried)} files come with the installed packages")
    for entry in lost:
        remedy = f"pip install --force-reinstall the package {entry.package}"
        yield Finding(TOPIC, entry.name, "broken", f"not in the package {entry.package}", remedy)
    for entry in (e for e in TABLE.values() if e.package is None):
        yield _download(entry, folder)


def _download(entry: WeightsFile, folder: Path | None) -> Finding:
    found = locate(entry, folder)
    more = len(entry.used_by) - _LISTED
    use = f"for {', '.join(entry.used_by[:_LISTED])}" + (f" and {more} more" if more > 0 else "")
    if found is None:
        size = "" if entry.size is None else f", {entry.size / 1e6:.0f} MB"
        remedy = f"python -m harness.weights fetch {entry.name}  (licence: {entry.licence})"
        return Finding(TOPIC, entry.name, "lacks", f"not here{size}, {use}", remedy)
    there = found.stat().st_size
    if entry.size is not None and there != entry.size:
        told = f"{found} has {there} bytes instead of {entry.size}"
        return Finding(TOPIC, entry.name, "lacks", told, f"python -m harness.weights verify {entry.name}")
    return Finding(TOPIC, entry.name, "ok", f"{found}, {use}")

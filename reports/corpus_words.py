"""An inspected corpus in a few lines for the terminal, and how its figures are written everywhere."""

from collections.abc import Mapping
from typing import Any

_MOST_LISTED = 12


def footage(hours: float) -> str:
    """Return "7.4 s", "12 min 03 s" or "31 h 04 min"."""
    seconds = round(3600 * hours)
    if seconds < 60:
        return f"{3600 * hours:.1f} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


def spread(found: Mapping[str, float] | None, unit: str, places: int) -> str:
    """Return "1.0 to 12.7 s, median 3.2 s", empty where nothing was measured."""
    if found is None:
        return ""
    least, median, most = (
        f"{found[k] + 0.0:.{places}f}".replace("-", "−") for k in ("least", "median", "most")
    )
    return f"{least} {unit}" if least == most else f"{least} to {most} {unit}, median {median} {unit}"


def summary(record: Mapping[str, Any]) -> str:
    """Return what was found, a line a property; unusable clips last, with their reasons."""
    counts = record["counts"]
    lines = [
        f"{record['root']}: {record['clips']} clips, {record['usable']} usable, {footage(record['hours'])}",
        *(_line(key, counts[key]) for key in ("speaker", "emotion", "level", "view", "split")),
        _line("fps", record["frame_rates"]),
        _line("size", record["sizes"]),
        _line("picture", record["video_codecs"]),
        _line("sound", record["sound_rates"], " Hz"),
        f"  length     {spread(record['seconds'], 's', 1)}",
        f"  A/V start  {spread(record['start_offset_ms'], 'ms', 0) or 'the sound is in files of its own'}",
    ]
    if votes := record["votes"]:
        lines.append(f"  votes      {votes['agree']} of {votes['clips']} clips agree with the label")
    if record["notes"]:
        lines.append(_line("notes", record["notes"]))
    lines += [f"  {line}" for line in record["about"]]
    unusable = record["unusable"]
    lines.append(f"{len(unusable)} unusable" + (":" if unusable else ""))
    lines += [f"  {clip}: {reason}" for clip, reason in list(unusable.items())[:_MOST_LISTED]]
    if len(unusable) > _MOST_LISTED:
        lines.append(f"  and {len(unusable) - _MOST_LISTED} more, in inspect.csv")
    return "\n".join(lines)


def _line(name: str, tally: Mapping[str, int], unit: str = "") -> str:
    named = {n: count for n, count in tally.items() if n}
    parts = [f"{n}{unit if n[:1].isdigit() else ''} ({count})" for n, count in named.items()]
    shown = parts[:_MOST_LISTED]
    if len(parts) > _MOST_LISTED:
        shown = [f"{len(parts)}: {parts[0]} to {parts[-1]}"]
    if "" in tally:
        shown.append(f"not said ({tally['']})")
    return f"  {name:10} {', '.join(shown) or 'none'}"

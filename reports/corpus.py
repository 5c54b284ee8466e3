"""inspect.html: what a corpus holds, its faces by emotion, what cannot be used. One page, nothing beside it.

Made from the files that `harness.data inspect` wrote. The look is the leaderboard's (assets/page.css) with
assets/corpus.css and corpus.html.j2; it needs no script.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.types import EMOTIONS
from reports.corpus_data import (
    UNSAID,
    Group,
    Inspected,
    Row,
    by_note,
    by_reason,
    crossed,
    histogram,
    load,
)
from reports.corpus_words import footage, spread
from reports.html import BREAKABLE, assets, plain, render, write_text

# What stands open on the page; the rest of the faces is folded away, the rest of the clips in inspect.csv.
_FACES_SHOWN = 20
_MOST_SPEAKERS = 300
_MOST_CLIPS = 100
_MOST_BARS = 8


def write_page(folder: Path) -> None:
    """Write inspect.html into an inspection's folder. BadInput when something of it is missing."""
    write_text(folder / "inspect.html", page(load(folder)))


def page(found: Inspected) -> str:
    """Return the whole page: the same bytes for the same files."""
    record = found.record
    return render(
        "corpus.html.j2",
        css=assets("page.css", "corpus.css"),
        title=Path(record["root"]).name or record["root"],
        record=record,
        facts=_facts(found),
        faces=_faces(found),
        shown=_FACES_SHOWN,
        emotion_table=_emotion_table(found),
        speaker_table=_speaker_table(found),
        label_bars=_label_bars(record),
        media_bars=_media_bars(record),
        histograms=_histograms(found),
        votes=_votes(record["votes"]),
        groups=[_listed(g) for g in by_reason(found.unusable)],
        notes=[_listed(g) for g in by_note(found.usable)],
        breakable=BREAKABLE,
        provenance=_provenance(record),
    )


def _facts(found: Inspected) -> list[dict[str, str]]:
    record, counts = found.record, found.record["counts"]
    silent = record["sound_rates"].get("none", 0)
    sizes = {name.replace("x", "×"): count for name, count in record["sizes"].items()}
    facts = [
        ("Usable clips", f"{record['usable']:,}", f"of {record['clips']:,}{_files(record)}"),
        ("Unusable", f"{len(found.unusable):,}", "reasons below" if found.unusable else "nothing to mend"),
        ("Speakers", *_said(counts["speaker"], "")),
        ("Emotions", *_said(counts["emotion"], f"of a vocabulary of {len(EMOTIONS)}")),
        ("Footage", footage(record["hours"]), spread(record["seconds"], "s", 1)),
        ("Frame rate", *_foremost(record["frame_rates"], "fps")),
        ("Picture", *_foremost(sizes, "px")),
        ("Without sound", f"{silent:,}", "no sound track" if silent else "every clip has sound"),
    ]
    told = facts if record["usable"] else facts[:2]
    return [{"name": n, "value": v, "detail": d} for n, v, d in told]


def _files(record: Mapping[str, Any]) -> str:
    videos = record["videos"]
    if not videos:
        return ""
    return "; a video file each" if videos == record["usable"] else f", cut from {videos:,} video files"


def _said(tally: Mapping[str, int], otherwise: str) -> tuple[str, str]:
    """Return how many names a label has, and how many clips have none."""
    names, unsaid = len(set(tally) - {""}), tally.get("", 0)
    if not names:
        return UNSAID, ""
    return f"{names:,}", f"{_clips(unsaid)} without" if unsaid else otherwise


def _clips(count: int) -> str:
    return f"{count:,} clip{'' if count == 1 else 's'}"


def _foremost(tally: Mapping[str, int], unit: str) -> tuple[str, str]:
    """Return the most frequent value, and how many clips have it."""
    if not tally:
        return "–", ""
    name, count = next(iter(tally.items()))
    return f"{name} {unit}", "every clip" if len(
        tally
    ) == 1 else f"{count:,} of {_clips(sum(tally.values()))}"


def _faces(found: Inspected) -> list[dict[str, Any]]:
    """Return the contact sheet's groups, an emotion each."""
    sheet = found.record["faces"]["sheet"]
    groups = []
    for emotion in found.emotions():
        rows = [row for row in found.usable if row["emotion"] == emotion]
        faces = [face for face in sheet if (face["emotion"] or "") == emotion]
        speakers = len({row["speaker"] or row["clip"] for row in rows})
        note = f"{_clips(len(rows))}, {footage(found.minutes(rows) / 60)}"
        if len(faces) < speakers:
            whose = "speakers" if any(row["speaker"] for row in rows) else "clips"
            note += f"; {len(faces)} of {speakers:,} {whose} shown"
        name = emotion or (f"emotion {UNSAID}" if len(found.emotions()) > 1 else "all clips")
        groups.append({"emotion": name, "note": note, "faces": [_face(found, face) for face in faces]})
    return groups


def _face(found: Inspected, face: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "data": found.pictures[face["file"]],
        "who": face["speaker"] or face["clip"],
        "how": " · ".join(part for part in (face["level"], face["view"]) if part),
        "clip": face["clip"],
        "alt": f"{face['emotion'] or 'face'}, {face['speaker'] or face['clip']}",
        "lost": found.record["faces"]["cropped"] and not face["face"],
        "whole": not face["face"],
    }


def _emotion_table(found: Inspected) -> dict[str, Any] | None:
    """Return emotions by level, with clips, speakers and minutes of each; None without any emotion."""
    emotions, levels = found.emotions(), found.levels()
    if emotions in ([], [""]):
        return None
    table = crossed(found.usable, "emotion", "level")
    most = max(table[e][lv] for e in emotions for lv in (levels or [""]))
    rows = []
    for emotion in emotions:
        own = [row for row in found.usable if row["emotion"] == emotion]
        rows.append(
            {
                "name": emotion or UNSAID,
                "cells": [_heat(table[emotion][level], most) for level in levels],
                "clips": len(own),
                "speakers": len({row["speaker"] for row in own} - {""}),
                "footage": footage(found.minutes(own) / 60),
            }
        )
    return {"levels": [level or UNSAID for level in levels], "rows": rows}


def _speaker_table(found: Inspected) -> dict[str, Any] | None:
    """Return speakers by emotion, with clips, minutes and split of each; None without any speaker."""
    speakers = sorted({row["speaker"] for row in found.usable} - {""})
    if not speakers:
        return None
    emotions = found.emotions()
    own: dict[str, list[Row]] = {}
    for row in found.usable:
        own.setdefault(row["speaker"], []).append(row)
    table = {s: Counter(row["emotion"] for row in own[s]) for s in speakers}
    most = max(table[s][e] for s in speakers for e in emotions)
    rows = [
        {
            "name": speaker,
            "cells": [_heat(table[speaker][e], most) for e in emotions],
            "clips": len(own[speaker]),
            "footage": footage(found.minutes(own[speaker]) / 60),
            "split": own[speaker][0]["split"],
        }
        for speaker in speakers[:_MOST_SPEAKERS]
    ]
    return {
        "emotions": [e or UNSAID for e in emotions] if emotions != [""] else [],
        "rows": rows,
        "left_out": len(speakers) - len(rows),
        "split": found.record["split"]["hash"] is not None,
        "tall": len(rows) > 16,
    }


def _heat(count: int, most: int) -> tuple[int, int]:
    """Return a count and how deep its cell is tinted, in percent."""
    return count, round(100 * count / most) if most else 0


def _label_bars(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    counts, split = record["counts"], record["split"]
    bars = [_bars(k.capitalize(), counts[k]) for k in ("level", "view") if set(counts[k]) - {""}]
    if split["hash"]:
        note = f"by speaker, {split['source']}, as a sweep has it; {split['hash']}"
        bars.append({**_bars("Split", counts["split"]), "note": note})
    else:
        bars.append({**_bars("Split", {}), "note": split["why_none"]})
    return bars


def _media_bars(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        _bars("Frame rate, fps", record["frame_rates"]),
        _bars("Picture size, px", {n.replace("x", "×"): c for n, c in record["sizes"].items()}),
        _bars("Picture coding", record["video_codecs"]),
        _bars("Sound rate, Hz", record["sound_rates"]),
        _bars("Sound coding", record["sound_codecs"]),
        _bars("Sound channels", record["channels"]),
    ]


def _bars(title: str, tally: Mapping[str, int]) -> dict[str, Any]:
    """Return a small bar chart: names, counts, and the share of the largest in percent."""
    shown = list(tally.items())
    if len(shown) > _MOST_BARS:
        rest = shown[_MOST_BARS - 1 :]
        shown = [*shown[: _MOST_BARS - 1], (f"{len(rest)} others", sum(c for _, c in rest))]
    most = max((count for _, count in shown), default=1)
    return {
        "title": title,
        "bars": [(name or UNSAID, count, 100 * count / most) for name, count in shown],
        "note": "",
    }


def _histograms(found: Inspected) -> list[dict[str, Any]]:
    made = []
    for title, column, unit, places in (
        ("Length of a clip", "seconds", "s", 1),
        ("Sound starts after its picture by", "start_offset_ms", "ms", 0),
    ):
        values = [float(row[column]) for row in found.usable if row[column]]
        if not values:
            continue
        bins = histogram(values)
        made.append(
            {
                "title": title,
                "note": spread(found.record[column], unit, places),
                "of": _clips(len(values)),
                "bins": [(count, 100 * count / max(bins)) for count in bins],
                "least": f"{min(values):.{places}f}",
                "most": f"{max(values):.{places}f} {unit}",
                "one": len(bins) == 1,
            }
        )
    return made


def _votes(votes: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if votes is None or not votes["clips"]:
        return None
    voted = [e for e in EMOTIONS if any(shares[e] for shares in votes["shares"].values())]
    return {
        "emotions": voted,
        "share": f"{100 * votes['agree'] / votes['clips']:.1f} %",
        "clips": votes["clips"],
        "rows": [
            {
                "name": emotion,
                "agree": f"{100 * own['agree'] / own['clips']:.0f} %",
                "clips": own["clips"],
                "cells": [(e == emotion, 100 * votes["shares"][emotion][e]) for e in voted],
            }
            for emotion, own in votes["by_emotion"].items()
        ],
    }


def _listed(group: Group) -> dict[str, Any]:
    return {
        "title": group.title,
        "count": len(group.clips),
        "clips": group.clips[:_MOST_CLIPS],
        "left_out": max(0, len(group.clips) - _MOST_CLIPS),
    }


def _provenance(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    names = ("command", "created", "reader", "root", "split")
    return [(n.capitalize(), plain(record[n])) for n in names]

"""calibration.html: the datasheet of the instruments, one page that opens from disk with nothing beside it.

Made from the files that `harness.calibrate` wrote. The look is the leaderboard's (assets/page.css, page.js)
with assets/calibration.css and calibration.html.j2.
"""

import math
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from harness.contracts import MetricCard
from reports import words
from reports.calibration_data import Calibration, FaultInfo, VerdictRow, load, lowered
from reports.calibration_plots import COLOUR, offsets, panel, points, spark
from reports.html import BREAKABLE, assets, plain, plotting, render, script_json, write_text

_MARK = {"sees": "●", "partly": "◐", "blind": "○", "unscored": "–"}


def write_page(folder: Path) -> None:
    """Write calibration.html into a calibration's folder. BadInput when something of it is missing."""
    write_text(folder / "calibration.html", page(load(folder)))


def page(found: Calibration) -> str:
    """Return the whole page: the same bytes for the same files."""
    metrics = [_metric(found, card) for card in found.cards.values()]
    offset = found.record.get("av_offset")
    offset_panel = offsets(offset["by_shift"]) if offset else None
    panels = [*(p for m in metrics for p in m["panels"]), *([offset_panel] if offset_panel else [])]
    return render(
        "calibration.html.j2",
        css=assets("page.css", "calibration.css"),
        js=assets("page.js"),
        plotly=plotting(),
        figures=script_json({p.id: p.spec for p in panels}),
        facts=_facts(found),
        faults=list(found.faults.values()),
        pictures={name: b64encode(png).decode() for name, png in found.pictures.items()},
        shown=found.shown,
        metrics=metrics,
        offset=offset,
        offset_panel=offset_panel,
        missed=[(found.cards[v.metric], found.faults[v.fault], v) for v in _missed(found)],
        words=words,
        lowered=lowered,
        mark=_MARK,
        breakable=BREAKABLE,
        record=found.record,
        provenance=_provenance(found),
    )


def _metric(found: Calibration, card: MetricCard) -> dict[str, Any]:
    cells = [_cell(found, card, fault) for fault in found.shown]
    base = found.unfaulted(card.name)
    return {
        "card": card,
        "cells": cells,
        "sentence": sentence(card, [(c["fault"], c["verdict"]) for c in cells]),
        "unfaulted": "no score" if math.isnan(base.value) else f"{base.value:.4g} {card.unit}".strip(),
        "panels": [panel(found, card, fault) for fault in found.shown],
    }


def _cell(found: Calibration, card: MetricCard, fault: FaultInfo) -> dict[str, Any]:
    verdict = found.verdicts[card.name, fault.name]
    return {
        "fault": fault,
        "verdict": verdict,
        "rho": "" if math.isnan(verdict.rho) else words.signed(verdict.rho),
        "from": fault.amounts(verdict.smallest),
        "spark": Markup(spark(points(found, card.name, fault), verdict.verdict)),
        "panel": f"curve-{card.name}-{fault.name}",
    }


def sentence(card: MetricCard, verdicts: Sequence[tuple[FaultInfo, VerdictRow]]) -> str:
    """Return a metric's datasheet in a sentence or three, in plain words."""
    groups = {name: [(f, v) for f, v in verdicts if v.verdict == name] for name in COLOUR}
    parts = []
    for name, opening in (("sees", "sees"), ("partly", "sees unevenly or in part")):
        if groups[name]:
            parts.append(
                f"{opening} "
                + ", ".join(f"{lowered(f.title)} from {f.amounts(v.smallest)}" for f, v in groups[name])
            )
    for name, opening in (("blind", "blind to"), ("unscored", "gives no score under")):
        if groups[name]:
            parts.append(f"{opening} " + ", ".join(lowered(f.title) for f, _ in groups[name]))
    if better := [lowered(f.title) for f, v in verdicts if v.improves]:
        parts.append("takes for better: " + ", ".join(better))
    text = "; ".join(parts)
    return f"{card.title}: {text}."


def _missed(found: Calibration) -> list[VerdictRow]:
    return [v for v in found.verdicts.values() if not v.kept and v.fault in {f.name for f in found.shown}]


def _facts(found: Calibration) -> list[dict[str, str]]:
    record, shown = found.record, found.shown
    expected = [v for v in found.verdicts.values() if v.expected]
    strengths = sum(len(f.axis) - 1 for f in shown)
    clips, data = record["clips"], record["config"]["data"]
    source = "embedded corpus" if data == "synthetic" else data
    facts = [
        ("Clips", str(clips["count"]), f"{clips['speakers']} speakers, {source}"),
        ("Faults", str(len(shown)), f"{strengths} strengths"),
        ("Metrics", str(len(found.cards)), f"{len(record['not_calibrated'])} not calibrated"),
        ("Seen as expected", f"{len(expected) - len(_missed(found))} of {len(expected)}", "metric and fault"),
    ]
    if offset := record.get("av_offset"):
        facts.append(("AV offset found", f"{100 * offset['share']:.1f} %", "within 1 frame, shifts −10..10"))
    facts.append(
        (
            "Made in",
            words.duration(sum(record["times"].values())),
            str(record["created"])[:16].replace("T", " "),
        )
    )
    return [{"name": n, "value": v, "detail": d} for n, v, d in facts]


def _provenance(found: Calibration) -> list[tuple[str, str]]:
    record = found.record
    names = ("command", "created", "git", "code", "config", "seeds", "times", "hardware", "versions")
    return [(n.replace("_", " ").capitalize(), plain(record[n])) for n in names]

"""study.html: what people said of a run's clips, and which metrics say the same; it opens from disk.

The look is the leaderboard's (assets/page.css, page.js) with assets/study.css and study.html.j2.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reports import words
from reports.figures import Panel
from reports.html import BREAKABLE, assets, plain, plotting, render, script_json
from reports.rank import Board, Row
from reports.study import figures
from reports.study.agreement import MetricAgreement
from reports.study.analysis import Analysis, Found, Preference, Rating
from reports.study.exclusion import rules_in_words
from reports.study.judgements import Estimate

_ROW_HEIGHT, _AXES_HEIGHT = 34, 60


@dataclass(frozen=True)
class Judged:
    """The methods of a study, in the order of its cast: their rows of the board and their names."""

    rows: tuple[Row, ...]

    @property
    def names(self) -> list[str]:
        """What a reader calls them."""
        return [row.name for row in self.rows]

    @property
    def controls(self) -> list[bool]:
        """Which of them are controls."""
        return [row.card.control for row in self.rows]


def page(found: Found, board: Board) -> str:
    """Return the whole page: the same bytes for the same votes."""
    rows = {row.key: row for row in (*board.competing, *board.controls)}
    judged = Judged(tuple(rows[t.method, t.trial] for t in found.clean.cast.methods))
    preferences = [_preference(found, judged, i) for i in range(len(found.clean.preferences))]
    ratings = [_mos_panel(r, judged) for r in found.clean.ratings if any(m.n for m in r.mos)]
    metrics = _metric_tables(found.clean)
    panels = [
        *(p["panel"] for entry in preferences for p in entry["panels"]),
        *(p["panel"] for p in ratings),
        *(table["chart"]["panel"] for table in metrics),
    ]
    return render(
        "study.html.j2",
        css=assets("page.css", "study.css"),
        js=assets("page.js"),
        plotly=plotting() if panels else "",
        figures=script_json({p.id: p.spec for p in panels}),
        found=found,
        facts=_facts(found),
        judged=judged.rows,
        preferences=preferences,
        mos_panels=ratings,
        mos=_mos_table(found, judged),
        matches=_matches(found, judged),
        metrics=metrics,
        trust=_trust(found),
        rules=rules_in_words(found.study.config["exclude"]),
        left_out=_left_out(found),
        words=words,
        breakable=BREAKABLE,
        provenance=_provenance(found),
    )


def shown(value: Estimate, places: int = 2, scale: float = 1.0) -> dict[str, str]:
    """Return an estimate as a cell is written: its number, its interval, and how many votes."""
    number, low, high = (scale * v for v in (value.value, value.low, value.high))
    return {
        "value": words.fixed(number, places),
        "interval": words.interval(low, high, places),
        "n": f"n {value.n:,}",
    }


def _facts(found: Found) -> list[dict[str, str]]:
    left_out = len(found.excluded)
    facts = [
        (
            "Participants",
            str(found.clean.participants),
            f"{left_out} left out" if left_out else "nobody left out",
        ),
        (
            "Votes",
            f"{found.clean.votes:,}",
            f"{found.raw.votes:,} with those left out" if left_out else "all kept",
        ),
        ("Methods", str(len(found.clean.cast.methods)), f"on {len(found.clean.cast.clips)} clips"),
    ]
    if found.clean.preferences:
        side = found.clean.preferences[0].side
        verdict = "bias found" if side.found else "no bias found"
        facts.append(
            (
                "Left chosen",
                _percent(side.share),
                f"{verdict}, {words.p_value(side.p)}" if side.p == side.p else "",
            )
        )
    return [{"name": n, "value": v, "detail": d} for n, v, d in facts]


def _preference(found: Found, judged: Judged, index: int) -> dict[str, Any]:
    """Return one preference: its plots, and a line a method, cleaned beside raw."""
    clean, raw = found.clean.preferences[index], found.raw.preferences[index]
    order = figures.by_value(clean.strengths.values)
    lines = [
        {
            "row": judged.rows[k],
            "clean": shown(clean.strengths.values[k]),
            "chance": _chance(clean, k),
            "raw": shown(raw.strengths.values[k]),
        }
        for k in order
    ]
    panels = []
    if not clean.strengths.reason:
        size = len(order)
        panels = [
            _tall(figures.strength_dots(clean, judged.names, judged.controls), size + 2),
            _tall(figures.preference_matrix(clean, judged.names), size + 2),
        ]
    return {"question": clean.question, "reason": clean.strengths.reason, "lines": lines, "panels": panels}


def _chance(found: Preference, k: int) -> str:
    """Return how often a decided vote on this method and an average other one prefers it, in percent."""
    others = [found.strengths.beats(k, j) for j in range(len(found.strengths.values)) if j != k]
    return (
        f"{100 * sum(others) / len(others):.0f} %" if others and not found.strengths.reason else words.NOTHING
    )


def _mos_panel(found: Rating, judged: Judged) -> dict[str, Any]:
    return _tall(figures.mos_dots(found, judged.names, judged.controls), sum(1 for m in found.mos if m.n))


def _mos_table(found: Found, judged: Judged) -> list[dict[str, Any]]:
    """Return a line a method: its mean opinion score for each question, cleaned and raw."""
    clean, raw = found.clean.ratings, found.raw.ratings
    best = [_best(r, judged) for r in clean]
    lines = []
    for k, row in enumerate(judged.rows):
        cells = [
            {**shown(one.mos[k]), "raw": words.fixed(other.mos[k].value, 2), "best": k == first}
            for one, other, first in zip(clean, raw, best, strict=True)
        ]
        lines.append({"row": row, "cells": cells})
    return lines


def _best(found: Rating, judged: Judged) -> int | None:
    """Return the competing method with the highest mean, None where none was rated."""
    kept = [k for k, m in enumerate(found.mos) if m.n and not judged.controls[k]]
    return max(kept, key=lambda k: found.mos[k].value, default=None)


def _matches(found: Found, judged: Judged) -> list[dict[str, Any]]:
    return [
        {
            "question": match.question,
            "lines": [
                (judged.names[i], judged.names[j], shown(e, 0, 100)) for (i, j), e in match.recognised.items()
            ],
        }
        for match in found.clean.matches
    ]


def _metric_tables(found: Analysis) -> list[dict[str, Any]]:
    """Return a chart and a table for each question that a metric can be held to."""
    tables = []
    questions: tuple[Preference | Rating, ...] = (*found.preferences, *found.ratings)
    for asked in questions:
        if not asked.metrics:
            continue
        scored = sum(1 for m in asked.metrics if m.accuracy.n)
        chart = figures.accuracy_dots(asked.question.name, asked.question.text, asked.metrics, asked.others)
        order = sorted(
            asked.metrics, key=lambda m: (not m.accuracy.n, -m.accuracy.value if m.accuracy.n else 0)
        )
        tables.append(
            {
                "question": asked.question,
                "chart": _tall(chart, scored),
                "others": shown(asked.others, 1, 100),
                "lines": [_metric_line(m) for m in order],
            }
        )
    return tables


def _metric_line(found: MetricAgreement) -> dict[str, Any]:
    return {
        "card": found.card,
        "spearman": shown(found.spearman),
        "kendall": shown(found.kendall),
        "methods": found.spearman.n,
        "p": words.NOTHING if found.p != found.p else words.p_value(found.p),
        "accuracy": shown(found.accuracy, 1, 100),
        "unscored": found.unscored,
        "resampled": found.resampled,
    }


def _trust(found: Found) -> list[dict[str, Any]]:
    """Return, for each question, how far people agree with each other, and whether a side was favoured."""
    lines = []
    questions: tuple[Preference | Rating, ...] = (*found.clean.preferences, *found.clean.ratings)
    for asked in questions:
        side = asked.side if isinstance(asked, Preference) else None
        lines.append(
            {
                "question": asked.question,
                "ordinal": shown(asked.reliability.ordinal),
                "nominal": shown(asked.reliability.nominal),
                "others": shown(asked.others, 1, 100),
                "side": shown(side.share, 1, 100) if side else None,
                "p": words.p_value(side.p) if side and side.p == side.p else words.NOTHING,
                "biased": bool(side and side.found),
            }
        )
    return lines


def _left_out(found: Found) -> list[tuple[int, str]]:
    return [(p.number, "; ".join(found.excluded[p.id])) for p in found.people if p.id in found.excluded]


def _provenance(found: Found) -> list[tuple[str, str]]:
    study = found.study
    begun = datetime.fromtimestamp(study.created, UTC).isoformat(timespec="seconds")
    return [
        ("Study", study.name),
        ("Of the run", study.run),
        ("Begun", begun),
        ("Decided before", f"study.yaml {study.config_hash}, kept in the database when the study began"),
        ("study.yaml", plain(dict(study.config))),
    ]


def _tall(panel: Panel, rows: int) -> dict[str, Any]:
    return {"panel": panel, "height": _AXES_HEIGHT + _ROW_HEIGHT * rows}


def _percent(value: Estimate) -> str:
    return words.NOTHING if value.value != value.value else f"{100 * value.value:.1f} %"

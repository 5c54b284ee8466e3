"""leaderboard.html: one page that opens from disk. plotly.js is inlined once, media stay beside it.

The look is in assets/page.html.j2, page.css and page.js; here the run becomes what the template prints.
Every text is escaped by jinja2; data for the script is JSON in which "<" cannot occur.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reports import notes, words
from reports.breakdown import EmotionTable, by_emotion, emotions, unscored
from reports.confusion import confusions
from reports.extremes import Extremes, extremes
from reports.figures import curve_legend
from reports.html import BREAKABLE, assets, plain, plotting, render, script_json
from reports.load import STUDY_PAGE, Run
from reports.pairs import MARKS, MOST_ROWS, lines, pairs, told_apart
from reports.plots import plots
from reports.published import sources
from reports.rank import HUMAN, SPEED, Board, Row
from reports.strips import Strip
from reports.surfaces import surfaces
from reports.trends import Trend, trends


def page(run: Run, board: Board, strips: Sequence[Strip]) -> str:
    """Return the whole page: the same bytes for the same run."""
    found = trends(board)
    drawn = plots(run, board, found)
    media = _player_data(run, board)
    ends = extremes(run, board)
    panels = [*drawn.panels(), *(panel for clip in drawn.traces.clips for panel in clip.panels)]
    return render(
        "page.html.j2",
        css=assets("page.css"),
        js=assets("page.js"),
        plotly=plotting() if panels else "",
        figures=script_json({p.id: p.spec for p in panels}),
        name=run.record.name,
        swept=run.record.kind == "sweep",
        study=STUDY_PAGE if any(c.family == HUMAN for c in board.columns) else "",
        partial=notes.partial(run, board),
        facts=notes.facts(run, board),
        columns=_columns(run, board),
        competing=[_row(board, r) for r in board.competing],
        controls=[{**_row(board, r), "meaning": notes.meaning(run, r)} for r in board.controls],
        few=notes.few(board),
        notes=[n for n in notes.notes(run, board) if n.mark != notes.FEW],
        pair_lines=lines(board),
        pair_columns=board.ranked_by,
        pair_rows=MOST_ROWS,
        pair_marks=MARKS,
        told=told_apart([*pairs(board)]),
        published=sources(),
        failed=[(t, words.params(t.params)) for t in notes.failed_trials(run)],
        metric_cards=board.columns,
        methods=run.record.methods,
        costs=run.record.costs,
        words=words,
        breakable=BREAKABLE,
        emotions=emotions(run),
        confusions=confusions(run, board),
        emotion_tables=[_emotions(run, board, t) for t in by_emotion(run, board)],
        trend_groups=_trend_groups(found),
        plots=drawn,
        surfaces=surfaces(board),
        extremes=ends,
        extremes_data=script_json(_extremes_data(run, board, ends)),
        legend=curve_legend(run, board),
        strips=strips,
        players=_players(run, board),
        players_have_clips=any(file for files in media["files"] for file in files),
        player_data=script_json(media),
        unscored=unscored(run),
        record=run.record,
        provenance=_provenance(run),
        config=plain(run.record.config),
    )


def _columns(run: Run, board: Board) -> list[dict[str, Any]]:
    return [{"card": c, "marks": [] if c.name in SPEED else notes.marks(run, c)} for c in board.columns]


def _row(board: Board, row: Row) -> dict[str, Any]:
    cells = [_cell(board, row, card.name) for card in board.columns]
    return {
        "row": row,
        "place": words.place(row.places),
        "mean_rank": words.fixed(row.mean_rank, 2),
        "params": words.params(row.params),
        "cells": cells,
    }


def _cell(board: Board, row: Row, metric: str) -> dict[str, Any] | None:
    cell = row.cells.get(metric)
    if cell is None:
        return None
    return {
        "cell": cell,
        "exact": "" if math.isnan(cell.value) else f"{cell.value:.12g}",
        "value": words.fixed(cell.value, board.decimals(metric)),
        "interval": words.interval(cell.low, cell.high, board.decimals(metric)),
        "coverage": words.coverage(cell.n, cell.unscored),
        "ranks": f"rank {words.place(cell.ranks)}" if cell.ranks else "",
        "spread": "" if math.isnan(cell.spread) else words.fixed(cell.spread, board.decimals(metric)),
    }


def _emotions(run: Run, board: Board, table: EmotionTable) -> dict[str, Any]:
    places = words.decimals(v for row in table.means.values() for v in row)
    rows = []
    for row in board.shown():
        cells = []
        for mean, count in zip(table.means[row.key], table.counts[row.key], strict=True):
            good = table.goodness(mean)
            cells.append((words.fixed(mean, places), count, None if good is None else round(100 * good)))
        rows.append({"row": row, "cells": cells})
    return {"card": table.card, "marks": notes.marks(run, table.card), "rows": rows}


def _trend_groups(found: Sequence[Trend]) -> list[dict[str, Any]]:
    """Return, for each method, its swept parameters and a line of trends for each metric."""
    groups = []
    for method in dict.fromkeys(t.method for t in found):
        own = [t for t in found if t.method == method]
        lines = [(card, [t for t in own if t.card is card]) for card in dict.fromkeys(t.card for t in own)]
        names = [words.symbol(n) for n in dict.fromkeys(t.parameter for t in own)]
        groups.append({"method": method, "parameters": names, "lines": lines, "p_value": words.p_value})
    return groups


def _players(run: Run, board: Board) -> list[dict[str, Any]]:
    return [
        {"row": row, "shows": notes.meaning(run, row) if row.card.control else words.params(row.params)}
        for row in board.shown()
    ]


def _player_data(run: Run, board: Board) -> dict[str, Any]:
    """Return each clip's label, and for each player the file of each clip, null where there is none."""
    table = run.clips[["clip", "speaker", "emotion", "level"]].itertuples(index=False)
    clips = [
        (c, " · ".join(part for part in (emotion, level, f"speaker {s}", c) if part))
        for c, s, emotion, level in table
    ]
    files = [
        [quote(path.relative_to(run.folder).as_posix()) if _plays(path) else None for path in paths]
        for paths in ([run.clip_file(*row.key, clip) for clip, _ in clips] for row in board.shown())
    ]
    return {"labels": [label for _, label in clips], "files": files}


def _extremes_data(run: Run, board: Board, found: Sequence[Extremes]) -> list[list[dict[str, Any]]]:
    """Return, for each order and method, its player and the (clip, value) of its ends, by their numbers."""
    players = {row.key: i for i, row in enumerate(board.shown())}
    clips = {clip: i for i, clip in enumerate(run.clips["clip"])}
    return [
        [
            {
                "player": players[ends.row.key],
                "worst": [(clips[clip], value) for clip, value in ends.worst],
                "best": [(clips[clip], value) for clip, value in ends.best],
            }
            for ends in order.ends
        ]
        for order in found
    ]


def _plays(path: Path) -> bool:
    """Whether there is a clip that a browser plays."""
    return path.suffix in {".mp4", ".m4v", ".mov", ".webm"} and path.is_file()


def _provenance(run: Run) -> list[tuple[str, str]]:
    record = run.record
    phases = {name: words.duration(seconds) for name, seconds in record.times.items()}
    shared = [f"{s.method}: {s.stage}" for s in record.stages if s.shared_by_all_trials]
    return [
        ("Command", record.command),
        ("Created", record.created),
        ("Git revision", plain(record.git)),
        ("Seeds", plain(record.seeds)),
        ("Split", plain(record.split.model_dump(exclude={"unusable"}))),
        ("Reference picture", plain(record.reference)),
        ("Faces", plain(record.faces)),
        ("Backbones", record.backbones),
        ("Times", plain(phases)),
        ("Stages shared by all trials", "\n".join(shared) or "none"),
        ("Hardware", plain(record.hardware)),
        ("Versions", plain(record.versions)),
        *(
            (name.replace("_", " ").capitalize(), plain(value))
            for name, value in (record.model_extra or {}).items()
        ),
    ]

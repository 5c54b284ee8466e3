"""AV-offset histograms: by how many frames the sound of each row's clips leads the lips."""

import math
from collections import Counter

from reports.figures import COLOURS, Panel, Spec, axis_title, plot_axis, plot_layout
from reports.load import Run
from reports.rank import Board, Row
from reports.words import title

METRIC = "av_offset"

WITHIN = 1
"""Frames that count as in step: what viewers do not notice, and SyncNet's own tolerance."""


def offset_histograms(run: Run, board: Board) -> list[Panel]:
    """Return a panel for each shown row with a scored clip, all on the same axis of whole frames."""
    card = next((c for c in board.columns if c.name == METRIC), None)
    if card is None:
        return []
    table = run.per_clip[(run.per_clip["metric"] == METRIC) & run.per_clip["value"].notna()]
    values = {
        (str(key[0]), str(key[1])): [v for v in group["value"] if math.isfinite(v)]
        for key, group in table.groupby(["method", "trial"], sort=False)
    }
    shown = [(row, values[row.key]) for row in board.shown() if values.get(row.key)]
    reach = max((abs(v) for _, found in shown for v in found), default=0.0)
    reach = max(5, math.ceil(reach))
    return [_panel(f"offset-{i}", row, found, title(card), reach) for i, (row, found) in enumerate(shown)]


def _panel(identity: str, row: Row, values: list[float], metric: str, reach: int) -> Panel:
    counts = Counter(round(v) for v in values)
    xs = sorted(counts)
    shares = [100 * counts[x] / len(values) for x in xs]
    within = 100 * sum(n for x, n in counts.items() if abs(x) <= WITHIN) / len(values)
    bars: Spec = {
        "type": "bar",
        "x": xs,
        "y": shares,
        "marker": {"color": [COLOURS[2] if abs(x) <= WITHIN else COLOURS[1] for x in xs]},
        "customdata": [counts[x] for x in xs],
        "hovertemplate": "%{x:+d} frames: <b>%{y:.1f} %</b>, %{customdata} clips<extra></extra>",
    }
    layout = plot_layout(
        {**plot_axis(log=False), "range": [-reach - 0.7, reach + 0.7], "title": axis_title("frames")},
        {**plot_axis(log=False), "range": [0, 104], "nticks": 3, "ticksuffix": " %"},
    )
    return Panel(
        identity,
        row.name,
        f"{within:.0f} % within {WITHIN} frame, n {len(values)}",
        f"{metric} of {row.name}: {within:.0f} % of {len(values)} clips within {WITHIN} frame",
        {"data": [bars], "layout": {**layout, "bargap": 0.12}},
    )

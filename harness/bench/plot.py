"""bench.html: every row as bars, ours and the peer's, one panel a table and unit. It opens from disk.

An axis is logarithmic where its figures differ so much that the small ones could not be seen.
"""

import re
from collections.abc import Sequence
from html import escape
from math import log10
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from harness.bench.rows import Row

_OURS, _THEIRS = "#2563a8", "#b9bec6"
_ROW_PIXELS, _PANEL_PIXELS, _HEAD_PIXELS = 40, 90, 140
_WIDTH, _NAMES_WIDTH, _SAID_WIDTH = 1150, 300, 300
_LETTERS, _LINES = 42, 3
_WIDE = 50


def page(rows: Sequence[Row], machine: str) -> str:
    """Return a page of its own, plotly.js inside. Rows where nothing was measured have no bar, but a note."""
    panels: dict[str, list[Row]] = {}
    for row in rows:
        panels.setdefault(f"{row.table}, {row.unit}", []).append(row)
    heights = [_PANEL_PIXELS + _ROW_PIXELS * len(found) for found in panels.values()]
    figure = make_subplots(
        rows=max(1, len(panels)),
        cols=1,
        subplot_titles=[escape(title) for title in panels],
        row_heights=heights or None,
        vertical_spacing=min(0.9 / max(1, len(panels)), 55 / (sum(heights) + 1)) if panels else 0,
    )
    named: set[str] = set()
    for place, found in enumerate(panels.values(), 1):
        for trace in _bars(found):
            figure.add_trace(trace.update(showlegend=trace.name not in named), row=place, col=1)
            named.add(trace.name)
        figure.update_xaxes(**_axis(found), row=place, col=1)
        figure.update_yaxes(autorange="reversed", row=place, col=1)
    figure.update_layout(
        title={"text": f"Performance<br><sup>{_wrapped(machine)}</sup>", "x": 0.01},
        width=_WIDTH,
        height=sum(heights) + _HEAD_PIXELS,
        margin={"l": _NAMES_WIDTH, "r": _SAID_WIDTH, "t": _HEAD_PIXELS},
        template="plotly_white",
        legend={
            "orientation": "h",
            "x": 1,
            "xanchor": "right",
            "y": 0.995,
            "yanchor": "top",
            "yref": "container",
        },
        bargap=0.25,
    )
    html: str = figure.to_html(include_plotlyjs=True, full_html=True, config={"displaylogo": False})
    return html


def _bars(rows: Sequence[Row]) -> list[Any]:
    names = [_name(row) for row in rows]
    peers = [row.theirs for row in rows]
    ours = go.Bar(
        y=names,
        x=[row.ours for row in rows],
        text=[_said(row) for row in rows],
        textposition="outside",
        cliponaxis=False,
        orientation="h",
        name="ours",
        marker_color=_OURS,
        legendgroup="ours",
    )
    if not any(peers):
        return [ours]
    theirs = go.Bar(
        y=names,
        x=peers,
        orientation="h",
        name="the peer's",
        marker_color=_THEIRS,
        hovertext=[escape(row.peer) for row in rows],
        legendgroup="theirs",
    )
    return [ours, theirs]


def _axis(rows: Sequence[Row]) -> dict[str, Any]:
    shown = [value for row in rows for value in (row.ours, row.theirs) if value]
    if shown and max(shown) > _WIDE * min(shown):
        return {"type": "log", "range": [log10(min(shown) / 3), log10(max(shown))], "dtick": 1}
    return {"rangemode": "tozero"}


def _name(row: Row) -> str:
    """Return a row's name in lines that stand beside its bars, and that its peer is missing where it is."""
    lines = wrap(re.sub(r",\s*", ", ", row.name), _LETTERS, max_lines=_LINES, placeholder=" ...")
    if row.ours is None:
        lines.append("not measured: peer not installed")
    return "<br>".join(map(escape, lines))


def _said(row: Row) -> str:
    """Return what stands at a row's end: the ratio with its spread, or the figure."""
    if row.ours is None:
        return ""
    if row.ratio is None:
        return f"{row.ours:.4g}"
    return f"{row.ratio:.2f} x {escape(row.peer)} ({row.low:.2f} to {row.high:.2f})"


def _wrapped(text: str, width: int = 190) -> str:
    lines = [""]
    for word in escape(text).split():
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += f" {word}"
    return "<br>".join(line.strip() for line in lines)

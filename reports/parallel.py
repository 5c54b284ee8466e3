"""Parallel coordinates: every trial of a method as a line through its swept weights and its scores.

Axes run from the least to the largest value of these trials, those of metrics so that up is better. A line is
broken where a trial has no value.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from reports.figures import BEST, COLOURS, OTHER, Panel, Spec, plot_layout
from reports.rank import Board, Row
from reports.trends import number, swept
from reports.words import arrow, decimals, fixed, params, symbol, title

AXIS_WIDTH = 84
"""Pixels that an axis needs for its name."""


@dataclass(frozen=True)
class Axis:
    """One axis: its name in one line and broken, the values (R,) of the rows, and whether up is less."""

    name: str
    broken: str
    values: tuple[float, ...]
    turned: bool

    @property
    def ends(self) -> tuple[float, float]:
        """What stands at the lower and at the upper end; NaN where no row has a value."""
        finite = [v for v in self.values if math.isfinite(v)]
        if not finite:
            return math.nan, math.nan
        return (max(finite), min(finite)) if self.turned else (min(finite), max(finite))

    def heights(self) -> list[float | None]:
        """Return where each row's value lies, 0..1 from the lower end, in the middle where all are equal."""
        low, high = self.ends
        return [
            None if not math.isfinite(v) else 0.5 if low == high else (v - low) / (high - low)
            for v in self.values
        ]


def parallel(board: Board) -> list[tuple[Panel, int]]:
    """Return a panel for each method whose trials differ in a weight, and the pixels that it needs."""
    found = []
    for i, method in enumerate(dict.fromkeys(row.method for row in board.competing)):
        rows = [row for row in board.competing if row.method == method]
        names = swept(rows)
        if not names:
            continue
        axes = [*(_weight(rows, name) for name in names), *_scores(board, rows)]
        label = f"{len(rows)} trials of {method} as lines over {', '.join(axis.name for axis in axes)}"
        panel = Panel(
            f"parallel-{i}",
            method,
            f"{len(rows)} trials; up is better on the axes of metrics",
            f"{label}; the best trial is {rows[0].trial}",
            {"data": _lines(rows, axes), "layout": _layout(axes)},
        )
        found.append((panel, AXIS_WIDTH * len(axes)))
    return found


def _weight(rows: Sequence[Row], name: str) -> Axis:
    values = tuple(math.nan if (v := number(row, name)) is None else v for row in rows)
    return Axis(symbol(name), f"<b>{escape(symbol(name))}</b>", values, turned=False)


def _scores(board: Board, rows: Sequence[Row]) -> list[Axis]:
    axes = [
        Axis(
            title(card),
            f"{escape(card.title).replace(' ', '<br>')} {arrow(card)}",
            tuple(row.value(card.name) for row in rows),
            turned=not card.higher_is_better,
        )
        for card in board.ranked_by
    ]
    return [*axes, Axis("mean rank", "mean<br>rank ↓", tuple(row.mean_rank for row in rows), turned=True)]


def _lines(rows: Sequence[Row], axes: Sequence[Axis]) -> list[Spec]:
    """Return a line a row, the best on top."""
    heights = [axis.heights() for axis in axes]
    half = (len(rows) + 1) // 2
    lines: list[Spec] = []
    for i, row in enumerate(rows):
        colour, width, opacity = (BEST, 3.0, 1.0) if i == 0 else (OTHER, 1.4, 0.75)
        if i >= half and i:
            colour, opacity = COLOURS[7], 0.45
        lines.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": escape(row.trial),
                "x": list(range(len(axes))),
                "y": [column[i] for column in heights],
                "line": {"color": colour, "width": width},
                "marker": {"color": colour, "size": 5 if i else 7},
                "opacity": opacity,
                "text": [f"{axis.values[i]:.4g}" for axis in axes],
                "customdata": [escape(params(row.params))] * len(axes),
                "hovertemplate": "%{fullData.name}: <b>%{text}</b><br>%{customdata}<extra></extra>",
            }
        )
    return lines[::-1]


def _layout(axes: Sequence[Axis]) -> Spec:
    ends = []
    for x, axis in enumerate(axes):
        places = decimals(axis.values)
        for y, value, side in zip((0, 1), axis.ends, ("top", "bottom"), strict=True):
            ends.append(
                {"x": x, "y": y, "text": fixed(value, places), "showarrow": False, "yanchor": side,
                 "yshift": -6 if y == 0 else 6, "font": {"size": 11}}
            )  # fmt: skip
    x_axis = {
        "tickvals": list(range(len(axes))),
        "ticktext": [axis.broken for axis in axes],
        "tickangle": 0,
        "side": "top",
        "automargin": True,
        "zeroline": False,
        "gridcolor": "rgba(125,135,150,0.6)",
        "range": [-0.5, len(axes) - 0.5],
        "fixedrange": True,
    }
    y_axis = {"visible": False, "range": [-0.12, 1.12], "fixedrange": True}
    return {**plot_layout(x_axis, y_axis), "annotations": ends}

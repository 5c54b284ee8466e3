"""Pareto fronts: quality against speed over the rows of the board, and the losses that a search was led by.

A row is on a front where no other row is at least as good in both and better in one. Fronts are made of point
estimates: that two rows differ is what `reports.differences` tests. Not done here: fronts of three and more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations

from harness.pareto import pareto_front
from reports.figures import BEST, OTHER, Panel, Spec, axis_title, is_wide, plot_axis, plot_layout
from reports.load import Run, Trial
from reports.rank import Board, Row
from reports.words import direction, params, title

SPEED_AXIS = "fps"
"""The column that quality is held against."""

_NAMED = 6
"""As many rows of a front are named beside it; all are in the plot's description."""


@dataclass(frozen=True)
class Point:
    """One row or trial: its name, what to say of it, and where it stands."""

    name: str
    about: str
    x: float
    y: float


def speed_fronts(board: Board) -> list[Panel]:
    """Return a panel for the mean rank and one for each ranked metric; none where two rows lack a speed."""
    speed = next((c for c in board.columns if c.name == SPEED_AXIS), None)
    if speed is None:
        return []
    panels = []
    for i, card in enumerate((None, *board.ranked_by)):
        higher = card is not None and bool(card.higher_is_better)
        points = [_point(row, row.value(card.name) if card else row.mean_rank) for row in board.competing]
        kept = [p for p in points if math.isfinite(p.x) and math.isfinite(p.y)]
        if len(kept) < 2:
            continue
        on = pareto_front([(-p.x, -p.y if higher else p.y) for p in kept])
        what = title(card) if card else "Mean rank"
        which = direction(card) if card else "lower is better"
        panels.append(
            Panel(
                f"front-{i}",
                f"{what} against speed",
                _said(kept, on),
                f"{what} ({which}) against generation speed; on the front: {_names(kept, on)}",
                _spec(kept, on, (f"{speed.title}, {speed.unit}".rstrip(", "), ""), "vh"),
            )
        )
    return panels


def objective_fronts(run: Run) -> list[Panel]:
    """Return a panel for each pair of losses that a search of several objectives was led by."""
    panels: list[Panel] = []
    for method in dict.fromkeys(t.method for t in run.record.trials):
        trials = [t for t in run.record.trials if t.method == method and len(t.objectives) > 1]
        names = dict.fromkeys(name for t in trials for name in t.objectives)
        for x, y in combinations(names, 2):
            kept = [t for t in trials if _is_finite(t, x) and _is_finite(t, y)]
            if len(kept) < 2:
                continue
            points = [Point(t.trial, params(t.params), t.objectives[x], t.objectives[y]) for t in kept]
            on = [bool(t.pareto) for t in kept]
            panels.append(
                Panel(
                    f"objective-{len(panels)}",
                    f"{y} against {x}",
                    f"{method}: {_said(points, on)}",
                    f"{y} against {x} of {method}, lower is better; on the front: {_names(points, on)}",
                    _spec(points, on, (x, y), "hv" if len(names) == 2 else ""),
                )
            )
    return panels


def _names(points: Sequence[Point], on: Sequence[bool]) -> str:
    return ", ".join(p.name for p, is_on in zip(points, on, strict=True) if is_on)


def _said(points: Sequence[Point], on: Sequence[bool]) -> str:
    """Return how many are on the front, and which where they are few."""
    said = f"{sum(on)} of {len(on)} on the front"
    return f"{said}: {_names(points, on)}" if 0 < sum(on) <= _NAMED else said


def _is_finite(trial: Trial, name: str) -> bool:
    return math.isfinite(trial.objectives.get(name, math.nan))


def _point(row: Row, y: float) -> Point:
    return Point(row.name, params(row.params), row.value(SPEED_AXIS), y)


def _spec(points: Sequence[Point], on: Sequence[bool], titles: tuple[str, str], steps: str) -> Spec:
    """Return all points, those of the front joined by the steps that it makes where it is of two axes."""
    best = sorted((p for p, is_on in zip(points, on, strict=True) if is_on), key=lambda p: (p.x, p.y))
    rest = [p for p, is_on in zip(points, on, strict=True) if not is_on]
    joined = {"mode": "lines+markers", "line": {"color": BEST, "width": 1.5, "dash": "dot", "shape": steps}}
    line = {**_markers(best, BEST, "diamond"), **(joined if steps else {})}
    xs, ys = [p.x for p in points], [p.y for p in points]
    x_axis, y_axis = plot_axis(is_wide(xs)), plot_axis(is_wide(ys))
    layout = plot_layout(
        {**x_axis, "title": axis_title(escape(titles[0]))},
        {**y_axis, **({"title": axis_title(escape(titles[1]))} if titles[1] else {})},
    )
    return {"data": [_markers(rest, OTHER, "circle"), line], "layout": layout}


def _markers(points: Sequence[Point], colour: str, symbol: str) -> Spec:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [p.x for p in points],
        "y": [p.y for p in points],
        "marker": {"color": colour, "symbol": symbol, "size": 9 if symbol == "diamond" else 8},
        "customdata": [f"{escape(p.name)}<br>{escape(p.about)}" for p in points],
        "hovertemplate": "%{customdata}<br>%{x:.4g}, <b>%{y:.4g}</b><extra></extra>",
    }

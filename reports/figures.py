"""Plots as plotly specifications, plain dictionaries: `plotly.graph_objects.Figure(spec)` reads each one.

Backgrounds are transparent and the text carries no colour of its own: the page's stylesheet gives it one,
in light and dark. Names are HTML-escaped because plotly renders a small HTML in every text.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from harness.results import NO_TRIAL
from reports.load import Run
from reports.rank import Board, Row
from reports.trends import Trend, number
from reports.words import direction, params, symbol, title

Spec = dict[str, Any]

# Mid-light hues: each has a contrast of 3 or more on white and on the dark background alike.
COLOURS = (
    "#2f81c7",
    "#cf6a1f",
    "#2a9461",
    "#cf4a5e",
    "#8a6cc9",
    "#a0714f",
    "#c9559f",
    "#768392",
    "#8a8521",
    "#1d93a3",
)
BEST = COLOURS[1]
OTHER = COLOURS[0]

# More points than a panel has pixels only slow the page down.
_MOST_POINTS = 400
# A range this wide hides its lower end on a linear axis.
_LOG_RATIO = 20.0


@dataclass(frozen=True)
class Panel:
    """One small plot: `label` says in words what it shows, for those who do not see it."""

    id: str
    heading: str
    note: str
    label: str
    spec: Spec


@dataclass(frozen=True)
class Legend:
    """What one colour means in the training curves."""

    name: str
    colour: str


def scatter(trend: Trend, best: Row, identity: str) -> Panel:
    """Return one parameter against one metric, a point per trial with its interval."""
    rows = [r for r in trend.rows if math.isfinite(r.value(trend.card.name))]
    xs = [number(r, trend.parameter) for r in rows]
    cells = [r.cells[trend.card.name] for r in rows]
    marker = {
        "color": [BEST if r.key == best.key else OTHER for r in rows],
        "symbol": ["diamond" if r.key == best.key else "circle" for r in rows],
        "size": 9,
    }
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": xs,
        "y": [c.value for c in cells],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [_gap(c.high - c.value) for c in cells],
            "arrayminus": [_gap(c.value - c.low) for c in cells],
            "thickness": 1,
            "width": 0,
            "color": "rgba(125,135,150,0.65)",
        },
        "marker": marker,
        "text": [f"{escape(r.trial)}<br>{escape(params(r.params))}" for r in rows],
        "hovertemplate": "%{text}<br><b>%{y:.4g}</b><extra></extra>",
    }
    name, metric = symbol(trend.parameter), title(trend.card)
    x_axis = {**plot_axis(is_wide(xs)), "nticks": 4, "title": axis_title(escape(name))}
    return Panel(
        identity,
        f"{metric} against {name}",
        trend.figures() if not math.isnan(trend.rho) else f"no ρ: {trend.why_undefined()} (n = {trend.n})",
        f"{metric} ({direction(trend.card)}) against {name}: {trend.sentence()}",
        {"data": [points], "layout": plot_layout(x_axis, plot_axis(log=False))},
    )


def curves(run: Run, board: Board) -> list[Panel]:
    """Return a panel for each (method, stage, loss), a line per trial, the best trial's on top."""
    best = {row.key for row in board.best_trials()}
    colour = _trial_colours(run, best)
    grouped = run.curves.groupby(["method", "stage", "loss"], sort=False)
    return [
        _curve(f"curve-{i}", [str(part) for part in what], table, colour, best)
        for i, (what, table) in enumerate(grouped)
    ]


def curve_legend(run: Run, board: Board) -> list[Legend]:
    """Return what the colours of `curves` mean."""
    best = {row.key for row in board.best_trials()}
    colour = _trial_colours(run, best)
    if len(colour) > len(COLOURS):
        return [Legend("best trial", BEST), Legend("other trials", COLOURS[7])]
    return [Legend(_trial_name(key, best), c) for key, c in colour.items()]


def _trial_colours(run: Run, best: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
    keys = sorted(set(zip(run.curves["method"], run.curves["trial"], strict=True)))
    if len(keys) > len(COLOURS):
        return {key: BEST if key in best else COLOURS[7] for key in keys}
    return dict(zip(keys, COLOURS, strict=False))


def _trial_name(key: tuple[str, str], best: set[tuple[str, str]]) -> str:
    name = f"{key[0]}, shared stage" if key[1] == NO_TRIAL else f"{key[0]} {key[1]}"
    return f"{name} (best)" if key in best else name


def _curve(
    identity: str,
    what: Sequence[str],
    table: pd.DataFrame,
    colour: dict[tuple[str, str], str],
    best: set[tuple[str, str]],
) -> Panel:
    method, stage, loss = what
    lines: list[Spec] = []
    for trial, points in table.groupby("trial", sort=True):
        key = (method, str(trial))
        shown = _thinned(points)
        lines.append(
            {
                "type": "scatter",
                "mode": "lines" if len(shown) > 1 else "markers",
                "name": escape(_trial_name(key, best)),
                "x": shown["step"].tolist(),
                "y": [v if math.isfinite(v) else None for v in shown["value"]],
                "line": {"color": colour[key], "width": 2.5 if key in best else 1.3},
                "opacity": 1 if key in best or len(colour) <= len(COLOURS) else 0.5,
                "hovertemplate": "step %{x}: <b>%{y:.4g}</b><extra>%{fullData.name}</extra>",
            }
        )
    lines.sort(key=lambda line: float(line["line"]["width"]))
    log = is_wide(table["value"].tolist())
    x_axis = {**plot_axis(log=False), "title": axis_title("step")}
    return Panel(
        identity,
        f"{stage}: {loss}",
        f"{method}, log scale" if log else method,
        f"{loss} of {method} over the optimiser steps of its stage {stage}, {len(lines)} lines",
        {"data": lines, "layout": plot_layout(x_axis, plot_axis(log))},
    )


def _thinned(points: pd.DataFrame) -> pd.DataFrame:
    every = max(1, math.ceil(len(points) / _MOST_POINTS))
    kept = points.iloc[::every]
    return kept if every == 1 or kept.index[-1] == points.index[-1] else pd.concat([kept, points.iloc[-1:]])


def plot_layout(x_axis: Spec, y_axis: Spec) -> Spec:
    """Return the layout that every plot has."""
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 10, "t": 8, "b": 8},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "font": {"family": "system-ui, sans-serif", "size": 12},
        "xaxis": x_axis,
        "yaxis": y_axis,
    }


def plot_axis(log: bool) -> Spec:
    """Return what both axes of every plot have."""
    common: Spec = {
        "automargin": True,
        "zeroline": False,
        "gridcolor": "rgba(125,135,150,0.25)",
        "nticks": 5,
        "tickangle": 0,
    }
    return {**common, "type": "log", "dtick": 1} if log else common


def axis_title(text: str) -> Spec:
    """Return an axis's title, escaped by the caller."""
    return {"text": text, "standoff": 4, "font": {"size": 12}}


def is_wide(values: Sequence[float | None]) -> bool:
    """Whether values span so much that a linear axis hides the lower ones."""
    finite = [v for v in values if v is not None and math.isfinite(v)]
    return bool(finite) and min(finite) > 0 and max(finite) / min(finite) > _LOG_RATIO


def _gap(distance: float) -> float:
    return distance if math.isfinite(distance) else 0.0

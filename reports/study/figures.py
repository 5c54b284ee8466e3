"""The plots of a study: who is preferred, mean ratings, metrics against people."""

import math
from collections.abc import Sequence
from html import escape
from itertools import pairwise

from reports.figures import BEST, COLOURS, OTHER, Panel, Spec, plot_axis, plot_layout
from reports.study.agreement import MetricAgreement
from reports.study.analysis import Preference, Rating
from reports.study.judgements import Estimate
from reports.words import backbone, fixed, title

_CONTROL = COLOURS[7]
_FAINT = "rgba(125,135,150,0.12)"
_MOST_LABEL = 22


def strength_dots(found: Preference, names: Sequence[str], controls: Sequence[bool]) -> Panel:
    """Return the strengths of preference, strongest on top."""
    order = by_value(found.strengths.values)
    best = next((k for k in order if not controls[k]), None)
    text = ", ".join(f"{names[k]} {fixed(found.strengths.values[k].value, 2)}" for k in order)
    return Panel(
        f"strength-{found.question.name}",
        "Strength of preference",
        "log-odds, 0 is the mean of the methods; 95 % intervals; orange the best, grey controls",
        f"Strength of preference, strongest first: {text}",
        _dots(
            [found.strengths.values[k] for k in order],
            [names[k] for k in order],
            [_CONTROL if controls[k] else BEST if k == best else OTHER for k in order],
            [_line(0.0)],
            {"zeroline": False},
        ),
    )


def preference_matrix(found: Preference, names: Sequence[str]) -> Panel:
    """Return how often the row's method is preferred to the column's, both ordered by strength."""
    order = by_value(found.strengths.values)
    shares = [[found.won[i][j].value for j in order] for i in order]
    lean = [[_lean(found, i, j) for j in order] for i in order]
    texts = [["" if math.isnan(v) else f"{100 * v:.0f}" for v in row] for row in shares]
    hover = [[_cell_words(found, names, i, j) for j in order] for i in order]
    places = list(range(len(order)))
    blue, orange = (_alpha(c, 0.75) for c in (OTHER, BEST))
    heat: Spec = {
        "type": "heatmap",
        "x": places,
        "y": places,
        "z": [[None if math.isnan(v) else v for v in row] for row in lean],
        "zmin": -1,
        "zmax": 1,
        "colorscale": [[0, orange], [0.5, _FAINT], [1, blue]],
        "showscale": False,
        "text": texts,
        "texttemplate": "%{text}",
        "textfont": {"size": 12},
        "customdata": hover,
        "hovertemplate": "%{customdata}<extra></extra>",
        "xgap": 2,
        "ygap": 2,
    }
    ticks = {"tickvals": places, "ticktext": [_label(names[k]) for k in order], "showgrid": False}
    across = {**plot_axis(log=False), **ticks, "side": "top", "tickangle": -35}
    down = {**plot_axis(log=False), **ticks, "autorange": "reversed"}
    return Panel(
        f"matrix-{found.question.name}",
        "Who is preferred to whom",
        "% of votes that prefer the row to the column; the rest prefer the column or see no difference",
        "; ".join(
            f"{names[i]} preferred to {names[j]} in {100 * found.won[i][j].value:.0f} %"
            for i, j in pairwise(order)
            if found.won[i][j].n
        ),
        {"data": [heat], "layout": plot_layout(across, down)},
    )


def mos_dots(found: Rating, names: Sequence[str], controls: Sequence[bool]) -> Panel:
    """Return the mean opinion scores of one question, methods in the order of the cast."""
    kept = [k for k, m in enumerate(found.mos) if m.n]
    best = max((k for k in kept if not controls[k]), key=lambda k: found.mos[k].value, default=None)
    return Panel(
        f"mos-{found.question.name}",
        found.question.text,
        "1 to 5, 95 % intervals; orange the best, grey controls",
        f"{found.question.text}: " + ", ".join(f"{names[k]} {fixed(found.mos[k].value, 2)}" for k in kept),
        _dots(
            [found.mos[k] for k in kept],
            [names[k] for k in kept],
            [_CONTROL if controls[k] else BEST if k == best else OTHER for k in kept],
            [],
            {"range": [0.9, 5.1], "tickvals": [1, 2, 3, 4, 5]},
        ),
    )


def accuracy_dots(identity: str, what: str, found: Sequence[MetricAgreement], others: Estimate) -> Panel:
    """Return how often each metric orders a judged pair as people do, best first; dotted: chance, people."""
    scored = sorted((m for m in found if m.accuracy.n), key=lambda m: -m.accuracy.value)
    lines = [_line(50.0), *([_line(100 * others.value, COLOURS[2])] if others.n else [])]
    words = [f"{title(m.card)} {100 * m.accuracy.value:.0f} %" for m in scored]
    return Panel(
        f"accuracy-{identity}",
        f"Pairs ordered as people order them: {what}",
        "% of decided votes; grey 50 % is chance, green what other people’s votes reach",
        f"Accuracy over clip pairs for {what}: {', '.join(words)}",
        _dots(
            [_percent(m.accuracy) for m in scored],
            [f"{m.card.title} {backbone(m.card)}".strip() for m in scored],
            [OTHER if m.accuracy.low > 0.5 else BEST if m.accuracy.high < 0.5 else _CONTROL for m in scored],
            lines,
            {"range": [min([45.0, *(100 * m.accuracy.low - 2 for m in scored)]), 100.5], "ticksuffix": " %"},
        ),
    )


def by_value(values: Sequence[Estimate]) -> list[int]:
    """Return the numbers of the methods, greatest value first, those without one last."""
    return sorted(
        range(len(values)), key=lambda k: math.inf if math.isnan(values[k].value) else -values[k].value
    )


def _dots(
    values: Sequence[Estimate], names: Sequence[str], colours: Sequence[str], lines: list[Spec], axis: Spec
) -> Spec:
    places = list(range(len(values)))
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": [None if math.isnan(v.value) else v.value for v in values],
        "y": places,
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [_gap(v.high - v.value) for v in values],
            "arrayminus": [_gap(v.value - v.low) for v in values],
            "thickness": 1.6,
            "width": 0,
            "color": "rgba(125,135,150,0.8)",
        },
        "marker": {"color": list(colours), "size": 10},
        "text": [
            f"{escape(n)}<br><b>{v.value:.4g}</b> [{v.low:.4g}, {v.high:.4g}]<br>n {v.n}"
            for n, v in zip(names, values, strict=True)
        ],
        "hovertemplate": "%{text}<extra></extra>",
    }
    down = {
        **plot_axis(log=False),
        "tickvals": places,
        "ticktext": [_label(name) for name in names],
        "range": [len(places) - 0.5, -0.5],
    }
    layout = plot_layout({**plot_axis(log=False), **axis}, down)
    layout["shapes"] = lines
    return {"data": [points], "layout": layout}


def _lean(found: Preference, i: int, j: int) -> float:
    """Return by how much the row wins more often than it loses, -1 to 1."""
    return found.won[i][j].value - found.won[j][i].value


def _cell_words(found: Preference, names: Sequence[str], i: int, j: int) -> str:
    won, lost = found.won[i][j], found.won[j][i]
    if not won.n:
        return ""
    return (
        f"{escape(names[i])} preferred to {escape(names[j])}: <b>{100 * won.value:.0f} %</b> "
        f"[{100 * won.low:.0f}, {100 * won.high:.0f}]<br>the other way {100 * lost.value:.0f} %, "
        f"no difference {100 * found.tied[i][j]:.0f} %, n {won.n}"
    )


def _percent(found: Estimate) -> Estimate:
    return Estimate(100 * found.value, 100 * found.low, 100 * found.high, found.n)


def _line(at: float, colour: str = "rgba(125,135,150,0.8)") -> Spec:
    return {
        "type": "line", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1,
        "line": {"color": colour, "width": 1.5, "dash": "dot"},
    }  # fmt: skip


def _label(name: str) -> str:
    """Return a name that leaves room for the plot; the whole one stands under the pointer."""
    return escape(name if len(name) <= _MOST_LABEL else name[: _MOST_LABEL - 1] + "…")


def _alpha(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def _gap(distance: float) -> float:
    return distance if math.isfinite(distance) else 0.0

"""Action units over time: what the instrument of AU MAE saw in a clip, in the real one and in each method's.

For each clip that traces.csv holds (harness.traces says which), the units that vary most in the real clip,
on one axis of seconds and one of intensity. A frame in which no face was found is a gap in the line.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from harness.types import FPS
from reports.figures import COLOURS, Legend, Panel, Spec, axis_title, plot_axis, plot_layout
from reports.load import Run, read_traces
from reports.rank import Board, Row

METRIC = "au_mae"

_UNITS = 6
_TRUTH = Legend("real clip", COLOURS[7])
_OTHERS = tuple(c for c in COLOURS if c != _TRUTH.colour)[:6]


@dataclass(frozen=True)
class Traced:
    """One clip: what it is called, a panel for each unit, and the methods that have no line, in words."""

    label: str
    panels: tuple[Panel, ...]
    absent: str


@dataclass(frozen=True)
class TraceView:
    """All clips with series and what their colours mean; `why` says why there is none though there could."""

    clips: tuple[Traced, ...]
    legend: tuple[Legend, ...]
    why: str = ""


@dataclass(frozen=True)
class _Line:
    """One line of a panel."""

    name: str
    colour: str
    width: float
    values: list[float]


def au_traces(run: Run, board: Board) -> TraceView:
    """Return the view of a run; empty, with the reason, where AU MAE is a column and there are no series."""
    if METRIC not in {card.name for card in board.columns}:
        return TraceView((), ())
    table = read_traces(run)
    if table is None:
        return TraceView((), (), "this run has no traces.csv: a harness that kept no series wrote it")
    table = table[table["metric"] == METRIC]
    if table.empty:
        return TraceView((), (), "none of the clips that were to be traced has a score")
    shown = board.best_trials()[: len(_OTHERS)]
    legend = (_TRUTH, *(Legend(row.name, colour) for row, colour in zip(shown, _OTHERS, strict=False)))
    order = {clip: i for i, clip in enumerate(run.clips["clip"])}
    grouped = sorted(table.groupby("clip", sort=False), key=lambda item: order.get(str(item[0]), len(order)))
    clips = tuple(
        _traced(f"trace-{i}", _label(run, str(clip)), part, shown) for i, (clip, part) in enumerate(grouped)
    )
    return TraceView(clips, legend)


def _label(run: Run, clip: str) -> str:
    rows = run.clips[run.clips["clip"] == clip]
    if rows.empty:
        return clip
    emotion, speaker = rows.iloc[0][["emotion", "speaker"]]
    return " · ".join(part for part in (emotion, speaker and f"speaker {speaker}", clip) if part)


def _traced(identity: str, label: str, table: pd.DataFrame, shown: Sequence[Row]) -> Traced:
    units = [*dict.fromkeys(table["unit"])]
    frames = range(int(table["frame"].max()) + 1)
    # A row has as many frames as both of its clips, and an empty cell where no face was found.
    real = table.groupby(["unit", "frame"], sort=False)["reference"].first().to_dict()
    truth = {unit: [real.get((unit, t), math.nan) for t in frames] for unit in units}
    made = {
        (str(m), str(t), str(unit)): dict(zip(part["frame"], part["generated"], strict=True))
        for (m, t, unit), part in table.groupby(["method", "trial", "unit"], sort=False)
    }
    present = [(row, c) for row, c in zip(shown, _OTHERS, strict=False) if (*row.key, units[0]) in made]
    top = table[["generated", "reference"]].max().max()
    panels = []
    for i, unit in enumerate(most_varying(truth, _UNITS)):
        lines = [_Line(_TRUTH.name, _TRUTH.colour, 4.0, truth[unit])]
        lines += [
            _Line(row.name, c, 1.8, [made[*row.key, unit].get(t, math.nan) for t in frames])
            for row, c in present
        ]
        panels.append(_panel(f"{identity}-{i}", unit, label, lines, float(top)))
    gone = [row.name for row in shown if row.key not in {kept.key for kept, _ in present}]
    return Traced(label, tuple(panels), ", ".join(gone))


def most_varying(truth: dict[str, list[float]], most: int) -> list[str]:
    """Return the units of the largest standard deviation over time, in their own order."""
    ranked = sorted(truth, key=lambda unit: -_deviation(truth[unit]))
    return [unit for unit in truth if unit in ranked[:most]]


def _deviation(values: Sequence[float]) -> float:
    """Return the standard deviation of the values that there are, 0 of fewer than two."""
    kept = [v for v in values if math.isfinite(v)]
    if not kept:
        return 0.0
    mean = math.fsum(kept) / len(kept)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in kept) / len(kept))


def _panel(identity: str, unit: str, label: str, lines: Sequence[_Line], top: float) -> Panel:
    frames = len(lines[0].values)
    x_axis = {
        **plot_axis(log=False),
        "range": [0, max(1, frames - 1) / FPS],
        "title": axis_title("s"),
    }
    y_axis = {**plot_axis(log=False), "range": [0, 1.05 * top if top > 0 else 1]}
    deviation = f"SD {_deviation(lines[0].values):.2f} in the real clip"
    names = ", ".join(line.name for line in lines)
    return Panel(
        identity,
        unit,
        f"{label.rsplit(' · ', 1)[-1]}: {deviation}",
        f"Intensity of {unit} over {frames / FPS:.2f} s of {label}: {names}; {deviation}",
        {"data": [_trace(line) for line in lines], "layout": plot_layout(x_axis, y_axis)},
    )


def _trace(line: _Line) -> Spec:
    values = [v if math.isfinite(v) else None for v in line.values]
    return {
        "type": "scatter",
        "mode": "lines+markers" if _has_lone(values) else "lines",
        "name": escape(line.name),
        "x": [round(t / FPS, 2) for t in range(len(values))],
        "y": values,
        "line": {"color": line.colour, "width": line.width},
        "marker": {"color": line.colour, "size": line.width + 2},
        "opacity": 0.9,
        "hovertemplate": "%{x:.2f} s: <b>%{y:.2f}</b><extra>%{fullData.name}</extra>",
    }


def _has_lone(values: Sequence[float | None]) -> bool:
    """Whether a value stands between two gaps, where a line alone shows nothing."""
    padded = [None, *values, None]
    return any(
        v is not None and before is None and after is None
        for before, v, after in zip(padded, values, padded[2:], strict=False)
    )

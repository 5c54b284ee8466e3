"""The curves of a calibration: small plots for plotly, and sparklines as SVG that need no script."""

import math
from collections.abc import Sequence
from dataclasses import replace

from harness.contracts import MetricCard
from reports.calibration_data import Calibration, FaultInfo, LevelRow, VerdictRow, lowered
from reports.figures import COLOURS, Panel, Spec, plot_axis, plot_layout
from reports.words import direction, signed, title

COLOUR = {"sees": COLOURS[2], "partly": COLOURS[1], "blind": COLOURS[7], "unscored": COLOURS[7]}
_MOST_TICKS = 6
_WIDTH, _HEIGHT, _EDGE = 64.0, 20.0, 2.5


def points(found: Calibration, metric: str, fault: FaultInfo) -> list[LevelRow | None]:
    """Return a curve's points in the order of the fault's axis; a deaf metric's is one value."""
    base = found.unfaulted(metric)
    rows = {row.strength: row for row in found.levels.get((metric, fault.name), ())}
    if not rows:
        return [replace(base, strength=s, detected=False) for s in fault.axis]
    return [base if s is None else rows.get(s) for s in fault.axis]


def panel(found: Calibration, card: MetricCard, fault: FaultInfo) -> Panel:
    """Return one metric's curve under one fault: the mean, its 95 % interval, the unfaulted clips' dotted."""
    verdict = found.verdicts[card.name, fault.name]
    curve = points(found, card.name, fault)
    colour = COLOUR[verdict.verdict]
    drawn = [(x, p) for x, p in enumerate(curve) if p is not None and math.isfinite(p.value)]
    xs = [x for x, _ in drawn]
    traces: list[Spec] = [
        _edge(xs, [_finite(p.high, p.value) for _, p in drawn]),
        {
            **_edge(xs, [_finite(p.low, p.value) for _, p in drawn]),
            "fill": "tonexty",
            "fillcolor": _faint(colour),
        },
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": xs,
            "y": [p.value for _, p in drawn],
            "line": {"color": colour, "width": 2},
            "marker": {
                "color": colour,
                "line": {"color": colour, "width": 1.5},
                "size": [9 if p.strength is None else 6 for _, p in drawn],
                "symbol": [
                    "diamond" if p.strength is None else "circle" if p.detected else "circle-open"
                    for _, p in drawn
                ],
            },
            "text": [_hover(fault, p) for _, p in drawn],
            "hovertemplate": "%{text}<extra></extra>",
        },
    ]
    layout = plot_layout(_strengths(fault), {**plot_axis(log=False), "nticks": 4})
    base = found.unfaulted(card.name).value
    if math.isfinite(base):
        layout["shapes"] = [
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": base, "y1": base,
             "line": {"color": "rgba(125,135,150,0.7)", "width": 1, "dash": "dot"}}
        ]  # fmt: skip
    label = f"{title(card)} ({direction(card)}) under {lowered(fault.title)}: {phrase(verdict, fault)}"
    return Panel(
        f"curve-{card.name}-{fault.name}",
        fault.title,
        phrase(verdict, fault),
        label,
        {"data": traces, "layout": layout},
    )


def phrase(verdict: VerdictRow, fault: FaultInfo) -> str:
    """Return a verdict as a panel's caption: "sees it from 0.3 px, ρ −1.00"."""
    if verdict.verdict == "unscored":
        return "no clip has a score"
    rho = "" if math.isnan(verdict.rho) else f", ρ\u00a0{signed(verdict.rho)}"
    if verdict.verdict == "blind":
        return f"blind{rho}"
    from_ = fault.amounts(verdict.smallest)
    return f"{'sees it' if verdict.verdict == 'sees' else 'partly,'} from {from_}{rho}"


def spark(curve: Sequence[LevelRow | None], verdict: str) -> str:
    """Return a curve as a small SVG, scaled to its own range; a flat one lies in the middle."""
    drawn = [(x, p.value) for x, p in enumerate(curve) if p is not None and math.isfinite(p.value)]
    if len(drawn) < 2:
        return ""
    low, high = min(v for _, v in drawn), max(v for _, v in drawn)
    step = (_WIDTH - 2 * _EDGE) / max(1, len(curve) - 1)
    reach = _HEIGHT - 2 * _EDGE
    flat = high - low <= 1e-9 * max(abs(high), abs(low))
    places = [
        (_EDGE + x * step, _HEIGHT / 2 if flat else _EDGE + reach * (high - v) / (high - low))
        for x, v in drawn
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return (
        f'<svg class="spark" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" aria-hidden="true">'
        f'<polyline points="{path}" fill="none" stroke="{COLOUR[verdict]}" stroke-width="1.6" '
        'stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )


def offsets(shares: dict[str, float]) -> Panel:
    """Return how often each planted shift is found, in percent of the clips."""
    xs = sorted(int(s) for s in shares)
    ys = [100 * shares[str(x)] for x in xs]
    bars = {
        "type": "bar",
        "x": xs,
        "y": ys,
        "marker": {"color": [COLOURS[2] if y >= 95 else COLOURS[1] for y in ys]},
        "hovertemplate": "shift %{x:+d}: <b>%{y:.1f} %</b><extra></extra>",
    }
    layout = plot_layout(
        {**plot_axis(log=False), "tickvals": xs},
        {**plot_axis(log=False), "range": [0, 104], "ticksuffix": " %"},
    )
    label = f"Share of clips found within a frame, by shift: {min(ys):.1f} to {max(ys):.1f} %"
    return Panel(
        "offset-shares",
        "Found within 1 frame",
        "by planted shift, frames",
        label,
        {"data": [bars], "layout": layout},
    )


def _strengths(fault: FaultInfo) -> Spec:
    every = math.ceil(len(fault.axis) / _MOST_TICKS)
    start = fault.axis.index(None) % every
    shown = range(start, len(fault.axis), every)
    axis = {
        **plot_axis(log=False),
        "showgrid": False,
        "tickfont": {"size": 10},
        "range": [-0.4, len(fault.axis) - 0.6],
    }
    return {**axis, "tickvals": list(shown), "ticktext": [fault.tick(fault.axis[i]) for i in shown]}


def _edge(xs: Sequence[int], ys: Sequence[float]) -> Spec:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(xs),
        "y": list(ys),
        "line": {"width": 0},
        "hoverinfo": "skip",
    }


def _hover(fault: FaultInfo, row: LevelRow) -> str:
    what = "unfaulted" if row.strength is None else fault.amount(row.strength)
    counted = f"n {row.n}" + (f", {row.unscored} unscored" if row.unscored else "")
    found = (
        "" if row.strength is None else "<br>detected" if row.detected else "<br>not told from the unfaulted"
    )
    return f"{what}: <b>{row.value:.4g}</b><br>[{row.low:.4g}, {row.high:.4g}], {counted}{found}"


def _finite(value: float, instead: float) -> float:
    return value if math.isfinite(value) else instead


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.2)"

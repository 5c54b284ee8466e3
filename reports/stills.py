"""Figures for papers: every plot, response surface, confusion matrix and frame strip as SVG, PDF or PNG.

Drawn with matplotlib from the same specifications as the page's, of which it knows what `reports.figures` and
its neighbours use: lines, markers, error bars, bars. The same run gives the same bytes.
"""

import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from textwrap import wrap
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from PIL import Image

from reports.confusion import Confusion, confusions
from reports.figures import Panel, Spec
from reports.load import load
from reports.parallel import AXIS_WIDTH
from reports.plots import plots
from reports.rank import rank
from reports.strips import Strip, write_strips
from reports.surfaces import Surface, surfaces
from reports.traces import Traced
from reports.trends import trends
from reports.words import arrow, coverage, share, symbol, title

FORMATS = ("svg", "pdf", "png")

_COLUMN, _PAGE = 3.4, 7.0
"""Inches: one column and the whole width of a paper in two."""

_STYLE = {
    "font.size": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.linewidth": 0.4,
    "grid.color": "#d8dce2",
    "axes.axisbelow": True,
    "text.parse_math": False,  # a method may be called "$x"
    "pdf.fonttype": 42,  # publishers refuse fonts of type 3
    "svg.hashsalt": "reports",
    "savefig.dpi": 300,
}
# What would make two exports of one run differ.
_DATED: dict[str, dict[str, Any]] = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {"Software": None},
}
_MARKERS = {"circle": "o", "diamond": "D"}
_STEPS = {"hv": "steps-post", "vh": "steps-pre"}
_MOST_NAMES = 10
_UNITS_A_LINE = 3
_LETTERS = 58
"""As many stand in a line over a column."""


def write_figures(run_dir: Path, kind: str) -> list[Path]:
    """Write RUN_DIR/figures/*.`kind` and say which. Raises BadInput as `reports.write_views` does."""
    run = load(run_dir)
    board = rank(run)
    drawn = plots(run, board, trends(board))
    folder = run_dir / "figures"
    folder.mkdir(exist_ok=True)
    written = []
    with mpl.rc_context({**mpl.rcParamsDefault, **_STYLE}):
        wide = {panel.id: width for panel, width in drawn.parallel}
        for panel in drawn.panels():
            figure = _plot(panel, wide.get(panel.id, 0))
            written.append(_save(figure, folder / f"{panel.id}-{slug(panel.heading)}.{kind}"))
        for i, clip in enumerate(drawn.traces.clips):
            written.append(_save(_units(clip), folder / f"trace-{i}-{slug(clip.label)}.{kind}"))
        for i, surface in enumerate(s for _, of_card in surfaces(board) for s in of_card):
            name = f"surface-{i}-{slug(f'{surface.card.name} {surface.heading} {surface.method}')}"
            written.append(_save(_surface(surface), folder / f"{name}.{kind}"))
        for i, matrix in enumerate(confusions(run, board)):
            name = f"confusion-{i}-{slug(matrix.row.name)}"
            written.append(_save(_matrix(matrix), folder / f"{name}.{kind}"))
        for i, strip in enumerate(write_strips(run, board)):
            written.append(_save(_strip(run_dir, strip), folder / f"strip-{i}-{slug(strip.clip)}.{kind}"))
    return written


def slug(text: str) -> str:
    """Return a text as a part of a file's name: letters and digits of ASCII, Greek ones by name, dashes."""
    greek = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "λ": "lambda", "σ": "sigma"}
    spelt = "".join(greek.get(c, c) for c in text)
    return re.sub(r"[^A-Za-z0-9]+", "-", spelt).strip("-").lower()[:60]


def _save(figure: Figure, path: Path) -> Path:
    kind = path.suffix[1:]
    partial = path.with_name(path.name + ".partial")
    figure.savefig(partial, format=kind, bbox_inches="tight", metadata=_DATED[kind])
    return partial.replace(path)


def _plain(text: str) -> str:
    """Return a plotly text as it reads."""
    return unescape(re.sub(r"</?(b|i|sub|sup)>", "", text.replace("<br>", "\n")))


def _plot(panel: Panel, pixels: int) -> Figure:
    width = _COLUMN if not pixels else max(_PAGE, pixels / AXIS_WIDTH * 0.62)
    figure = Figure(figsize=(width, 2.3 if not pixels else 3.0))
    axes = figure.add_subplot()
    named = _traces(axes, panel.spec["data"])
    _axis(axes, "x", panel.spec["layout"]["xaxis"])
    _axis(axes, "y", panel.spec["layout"]["yaxis"])
    for note in panel.spec["layout"].get("annotations", ()):
        up = {"top": "top", "bottom": "bottom"}[note["yanchor"]]
        at = (note["x"], note["y"])
        axes.annotate(_plain(note["text"]), at, (0, note["yshift"]), textcoords="offset points",
                      ha="center", va=up, fontsize=7)  # fmt: skip
    if 1 < named <= _MOST_NAMES and not pixels:
        axes.legend(fontsize=6, frameon=False)
    said = [*wrap(panel.heading, _LETTERS), *wrap(panel.note, _LETTERS)]
    axes.set_title("\n".join(said), loc="left", fontsize=8, pad=26 if pixels else 6)
    return figure


def _units(clip: Traced) -> Figure:
    """Return a clip's action units over time, a small plot a unit on the same axes."""
    lines = -(-len(clip.panels) // _UNITS_A_LINE)
    figure = Figure(figsize=(_PAGE, 0.7 + 1.3 * lines), layout="constrained")
    grid = figure.subplots(lines, _UNITS_A_LINE, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, panel in zip(grid, clip.panels, strict=False):
        _traces(axes, panel.spec["data"])
        _axis(axes, "x", panel.spec["layout"]["xaxis"])
        _axis(axes, "y", panel.spec["layout"]["yaxis"])
        axes.set_title(panel.heading, loc="left", fontsize=8)
    for axes in grid[len(clip.panels) :]:
        axes.set_visible(False)
    named = grid[0].get_legend_handles_labels()
    figure.legend(*named, loc="outside lower center", ncols=4, fontsize=7, frameon=False)
    figure.suptitle(clip.label, x=0.01, ha="left", fontsize=8)
    return figure


def _traces(axes: Any, traces: Sequence[Spec]) -> int:
    """Draw all traces and return how many have a name."""
    for trace in traces:
        if trace["type"] == "bar":
            axes.bar(trace["x"], trace["y"], width=0.88, color=trace["marker"]["color"])
        else:
            _scatter(axes, trace)
    return sum("name" in trace for trace in traces)


def _scatter(axes: Any, trace: Spec) -> None:
    xs = np.array(trace["x"], float)
    ys = np.array([np.nan if y is None else y for y in trace["y"]], float)
    alpha, name = trace.get("opacity", 1), _plain(trace["name"]) if "name" in trace else None
    if "lines" in trace["mode"]:
        line = trace["line"]
        dotted = ":" if line.get("dash") == "dot" else "-"
        drawn = {"linestyle": dotted, "drawstyle": _STEPS.get(line.get("shape", ""), "default")}
        axes.plot(xs, ys, color=line["color"], lw=0.7 * line["width"], alpha=alpha, label=name, **drawn)
    if "error_y" in trace:
        bars = [trace["error_y"]["arrayminus"], trace["error_y"]["array"]]
        axes.errorbar(xs, ys, yerr=bars, fmt="none", ecolor="#9aa2ad", elinewidth=0.7, zorder=1)
    if "markers" in trace["mode"]:
        _markers(axes, (xs, ys), trace.get("marker", {"color": trace.get("line", {}).get("color")}), alpha)


def _markers(axes: Any, at: tuple[Any, Any], marker: Spec, alpha: float) -> None:
    xs, ys = at
    count = len(xs)
    colours = marker["color"] if isinstance(marker["color"], list) else [marker["color"]] * count
    kinds = marker.get("symbol", "circle")
    kinds = kinds if isinstance(kinds, list) else [kinds] * count
    for kind in dict.fromkeys(kinds):
        of = [i for i in range(count) if kinds[i] == kind]
        size = (0.5 * marker.get("size", 6)) ** 2
        axes.scatter(xs[of], ys[of], size, [colours[i] for i in of], _MARKERS[kind], alpha=alpha, zorder=3)


def _axis(axes: Any, which: str, spec: Spec) -> None:
    axis = getattr(axes, f"{which}axis")
    if spec.get("visible") is False:
        axis.set_visible(False)
        axes.spines["left" if which == "y" else "bottom"].set_visible(False)
    if spec.get("type") == "log":
        getattr(axes, f"set_{which}scale")("log")
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(NullFormatter())
    if "range" in spec:
        getattr(axes, f"set_{which}lim")(*spec["range"])
    if "tickvals" in spec:
        axis.set_ticks(
            spec["tickvals"], [_plain(t) for t in spec.get("ticktext", map(str, spec["tickvals"]))]
        )
    if spec.get("side") == "top":
        axis.tick_top()
        axes.spines["bottom"].set_visible(False)
    if "ticksuffix" in spec:
        axis.set_major_formatter(lambda value, _: f"{value:g}{spec['ticksuffix']}")
    if "title" in spec:
        getattr(axes, f"set_{which}label")(_plain(spec["title"]["text"]))


def _matrix(found: Confusion) -> Figure:
    """Return a confusion matrix: shares of a label's clips, their count beside the label."""
    shares = np.array(
        [[found.share(i, j) for j in range(len(found.called))] for i in range(len(found.labels))]
    )
    figure = Figure(figsize=(_COLUMN, _COLUMN * (0.35 + 0.12 * len(found.labels))))
    axes = figure.add_subplot()
    axes.grid(visible=False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=140, aspect="auto")
    for (i, j), percent in np.ndenumerate(shares):
        axes.text(j, i, share(percent / 100) if percent else "·", ha="center", va="center", fontsize=7)
    axes.set_xticks(range(len(found.called)), found.called, rotation=30, ha="right")
    lines = [f"{label} ({sum(counts)})" for label, counts in zip(found.labels, found.counts, strict=True)]
    axes.set_yticks(range(len(found.labels)), lines)
    axes.set_title(f"{found.row.name}\n{title(found.card)}", loc="left", fontsize=8)
    return figure


def _surface(found: Surface) -> Figure:
    """Return a response surface: means and their trials, deeper where better."""
    shades = np.array(
        [[np.nan if (s := found.shade(c)) is None else s for c in line] for line in found.cells]
    )
    figure = Figure(figsize=(_COLUMN, 0.9 + 0.32 * len(found.down.ranges)))
    axes = figure.add_subplot()
    axes.grid(visible=False)
    axes.imshow(shades, cmap="Blues", vmin=-0.05, vmax=1.8, aspect="auto")
    for i, line in enumerate(found.cells):
        for j, cell in enumerate(line):
            said = f"{found.text(cell)}\n{coverage(cell.trials, cell.lacking)}" if cell else "·"
            axes.text(j, i, said, ha="center", va="center", fontsize=6)
    axes.set_xticks(range(len(found.across.ranges)), found.across.labels)
    if found.across.cut:
        axes.tick_params("x", labelrotation=30)
    axes.set_yticks(range(len(found.down.ranges)), found.down.labels)
    axes.set_xlabel(symbol(found.across.parameter))
    axes.set_ylabel(symbol(found.down.parameter))
    heading = [f"{title(found.card)} {arrow(found.card)} of {found.method}", found.note]
    lines = [line for text in heading for line in wrap(text, _LETTERS)]
    axes.set_title("\n".join(lines), loc="left", fontsize=8)
    return figure


def _strip(run_dir: Path, strip: Strip) -> Figure:
    """Return a frame strip with the names of its rows and the seconds of its columns."""
    with Image.open(run_dir / strip.image) as opened:
        picture = np.asarray(opened)
    height, width = picture.shape[:2]
    figure = Figure(figsize=(_PAGE, _PAGE * height / width))
    axes = figure.add_subplot()
    axes.grid(visible=False)
    axes.imshow(picture)
    rows, columns = len(strip.labels), len(strip.seconds)
    names = [row.name if present else f"{row.name}\nno clip" for row, present in strip.labels]
    axes.set_yticks([(i + 0.5) * height / rows for i in range(rows)], names)
    times = [f"{s:.2f} s" for s in strip.seconds]
    axes.set_xticks([(i + 0.5) * width / columns for i in range(columns)], times)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure

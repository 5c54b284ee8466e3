"""Every plot of a run's page, gathered once: the page draws them, `reports.stills` exports them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.figures import Panel, curves, scatter
from reports.fronts import objective_fronts, speed_fronts
from reports.load import Run
from reports.offsets import offset_histograms
from reports.parallel import parallel
from reports.rank import Board
from reports.traces import TraceView, au_traces
from reports.trends import Trend
from reports.words import symbol


@dataclass(frozen=True)
class Group:
    """The scatter plots of one parameter of one method."""

    method: str
    parameter: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Plots:
    """A run's plots by section; those of `parallel` with the pixels that they need in width.

    `traces` are those of several clips, of which a page shows one at a time and a figure holds one.
    """

    scatters: tuple[Group, ...]
    curves: tuple[Panel, ...]
    fronts: tuple[Panel, ...]
    searched: tuple[Panel, ...]
    offsets: tuple[Panel, ...]
    parallel: tuple[tuple[Panel, int], ...]
    traces: TraceView

    def panels(self) -> Iterator[Panel]:
        """Return all of them but `traces`."""
        for group in self.scatters:
            yield from group.panels
        for panels in (self.curves, self.fronts, self.searched, self.offsets):
            yield from panels
        yield from (panel for panel, _ in self.parallel)


def plots(run: Run, board: Board, found: Sequence[Trend]) -> Plots:
    """Return all plots of a run; found: its trends."""
    return Plots(
        scatters=_scatters(board, found),
        curves=tuple(curves(run, board)),
        fronts=tuple(speed_fronts(board)),
        searched=tuple(objective_fronts(run)),
        offsets=tuple(offset_histograms(run, board)),
        parallel=tuple(parallel(board)),
        traces=au_traces(run, board),
    )


def _scatters(board: Board, found: Sequence[Trend]) -> tuple[Group, ...]:
    """Return the scatter panels, one group for each parameter of each method."""
    best = {row.method: row for row in board.best_trials()}
    groups: dict[tuple[str, str], list[Panel]] = {}
    for i, trend in enumerate(found):
        panel = scatter(trend, best[trend.method], f"scatter-{i}")
        groups.setdefault((trend.method, symbol(trend.parameter)), []).append(panel)
    return tuple(Group(method, name, tuple(panels)) for (method, name), panels in groups.items())

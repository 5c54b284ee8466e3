"""What each swept parameter did to each metric: Spearman's rank correlation over the finished trials.

The p value is two-sided, of one correlation alone, not corrected for how many are shown. In a random or
adaptive search the other parameters vary too: a correlation is not an effect by itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import spearmanr

from harness.contracts import MetricCard
from reports.rank import Board, Row
from reports.seeds import SEED
from reports.words import p_value, signed, symbol, title

_CHANCE = 0.05


@dataclass(frozen=True)
class Trend:
    """One parameter against one metric of one method; `rho` and `p` are NaN where they are undefined.

    rows: the trials that count, those with a number on both axes.
    """

    method: str
    parameter: str
    card: MetricCard
    rows: tuple[Row, ...]
    rho: float
    p: float

    @property
    def n(self) -> int:
        """How many trials the correlation is made of."""
        return len(self.rows)

    @property
    def verdict(self) -> str:
        """What raising the parameter does: "better", "worse", "more", "less"; empty where undefined."""
        if math.isnan(self.rho) or self.rho == 0:
            return ""
        if self.card.higher_is_better is None:
            return "more" if self.rho > 0 else "less"
        return "better" if (self.rho > 0) == self.card.higher_is_better else "worse"

    @property
    def by_chance(self) -> bool:
        """Whether so strong a correlation comes up by chance in 1 of 20 such sweeps, or more often."""
        return not self.p < _CHANCE

    def sentence(self) -> str:
        """Return the trend in words, "raising α improves LSE-C: ρ = +0.87 (n = 8, p = 0.005)"."""
        name, metric = symbol(self.parameter), title(self.card)
        if math.isnan(self.rho):
            return f"{name} and {metric}: no rank correlation, {self.why_undefined()} (n = {self.n})"
        verbs = {
            "better": "improves",
            "worse": "worsens",
            "more": "raises",
            "less": "lowers",
            "": "does not order",
        }
        hedge = ", within chance" if self.by_chance else ""
        return f"raising {name} {verbs[self.verdict]} {metric}{hedge}: {self.figures()}"

    def figures(self) -> str:
        """Return "ρ = +0.87 (n = 8, p = 0.005)"."""
        return f"ρ = {signed(self.rho)} (n = {self.n}, {p_value(self.p)})"

    def why_undefined(self) -> str:
        """Return why there is no correlation."""
        return "fewer than 3 trials" if self.n < 3 else "one of them does not vary"


def swept(rows: Sequence[Row]) -> list[str]:
    """Return the numeric parameters that take two values or more over these trials, in their own order."""
    names = dict.fromkeys(name for row in rows for name in row.params)
    return [
        n for n in names if n != SEED and len({v for row in rows if (v := number(row, n)) is not None}) > 1
    ]


def number(row: Row, parameter: str) -> float | None:
    """Return a trial's parameter as a number, None where it has none."""
    value = row.params.get(parameter)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def trends(board: Board) -> list[Trend]:
    """Return every swept parameter against every metric, method by method, metric by metric."""
    found = []
    for method in dict.fromkeys(row.method for row in board.competing):
        rows = [row for row in board.competing if row.method == method]
        names = swept(rows)
        found += [_trend(method, name, card, rows) for card in board.columns for name in names]
    return found


def _trend(method: str, parameter: str, card: MetricCard, rows: Sequence[Row]) -> Trend:
    used = [r for r in rows if number(r, parameter) is not None and not math.isnan(r.value(card.name))]
    xs = [x for r in used if (x := number(r, parameter)) is not None]
    ys = [r.value(card.name) for r in used]
    if len(used) < 3 or len(set(xs)) < 2 or len(set(ys)) < 2:
        return Trend(method, parameter, card, tuple(used), math.nan, math.nan)
    result = spearmanr(xs, ys)
    return Trend(method, parameter, card, tuple(used), float(result.statistic), float(result.pvalue))

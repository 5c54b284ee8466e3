"""How numbers, names and parameters are written, the same in every view."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from harness.contracts import MetricCard

_GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "lambda": "λ", "sigma": "σ"}

NOTHING = "–"
"""Shown where there is no number."""


def decimals(values: Iterable[float]) -> int:
    """Return the decimal places that give a column's largest finite value four digits, three if below 1."""
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    if largest == 0:
        return 3
    exponent = math.floor(math.log10(largest))
    return max(0, 3 - exponent) if exponent >= 0 else 2 - exponent


def fixed(value: float, places: int) -> str:
    """Return a number with `places` decimals, a true minus sign, ∞ for infinity, a dash for NaN."""
    if math.isnan(value):
        return NOTHING
    text = "∞" if math.isinf(value) else f"{abs(value):.{places}f}"
    return f"−{text}" if value < 0 and text.strip("0.") else text


def signed(rho: float) -> str:
    """Return a correlation as "+0.87" or "−0.39"."""
    return f"{'−' if rho < 0 else '+'}{abs(rho):.2f}"


def short(count: float) -> str:
    """Return a large count with three digits and its thousands named: "1.26 M"."""
    power = min(4, max(0, math.floor(math.log10(count)) // 3)) if count >= 1 else 0
    return f"{count / 1000**power:.3g} {('', 'k', 'M', 'G', 'T')[power]}".rstrip()


def interval(low: float, high: float, places: int) -> str:
    """Return "[low, high]", empty where there is no interval."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"[{fixed(low, places)}, {fixed(high, places)}]"


def place(places: tuple[int, int]) -> str:
    """Return places or ranks as a reader writes them: "3", or "1–3" where the tests leave several."""
    return str(places[0]) if places[0] == places[1] else f"{places[0]}–{places[1]}"


def share(part: float) -> str:
    """Return a share in 0..1 as "92 %"."""
    return f"{100 * part:.0f} %"


def gap(difference: float, places: int) -> str:
    """Return a difference with its sign: "+4.81"."""
    text = fixed(difference, places)
    return text if text.startswith("−") or difference == 0 or text == NOTHING else f"+{text}"


def p_value(p: float) -> str:
    """Return "p = 0.012" or "p < 0.001"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def coverage(n: int, unscored: int) -> str:
    """Return "n 66", or "n 64 of 66" when clips could not be scored."""
    return f"n {n} of {n + unscored}" if unscored else f"n {n}"


def symbol(parameter: str) -> str:
    """Return α for "alpha" and so on; other names, dotted paths by their last part, as they are."""
    last = parameter.rsplit(".", 1)[-1]
    return _GREEK.get(last, last)


def params(values: Mapping[str, Any]) -> str:
    """Return "α 0.03 · β 0.01" for a trial's parameters, a name never parted from its value."""
    return " · ".join(
        f"{symbol(k)}\u00a0{v:g}" if _is_number(v) else f"{symbol(k)}\u00a0{v}" for k, v in values.items()
    )


def arrow(card: MetricCard) -> str:
    """Return the arrow of a metric's direction."""
    return {True: "↑", False: "↓", None: "↔"}[card.higher_is_better]


def direction(card: MetricCard) -> str:
    """Return a metric's direction in words."""
    return {True: "higher is better", False: "lower is better", None: "no direction"}[card.higher_is_better]


def backbone(card: MetricCard) -> str:
    """Return "[backbone]", empty for a formula."""
    return "" if card.backbone == "none" else f"[{card.backbone}]"


def title(card: MetricCard) -> str:
    """Return a metric's title with its backbone, as it is named wherever it is shown."""
    return f"{card.title} {backbone(card)}".strip()


def duration(seconds: float) -> str:
    """Return "12 min 03 s", "1 h 04 min" or "8.4 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""leaderboard.md: the ranked table and what belongs to it, in GitHub's Markdown, fit for a README."""

import math
import re
from collections.abc import Iterable, Sequence

from harness.contracts import MetricCard
from reports.breakdown import Unscored, unscored
from reports.load import Run
from reports.notes import RELATED, facts, failed_trials, marks, meaning, notes, partial
from reports.pairs import MARKS, Pair, lines, pairs, told_apart
from reports.published import sources
from reports.rank import SPEED, Board, Row
from reports.trends import Trend, trends
from reports.words import (
    NOTHING,
    arrow,
    backbone,
    coverage,
    fixed,
    interval,
    p_value,
    params,
    place,
    signed,
    symbol,
    title,
)

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&!$@])")


def text(value: str) -> str:
    """Escape a text of the results so that Markdown shows it as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(value.split()))


def markdown(run: Run, board: Board) -> str:
    """Return the leaderboard as GitHub-flavoured Markdown."""
    parts = [
        f"# {text(run.record.name)}",
        *_banner(run, board),
        _facts(run, board),
        "## Leaderboard",
        _table(run, board, ["#", "method", "mean rank"], [(_lead(r), r) for r in board.competing]),
        *_failed(run),
        *_controls(run, board),
        "\n".join(f"- {n.mark + ' ' if n.mark else ''}{text(n.text)}" for n in notes(run, board)),
        *_pairs(board),
        *_trends(trends(board)),
        *_unscored(unscored(run)),
        *_reported(),
    ]
    return "\n\n".join(parts) + "\n"


def _banner(run: Run, board: Board) -> list[str]:
    warning = partial(run, board)
    found = [f"**Partial run.** {text(warning)}"] if warning else []
    return [f"> [!WARNING]\n> {line}" for line in [*found, *(text(w) for w in run.record.warnings)]]


def _controls(run: Run, board: Board) -> list[str]:
    if not board.controls:
        return []
    rows = [(_control_lead(run, r), r) for r in board.controls]
    return ["### Controls", _table(run, board, ["control", "shows"], rows)]


def _facts(run: Run, board: Board) -> str:
    return " · ".join(f"{f.name.lower()} **{text(f.value)}**" for f in facts(run, board))


def _lead(row: Row) -> list[str]:
    name = f"**{text(row.name)}**" + (f" {len(row.seeds)} seeds" if row.seeds else "")
    given = f"<br><sub>{text(params(row.params))}</sub>" if row.params else ""
    return [place(row.places), name + given, fixed(row.mean_rank, 2)]


def _control_lead(run: Run, row: Row) -> list[str]:
    return [text(row.method), text(meaning(run, row))]


def _table(run: Run, board: Board, lead: Sequence[str], rows: Iterable[tuple[list[str], Row]]) -> str:
    places = {c.name: board.decimals(c.name) for c in board.columns}
    header = list(lead)
    for card in board.columns:
        unit = f" ({text(card.unit)})" if card.unit else ""
        name = f"{text(card.title)}{unit} {arrow(card)}"
        under = [text(p) for p in (backbone(card), *marks(run, card)) if p and card.name not in SPEED]
        header.append(name + (f"<br><sub>{' '.join(under)}</sub>" if under else ""))
    body = [[*start, *(_cell(row, c.name, places[c.name]) for c in board.columns)] for start, row in rows]
    rule = ["---"] * len(lead) + ["---:"] * len(board.columns)
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, rule, *body])


def _cell(row: Row, metric: str, places: int) -> str:
    cell = row.cells.get(metric)
    if cell is None:
        return NOTHING
    value = fixed(cell.value, places) + (RELATED if cell.related else "")
    said = [
        interval(cell.low, cell.high, places),
        "" if math.isnan(cell.spread) else f"± {fixed(cell.spread, places)} seeds",
        f"rank {place(cell.ranks)}" if cell.ranks else "",
        coverage(cell.n, cell.unscored),
        cell.detail,
    ]
    under = " ".join(part for part in said if part)
    return f"{f'**{value}**' if cell.best else value}<br><sub>{text(under)}</sub>"


def _failed(run: Run) -> list[str]:
    failed = failed_trials(run)
    if not failed:
        return []
    lines = [
        f"- {text(f'{t.method} {t.trial}')} ({text(params(t.params))}): {text(t.reason or '')}"
        for t in failed
    ]
    return ["Failed trials:\n\n" + "\n".join(lines)]


def _pairs(board: Board) -> list[str]:
    """Return the tested pairs of the first rows."""
    found = lines(board)
    if not found:
        return []
    told, asked = told_apart([*pairs(board)])
    caption = (
        f"First row less second; the tests tell {told} of {asked} pairs apart. ▲ the first is better, ▼ "
        "worse, ≈ not told apart; p corrected by Holm's rule over all pairs of a column. All pairs, with "
        "intervals and effect sizes: comparisons.csv."
    )
    header = ["first against second", "mean rank per clip ↓", *(text(_name(c)) for c in board.ranked_by)]
    body = [
        [f"{text(line.first.name)} against {text(line.second.name)}", *(_pair(cell) for cell in line.cells)]
        for line in found
    ]
    rule = ["---", *["---:"] * (len(header) - 1)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in [header, rule, *body])
    return ["### Which differences hold", text(caption), table]


def _name(card: MetricCard) -> str:
    return f"{title(card)} {arrow(card)}"


def _pair(pair: Pair | None) -> str:
    if pair is None:
        return NOTHING
    if pair.verdict == "untested":
        return f"{pair.gap}<br><sub>not tested</sub>"
    return f"{MARKS[pair.verdict]} {pair.gap}<br><sub>{text(pair.p)}</sub>"


def _reported() -> list[str]:
    """Return the published numbers, a table a source."""
    parts = [
        "## As reported",
        "Numbers of papers, on their data, by their protocols: not measured in this run, not ranked with it.",
    ]
    for source in sources():
        names = list(source.metrics)
        header = [
            text(source.dataset),
            *(f"{text(n)} {'↑' if source.metrics[n].higher_is_better else '↓'}" for n in names),
        ]
        body = [
            [text(method), *(row.get(n, NOTHING) for n in names)] for method, row in source.numbers.items()
        ]
        rule = ["---", *["---:"] * len(names)]
        checks = [f"{n}: {c.check}." for n, c in source.metrics.items() if c.check]
        quoted = " Quoted, not read in the paper." if source.recalled else ""
        said = f"{source.paper}, {source.table}.{quoted} Protocol: {source.protocol}."
        parts += [
            "\n".join(f"| {' | '.join(line)} |" for line in [header, rule, *body]),
            text(" ".join([said, *checks, source.note]).strip()),
        ]
    return parts


def _trends(found: Sequence[Trend]) -> list[str]:
    if not found:
        return []
    methods = dict.fromkeys(t.method for t in found)
    caption = (
        "Spearman's ρ over the finished trials when a parameter is raised, whatever its sign, with n and the "
        "two-sided p of each alone; bold: p < 0.05."
    )
    return [
        "### What the swept weights did",
        text(caption),
        *(_trend_table([t for t in found if t.method == m]) for m in methods),
    ]


def _trend_table(found: Sequence[Trend]) -> str:
    names = dict.fromkeys(t.parameter for t in found)
    lines = [
        [text(found[0].method), *(f"raising {text(symbol(n))}" for n in names)],
        ["---"] * (1 + len(names)),
    ]
    for card in dict.fromkeys(t.card for t in found):
        own = {t.parameter: t for t in found if t.card is card}
        lines.append([text(f"{title(card)} {arrow(card)}"), *(_trend(own[n]) for n in names)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _trend(trend: Trend) -> str:
    if math.isnan(trend.rho):
        return f"{NOTHING} <sub>{trend.why_undefined()}, n = {trend.n}</sub>"
    rho = signed(trend.rho)
    under = f"n = {trend.n}, {text(p_value(trend.p))}"
    return f"{rho if trend.by_chance else f'**{rho}**'} {trend.verdict} <sub>{under}</sub>"


def _unscored(found: Sequence[Unscored]) -> list[str]:
    if not found:
        return []
    lines = [
        f"- {text(u.reason)}: {len(u.clips)} clips ({text(', '.join(u.metrics))}; {u.count} values)"
        for u in found
    ]
    return ["### Unscored clips", "\n".join(lines)]

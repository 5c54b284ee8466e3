"""Two runs side by side as a page and as text: `python -m harness.report BEFORE AFTER`."""

from pathlib import Path
from typing import Any

from reports import words
from reports.html import BREAKABLE, assets, plain, render, write_text
from reports.load import Run, load
from reports.pairs import MARKS, Pair, told_apart
from reports.rank import Cell
from reports.versus import Versus, versus


def write_versus(before: Path, after: Path) -> tuple[Path, str]:
    """Write AFTER/against-BEFORE.html and return it with the comparison as text.

    Raises BadInput, with every reason, where the runs cannot be compared.
    """
    found = versus(load(before), load(after))
    path = after / f"against-{before.resolve().name}.html"
    write_text(path, page(found))
    return path, summary(found)


def page(found: Versus) -> str:
    """Return the whole page: the same bytes for the same runs."""
    tested = _tested(found)
    return render(
        "versus.html.j2",
        css=assets("page.css"),
        words=words,
        breakable=BREAKABLE,
        found=found,
        names=_names(found),
        told=told_apart(tested),
        rows=[
            (match, [_cell(found, i, cell) for i, cell in enumerate(match.cells)]) for match in found.matches
        ],
        changed=[(c.what, _plain(c.before), _plain(c.after)) for c in found.changed],
        partial=[run.record.name for run in (found.before, found.after) if not run.record.complete],
    )


def summary(found: Versus) -> str:
    """Return the comparison as plain text."""
    told, asked = told_apart(_tested(found))
    names = _names(found)
    lines = [
        f"{names[1]} less {names[0]}, {found.clips} clips; the tests tell {told} of {asked} numbers apart"
    ]
    for match in found.matches:
        for card, cell in zip(found.columns, match.cells, strict=True):
            shown = _cell(found, found.columns.index(card), cell)
            lines.append(
                f"  {match.after.name}: {words.title(card)} {shown['numbers']} {shown['said']}".rstrip()
            )
    lines += [f"not compared: {name}: {why}" for name, why in found.refused.items()]
    lines += [f"only in {names[which == 'after']}: {row}" for which, row in found.alone]
    lines += [f"differs: {c.what}: {_plain(c.before)} | {_plain(c.after)}" for c in found.changed]
    return "\n".join(lines)


def _tested(found: Versus) -> list[Pair]:
    return [
        pair for match in found.matches for _, _, pair in match.cells if pair and pair.verdict != "untested"
    ]


def _names(found: Versus) -> tuple[str, str]:
    """Return what the runs are called: their names, or their folders where they share one."""
    one, other = found.before.record.name, found.after.record.name
    return (one, other) if one != other else (_folder(found.before), _folder(found.after))


def _folder(run: Run) -> str:
    return run.folder.resolve().name


def _cell(found: Versus, index: int, cell: tuple[Cell | None, Cell | None, Pair | None]) -> dict[str, Any]:
    places = found.places[found.columns[index].name]
    values = [words.NOTHING if c is None else words.fixed(c.value, places) for c in cell[:2]]
    pair = cell[2]
    verdict = "untested" if pair is None else pair.verdict
    said = "" if pair is None else f"{MARKS[verdict]} {pair.gap} {pair.interval} {pair.p}".strip()
    return {
        "numbers": " → ".join(values),
        "verdict": verdict,
        "mark": MARKS[verdict],
        "pair": pair,
        "said": said,
    }


def _plain(value: Any) -> str:
    return words.NOTHING if value is None else plain(value)

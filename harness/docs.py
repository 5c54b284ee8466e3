"""Write the pages that the code's own cards make: metrics, methods and pretrained files.

    python -m harness.docs            # writes reports/docs/metrics.md, methods.md and weights.md
    python -m harness.docs --check    # 1 where a page is not what the code says today

The words are the modules' docstrings and the cards that stand beside every number, so no page can tell
another story than a leaderboard. Cards are those of the embedded backbones, which need no download.
Exit codes: 0 done; 1 with --check, a page differs; 2 bad input.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from inspect import getdoc
from math import isinf
from pathlib import Path

from harness import catalog
from harness.command import ended
from harness.contracts import MethodCard, MetricCard, Setup
from harness.types import BadInput
from harness.weights import Weights
from harness.weights_table import TABLE, WeightsFile

FOLDER = Path(__file__).resolve().parents[1] / "reports" / "docs"
_MADE = "<!-- Made by `python -m harness.docs` from the code's own cards: change those, not this page. -->"
_MOST_KEYS = 40
_ABOUT_METRICS = """\
What each number is, on which network, and where it misleads. Every metric scores one clip at a time and gives
a mean with a 95 % interval, or a value of the whole set (FID, KID); a clip that cannot be scored is counted
with its reason. `backbones: embedded` comes with the install and orders the rows of one table; only numbers
of `backbones: reference` may stand beside published ones."""
_ABOUT_METHODS = """\
All are trained here, none comes with its authors' weights. Controls show what the instruments can see and do
not compete. `external` enters clips from elsewhere: see [adding.md](adding.md)."""
_ABOUT_FILES = """\
Nothing is downloaded unless asked for, and each file is checked by SHA-256 before it is used. A licence is
that of the weights as their authors state it: read it before you publish or sell what you make with them."""


def main(arguments: list[str] | None = None) -> int:
    """Write or check the pages; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.docs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where a page differs")
    options = parser.parse_args(arguments)
    return ended(lambda: _write(options.check))


def _write(check: bool) -> int:
    differing = 0
    for name, text in pages().items():
        path = FOLDER / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            differing += 1
            if check:
                print(f"{path}: not what the code says; run python -m harness.docs", file=sys.stderr)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                print(path)
    return 1 if check and differing else 0


def pages() -> dict[str, str]:
    """Return each page's text by its file's name."""
    made = {"metrics.md": _metrics(), "methods.md": _methods(), "weights.md": _weights()}
    return {name: "\n".join(lines).rstrip() + "\n" for name, lines in made.items()}


def _metrics() -> Iterator[str]:
    yield from ("# Metrics", "", _MADE, "", _ABOUT_METRICS)
    yield from ("", "What a metric sees, and is blind to, is measured on clips with planted faults:")
    yield from ("", "```sh", "python -m harness.calibrate --metrics psnr,lse_c    # calibration.html", "```")
    for name in catalog.names("metrics"):
        yield from ("", f"## `{name}`", "", _doc(f"metrics.{name}"), "")
        yield from _metric_facts(name)


def _metric_facts(name: str) -> Iterator[str]:
    files = [entry for entry in TABLE.values() if name in entry.used_by]
    downloads = [f"[{e.name}](weights.md#{e.name}) ({e.licence})" for e in files if e.package is None]
    try:
        card: MetricCard = catalog.metric(name)(Setup("embedded", Weights())).card
    except BadInput as error:
        yield f"- Embedded: none ({error})."
    else:
        yield from _card_facts(card)
    if downloads:
        yield f"- Files of the reference backbones: {', '.join(downloads)}."


def _card_facts(card: MetricCard) -> Iterator[str]:
    arrow = {True: "higher is better", False: "lower is better", None: "neither direction is better"}
    low, high = ("unbounded" if isinf(end) else f"{end:g}" for end in card.range)
    unit = f" {card.unit}" if card.unit else ""
    yield f"- Embedded: **{card.title}**, {arrow[card.higher_is_better]}, from {low} to {high}{unit}."
    yield f"- Definition: {card.variant}."
    network = "none, a formula" if card.backbone == "none" else card.backbone
    yield f"- Network: {network}. Source: {card.paper}."
    footage = "any footage" if card.domain == "any" else "drawn clips of the embedded corpus only"
    needs = ["a reference clip" if card.paired else "the generated clip alone"]
    needs += ["sound"] * card.needs_audio
    needs += [f"{card.min_frames} frames"] * (card.min_frames > 1)
    yield f"- Valid for {footage}. Needs {', '.join(needs)}."
    if card.family != "formula":
        yield f"- Marked in rows of methods that trained against the family `{card.family}`."
    shown = "may" if card.comparable else "may not"
    yield f"- The embedded number {shown} stand beside published ones."


def _methods() -> Iterator[str]:
    yield from ("# Methods", "", _MADE, "", _ABOUT_METHODS)
    for name in catalog.names("methods"):
        kind = catalog.method(name)
        yield from ("", f"## `{name}`", "", _doc(kind.__module__), "")
        yield from _method_facts(kind.card)
        if kind.stages:
            yield f"- Trained in stages: {', '.join(f'`{stage}`' for stage in kind.stages)}, then the whole."
        if fields := kind.Config.model_fields:
            keys = [f"`{key}: {_shown(field.default)}`" for key, field in fields.items()]
            more = f" and {len(keys) - _MOST_KEYS} more" if len(keys) > _MOST_KEYS else ""
            yield f"- Config, with its defaults: {', '.join(keys[:_MOST_KEYS])}{more}."


def _method_facts(card: MethodCard) -> Iterator[str]:
    yield f"- {card.title}, after {card.paper}." if not card.control else f"- A control: {card.title}."
    yield f"- Is given: {', '.join(card.conditions) or 'nothing beside the target clip, as a control'}."
    if not card.control:
        against = (
            ", ".join(f"`{family}`" for family in card.trained_against or ()) or "no relative of a judge"
        )
        yield f"- Trained against: {against}. Licence of this code: {card.licence}."
    if card.video_to_video:
        yield "- Edits a source clip (`data.reference: source`)."
    if card.note:
        yield f"- {card.note}"


def _weights() -> Iterator[str]:
    yield from ("# Pretrained files: licences and how to cite", "", _MADE, "", _ABOUT_FILES)
    for entry in TABLE.values():
        yield from ("", f"## {entry.name}", "", *_file_facts(entry))


def _file_facts(entry: WeightsFile) -> Sequence[str]:
    size = "" if entry.size is None else f" ({entry.size / 1e6:.2f} MB)"
    origin = f"comes with the package `{entry.package}`" if entry.package else f"from <{entry.url}>"
    facts = [
        f"- `{entry.file}`{size}, {origin}.",
        f"- Licence: {entry.licence}.",
        f"- Cite: {entry.citation}.",
        f"- Used by: {', '.join(entry.used_by)}.",
        f"- SHA-256: `{entry.sha256}`.",
    ]
    return [*facts, f"- Embedded twin: {entry.twin}."] if entry.twin else facts


def _doc(module: str) -> str:
    """Return a module's docstring; the line that names it and its reasons are the page's words."""
    return getdoc(import_module(module)) or ""


def _shown(value: object) -> str:
    return str(value) if value is not None else "none"


if __name__ == "__main__":
    sys.exit(main())

"""What every page is made with: templates and styles of assets/, values made safe to stand in a page."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

_ASSETS = Path(__file__).parent / "assets"

BREAKABLE = Markup("_<wbr>")
"""An underscore after which a long name may go on in the next line."""


def render(template: str, **values: Any) -> str:
    """Return a template of assets/ filled in: every text is escaped, an unknown name is an error."""
    environment = Environment(
        loader=FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["url"] = quote
    return environment.get_template(template).render(**values)


def assets(*names: str) -> Markup:
    """Return style sheets or scripts of assets/, one after the other, as they stand in a page."""
    return Markup("".join((_ASSETS / name).read_text(encoding="utf-8") for name in names))


def script_json(value: Any) -> Markup:
    """Return JSON that is safe inside a script element."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def plotting() -> Markup:
    """Return plotly.js as it stands in a page: a function, as running it costs a second that no page has
    before its first plot comes near the screen (assets/page.js).
    """
    return Markup(f"function startPlotly() {{ {get_plotlyjs()}\n}}")


def plain(value: Any) -> str:
    """Return JSON values as YAML, a plain text as it is."""
    if isinstance(value, str):
        return value
    dumped: str = yaml.safe_dump(
        value, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
    )
    return dumped.removesuffix("...\n").rstrip()


def write_text(path: Path, text: str) -> None:
    """Write a page, all of it or nothing."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    os.replace(partial, path)

"""The study's pages, made from the templates of assets/; every text is escaped."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.study.config import StudyConfig

_ASSETS = Path(__file__).parent / "assets"
_SERVED = ("study.css", "study.js", "player.js")
_TEMPLATES = Environment(
    loader=FileSystemLoader(_ASSETS),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def study_page(study: StudyConfig, state: dict[str, Any], token: str, invite: str | None) -> str:
    """Return the page that shows a visitor's state; its script takes it from there."""
    shared = {
        "token": token,
        "invite": invite,
        "design": study.design,
        "instructions": study.texts.instructions,
    }
    return _TEMPLATES.get_template("study.html.j2").render(
        title=study.title,
        state=state["state"],
        welcome=_paragraphs(study.texts.welcome),
        consent=_paragraphs(study.texts.consent),
        instructions=_paragraphs(study.texts.instructions),
        thanks=_paragraphs(study.texts.thanks),
        design=study.design,
        length=study.length,
        data=_script_json({**shared, "now": state}),
    )


def asset(name: str) -> Path | None:
    """Return the file of a served asset, None for anything else."""
    return _ASSETS / name if name in _SERVED else None


def _paragraphs(text: str) -> list[str]:
    return [p.strip() for p in text.split("\n\n") if p.strip()]


def _script_json(value: Any) -> Markup:
    """Return JSON that is safe inside a script element."""
    return Markup(json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))

"""Published numbers (published.yaml): what papers report, shown apart from every run, never ranked."""

from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

_FILE = Path(__file__).parent / "published.yaml"


class Source(BaseModel):
    """One table of a paper: what all its numbers share, and `numbers` as printed, by method and metric.

    note: what is wrong with the table as it is printed. recalled: the paper itself was not read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    paper: str
    table: str
    dataset: str
    protocol: str
    note: str = ""
    recalled: bool = False
    metrics: dict[str, "Column"]
    numbers: dict[str, dict[str, Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$")]]]


class Column(BaseModel):
    """A column of a paper's table: unit, direction, and what is wrong with it as it is printed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: str = ""
    higher_is_better: bool
    check: str = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: tuple[Source, ...]


@cache
def sources() -> tuple[Source, ...]:
    """Return the tables of published.yaml in their order."""
    return _File.model_validate(yaml.safe_load(_FILE.read_text(encoding="utf-8"))).sources

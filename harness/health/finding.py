"""One thing that the doctor found."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "lacks", "broken"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    state: "ok"; "note", a fact that limits nothing; "lacks", something optional is not here; "broken", the
    harness does not run without it. remedy: what to do, "" where nothing needs doing.
    """

    topic: str
    name: str
    state: State
    found: str
    remedy: str = ""

"""One line that a person can read: the step, how far it is, how long it will take."""

import sys
import time
from dataclasses import dataclass, field

_QUIET_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Progress:
    """Rewrites one line of stderr on a terminal; elsewhere prints a line per finished step and every 30 s."""

    def start(self, label: str, total: int, unit: str = "items") -> "Step":
        """Begin a step of `total` units."""
        return Step(self, label, total, unit)

    def say(self, text: str) -> None:
        """Print a line of its own."""
        print(("\r\x1b[K" if sys.stderr.isatty() else "") + text, file=sys.stderr, flush=True)


@dataclass(slots=True)
class Step:
    """One step of the road."""

    progress: Progress
    label: str
    total: int
    unit: str
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    shown: float = field(default_factory=time.monotonic)

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count `count` more units as done."""
        self.done += count
        now = time.monotonic()
        terminal = sys.stderr.isatty()
        if now - self.shown < (0.2 if terminal else _QUIET_SECONDS) or self.done == self.total:
            return
        self.shown = now
        left = (now - self.started) * (self.total - self.done) / max(1, self.done)
        line = f"{self.label}: {self.done}/{self.total} {self.unit}, about {clock(left)} left{note}"
        if terminal:
            print("\r\x1b[K" + line, end="", file=sys.stderr, flush=True)
        else:
            self.progress.say(line)

    def finish(self, note: str = "") -> float:
        """End the step, print its line, return its seconds."""
        seconds = time.monotonic() - self.started
        self.progress.say(f"{self.label}: {self.done} {self.unit} in {clock(seconds)}{note}")
        return seconds


def clock(seconds: float) -> str:
    """Return "12 s" or "3 min 05 s"."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"

"""run.json and the tables beside it: what was asked, what became of it, and all that a number depends on."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness import catalog, results
from harness.config import Sweep
from harness.contracts import MetricCard
from harness.corpus import Corpus
from harness.fit import read_curve, read_seconds
from harness.store import code_version, digest
from harness.trials import TrialResult
from harness.types import BadInput

_PACKAGES = ("torch", "torchvision", "torchaudio", "ray", "av", "numpy", "scipy", "mediapipe", "pydantic")

FPS_CARD = MetricCard(
    name="fps",
    title="Generation speed",
    unit="frames/s",
    higher_is_better=True,
    range=(0.0, float("inf")),
    backbone="none",
    variant="one worker, one core or GPU, one clip at a time, without encoding; a time, so it varies",
    paper="",
    comparable=False,
)


@dataclass(slots=True)
class Record:
    """run.json while the run goes on; every change is written at once."""

    path: Path
    fields: dict[str, Any]
    curves: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def begin(cls, sweep: Sweep, out: Path, command: Sequence[str], resume: bool) -> "Record":
        """Start a run's record, or take up the one in `out`. Raises BadInput if that is of another config."""
        path = out / "run.json"
        config = sweep.model_dump(mode="json")
        code = code_version("harness", "methods", "metrics", *_own_modules(sweep))
        if resume and path.exists():
            before = results.read_json(path)
            if before.get("code") != code:
                raise BadInput(
                    f"{path}: --resume with other code than the run was begun with would mix numbers of two "
                    "versions; leave out --resume (what the change did not touch is not made again)"
                )
            if before["config"] != config:
                raise BadInput(
                    f"{path}: --resume with another config; use another --out, or leave out --resume"
                )
        fields = {
            "name": sweep.name,
            "complete": False,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": " ".join(command),
            "config": config,
            "config_hash": digest(config),
            "code": code,
            "seeds": {"run": sweep.seed, "corpus": sweep.data.synthetic.seed},
            "versions": {"python": platform.python_version(), **{p: version(p) for p in _PACKAGES}},
            "git": _git_revision(),
            "reference": {
                "policy": sweep.data.reference,
                "frame": "the first frame of the clip that clips.csv names",
            },
            "faces": sweep.data.faces,
            "backbones": sweep.backbones,
            "hardware": {"machine": platform.machine(), "cores": os.cpu_count(), "memory_gib": _memory()},
            "times": {},
            "methods": {},
            "metrics": {},
            "trials": [],
            "stages": [],
            "failures": [],
        }
        record = cls(path, fields)
        record.write()
        return record

    def write(self) -> None:
        """Write run.json."""
        results.write_json(self.path, self.fields)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase, adding to what it took before."""
        started = time.monotonic()
        yield
        took = time.monotonic() - started
        self.fields["times"][name] = round(self.fields["times"].get(name, 0.0) + took, 1)
        self.write()

    def corpus(self, key: str, corpus: Corpus, unasked: Mapping[str, str] | None = None) -> None:
        """Note a corpus: its split, its speakers, what could not be used, what could not be tested."""
        usable = [s for s in corpus.samples if s.id in corpus.files]
        self.fields[key] = {
            "reader": corpus.name,
            "hash": corpus.split_hash,
            "counts": {name: sum(s.split == name for s in usable) for name in ("train", "val", "test")},
            "speakers": {
                name: sorted({s.speaker for s in usable if s.split == name and s.speaker is not None})
                for name in ("train", "val", "test")
            },
            "unusable": dict(sorted({**corpus.unusable, **(unasked or {})}.items())),
        }
        self.write()

    def method(self, title: str, name: str) -> None:
        """Note a method's card under its rows' title."""
        self.fields["methods"][title] = asdict(catalog.method(name).card)

    def metrics(self, cards: Mapping[str, MetricCard]) -> None:
        """Note the cards of the metrics, and of the speed that the engine itself measures."""
        self.fields["metrics"] = {name: asdict(card) for name, card in {**cards, "fps": FPS_CARD}.items()}

    def trial(self, title: str, trial: str, result: TrialResult) -> None:
        """Note what became of a trial."""
        self.fields["trials"].append(
            {
                "method": title,
                "trial": trial,
                "params": dict(result.params),
                "status": result.status,
                "reason": result.reason,
            }
        )
        if result.status == "failed":
            self.failure(f"{title} {trial}", result.reason or "")
        self.write()

    def stage(self, title: str, stage: str, folder: Path) -> None:
        """Note a stage that all trials of a method share, what it took when it was trained, and its curve."""
        self.fields["stages"].append(
            {"method": title, "stage": stage, "seconds": read_seconds(folder), "shared_by_all_trials": True}
        )
        self.curve(title, results.NO_TRIAL, stage, read_curve(folder))

    def failure(self, what: str, reason: str, crash: str | None = None) -> None:
        """Note something that should have worked; a run with failures exits with 1."""
        self.fields["failures"].append({"what": what, "reason": reason, "crash": crash})
        self.write()

    def curve(self, title: str, trial: str, stage: str, points: list[tuple[int, dict[str, float]]]) -> None:
        """Add a training curve to curves.csv."""
        self.curves += [
            {
                "run": self.fields["name"],
                "method": title,
                "trial": trial,
                "stage": stage,
                "step": step,
                "loss": name,
                "value": value,
            }
            for step, losses in points
            for name, value in losses.items()
        ]

    def finish(self) -> None:
        """Mark the run complete."""
        self.fields["complete"] = True
        self.fields["finished"] = datetime.now(UTC).isoformat(timespec="seconds")
        self.write()


def full_command() -> list[str]:
    """Return the command line as a person would type it."""
    return ["python", "-m", "harness.sweep", *sys.argv[1:]]


def _own_modules(sweep: Sweep) -> set[str]:
    """Return the user's own modules that the sweep names."""
    names = [entry.name for entry in (*sweep.methods, *sweep.controls)] + sweep.metrics
    return {name for name in names if "." in name}


def _git_revision() -> str | None:
    """Return the checkout's revision, with a + if it was changed; None outside a checkout."""
    here = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()


def _memory() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def environment(command: Sequence[str]) -> dict[str, Any]:
    """Return what any run's record says of where, when and with what it was made."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(command),
        "versions": {"python": platform.python_version(), **{p: version(p) for p in _PACKAGES}},
        "git": _git_revision(),
        "hardware": {"machine": platform.machine(), "cores": os.cpu_count(), "memory_gib": _memory()},
    }

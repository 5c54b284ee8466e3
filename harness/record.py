"""run.json and the tables beside it: what was asked, what became of it, and all that a number depends on."""

import fcntl
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Literal

from harness import results, speed
from harness.config import Sweep
from harness.contracts import MethodCard, MetricCard
from harness.corpus import Corpus
from harness.cost import Cost
from harness.describe import Endpoint
from harness.fit import read_curve, read_seconds
from harness.jobs import Outcome
from harness.store import code_version, digest, sweep_up
from harness.trials import TrialResult
from harness.types import BadInput

_PACKAGES = ("torch", "torchvision", "torchaudio", "ray", "av", "numpy", "scipy", "mediapipe", "pydantic")

_STILL = "the first frame of the clip that clips.csv names"
_SHOWN = {
    "neutral": _STILL,
    "same_clip": _STILL,
    "source": f"{_STILL}; all of it, played forth and back where it is shorter than the target, for methods "
    "whose card says video_to_video",
}


@dataclass(frozen=True, slots=True)
class About:
    """What a run is, before anything is done: what its record says first.

    config: plain JSON values, all that was asked. modules: the user's own modules that it names.
    """

    kind: Literal["sweep", "evaluation", "calibration"]
    name: str
    config: Mapping[str, Any]
    modules: frozenset[str]
    seeds: Mapping[str, int]
    reference: Mapping[str, str]
    faces: str
    backbones: str


def about_sweep(sweep: Sweep) -> About:
    """Return what a sweep's record says first."""
    named = [entry.name for entry in (*sweep.methods, *sweep.controls)] + sweep.metrics
    return About(
        kind="sweep",
        name=sweep.name,
        config=sweep.model_dump(mode="json", exclude={"trackers"}),  # no number depends on them
        modules=own_modules(named),
        seeds={"run": sweep.seed, "corpus": sweep.data.synthetic.seed},
        reference={"policy": sweep.data.reference, "frame": _SHOWN[sweep.data.reference]},
        faces=sweep.data.faces,
        backbones=sweep.backbones,
    )


def own_modules(names: Sequence[str]) -> frozenset[str]:
    """Return the user's own modules among methods and metrics."""
    return frozenset(name for name in names if "." in name)


@dataclass(slots=True)
class Record:
    """run.json while the run goes on; every change is written at once."""

    path: Path
    fields: dict[str, Any]
    curves: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def begin(cls, out: Path, about: About, command: Sequence[str], resume: bool) -> "Record":
        """Start a run's record, or take up the one in `out`. Raises BadInput if that is of another config."""
        path = out / "run.json"
        code = code_version("harness", "methods", "metrics", *about.modules)
        if resume and path.exists():
            before = results.read_json(path)
            if before.get("code") != code:
                raise BadInput(
                    f"{path}: --resume with other code than the run was begun with would mix numbers of two "
                    "versions; leave out --resume (what the change did not touch is not made again)"
                )
            if before["config"] != about.config:
                raise BadInput(
                    f"{path}: --resume with another config; use another --out, or leave out --resume"
                )
        fields = {
            "kind": about.kind,
            "name": about.name,
            "complete": False,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": " ".join(command),
            "config": about.config,
            "config_hash": digest(about.config),
            "code": code,
            "seeds": about.seeds,
            "versions": {"python": platform.python_version(), **{p: version(p) for p in _PACKAGES}},
            "git": _git_revision(),
            "reference": about.reference,
            "faces": about.faces,
            "backbones": about.backbones,
            "hardware": {"machine": platform.machine(), "cores": os.cpu_count(), "memory_gib": _memory()},
            "times": {},
            "methods": {},
            "metrics": {},
            "costs": {},
            "trials": [],
            "stages": [],
            "failures": [],
            "warnings": [],
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
            "source": corpus.split_source,
            "emotions": list(corpus.emotions),
            "notes": list(corpus.notes),
            "counts": {name: sum(s.split == name for s in usable) for name in ("train", "val", "test")},
            "speakers": {
                name: sorted({s.speaker for s in usable if s.split == name and s.speaker is not None})
                for name in ("train", "val", "test")
            },
            "unusable": dict(sorted({**corpus.unusable, **(unasked or {})}.items())),
        }
        self.write()

    def scenes(self, endpoint: Endpoint) -> None:
        """Note whose words describe scenes."""
        self.fields["scenes"] = {"url": endpoint.url, "model": endpoint.model}
        self.write()

    def method(self, title: str, card: MethodCard) -> None:
        """Note a method's card under its rows' title."""
        self.fields["methods"][title] = asdict(card)

    def cost(self, title: str, found: Outcome[Cost]) -> None:
        """Note what a method costs to run; nothing where it can answer no request, which each clip says."""
        if found.value is not None:
            self.fields["costs"][title] = asdict(found.value)
        elif found.crash is not None:
            self.failure(f"{title}: counting operations", found.reason or "", found.crash)

    def metrics(self, cards: Mapping[str, MetricCard], timed: bool) -> None:
        """Note the cards of the metrics, and of what the engine itself measures where it does (`speed`)."""
        whole = {**cards, **speed.cards(self.fields["hardware"])} if timed else cards
        self.fields["metrics"] = {name: asdict(card) for name, card in whole.items()}

    def trial(self, title: str, trial: str, result: TrialResult) -> None:
        """Note what became of a trial."""
        self.fields["trials"].append(
            {
                "method": title,
                "trial": trial,
                "id": result.id,
                "params": dict(result.params),
                "status": result.status,
                "reason": result.reason,
                "model": None if result.model is None else os.path.relpath(result.model, self.path.parent),
                "objectives": dict(result.objectives),
                "pareto": result.front,
                "copied": [asdict(copy) for copy in result.copied],
            }
        )
        if result.status == "failed":
            self.failure(f"{title} {trial}", result.reason or "", result.crash)
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


def full_command(module: str) -> list[str]:
    """Return the command line as a person would type it."""
    return ["python", "-m", module, *sys.argv[1:]]


@contextmanager
def run_folder(chosen: Path, resume: bool) -> Iterator[Path]:
    """Give a run its folder, held against other runs; an earlier run there is set aside, never written over.

    What killed writers left there and in the store beside it is removed, before and after.
    Raises BadInput when another run is writing there now, or when the folder holds something else.
    """
    if re.match(r"[a-z][a-z0-9+.-]*:/", str(chosen)):
        raise BadInput(
            f"--out {chosen}: a run is kept on a filesystem, and this is a URL; mount the bucket "
            "(mountpoint-s3, gcsfuse) on all nodes, and give the folder"
        )
    if chosen.exists() and not chosen.is_dir():
        raise BadInput(f"--out {chosen} is a file; give a folder")
    out = chosen.absolute()
    with _lock(chosen, out.with_name(f".{out.name}.lock")) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadInput(f"{out}: another run is writing there; give another --out") from error
        if out.exists() and not resume and any(out.iterdir()):
            if not (out / "run.json").exists():
                raise BadInput(f"--out {out} holds files that are no run's; give another folder")
            aside = next(
                p for n in range(1, 1_000_000) if not (p := out.with_name(f"{out.name}.{n}")).exists()
            )
            os.rename(out, aside)
            print(f"the earlier run is kept in {aside}", file=sys.stderr)
        out.mkdir(exist_ok=True)
        places = (out, out.parent / ".store")
        sweep_up(*places)
        try:
            yield out
        finally:
            sweep_up(*places)  # a worker may have been lost on the way


def _lock(chosen: Path, file: Path) -> IO[str]:
    """Open a run's lock file, in a folder that is made for it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return file.open("w")
    except OSError as error:
        raise BadInput(f"--out {chosen}: {error.strerror}; give a folder that can be written to") from error


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

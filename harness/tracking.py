"""Tells trackers of a run while it goes on: a thread for each reads the run's files every few seconds.

Curves come from the checkpoints that trainings write anyway, results from run.json, curves.csv and
results.csv once they are whole. So training and measuring know nothing of trackers, and no number depends on
them; one that fails is said, and tried again, and the run goes on; one that hangs is left behind at its end.
What a tracker was told is kept beside it (<run>/<tracker>/told.json): a resumed run goes on with the same
units and tells nothing twice.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

from harness import results
from harness.config import MethodEntry
from harness.faults import Unwritable
from harness.fit import CURVE_FILE, FitSpec, read_curve
from harness.jobs import attempt
from harness.progress import Progress
from harness.trackers import Ending, Point, Tracker, Unit, opened
from harness.trials import TrialPlan, spec_of

_SECONDS = 10.0
"""How often trackers are told."""
_PATIENCE = 60.0
"""Seconds that the end of a run waits for a tracker."""
_FIT = "t00"
"""The trial of a method's only training."""
_PARAMS_FILE = "params.json"
"""Where Tune writes a trial's parameters."""
_OWN = ("methods", "controls")
"""Keys of a sweep that say what its units are, and are no setting that they share."""


@dataclass(frozen=True, slots=True)
class Training:
    """A training: its unit, and the folders in or below which its curve appears, the whole one first."""

    unit: Unit
    folders: tuple[Path, ...]

    def curve(self) -> Sequence[Point]:
        """Return the curve by now, empty where there is none yet."""
        for folder in self.folders:
            try:
                files = [folder / CURVE_FILE, *folder.glob(f"*/{CURVE_FILE}")]
                there = [f for f in files if f.exists()]
                if there:
                    return read_curve(max(there, key=lambda f: f.stat().st_mtime_ns).parent)
            except (FileNotFoundError, json.JSONDecodeError):
                continue  # a checkpoint that is being written, or was replaced meanwhile
        return []


@dataclass(slots=True)
class Watched:
    """What a run trains, told by the run as it begins."""

    begun: list[Training] = field(default_factory=list)
    searches: list[tuple[str, TrialPlan]] = field(default_factory=list)

    def training(self, title: str, stage: str | None, spec: FitSpec) -> None:
        """Watch a stage, or a method's only training."""
        path = spec.model_path() if stage is None else spec.stage_path(stage)
        unit = Unit(f"{title}/{stage or _FIT}", f"{title} {stage or _FIT}", _config(title, spec))
        self.begun.append(Training(unit, (path, spec.store.path("checkpoints", [path.name]))))

    def search(self, title: str, plan: TrialPlan) -> None:
        """Watch the trials of a search."""
        self.searches.append((title, plan))

    def trainings(self) -> list[Training]:
        """Return all that has begun by now."""
        found = list(self.begun)
        for title, plan in list(self.searches):
            for file in sorted(plan.folder.glob(f"*/{_PARAMS_FILE}")):
                found.append(_trial(title, plan, file))
        return found


def _trial(title: str, plan: TrialPlan, file: Path) -> Training:
    trial, params = file.parent.name, json.loads(file.read_text())
    said = " ".join(f"{key}={value}" for key, value in params.items())
    unit = Unit(f"{title}/{trial}", f"{title} {trial} {said}", _config(title, spec_of(plan.spec, params)))
    return Training(unit, (plan.spec.store.root / "train" / trial, file.parent))


def _config(title: str, spec: FitSpec) -> dict[str, str | int | float | bool]:
    return _flat({"method": title, **spec.config, "seed": spec.seed})


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, str | int | float | bool]:
    """Return nested mappings as one, keys joined by dots; what is no plain value as JSON."""
    found: dict[str, str | int | float | bool] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{key}.")
        else:
            plain = isinstance(value, str | int | float | bool)
            found[f"{before}{key}"] = value if plain else json.dumps(value, default=str)
    return found


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a finished run: its unit, whole curve, and what became of it."""

    unit: Unit
    curve: Sequence[Point]
    ending: Ending


def _rows(out: Path, fields: Mapping[str, Any]) -> Iterator[_Row]:
    """Yield stages, trials and controls of a finished run, by the keys that they had while they trained."""
    curves: dict[tuple[str, str], dict[int, dict[str, float]]] = {}
    for row in results.read_rows(out / "curves.csv"):
        name = row["stage"] if row["trial"] == results.NO_TRIAL else row["trial"]
        points = curves.setdefault((row["method"], name), {})
        points.setdefault(int(row["step"]), {})[row["loss"]] = float(row["value"])
    scores: dict[tuple[str, str], dict[str, float]] = {}
    for row in results.read_rows(out / "results.csv"):
        kept = scores.setdefault((row["method"], row["trial"]), {})
        kept |= {
            f"scores/{row['metric']}{end}": float(row[column])
            for column, end in (("value", ""), ("ci_low", "_low"), ("ci_high", "_high"), ("n", "_n"))
            if row[column]
        }
    trials = {(t["method"], t["trial"]): t for t in fields["trials"]}
    entries = [MethodEntry.model_validate(e) for key in _OWN for e in fields["config"][key]]
    configs = {entry.title: entry.config for entry in entries}
    for method, name in dict.fromkeys([*curves, *scores, *trials]):
        trial = trials.get((method, name), {})
        told = {"trial": name if trial else None, "reason": trial.get("reason")}
        facts = {key: value for key, value in told.items() if value is not None}
        chosen = {"seed": fields["config"]["seed"], **configs[method], **trial.get("params", {})}
        key, title = f"{method}/{trial.get('id') or name}", f"{method} {name}".removesuffix(" -")
        yield _Row(
            Unit(key, title, _flat({"method": method, **chosen})),
            [*curves.get((method, name), {}).items()],
            Ending(trial.get("status", "done"), facts, scores.get((method, name), {})),
        )


@dataclass(slots=True)
class _Told:
    """What a tracker was told of a unit: under which name, up to which step, and whether it has its end."""

    name: str
    step: int = -1
    ended: bool = False


class _Follower:
    """Brings one tracker up to date with a run's files, again and again."""

    def __init__(self, name: str, out: Path, watched: Watched, progress: Progress) -> None:
        self._name, self._out, self._watched, self._progress = name, out, watched, progress
        self._file = out / name / "told.json"
        self._fields = results.read_json(out / "run.json")
        self._tracker: Tracker = opened(name, out, self._fields["name"])
        self._told: dict[str, _Told] = {}
        if self._file.exists():
            self._told = {key: _Told(**known) for key, known in results.read_json(self._file).items()}
        self._here: set[str] = set()
        self._failing: str | None = None

    def follow(self, ended: Event) -> None:
        """Tell the tracker until `ended`, and then once more."""
        while not ended.wait(_SECONDS):
            self._try(self._bring)
        self._try(self._bring)
        lacks = self._failing
        self._try(self._tracker.close)
        if lacks is not None:
            self._progress.say(f"warning: tracker {self._name} lacks what it could not be told: {lacks}")

    def _try(self, work: Any) -> None:
        """Do a step; say why it failed, once for each reason."""
        try:
            reason = attempt(lambda _: work(), None).reason
        except Unwritable as error:
            reason = str(error)
        if reason is not None and reason != self._failing:
            self._progress.say(f"tracker {self._name}: {reason}; the run goes on, and it is tried again")
        self._failing = reason

    def _bring(self) -> None:
        try:
            for training in self._watched.trainings():
                self._tell(training.unit, training.curve())
            fields = results.read_json(self._out / "run.json")
            for row in _rows(self._out, fields) if fields["complete"] else ():
                self._tell(row.unit, row.curve, row.ending)
        finally:
            self._file.parent.mkdir(exist_ok=True)
            results.write_json(self._file, {key: asdict(known) for key, known in self._told.items()})

    def _tell(self, unit: Unit, curve: Sequence[Point], ending: Ending | None = None) -> None:
        """Tell what is new of a unit."""
        told = self._told.get(unit.key)
        if (told is not None and told.ended) or (told is None and not curve and ending is None):
            return
        if told is None or unit.key not in self._here:
            shared = _flat({"sweep": {k: v for k, v in self._fields["config"].items() if k not in _OWN}})
            whole = Unit(unit.key, unit.name, {**unit.config, **shared, **self._provenance()})
            name = self._tracker.begin(whole, told.name if told is not None else None)
            told = self._told[unit.key] = told or _Told(name)
            self._here.add(unit.key)
        new = [point for point in curve if point[0] > told.step]
        if new:
            self._tracker.points(told.name, new)
            told.step = new[-1][0]
        if ending is not None:
            self._tracker.finish(told.name, ending)
            told.ended = True

    def _provenance(self) -> dict[str, str]:
        return {key: str(self._fields[key]) for key in ("config_hash", "code", "git")}


@contextmanager
def tracked(names: Sequence[str], out: Path, progress: Progress) -> Iterator[Watched]:
    """Tell the trackers of the run in `out` what becomes of all that is then watched, until the block's end.

    Raises BadInput at its beginning where a tracker cannot be opened.
    """
    watched, ended = Watched(), Event()
    followers = {name: _Follower(name, out, watched, progress) for name in names}
    threads = {name: Thread(target=f.follow, args=(ended,), daemon=True) for name, f in followers.items()}
    for thread in threads.values():
        thread.start()
    try:
        yield watched
    finally:
        ended.set()
        for name, thread in threads.items():
            thread.join(_PATIENCE)
            if thread.is_alive():
                progress.say(f"warning: tracker {name} did not answer in {_PATIENCE:g} s and was left behind")

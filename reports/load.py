"""A run directory, read and checked: the only place in `reports` that knows its files.

Not done here: ranking, drawing. Nothing but the files of `harness.results` is read.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from harness.contracts import MethodCard, MetricCard
from harness.cost import Cost
from harness.datasets.folder import SUFFIXES
from harness.results import CLIP_COLUMNS, CURVE_COLUMNS, RESULT_COLUMNS, SAMPLE_COLUMNS, TRACE_COLUMNS
from harness.types import BadInput
from reports import seeds

STUDY = "study"
"""The folder of a run directory where a study is kept."""

STUDY_PAGE = "study.html"
"""The page of a study, beside the leaderboard."""

NUMBERS = ("value", "ci_low", "ci_high", "n", "n_unscored")
"""The columns of results.csv that hold numbers."""


class Trial(BaseModel):
    """One point of the sweep; `params` are the values that it was given, by name.

    objectives: the losses that the search was led by. pareto: whether no other trial beats it there.
    """

    method: str
    trial: str
    params: dict[str, Any] = {}
    status: Literal["done", "failed", "stopped"]
    reason: str | None = None
    objectives: dict[str, float] = {}
    pareto: bool | None = None


class Stage(BaseModel):
    """A training step that ran before the trials diverged."""

    method: str
    stage: str
    shared_by_all_trials: bool


class Failure(BaseModel):
    """Something that should have worked; `crash` is the stack trace, where there was one."""

    what: str
    reason: str
    crash: str | None = None


class Split(BaseModel):
    """The corpus's split: its hash, and the clips that could not be used at all, with the reason."""

    model_config = ConfigDict(extra="allow")

    hash: str
    unusable: dict[str, str] = {}


class Record(BaseModel):
    """run.json: what every number of the run depends on."""

    model_config = ConfigDict(extra="allow")

    kind: Literal["sweep", "evaluation"]
    name: str
    complete: bool
    created: str
    command: str
    config: dict[str, Any]
    seeds: Any
    versions: dict[str, Any]
    git: Any
    split: Split
    reference: dict[str, str]
    faces: Any
    backbones: Literal["embedded", "reference"]
    hardware: Any
    times: dict[str, float]
    methods: dict[str, MethodCard]
    costs: dict[str, Cost] = {}
    metrics: dict[str, MetricCard]
    trials: list[Trial]
    stages: list[Stage]
    failures: list[Failure]
    warnings: list[str]

    def params(self, method: str, trial: str) -> dict[str, Any]:
        """Return the parameters of one trial, empty where the sweep gave none."""
        return next((t.params for t in self.trials if (t.method, t.trial) == (method, trial)), {})

    @property
    def reader(self) -> str:
        """The name of the corpus reader, "unknown" where the config does not say."""
        data = self.config.get("data")
        return str(data.get("reader", "unknown")) if isinstance(data, dict) else "unknown"


class _People(BaseModel):
    """What the board needs of analysis.json: the cards of people's columns."""

    metrics: dict[str, MetricCard]


@dataclass(frozen=True)
class Run:
    """One run: its record and its four tables, cells as text except where they are numbers.

    seeds: those of the rows that stand for several trials (reports.seeds), by method and first trial.
    """

    folder: Path
    record: Record
    results: pd.DataFrame
    per_clip: pd.DataFrame
    clips: pd.DataFrame
    curves: pd.DataFrame
    seeds: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)

    def clip_file(self, method: str, trial: str, clip: str) -> Path:
        """Return a clip's file; it need not exist. Only clips of an evaluation are not all mp4."""
        folder = self.folder / "clips" / method / trial
        if self.record.kind == "evaluation":
            return next((folder / f"{clip}{s}" for s in SUFFIXES if (folder / f"{clip}{s}").exists()), folder)
        return folder / f"{clip}.mp4"


def load(folder: Path) -> Run:
    """Read a run directory, trials that differ only in their seed as one row.

    Raises BadInput, naming file and key, when it is not one.
    """
    return _with_seeds(load_trials(folder))


def load_trials(folder: Path) -> Run:
    """Read a run directory with every trial a row of its own. Raises BadInput, naming file and key."""
    record = _record(folder / "run.json")
    run = Run(
        folder,
        record,
        _table(folder / "results.csv", RESULT_COLUMNS, NUMBERS),
        _table(folder / "per_clip.csv", CLIP_COLUMNS, ("value",)),
        _table(folder / "clips.csv", SAMPLE_COLUMNS, ()),
        _table(folder / "curves.csv", CURVE_COLUMNS, ("step", "value")),
    )
    run = _with_people(run)
    _check_cards(run)
    return run


def read_traces(run: Run) -> pd.DataFrame | None:
    """Return traces.csv, None where an earlier version wrote the run. Raises BadInput as `load` does."""
    path = run.folder / "traces.csv"
    return _table(path, TRACE_COLUMNS, ("frame", "generated", "reference")) if path.exists() else None


def _with_seeds(run: Run) -> Run:
    """Make one row of trials that differ only in their seed."""
    alike = seeds.groups(run.record.trials)
    merged = seeds.merge_clips(run.per_clip, alike)
    tables = (run.clips, run.per_clip, merged)
    others = {(m, t) for (m, first), group in alike.items() for t in group if t != first}
    trials = [
        t.model_copy(update={"params": {k: v for k, v in t.params.items() if k != seeds.SEED}})
        if (t.method, t.trial) in alike
        else t
        for t in run.record.trials
        if (t.method, t.trial) not in others
    ]
    return replace(
        run,
        record=run.record.model_copy(update={"trials": trials}),
        results=seeds.merge_results(run.results, tables, alike, run.record.metrics),
        per_clip=merged,
        seeds={key: tuple(group.values()) for key, group in alike.items()},
    )


def _with_people(run: Run) -> Run:
    """Add what people said, where a study was analysed (reports.study.tables), as further results."""
    folder = run.folder / STUDY
    if not (folder / "analysis.json").is_file():
        return run
    try:
        found = json.loads((folder / "analysis.json").read_text(encoding="utf-8"))
        cards = _People.model_validate(found).metrics
    except (json.JSONDecodeError, ValidationError) as error:
        raise BadInput(
            f"{folder / 'analysis.json'}: {error}; analyse the study again with --study"
        ) from error
    table = _table(folder / "results.csv", RESULT_COLUMNS, NUMBERS)
    return replace(
        run,
        record=run.record.model_copy(update={"metrics": {**run.record.metrics, **cards}}),
        results=pd.concat([run.results, table], ignore_index=True),
    )


def _record(path: Path) -> Record:
    try:
        return Record.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file; give the folder that a sweep wrote") from error
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}: not JSON ({error}); run the sweep again with --resume") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            f"{path}: {key}: {first['msg']}; the run was written by another version of the harness"
        ) from error


def _table(path: Path, columns: tuple[str, ...], numeric: tuple[str, ...]) -> pd.DataFrame:
    if not path.is_file():
        raise BadInput(f"{path}: no such file; the sweep was not measured yet, finish it with --resume")
    try:
        # Text first: a method called "NA" or a trial called "007" must stay what it is.
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not a table ({error}); run the sweep again with --resume") from error
    missing = [c for c in columns if c not in table.columns]
    if missing:
        raise BadInput(f"{path}: no column {', '.join(missing)}; written by another version of the harness")
    for column in numeric:
        try:
            table[column] = table[column].replace("", "nan").astype(float)
        except ValueError as error:
            raise BadInput(f"{path}: column {column}: {error}") from error
    return table


def _check_cards(run: Run) -> None:
    path = run.folder / "results.csv"
    for column, cards in (("method", run.record.methods), ("metric", run.record.metrics)):
        unknown = sorted(set(run.results[column]) - set(cards))
        if unknown:
            raise BadInput(f"{path}: {column} {unknown[0]!r} has no card in run.json")
    backbones = run.results[["metric", "backbone"]].drop_duplicates()
    for metric, backbone in backbones.itertuples(index=False):
        card = run.record.metrics[metric]
        if backbone != card.backbone:
            raise BadInput(
                f"{path}: {metric} was measured with {backbone!r} but run.json says {card.backbone!r}; "
                "numbers of two backbones never share a column"
            )

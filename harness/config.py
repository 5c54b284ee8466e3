"""A sweep's YAML, strict: an unknown key, method or metric names the file, the key and the nearest match."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from harness import catalog, mirror
from harness.contracts import LSEProtocol
from harness.datasets import READERS
from harness.describe import Scenes
from harness.faces.policies import PolicyName
from harness.protocol import Reference
from harness.trackers import Name as Tracker
from harness.types import BadInput

M = TypeVar("M", bound=BaseModel)

CONTROLS = ("ground_truth", "still", "wrong_audio", "shifted_audio", "wrong_emotion")
DEFAULT_TRIALS = 8
"""How many trials a search makes where nothing is said."""
JUDGE_SEEDS = range(900_000, 1_000_000)
"""Corpus seeds that only networks carried by this project may be trained on: judges, face detector, SER."""


FolderOrUrl = Annotated[Path | str, BeforeValidator(lambda v: v if mirror.is_url(v) else Path(v))]
"""A folder as a Path, or a place elsewhere as the URL it is written as."""


class Strict(BaseModel):
    """A part of the config: no unknown keys, nothing changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Synthetic(Strict):
    """The embedded corpus that is made when `root` is not given."""

    speakers: int = Field(14, ge=3, le=9000)
    clips_per_speaker: int | None = Field(30, ge=1)
    size: int = Field(64, ge=64, le=256, multiple_of=2)
    seed: int = Field(1, ge=0)

    @field_validator("seed")
    @classmethod
    def _not_the_judges_own(cls, seed: int) -> int:
        if seed in JUDGE_SEEDS:
            raise ValueError(f"seeds {JUDGE_SEEDS.start}.. are the judges' own: choose a smaller one")
        return seed


class SplitFractions(Strict):
    """Fractions of speakers; they sum to 1. Or a split file instead, written `split: FILE`."""

    train: float = Field(0.7, ge=0, le=1)
    val: float = Field(0.1, ge=0, le=1)
    test: float = Field(0.2, ge=0, le=1)
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _file_alone(cls, value: Any) -> Any:
        return {"train": 0, "val": 0, "test": 0, "file": value} if isinstance(value, str | Path) else value

    @model_validator(mode="after")
    def _not_both(self) -> "SplitFractions":
        if self.file is not None and (self.train, self.val, self.test) != (0, 0, 0):
            raise ValueError("a split file leaves no fractions to choose: write split: FILE alone")
        return self


class Data(Strict):
    """A corpus, how its faces are cropped, who is tested, and where the reference picture comes from.

    scenes: what describes a scene in words, for methods that read it (`harness.describe`).
    """

    reader: str = "synthetic"
    root: FolderOrUrl | None = None
    synthetic: Synthetic = Synthetic()
    size: int = Field(64, ge=32, le=512, multiple_of=2)
    faces: PolicyName = "none"
    split: SplitFractions = SplitFractions()
    reference: Reference = "neutral"
    scenes: Scenes = "none"
    test_clips: int | None = Field(None, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _as_prepared(cls, values: Any) -> Any:
        """Take size and face policy from shards that are prepared already; neither can be chosen again."""
        if not isinstance(values, dict) or values.get("reader") != "prepared" or not values.get("root"):
            return values
        from harness.datasets.prepared import about  # the table's library is slow to import

        root = values["root"]
        known = mirror.about(root) if mirror.is_url(root) else about(Path(root))
        made = {"size": known["size"], "faces": known["faces"]["name"]}
        for key, value in made.items():
            if values.get(key, value) != value:
                raise ValueError(f"{key}: {values[key]}, but {root} is prepared with {key}: {value}")
        return {**values, **made}

    @model_validator(mode="after")
    def _shards_alone_elsewhere(self) -> "Data":
        if isinstance(self.root, str) and self.reader != "prepared":
            raise ValueError(
                f"root: {self.root} is a URL, from which prepared shards alone are read: python -m "
                "harness.data prepare READER FOLDER --out URL, and then reader: prepared"
            )
        return self


class Range(Strict):
    """An interval to draw a value from, evenly or on a logarithmic scale."""

    low: float
    high: float
    log: bool = False


class Search(Strict):
    """How trials are chosen.

    space: values by key of the method, or by `seed`, a list: trials that differ in it alone become one row of
    the report, the mean over seeds with their spread.
    objective: a reported loss, minimised by all but grid and random; with several, Optuna looks for their
    Pareto front, and run.json says which trials are on it. interval: every so many steps, a trial of
    population-based training (pbt) goes on from the weights of a better one, with values changed by chance,
    which no seed repeats.
    """

    algorithm: Literal["grid", "random", "asha", "optuna", "pbt"] = "grid"
    space: dict[str, list[Any] | Range] = {}
    trials: int | None = Field(None, ge=1)
    objective: str | list[str] = "recon"
    interval: int = Field(100, ge=1)

    @property
    def objectives(self) -> list[str]:
        """The losses that trials are compared by."""
        return [self.objective] if isinstance(self.objective, str) else self.objective

    @model_validator(mode="after")
    def _one_where_one_is_asked(self) -> "Search":
        if self.algorithm in ("asha", "pbt") and len(self.objectives) != 1:
            raise ValueError(f"{self.algorithm} goes by one loss: name one, or use optuna, grid or random")
        if self.algorithm == "pbt" and (self.trials or DEFAULT_TRIALS) < 2:
            raise ValueError("pbt needs two trials or more: with one there is no other to copy from")
        if not self.objectives:
            raise ValueError("name a loss to go by")
        return self

    @field_validator("space")
    @classmethod
    def _seeds_are_numbers(cls, space: dict[str, list[Any] | Range]) -> dict[str, list[Any] | Range]:
        seeds = space.get("seed")
        if seeds is None:
            return space
        listed = seeds if isinstance(seeds, list) else []
        if not all(type(s) is int and s >= 0 for s in listed) or not 0 < len(listed) == len(set(listed)):
            raise ValueError(f"seed: a list of different whole numbers from 0, not {seeds}")
        return space

    @field_validator("space")
    @classmethod
    def _something_to_try(cls, space: dict[str, list[Any] | Range]) -> dict[str, list[Any] | Range]:
        if empty := [key for key, values in space.items() if values == []]:
            raise ValueError(f"{empty[0]}: an empty list leaves nothing to try")
        return space


class MethodEntry(Strict):
    """A method, its own config and, if it is swept, its search.

    `label` is what its rows are called, where one method enters twice; its name otherwise.
    """

    name: str
    label: str | None = Field(None, pattern=r"^[A-Za-z0-9._-]+$")
    config: dict[str, Any] = {}
    search: Search = Search()

    @property
    def title(self) -> str:
        """What this entry's rows and folders are called."""
        return self.label or self.name.rpartition(".")[2]


DEFAULT_CONTROLS = tuple(
    MethodEntry(name=name, config={"frames": 5} if name == "shifted_audio" else {}) for name in CONTROLS
)


class Resources(Strict):
    """What one trial may use. `workers` > 1 trains each trial with Ray Train on that many processes."""

    threads: int = Field(1, ge=1)
    workers: int = Field(1, ge=1)
    gpus: float = Field(0, ge=0)


class Retries(Strict):
    """How often an item or a trial is tried again, by what took its process away.

    worker: the process itself ended, in native code or for want of memory. node: its machine was lost,
    preempted or not reached, which says nothing about the code. An exception comes again: it is not retried.
    """

    worker: int = Field(2, ge=0)
    node: int = Field(20, ge=0)


class Sweep(Strict):
    """A whole experiment. trackers: who is told of it beside its own files (`harness.trackers`)."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    seed: int = 1
    data: Data
    training_data: Data | None = None
    methods: list[MethodEntry]
    controls: list[MethodEntry] = [*DEFAULT_CONTROLS]
    metrics: list[str] = Field(min_length=1)
    backbones: Literal["embedded", "reference"] = "embedded"
    metric_backbones: dict[str, Literal["embedded", "reference"]] = {}
    lse_protocol: LSEProtocol | None = None
    fid_min_frames: int = Field(2048, ge=2)
    weights: FolderOrUrl | None = None
    resources: Resources = Resources()
    retries: Retries = Retries()
    trackers: list[Tracker] = ["tensorboard"]

    @field_validator("trackers")
    @classmethod
    def _each_once(cls, trackers: list[Tracker]) -> list[Tracker]:
        if len(set(trackers)) != len(trackers):
            raise ValueError("a tracker is named twice")
        return trackers


def load(path: Path, overrides: Sequence[str] = ()) -> Sweep:
    """Read a sweep file, with `key.sub=value` overrides (values are YAML). Raises BadInput."""
    if not path.is_file():
        raise BadInput(f"{path}: no such sweep file")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not YAML: {error}") from error
    if not isinstance(tree, dict):
        raise BadInput(f"{path}: a sweep is a mapping of keys, see sweeps/loss_weights.yaml")
    for override in overrides:
        _override(tree, override)
    sweep = validated(Sweep, tree, str(path))
    _check_names(sweep, str(path))
    return sweep


def validated(model: type[M], values: Mapping[str, Any], where: str) -> M:
    """Return `model(**values)`; BadInput names `where`, each key and what is wrong with it."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        lines = [_explain(model, item) for item in error.errors()]
        raise BadInput("\n".join(f"{where}: {line}" for line in lines)) from error


def _override(tree: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals:
        raise BadInput(f'--set {override}: write it as key=value, such as "data.size=96"')
    *parents, last = key.split(".")
    node: Any = tree
    for part in parents:
        node = node[_index(node, part, override)] if isinstance(node, list) else node.setdefault(part, {})
        if not isinstance(node, dict | list):
            raise BadInput(f'--set {override}: "{part}" holds a value, not keys')
    try:
        found = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise BadInput(f"--set {override}: the value is not YAML: {error}") from error
    node[_index(node, last, override) if isinstance(node, list) else last] = found


def _index(items: list[Any], part: str, override: str) -> int:
    """Return `part` as an index of a list of the sweep."""
    if not part.isdigit() or int(part) >= len(items):
        raise BadInput(f'--set {override}: "{part}" stands where a number from 0 to {len(items) - 1} belongs')
    return int(part)


def _explain(model: type[BaseModel], item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] != "extra_forbidden":
        return f'key "{key}": {item["msg"]} (found {item["input"]!r})'
    return (
        f'unknown key "{key}": {catalog.nearest(str(item["loc"][-1]), _known_keys(model, item["loc"][:-1]))}'
    )


def _known_keys(model: type[BaseModel], parents: tuple[Any, ...]) -> list[str]:
    """Return the keys allowed at `parents`, found by walking the models' annotations."""
    current: Any = model
    for part in parents:
        if isinstance(part, int):
            continue
        annotation = current.model_fields[part].annotation if part in current.model_fields else None
        inner = [a for a in (annotation, *getattr(annotation, "__args__", ())) if _is_model(a)]
        if not inner:
            break
        current = inner[0]
    return list(current.model_fields)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _check_names(sweep: Sweep, where: str) -> None:
    """Resolve every method, its config and every metric now, so that a typing error costs no hours."""
    _check_data(sweep, where)
    for key, entries in (("methods", sweep.methods), ("controls", sweep.controls)):
        for entry in entries:
            try:
                config = catalog.method(entry.name).Config
            except BadInput as error:
                raise BadInput(f"{where}: key {key}: {error}") from error
            validated(
                config, {**entry.config, **_first_values(entry.search)}, f"{where}: {key}: {entry.name}"
            )
    try:
        catalog.require_metrics(sweep.metrics)
        for name in [*sweep.metrics, *sweep.metric_backbones]:
            catalog.metric(name)
    except BadInput as error:
        raise BadInput(f"{where}: key metrics: {error}") from error
    titles = [entry.title for entry in (*sweep.methods, *sweep.controls)]
    if doubled := sorted({t for t in titles if titles.count(t) > 1}):
        raise BadInput(f"{where}: {', '.join(doubled)} enters twice; give each entry a label of its own")
    missing = [name for name in CONTROLS if name not in {c.name for c in sweep.controls}]
    if missing:
        raise BadInput(f"{where}: key controls: {', '.join(missing)} left out; no leaderboard without them")
    for entry in sweep.methods:
        if sweep.resources.workers > 1 and entry.search.algorithm in ("asha", "pbt"):
            raise BadInput(
                f"{where}: key search.algorithm: {entry.search.algorithm} stops or pauses trials; one that "
                "is stopped while several Ray Train workers train it keeps its placement group until the "
                "sweep hangs, and one that is told to go on from another's weights does not (Ray 2.60); use "
                "grid, random or optuna, or resources.workers: 1"
            )


def _check_data(sweep: Sweep, where: str) -> None:
    for key, data in (("data", sweep.data), ("training_data", sweep.training_data)):
        name = data.reader.partition(":")[0] if data is not None else ""
        if data is not None and name not in READERS:
            raise BadInput(
                f'{where}: key {key}.reader: no reader "{name}": {catalog.nearest(name, [*READERS])}'
            )
    if isinstance(sweep.weights, str):
        mirror.reach(sweep.weights)
    elif sweep.weights is not None and not sweep.weights.is_dir():
        raise BadInput(f"{where}: key weights: {sweep.weights} is not a folder")


def _first_values(search: Search) -> dict[str, Any]:
    space = {name: values for name, values in search.space.items() if name != "seed"}
    return {k: v.low if isinstance(v, Range) else v[0] for k, v in space.items()}

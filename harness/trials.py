"""Trials as plain data: what is to be tried, what became of it, and a runner without Ray for tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

from harness.config import DEFAULT_TRIALS, Range, Retries, Search
from harness.fit import FitSpec, fit, read_curve
from harness.jobs import Outcome, attempt
from harness.pareto import pareto_front
from harness.types import BadInput

SEED = "seed"
"""The swept parameter that is no key of a method: trials that differ in it alone are one row of a report."""


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """All trials of one method. `folder` keeps the scheduler's state; `workers` train one trial together."""

    spec: FitSpec
    search: Search
    folder: Path
    seed: int
    workers: int
    gpus: float
    retries: Retries = field(default_factory=Retries)


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy of another trial's weights by population-based training: at which step, from which params."""

    step: int
    source: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What became of a trial; `model` is None unless it is done; `crash` as in Outcome.

    objectives: the last value of each loss that was searched by. front: whether no other trial is at least as
    good in all of them and better in one; None without a search by them. copied: as in Copied. id: what the
    scheduler calls it.
    """

    params: Mapping[str, Any]
    status: Literal["done", "failed", "stopped"]
    reason: str | None
    model: Path | None
    crash: str | None = None
    objectives: Mapping[str, float] = field(default_factory=dict)
    front: bool | None = None
    copied: tuple[Copied, ...] = ()
    id: str | None = None

    @staticmethod
    def of(outcome: Outcome[Path]) -> "TrialResult":
        """Return what became of a method's only trial, from the outcome of its job."""
        return TrialResult(
            {}, "done" if outcome.value else "failed", outcome.reason, outcome.value, outcome.crash
        )


def spec_of(spec: FitSpec, params: Mapping[str, Any]) -> FitSpec:
    """Return one trial's training: its `seed` is the training's own, all else is the method's config.

    Stages that trials share keep the run's seed.
    """
    return replace(spec, seed=params.get(SEED, spec.seed)).with_params(method_params(params))


def method_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a trial's parameters that are keys of its method."""
    return {name: value for name, value in params.items() if name != SEED}


def trial_count(search: Search) -> int:
    """Return how many trials a search makes. Raises BadInput when a grid is given an interval."""
    if search.algorithm != "grid":
        return search.trials or DEFAULT_TRIALS
    return len(grid(search))


def grid(search: Search) -> list[dict[str, Any]]:
    """Return every combination of a grid's values."""
    for name, values in search.space.items():
        if isinstance(values, Range):
            raise BadInput(f"search.space.{name}: a grid needs a list of values, not low and high")
    return [dict(zip(search.space, values, strict=True)) for values in product(*search.space.values())]


def ordered(results: Sequence[TrialResult]) -> list[TrialResult]:
    """Return results by their parameters' values, so that a trial's number does not depend on timing."""
    return sorted(results, key=lambda r: [(isinstance(v, str), v) for v in r.params.values()])


def judged(results: Sequence[TrialResult], objectives: Sequence[str]) -> list[TrialResult]:
    """Return results with the last value of each objective, and whether they are on the Pareto front."""
    values = {}
    for index, result in enumerate(results):
        if result.model is not None:
            last = read_curve(result.model)[-1][1]
            values[index] = {name: last[name] for name in objectives if name in last}
    whole = {i: tuple(v.values()) for i, v in values.items() if len(v) == len(objectives)}
    best = dict(zip(whole, pareto_front([*whole.values()]), strict=True))
    return [
        replace(result, objectives=values.get(index, {}), front=best.get(index))
        for index, result in enumerate(results)
    ]


def run_in_process(plan: TrialPlan) -> list[TrialResult]:
    """Run a grid's trials one after another, here."""
    results = []
    for params in grid(plan.search):
        spec = spec_of(plan.spec, params)
        outcome = attempt(trained, spec)
        status: Literal["done", "failed"] = "done" if outcome.value else "failed"
        results.append(TrialResult(params, status, outcome.reason, outcome.value, outcome.crash))
    return ordered(results)


def trained(spec: FitSpec) -> Path:
    """Return the model of a trial, trained here if it is not in the store."""
    if not spec.model_path().exists():
        fit(spec)
    return spec.model_path()

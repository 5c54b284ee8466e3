"""Trials as plain data: what is to be tried, what became of it, and a runner without Ray for tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

from harness.config import Range, Search
from harness.fit import FitSpec, fit
from harness.jobs import Outcome
from harness.types import BadInput

_DEFAULT_TRIALS = 8

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


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What became of a trial; `model` is None unless it is done; `crash` as in Outcome."""

    params: Mapping[str, Any]
    status: Literal["done", "failed", "stopped"]
    reason: str | None
    model: Path | None
    crash: str | None = None

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
        return search.trials or _DEFAULT_TRIALS
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


def run_in_process(plan: TrialPlan) -> list[TrialResult]:
    """Run a grid's trials one after another, here."""
    results = []
    for params in grid(plan.search):
        spec = spec_of(plan.spec, params)
        try:
            if not spec.model_path().exists():
                fit(spec)
            results.append(TrialResult(params, "done", None, spec.model_path()))
        except FloatingPointError as error:
            results.append(TrialResult(params, "failed", str(error), None))
    return ordered(results)

"""Trials on Ray Tune: the search space, the schedulers, resume after a kill.

A trial with one worker is a plain Tune function in a reused actor; with several it hands its training to
Ray Train (`train`). A trial whose model is in the store already is done at once. A NaN loss ends its trial
with its reason; a worker that dies is resumed from its last checkpoint, twice at most.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.basic_variant import BasicVariantGenerator
from ray.tune.search.optuna import OptunaSearch

from harness.config import Range, Search
from harness.fit import FitSpec, fit, read_curve
from harness.progress import Progress, Step
from harness.train import fit_on_workers
from harness.trials import TrialPlan, TrialResult, ordered, spec_of, trial_count
from harness.types import BadInput

_CRASH_RETRIES = 2


def run_trials(plan: TrialPlan, progress: Progress) -> list[TrialResult]:
    """Run or resume a method's trials; return them in the order of their parameters."""
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    trainable = tune.with_resources(partial(_trial, plan.spec, plan.workers, plan.gpus), _resources(plan))
    step = progress.start(f"{plan.spec.method}: training", trial_count(plan.search), "trials")
    run = tune.RunConfig(
        name=plan.folder.name,
        storage_path=str(plan.folder.parent.resolve()),
        verbose=0,
        callbacks=[_Line(step)],
        failure_config=tune.FailureConfig(max_failures=_CRASH_RETRIES),
        checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
    )
    if tune.Tuner.can_restore(str(plan.folder.resolve())):
        tuner = tune.Tuner.restore(
            str(plan.folder.resolve()),
            trainable=trainable,
            resume_errored=True,
            param_space=_space(plan.search),
        )
    else:
        tuner = tune.Tuner(
            trainable, param_space=_space(plan.search), tune_config=_tune_config(plan), run_config=run
        )
    results = [_result(plan.spec, result) for result in tuner.fit()]
    step.done = len(results)
    step.finish()
    return ordered(results)


def _trial(spec: FitSpec, workers: int, gpus: float, params: Mapping[str, Any]) -> None:
    """One trial, in Tune's actor."""
    chosen = spec_of(spec, params)
    reason = None
    if not chosen.model_path().exists():
        try:
            _train(chosen, workers, gpus)
        except FloatingPointError as error:
            reason = str(error)
    points = read_curve(chosen.model_path()) if reason is None else [(0, {})]
    step, losses = points[-1]
    tune.report({"step": step, **losses, "reason": reason, "finished": True})


def _train(spec: FitSpec, workers: int, gpus: float) -> None:
    if workers > 1:
        fit_on_workers(spec, workers, gpus, name=tune.get_context().get_trial_id())
        return
    checkpoint = tune.get_checkpoint()
    if checkpoint is None:
        fit(spec, sink=_report)
    else:
        with checkpoint.as_directory() as folder:
            fit(spec, sink=_report, resume=Path(folder))


def _report(step: int, losses: Mapping[str, float], checkpoint: Callable[[Path], None] | None) -> None:
    if checkpoint is None:
        tune.report({"step": step, **losses})
        return
    with tempfile.TemporaryDirectory() as folder:
        checkpoint(Path(folder))
        tune.report({"step": step, **losses}, checkpoint=tune.Checkpoint.from_directory(folder))


def _resources(plan: TrialPlan) -> dict[str, float]:
    if plan.workers > 1:
        return {"cpu": 0.001}  # the trial only drives its Train workers, which hold the cores
    return {"cpu": plan.spec.threads, "gpu": plan.gpus}


def _space(search: Search) -> dict[str, Any]:
    return {name: _domain(values, search.algorithm) for name, values in search.space.items()}


def _domain(values: list[Any] | Range, algorithm: str) -> Any:
    if isinstance(values, Range):
        return (tune.loguniform if values.log else tune.uniform)(values.low, values.high)
    return tune.grid_search(values) if algorithm == "grid" else tune.choice(values)


def _tune_config(plan: TrialPlan) -> tune.TuneConfig:
    search = plan.search
    objective: dict[str, Any] = {"metric": search.objective, "mode": "min"}
    algorithm: Any = BasicVariantGenerator(random_state=plan.seed)
    scheduler = None
    if search.algorithm == "optuna":
        algorithm = OptunaSearch(seed=plan.seed, **objective)
    if search.algorithm == "asha":
        scheduler = ASHAScheduler(time_attr="step", max_t=1_000_000, grace_period=1, **objective)
    return tune.TuneConfig(
        num_samples=1 if search.algorithm == "grid" else trial_count(search),
        search_alg=algorithm,
        scheduler=scheduler,
        reuse_actors=plan.workers == 1,
        trial_dirname_creator=lambda trial: trial.trial_id,
    )


def _result(spec: FitSpec, result: Any) -> TrialResult:
    params = {name: result.config[name] for name in result.config}
    model = spec_of(spec, params).model_path()
    if result.error is not None:
        return TrialResult(params, "failed", str(result.error).strip().splitlines()[-1], None)
    last = result.metrics or {}
    if last.get("reason") is not None:
        return TrialResult(params, "failed", last["reason"], None)
    if last.get("finished") and not model.exists():
        raise BadInput(
            f"{model}: the model of a finished trial is not in the store: it was deleted, or the code has "
            "changed since; run again without --resume"
        )
    if not model.exists():
        return TrialResult(params, "stopped", "stopped early by the scheduler", None)
    return TrialResult(params, "done", None, model)


class _Line(tune.Callback):  # type: ignore[misc]  # Ray is untyped here
    """Feeds the project's own progress line."""

    def __init__(self, step: Step) -> None:
        self._step = step

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._step.advance(1)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._step.advance(1)

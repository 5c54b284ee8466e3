"""Trials on Ray Tune: the search space, the schedulers, resume after a kill.

A trial with one worker is a plain Tune function in a reused actor; with several it hands its training to
Ray Train (`train`). A trial whose model is in the store already is done at once. A NaN loss, or any other
exception, ends its trial with its reason: it would come again. A trial that loses its process or its node
goes on from its last checkpoint, on a budget for each kind of loss.
"""

import logging
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ray import cloudpickle, tune
from ray.air._internal import usage
from ray.air.execution._internal import RayActorManager
from ray.exceptions import OutOfMemoryError, RayActorError
from ray.tune.execution import tune_controller
from ray.tune.schedulers import ASHAScheduler, PopulationBasedTraining
from ray.tune.search.basic_variant import BasicVariantGenerator
from ray.tune.search.optuna import OptunaSearch

from harness.config import Range, Search
from harness.execute import LOST, check_home, loss_of
from harness.faults import Loss, Unwritable, lost_to
from harness.fit import FitSpec, Sparing, fit, read_curve
from harness.jobs import Outcome, attempt
from harness.population import Population
from harness.progress import Progress, Step
from harness.store import scratch
from harness.trials import SEED, TrialPlan, TrialResult, ordered, spec_of, trial_count
from harness.types import BadInput

_LOOK_EVERY = 10.0
"""Seconds between looks at whether this machine's own Ray is still there."""


def run_trials(plan: TrialPlan, progress: Progress) -> list[TrialResult]:
    """Run or resume a method's trials; return them in the order of their parameters.

    Raises Unwritable when a trial found no room for what it makes.
    """
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"  # it would make Ctrl-C the search's end, not the run's
    logging.getLogger("ray.tune.execution.tune_controller").setLevel("CRITICAL")  # _Watch tells of losses
    # Ray counts callbacks for its usage statistics: for that it would load MLflow and W&B, for two seconds.
    usage.tag_callbacks = bool
    trainable = tune.with_resources(partial(_trial, plan), _resources(plan))
    step = progress.start(f"{plan.spec.method}: training", trial_count(plan.search), "trials")
    shutil.rmtree(_given_up(plan), ignore_errors=True)
    run = tune.RunConfig(
        name=plan.folder.name,
        storage_path=str(plan.folder.parent.resolve()),
        verbose=0,
        callbacks=[_Watch(progress, step, plan)],
        failure_config=tune.FailureConfig(max_failures=-1),  # _Watch counts, by kind
        # A population's checkpoints are few, and one may still be copied from when the next is there.
        checkpoint_config=tune.CheckpointConfig(num_to_keep=None if plan.search.algorithm == "pbt" else 1),
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
    results = [replace(_result(plan, found), id=Path(found.path).name) for found in tuner.fit()]
    step.done = len(results)
    step.finish()
    return ordered(results)


def _trial(plan: TrialPlan, params: Mapping[str, Any]) -> None:
    """One trial, in Tune's actor."""
    trial = tune.get_context().get_trial_id()
    spec = _spec(plan, trial, params)
    given_up = _given_up(plan) / trial
    full = False
    try:
        if given_up.exists():
            reason = given_up.read_text()
            outcome: Outcome[Path] = Outcome(reason=reason, crash=reason)
        else:
            outcome = attempt(partial(_trained, plan, trial), spec)
    except Unwritable as error:
        outcome, full = Outcome(reason=str(error)), True
    points = read_curve(outcome.value) if outcome.value is not None else [(0, {})]
    step, losses = points[-1]
    ended = {"reason": outcome.reason, "crash": outcome.crash, "unwritable": full, "finished": True}
    tune.report({"step": step, **losses, **ended})
    if outcome.crash is not None or full:
        raise _Ended(outcome.reason)


class _Ended(Exception):
    """Ends a trial so that --resume tries it again, as its cause may be mended by then; a NaN would not."""


def _spec(plan: TrialPlan, trial: str, params: Mapping[str, Any]) -> FitSpec:
    """Return a trial's training; in a population it shares no model, having weights of others in it."""
    spec = spec_of(plan.spec, params)
    return Population.apart(spec, trial) if plan.search.algorithm == "pbt" else spec


def _trained(plan: TrialPlan, trial: str, spec: FitSpec) -> Path:
    if spec.model_path().exists():
        return spec.model_path()
    if plan.workers > 1:
        from harness.train import fit_on_workers  # Ray Train is slow to import

        fit_on_workers(spec, plan.workers, plan.gpus, plan.retries, name=trial)
        return spec.model_path()
    sink: Any = Sparing(_report)
    population = None
    if plan.search.algorithm == "pbt":
        params = {name: spec.config[name] for name in plan.search.space if name != SEED}
        sink = population = Population(plan.folder, trial, params, plan.search.interval, _report)
    checkpoint = tune.get_checkpoint()
    if checkpoint is None:
        fit(spec, sink=sink)
        return spec.model_path()
    with checkpoint.as_directory() as folder:
        if population is not None:
            population.begin(Path(folder))
        fit(spec, sink=sink, resume=Path(folder))
    return spec.model_path()


def _report(step: int, losses: Mapping[str, float], checkpoint: Callable[[Path], None] | None) -> None:
    if checkpoint is None:
        tune.report({"step": step, **losses})
        return
    with scratch() as folder:
        checkpoint(folder)
        tune.report({"step": step, **losses}, checkpoint=tune.Checkpoint.from_directory(folder))


def _given_up(plan: TrialPlan) -> Path:
    """Return the folder of files, one a trial, that say why it is not to be tried again."""
    return plan.folder.parent / f"{plan.folder.name}.given_up"


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
    objective: dict[str, Any] = {"metric": search.objectives[0], "mode": "min"}
    algorithm: Any = BasicVariantGenerator(random_state=plan.seed)
    scheduler = None
    if search.algorithm == "optuna":
        many = {"metric": search.objectives, "mode": ["min"] * len(search.objectives)}
        algorithm = OptunaSearch(seed=plan.seed, **(objective if len(search.objectives) == 1 else many))
    if search.algorithm == "asha":
        scheduler = ASHAScheduler(time_attr="step", max_t=1_000_000, grace_period=1, **objective)
    if search.algorithm == "pbt":
        scheduler = PopulationBasedTraining(
            time_attr="step",
            perturbation_interval=search.interval,
            hyperparam_mutations=_space(search),
            custom_explore_fn=partial(_within, search),
            synch=True,  # what is copied does not depend on who is fast
            require_attrs=False,
            **objective,
        )
    return tune.TuneConfig(
        num_samples=1 if search.algorithm == "grid" else trial_count(search),
        search_alg=algorithm,
        scheduler=scheduler,
        reuse_actors=plan.workers == 1,
        trial_dirname_creator=lambda trial: trial.trial_id,
    )


def _within(search: Search, params: dict[str, Any]) -> dict[str, Any]:
    """Return changed params, each within its interval: Ray multiplies without a look at it."""
    bounds = {name: values for name, values in search.space.items() if isinstance(values, Range)}
    return params | {name: min(max(params[name], r.low), r.high) for name, r in bounds.items()}


def _result(plan: TrialPlan, result: Any) -> TrialResult:
    params = {name: result.config[name] for name in result.config}
    trial = Path(result.path).name
    model = _spec(plan, trial, params).model_path()
    last = result.metrics or {}
    if last.get("unwritable"):
        raise Unwritable(last["reason"])
    if last.get("reason") is not None:
        return TrialResult(params, "failed", last["reason"], None, last["crash"])
    if result.error is not None:
        return TrialResult(params, "failed", str(result.error).strip().splitlines()[-1], None)
    if last.get("finished") and not model.exists():
        raise BadInput(
            f"{model}: the model of a finished trial is not in the store: it was deleted, or the code has "
            "changed since; run again without --resume"
        )
    copied = Population.copied(plan.folder, trial)
    if not model.exists():
        return TrialResult(params, "stopped", "stopped early by the scheduler", None, copied=copied)
    if copied and copied[-1].step == read_curve(model)[-1][0]:
        params = dict(copied[-1].source)  # copied at its end: nothing was trained with the changed values
    return TrialResult(params, "done", None, model, copied=copied)


class _Actors(RayActorManager):  # type: ignore[misc]  # Ray is untyped here
    """Ray's own, for whom a trial ended for want of memory is an unknown error, and the search's end."""

    def _actor_task_failed(self, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, OutOfMemoryError):
            exception = RayActorError(error_msg=str(exception))
        super()._actor_task_failed(tracked_actor_task, exception)


tune_controller.RayActorManager = _Actors


class _Watch(tune.Callback):  # type: ignore[misc]  # Ray is untyped here
    """Feeds the project's own progress line, and counts what trials lose by kind.

    Ray counts all losses alike and cannot be told in time which one was too many: a trial that has used up a
    budget is begun once more and finds a file that says so.
    """

    def __init__(self, progress: Progress, step: Step, plan: TrialPlan) -> None:
        self._progress, self._step, self._plan = progress, step, plan
        self._losses: dict[str, Counter[Loss]] = {}
        self._looked = time.monotonic()

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        if time.monotonic() - self._looked > _LOOK_EVERY:
            check_home()
            self._looked = time.monotonic()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        spent = (_given_up(self._plan) / trial.trial_id).exists()
        trial.max_failures = 0 if spent else -1

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: Mapping[str, Any], **info: Any
    ) -> None:
        if result.get("reason") is not None:
            trial.max_failures = 0  # the exception that follows is its end

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._step.advance(1)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._step.advance(1)

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        # Ray's own reader looks into the storage, where the file comes later.
        file = trial.pickled_error_file
        error = cloudpickle.loads(Path(file).read_bytes()) if file is not None else None
        loss = loss_of(error) if isinstance(error, LOST) else "worker"
        losses = self._losses.setdefault(trial.trial_id, Counter())
        losses[loss] += 1
        budget, times = self._plan.retries.node, losses["node"]
        if loss != "node":
            budget, times = self._plan.retries.worker, losses["worker"] + losses["memory"]
        self._progress.say(
            f"{self._plan.spec.method}: a trial was lost (to: {loss}), {times} of {budget} retries"
        )
        if times > budget:
            why = "" if isinstance(error, LOST) else f"; the last: {error}"
            folder = _given_up(self._plan)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / trial.trial_id).write_text(lost_to(loss, times) + why)

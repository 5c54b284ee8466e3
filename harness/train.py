"""Ray Train round a method's own loop: several workers, one global batch, one model.

Every worker draws the same global batch from the same seed and takes its share; DDP averages the gradients,
so the losses are those of one worker with the same batch, within floating-point noise.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import ray.train
import ray.train.torch
import torch
import torch.distributed
from ray.train.v2._internal.exceptions import WorkerHealthCheckTimeoutError
from ray.train.v2.api.exceptions import ControllerError, PreemptionError, TrainingFailedError

from harness.config import Retries
from harness.execute import LOST, loss_of
from harness.faults import Loss, lost_to, no_room, unwritable
from harness.fit import FitSpec, Sparing, fit
from harness.store import scratch
from harness.types import BadInput

# A share of a core rather than a whole one: the driver of the trial needs the rest to be scheduled at all.
_CPUS_PER_WORKER = 0.99


def fit_on_workers(spec: FitSpec, workers: int, gpus: float, retries: Retries, name: str) -> None:
    """Train one trial on `workers` processes, from its last checkpoint when processes or nodes are lost.

    Raises FloatingPointError on a NaN loss, MemoryError where memory did not suffice, BadInput on any other
    end of the training: what the code raised comes again, so it is not retried.
    """
    # Ray polls its workers every 2 s by default, which would be most of a short trial.
    os.environ["RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"] = "0.1"
    losses: Counter[Loss] = Counter()
    while True:
        try:
            _trainer(spec, workers, gpus, name).fit()
            return
        except TrainingFailedError as error:
            loss = _loss(spec, error)
        except LOST as error:
            loss = loss_of(error)
        losses[loss] += 1
        times = losses["node"] if loss == "node" else losses["worker"] + losses["memory"]
        if times > (retries.node if loss == "node" else retries.worker):
            raise BadInput(f"{spec.method}: {lost_to(loss, times)}")


def _trainer(spec: FitSpec, workers: int, gpus: float, name: str) -> Any:
    """Return the trainer of that name: one that was begun before goes on from its last checkpoint."""
    return ray.train.torch.TorchTrainer(
        _worker,
        train_loop_config={"spec": spec},
        scaling_config=ray.train.ScalingConfig(
            num_workers=workers,
            use_gpu=gpus > 0,
            resources_per_worker={"CPU": _CPUS_PER_WORKER, "GPU": gpus},
        ),
        run_config=ray.train.RunConfig(
            name=name,
            storage_path=str((spec.store.root / "train").resolve()),
            checkpoint_config=ray.train.CheckpointConfig(num_to_keep=1),
        ),
    )


def _loss(spec: FitSpec, error: TrainingFailedError) -> Loss:
    """Return what workers were lost to; where one of them raised and none was lost, that is raised.

    When one worker is lost the others fail on the broken connection, so a loss explains whatever else came.
    """
    if isinstance(error, PreemptionError):
        return "node"
    if isinstance(error, ControllerError):
        return "node" if isinstance(error.controller_failure, LOST) else _raised(spec, error)
    failures = [*getattr(error, "worker_failures", {}).values()] or [error]
    lost = [loss_of(f) for f in failures if isinstance(f, LOST)]
    lost += ["node" for f in failures if isinstance(f, WorkerHealthCheckTimeoutError)]
    return lost[0] if lost else _raised(spec, failures[0])


def _raised(spec: FitSpec, error: BaseException) -> NoReturn:
    said = str(error).strip().splitlines()[-1]
    if "FloatingPointError" in str(error):
        raise FloatingPointError(said) from error
    if no_room(error):
        raise unwritable(error, spec.store.root) from error
    if "MemoryError" in said or "OutOfMemoryError" in said:
        raise MemoryError(said) from error
    raise BadInput(f"{spec.method}: training workers failed: {said}") from error


def _worker(config: Mapping[str, Any]) -> None:
    context = ray.train.get_context()
    rank, world = context.get_world_rank(), context.get_world_size()
    checkpoint = ray.train.get_checkpoint()
    place: dict[str, Any] = {
        "rank": rank,
        "world": world,
        "wrap": ray.train.torch.prepare_model,
        "average": _average,
    }
    sink = Sparing(_sink(rank))
    if checkpoint is None:
        fit(config["spec"], sink=sink, **place)
    else:
        with checkpoint.as_directory() as folder:
            fit(config["spec"], sink=sink, resume=Path(folder), **place)


def _average(losses: Mapping[str, float]) -> Mapping[str, float]:
    """Return the mean of each loss over the workers, whose shares of the batch are equal."""
    total = torch.tensor(list(losses.values()), dtype=torch.float64)
    if torch.cuda.is_available():
        total = total.cuda()
    torch.distributed.all_reduce(total)
    means = (total / torch.distributed.get_world_size()).tolist()
    return dict(zip(losses, means, strict=True))


def _sink(rank: int) -> Callable[[int, Mapping[str, float], Callable[[Path], None] | None], None]:
    """Return a sink that reports on every worker and writes the checkpoint on the first."""

    def report(step: int, losses: Mapping[str, float], checkpoint: Callable[[Path], None] | None) -> None:
        metrics = {"step": step, **losses}
        if checkpoint is None or rank != 0:
            ray.train.report(metrics)
            return
        with scratch() as folder:
            checkpoint(folder)
            ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))

    return report

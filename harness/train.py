"""Ray Train round a method's own loop: several workers, one global batch, one model.

Every worker draws the same global batch from the same seed and takes its share; DDP averages the gradients,
so the losses are those of one worker with the same batch, within floating-point noise.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ray.train
import ray.train.torch
import torch
import torch.distributed

from harness.fit import FitSpec, fit
from harness.types import BadInput

# A share of a core rather than a whole one: the driver of the trial needs the rest to be scheduled at all.
_CPUS_PER_WORKER = 0.99


def fit_on_workers(spec: FitSpec, workers: int, gpus: float, name: str) -> None:
    """Train one trial on `workers` processes. Raises FloatingPointError on a NaN loss."""
    # Ray polls its workers every 2 s by default, which would be most of a short trial.
    os.environ["RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"] = "0.1"
    trainer = ray.train.torch.TorchTrainer(
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
            failure_config=ray.train.FailureConfig(max_failures=2),
        ),
    )
    try:
        trainer.fit()
    except ray.train.v2.api.exceptions.WorkerGroupError as error:
        failures = [str(e) for e in error.worker_failures.values()]
        if any("FloatingPointError" in text for text in failures):
            raise FloatingPointError(failures[0].strip().splitlines()[-1]) from error
        raise BadInput(f"{spec.method}: training workers failed: {failures[0]}") from error


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
    if checkpoint is None:
        fit(config["spec"], sink=_sink(rank), **place)
    else:
        with checkpoint.as_directory() as folder:
            fit(config["spec"], sink=_sink(rank), resume=Path(folder), **place)


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
        with tempfile.TemporaryDirectory() as folder:
            checkpoint(Path(folder))
            ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))

    return report

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness import tune
from harness.config import Range, Search
from harness.contracts import TrainingData
from harness.execute import cluster
from harness.fit import Checkpoints, FitSpec, fit, read_curve, run_fit, run_stage
from harness.progress import Progress
from harness.store import Store
from harness.trials import TrialPlan, run_in_process, spec_of, trial_count
from harness.types import BadInput
from harness.weights import Weights


def plan(folder: Path, search: Search) -> TrialPlan:
    empty = FitSpec(
        method="tests.toys",
        config={"steps": 4},
        data=TrainingData((), (), (), (), 64),
        data_id="none",
        artefacts={},
        seed=1,
        threads=1,
        device="cpu",
        store=Store(folder / "store"),
        weights=Weights(),
    )
    spec = replace(empty, artefacts={"mean": run_stage(empty, "mean")})
    return TrialPlan(spec, search, folder / "tune" / "toy", seed=1, workers=1, gpus=0)


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[int]:
    with cluster(2) as workers:
        yield workers


GRID = Search(space={"alpha": [2.0, -1.0, 1.0]})


def test_a_grid_on_tune_equals_the_plain_loop(tmp_path: Path, ray_cluster: int) -> None:
    plain = run_in_process(plan(tmp_path / "plain", GRID))
    on_ray = tune.run_trials(plan(tmp_path / "ray", GRID), Progress())
    assert [(r.params, r.status, r.reason) for r in plain] == [(r.params, r.status, r.reason) for r in on_ray]
    assert [r.status for r in on_ray] == ["failed", "done", "done"]
    for one, other in zip(plain[1:], on_ray[1:], strict=True):
        assert one.model is not None and other.model is not None
        assert (one.model / "toy.json").read_text() == (other.model / "toy.json").read_text()
        assert read_curve(one.model) == read_curve(other.model)


def test_a_seed_is_the_trainings_own_and_no_key_of_the_method(tmp_path: Path) -> None:
    asked = plan(tmp_path, Search(space={"alpha": [2.0], "seed": [1, 7]}))
    found = run_in_process(asked)
    assert [r.params for r in found] == [{"alpha": 2.0, "seed": 1}, {"alpha": 2.0, "seed": 7}]
    assert [r.status for r in found] == ["done", "done"]
    assert spec_of(asked.spec, found[1].params).seed == 7
    assert found[0].model == asked.spec.with_params({"alpha": 2.0}).model_path() != found[1].model


def test_a_nan_loss_ends_its_trial_and_says_which_loss(tmp_path: Path) -> None:
    failed = run_in_process(plan(tmp_path, GRID))[0]
    assert failed.model is None
    for words in ("alpha=-1.0", "recon", "step 1", "lower lr"):
        assert words in (failed.reason or "")


def test_resuming_a_finished_search_trains_nothing(tmp_path: Path, ray_cluster: int) -> None:
    first = tune.run_trials(plan(tmp_path, GRID), Progress())
    stamps = [r.model.stat().st_mtime_ns for r in first if r.model]
    again = tune.run_trials(plan(tmp_path, GRID), Progress())
    assert again == first
    assert [r.model.stat().st_mtime_ns for r in again if r.model] == stamps


@pytest.mark.parametrize("algorithm", ["random", "optuna", "asha"])
def test_other_searches_run_their_number_of_trials(tmp_path: Path, ray_cluster: int, algorithm: str) -> None:
    search = Search.model_validate(
        {"algorithm": algorithm, "space": {"alpha": {"low": 0.0, "high": 1.0}}, "trials": 3}
    )
    found = tune.run_trials(plan(tmp_path, search), Progress())
    assert len(found) == 3
    assert all(0 <= r.params["alpha"] <= 1 for r in found)
    assert {r.status for r in found} <= {"done", "stopped"}


def test_the_curve_goes_on_where_the_checkpoint_stopped(tmp_path: Path) -> None:
    spec = plan(tmp_path, GRID).spec.with_params({"alpha": 1.0})
    whole = fit(spec)
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()

    def keep_second(step: int, losses: object, write: object) -> None:
        if step == 2:
            write(checkpoint)  # type: ignore[operator]

    fit(spec, sink=keep_second)
    assert fit(spec, resume=checkpoint).points == whole.points


def test_a_training_goes_on_from_the_last_checkpoint_that_was_kept(tmp_path: Path) -> None:
    spec = plan(tmp_path, GRID).spec.with_params({"alpha": 1.0})
    kept = Checkpoints(spec.store.path("checkpoints", [spec.model_path().name]), seconds=0)

    def die_at_third(step: int, losses: Mapping[str, float], write: Callable[[Path], None] | None) -> None:
        if step == 3:
            raise KeyboardInterrupt
        kept(step, losses, write)

    with pytest.raises(KeyboardInterrupt):
        fit(spec, sink=die_at_third)
    assert [p.name for p in kept.folder.iterdir()] == ["000000002"]
    model = run_fit(spec)
    assert [step for step, _ in read_curve(model)] == [1, 2, 3, 4]
    assert not kept.folder.exists()


def test_a_grid_of_an_interval_is_refused() -> None:
    with pytest.raises(BadInput, match="space"):
        trial_count(Search(space={"alpha": Range(low=0, high=1)}))

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from harness import tune
from harness.config import Range, Retries, Search
from harness.contracts import TrainingData
from harness.execute import cluster
from harness.faults import Unwritable
from harness.fit import Checkpoints, FitSpec, Sparing, fit, read_curve, run_fit, run_stage
from harness.pareto import pareto_front
from harness.progress import Progress
from harness.store import Store
from harness.trials import TrialPlan, TrialResult, judged, run_in_process, spec_of, trial_count
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
    kept = Checkpoints(spec.store.path("checkpoints", [spec.model_path().name]))

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


def test_opencv_leaves_the_cores_to_other_trials(tmp_path: Path) -> None:
    spec = plan(tmp_path, GRID).spec.with_params({"alpha": 1.0})
    cv2.setNumThreads(2)
    run_stage(replace(spec, artefacts={}), "mean")
    assert cv2.getNumThreads() == 1
    cv2.setNumThreads(2)
    run_fit(spec)
    assert cv2.getNumThreads() == 1


def test_checkpoints_take_little_of_a_training_and_points_are_all_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    told: list[tuple[int, bool]] = []

    def sink(step: int, losses: Mapping[str, float], write: Callable[[Path], None] | None) -> None:
        nonlocal now
        told.append((step, write is not None))
        now += 1.0 if write is not None else 0.0

    monkeypatch.setattr("harness.fit.time.monotonic", lambda: now)
    sparing = Sparing(sink, share=0.02)
    for step in range(1, 21):
        now += 10.0
        sparing(step, {}, lambda folder: None)
    assert [step for step, _ in told] == [*range(1, 21)]
    assert [step for step, kept in told if kept] == [1, 5, 10, 15, 20]
    sparing(21, {}, None)
    assert told[-1] == (21, False)


CLIMB = {"space": {"rate": {"low": 0.1, "high": 10.0}}, "trials": 4}


def climbers(folder: Path, **search: object) -> TrialPlan:
    chosen = Search.model_validate({**CLIMB, **search})
    spec = replace(plan(folder, GRID).spec, method="tests.climbers", config={"steps": 20}, artefacts={})
    return TrialPlan(spec, chosen, folder / "tune" / "climber", seed=1, workers=1, gpus=0)


def test_a_population_goes_on_from_the_weights_of_its_best(tmp_path: Path, ray_cluster: int) -> None:
    found = tune.run_trials(climbers(tmp_path, algorithm="pbt", interval=5), Progress())
    assert [r.status for r in found] == ["done"] * 4
    copies = [(result, copy) for result in found for copy in result.copied]
    assert copies
    for result, copy in copies:
        assert result.model is not None
        rates = json.loads((result.model / "rates.json").read_text())
        assert len(rates) == 20
        assert copy.step % 5 == 0
        # The weights of before are the other's, those of after are its own.
        assert rates[copy.step - 1] == copy.source["rate"]
        assert all(0.1 <= rate <= 10 for rate in rates)
        assert rates[-1] == result.params["rate"]
        assert len(read_curve(result.model)) == 20


def test_optuna_with_two_losses_finds_a_front(tmp_path: Path, ray_cluster: int) -> None:
    asked = climbers(tmp_path, algorithm="optuna", objective=["recon", "effort"])
    found = judged(tune.run_trials(asked, Progress()), asked.search.objectives)
    assert [r.status for r in found] == ["done"] * 4
    for result in found:  # more effort is always less recon: no trial is better than another in both
        assert result.objectives["effort"] == result.params["rate"]
        assert result.front


def test_a_front_leaves_out_what_another_beats() -> None:
    assert pareto_front([(1, 3), (2, 2), (3, 1), (2, 3), (3, 3)]) == [True, True, True, False, False]
    assert pareto_front([(1, 1), (1, 1)]) == [True, True]
    assert pareto_front([]) == []


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"algorithm": "asha", "objective": ["recon", "effort"]}, "one loss"),
        ({"algorithm": "pbt", "trials": 1}, "two trials"),
        ({"objective": []}, "name a loss"),
    ],
)
def test_a_search_that_cannot_be_is_refused(search: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Search.model_validate(search)


def faulty(folder: Path, fault: str, **retries: int) -> tuple[TrialResult, int]:
    """Return what became of one trial with a fault in its third step, and how often it was begun."""
    asked = climbers(folder, algorithm="grid", space={"rate": [1.0]})
    config = {"steps": 4, "fault": fault, "begun": str(folder / "begun")}
    chosen = replace(asked, spec=replace(asked.spec, config=config), retries=Retries(**retries))
    (result,) = tune.run_trials(chosen, Progress())
    return result, len((folder / "begun").read_text().splitlines())


def test_an_exception_of_the_code_is_told_and_not_retried(tmp_path: Path, ray_cluster: int) -> None:
    result, begun = faulty(tmp_path, "raise")
    assert begun == 1
    assert result.status == "failed"
    assert result.reason == "KeyError: 'a bug'"
    assert "climbers.py" in (result.crash or "")


def test_want_of_memory_is_told_with_what_to_lower(tmp_path: Path, ray_cluster: int) -> None:
    result, begun = faulty(tmp_path, "memory")
    assert begun == 1
    assert "out of memory: lower the method's batch" in (result.reason or "")


def test_want_of_room_ends_the_run_by_name(tmp_path: Path, ray_cluster: int) -> None:
    with pytest.raises(Unwritable, match=r"No space left on device.*--resume"):
        faulty(tmp_path, "room")
    result, _ = faulty(tmp_path, "")  # room was made: the same search goes on
    assert result.status == "done"


def test_a_trial_whose_process_dies_goes_on_from_its_checkpoint(tmp_path: Path, ray_cluster: int) -> None:
    result, begun = faulty(tmp_path, "die once", worker=1)
    assert (result.status, begun) == ("done", 2)
    assert result.model is not None
    assert [step for step, _ in read_curve(result.model)] == [1, 2, 3, 4]


def test_a_trial_whose_process_always_dies_is_given_up_when_its_budget_is_spent(
    tmp_path: Path, ray_cluster: int
) -> None:
    result, begun = faulty(tmp_path, "die", worker=1, node=9)
    assert begun == 2
    assert result.status == "failed"
    assert "died 2 times" in (result.reason or "")


def test_a_grid_of_an_interval_is_refused() -> None:
    with pytest.raises(BadInput, match="space"):
        trial_count(Search(space={"alpha": Range(low=0, high=1)}))

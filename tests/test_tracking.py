"""What trackers are told, read back from their own files; and that no run is lost or changed by one."""

import json
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness import config, results, sweep, trackers, tracking
from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.jobs import InProcess
from harness.pipeline import Engine, Run
from harness.progress import Progress
from harness.record import Record, about_sweep
from harness.speed import NAMES
from harness.store import Store
from harness.trackers import Ending, Point, Unit
from harness.tracking import Training, Watched, tracked
from harness.trials import run_in_process
from harness.types import BadInput

SWEEP = """
name: tracked
data: {{reader: crema_d, root: {root}, test_clips: 2, split: {{train: 0.34, val: 0.33, test: 0.33}}}}
methods:
  - {{name: tests.toys, label: toy, config: {{steps: 3}}, search: {{space: {{alpha: [-1.0, 1.0, 20.0]}}}}}}
metrics: [psnr]
"""
ALL = ("tensorboard", "mlflow", "wandb")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    write_corpus(SynthSpec(speakers=3, size=64, seed=5, clips_per_speaker=4), root)
    return root


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own settings, and no network."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_PROJECT", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("WANDB_MODE", "offline")


def run(root: Path, out: Path, names: Sequence[str], resume: bool = False) -> list[dict[str, str]]:
    """Run a sweep in this process, told to the trackers; return results.csv without the times."""
    out.mkdir(parents=True, exist_ok=True)
    path = out.with_suffix(".yaml")
    path.write_text(SWEEP.format(root=root))
    chosen = config.load(path)
    record = Record.begin(out, about_sweep(chosen), ["test"], resume)
    with tracked(names, out, Progress()) as watched:
        engine = Engine(InProcess(), run_in_process)
        Run(chosen, out, engine, record, Store(out.parent / ".store"), watched).go()
    return [row for row in results.read_rows(out / "results.csv") if row["metric"] not in NAMES]


@pytest.fixture(scope="module")
def told(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a run that all trackers were told of, and that is run again as if it had been stopped."""
    out = tmp_path_factory.mktemp("told") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("WANDB_MODE", "offline")
        assert run(corpus, out, ALL) == run(corpus, out.parent / "plain", ())
        run(corpus, out, ALL, resume=True)
    yield out


def curve_of(out: Path, trial: str) -> list[tuple[int, float]]:
    rows = results.read_rows(out / "curves.csv")
    return [(int(r["step"]), round(float(r["value"]), 6)) for r in rows if r["trial"] == trial]


def score_of(out: Path, trial: str) -> float:
    rows = results.read_rows(out / "results.csv")
    return next(float(r["value"]) for r in rows if (r["trial"], r["metric"]) == (trial, "psnr"))


def test_tensorboard_reads_curves_configuration_and_scores(told: Path) -> None:
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = event_accumulator.EventAccumulator(str(told / "tensorboard" / "toy_t01"))
    found.Reload()
    points = [(e.step, round(e.value, 6)) for e in found.Scalars("recon")]
    assert points == curve_of(told, "t01") and len(points) == 3
    (score,) = found.Scalars("scores/psnr")
    assert (score.step, score.value) == (3, pytest.approx(score_of(told, "t01")))
    texts = {
        tag: found.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in found.Tags()["tensors"]
    }
    (said,) = [text for tag, text in texts.items() if tag.startswith("config")]
    said = json.loads(said.strip("`\n"))
    assert (said["alpha"], said["steps"], said["seed"], said["sweep.data.size"]) == (1.0, 3, 1, 64)
    assert {"toy_t00", "toy_mean", "still"} <= {p.name for p in (told / "tensorboard").iterdir()}
    assert "_hparams_/session_start_info" in found.summary_metadata


def test_mlflow_reads_curves_configuration_and_scores(told: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    client = mlflow.MlflowClient(f"sqlite:///{told / 'mlflow' / 'mlflow.db'}")
    (experiment,) = [e for e in client.search_experiments() if e.name == "tracked"]
    runs = client.search_runs([experiment.experiment_id])
    by_name = {run.info.run_name: run for run in runs}
    assert len(runs) == len(by_name)  # the second run of the sweep made none anew
    done = by_name["toy t01"]
    history = client.get_metric_history(done.info.run_id, "recon")
    assert sorted((m.step, round(m.value, 6)) for m in history) == curve_of(told, "t01")
    assert done.data.metrics["scores/psnr"] == pytest.approx(score_of(told, "t01"))
    assert (done.data.params["alpha"], done.data.params["sweep.metrics"]) == ("1.0", '["psnr"]')
    assert done.info.status == "FINISHED"
    failed = by_name["toy t00"]
    assert failed.info.status == "FAILED" and "recon is nan" in failed.data.tags["reason"]


def records_of(file: Path) -> Iterator[Any]:
    """Read a W&B run's file: LevelDB's log format after a head of 7 bytes."""
    pb = pytest.importorskip("wandb.proto.wandb_internal_pb2")
    data, place, whole = file.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if 32_768 - place % 32_768 < 7:
            place += 32_768 - place % 32_768
            continue
        length, kind = struct.unpack("<HB", data[place + 4 : place + 7])
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part of one
            record = pb.Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


def test_wandb_reads_curves_configuration_and_scores(told: Path) -> None:
    files = [*told.glob("wandb/offline-run-*/run-*.wandb")]
    runs = {}
    for file in files:
        found = [*records_of(file)]
        (begun,) = [r.run for r in found if r.WhichOneof("record_type") == "run"][:1]
        runs[begun.display_name] = (begun, found)
    assert len(runs) == len(files)
    begun, found = runs["toy t01"]
    assert (begun.project, begun.run_group) == ("tracked", "out")
    assert {i.key: json.loads(i.value_json) for i in begun.config.update}["alpha"] == 1.0
    logged = [
        {(i.key or i.nested_key[0]): json.loads(i.value_json) for i in r.history.item}
        for r in found
        if r.WhichOneof("record_type") == "history"
    ]
    assert [(p["step"], round(p["recon"], 6)) for p in logged] == curve_of(told, "t01")
    summaries = [i for r in found if r.WhichOneof("record_type") == "summary" for i in r.summary.update]
    last = {(i.key or i.nested_key[0]): json.loads(i.value_json) for i in summaries}
    assert last["scores/psnr"] == pytest.approx(score_of(told, "t01"))


class Faulty:
    """A Tracker that fails as often as it is asked to, and then keeps all."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.said: dict[str, list[int]] = {}
        self.endings: dict[str, Ending] = {}

    def begin(self, unit: Unit, known: str | None) -> str:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("no such server")
        return unit.key

    def points(self, name: str, points: Sequence[Point]) -> None:
        self.said.setdefault(name, []).extend(step for step, _ in points)

    def finish(self, name: str, ending: Ending) -> None:
        self.endings[name] = ending

    def close(self) -> None: ...


@pytest.mark.parametrize(("failures", "lacks"), [(1, False), (1000, True)])
def test_a_tracker_that_fails_is_said_and_costs_the_run_nothing(
    corpus: Path,
    told: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failures: int,
    lacks: bool,
) -> None:
    faulty = Faulty(failures)
    monkeypatch.setattr(tracking, "opened", lambda name, out, run: faulty)
    monkeypatch.setattr(tracking, "_SECONDS", 0.1)
    found = run(corpus, told.parent / f"faulty{failures}", ["mlflow"])
    assert [r["value"] for r in found] == [
        r["value"] for r in results.read_rows(told / "results.csv") if r["metric"] not in NAMES
    ]
    said = capsys.readouterr().err
    assert said.count("tracker mlflow: ConnectionError: no such server; the run goes on") == 1
    assert ("warning: tracker mlflow lacks" in said) is lacks
    if not lacks:
        assert faulty.said["toy/t01"] == [1, 2, 3] and faulty.endings["toy/t00"].status == "failed"


def test_a_tracker_that_hangs_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Hanging(Faulty):
        def close(self) -> None:
            time.sleep(3)

    results.write_json(tmp_path / "run.json", {"name": "x", "complete": False})
    monkeypatch.setattr(tracking, "opened", lambda name, out, run: Hanging(0))
    monkeypatch.setattr(tracking, "_PATIENCE", 0.1)
    with tracked(["wandb"], tmp_path, Progress()):
        pass
    assert "tracker wandb did not answer" in capsys.readouterr().err


def test_a_curve_is_told_while_its_training_goes_on_and_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Faulty(0)
    monkeypatch.setattr(tracking, "opened", lambda name, out, run: kept)
    monkeypatch.setattr(tracking, "_SECONDS", 0.05)
    fields = {"name": "x", "complete": False, "config": {}, "config_hash": "a", "code": "b", "git": None}
    results.write_json(tmp_path / "run.json", fields)
    training = Training(Unit("toy/t00", "toy t00", {}), (tmp_path / "model", tmp_path / "checkpoints"))
    with tracked(["tensorboard"], tmp_path, Progress()) as watched:
        watched.begun.append(training)
        for last in (2, 3):
            folder = tmp_path / "checkpoints" / f"{last:09d}"
            folder.mkdir(parents=True)
            (folder / "curve.json").write_text(json.dumps([[s, {"recon": 1.0}] for s in range(1, last + 1)]))
            deadline = time.monotonic() + 10
            while kept.said.get("toy/t00", [0])[-1] < last and time.monotonic() < deadline:
                time.sleep(0.02)
            assert kept.said["toy/t00"] == [*range(1, last + 1)]
        (tmp_path / "checkpoints" / "000000009").mkdir()
        (tmp_path / "checkpoints" / "000000009" / "curve.json").write_text("[[1, {")  # being written
    assert kept.said["toy/t00"] == [1, 2, 3]


def test_an_absent_package_is_told_with_its_extra_before_anything_is_made(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None if name == "mlflow" else object())
    path = tmp_path / "sweep.yaml"
    path.write_text(SWEEP.format(root=corpus))
    arguments = [str(path), "--out", str(tmp_path / "out"), "--set", "trackers=[tensorboard, mlflow]"]
    assert sweep.main(arguments) == 2
    assert "python -m pip install -e '.[mlflow]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ("[mlfow]", "'tensorboard', 'mlflow' or 'wandb'"),
        ("[wandb, wandb]", "named twice"),
        ("mlflow", "list"),
    ],
)
def test_a_tracker_is_one_of_three_and_named_once(
    corpus: Path, tmp_path: Path, chosen: str, said: str
) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(SWEEP.format(root=corpus))
    with pytest.raises(BadInput, match=said):
        config.load(path, [f"trackers={chosen}"])
    assert config.load(path).trackers == ["tensorboard"]


def test_wandb_without_a_key_is_told_at_the_start(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    code = (
        "from pathlib import Path; from harness.trackers import opened; from harness.types import BadInput\n"
        f"try: opened('wandb', Path({str(tmp_path)!r}), 'x')\n"
        "except BadInput as error: print(error)\n"
    )
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert "wandb login, or set WANDB_MODE=offline" in done.stdout


def test_what_is_watched_of_a_search_are_its_trials_that_have_begun() -> None:
    assert Watched().trainings() == []

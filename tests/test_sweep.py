"""The whole road on a small embedded corpus: in process, on Ray, killed and resumed, and with bad input."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness import config, report, results, speed, sweep
from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.jobs import InProcess
from harness.pipeline import Engine, Run
from harness.record import Record, about_sweep
from harness.store import Store
from harness.trials import run_in_process
from harness.types import BadInput
from reports.load import load
from reports.rank import rank

SWEEP = """
name: small
data: {{reader: {reader}, root: {root}, test_clips: 4, split: {{train: 0.34, val: 0.33, test: 0.33}}}}
methods:
  - name: tests.toys
    label: toy
    config: {{steps: 3}}
    search: {{space: {{alpha: [-1.0, 1.0, 20.0]}}}}
metrics: [psnr, ssim]
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    write_corpus(SynthSpec(speakers=3, size=64, seed=5, clips_per_speaker=6), root)
    return root


def yaml(folder: Path, root: Path, reader: str = "crema_d") -> Path:
    path = folder / "small.yaml"
    path.write_text(SWEEP.format(root=root, reader=reader))
    return path


def run(path: Path, out: Path, resume: bool = False, overrides: Sequence[str] = ()) -> Record:
    chosen = config.load(path, overrides)
    out.mkdir(parents=True, exist_ok=True)
    record = Record.begin(out, about_sweep(chosen), ["test"], resume)
    Run(chosen, out, Engine(InProcess(), run_in_process), record, Store(out.parent / ".store")).go()
    return record


def numbers(out: Path) -> list[dict[str, str]]:
    """results.csv without the times."""
    return [row for row in results.read_rows(out / "results.csv") if row["metric"] not in speed.NAMES]


def test_every_entrant_is_measured_and_a_failed_trial_is_told(corpus: Path, tmp_path: Path) -> None:
    record = run(yaml(tmp_path, corpus), tmp_path / "out")
    rows = results.read_rows(tmp_path / "out" / "results.csv")
    assert tuple(rows[0]) == results.RESULT_COLUMNS
    assert {(r["method"], r["trial"]) for r in rows} == {
        ("toy", "t01"), ("toy", "t02"), *((c, "-") for c in config.CONTROLS),
    }  # fmt: skip
    assert all(r["n"] == "4" for r in rows)
    best = max((float(r["value"]), r["method"]) for r in rows if r["metric"] == "psnr")
    assert best[1] in {"ground_truth", "wrong_audio", "shifted_audio"}
    assert record.fields["complete"]
    (failure,) = record.fields["failures"]
    assert failure["what"] == "toy t00"
    assert "recon is nan at step 1" in failure["reason"]
    assert (tmp_path / "out" / "clips" / "toy" / "t01").is_dir()


def test_what_two_entries_have_in_common_is_trained_once(corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    head = SWEEP.format(root=corpus, reader="crema_d").split("methods:")[0]
    path.write_text(
        head
        + "methods:\n  - {name: tests.toys, label: a}\n  - {name: tests.toys, label: b, config: {alpha: 5}}\n"
        + "metrics: [psnr]\n"
    )
    record = run(path, tmp_path / "out")
    assert [(s["method"], s["stage"]) for s in record.fields["stages"]] == [("a", "mean"), ("b", "mean")]
    assert len([*(tmp_path / ".store" / "stages").iterdir()]) == 1
    assert len([*(tmp_path / ".store" / "models").iterdir()]) == 2
    assert [(t["method"], t["status"]) for t in record.fields["trials"]] == [("a", "done"), ("b", "done")]


def test_the_same_sweep_on_ray_gives_the_same_table_and_tells_failure_by_its_code(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = yaml(tmp_path, corpus)
    run(path, tmp_path / "plain" / "out")
    code = sweep.main([str(path), "--out", str(tmp_path / "ray" / "out"), "--workers", "2"])
    assert code == 1
    assert "toy t00" in capsys.readouterr().err
    assert numbers(tmp_path / "ray" / "out") == numbers(tmp_path / "plain" / "out")
    assert (tmp_path / "ray" / "out" / "leaderboard.html").exists()
    # TensorBoard is the default tracker, and knows a trial by one name from its beginning to its scores.
    told = results.read_json(tmp_path / "ray" / "out" / "tensorboard" / "told.json")
    ids = [t["id"] for t in results.read_json(tmp_path / "ray" / "out" / "run.json")["trials"]]
    assert {f"toy/{i}" for i in ids} <= told.keys() and "toy/t01" not in told
    assert all(unit["ended"] for unit in told.values())
    assert [told[f"toy/{i}"]["step"] for i in ids] == [-1, 3, 3]


def test_killed_in_the_middle_and_resumed_it_gives_the_same_table(corpus: Path, tmp_path: Path) -> None:
    path = yaml(tmp_path, corpus)
    run(path, tmp_path / "whole" / "out")
    out = tmp_path / "killed" / "out"
    command = [sys.executable, "-m", "harness.sweep", str(path), "--out", str(out), "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 120
    while not list(out.glob("work/toy/t01/*.generated.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "results.csv").exists()
    models = sorted((tmp_path / "killed" / ".store" / "models").rglob("toy.json"))
    stamps = [model.stat().st_mtime_ns for model in models]
    assert subprocess.run([*command, "--resume"], check=False, capture_output=True).returncode == 1
    assert [model.stat().st_mtime_ns for model in models] == stamps
    assert numbers(out) == numbers(tmp_path / "whole" / "out")


def test_a_killed_sweep_is_reported_as_far_as_it_was_measured(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out, traced = yaml(tmp_path, corpus), tmp_path / "out", ["metrics=[psnr, au_mae]"]
    run(path, out, overrides=traced)
    whole = numbers(out)
    series = results.read_rows(out / "traces.csv")
    assert {row["method"] for row in series} == {"toy", *config.CONTROLS}
    record = results.read_json(out / "run.json")
    results.write_json(out / "run.json", {**record, "complete": False, "metrics": {}, "methods": {}})
    for name in ("results.csv", "per_clip.csv", "curves.csv", "traces.csv"):
        (out / name).unlink()
    shutil.rmtree(out / "work" / "wrong_emotion")
    sorted((out / "work" / "still" / "-").glob("*.measured.json"))[0].unlink()
    left = sorted(p.name for p in (out / "work").rglob("*"))
    assert report.main([str(out)]) == 0
    assert "Partial run" in (out / "leaderboard.md").read_text()
    found = {(r["method"], r["trial"], r["metric"]): r for r in numbers(out)}
    assert {method for method, _, _ in found} == {"toy", *config.CONTROLS} - {"wrong_emotion"}
    assert (found["still", "-", "psnr"]["n"], found["still", "-", "psnr"]["n_unscored"]) == ("3", "1")
    assert [r for r in whole if r["method"] == "toy"] == [r for r in found.values() if r["method"] == "toy"]
    assert left == sorted(p.name for p in (out / "work").rglob("*"))
    kept = [row for row in series if row["method"] == "toy"]
    assert kept == [row for row in results.read_rows(out / "traces.csv") if row["method"] == "toy"]
    run(path, out, resume=True, overrides=traced)
    assert numbers(out) == whole
    assert results.read_rows(out / "traces.csv") == series

    (out / "clips.csv").unlink()
    results.write_json(out / "run.json", {**record, "complete": False})
    assert report.main([str(out)]) == 2
    assert "stopped before its clips were ready" in capsys.readouterr().err


def test_seeds_of_one_method_are_one_row_of_the_report(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    space = "methods.0.search.space={alpha: [1.0], seed: [1, 2]}"
    record = run(yaml(tmp_path, corpus), out, overrides=[space])
    assert [t["params"] for t in record.fields["trials"]] == [{"alpha": 1.0, "seed": s} for s in (1, 2)]
    assert len([*(tmp_path / ".store" / "models").iterdir()]) == 2
    (row,) = rank(load(out)).competing
    assert (row.name, row.seeds, row.params) == ("toy t00", (1, 2), {"alpha": 1.0})


def test_broken_clips_are_listed_and_the_others_scored(corpus: Path, tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    shutil.copytree(corpus, root)
    first, second, *_ = sorted((root / "VideoFlash").glob("*_HAP_*.mp4"))
    first.write_bytes(first.read_bytes()[:2000])
    second.write_text("not a film")
    record = run(yaml(tmp_path, root), tmp_path / "out")
    unusable = record.fields["split"]["unusable"]
    assert {first.stem, second.stem} <= set(unusable)
    assert str(first) in unusable[first.stem]
    assert str(second) in unusable[second.stem]
    assert numbers(tmp_path / "out")


def test_resuming_with_other_code_is_refused(corpus: Path, tmp_path: Path) -> None:
    path, out = yaml(tmp_path, corpus), tmp_path / "out"
    run(path, out)
    record = results.read_json(out / "run.json")
    results.write_json(out / "run.json", {**record, "code": "another"})
    with pytest.raises(BadInput, match="other code"):
        run(path, out, resume=True)


def test_resuming_with_another_config_is_refused(corpus: Path, tmp_path: Path) -> None:
    path = yaml(tmp_path, corpus)
    run(path, tmp_path / "out")
    path.write_text(path.read_text().replace("[psnr, ssim]", "[psnr]"))
    with pytest.raises(BadInput, match="another config"):
        run(path, tmp_path / "out", resume=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("root: ", "root: /nowhere"), ["data.root", "/nowhere"]),
        (("toys", "toyz"), ["tests.toyz"]),
        (("psnr", "psnrr"), ['"psnrr"', 'did you mean "psnr"']),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], said: list[str]
) -> None:
    path = yaml(tmp_path, corpus)
    path.write_text(path.read_text().replace(*change))
    assert sweep.main([str(path), "--out", str(tmp_path / "out"), "--workers", "2"]) == 2
    told = capsys.readouterr().err
    assert "Traceback" not in told
    for words in said:
        assert words in told


def test_an_empty_folder_says_what_was_looked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    path = yaml(tmp_path, tmp_path / "empty", reader="folder")
    assert sweep.main([str(path), "--out", str(tmp_path / "out"), "--workers", "2"]) == 2
    assert "holds no clip" in capsys.readouterr().err


def test_an_earlier_run_is_kept_aside(tmp_path: Path, corpus: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.csv").write_text("precious")
    (tmp_path / "out" / "run.json").write_text("{}")
    bad = yaml(tmp_path, Path("/nowhere"))
    assert sweep.main([str(bad), "--out", str(tmp_path / "out"), "--workers", "2"]) == 2
    assert (tmp_path / "out.1" / "results.csv").read_text() == "precious"

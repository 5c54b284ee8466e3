"""Bring your own: the examples of the documents run as a stranger would run them, and slips are told."""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness import catalog, config, data, external, media, results, sweep
from harness.disclosure import told
from harness.jobs import InProcess
from harness.pipeline import Engine, Run
from harness.record import Record, about_sweep
from harness.requests import write
from harness.store import Store
from harness.trials import run_in_process
from harness.types import BadInput

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "tests" / "examples"
SMALL = ["data.synthetic.speakers=3", "data.synthetic.clips_per_speaker=3", "data.test_clips=3"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the user's own: the examples, and theirs/ made from the requests by another program."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    asked = write(InProcess(), chosen(folder), _made(folder / "asked"))
    _answer(folder / "asked", _made(folder / "theirs"), [str(row["clip"]) for row in asked])
    return folder


@pytest.fixture
def here(desk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in the user's folder, with it on the path as `python -m` has it."""
    monkeypatch.chdir(desk)
    monkeypatch.syspath_prepend(str(desk))
    yield desk
    for name in [name for name in sys.modules if name.split(".")[0] == "mylab"]:
        del sys.modules[name]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def chosen(folder: Path, *more: str) -> config.Sweep:
    """The example's sweep on few clips, without its own modules, which need the user's path."""
    return config.load(
        folder / "own.yaml", [*SMALL, "metrics=[psnr]", "methods.0={name: still, label: copy}", *more]
    )


def _answer(asked: Path, out: Path, clips: list[str]) -> None:
    """Another program: it reads requests.csv and nothing of this harness's memory."""
    rows = {row["clip"]: row for row in csv.DictReader((asked / "requests.csv").open())}
    for clip in clips:
        still = next(media.frames_25fps(asked / rows[clip]["reference"]))
        frames = np.repeat(still[None], int(rows[clip]["frames"]), axis=0)
        media.encode(out / f"{clip}.mp4", frames, media.audio_16k(asked / rows[clip]["audio"]))


def ran(folder: Path, out: Path, *more: str) -> Record:
    sweep_ = chosen(folder, *more)
    out.mkdir()
    record = Record.begin(out, about_sweep(sweep_), ["test"], False)
    store = Store(folder / ".store")
    Run(sweep_, out, Engine(InProcess(), run_in_process), record, store).go()
    return record


def psnr(out: Path) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["method"], row["clip"]): row for row in results.read_rows(out / "per_clip.csv")}


def test_the_examples_make_a_leaderboard_on_ray_from_a_folder_of_the_users_own(desk: Path) -> None:
    """Ray's workers find the user's modules and folders; a method of one's own takes at most 30 lines."""
    assert len((EXAMPLES / "mylab" / "jaw.py").read_text().splitlines()) <= 30
    command = [sys.executable, "-m", "harness.sweep", "own.yaml", "--out", "runs/own", "--workers", "2"]
    told_ = [f"--set={item}" for item in [*SMALL, "metrics=[psnr, mylab.sharpness]"]]
    shutil.copytree(desk / ".store", desk / "runs" / ".store")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, *told_], cwd=desk, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = {(r["method"], r["metric"]): r for r in results.read_rows(desk / "runs" / "own" / "results.csv")}
    for title in ("jaw", "theirs"):
        assert rows[title, "psnr"]["n"] == rows[title, "sharpness"]["n"] == "3"
    assert ("jaw", "fps") in rows and ("theirs", "fps") not in rows  # reading a file is no generating
    made = sorted((desk / "runs" / "own" / "clips").rglob("*.mp4"))
    marks = {path.parent.parent.name: told(path) for path in made}
    assert "jaw" in (marks.pop("jaw") or "")
    assert set(marks.values()) == {None}  # neither recorded footage nor another's file


def test_the_users_loudness_method_moves_the_mouth(here: Path) -> None:
    method = catalog.method("mylab.jaw")
    assert method.card.name == "jaw"
    assert catalog.metric("mylab.sharpness").card.name == "sharpness"


def test_clips_from_elsewhere_are_measured_as_they_are_and_nothing_is_dropped(
    here: Path, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    shutil.copytree(here / "theirs", theirs)
    first, second, third = sorted(theirs.glob("*.mp4"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:900])
    shutil.copy(third, theirs / "stranger.mp4")
    out = tmp_path / "out"
    record = ran(here, out, f"methods.1.config.clips={theirs}", "methods.1.config.trained_against=[sync]")
    rows = psnr(out)
    assert "has no clip" in rows["theirs", first.stem]["reason"]
    assert "not a readable media file" in rows["theirs", second.stem]["reason"]
    assert float(rows["theirs", third.stem]["value"]) == pytest.approx(
        float(rows["copy", third.stem]["value"]), abs=0.05
    )
    assert (out / "clips" / "theirs" / "-" / third.name).read_bytes() == third.read_bytes()
    said = " ".join(record.fields["warnings"])
    assert f"1 of 3 tested clips are not in its folder, so they are not scored: {first.stem}" in said
    assert "1 files of its folder belong to no tested clip: stranger" in said
    card = record.fields["methods"]["theirs"]
    assert card["trained_against"] == ("sync",) and card["paper"] == "where the clips come from"


def test_a_folder_with_none_of_the_clips_is_refused_before_anything_is_trained(
    here: Path, tmp_path: Path
) -> None:
    wrong = _made(tmp_path / "wrong")
    shutil.copy(next((here / "theirs").glob("*.mp4")), wrong / "out_1.mp4")
    with pytest.raises(BadInput, match=r"holds none of the 3 tested clips; it holds out_1"):
        ran(here, tmp_path / "out", f"methods.1.config.clips={wrong}")


@pytest.mark.parametrize(
    ("clips", "said"), [("nowhere", "nowhere is not a folder"), ("mylab", "no video file in"), ("", "clips")]
)
def test_a_folder_that_cannot_be_is_told_with_code_2(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], clips: str, said: str
) -> None:
    change = f"methods.1.config={{clips: {clips}}}" if clips else "methods.1.config={}"
    assert sweep.main(["own.yaml", "--out", str(tmp_path / "o"), "--set", change]) == 2
    shown = capsys.readouterr().err
    assert said in shown and "Traceback" not in shown and not (tmp_path / "o").exists()


SLIPS = {
    "print('hello')": "no METHOD in it",
    "METHOD = 3": "METHOD is a int; write METHOD = the class",
    "import nowhere_at_all\nMETHOD = 1": "ModuleNotFoundError: No module named 'nowhere_at_all'",
    "def METHOD(:": "invalid syntax",
    "METHOD = undefined": "NameError",
    "class M: pass\nMETHOD = M": "lacks def __init__(self, config)",
    "from harness.contracts import Untrained\nclass M(Untrained): pass\nMETHOD = M": "lacks show",
    "from harness.contracts import Untrained\nclass M(Untrained):\n  def show(self, request): pass\n"
    "METHOD = M": "has no card",
    "from harness.contracts import Untrained\nclass M(Untrained):\n  def generate(self): pass\n"
    "METHOD = M": "write def generate(self, requests)",
}


@pytest.mark.parametrize(("text", "said"), SLIPS.items())
def test_a_slip_in_a_method_of_ones_own_is_one_line(here: Path, text: str, said: str) -> None:
    name = f"slip{abs(hash(text))}"
    (here / "mylab" / f"{name}.py").write_text(text)
    with pytest.raises(BadInput) as error:
        catalog.method(f"mylab.{name}")
    assert said in str(error.value) and f"{name}.py" in str(error.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mylab.jow", 'no jow.py in mylab; did you mean "jaw"'),
        ("nolab.jaw", "is its package installed"),
        ("mylab.", "write package.module"),
        ("jaw", "a module of your own is named package.module"),
    ],
)
def test_a_module_that_is_not_there_is_told_with_its_fix(here: Path, name: str, said: str) -> None:
    with pytest.raises(BadInput) as error:
        catalog.method(name)
    assert said in str(error.value)


METRIC_SLIPS = {
    "METRIC = [1]": "METRIC is a list",
    "class M:\n  def __init__(self, setup): pass\n  def measure(self, pair): pass\n"
    "  def aggregate(self, rows): pass\nMETRIC = M": "has no card",
    "class M:\n  def __init__(self, setup): pass\n  def measure(self, a, b): pass\n"
    "  def aggregate(self, rows): pass\nMETRIC = M": "write def measure(self, pair)",
    "class M:\n  def __init__(self, setup): pass\n  def measure(self, pair): pass\nMETRIC = M": "aggregate",
}


@pytest.mark.parametrize(("text", "said"), METRIC_SLIPS.items())
def test_a_slip_in_a_metric_of_ones_own_is_one_line(here: Path, text: str, said: str) -> None:
    name = f"slip{abs(hash(text))}"
    (here / "mylab" / f"{name}.py").write_text(text)
    with pytest.raises(BadInput) as error:
        catalog.require_metrics(["psnr", f"mylab.{name}"])
    assert said in str(error.value) and f"{name}.py" in str(error.value)


def test_two_metrics_of_one_name_are_refused(here: Path) -> None:
    text = (here / "mylab" / "sharpness.py").read_text()
    (here / "mylab" / "twin.py").write_text(text.replace('name="sharpness"', 'name="psnr"'))
    with pytest.raises(BadInput, match='its card calls it "psnr", as psnr is called'):
        catalog.require_metrics(["psnr", "mylab.twin"])


def test_requests_say_what_is_wrong_with_the_sweep(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data.main(["requests", "nowhere.yaml", "--out", str(tmp_path / "out")]) == 2
    assert "nowhere.yaml: no such sweep file" in capsys.readouterr().err


def test_what_is_shown_of_clips_from_elsewhere_is_what_was_told_of_them() -> None:
    card = external.card_of({"clips": ".", "title": "W2L", "conditions": ["audio"], "licence": "MIT"})
    assert (card.title, card.conditions, card.trained_against, card.licence) == (
        "W2L", ("audio",), None, "MIT",
    )  # fmt: skip
    assert not card.trains and not card.control

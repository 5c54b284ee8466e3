"""The whole road of a calibration with a toy metric: in process, resumed, on Ray, and with bad input."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness import calibrate, results
from harness.calibration.cases import Case, drawn_cases, read_cases
from harness.calibration.faults import FAULTS
from harness.calibration.measure import NO_FAULT, record_path, replaced
from harness.calibration.run import Calibration
from harness.config import Data, SplitFractions
from harness.contracts import Setup
from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.jobs import InProcess
from harness.record import About, Record
from harness.results import read_rows
from harness.store import Store
from harness.weights import Weights
from reports.calibration import write_page
from tests.calibration import toy

SETUP = Setup("embedded", Weights(), fid_min_frames=2)
CLIPS = 2
METRICS = (("tests.calibration.toy", SETUP), ("psnr", SETUP), ("av_offset", SETUP))


def record(out: Path) -> Record:
    out.mkdir(parents=True, exist_ok=True)
    about = About("calibration", "toy", {"data": "synthetic"}, frozenset(), {}, {}, "none", "embedded")
    made = Record.begin(out, about, ["test"], resume=False)
    made.fields["not_calibrated"] = {}
    return made


def run(out: Path, store: Store, cases: Any = None, metrics: Any = METRICS) -> dict[str, Any]:
    made = record(out)
    gathered = cases or (lambda pool: drawn_cases(pool, CLIPS, 64, 1, store))
    Calibration(out, metrics, 1, store, made).go(InProcess(), gathered)
    write_page(out)
    return made.fields


@pytest.fixture(scope="module", autouse=True)
def few_strengths() -> Iterator[None]:
    """Try the costly faults at their ends only; each is tested at every strength by itself."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("h264", "reencode", "frame_drop", "freeze", "mouth_frozen", "au_gain", "jpeg"):
            arms = tuple((arm[0], arm[-1]) for arm in FAULTS[name].arms)
            patch.setitem(FAULTS, name, replace(FAULTS[name], arms=arms))
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, store: Store) -> Path:
    out = tmp_path_factory.mktemp("calibration") / "out"
    run(out, store)
    return out


def rows(out: Path, table: str, **where: str) -> list[dict[str, str]]:
    found = read_rows(out / f"{table}.csv")
    return [r for r in found if all(r[k] == v for k, v in where.items())]


def test_every_metric_is_measured_at_every_strength_of_every_fault(done: Path) -> None:
    verdicts = read_rows(done / "datasheet.csv")
    assert {(v["metric"], v["fault"]) for v in verdicts} == {
        (m, f) for m in ("toy", "psnr", "av_offset") for f in FAULTS
    }
    for fault in FAULTS.values():
        found = rows(done, "calibration", metric="av_offset", fault=fault.name)
        assert tuple(float(r["strength"]) for r in found) == fault.strengths
        assert all(r["n"] == str(CLIPS) for r in found)
    assert results.read_json(done / "run.json")["complete"]


def test_the_toy_sees_noise_evenly_and_is_deaf(done: Path) -> None:
    (noise,) = rows(done, "datasheet", metric="toy", fault="noise")
    assert noise["verdict"] == "sees" and noise["smallest"] == "1" and float(noise["rho"]) > 0.99
    means = [float(r["value"]) for r in rows(done, "calibration", metric="toy", fault="noise")]
    # Mean |x| of a Gaussian is 0.798 sigma, a little less where grey levels are cut off at 0 and 255.
    np.testing.assert_allclose(means[1:3], 0.798 * np.array([2, 4]), rtol=0.05)
    (deaf,) = rows(done, "datasheet", metric="toy", fault="audio_shift")
    assert (deaf["verdict"], deaf["rho"], deaf["smallest"]) == ("blind", "", ";")
    assert not rows(done, "calibration", metric="toy", fault="audio_shift")


def test_av_offset_finds_what_was_planted(done: Path) -> None:
    (seen,) = rows(done, "datasheet", metric="av_offset", fault="audio_shift")
    assert seen["verdict"] == "sees" and seen["smallest"] == "1;-1" and seen["expected"] == "true"
    shares = results.read_json(done / "run.json")["av_offset"]
    assert shares["share"] >= 0.95 and len(shares["by_shift"]) == 21


def test_equal_clips_have_no_psnr_and_the_page_says_so(done: Path) -> None:
    (base,) = rows(done, "calibration", metric="psnr", fault=NO_FAULT)
    assert base["value"] == "" and base["n_unscored"] == str(CLIPS)
    reasons = {r["reason"] for r in rows(done, "per_clip", metric="psnr", fault=NO_FAULT)}
    assert reasons == {"identical to the reference: PSNR is infinite"}
    assert "unfaulted clips: no score" in (done / "calibration.html").read_text(encoding="utf-8")


def test_strips_show_the_clip_and_each_strength(done: Path) -> None:
    shown = {p.stem: np.asarray(Image.open(p)) for p in (done / "faults").glob("*.png")}
    assert set(shown) == set(FAULTS) - {"audio_shift"}
    assert shown["noise"].shape == (64, 64 * 6, 3) and shown["wrong_emotion"].shape == (64, 64 * 2, 3)
    unfaulted = shown["noise"][:, :64].astype(float)
    errors = [np.abs(shown["noise"][:, 64 * i : 64 * (i + 1)] - unfaulted).mean() for i in range(6)]
    assert errors == sorted(errors) and errors[0] == 0


def test_a_share_of_the_clips_is_replaced_and_a_larger_share_holds_it() -> None:
    cases = [Case(str(i), Path("x"), None, None, None) for i in range(20)]
    fault = FAULTS["wrong_emotion"]
    few, many = (replaced(fault, share, cases, 1) for share in (0.25, 0.75))
    assert len(few) == 5 and len(many) == 15 and few < many
    assert len(replaced(fault, 1.0, cases, 1)) == 20


def test_a_share_of_the_set_mixes_faulty_and_unfaulted_values(done: Path) -> None:
    whole = {
        r["clip"]: r["value"]
        for r in rows(done, "per_clip", metric="toy", fault="identity_swap", strength="1")
    }
    half = {
        r["clip"]: r["value"]
        for r in rows(done, "per_clip", metric="toy", fault="identity_swap", strength="0.5")
    }
    kept = [clip for clip, value in half.items() if value == "0"]
    assert len(kept) == 1  # one of two is replaced
    assert all(half[c] == whole[c] for c in half if c not in kept)


def test_a_resumed_run_measures_only_what_is_missing(done: Path, store: Store, tmp_path: Path) -> None:
    before = (done / "calibration.csv").read_bytes()
    cases = read_rows(done / "per_clip.csv")
    lost = record_path(done, "blur", cases[0]["clip"])
    kept = {p: p.stat().st_mtime_ns for p in (done / "work").rglob("*.json") if p != lost}
    lost.unlink()
    run(done, store)
    assert lost.exists()
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert (done / "calibration.csv").read_bytes() == before


def test_a_metric_that_crashes_costs_only_itself_and_is_tried_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cases(pool: InProcess) -> list[Case]:
        return drawn_cases(pool, CLIPS, 64, 1, store)

    def broken(self: toy.Toy, pair: Any) -> Any:
        raise ZeroDivisionError("oh")

    chosen = (("psnr", SETUP), ("tests.calibration.toy", SETUP))
    monkeypatch.setattr(toy.Toy, "measure", broken)
    monkeypatch.setattr(toy.Toy, "aggregate", lambda self, found: _nothing(len(found)))
    fields = run(tmp_path / "out", store, cases, chosen)
    assert {f["reason"] for f in fields["failures"]} == {"ZeroDivisionError: oh"}
    assert "oh" in fields["failures"][0]["crash"]
    (sheet,) = rows(tmp_path / "out", "datasheet", metric="toy", fault="blur")
    assert sheet["verdict"] == "unscored"
    assert rows(tmp_path / "out", "datasheet", metric="psnr", fault="blur")[0]["verdict"] == "sees"
    monkeypatch.undo()
    assert not run(tmp_path / "out", store, cases, chosen)["failures"]
    assert rows(tmp_path / "out", "datasheet", metric="toy", fault="blur")[0]["verdict"] == "sees"


def _nothing(unscored: int) -> Any:
    from harness.types import Score

    return Score(float("nan"), float("nan"), float("nan"), 0, unscored)


def test_clips_of_a_folder_have_the_faults_that_need_no_renderer(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    write_corpus(SynthSpec(speakers=1, size=64, seed=4, clips_per_speaker=2), root)
    data = Data(reader="crema_d", root=root, size=64, split=SplitFractions(train=0, val=0, test=1))

    def cases(pool: InProcess) -> list[Case]:
        return read_cases(pool, data, 2, 1, store, Weights())

    fields = run(tmp_path / "out", store, cases, (("tests.calibration.toy", SETUP),))
    assert "renderer" in fields["faults"]["au_gain"]["not_applicable"]
    assert "another speaker" in fields["faults"]["identity_swap"]["not_applicable"]
    assert fields["faults"]["wrong_emotion"]["not_applicable"] is None  # neighbours share their sentence
    assert "au_gain" not in {r["fault"] for r in read_rows(tmp_path / "out" / "datasheet.csv")}
    assert "not applicable" in (tmp_path / "out" / "calibration.html").read_text(encoding="utf-8")


def test_the_command_line_on_ray(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [
        "--metrics",
        "tests.calibration.toy",
        "--clips",
        "1",
        "--workers",
        "1",
        "--out",
        str(tmp_path / "out"),
    ]
    assert calibrate.main(asked) == 0
    assert calibrate.main([*asked, "--resume", "--seed", "2"]) == 2
    assert "--resume with another config" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--metrics", "psnrr"], 'did you mean "psnr"'),
        (["--data", "nothing"], '--data: no reader "nothing"'),
        (["--data", "folder"], "--root is missing"),
        (["--root", "x"], "--root is not for --data synthetic"),
        (["--data", "folder", "--root", "/nowhere"], "--root /nowhere is not a folder"),
        (["--clips", "0"], "--clips 0"),
        (["--clips", "100000"], "--clips 100000"),
        (["--size", "65"], "size"),
        (["--seed", "900001"], "--seed 900001"),
        (["--weights", "/nowhere"], "/nowhere does not exist"),
        (["--backbones", "reference", "--metrics", "fid"], "fid"),
    ],
)
def test_bad_input_is_told_in_one_line(
    given: list[str],
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert calibrate.main([*given, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err.strip()
    assert told in said and len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()

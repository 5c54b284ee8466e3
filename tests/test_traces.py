"""What metrics saw over time: which clips keep it, as what, and that it is what the score was made of."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness import media, results
from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.evaluation import Evaluation, about, check
from harness.evaluation import evaluate as run_evaluation
from harness.jobs import InProcess
from harness.measure import Comparison, read_traces, write_lost
from harness.record import Record
from harness.traces import MOST_FRAMES, first_of_each_emotion, plain, rows
from harness.types import FPS, Traces


def test_the_first_tested_clip_of_each_emotion_is_chosen_whatever_follows() -> None:
    clips = [("b", "sad"), ("a", "sad"), ("c", None), ("d", "happy"), ("e", None)]
    assert first_of_each_emotion(clips) == {"b", "c", "d"}
    assert first_of_each_emotion(clips[:1]) == {"b"} and not first_of_each_emotion([])


def test_series_are_kept_in_four_digits_with_gaps_and_no_longer_than_20_s() -> None:
    series = np.full((MOST_FRAMES + 7, 2), 0.123456, np.float32)
    series[3] = np.nan
    kept = plain(Traces(("AU1", "AU12"), series, series + 1))
    assert kept == json.loads(json.dumps(kept, allow_nan=False))
    assert len(kept["generated"]) == len(kept["reference"]) == MOST_FRAMES == 20 * FPS
    assert kept["generated"][2:4] == [[0.1235, 0.1235], [None, None]] and kept["reference"][0] == [1.123] * 2


def test_rows_are_unit_by_unit_and_frame_by_frame() -> None:
    one = plain(Traces(("AU1", "AU12"), np.array([[0.1, 0.2]], "f"), np.array([[0.3, np.nan]], "f")))
    assert [tuple(row.values()) for row in rows({"au_mae": one})] == [
        ("au_mae", "AU1", 0, 0.1, 0.3),
        ("au_mae", "AU12", 0, 0.2, None),
    ]
    assert not [*rows({})]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return (generated, reference): drawn clips, and the same dimmed and without the last five frames."""
    root = tmp_path_factory.mktemp("corpus")
    write_corpus(SynthSpec(speakers=1, size=64, seed=3, clips_per_speaker=3), root)
    reference = root / "VideoFlash"
    generated = root / "mine"
    generated.mkdir()
    for clip in reference.iterdir():
        frames = media.read_clip(clip).frames[:-5]
        media.encode(generated / f"{clip.stem}.mp4", np.ascontiguousarray(frames[:, ::-1]), None)
    return generated, reference


def scored(out: Path, folders: tuple[Path, Path]) -> list[dict[str, str]]:
    """Evaluate AU MAE in this process and return traces.csv."""
    asked = Evaluation(generated={"mine": folders[0]}, reference=folders[1], metrics=["psnr", "au_mae"])
    out.mkdir(parents=True, exist_ok=True)
    record = Record.begin(out, about(asked, out.name), ["test"], out.joinpath("run.json").exists())
    run_evaluation(InProcess(), asked, check(asked), out, record)
    return results.read_rows(out / "traces.csv")


def test_the_series_of_the_chosen_clip_give_its_score(folders: tuple[Path, Path], tmp_path: Path) -> None:
    table = scored(tmp_path / "out", folders)
    clips = [row["clip"] for row in results.read_rows(tmp_path / "out" / "clips.csv")]
    assert tuple(table[0]) == results.TRACE_COLUMNS
    assert len(clips) == 3 and {row["clip"] for row in table} == {clips[0]}
    assert {(row["run"], row["method"], row["trial"], row["metric"]) for row in table} == {
        ("out", "mine", "-", "au_mae")
    }
    apart = [abs(float(row["generated"]) - float(row["reference"])) for row in table]
    (value,) = [
        float(row["value"])
        for row in results.read_rows(tmp_path / "out" / "per_clip.csv")
        if (row["clip"], row["metric"]) == (clips[0], "au_mae")
    ]
    assert value > 0.01 and np.mean(apart) == pytest.approx(value, abs=1e-4)
    frames = len(media.read_clip(folders[0] / f"{clips[0]}.mp4").frames)
    units = {row["unit"] for row in table}
    assert len(table) == frames * len(units) and len(units) > 5


def test_going_on_keeps_series_and_measures_again_what_lacks_them(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    table = scored(out, folders)
    records = sorted((out / "work" / "mine").rglob("*.measured.json"))
    kept = [r for r in records if read_traces(r)]
    stamps = {r: r.stat().st_mtime_ns for r in records}
    assert len(records) == 3 and len(kept) == 1
    (out / "traces.csv").unlink()
    assert scored(out, folders) == table
    assert {r: r.stat().st_mtime_ns for r in records} == stamps
    # As a run that was begun with another choice of clips has it.
    name = kept[0].name.removesuffix(".measured.json")
    untraced = json.loads(kept[0].read_text())
    untraced["inputs"] = "of a pair without traces"
    del untraced["traces"]
    kept[0].write_text(json.dumps(untraced))
    assert read_traces(kept[0]) == {}
    assert scored(out, folders) == table
    assert [r.name for r in records if r.stat().st_mtime_ns != stamps[r]] == [f"{name}.measured.json"]


def test_a_record_without_series_is_none_of_a_pair_that_shall_have_them(tmp_path: Path) -> None:
    pair = Comparison("a", None, None, tmp_path / "a.json")
    assert replace(pair, traced=True).inputs() != pair.inputs()
    write_lost(replace(pair, traced=True), ["au_mae"], "lost")
    assert read_traces(pair.record) == {}

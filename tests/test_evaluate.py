"""harness.evaluate: folders in, a table out, whatever is in the folders."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from harness import evaluate, media, results
from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.evaluation import Evaluation, about, check
from harness.evaluation import evaluate as run_evaluation
from harness.jobs import InProcess
from harness.record import Record, run_folder
from harness.types import BadInput, Clip


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return four clips of the embedded corpus, two speakers."""
    root = tmp_path_factory.mktemp("corpus")
    write_corpus(SynthSpec(speakers=2, size=64, seed=11, clips_per_speaker=2), root)
    return sorted((root / "VideoFlash").glob("*.mp4"))


@pytest.fixture
def folders(clips: list[Path], tmp_path: Path) -> tuple[Path, Path]:
    """Return (generated, reference): the clips encoded once more, and the clips."""
    generated, reference = tmp_path / "mine", tmp_path / "real"
    generated.mkdir()
    reference.mkdir()
    for clip in clips:
        shutil.copy(clip, reference / clip.name)
        read = with_sound(clip)
        media.encode(generated / clip.name, read.frames, read.audio)
    return generated, reference


def with_sound(path: Path) -> Clip:
    """Return a corpus clip with the sound that lies beside it."""
    return media.read_clip(path, path.parents[1] / "AudioWAV" / path.with_suffix(".wav").name)


def scored(out: Path, generated: Path, reference: Path, **options: object) -> list[str]:
    """Evaluate in this process."""
    asked = Evaluation(
        **{"generated": {"mine": generated}, "reference": reference, "metrics": ["psnr", "ssim"], **options}
    )
    out.mkdir(parents=True, exist_ok=True)
    record = Record.begin(out, about(asked, out.name), ["test"], False)
    return run_evaluation(InProcess(), asked, check(asked), out, record)


def per_clip(out: Path, metric: str = "psnr", method: str = "mine") -> dict[str, dict[str, str]]:
    rows = results.read_rows(out / "per_clip.csv")
    return {r["clip"]: r for r in rows if r["metric"] == metric and r["method"] == method}


def table(out: Path) -> dict[tuple[str, str], dict[str, str]]:
    return {(r["method"], r["metric"]): r for r in results.read_rows(out / "results.csv")}


def test_the_command_scores_folders_on_ray_and_writes_what_a_sweep_writes(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generated, reference = folders
    out = tmp_path / "runs" / "out"
    command = [str(generated), "--reference", str(reference), "--out", str(out), "--workers", "2"]
    assert evaluate.main([*command, "--metrics", "psnr,ssim,lse_c"]) == 0
    shown = capsys.readouterr().out
    assert "PSNR" in shown and "LSE-C" in shown and "reference" in shown
    found = table(out)
    assert float(found["mine", "psnr"]["value"]) > 30
    assert found["mine", "psnr"]["n"] == "4"
    # Only what looks at one clip alone is asked of the real clips.
    assert {metric for method, metric in found if method == "reference"} == {"lse_c"}
    for name in ("leaderboard.html", "leaderboard.md", "run.json", "clips.csv", "per_clip.csv"):
        assert (out / name).stat().st_size > 0
    assert evaluate.main([*command, "--metrics", "psnr,ssim,lse_c", "--resume"]) == 0
    assert table(out) == found
    assert evaluate.main([*command, "--metrics", "psnr", "--resume"]) == 2
    assert "another config" in capsys.readouterr().err


def test_numbers_do_not_depend_on_workers_order_or_company(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    generated, reference = folders
    everything = ["lpips", "fid", "kid", "psnr", "lse_d", "ssim", "au_mae"]
    scored(tmp_path / "all", generated, reference, metrics=everything, fid_min_frames=2)
    for metric in everything:
        scored(tmp_path / metric, generated, reference, metrics=[metric], fid_min_frames=2)
        for key in ("value", "ci_low", "ci_high"):
            alone, among = (float(table(tmp_path / n)["mine", metric][key]) for n in (metric, "all"))
            assert alone == pytest.approx(among, abs=1e-6)
    # Half of the clips, alone, have the numbers that they have among the others.
    half = tmp_path / "half"
    half.mkdir()
    for clip in sorted(reference.iterdir())[::2]:
        (half / clip.name).symlink_to(clip)
    scored(tmp_path / "part", generated, half, metrics=["lpips"], allow_missing=True)
    whole = per_clip(tmp_path / "lpips", "lpips")
    part = {c: r for c, r in per_clip(tmp_path / "part", "lpips").items() if not r["reason"]}
    assert len(part) == 2
    assert all(
        float(r["value"]) == pytest.approx(float(whole[c]["value"]), abs=1e-6) for c, r in part.items()
    )


def test_a_second_method_against_the_same_references_finds_their_features(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    generated, reference = folders
    scored(tmp_path / "a", generated, reference, metrics=["fid"], fid_min_frames=2)
    kept = sorted((tmp_path / ".store").rglob("*.npy"))
    scored(tmp_path / "b", reference, reference, metrics=["fid"], fid_min_frames=2)
    assert sorted((tmp_path / ".store").rglob("*.npy")) == kept


def test_going_on_measures_again_only_what_has_changed(folders: tuple[Path, Path], tmp_path: Path) -> None:
    generated, reference = folders
    scored(tmp_path / "out", generated, reference)
    records = {p.name: p for p in (tmp_path / "out" / "work" / "mine").rglob("*.measured.json")}
    before = {name: p.stat().st_mtime_ns for name, p in records.items()}
    values = per_clip(tmp_path / "out")
    first, second, *_ = sorted(generated.iterdir())
    clip = media.read_clip(first)
    media.encode(first, clip.frames // 2, clip.audio)
    second.with_suffix(".csv").write_text("a table of OpenFace")
    scored(tmp_path / "out", generated, reference)
    after = {name: p.stat().st_mtime_ns for name, p in records.items()}
    changed = {name for name in records if after[name] != before[name]}
    assert changed == {f"{p.stem}.measured.json" for p in (first, second)}
    again = per_clip(tmp_path / "out")
    assert [c for c in again if again[c]["value"] != values[c]["value"]] == [first.stem]


def test_missing_clips_are_listed_or_kept_as_unscored_rows(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    generated, reference = folders
    names = sorted(p.stem for p in generated.iterdir())
    (generated / f"{names[0]}.mp4").unlink()
    (reference / f"{names[1]}.mp4").unlink()
    with pytest.raises(BadInput) as error:
        scored(tmp_path / "out", generated, reference)
    assert names[0] in str(error.value) and names[1] in str(error.value)
    assert "--allow-missing" in str(error.value)
    below = scored(tmp_path / "out", generated, reference, allow_missing=True, min_coverage=0.6)
    rows = per_clip(tmp_path / "out")
    assert [rows[n]["reason"] for n in names] == ["no generated clip", "no reference clip", "", ""]
    assert below == [f"mine: {m} scored 2 of 4 clips, below --min-coverage 0.6" for m in ("psnr", "ssim")]


def test_a_manifest_pairs_and_labels(folders: tuple[Path, Path], tmp_path: Path) -> None:
    generated, reference = folders
    names = sorted(p.name for p in reference.iterdir())
    lines = ["file,speaker,emotion,generated"]
    for i, name in enumerate(names):
        (generated / name).rename(generated / f"take{i}.mp4")
        lines.append(f"{name},s{i % 2},{('happy', 'sad')[i % 2]},take{i}.mp4")
    (reference / "manifest.csv").write_text("\n".join(lines))
    scored(tmp_path / "out", generated, reference)
    rows = results.read_rows(tmp_path / "out" / "clips.csv")
    assert [(r["speaker"], r["emotion"]) for r in rows] == [("s0", "happy"), ("s1", "sad")] * 2
    assert all(not r["reason"] for r in per_clip(tmp_path / "out").values())


def test_lengths_and_sizes_that_differ_are_told(folders: tuple[Path, Path], tmp_path: Path) -> None:
    generated, reference = folders
    first, second, *_ = sorted(generated.iterdir())
    clip = media.read_clip(first)
    media.encode(first, clip.frames[:20], clip.audio)
    small = media.read_clip(second)
    media.encode(second, np.ascontiguousarray(small.frames[:, ::2, ::2]), small.audio)
    scored(tmp_path / "out", generated, reference)
    rows = per_clip(tmp_path / "out")
    full = len(media.read_clip(reference / first.name).frames)
    assert rows[first.stem]["detail"] == f"the first 20 frames: 20 generated, {full} in the reference"
    assert "32x32" in rows[second.stem]["reason"] and "64x64" in rows[second.stem]["reason"]
    scored(tmp_path / "resized", generated, reference, resize=True)
    assert per_clip(tmp_path / "resized")[second.stem]["reason"] == ""


def test_broken_files_cost_only_themselves(folders: tuple[Path, Path], tmp_path: Path) -> None:
    generated, reference = folders
    broken, empty, *_ = sorted(generated.iterdir())
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    empty.write_bytes(b"")
    scored(tmp_path / "out", generated, reference, metrics=["psnr", "fid"], fid_min_frames=2)
    rows = per_clip(tmp_path / "out")
    assert str(broken) in rows[broken.stem]["reason"]
    assert str(empty) in rows[empty.stem]["reason"]
    assert table(tmp_path / "out")["mine", "fid"]["n"] == "2"
    assert table(tmp_path / "out")["mine", "fid"]["n_unscored"] == "2"


def test_the_same_folder_twice_is_warned_of(folders: tuple[Path, Path], tmp_path: Path) -> None:
    _, reference = folders
    scored(tmp_path / "out", reference, reference)
    assert "itself" in results.read_json(tmp_path / "out" / "run.json")["warnings"][0]
    assert {r["reason"] for r in per_clip(tmp_path / "out").values()} == {
        "identical to the reference: PSNR is infinite"
    }


def test_runs_in_parallel_do_not_collide(folders: tuple[Path, Path], tmp_path: Path) -> None:
    generated, reference = folders
    outs = [tmp_path / "runs" / name for name in ("a", "b")]
    for out in outs:
        out.mkdir(parents=True)
    with ThreadPoolExecutor(2) as pool:
        waiting = [
            pool.submit(scored, out, generated, reference, metrics=["fid", "psnr", "lse_c"], fid_min_frames=2)
            for out in outs
        ]
        assert [w.result() for w in waiting] == [[], []]
    first, second = ({key: {**row, "run": ""} for key, row in table(out).items()} for out in outs)
    assert first == second


def test_two_runs_never_share_a_folder(folders: tuple[Path, Path], tmp_path: Path, complaint: object) -> None:
    assert callable(complaint)
    generated, reference = (str(f) for f in folders)
    with run_folder(tmp_path / "out", resume=False):
        said = complaint(generated, "--reference", reference, "--out", str(tmp_path / "out"))
    assert "another run is writing there" in said


@pytest.fixture
def complaint(capsys: pytest.CaptureFixture[str]) -> Iterator[object]:
    """Return a function that runs a command which must fail with 2, and gives what it printed."""

    def run(*arguments: str) -> str:
        assert evaluate.main(list(arguments)) == 2
        return capsys.readouterr().err

    yield run


def test_bad_input_is_told_before_anything_is_made(
    folders: tuple[Path, Path], tmp_path: Path, complaint: object
) -> None:
    assert callable(complaint)
    generated, reference = (str(f) for f in folders)
    empty, out = tmp_path / "empty", tmp_path / "out"
    empty.mkdir()
    rest = ["--reference", reference, "--out", str(out)]
    assert 'no metric "pnsr": did you mean "psnr"?' in complaint(generated, *rest, "--metrics", "pnsr")
    assert "write NAME=" in complaint(generated, generated, *rest)
    assert "again" in complaint(generated, f"twin={generated}", *rest)
    assert "cannot name a row" in complaint(f"a b={generated}", *rest)
    assert "not a folder" in complaint(str(tmp_path / "none"), *rest)
    assert "no video file" in complaint(str(empty), *rest)
    assert "no video file" in complaint(generated, "--reference", str(empty), "--out", str(out))
    assert "weights folder" in complaint(generated, *rest, "--weights", str(tmp_path / "none"))
    sync = [*rest, "--metrics", "lse_c", "--backbones", "reference", "--faces", "face-v1"]
    assert "--lse-protocol decoded" in complaint(generated, *sync)
    assert not out.exists()
    out.mkdir()
    (out / "precious.txt").write_text("mine")
    assert "holds files that are no run's" in complaint(generated, *rest)

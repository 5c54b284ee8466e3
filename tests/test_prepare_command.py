"""`harness.data prepare`: the same bytes whoever makes them, bad files named, a sweep that runs on shards."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import fsspec
import numpy as np
import pytest

from harness import config, data, datasets, faces, media, prepare, results, speed
from harness.datasets import synthetic
from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.faces import POLICIES
from harness.faults import Unwritable
from harness.jobs import InProcess
from harness.pipeline import Engine, Run
from harness.prepared import arrays, index, tars
from harness.prepared.command import Asked, Preparation
from harness.record import Record, about_sweep
from harness.store import Store
from harness.trials import run_in_process
from harness.types import BadInput
from harness.weights import Weights
from tests.films import Film, write

SHARD = 700_000
NAMES = ("pose", "lower_half", "hull")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    write_corpus(SynthSpec(speakers=3, size=64, seed=5, clips_per_speaker=4), root)
    broken = root / "VideoFlash" / "1002_DFA_ANG_XX.mp4"
    broken.write_bytes(b"not a film")
    return root


def asked(root: Path, out: object, size: int = 64, resume: bool = False) -> Asked:
    return Asked("synthetic", root, str(out), size, "none", Weights(), resume, SHARD)


def run(root: Path, out: object, resume: bool = False) -> list[index.Row]:
    return Preparation(asked(root, out, resume=resume)).run(InProcess())


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def made(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "out"
    run(corpus, out)
    return out


def test_the_shards_hold_every_clip_once_and_the_index_every_reason(corpus: Path, made: Path) -> None:
    names = sorted(content(made))
    assert names[:2] == ["index.parquet", "prepared.json"]
    assert len(names) > 4 and all(n.startswith("shard-") and n.endswith(".tar") for n in names[2:])
    assert all((made / n).stat().st_size < SHARD + 20_000 for n in names[2:])
    found, real = datasets.read("prepared", made), datasets.read("synthetic", corpus)
    assert [s.id for s in found.samples] == sorted(s.id for s in real.samples if s.id not in found.unusable)
    (name,) = found.unusable
    assert name == "1002_DFA_ANG_XX" and str(corpus) in found.unusable[name]
    labels = {s.id: (s.speaker, s.emotion, s.level, s.text) for s in real.samples}
    assert {s.id: (s.speaker, s.emotion, s.level, s.text) for s in found.samples}.items() <= labels.items()
    assert found.emotions == real.emotions


def test_a_clip_of_a_shard_is_the_clip_of_the_footage(corpus: Path, made: Path) -> None:
    sample = datasets.read("synthetic", corpus).samples[0]
    direct = prepare.prepare(sample, POLICIES["none"], 64, _never)
    stored = prepare.load(datasets.read("prepared", made).samples[0].video)
    for name in ("frames", "audio", "landmarks", "mask", "boxes"):
        np.testing.assert_array_equal(getattr(stored, name), getattr(direct, name))


def test_pose_and_masks_stand_beside_the_crops(corpus: Path, made: Path) -> None:
    clip = datasets.read("prepared", made).samples[0].video
    points = prepare.load(clip).landmarks
    with tars.open_sample(clip) as members:
        found = next(arrays.read(content, NAMES) for extension, content in members if extension == "npz")
    assert set(found) == set(NAMES)
    np.testing.assert_array_equal(found["pose"], faces.head_pose(points))
    for name, mask in (("lower_half", faces.lower_half_mask), ("hull", faces.hull_mask)):
        np.testing.assert_array_equal(arrays.unpacked(found[name], 64), mask(points, 64))


def test_two_workers_make_the_same_bytes_and_tell_what_is_unusable(
    corpus: Path,
    made: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("harness.prepared.command.SHARD_BYTES", SHARD)
    monkeypatch.setattr(Asked.__init__, "__defaults__", (False, SHARD))
    command = ["prepare", "synthetic", str(corpus), "--out", str(tmp_path / "out"), "--size", "64"]
    command += ["--faces", "none", "--workers", "2"]
    assert data.main(command) == 1
    told = capsys.readouterr()
    assert "1 clips unusable" in told.out and "unusable: 1002_DFA_ANG_XX: " in told.err
    assert content(tmp_path / "out") == content(made)
    started = time.monotonic()
    assert data.main([*command, "--allow-unusable"]) == 0
    assert time.monotonic() - started < 10
    assert "nothing to do" in capsys.readouterr().err
    assert content(tmp_path / "out") == content(made)


class Stopping(InProcess):
    """Is killed, as far as files go, at the n-th item."""

    def __init__(self, items: int) -> None:
        self.left = items

    def map(self, job, items, label, needs=None):  # type: ignore[no-untyped-def]
        kept = items[: self.left]
        self.left -= len(kept)
        done = super().map(job, kept, label)
        if len(kept) < len(items):
            raise KeyboardInterrupt
        return done


@pytest.mark.parametrize("items", [0, 1, 5, 9, 12, 14])
def test_stopped_anywhere_and_resumed_the_bytes_are_the_same(
    corpus: Path, made: Path, tmp_path: Path, items: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.prepared.command._CLIPS_AT_ONCE", 3)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        Preparation(asked(corpus, out)).run(Stopping(items))
    with pytest.raises(BadInput, match="--resume"):
        Preparation(asked(corpus, out))
    run(corpus, out, resume=True)
    assert content(out) == content(made)


def test_killed_in_the_middle_and_resumed_the_bytes_are_the_same(corpus: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness.data", "prepare", "synthetic", str(corpus), "--size", "128"]
    command += ["--faces", "none", "--workers", "2", "--out"]
    out = tmp_path / "killed"
    process = subprocess.Popen([*command, str(out)], stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 120
    while len(list(out.glob(".work/prepared/[0-9a-f]*.tar"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "index.parquet").exists()
    assert subprocess.run([*command, str(out), "--resume"], check=False, capture_output=True).returncode == 1
    whole = Asked("synthetic", corpus, str(tmp_path / "whole"), 128, "none", Weights())
    Preparation(whole).run(InProcess())
    assert content(out) == content(tmp_path / "whole")


def test_shards_go_to_an_object_store(corpus: Path, made: Path, tmp_path: Path) -> None:
    url = f"memory://bucket/{tmp_path.name}"
    run(corpus, url)
    assert Preparation(asked(corpus, url)).rows is not None
    files = fsspec.filesystem("memory")
    there = {Path(p).name: files.cat_file(p) for p in files.ls(f"/bucket/{tmp_path.name}", detail=False)}
    assert there == content(made)
    run(corpus, f"file://{tmp_path}/local")
    assert content(tmp_path / "local") == content(made)


def test_an_output_of_something_else_is_left_alone(corpus: Path, made: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"size: there 64, asked 96"):
        Preparation(asked(corpus, made, size=96))
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match="holds files"):
        Preparation(asked(corpus, tmp_path))
    with pytest.raises(BadInput, match="nosuch"):
        Preparation(asked(corpus, "nosuch://bucket"))
    changed = tmp_path / "corpus"
    shutil.copytree(corpus, changed)
    assert Preparation(asked(changed, made)).rows is not None
    victim = sorted((changed / "VideoFlash").glob("*.mp4"))[0]
    victim.touch()
    with pytest.raises(BadInput, match=rf"1 clips changed .* {victim.stem}"):
        Preparation(asked(changed, made))
    victim.unlink()
    with pytest.raises(BadInput, match=victim.stem):
        Preparation(asked(changed, made))


@pytest.mark.parametrize("out", ["/proc/nowhere", "/dev/null/out"])
def test_a_place_that_cannot_be_written_to_is_said_at_once(corpus: Path, out: str) -> None:
    with pytest.raises(BadInput, match=out):
        run(corpus, out)


def test_a_full_disk_ends_the_run_and_names_the_place(corpus: Path, made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(Unwritable, match=str(out)):
            run(corpus, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    run(corpus, out, resume=True)
    assert content(out) == content(made)


@pytest.mark.parametrize(
    "extra", [["--size", "65"], ["--size", "8"], ["--faces", "face-v9"], ["--workers", "0"]]
)
def test_wrong_options_are_refused(corpus: Path, tmp_path: Path, extra: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        data.main(["prepare", "synthetic", str(corpus), "--out", str(tmp_path / "out"), *extra])
    assert error.value.code == 2


def test_bad_footage_costs_only_itself(tmp_path: Path) -> None:
    root = tmp_path / "Földer mit Ümlauten"
    root.mkdir()
    write(root / "good.mp4", Film(Fraction(25)))
    write(root / "cut.avi", Film(Fraction(25)))
    whole = (root / "cut.avi").read_bytes()
    (root / "cut.avi").write_bytes(whole[: len(whole) // 2])
    (root / "empty.mp4").write_bytes(b"")
    (root / "pointer.mp4").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    media.encode(root / "wide.mp4", np.zeros((3, 32, 64, 3), np.uint8), None)
    media.write_wav(root / "sound_only.mp4", np.zeros(16000, np.float32))
    rows = Preparation(Asked("folder", root, str(tmp_path / "out"), 32, "none", Weights())).run(InProcess())
    reasons = {row.id: row.reason for row in rows}
    told = {
        "cut": "cut short",
        "empty": "empty",
        "pointer": "git-lfs",
        "wide": "64x32",
        "sound_only": "no video",
    }
    assert all(word in (reasons[name] or "") for name, word in told.items()), reasons


def test_faces_are_cropped_out_of_larger_pictures_without_any_download(tmp_path: Path) -> None:
    frames = synthetic.draw(synthetic.plan(SynthSpec(speakers=3, size=96, seed=11, clips_per_speaker=1))[0])[
        2
    ].frames[:12]
    root = tmp_path / "footage"
    root.mkdir()
    one, two, none = (np.full((12, 180, 320, 3), 100, np.uint8) for _ in range(3))
    one[:, 40:136, 20:116] = frames
    two[:, 40:136, 20:116], two[:, 70:134, 220:284] = frames, faces.resized(frames, 64)
    sound = np.random.default_rng(1).normal(0, 0.1, 12 * 640).astype(np.float32)
    for name, pictures in {"one": one, "two": two, "none": none}.items():
        media.encode(root / f"{name}.mp4", pictures, sound)
    made = tmp_path / "out"
    asked = Asked("folder", root, str(made), 64, "face-v1-embedded", Weights())
    rows = {row.id: row for row in Preparation(asked).run(InProcess())}
    assert "no face" in (rows["none"].reason or "")
    crops = {s.id: prepare.load(s.video) for s in datasets.read("prepared", made).samples}
    assert set(crops) == {"one", "two"}  # of two faces the larger one is followed
    assert crops["one"].frames.shape == (12, 64, 64, 3)
    for clip in crops.values():
        drawn = faces.resized(frames, 64).astype(float)
        assert np.abs(clip.frames - drawn).mean() < 25
        assert clip.audio is not None and np.corrcoef(clip.audio, sound)[0, 1] > 0.9


SWEEP = """
name: small
data: {{reader: {reader}, root: {root}, test_clips: 3, split: {{train: 0.34, val: 0.33, test: 0.33}}{more}}}
methods:
  - name: tests.toys
    label: toy
    config: {{steps: 3}}
metrics: [psnr, ssim]
"""


def sweep_on(folder: Path, reader: str, root: Path, more: str = "") -> list[dict[str, str]]:
    folder.mkdir()
    path = folder / "small.yaml"
    path.write_text(SWEEP.format(reader=reader, root=root, more=more))
    chosen = config.load(path)
    record = Record.begin(folder, about_sweep(chosen), ["test"], False)
    Run(chosen, folder, Engine(InProcess(), run_in_process), record, Store(folder / ".store")).go()
    return [row for row in results.read_rows(folder / "results.csv") if row["metric"] not in speed.NAMES]


def test_a_sweep_on_shards_equals_the_sweep_on_the_footage(corpus: Path, made: Path, tmp_path: Path) -> None:
    footage = sweep_on(tmp_path / "footage", "synthetic", corpus, ", size: 64")
    assert sweep_on(tmp_path / "shards", "prepared", made) == footage
    assert len(footage) > 8
    assert not (tmp_path / "shards" / ".store" / "prepared").exists()


def test_another_size_than_the_shards_is_refused(made: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"size: 96, but .* size: 64"):
        sweep_on(tmp_path / "a", "prepared", made, ", size: 96")
    with pytest.raises(BadInput, match=r"faces: face-v1, but .* faces: none"):
        sweep_on(tmp_path / "b", "prepared", made, ", faces: face-v1")
    (tmp_path / "c").mkdir()
    with pytest.raises(BadInput, match=r"prepared\.json"):
        datasets.read("prepared", tmp_path / "c")


@contextmanager
def _never() -> Iterator[None]:
    raise AssertionError("a detector was opened")
    yield


LONG = """
import resource, sys
from pathlib import Path
from harness import prepare
from harness.faces import POLICIES
from harness.types import Sample
folder = Path(sys.argv[1])
sample = Sample("long", folder / "long.mp4", None, None, None, truth=folder / "long.npz")
prepare.write(folder / "long.tar", sample, POLICIES["none"], 256, None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_half_an_hour_is_prepared_in_flat_memory(tmp_path: Path) -> None:
    count = 30 * 60 * 25
    stills = np.random.default_rng(0).integers(0, 256, (25, 64, 64, 3), np.uint8)
    film = np.broadcast_to(stills[:, None], (25, 1800, 64, 64, 3)).reshape(count, 64, 64, 3)
    media.encode(tmp_path / "long.mp4", film, np.zeros(count * 640, np.float32), crf=40)
    face = np.random.default_rng(1).uniform(16, 48, (68, 2)).astype(np.float32)
    np.savez(tmp_path / "long.npz", landmarks=np.broadcast_to(face, (count, 68, 2)))
    command = [sys.executable, "-c", LONG, str(tmp_path)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(told) < 1000, f"{told} MB"
    assert prepare.frames_and_sound(tmp_path / "long.tar") == (count, True)

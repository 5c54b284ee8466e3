"""metrics/bench: a line says what was measured, and what cannot be compared is an error."""

from pathlib import Path

import numpy as np
import pytest

from harness import bench, media
from harness.bench.files import read
from harness.types import BadInput
from metrics.bench import formulas, table
from metrics.bench.material import Material
from metrics.bench.timing import Case, Round, alternate, line
from tests.metrics.frames import moving_frames


def rounds(ours: float, peer: float, our_number: float = 1.0) -> list[Round]:
    slow_once = [1.0, 9.0, 1.0]
    return [Round(ours * f, peer * f, np.array([our_number]), np.array([1.0])) for f in slow_once]


def case(**limits: float) -> Case:
    return Case("name", "somebody", 3, lambda _: [], **limits)


def test_a_line_is_the_ratio_of_medians_its_spread_and_the_bar() -> None:
    found = line(case(absolute=1e-6), rounds(0.5, 2.0))
    assert "4.00 x somebody" in found and "(4.00 to 4.00)" in found and "bar 3 met" in found
    assert "SHORT" in line(case(absolute=1e-6), rounds(1.0, 2.0))


def test_another_number_has_no_speed() -> None:
    with pytest.raises(BadInput, match=r"name: ours is \[1\.00001\], the peer's \[1\.\]"):
        line(case(absolute=1e-6), rounds(0.5, 2.0, 1.00001))
    assert "met" in line(case(relative=1e-4), rounds(0.5, 2.0, 1.00001))


def test_sides_take_turns() -> None:
    turns: list[str] = []

    def side(name: str) -> np.ndarray:
        turns.append(name)
        return np.zeros(1)

    assert len(alternate(lambda: side("ours"), lambda: side("peer"), 2)) == 2
    assert turns == ["ours", "peer", "ours", "peer"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name in ("a", "b"):
        media.encode(folder / f"{name}.mp4", moving_frames(4, 32), np.zeros(4 * 640, np.float32))
    return folder


def test_measured_on_ones_own_clips(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(clips.parent / "kept")
    assert bench.main(["metrics", "ssim_wang", "--clips", str(clips), "--out", out]) in (0, 1)
    found = capsys.readouterr().out
    assert found.startswith("ssim_wang") and "x scikit-image" in found and "numbers within" in found


def test_generated_clips_pair_with_their_references(clips: Path, tmp_path: Path) -> None:
    one, two, reference = Material(tmp_path, clips).folders
    names = [sorted(p.name for p in folder.iterdir()) for folder in (one, two, reference)]
    assert names == [["00.mp4", "01.mp4"]] * 3
    a, b, real = (media.read_clip(folder / "00.mp4").frames.astype(int) for folder in (one, two, reference))
    assert min(abs(a - b).mean(), abs(a - real).mean(), abs(b - real).mean()) > 1


def test_mistakes_are_told_in_a_line(
    clips: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = ["--out", str(clips.parent / "lacking")]
    assert bench.main(["metrics", "sim", *out]) == 2
    assert 'no benchmark "sim": did you mean "ssim"?' in capsys.readouterr().err

    def missing(_: Material) -> list[Round]:
        raise ModuleNotFoundError("No module named 'peer'", name="peer")

    monkeypatch.setitem(table.CASES, "ssim", Case("ssim", "peer", 1, missing))
    assert bench.main(["metrics", "ssim", "--clips", str(clips), *out]) == 1
    assert "needs the Python package peer; install the extra" in capsys.readouterr().out
    (row,) = read(clips.parent / "lacking" / "bench.json").rows
    assert row.ours is None and "needs the Python package peer" in row.note


@pytest.mark.parametrize("name", ["psnr_torch", "ssim_torch"])
def test_torchmetrics_comes_to_the_same_numbers(name: str, clips: Path, tmp_path: Path) -> None:
    pytest.importorskip("torchmetrics")
    case = table.CASES[name]
    generated, reference = Material(tmp_path, clips).frames(4)
    ours = {"psnr_torch": formulas.frame_psnr, "ssim_torch": formulas.frame_ssim_wang}[name]
    peer = {"psnr_torch": formulas.psnr_torchmetrics, "ssim_torch": formulas.ssim_torchmetrics}[name]
    assert np.abs(ours(generated, reference) - peer(generated, reference)).max() < case.absolute

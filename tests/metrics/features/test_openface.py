"""metrics/features/openface.py: CSVs as OpenFace writes them, their clock, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from harness.contracts import Setup
from harness.types import Clip, Pair, Unscorable
from harness.weights import Weights
from metrics.au_correlation import AUCorrelation
from metrics.au_f1 import AUPresenceF1
from metrics.au_icc import AUIntraclassCorrelation
from metrics.au_mae import AUMeanAbsoluteError
from metrics.features.openface import INTENSITIES, PRESENCES, read_csv

SETUP = Setup("reference", Weights(), openface=True)


def write_csv(
    path: Path,
    frames: int = 25,
    fps: float = 25.0,
    failed: tuple[int, ...] = (),
    smile: float = 0.0,
    drop: str | None = None,
    faces: int = 1,
) -> None:
    """Write OpenFace's columns, spaces included; AU12 rises with time, AU04 is 1, AU45 blinks at once."""
    names = ["frame", "face_id", "timestamp", "confidence", "success", *INTENSITIES, *PRESENCES]
    lines = [", ".join(name for name in names if name != drop)]
    for i in range(frames):
        values = dict.fromkeys(names, "0.00")
        values |= {"frame": str(i + 1), "face_id": str(i % faces), "timestamp": f"{i / fps:.3f}"}
        values |= {"confidence": "0.98", "success": str(int(i not in failed))}
        values |= {"AU12_r": f"{min(5.0, smile + i / fps):.2f}", "AU12_c": str(int(smile + i / fps >= 1))}
        values |= {"AU04_r": "1.00", "AU04_c": "1", "AU28_c": "0"}
        lines.append(", ".join(values[name] for name in names if name != drop))
    path.write_text("\n".join(lines) + "\n")


def clip_at(path: Path, frames: int = 25) -> Clip:
    return Clip(np.zeros((frames, 8, 8, 3), np.uint8), None, path=path)


def pair_of(folder: Path, frames: int = 25) -> Pair:
    return Pair("one", clip_at(folder / "made.mp4", frames), clip_at(folder / "real.mp4", frames))


def test_a_clip_against_itself_on_the_scale_of_five(tmp_path: Path) -> None:
    write_csv(tmp_path / "real.csv", frames=50)
    clip = clip_at(tmp_path / "real.mp4", 50)
    mae, f1 = AUMeanAbsoluteError(SETUP), AUPresenceF1(SETUP)
    assert (mae.card.title, mae.card.range) == ("AU (OpenFace) MAE", (0.0, 5.0))
    assert f1.card.title == "AU (OpenFace) F1" and "AUxx_c" in f1.card.variant
    assert mae.measure(Pair("same", clip, clip)).value == 0.0
    measured = f1.measure(Pair("same", clip, clip))
    assert (measured.value, measured.detail) == (1.0, "2 of 18 AUs present")
    assert AUIntraclassCorrelation(SETUP).measure(Pair("same", clip, clip)).value == pytest.approx(1)


def test_intensities_and_presences_are_those_written(tmp_path: Path) -> None:
    write_csv(tmp_path / "real.csv")
    write_csv(tmp_path / "made.csv", smile=2.0)
    pair = pair_of(tmp_path)
    # One unit of 17 is 2 too high; the reference never reaches AU12's level 1, AU4 is there in both.
    assert AUMeanAbsoluteError(SETUP).measure(pair).value == pytest.approx(2 / 17, abs=1e-6)
    assert AUPresenceF1(SETUP).measure(pair).value == pytest.approx((1 + 0) / 2)
    assert AUCorrelation(SETUP).measure(pair).detail == "1 of 17 AUs move"


def test_failed_frames_are_left_out_and_counted(tmp_path: Path) -> None:
    write_csv(tmp_path / "real.csv")
    write_csv(tmp_path / "made.csv", failed=(3, 4))
    measured = AUMeanAbsoluteError(SETUP).measure(pair_of(tmp_path))
    assert (measured.value, measured.detail) == (0.0, "2 frames without a face left out")


@pytest.mark.parametrize("fps", [12.0, 20.0, 30.0, 50.0, 60.0])
def test_a_row_is_that_nearest_in_time(tmp_path: Path, fps: float) -> None:
    write_csv(tmp_path / "real.csv", frames=int(2 * fps), fps=fps)
    found = read_csv(tmp_path / "real.csv", 49).intensity[:, INTENSITIES.index("AU12_r")]
    due = np.arange(49) / 25
    nearest = [np.arange(int(2 * fps))[np.abs(np.arange(int(2 * fps)) / fps - t).argmin()] / fps for t in due]
    assert np.abs(found - due).max() <= 0.5 / fps + 0.01
    assert np.abs(found - nearest).max() <= 1 / fps + 0.01
    assert not np.isnan(found).any()


def test_frames_beyond_the_files_end_are_not_seen(tmp_path: Path) -> None:
    write_csv(tmp_path / "real.csv", frames=10)
    missing = np.isnan(read_csv(tmp_path / "real.csv", 25).presence).all(axis=1)
    assert missing.tolist() == [False] * 10 + [True] * 15


def test_what_is_refused_names_the_file(tmp_path: Path) -> None:
    write_csv(tmp_path / "made.csv")
    metric = AUMeanAbsoluteError(SETUP)
    with pytest.raises(Unscorable, match=r"no .*real\.csv: put OpenFace's CSV"):
        metric.measure(pair_of(tmp_path))
    write_csv(tmp_path / "real.csv", drop="AU12_r")
    with pytest.raises(Unscorable, match=r"real\.csv: no column AU12_r"):
        metric.measure(pair_of(tmp_path))
    write_csv(tmp_path / "real.csv", faces=2)
    with pytest.raises(Unscorable, match=r"real\.csv: several people"):
        metric.measure(pair_of(tmp_path))
    for content in ("", "\n", "frame\n"):
        (tmp_path / "real.csv").write_text(content)
        with pytest.raises(Unscorable, match=r"real\.csv: no column timestamp"):
            metric.measure(pair_of(tmp_path))
    write_csv(tmp_path / "real.csv")
    whole = (tmp_path / "real.csv").read_text()
    (tmp_path / "real.csv").write_text(whole[:-30])
    with pytest.raises(Unscorable, match=r"real\.csv: a row is cut off"):
        metric.measure(pair_of(tmp_path))
    (tmp_path / "real.csv").write_text(whole.replace("1.00", "nan", 1))
    with pytest.raises(Unscorable, match=r"real\.csv: .*no number"):
        metric.measure(pair_of(tmp_path))
    write_csv(tmp_path / "real.csv", frames=0)
    with pytest.raises(Unscorable, match=r"real\.csv: no rows"):
        metric.measure(pair_of(tmp_path))
    nowhere = Clip(np.zeros((25, 8, 8, 3), np.uint8), None)
    with pytest.raises(Unscorable, match="reference clip has no file"):
        metric.measure(Pair("none", clip_at(tmp_path / "made.mp4"), nowhere))

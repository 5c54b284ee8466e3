"""The cost model on round numbers, worked by hand."""

from pathlib import Path

import pytest

from harness import bench, config
from harness.bench import cost, files
from harness.bench.rows import Row, What, alone
from harness.types import BadInput

SWEEP = Path(__file__).resolve().parents[2] / "sweeps" / "loss_weights_crema_d.yaml"
METRICS = "psnr,ssim,lpips,fid,kid,lse_c,lse_d,av_offset,emotion_accuracy,au_mae,au_correlation,lmd_mouth"


def row(table: str, name: str, unit: str, value: float) -> Row:
    return alone(What(table, name, unit), [value])


ROWS = (
    row("decode", "prepare to 64 px, face-v1-embedded", "frames/s", 100),
    row("decode", "prepared clip, 64 px", "kB/frame", 8),
    row("decode", "generated clip, 64 px", "kB/frame", 1),
    row("train", "cvae:paper warm_start", "steps/s", 0.5),
    row("train", "cvae:paper sync_expert", "steps/s", 2),
    row("train", "cvae:paper emotion_critic", "steps/s", 5),
    row("train", "cvae:paper fit", "steps/s", 0.25),
    row("generation", "cvae:paper", "frames/s", 50),
    row("measure", METRICS, "frames/s, first method", 5),
    row("measure", METRICS, "frames/s, further method", 10),
    row("measure", METRICS, "kB/frame, first method", 20),
    row("measure", METRICS, "kB/frame, further method", 10),
    row("items", "driver's CPU an item", "ms", 0.5),
)
RATES = cost.Rates(ROWS)
CORPUS = cost.Corpus(clips=1000, seconds=4)  # 100 frames a clip


def test_a_sweep_by_hand() -> None:
    steps = {step.name: step for step in cost.of_sweep(config.load(SWEEP), CORPUS, RATES)}
    prepare = steps["prepare"]  # 100,000 frames
    assert prepare.hours == pytest.approx(1000 / 3600) and prepare.stored == pytest.approx(0.8)
    assert steps["cvae: stage warm_start"].hours == pytest.approx(50_000 / 0.5 / 3600)
    assert steps["cvae: stage sync_expert"].hours == pytest.approx(100_000 / 2 / 3600)
    assert steps["cvae: stage emotion_critic"].hours == pytest.approx(50_000 / 5 / 3600)
    trials = steps["cvae: 18 trials"]  # 3 x 2 x 3, of 100,000 steps each
    assert trials.hours == pytest.approx(18 * 100_000 / 0.25 / 3600) == 2000
    assert trials.moved == pytest.approx(18 * 0.7 * 0.8)
    generate = steps["cvae: generate"]  # 18 x 500 clips of 100 frames
    assert generate.hours == pytest.approx(5) and generate.stored == pytest.approx(0.9)
    assert steps["measure 11 metrics, first method"].hours == pytest.approx(50_000 / 5 / 3600)
    further = steps["measure 11 metrics, 22 further rows"]  # 18 trials and 5 controls, less the first
    assert further.hours == pytest.approx(22 * 50_000 / 10 / 3600)
    assert further.stored == pytest.approx(11) and further.moved == pytest.approx(22 * 0.05 * (9 + 20))


def test_many_clips_by_hand() -> None:
    measure, driver = cost.of_clips(1_000_000, METRICS.split(","), CORPUS, RATES)
    assert measure.hours == pytest.approx(100e6 / 5 / 3600)
    assert measure.stored == pytest.approx(2000) and measure.moved == pytest.approx(100 * (9 + 40))
    assert driver.hours == pytest.approx(500 / 3600) and not driver.gpu


def test_gpu_hours_only_with_a_ratio_and_never_for_what_stays_on_cores() -> None:
    steps = [cost.Step("a", 7200, "steps", 1), cost.Step("b", 3600, "frames", 1, gpu=False)]
    assert "GPU" not in cost.plan(steps, None)
    assert "| **all** |  |  | 3 | 0 | 0 |" in cost.plan(steps, None)
    assert "| **all** |  |  | 1 | 0.1 | 0 | 0 |" in cost.plan(steps, 20)


@pytest.mark.parametrize("missing", range(len(ROWS)))
def test_a_rate_that_was_not_measured_is_never_made_up(missing: int) -> None:
    rates = cost.Rates([*ROWS[:missing], *ROWS[missing + 1 :]])
    with pytest.raises(BadInput, match=f"run python -m harness.bench {ROWS[missing].table}"):
        _ = [*cost.of_sweep(config.load(SWEEP), CORPUS, rates), *cost.of_clips(9, ["psnr"], CORPUS, rates)]


def test_a_size_that_was_not_measured_is_refused() -> None:
    sweep = config.load(SWEEP, ["data.size=128"])
    with pytest.raises(BadInput, match=r"data\.size is 128, and rates are measured at 64 px"):
        list(cost.of_sweep(sweep, CORPUS, RATES))


def test_the_command_prints_both_plans_and_what_is_assumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files.write(tmp_path, files.begun(tmp_path).with_rows(ROWS))
    asked = ["cost", str(SWEEP), "--out", str(tmp_path)]
    assert bench.main([*asked, "--gpu-ratio", "10"]) == 0
    told = capsys.readouterr().out
    assert (
        "1,000,000 clips x 12 metrics" in told and "GPU hours" in told and "## Assumed, not measured" in told
    )
    assert bench.main([*asked, "--gpu-ratio", "0"]) == 2
    assert bench.main(["cost", str(SWEEP), "--out", str(tmp_path / "none")]) == 2
    assert "no such file" in capsys.readouterr().err

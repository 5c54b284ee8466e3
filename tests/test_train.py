"""Several Ray Train workers on one trial: the model and the losses of one worker with the same batch."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from harness import results, sweep

SWEEP = """
name: workers
data:
  synthetic: {speakers: 3, clips_per_speaker: 12, size: 64, seed: 3}
  split: {train: 0.34, val: 0.33, test: 0.33}
  test_clips: 1
methods: [{name: cvae, config: {steps: 12, warm_start_steps: 5, sync_steps: 5, critic_steps: 5}}]
metrics: [psnr]
"""


@pytest.mark.slow
def test_two_workers_train_as_one_does(tmp_path: Path) -> None:
    path = tmp_path / "workers.yaml"
    path.write_text(SWEEP)
    models, curves = [], []
    for workers in (1, 2):
        root = tmp_path / str(workers)
        arguments = [str(path), "--out", str(root / "out"), "--set", f"resources.workers={workers}"]
        assert sweep.main(arguments) == 0
        rows = [r for r in results.read_rows(root / "out" / "curves.csv") if r["stage"] == "fit"]
        curves.append({(r["step"], r["loss"]): float(r["value"]) for r in rows})
        (weights,) = root.glob(".store/models/*/model.safetensors")
        models.append(load_file(weights))
    assert curves[1] == pytest.approx(curves[0], abs=1e-4)
    one, two = models
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, atol=1e-4, err_msg=name)

"""Ray's monitor really ends a trial that eats the machine's memory: it is told so, and the sweep goes on."""

from pathlib import Path

import psutil
import pytest

from harness import results
from harness.datasets.synthetic import SynthSpec, write_corpus
from tests.test_soak import Run, own_ray_folder

__all__ = ["own_ray_folder"]

SWEEP = """
name: hungry
data: {{reader: crema_d, root: {root}, test_clips: 2, split: {{train: 0.34, val: 0.33, test: 0.33}}}}
methods:
  - name: tests.hungry
    label: hungry
    config: {{steps: 2}}
    search: {{space: {{eats: [0, {eats}]}}}}
metrics: [psnr]
retries: {{worker: 1, node: 1}}
"""
FREE = 2 << 30
"""Bytes that may be taken beyond what is in use at the beginning: other programs may take some meanwhile."""


@pytest.mark.slow
def test_a_trial_that_eats_the_memory_is_told_so_and_the_others_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_ray_folder: None
) -> None:
    memory = psutil.virtual_memory()
    if memory.available < 3 * FREE:
        pytest.skip(f"{memory.available / 2**30:.1f} GiB of memory free: too little to eat any")
    monkeypatch.setenv("RAY_memory_usage_threshold", f"{1 - (memory.available - FREE) / memory.total:.4f}")
    write_corpus(SynthSpec(speakers=3, size=64, seed=5, clips_per_speaker=6), root := tmp_path / "corpus")
    path, out, said = tmp_path / "hungry.yaml", tmp_path / "run" / "out", tmp_path / "said"
    path.write_text(SWEEP.format(root=root, eats=2 * FREE >> 20))
    run = Run(path, out, resume=False, said=said)
    assert run.end() == 1, said.read_text()
    assert "a trial was lost (to: memory), 2 of 1 retries" in said.read_text()
    (failure,) = results.read_json(out / "run.json")["failures"]
    assert failure["reason"].startswith("out of memory: its worker was ended 2 times")
    assert "lower the method's batch" in failure["reason"]
    assert {t["params"]["eats"]: t["status"] for t in results.read_json(out / "run.json")["trials"]}[
        0
    ] == "done"

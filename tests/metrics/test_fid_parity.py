"""FID against the command `python -m pytorch_fid` on PNGs of the same frames, with random weights."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness import media
from harness.contracts import Setup
from harness.types import Clip, Frames, Pair, Sample
from harness.weights import Weights
from metrics.fid import FID
from metrics.kid import KID
from tests.metrics.frames import noisy

FRAMES = 8
FILE = "pt_inception-2015-12-05-6726825d.pth"


def first_frames(files: Sequence[Path]) -> list[Frames]:
    return [media.read_clip(file).frames[5 : 5 + FRAMES] for file in files]


def by_command(generated: Sequence[Frames], reference: Sequence[Frames], weights: Path, tmp: Path) -> float:
    """Return what the command prints."""
    pytest.importorskip("pytorch_fid")
    checkpoints = tmp / "torch" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / FILE).symlink_to(weights / FILE)
    for side, clips in (("generated", generated), ("reference", reference)):
        (tmp / side).mkdir()
        for index, frame in enumerate(np.concatenate(clips)):
            Image.fromarray(frame).save(tmp / side / f"{index:03}.png")
    folders = [str(tmp / "generated"), str(tmp / "reference")]
    options = ["--device", "cpu", "--num-workers", "0", "--batch-size", "8"]
    done = subprocess.run(
        [sys.executable, "-m", "pytorch_fid", *folders, *options],
        env={**os.environ, "TORCH_HOME": str(tmp / "torch"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split("FID:")[1])


def check(clips: Sequence[Frames], weights: Path, tmp: Path) -> None:
    generated = [noisy(clip, 12, seed) for seed, clip in enumerate(clips)]
    metric = FID(Setup("reference", Weights(weights, allow_unverified=True), fid_min_frames=2))
    both = enumerate(zip(generated, clips, strict=True))
    found = metric.aggregate(
        [metric.measure(Pair(f"c{i}", Clip(g, None), Clip(r, None))) for i, (g, r) in both]
    )
    expected = by_command(generated, clips, weights, tmp)
    assert expected > 1
    assert found.value == pytest.approx(expected, rel=1e-5)
    assert found.detail == f"{FRAMES * len(clips)} frames a side"


def test_equals_the_command_on_drawn_clips(
    drawn_samples: list[Sample], random_weights: Path, tmp_path: Path
) -> None:
    check(first_frames([sample.video for sample in drawn_samples[:3]]), random_weights, tmp_path)


def test_equals_the_command_on_real_clips(shared: Path, random_weights: Path, tmp_path: Path) -> None:
    files = sorted((shared / "clips").glob("MEAD*.mp4"))[:2]
    check([clip[:, ::2, ::2] for clip in first_frames(files)], random_weights, tmp_path)


def test_kid_equals_torch_fidelity_on_drawn_clips(drawn_samples: list[Sample], random_weights: Path) -> None:
    peer = pytest.importorskip("torch_fidelity.metric_kid")
    torch = pytest.importorskip("torch")
    metric = KID(Setup("reference", Weights(random_weights, allow_unverified=True)))
    clips = first_frames([sample.video for sample in drawn_samples[:3]])
    found = [
        metric.measure(Pair(f"c{i}", Clip(noisy(clip, 12, i), None), Clip(clip, None)))
        for i, clip in enumerate(clips)
    ]
    sides = [
        torch.from_numpy(np.concatenate([m.features[side] for m in found if m.features]))
        for side in ("generated", "reference")
    ]
    by_peer = peer.kid_features_to_metric(*sides, kid_subsets=1, kid_subset_size=len(sides[0]), verbose=False)
    score = metric.aggregate(found)
    assert score.value == pytest.approx(by_peer["kernel_inception_distance_mean"], abs=1e-6, rel=1e-6)
    assert score.detail == f"{len(sides[0])} frames a side"

"""The peers of the whole suite one after another, as a person would run them: one process, two threads.

    python -m metrics.bench.suite_peers GENERATED REFERENCE WEIGHTS OUT.json

psnr and ssim by scikit-image, lpips, pytorch-fid, and LSE by syncnet-python on what ffmpeg writes.
Each metric decodes the clips for itself. OUT.json holds what each found: by clip, FID for all.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from harness import media
from harness.types import Frames
from harness.weights import Weights
from metrics.bench.formulas import psnr_peer, ssim_peer
from metrics.bench.peers import Numbers, inception_peer, lpips_peer
from metrics.features.peers_sync import load_peer
from metrics.features.sync_streams import dump

REFERENCE = "reference/"
THREADS, BATCH = 2, 50
"""BATCH is pytorch-fid's own default; lpips compares pair by pair, as its example does."""


def main(generated: Path, reference: Path, weights: Path, out: Path) -> None:
    """Run all and write the numbers."""
    torch.set_num_threads(THREADS)
    names = sorted(file.name for file in reference.iterdir())

    def by_clip(score: Callable[[Frames, Frames], Numbers]) -> dict[str, float]:
        both = ((n, _frames(generated / n), _frames(reference / n)) for n in names)
        return {Path(n).stem: float(score(g, r).mean()) for n, g, r in both}

    lpips = lpips_peer("alex", weights)
    found = {
        "psnr": by_clip(psnr_peer),
        "ssim": by_clip(ssim_peer),
        "lpips": by_clip(lambda g, r: lpips(g, r, 1)),
        "fid": {"all": _fid(generated, reference, weights)},
        **_lse(generated, reference, names, weights),
    }
    out.write_text(json.dumps(found), encoding="utf-8")


def _frames(file: Path) -> Frames:
    return media.read_clip(file).frames


def _fid(generated: Path, reference: Path, weights: Path) -> float:
    from pytorch_fid.fid_score import calculate_frechet_distance

    features = inception_peer(weights)
    moments = []
    for folder in (generated, reference):
        rows = np.concatenate([features(_frames(file), BATCH) for file in sorted(folder.iterdir())])
        moments.append((rows.mean(axis=0), np.cov(rows, rowvar=False)))
    return float(calculate_frechet_distance(*moments[0], *moments[1]))


def _lse(generated: Path, reference: Path, names: list[str], weights: Path) -> dict[str, dict[str, float]]:
    """Of both folders: LSE means little without the real clips' beside it, and ours gives it too."""
    peer = load_peer(Weights(weights, allow_unverified=True).state_dict("syncnet-v2"))
    found: dict[str, dict[str, float]] = {"lse_c": {}, "lse_d": {}}
    for folder, mark in ((generated, ""), (reference, REFERENCE)):
        for name in names:
            with tempfile.TemporaryDirectory() as private:
                dump(folder / name, Path(private))
                _, confidence, distance = peer(Path(private))
            clip = mark + Path(name).stem
            found["lse_c"][clip], found["lse_d"][clip] = float(confidence), float(distance)
    return found


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))

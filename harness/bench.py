"""The project's performance table, one run, one thread each side: `python -m harness.bench [NAME ...]`.

Each line is a ratio against a peer on the same frames with the same numbers: how much faster ours is, as
the median and the spread of paired rounds, so that a noisy machine shows as a spread and not as a result.
Peers come with the extra `bench`.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import cv2
import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from harness import catalog
from harness.contracts import Setup
from harness.types import BadInput, Clip, Frames, Pair
from harness.weights import Weights

_ROUNDS, _FRAMES, _SIDE = 7, 25, 256

Peer = Callable[[Frames, Frames], float]


def psnr_peer(reference: Frames, generated: Frames) -> float:
    """scikit-image, frame by frame."""
    both = zip(reference, generated, strict=True)
    return float(np.mean([peak_signal_noise_ratio(r, g, data_range=255) for r, g in both]))


def ssim_peer(reference: Frames, generated: Frames) -> float:
    """scikit-image's defaults, frame by frame."""
    both = zip(reference, generated, strict=True)
    return float(np.mean([structural_similarity(r, g, channel_axis=2, data_range=255) for r, g in both]))


PEERS: dict[str, Peer] = {"psnr": psnr_peer, "ssim": ssim_peer}


def measure(name: str) -> str:
    """Return one line of the table. Raises BadInput when ours and the peer's number differ."""
    rng = np.random.default_rng(0)
    reference = rng.integers(0, 256, (_FRAMES, _SIDE, _SIDE, 3), dtype=np.uint8)
    generated = np.clip(reference + rng.normal(0, 20, reference.shape), 0, 255).astype(np.uint8)
    metric = catalog.metric(name)(Setup("embedded", Weights()))

    def once() -> float:
        return float(
            metric.measure(Pair("bench", Clip(generated, None), Clip(reference, None))).value or np.nan
        )

    ratios, ours, theirs = [], 0.0, 0.0
    for _ in range(_ROUNDS):
        mine, ours = _timed(once)
        peers, theirs = _timed(lambda: PEERS[name](reference, generated))
        ratios.append(peers / mine)
    if abs(ours - theirs) > 1e-9:
        raise BadInput(f"{name}: ours is {ours!r}, the peer's {theirs!r}: a speed of another number is none")
    spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
    return f"{name:6} {statistics.median(ratios):5.1f} times scikit-image ({spread}, {_SIDE} px)"


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 2 for a name that is not in it."""
    parser = argparse.ArgumentParser(prog="python -m harness.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PEERS)} (all)")
    names = parser.parse_args(arguments).names or list(PEERS)
    cv2.setNumThreads(1)
    try:
        for name in names:
            if name not in PEERS:
                raise BadInput(f'no benchmark "{name}": {catalog.nearest(name, list(PEERS))}')
            print(measure(name), flush=True)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _timed(work: Callable[[], float]) -> tuple[float, float]:
    started = time.perf_counter()
    value = work()
    return time.perf_counter() - started, value


if __name__ == "__main__":
    sys.exit(main())

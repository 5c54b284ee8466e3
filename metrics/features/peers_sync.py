"""The peer of the LSE family, syncnet-python's SyncNetInstance.evaluate, beside ours on the same files.

For parity tests and the performance table; the peer comes with the extra `bench`. Both read the folder of
JPEG files and sound that `sync_streams.dump` writes, and are timed from there, one thread each.
"""

import contextlib
import importlib
import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import torch
from torch import Tensor

from harness.weights import Weights
from metrics.features.sync import MAX_SHIFT, sync_score
from metrics.features.sync_streams import SIDE, dump, private_folder, read_dump
from metrics.features.syncnet import SyncNetBackbone

Numbers = tuple[float, float, float]
"""AV offset, LSE-C, LSE-D."""


@dataclass(frozen=True, slots=True)
class SyncComparison:
    """One clip: what the peer and ours found, and the CPU seconds that each took."""

    clip: Path
    peer: Numbers
    ours: Numbers
    peer_seconds: float
    our_seconds: float


def compare_sync(clips: Sequence[Path], folder: Path) -> list[SyncComparison]:
    """Run the peer once and ours once on each clip, with the syncnet_v2.model of a folder, genuine or not.

    Raises ModuleNotFoundError without syncnet-python, BadInput without the weights.
    """
    torch.set_num_threads(1)
    state_dict = Weights(folder, allow_unverified=True).state_dict("syncnet-v2")
    peer, backbone = load_peer(state_dict), SyncNetBackbone(state_dict)
    return [_compare(clip, peer, backbone) for clip in clips]


def load_peer(state_dict: Mapping[str, Tensor]) -> Callable[[Path], Numbers]:
    """Return the peer as a function of a folder that holds audio.wav and the JPEG files."""
    network = importlib.import_module("syncnet_python.SyncNetModel").S()
    network.load_state_dict(state_dict)
    module: Any = importlib.import_module("syncnet_python.SyncNetInstance")
    # The peer takes 224x224 files for granted; Wav2Lip's copy of it resizes what it reads.
    module.cv2 = SimpleNamespace(imread=lambda path: cv2.resize(cv2.imread(path), (SIDE, SIDE)))
    instance = module.SyncNetInstance(network, device="cpu")

    def evaluate(folder: Path) -> Numbers:
        options = SimpleNamespace(tmp_dir=str(folder), batch_size=20, vshift=MAX_SHIFT)
        with contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
            offset, confidence, distance = instance.evaluate(options)
        return offset, confidence, distance

    return evaluate


def _compare(clip: Path, peer: Callable[[Path], Numbers], backbone: SyncNetBackbone) -> SyncComparison:
    with private_folder() as name:
        folder = Path(name)
        dump(clip, folder)
        begin = time.process_time()
        theirs = peer(folder)
        middle = time.process_time()
        score = sync_score(read_dump(folder), backbone)
        end = time.process_time()
    ours = (score.offset, score.confidence, score.distance)
    return SyncComparison(clip, theirs, ours, middle - begin, end - middle)

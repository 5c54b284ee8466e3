"""LPIPS on three trunks against lpips, Inception against pytorch-fid, SyncNet against syncnet-python."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from metrics.bench.material import Material
from metrics.bench.peers import inception_peer, lpips_peer
from metrics.bench.timing import Case, Numbers, Round, alternate
from metrics.features import inception, lpips_net
from metrics.features.frame_features import PROTOCOLS, frames_to_features
from metrics.features.lpips_net import Trunk

LPIPS_FRAMES: dict[Trunk, int] = {"alex": 16, "vgg": 2, "squeeze": 16}
ROUNDS, INCEPTION_FRAMES = 5, 16


def _lpips(trunk: Trunk) -> Callable[[Material], Sequence[Round]]:
    def run(material: Material) -> Sequence[Round]:
        generated, reference = material.frames(LPIPS_FRAMES[trunk])
        net = lpips_net.load(trunk, "reference", material.weights)
        batch = lpips_net.BACKBONES[trunk].batch
        peer = lpips_peer(trunk, material.weights_folder)
        return alternate(
            lambda: lpips_net.frame_lpips(net, generated, reference, batch),
            lambda: peer(generated, reference, batch),
            ROUNDS,
        )

    return run


def _inception(material: Material) -> Sequence[Round]:
    frames = material.frames(INCEPTION_FRAMES)[0]
    net, batch = inception.load(material.weights), PROTOCOLS["reference"].batch
    peer = inception_peer(material.weights_folder)

    def relative(features: Numbers) -> Numbers:
        return features / float(features.mean())

    return alternate(
        lambda: relative(frames_to_features(net, frames, batch).astype(np.float64)),
        lambda: relative(peer(frames, batch)),
        ROUNDS,
    )


def _syncnet(material: Material) -> Sequence[Round]:
    from metrics.features.peers_sync import compare_sync

    found = compare_sync(material.files[:3], material.weights_folder)
    return [Round(c.our_seconds, c.peer_seconds, np.array(c.ours), np.array(c.peer)) for c in found]


def _single_thread(run: Callable[[Material], Sequence[Round]]) -> Callable[[Material], Sequence[Round]]:
    def one(material: Material) -> Sequence[Round]:
        torch.set_num_threads(1)
        with torch.no_grad():
            return run(material)

    return one


def _of_trunk(trunk: Trunk, name: str) -> Case:
    run, frames = _single_thread(_lpips(trunk)), LPIPS_FRAMES[trunk]
    return Case(name, f"lpips, {trunk}", 1, run, absolute=1e-6, amount=frames, unit="frames/s")


CASES = (
    _of_trunk("alex", "lpips"),
    _of_trunk("vgg", "lpips_vgg"),
    _of_trunk("squeeze", "lpips_squeeze"),
    Case(
        "inception",
        "pytorch-fid's features",
        1,
        _single_thread(_inception),
        1e-3,
        amount=INCEPTION_FRAMES,
        unit="frames/s",
    ),
    Case("syncnet", "syncnet-python, JPEGs to LSE", 2, _single_thread(_syncnet), 1e-4, unit="clips/s"),
)

"""What is computed from a clip once and kept: for the other metrics of this pair, and for the next method.

Kept by content: an artefact's name holds the decoded frames or samples that it was computed from, the code
and the weights that made it, never a file's or a worker's name. So a second method that is compared with the
same references, or that speaks over the same sound, finds them done.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.store import code_version, digest
from harness.types import Pair
from harness.weights import Weights

Float32 = NDArray[np.float32]
Side = Literal["generated", "reference"]


def instrument(name: str, weights: Weights, *files: str) -> str:
    """Return what names a feature extractor: `name`, this package's code, and its files (of the table)."""
    code = code_version("metrics.features", "harness.audio", "harness.faces")
    return digest([name, code, [weights.sha256(file) for file in files]])


def kept(
    pair: Pair,
    side: Literal["generated", "reference", "sound"],
    instrument: str,
    content: NDArray[Any],
    compute: Callable[[], Float32],
) -> Float32:
    """Return `compute()`, an array that is a function of `content` alone, computed at most once.

    Within a pair it is shared by all metrics; over pairs it is kept in the pair's store where it will be
    wanted again: of a shared clip's frames, and of any clip's sound, which all methods of a comparison have
    in common.
    """

    def made() -> Float32:
        clip = pair.reference if side == "reference" else pair.generated
        if pair.store is None or not (clip.shared or side == "sound"):
            return compute()
        path = pair.store.path("features", [instrument, content_digest(content)], ".npy")
        pair.store.make(path, lambda private: np.save(private, compute()))
        stored: Float32 = np.load(path, allow_pickle=False)
        return stored

    return pair.once((instrument, side), made)


def content_digest(content: NDArray[Any]) -> str:
    """Return the SHA-256 of an array's type, shape and values."""
    found = hashlib.sha256(f"{content.dtype} {content.shape}".encode())
    found.update(np.ascontiguousarray(content).data)
    return found.hexdigest()

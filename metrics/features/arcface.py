"""ArcFace as InsightFace publishes it (buffalo_l's w600k_r50.onnx): a face to 512 numbers.

Deng et al., ArcFace, CVPR 2019. The face is laid over InsightFace's five places in 112x112 pixels (eyes, tip
of the nose, corners of the mouth) by the similarity nearest by least squares, RGB in -1..1. InsightFace has
the five points from its own detector; here they are MediaPipe's, so cosines differ a little from its own.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.faces import MESH_TO_68
from harness.types import Frames, Pair
from harness.weights import Weights
from metrics.features.face_mesh import WEIGHTS as MESH
from metrics.features.face_mesh import FaceMesh
from metrics.features.kept import Side, instrument, kept
from metrics.features.onnx_files import open_onnx

NAME = "arcface-w600k-r50"
SIDE, DIMENSIONS = 112, 512
PLACES = np.array([
    (38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041),
])  # fmt: skip
_CHUNK = 16

Float32 = NDArray[np.float32]


def arcface_reader(weights: Weights) -> Callable[[Pair, Side], Float32]:
    """Return what reads one whole clip: (T, 512) unit vectors, NaN without a face.

    BadInput when onnxruntime or a file is missing, or a file is not genuine.
    """
    mesh = FaceMesh(weights)
    network = open_onnx(weights.path(NAME), SIDE, DIMENSIONS, "identity", "ArcFace's network")
    key = instrument(NAME, weights, NAME, MESH)

    def read(pair: Pair, side: Side) -> Float32:
        frames = (pair.reference if side == "reference" else pair.generated).frames

        def compute() -> Float32:
            return embeddings(frames, mesh.of_clip(pair, side).points[:, list(MESH_TO_68)], network)

        return kept(pair, side, key, frames, compute)

    return read


def embeddings(frames: Frames, points: Float32, network: Callable[[Float32], Float32]) -> Float32:
    """Return (T, 512) unit vectors of (T, H, W, 3) frames with (T, 68, 2) landmarks, NaN without a face."""
    rows = np.full((len(frames), DIMENSIONS), np.nan, np.float32)
    seen = np.flatnonzero(~np.isnan(points).any(axis=(1, 2)))
    for start in range(0, len(seen), _CHUNK):
        part = seen[start : start + _CHUNK]
        found = network(np.stack([as_input(frames[i], points[i]) for i in part]))
        rows[part] = found / np.linalg.norm(found, axis=1, keepdims=True)
    return rows


def five_points(points: Float32) -> NDArray[np.float64]:
    """Return (5, 2), the eyes' middles, the tip of the nose and the corners of the mouth, of (68, 2)."""
    eyes = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    return np.stack([*eyes, points[30], points[48], points[54]]).astype(np.float64)


def alignment(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (2, 3) similarity that lays (5, 2) points nearest to PLACES, by least squares."""
    here, there = (p[:, 0] + 1j * p[:, 1] for p in (points, PLACES))
    centred = here - here.mean()
    turn = np.vdot(centred, there - there.mean()) / np.vdot(centred, centred)
    shift = there.mean() - turn * here.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def as_input(frame: NDArray[np.uint8], points: Float32) -> Float32:
    """Return (3, 112, 112) in -1..1, the face of (68, 2) landmarks in an (H, W, 3) uint8 RGB frame."""
    face = cv2.warpAffine(np.ascontiguousarray(frame), alignment(five_points(points)), (SIDE, SIDE))
    scaled: Float32 = ((face.astype(np.float32) - 127.5) / 127.5).transpose(2, 0, 1)
    return scaled

"""HSEmotion (EmotiEffLib): EfficientNet-B0 of AffectNet's eight emotions, run from its published ONNX file.

Savchenko et al., Classifying Emotions and Engagement in Online Learning Based on a Single Facial Expression
Recognition Neural Network, IEEE Transactions on Affective Computing 2022. Preprocessed as hsemotion-onnx
does: RGB, bilinear to 224x224, ImageNet's mean and deviation. The face is the bounding box of MediaPipe's
landmarks, as in that package's demonstration, so a frame need not be a face crop; frames without a face are
left out. The PyTorch files are pickled modules, which would run code, and are not read.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.types import Frames, Pair
from harness.weights import Weights
from metrics.features.emotion import POOLING, EmotionClassifier, log_softmax
from metrics.features.face_mesh import WEIGHTS as MESH
from metrics.features.face_mesh import FaceMesh
from metrics.features.kept import instrument, kept
from metrics.features.onnx_files import open_onnx

NAME = "hsemotion-b0-vgaf"
CLASSES = ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")
SIDE = 224
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CHUNK = 16

Float32 = NDArray[np.float32]


def load_hsemotion(weights: Weights) -> EmotionClassifier:
    """Load the classifier; BadInput when onnxruntime or a file is missing, or a file is not genuine."""
    mesh = FaceMesh(weights)
    logits = onnx_network(weights.path(NAME))
    key = instrument(NAME, weights, NAME, MESH)

    def read(pair: Pair) -> Float32:
        def compute() -> Float32:
            return log_probabilities(frames, mesh.of_clip(pair, "generated").points, logits)

        frames = pair.generated.frames
        return kept(pair, "generated", key, frames, compute)

    return EmotionClassifier(
        label=weights.label("HSEmotion enet_b0_8_best_vgaf", NAME, MESH),
        title="EmoAcc-HSE8",
        variant=f"RGB {SIDE}x{SIDE} of the landmarks' bounding box, "
        f"8 classes ({', '.join(CLASSES)}), {POOLING}",
        paper="Savchenko et al., IEEE Transactions on Affective Computing, 2022; hsemotion-onnx",
        classes=CLASSES,
        domain="any",
        read=read,
    )


def onnx_network(path: Path) -> Callable[[Float32], Float32]:
    """Return (B, 3, 224, 224) -> (B, 8) logits; BadInput without onnxruntime or with another file."""
    what = f"HSEmotion's network of {len(CLASSES)} classes"
    return open_onnx(path, SIDE, len(CLASSES), "emotion_accuracy_hse", what)


def log_probabilities(frames: Frames, points: Float32, logits: Callable[[Float32], Float32]) -> Float32:
    """Return (T, 8) of (T, H, W, 3) frames whose faces' (T, points, 2) pixels are known; NaN without one."""
    rows = np.full((len(frames), len(CLASSES)), np.nan, np.float32)
    seen = np.flatnonzero(~np.isnan(points).any(axis=(1, 2)))
    for part in np.array_split(seen, -(-len(seen) // _CHUNK)) if len(seen) else []:
        batch = np.stack([as_input(face_box(frames[i], points[i])) for i in part])
        rows[part] = log_softmax(logits(batch))
    return rows


def face_box(frame: NDArray[np.uint8], points: Float32) -> NDArray[np.uint8]:
    """Return the part of an (H, W, 3) frame within the bounding box of its (points, 2) landmarks."""
    limits = np.array(frame.shape[1::-1])
    low = np.clip(np.floor(points.min(axis=0)).astype(int), 0, limits - 1)
    high = np.clip(np.ceil(points.max(axis=0)).astype(int) + 1, low + 1, limits)
    return frame[low[1] : high[1], low[0] : high[0]]


def as_input(face: NDArray[np.uint8]) -> Float32:
    """Return (3, 224, 224) of an (H, W, 3) uint8 RGB face, normalised as ImageNet's."""
    scaled = cv2.resize(np.ascontiguousarray(face), (SIDE, SIDE)) / 255
    normalised: Float32 = ((scaled - _MEAN) / _DEVIATION).transpose(2, 0, 1).astype(np.float32)
    return normalised

"""Jaw: the still's lower face follows the loudness of the speech. A whole method of one's own."""

import cv2
import numpy as np

from harness.contracts import MethodCard, Untrained
from harness.types import SAMPLES_PER_FRAME, Clip, Request


class Jaw(Untrained):
    """Pulls what lies below the lips down, as far as the frame is loud."""

    card = MethodCard("jaw", "Loudness jaw", "none: an example", ("audio", "reference"), trains=False)

    def show(self, request: Request) -> Clip:
        """Return `request.frames` pictures of the reference's size."""
        still, lips = request.reference[0], request.reference_landmarks[0, 48:68]
        heard = request.audio.reshape(request.frames, SAMPLES_PER_FRAME)
        loud = np.sqrt((heard**2).mean(axis=1))
        (x, y), width = lips.mean(axis=0), np.ptp(lips[:, 0])
        rows, columns = np.mgrid[: still.shape[0], : still.shape[1]].astype(np.float32)
        below = np.clip((rows - y) / width, 0, 0.3) * np.exp(-(((columns - x) / width) ** 2))
        drops = below * width * loud[:, None, None] / max(loud.max(), 1e-6)
        return Clip(np.stack([cv2.remap(still, columns, rows - d, 1) for d in drops]), request.audio)


METHOD = Jaw

"""A2M, audio to motion: sound, emotion, a reference's head and noise to head pose and landmarks.

METHODS.md section 2: a bidirectional GRU of 2 x 128 (`full`: a transformer of 4 x 512) gives, for each frame,
six numbers of head pose and an offset for each of the 68 landmarks. The offsets move the reference's face at
rest, in the head's own coordinates, and the pose then places it: so lips are learned apart from the head that
carries them, and each landmark's depth with them.
Sound says how the lips move and leaves most of the head's sway open, so slow noise (`slow_noise`) goes in
beside it; `motion_training` says what makes the network listen to it. It makes no picture: see `guides`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from methods.nets.blocks import activate
from methods.synchrorama import slow_noise
from methods.synchrorama.pose import POSE, at_rest, placed

MARGIN = 25  # frames that a chunk hears to each side and does not answer for
_MEL = 80 * 16
_POINTS = 68 * 2
# What one step of the network's six outputs means: radians, shares of the picture, a logarithm.
_POSE_UNITS = (0.06, 0.06, 0.03, 0.02, 0.02, 0.02)
OFFSET_UNIT = 0.03  # eye distances

Size = Literal["tiny", "full"]


class Motion(NamedTuple):
    """Pose (B, T, 6) as `pose.POSE`, landmarks (B, T, 68, 2) as shares of the picture's side."""

    pose: Tensor
    landmarks: Tensor


@dataclass(frozen=True, slots=True)
class Reference:
    """The head that is to move: pose (B, 6) and normalised landmarks (B, 68, 2)."""

    pose: Tensor
    landmarks: Tensor


class Recurrent(nn.Module):
    """Two bidirectional GRUs: (B, T, inputs) to (B, T, 2 * width)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.outputs = 2 * width
        self.gru = nn.GRU(inputs, width, num_layers=2, bidirectional=True, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return what is remembered at each frame, from both sides."""
        return cast(Tensor, self.gru(x)[0])


class Attentive(nn.Module):
    """Transformer of 4 layers whose frames see `_SIGHT` frames to each side: any place is like another.

    A depthwise convolution says which frame is which (Baevski et al., wav2vec 2.0).
    """

    _SIGHT, _KERNEL = 5, 9

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.outputs = width
        self.enter = nn.Linear(inputs, width)
        self.place = nn.Conv1d(width, width, self._KERNEL, padding=self._KERNEL // 2, groups=width)
        layer = nn.TransformerEncoderLayer(
            width, 8, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T, width)."""
        entered = self.enter(x)
        known = entered + nn.functional.gelu(self.place(entered.transpose(1, 2))).transpose(1, 2)
        frame = torch.arange(x.shape[1], device=x.device)
        unseen = (frame[:, None] - frame).abs() > self._SIGHT
        return cast(Tensor, self.layers(known, mask=unseen))


class AudioToMotion(nn.Module):
    """The network; `emotion` is the embedding's size, `width` the transformer's or each direction's."""

    pose_units: Tensor

    def __init__(self, emotion: int, width: int = 128, size: Size = "tiny") -> None:
        super().__init__()
        self.hear = nn.Sequential(nn.Linear(_MEL, width), nn.LeakyReLU(0.2), nn.Linear(width, width))
        self.see = nn.Sequential(nn.Linear(_POINTS + len(POSE), width), nn.LeakyReLU(0.2))
        self.know = nn.Linear(width + emotion, width)
        self.stir = nn.Linear(slow_noise.SIZE, width // 2)
        inputs = 2 * width + width // 2
        self.body: Recurrent | Attentive = (Recurrent if size == "tiny" else Attentive)(inputs, width)
        self.move = nn.Linear(self.body.outputs, len(POSE))
        self.shape = nn.Linear(self.body.outputs, _POINTS)
        self.depth = nn.Parameter(torch.zeros(68))
        self.register_buffer("pose_units", torch.tensor(_POSE_UNITS), persistent=False)

    def forward(
        self, mel: Tensor, emotion: Tensor, pose0: Tensor, landmarks0: Tensor, noise: Tensor
    ) -> Motion:
        """Return the motion of mel (B, T, 80, 16) in emotion (B, D), noise (B, T, slow_noise.SIZE)."""
        pose, points = self.at_rest(mel, emotion, Reference(pose0, landmarks0), noise)
        return Motion(pose, placed(points, self.depth, pose))

    def at_rest(
        self, mel: Tensor, emotion: Tensor, reference: Reference, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return pose (B, T, 6) and the points (B, T, 68, 2) of the face before the pose moves them."""
        face = at_rest(reference.landmarks, self.depth, reference.pose)
        seen = self.see(torch.cat([face.flatten(1), reference.pose], 1))
        known = activate(self.know(torch.cat([seen, emotion], 1)))
        frames = [self.hear(mel.flatten(2)), known[:, None].expand(-1, mel.shape[1], -1), self.stir(noise)]
        found = self.body(torch.cat(frames, 2))
        pose = reference.pose[:, None] + self.move(found) * self.pose_units
        offsets = self.shape(found).view(*mel.shape[:2], 68, 2) * OFFSET_UNIT
        return pose, face[:, None] + offsets

    @torch.inference_mode()
    def stream(
        self, mel: Iterable[NDArray[np.float32]], emotion: Tensor, reference: Reference, seed: int
    ) -> Iterator[Motion]:
        """Yield the motion (1, t, ...) of each part of a clip's mel windows (t, 80, 16), in order.

        emotion: (1, D); reference: of one head. MARGIN frames are heard before and after each part, so a part
        waits for the sound behind it, and memory is that of a few parts. Together the parts are the whole's
        motion: the transformer's to rounding, the GRU's to what it remembers of a second ago.
        """
        device = self.depth.device
        for before, windows, after, first in _with_margins(mel):
            heard = torch.from_numpy(windows)[None].to(device)
            noise = torch.from_numpy(slow_noise.part(seed, first, len(windows)))[None].to(device)
            whole = self(heard, emotion, reference.pose, reference.landmarks, noise)
            kept = slice(before, len(windows) - after)
            yield Motion(whole.pose[:, kept], whole.landmarks[:, kept])


def _with_margins(
    parts: Iterable[NDArray[np.float32]],
) -> Iterator[tuple[int, NDArray[np.float32], int, int]]:
    """Yield each part: frames before it, windows with both margins, frames after it, the first's index."""
    before, first = np.zeros((0, 80, 16), np.float32), 0
    held: list[NDArray[np.float32]] = []
    for given in chain(parts, [None]):
        held += [] if given is None else [given]
        while held and (given is None or sum(map(len, held[1:])) >= MARGIN):
            own = held.pop(0)
            after = np.concatenate([own[:0], *held])[:MARGIN]
            yield len(before), np.concatenate([before, own, after]), len(after), first - len(before)
            before, first = np.concatenate([before, own])[-MARGIN:], first + len(own)

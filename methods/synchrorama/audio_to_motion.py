"""A2M, audio to motion: sound, emotion, a reference's head and noise to head pose and landmarks.

METHODS.md section 2: a bidirectional GRU of 2 x 128 (`full`: a transformer of 4 x 512) gives, for each frame,
six numbers of head pose and an offset for each of the 68 landmarks. The offsets move the reference's face at
rest, in the head's own coordinates, and the pose then places it: so lips are learned apart from the head that
carries them, and each landmark's depth with them.
Sound says how the lips move and leaves most of the head's sway open, so slow noise (`slow_noise`) goes in
beside it; `motion_training` says what makes the network listen to it. It makes no picture: see `guides`.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from methods.nets.blocks import activate
from methods.synchrorama import slow_noise
from methods.synchrorama.pose import POSE, at_rest, placed

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
    """Transformer of 4 layers, (B, T, inputs) to (B, T, width).

    A depthwise convolution says which frame is which (Baevski et al., wav2vec 2.0).
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.outputs = width
        self.enter = nn.Linear(inputs, width)
        self.place = nn.Conv1d(width, width, 9, padding=4, groups=width)
        layer = nn.TransformerEncoderLayer(
            width, 8, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return what each frame has gathered from the others."""
        entered = self.enter(x)
        placed_among = nn.functional.gelu(self.place(entered.transpose(1, 2))).transpose(1, 2)
        return cast(Tensor, self.layers(entered + placed_among))


class AudioToMotion(nn.Module):
    """The network.

    emotion: size of the embedding. width: of the transformer, or of the GRU in each direction. window: frames
    of the passages that it learns from, and so is asked for.
    """

    pose_units: Tensor

    def __init__(self, emotion: int, width: int = 128, size: Size = "tiny", window: int = 32) -> None:
        super().__init__()
        self.window = window
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

    def stream(
        self, mel: Iterable[NDArray[np.float32]], emotion: Tensor, reference: Reference, seed: int
    ) -> Iterator[Motion]:
        """Yield the motion (1, t, ...) of each part of a clip's mel windows (t, 80, 16), in order.

        emotion: (1, D); reference: of one head. The network is asked for passages as long as those it learned
        from, half of each in the next, and fades from one to the other: its answer is the same however the
        sound is cut, waits for a passage of sound, and takes the memory of two.
        """
        sizes: deque[int] = deque()

        def heard() -> Iterator[NDArray[np.float32]]:
            for part in mel:
                sizes.append(len(part))
                yield part

        ready: list[Motion] = []
        for motion in self._faded(heard(), emotion, reference, seed):
            held = joined([*ready, motion])
            while sizes and sizes[0] <= held.pose.shape[1]:
                size = sizes.popleft()
                yield Motion(held.pose[:, :size], held.landmarks[:, :size])
                held = Motion(held.pose[:, size:], held.landmarks[:, size:])
            ready = [held]

    @torch.inference_mode()
    def _faded(
        self, mel: Iterator[NDArray[np.float32]], emotion: Tensor, reference: Reference, seed: int
    ) -> Iterator[Motion]:
        """Yield the motion half a passage at a time, at the end more."""
        device, half = self.depth.device, self.window // 2
        rise = ((torch.arange(half, device=device) + 0.5) / half)[:, None]
        fading: tuple[Tensor, Tensor] | None = None
        for first, windows, last in _passages(mel, self.window):
            heard = torch.from_numpy(windows)[None].to(device)
            noise = torch.from_numpy(slow_noise.part(seed, first, len(windows)))[None].to(device)
            pose, points = self.at_rest(heard, emotion, reference, noise)
            if fading is not None:
                pose[:, :half] = torch.lerp(fading[0], pose[:, :half], rise)
                points[:, :half] = torch.lerp(fading[1], points[:, :half], rise[..., None])
            ready = len(windows) if last else half
            yield Motion(pose[:, :ready], placed(points[:, :ready], self.depth, pose[:, :ready]))
            fading = pose[:, half:], points[:, half:]


def joined(parts: Iterable[Motion]) -> Motion:
    """Return the motion whose parts follow one another."""
    poses, landmarks = zip(*parts, strict=True)
    return Motion(torch.cat(poses, 1), torch.cat(landmarks, 1))


def _passages(
    parts: Iterable[NDArray[np.float32]], length: int
) -> Iterator[tuple[int, NDArray[np.float32], bool]]:
    """Yield the first frame of a passage, its windows, and whether it is the last; each begins half one on.

    All but the last are `length` long; the last is longer than half of that where there is one before it.
    """
    held, first, half = np.zeros((0, 80, 16), np.float32), 0, length // 2
    for part in parts:
        held = np.concatenate([held, part])
        while len(held) > length:
            yield first, held[:length], False
            held, first = held[half:], first + half
    if len(held):
        yield first, held, True

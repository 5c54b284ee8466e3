"""What the later stages train on: every clip once through the trained autoencoder, kept in its artefact.

Latents of upright frames (`methods.nets.align`), with the landmarks moved along and the sound's mel windows:
a denoising step then decodes no video and encodes no picture. Nothing here makes latents at generation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from harness.contracts import Training
from harness.faces import eye_centres
from harness.prepare import load
from methods.nets.align import upright, upright_eyes
from methods.nets.sampling import generator_mel
from methods.nets.signed import as_signed
from methods.synchrorama.autoencoder import Autoencoder

FILE = "latents.safetensors"
_CHUNK = 32  # pictures at once: memory does not grow with a clip's length

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LatentClip:
    """One clip of T frames, upright.

    latents: (T, 4, s, s) float16, normalised. landmarks: (T, 68, 2), shares of the picture's side, 0 at its
    left or top edge. mel: (T + 1, 80, 16) float16; row f starts a frame before frame f; none for a silent
    clip.
    """

    latents: Tensor
    landmarks: Tensor
    mel: Tensor


@torch.inference_mode()
def encode_clips(autoencoder: Autoencoder, training: Training, out: Path) -> None:
    """Measure the latents' mean and spread for `autoencoder`, then write every clip's into `out`."""
    found: dict[str, Tensor] = {}
    for number, path in enumerate(training.data.clips):
        clip = load(path)
        eyes = eye_centres(clip.landmarks)
        pictures = as_signed(upright(clip.frames, eyes))
        chunks = [
            autoencoder.encode(part.to(training.device)).cpu() for part in torch.split(pictures, _CHUNK)
        ]
        found[f"{number}.latents"] = torch.cat(chunks)
        moved = upright_landmarks(clip.landmarks, eyes, training.data.size)
        found[f"{number}.landmarks"] = torch.from_numpy(moved)
        if clip.audio is not None:
            found[f"{number}.mel"] = torch.from_numpy(generator_mel(clip.audio, len(eyes) + 1)).half()
    latents = {name: found[name] for name in found if name.endswith("latents")}
    # Every thirtieth frame says enough of the whole, and no second copy of all is made.
    autoencoder.normalise(torch.cat([x[::30] for x in latents.values()]).to(training.device))
    mean, spread = (x.cpu()[:, None, None] for x in (autoencoder.mean, autoencoder.spread))
    normalised = {name: ((x - mean) / spread).half().contiguous() for name, x in latents.items()}
    save_file({**found, **normalised}, out / FILE)


@torch.inference_mode()
def round_trip(autoencoder: Autoencoder, training: Training) -> float | None:
    """Return the PSNR in dB of the validation clips' upright frames after encoding and decoding.

    Every tenth frame is looked at; the mean over frames. None where there is no validation clip.
    """
    found: list[Tensor] = []
    for path, split in zip(training.data.clips, training.data.splits, strict=True):
        if split == "val":
            clip = load(path)
            frames = upright(clip.frames[::10], eye_centres(clip.landmarks[::10]))
            pictures = as_signed(frames).to(training.device)
            away = autoencoder.decode(autoencoder.encode(pictures)).clamp(-1, 1) - pictures
            found.append(-10 * torch.log10(away.square().mean((1, 2, 3)) / 4))
    return float(torch.cat(found).mean()) if found else None


class LatentClips(Mapping[int, LatentClip]):
    """The clips that `encode_clips` left in a folder, by number in the training data; read when asked."""

    def __init__(self, folder: Path) -> None:
        # Mapped, not read: memory holds what is looked at, and the system's cache serves every worker.
        self._file: Any = safe_open(folder / FILE, "pt")
        names: Any = self._file.keys
        self._names = set(names())

    def __getitem__(self, number: int) -> LatentClip:
        if f"{number}.latents" not in self._names:
            raise KeyError(number)
        sound = f"{number}.mel"
        mel = self._file.get_tensor(sound) if sound in self._names else torch.zeros(0, 80, 16)
        return LatentClip(
            self._file.get_tensor(f"{number}.latents"), self._file.get_tensor(f"{number}.landmarks"), mel
        )

    def __iter__(self) -> Any:
        return iter(sorted(int(name.split(".")[0]) for name in self._names if name.endswith(".latents")))

    def __len__(self) -> int:
        return sum(name.endswith(".latents") for name in self._names)


def upright_landmarks(landmarks: Float32, eyes: Float32, size: int) -> Float32:
    """Return (T, 68, 2) pixels, with eyes (T, 2, 2), as shares of the side where `upright` moves them."""
    right, left = _plane(upright_eyes(size))
    own = _plane(eyes)
    turns = (left - right) / (own[:, 1] - own[:, 0])
    moved = (right + left) / 2 + turns[:, None] * (_plane(landmarks) - own.mean(axis=1)[:, None])
    return ((np.stack([moved.real, moved.imag], axis=2) + 0.5) / size).astype(np.float32)


def _plane(points: Float32) -> NDArray[np.complex128]:
    return points[..., 0].astype(np.float64) + 1j * points[..., 1]

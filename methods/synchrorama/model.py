"""The trained parts together, and the road from a request to its frames."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import tee
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.faces import eye_centres
from harness.types import Audio, BadInput, Clip, Frames, Request
from methods.nets.align import replaced, upright
from methods.nets.asked import collected, sound_asked_for
from methods.nets.sampling import streamed_mel
from methods.nets.signed import as_bytes, as_signed
from methods.synchrorama.audio_to_motion import Reference
from methods.synchrorama.autoencoder import Autoencoder
from methods.synchrorama.conditions import Conditions
from methods.synchrorama.config import Config
from methods.synchrorama.denoiser import Denoiser
from methods.synchrorama.emotion import CUES, EmotionFusion
from methods.synchrorama.generation import Chunk, ChunkMaker, joined, starts
from methods.synchrorama.guides import draw_guides
from methods.synchrorama.latents import upright_landmarks
from methods.synchrorama.mood import request_mood, scene_tokens
from methods.synchrorama.motion_training import make_a2m
from methods.synchrorama.pose import normalised, pose_of

_PART = 50  # frames of sound that audio-to-motion answers at once

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Heard:
    """Some frames in a row: mel (t, 80, 16), landmarks (t, 68, 2) and eyes (t, 2, 2) in pixels."""

    mel: Float32
    landmarks: Float32
    eyes: Float32


class Model(nn.Module):
    """Autoencoder, emotion fusion, audio-to-motion and timed denoiser."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.autoencoder = Autoencoder(config)
        self.fusion = EmotionFusion(config.cross)
        self.motion = make_a2m(config)
        self.denoiser = Denoiser(config, timed=True)

    def clip(self, request: Request) -> Clip:
        """Return the request's clip, its gates in `notes`."""
        return replace(collected(self.stream(request), request), notes=self.gates(request))

    @torch.inference_mode()
    def stream(self, request: Request) -> Iterator[Frames]:
        """Yield the clip's frames in parts (t, S, S, 3)."""
        config, audio = self.config, self._checked(request)
        device = self.fusion.null.device
        still = upright(request.reference[:1], request.reference_eyes[:1])
        reference = self.autoencoder.encode(as_signed(still).to(device))[0]
        emotion, calm, _ = request_mood(config, self.fusion, request)
        text, read = scene_tokens(config, (request.scene or "") if config.scene_text else "")
        clip = _Given(reference, emotion, calm, text.to(device), read.to(device))
        heard, places = tee(self._heard(request, audio, emotion))
        chunks = self._chunks(request, clip, _Rows(heard))
        maker = ChunkMaker(config, self.denoiser, reference, request.seed)
        eyes = _Rows(places)
        first = 0
        for latents in joined(chunks, maker, reference, config.motion_frames, config.overlap):
            if not len(latents):
                continue
            frames = as_bytes(self.autoencoder.decode(latents))
            yield replaced(frames, eyes.take(first, first + len(frames)).eyes)
            first += len(frames)

    @torch.inference_mode()
    def gates(self, request: Request) -> dict[str, float]:
        """Return how much each of CUES says in the request's emotion: 1 in all, or 0 if nothing is said."""
        _, _, gates = request_mood(self.config, self.fusion, request)
        return {f"gate_{name}": gate for name, gate in zip(CUES, gates[0].tolist(), strict=True)}

    def _checked(self, request: Request) -> Audio:
        config = self.config
        taught = config.emotions if request.emotion is not None else ()
        audio = sound_asked_for(request, "synchrorama", config.image_size, taught)
        right, left = request.reference_eyes[0]
        apart = float(np.linalg.norm(left - right)) if np.isfinite(request.reference_landmarks).all() else 0.0
        if not apart > 1:
            raise BadInput(
                f"{request.id}: no face is known in the reference picture (its eyes are {apart:.1f} pixels "
                "apart); give one that shows a face"
            )
        return audio

    def _heard(self, request: Request, audio: Audio, emotion: Tensor) -> Iterator[_Heard]:
        """Yield the clip's sound and motion in parts; without audio-to-motion the head keeps still."""
        size = self.config.image_size
        own = request.reference_landmarks[:1]
        mels, copies = tee(streamed_mel(audio, request.frames, _PART))
        if not self.config.a2m:
            for mel in mels:
                yield _Heard(
                    mel, np.repeat(own, len(mel), 0), np.repeat(request.reference_eyes[:1], len(mel), 0)
                )
            return
        place = normalised(own, size)
        device = emotion.device
        head = Reference(*(torch.from_numpy(x).to(device) for x in (pose_of(place), place)))
        waiting = np.zeros((0, 80, 16), np.float32)
        for moved in self.motion.stream(copies, emotion, head, request.seed):
            landmarks = (moved.landmarks[0] * size - 0.5).cpu().numpy()
            while len(waiting) < len(landmarks):
                waiting = np.concatenate([waiting, next(mels)])
            yield _Heard(waiting[: len(landmarks)], landmarks, eye_centres(landmarks))
            waiting = waiting[len(landmarks) :]

    def _chunks(self, request: Request, given: "_Given", heard: "_Rows") -> Iterator[Chunk]:
        config = self.config
        before = config.motion_frames
        for first, frames in starts(request.frames, config.frames, config.overlap):
            rows = heard.take(first - before, first + frames)
            if first < before:  # what is before the clip is the reference, with the clip's first sound
                shown = np.repeat(request.reference_landmarks[:1], before - first, 0)
                eyes = np.repeat(request.reference_eyes[:1], before - first, 0)
                rows = _Heard(
                    np.concatenate([np.repeat(rows.mel[:1], before - first, 0), rows.mel]),
                    np.concatenate([shown, rows.landmarks]),
                    np.concatenate([eyes, rows.eyes]),
                )
            yield Chunk(first, frames, self._conditions(given, rows))

    def _conditions(self, given: "_Given", rows: _Heard) -> Conditions:
        config, device = self.config, given.reference.device
        landmarks = upright_landmarks(rows.landmarks, rows.eyes, config.image_size)
        guides = draw_guides(torch.from_numpy(landmarks)[None], config.image_size).to(device)
        return Conditions(
            reference=given.reference[None],
            guides=guides if config.a2m else torch.zeros_like(guides),
            mel=torch.from_numpy(rows.mel)[None].to(device),
            heard=torch.ones(1, dtype=torch.bool, device=device),
            emotion=given.emotion,
            calm=given.calm,
            text=given.text,
            read=given.read,
        )


@dataclass(frozen=True, slots=True)
class _Given:
    reference: Tensor
    emotion: Tensor
    calm: Tensor
    text: Tensor
    read: Tensor


class _Rows:
    """Parts in a row; frames may be asked for that begin no earlier than those asked for last."""

    def __init__(self, parts: Iterator[_Heard]) -> None:
        self._parts = parts
        self._held: list[_Heard] = []
        self._first = 0

    def take(self, first: int, last: int) -> _Heard:
        """Return frames first .. last - 1; those before 0 are left out."""
        first = max(first, 0)
        while self._first + sum(len(p.mel) for p in self._held) < last:
            self._held.append(next(self._parts))
        while self._first + len(self._held[0].mel) <= first:
            self._first += len(self._held.pop(0).mel)
        wanted = slice(first - self._first, last - self._first)
        return _Heard(*(
            np.concatenate([cast(Float32, getattr(p, name)) for p in self._held])[wanted]
            for name in ("mel", "landmarks", "eyes")
        ))  # fmt: skip

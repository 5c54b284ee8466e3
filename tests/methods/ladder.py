"""The rungs that every trained method stands on, called by each method's own tests."""

import resource
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import torch
from made_up import SIZE
from torch import Tensor, nn

from harness.contracts import Method, Training, TrainingData
from harness.types import BadInput, Frames, Request
from harness.weights import Weights
from methods.nets.adversarial import Player


class Streams(Protocol):
    """A method that yields its frames in chunks."""

    def stream(self, request: Request) -> Iterator[Frames]: ...


def stages_done(make: Callable[[], Method], corpus: TrainingData, root: Path) -> Training:
    """A training whose stages are in `root`."""
    start = Training(data=corpus, artefacts={}, report=lambda *_: None, seed=5, weights=Weights())
    for stage in make().stages:
        make().run_stage(stage, start, root / stage)
    return replace(start, artefacts={stage: root / stage for stage in make().stages})


def weights(module: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def overfitted(
    generator: nn.Module, frames: Callable[[], Tensor], loss: Callable[[Tensor], Tensor], target: Tensor
) -> float:
    """The PSNR in dB on (B, T, 3, S, S) `target` in [-1, 1], the only batch it ever saw."""
    optimiser = torch.optim.Adam(generator.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 150)
    for _ in range(150):
        optimiser.zero_grad()
        loss(frames()).backward()
        optimiser.step()
        schedule.step()
    return float(-10 * torch.log10(((frames() - target) / 2).square().mean()))


def without_gradient(module: nn.Module) -> list[str]:
    return [n for n, p in module.named_parameters() if p.grad is None or not p.grad.any()]


def resumed(fit: Callable[[Training], nn.Module], ready: Training, folder: Path) -> Tensor:
    """The weights of a run that stopped at its tenth step and went on from its checkpoint."""

    class Stop(Exception):
        pass

    def stop_at_ten(step: int, losses: Mapping[str, float], checkpoint: object = None) -> None:
        assert step == 10 and callable(checkpoint)
        checkpoint(folder)
        raise Stop

    with pytest.raises(Stop):
        fit(replace(ready, report=stop_at_ten))
    return weights(fit(replace(ready, resume=folder)))


def averages_over_two_workers(train: Callable[[Training], object], ready: Training) -> None:
    """Every player's first gradient: the mean of two workers' is what one has with the same global batch."""

    def gradients(rank: int, world: int) -> Tensor:
        found: list[Tensor] = []

        def keep(player: Player, loss: Tensor) -> None:
            player.optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            found.extend(p.grad.flatten() for p in player.loss.parameters() if p.grad is not None)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Player, "descend", keep)
            train(replace(ready, rank=rank, world=world))
        return torch.cat(found)

    whole = gradients(0, 1)
    assert whole.any()
    torch.testing.assert_close((gradients(0, 2) + gradients(1, 2)) / 2, whole, atol=1e-6, rtol=1e-4)


def refuses_bad_requests(fitted: Method, asked: Request) -> None:
    for bad, message in (
        (replace(asked, reference=asked.reference[:, :32, :32]), f"32x32.*{SIZE}x{SIZE}"),
        (replace(asked, audio=None), "no sound"),
        (replace(asked, frames=99), "all 99 frames"),
    ):
        with pytest.raises(BadInput, match=f"{asked.id}: .*{message}"):
            fitted.generate([bad])


def answers_odd_sounds(fitted: Method, asked: Request) -> None:
    """No sample, less than one window, silence: a whole clip each, that differs from speech."""
    usual = fitted.generate([asked])[0].frames
    for samples in (np.zeros(0, np.float32), asked.audio[:100], np.zeros_like(asked.audio)):
        clip = fitted.generate([replace(asked, audio=samples)])[0]
        assert clip.frames.shape == usual.shape and (clip.frames != usual).any()
        assert clip.audio is samples


def long_request(asked: Request, frames: int) -> Request:
    """A request for `frames` frames: the same sound and head place again and again."""
    times = -(-frames // len(asked.eyes))
    audio = np.tile(asked.audio, times)[: frames * 640]
    return replace(asked, frames=frames, audio=audio, eyes=np.tile(asked.eyes, (times, 1, 1))[:frames])


def grows_with_sound_alone(fitted: Streams, asked: Request) -> None:
    """Ten minutes, thrown away chunk by chunk, take no more memory than their samples a few times over."""
    for _ in fitted.stream(long_request(asked, 200)):
        pass
    request = long_request(asked, 15_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(len(part) for part in fitted.stream(request)) == 15_000
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert grown < 6 * request.audio.nbytes

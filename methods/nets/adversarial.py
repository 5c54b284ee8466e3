"""The adversarial game: minimax and Wasserstein losses, the gradient penalty, and a player's step.

After Goodfellow et al. 2014 (minimax, eq. 1) and Gulrajani et al. 2017 (WGAN-GP). A player's whole loss is
one module, so that averaging its gradients over workers sees one forward and one backward pass, whatever the
loss does inside.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from harness.contracts import Training
from methods.nets.experts import descend
from methods.nets.loop import Stateful

_SMALLEST = 1e-12  # under the root of a gradient's norm, whose slope at 0 is infinite

Inputs = tuple[Tensor, ...]


class Player:
    """One side of the game: a loss module, its Adam, and a rate that falls to 0 along a cosine.

    even: a weight matrix or kernel of more inputs than this learns slower in proportion (see `even_rates`).
    """

    def __init__(
        self,
        loss: nn.Module,
        rate: float,
        betas: tuple[float, float],
        steps: int,
        training: Training,
        even: int | None = None,
    ) -> None:
        self.loss = loss.to(training.device)
        self.wrapped = training.wrap(self.loss)
        parameters = list(self.loss.parameters())
        groups = [{"params": parameters}] if even is None else even_rates(parameters, rate, even)
        self.optimiser = Adam(groups, rate, betas)
        self.schedule = CosineAnnealingLR(self.optimiser, max(1, steps))

    def step(self, *inputs: Inputs) -> Tensor:
        """Take one step down the loss of `inputs` and return it, detached."""
        loss: Tensor = self.wrapped(*inputs)
        self.descend(loss)
        return loss.detach()

    def descend(self, loss: Tensor) -> None:
        """Take one step down a loss that was computed with this player's module."""
        descend(self.optimiser, loss)
        self.schedule.step()

    def parts(self, name: str) -> dict[str, Stateful]:
        """Return what a checkpoint must keep."""
        return {name: self.loss, f"{name}_optimiser": self.optimiser, f"{name}_schedule": self.schedule}


def even_rates(parameters: Sequence[nn.Parameter], rate: float, inputs: int) -> list[dict[str, Any]]:
    """Return Adam's groups, one a parameter: `rate` up to that many inputs, less in proportion beyond.

    Adam moves every weight by about its rate, together early on, so what a layer gives out moves by the rate
    times its inputs (Yang et al. 2021, "Tensor Programs V"). At one rate for all, a wide layer without
    normalisation grows until the gates behind it are shut.
    """
    return [
        {"params": [p], "lr": rate * min(1.0, inputs / p[0].numel()) if p.dim() > 1 else rate}
        for p in parameters
    ]


@contextmanager
def held(players: Sequence[Player]) -> Iterator[None]:
    """Let gradients pass through the players' networks without leaving any in their weights."""
    parameters = [p for player in players for p in player.loss.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


class RealFakeLoss(nn.Module):
    """What a minimax discriminator minimises: -log D(real) - mean over the fakes of log(1 - D(fake))."""

    def __init__(self, critic: nn.Module) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, real: Inputs, *fakes: Inputs) -> Tensor:
        """Return the loss; each argument is the critic's inputs for one kind of pictures."""
        wrong = torch.stack([nn.functional.softplus(self.critic(*fake)).mean() for fake in fakes])
        return nn.functional.softplus(-self.critic(*real)).mean() + wrong.mean()


def minimax_loss(logits: Tensor) -> Tensor:
    """Return what a generator minimises of `RealFakeLoss`: mean log(1 - D(fake))."""
    return -nn.functional.softplus(logits).mean()


class WassersteinLoss(nn.Module):
    """What a Wasserstein critic minimises: D(fake) - D(real) + penalty * (|gradient| - 1)^2."""

    def __init__(self, critic: nn.Module, penalty: float) -> None:
        super().__init__()
        self.critic = critic
        self.penalty = penalty

    def forward(self, real: Inputs, fake: Inputs, share: Inputs) -> Tensor:
        """Return the loss; `real` and `fake` differ in their first input, `share` is (B,) in [0, 1]."""
        distance: Tensor = self.critic(*fake).mean() - self.critic(*real).mean()
        return distance + self.penalty * gradient_penalty(self.critic, real, fake[0], share[0])


def wasserstein_loss(scores: Tensor) -> Tensor:
    """Return what a generator minimises of `WassersteinLoss`: -mean D(fake)."""
    return -scores.mean()


def gradient_penalty(critic: nn.Module, real: Inputs, fake: Tensor, share: Tensor) -> Tensor:
    """Return the mean of (norm of the critic's gradient - 1)^2 between `real[0]` and `fake`.

    One point an item of the batch, `share` (B,) of the way from fake to real; the norm is over all values of
    an item, all frames of a clip together.
    """
    mixing = share.view(-1, *[1] * (fake.dim() - 1))
    between = (mixing * real[0].detach() + (1 - mixing) * fake.detach()).requires_grad_(True)
    scores = critic(between, *real[1:])
    (slope,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
    norm = (slope.flatten(1).square().sum(1) + _SMALLEST).sqrt()
    return (norm - 1).square().mean()

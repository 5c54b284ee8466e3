"""The terms of Phan et al. eq. (6), in the readings of METHODS.md section 1."""

import torch
from torch import Tensor

from methods.cvae.network import Output


def reconstruction(generated: Tensor, target: Tensor) -> Tensor:
    """Eq. (1): squared error, a mean over pixels (its text says MSE, its formula sums)."""
    return torch.nn.functional.mse_loss(generated, target)


def divergence(output: Output) -> Tensor:
    """Eq. (2): KL of each frame's latent from N(0, I), divided by 3HW.

    The same divisor as the mean in eq. (1) keeps the ratio of the two in the evidence bound.
    """
    mean, log_variance = output.mean.float(), output.log_variance.float()
    per_frame = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).flatten(1).sum(1)
    return per_frame.mean() / output.frames[0].numel()

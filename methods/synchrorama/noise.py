"""Noise: levels, what the denoiser predicts, how its errors are weighed, and the samplers of diffusers.

`ddim` and `dpm` share one process: betas of Hallo, scaled linearly from .00085 to .012 and rescaled to a
signal of exactly 0 at the last of 1000 levels (Lin et al. 2024), v-prediction (Salimans and Ho 2022), errors
weighed by min-SNR 5 (Hang et al. 2023). `flow` walks straight from data to noise and predicts the direction
(Lipman et al. 2023), as diffusers' flow-matching Euler sampler wants it.
"""

from typing import Any, Protocol, cast

import numpy as np
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler
from torch import Tensor

from methods.synchrorama.config import Config

LEVELS = 1000
_BETAS: dict[str, Any] = {
    "num_train_timesteps": LEVELS,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",  # the first step is the one without signal
    "rescale_betas_zero_snr": True,
}


class Sampler(Protocol):
    """The part of a diffusers scheduler that generation uses."""

    timesteps: Tensor

    def set_timesteps(self, num_inference_steps: int) -> None:
        """Choose the levels."""
        ...

    def step(self, model_output: Tensor, timestep: Tensor, sample: Tensor, *, return_dict: bool) -> Any:
        """Return a tuple whose first item is the sample one level down."""
        ...


class Process:
    """One noise process; x is (N, ...), a level (N,) int in 0 .. 999.

    signal, spread: (1000,) factors of data and of noise at each level.
    """

    def __init__(self, config: Config) -> None:
        self.flow = config.scheduler == "flow"
        self.most = config.min_snr
        if self.flow:
            self.spread = torch.linspace(1 / LEVELS, 1, LEVELS)
            self.signal = 1 - self.spread
        else:
            kept = DDIMScheduler(**_BETAS).alphas_cumprod
            self.signal, self.spread = kept.sqrt(), (1 - kept).sqrt()

    def noised(self, data: Tensor, noise: Tensor, level: Tensor) -> Tensor:
        """Return data at a noise level."""
        return _at(self.signal, level, data) * data + _at(self.spread, level, data) * noise

    def target(self, data: Tensor, noise: Tensor, level: Tensor) -> Tensor:
        """Return what the denoiser should say there."""
        if self.flow:
            return noise - data
        return _at(self.signal, level, data) * noise - _at(self.spread, level, data) * data

    def clean(self, noised: Tensor, said: Tensor, level: Tensor) -> Tensor:
        """Return the data that the denoiser's words at a level amount to: one step to the end."""
        spread = _at(self.spread, level, noised)
        if self.flow:
            return noised - spread * said
        return _at(self.signal, level, noised) * noised - spread * said

    def weight(self, level: Tensor) -> Tensor:
        """Return (N,) the weight of the squared error at each level: 1 for flow matching.

        min-SNR for v is min(SNR, 5) / (SNR + 1), which is 0 where there is no signal; but there generation
        begins, and with a picture to start from there is much to say: so the SNR counts as 1 at least.
        """
        if self.flow:
            return torch.ones(len(level), device=level.device)
        ratio = (self.signal / self.spread).square().to(level.device)[level]
        return ratio.clamp(min=1.0, max=self.most) / (ratio + 1)


def sampler(config: Config) -> Sampler:
    """Return a new sampler of the configured kind, its levels chosen."""
    kinds: dict[str, Any] = {
        "ddim": lambda: DDIMScheduler(**_BETAS, clip_sample=False, set_alpha_to_one=True),
        "dpm": lambda: DPMSolverMultistepScheduler(**_BETAS, algorithm_type="dpmsolver++"),
        "flow": lambda: FlowMatchEulerDiscreteScheduler(num_train_timesteps=LEVELS),
    }
    chosen = cast(Sampler, kinds[config.scheduler]())
    chosen.set_timesteps(config.inference_steps)
    return chosen


def draw_noise(rng: np.random.Generator, shape: tuple[int, ...], shared: float) -> Tensor:
    """Return standard normal (B, F, C, s, s), a share of whose variance is common to all frames.

    After Ge et al. 2023 (PYoCo, mixed noise): what the frames have in common starts in common.
    """
    common = rng.standard_normal((shape[0], 1, *shape[2:]), np.float32)
    own = rng.standard_normal(shape, np.float32)
    return torch.from_numpy(np.sqrt(shared) * common + np.sqrt(1 - shared) * own).float()


def _at(values: Tensor, level: Tensor, like: Tensor) -> Tensor:
    return values.to(like.device)[level].view(-1, *[1] * (like.dim() - 1))

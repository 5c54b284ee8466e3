"""The training loop that every stage of every method runs: seeded by step number, resumed exactly.

All randomness of step i comes from numpy's generator at (seed, i), so a checkpoint is weights, optimisers and
the step: a run resumed in the middle equals an undisturbed one bit for bit on a CPU.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from harness.contracts import Training
from harness.types import BadInput

_REPORT_EVERY = 10
_FILE = "checkpoint.pt"

Step = Callable[[np.random.Generator], Mapping[str, Tensor]]


class Stateful(Protocol):
    """What a checkpoint keeps: modules and optimisers alike."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Take a state back."""
        ...


def train(training: Training, parts: Mapping[str, Stateful], steps: int, step: Step) -> None:
    """Call `step` until `steps` are done, reporting the mean losses of every tenth step and the last.

    `step` draws from the generator it is given, updates `parts` and returns its losses, detached.
    """
    torch.set_num_threads(training.threads)
    done = _restore(training.resume, parts) if training.resume is not None else 0
    since: list[Mapping[str, Tensor]] = []
    for i in range(done, steps):
        since.append(step(np.random.default_rng([training.seed, i])))
        if (i + 1) % _REPORT_EVERY == 0 or i + 1 == steps:
            means = {name: float(torch.stack([losses[name] for losses in since]).mean()) for name in since[0]}
            training.report(i + 1, means, partial(_keep, step=i + 1, parts=parts))
            since = []


def build(seed: int, make: Callable[[], nn.Module]) -> nn.Module:
    """Return `make()` with weights drawn at `seed`, leaving torch's global generator as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def _keep(folder: Path, step: int, parts: Mapping[str, Stateful]) -> None:
    torch.save({"step": step, "parts": {n: p.state_dict() for n, p in parts.items()}}, folder / _FILE)


def _restore(folder: Path, parts: Mapping[str, Stateful]) -> int:
    state = torch.load(folder / _FILE, map_location="cpu", weights_only=True)
    if set(state["parts"]) != set(parts):
        raise BadInput(
            f"{folder}: a checkpoint of {sorted(state['parts'])}, not of {sorted(parts)}; delete it"
        )
    for name, part in parts.items():
        part.load_state_dict(state["parts"][name])
    return int(state["step"])

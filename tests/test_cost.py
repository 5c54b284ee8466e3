from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from harness.cost import measured
from harness.types import Clip, Request


class Small:
    """One convolution a frame, one recurrent cell a clip."""

    def __init__(self) -> None:
        self.net = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4).eval()
        self.cell = nn.LSTM(8, 8, batch_first=True)

    @torch.inference_mode()
    def generate(self, requests: list[Request]) -> list[Clip]:
        (request,) = requests
        assert {len(x) for x in (request.context, request.mask, request.eyes)} == {request.frames}
        frames = torch.zeros(request.frames, 3, 8, 8)
        self.norm(self.net(frames))
        self.cell(torch.zeros(1, request.frames, 8))
        return [Clip(np.zeros((request.frames, 8, 8, 3), np.uint8), request.audio)]


@pytest.mark.parametrize("frames", [10, 60])
def test_parameters_and_operations_are_those_counted_by_hand(tmp_path: Path, frames: int) -> None:
    method = Small()
    parts = {"net": method.net, "norm": method.norm, "cell": method.cell}
    stored = {f"{p}.{k}": v for p, module in parts.items() for k, v in module.state_dict().items()}
    save_file(stored, tmp_path / "model.safetensors")
    picture, points = np.zeros((1, 8, 8, 3), np.uint8), np.zeros((1, 2, 2), np.float32)
    asked = Request(
        id="a",
        reference=picture,
        context=np.repeat(picture, frames, 0),
        mask=np.repeat(picture[..., 0] > 0, frames, 0),
        eyes=np.repeat(points, frames, 0),
        reference_eyes=points,
        reference_landmarks=np.zeros((1, 68, 2), np.float32),
        audio=np.zeros(640 * frames, np.float32),
        frames=frames,
        emotion=None,
        level=None,
        text=None,
        seed=1,
    )
    cost = measured(method, tmp_path, asked)  # type: ignore[arg-type]
    assert cost.parameters == (4 * 27 + 4) + 8 + (4 * 8 * 16 + 2 * 32)
    assert cost.flops == 2 * (4 * 27 * 64 + 4 * 8 * 16)

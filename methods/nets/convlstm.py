"""A convolutional LSTM over one clip's maps, as Eskimez et al. use it: no peepholes, a leaky cell gate."""

import torch
from torch import Tensor, nn

from methods.nets.blocks import SkipConv, activate

State = tuple[Tensor, Tensor]


class ConvLSTM(nn.Module):
    """[x | skip] (inputs + skips channels) to (outputs) channels, frame after frame, by 3x3 convolutions."""

    def __init__(self, inputs: int, skips: int, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self.join = SkipConv(inputs, skips, 4 * outputs, "constant", bias=True)
        self.recall = nn.Conv2d(outputs, 4 * outputs, 3, 1, 1)

    def forward(self, x: Tensor, skip: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return (B * T, outputs, H, W) and the state after the last frame.

        x: (B * T, inputs, H, W). skip: (B, skips, H, W). state: what the call before returned, or None.
        """
        joined = self.join(x, skip)
        joined = joined.view(len(skip), -1, *joined.shape[1:])
        hidden, cell = state or (joined.new_zeros(len(skip), self.outputs, *x.shape[2:]),) * 2
        steps = []
        for step in joined.unbind(1):
            enter, forget, gate, leave = (step + self.recall(hidden)).chunk(4, 1)
            cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * activate(gate)
            hidden = torch.sigmoid(leave) * torch.tanh(cell)
            steps.append(hidden)
        return torch.stack(steps, 1).flatten(0, 1), (hidden, cell)

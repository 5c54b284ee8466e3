"""CLIP's picture embedding for the semantic loss (Radford et al. 2021; ViT-L/14, whose text SD1.5 reads)."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from harness.weights import Weights

NAME = "clip-vit-large-patch14"
_SIDE = 224
# OpenAI's normalisation, of pictures in [0, 1].
_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class ClipPicture(nn.Module):
    """Pictures (N, 3, S, S) in [0, 1] to embeddings (N, 768). BadInput where the weights are missing."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection  # slow to import

        stored = weights.state_dict(NAME)
        self.net = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=1024,
                intermediate_size=4096,
                num_hidden_layers=24,
                num_attention_heads=16,
                patch_size=14,
                image_size=_SIDE,
                projection_dim=768,
            )
        )
        mine = self.net.state_dict()
        self.net.load_state_dict({name: stored[name] for name in mine if name in stored}, strict=False)
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_STD)[:, None, None], persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the embeddings."""
        seen = interpolate(pictures, (_SIDE, _SIDE), mode="bicubic", antialias=True)
        seen = (seen - cast(Tensor, self.mean)) / cast(Tensor, self.std)
        return cast(Tensor, self.net(pixel_values=seen).image_embeds)

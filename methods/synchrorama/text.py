"""Text as the denoiser's cross-attention sees it: token states of a frozen encoder.

`embedded`: MiniLM (Wang et al., NeurIPS 2020; sentence-transformers/all-MiniLM-L6-v2), 384 wide, carried by a
package. `reference`: CLIP's text encoder (Radford et al., ICML 2021) as Stable Diffusion 1.5 uses it, 768
wide, always 77 tokens, all of them attended to; by the weights table. Both know English only.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor, nn

from harness.types import BadInput
from harness.weights import Weights
from methods.synchrorama.language import require_english

Encoder = Literal["embedded", "reference"]
WIDTHS: Mapping[str, int] = {"embedded": 384, "reference": 768}
TOKENS = 77  # as many as CLIP has; a denoiser is given as many by either encoder
MINILM: Mapping[str, int] = {
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
}
CLIP: Mapping[str, int] = {
    "vocab_size": 49_408,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
}

Encoded = tuple[Tensor, Tensor]


def embed_text(
    texts: Sequence[str | None], encoder: Encoder = "embedded", weights: Weights | None = None
) -> Encoded:
    """Return token states (B, N, width) and which of them stand for a token, (B, N) bool.

    `embedded`: N is that of the longest text, and a text of no words has no token at all. `reference`: N is
    77, and no words are what SD1.5 takes for none, an empty text. BadInput for a text in another language or
    longer than the encoder takes, and for weights that cannot be found.
    """
    said = [(text or "").strip() for text in texts]
    for text in said:
        if text:
            require_english(text, "the text encoder", "leave scenes out (`scene_text: false`)")
    return _encoder(encoder, weights or Weights())(said)


@lru_cache(maxsize=2)
def _encoder(encoder: Encoder, weights: Weights) -> Callable[[Sequence[str]], Encoded]:
    return _minilm(weights) if encoder == "embedded" else _clip(weights)


def _minilm(weights: Weights) -> Callable[[Sequence[str]], Encoded]:
    from tokenizers import Tokenizer
    from transformers import BertConfig, BertModel  # slow to import

    net = BertModel(BertConfig(**MINILM), add_pooling_layer=False)
    _fill(net, weights.state_dict("all-minilm-l6-v2"), "")
    tokenizer = Tokenizer.from_file(str(weights.path("all-minilm-l6-v2-tokenizer")))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def encode(texts: Sequence[str]) -> Encoded:
        ids = [tokenizer.encode(text).ids if text else [] for text in texts]
        _refuse_long(ids, texts, "embedded")
        length = max(1, *map(len, ids))
        tokens = torch.tensor([[*row, *[0] * (length - len(row))] for row in ids])
        mask = torch.tensor([[i < len(row) for i in range(length)] for row in ids])
        # A row without a token attends to its padding, or it would be NaN; it is then emptied.
        attended = mask | ~mask.any(1, keepdim=True)
        with torch.inference_mode():
            states = net(input_ids=tokens, attention_mask=attended.long()).last_hidden_state
        return (states * mask[..., None]).clone(), mask

    return encode


def _clip(weights: Weights) -> Callable[[Sequence[str]], Encoded]:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer  # slow to import

    net = CLIPTextModel(CLIPTextConfig(**CLIP))
    _fill(net, weights.state_dict("sd15-text-encoder"), "text_model.")
    files = [str(weights.path(name)) for name in ("clip-vocabulary", "clip-merges")]
    tokenizer = CLIPTokenizer(*files)

    def encode(texts: Sequence[str]) -> Encoded:
        found = tokenizer(list(texts), padding="max_length", max_length=TOKENS)
        _refuse_long(found["input_ids"], texts, "reference")
        tokens = torch.tensor(found["input_ids"])
        with torch.inference_mode():
            states = net(input_ids=tokens).last_hidden_state
        return states.clone(), torch.ones_like(tokens, dtype=torch.bool)

    return encode


def _fill(net: Any, stored: Mapping[str, Tensor], prefix: str) -> None:
    """Give a network its published weights, without those of parts that it lacks (pooler, positions' own)."""
    known = {name.removeprefix(prefix): value for name, value in stored.items()}
    net.load_state_dict({name: known[name] for name in net.state_dict() if name in known})
    for parameter in nn.Module.parameters(net):
        parameter.requires_grad_(False)
    net.eval()


def _refuse_long(ids: Sequence[Sequence[int]], texts: Sequence[str], encoder: Encoder) -> None:
    for row, text in zip(ids, texts, strict=True):
        if len(row) > TOKENS:
            raise BadInput(
                f'text "{text[:60]}..." has {len(row)} tokens, the {encoder} text encoder takes '
                f"{TOKENS}; shorten it"
            )

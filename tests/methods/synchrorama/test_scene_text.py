"""Token states of the text encoders: MiniLM as it is carried, CLIP with random weights in its layout."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from harness.types import BadInput
from harness.weights import Weights
from methods.synchrorama import text as encoders
from methods.synchrorama.text import WIDTHS, embed_text

SAD, GLAD = "A sad woman looks down.", "A happy man laughs at the camera."


def pooled(text: str) -> torch.Tensor:
    tokens, mask = embed_text([text])
    return (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def near(one: str, other: str) -> float:
    return float(torch.cosine_similarity(pooled(one), pooled(other)))


def test_like_texts_are_near() -> None:
    assert near(SAD, "A woman lowers her eyes in grief.") > near(SAD, GLAD) + 0.1
    assert near(SAD, SAD) == pytest.approx(1, abs=1e-5)


def test_a_text_is_the_same_alone_and_in_a_batch() -> None:
    alone, own = embed_text([SAD])
    tokens, mask = embed_text([GLAD, SAD, None])
    assert tokens.shape == (3, mask.shape[1], WIDTHS["embedded"])
    count = int(own.sum())
    assert mask.sum(1).tolist() == [int(embed_text([GLAD])[1].sum()), count, 0]
    assert torch.allclose(tokens[1, :count], alone[0], atol=1e-5)
    assert not tokens[1, count:].any()


@pytest.mark.parametrize("text", [None, "", "  "])
def test_no_words_have_no_token(text: str | None) -> None:
    tokens, mask = embed_text([text])
    assert not mask.any() and not tokens.any() and tokens.isfinite().all()


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(BadInput, match=r'not English \(language "de"\).*text encoder.*`scene_text: false`'):
        embed_text(["Eine traurige Frau schaut nach unten."])
    with pytest.raises(BadInput, match=r"has \d+ tokens, the embedded text encoder takes 77; shorten it"):
        embed_text(["a sad woman " * 200])


def test_a_state_can_be_trained_upon() -> None:
    tokens, _ = embed_text([SAD])
    layer = torch.nn.Linear(WIDTHS["embedded"], 2)
    layer(tokens).sum().backward()
    assert layer.weight.grad is not None


TINY = {
    "vocab_size": 8,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}
VOCABULARY = ["<|startoftext|>", "<|endoftext|>", "a</w>", "s", "ad</w>", "sad</w>", "a", "d</w>"]


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    """Files in the published layout, narrower and with random weights."""
    from transformers import CLIPTextConfig, CLIPTextModel

    monkeypatch.setattr(encoders, "CLIP", TINY)
    torch.manual_seed(1)
    stored = CLIPTextModel(CLIPTextConfig(**TINY)).state_dict()
    published = {f"text_model.{name}": value for name, value in stored.items()}
    published["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    folder = tmp_path / "stable-diffusion-v1-5"
    for part in ("text_encoder", "tokenizer"):
        (folder / part).mkdir(parents=True)
    save_file(published, folder / "text_encoder" / "model.safetensors")
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(VOCABULARY)}))
    (folder / "tokenizer" / "merges.txt").write_text("#version: 0.2\na d</w>\ns ad</w>\n")
    return Weights(tmp_path, allow_unverified=True)


def test_clip_gives_77_states_in_the_published_layout(clip: Weights) -> None:
    tokens, mask = embed_text(["a sad", None, "sad a"], "reference", clip)
    assert tokens.shape == (3, 77, 16) and mask.all()
    assert tokens.isfinite().all() and not torch.equal(tokens[0], tokens[2])
    # Causal: what comes after the words changes nothing before.
    assert torch.allclose(embed_text(["a"], "reference", clip)[0][0, :2], tokens[0, :2], atol=1e-6)


def test_clip_refuses_what_is_longer(clip: Weights) -> None:
    with pytest.raises(BadInput, match="has 102 tokens, the reference text encoder takes 77"):
        embed_text(["a " * 100], "reference", clip)


def test_clip_that_is_not_there_is_named_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)
    monkeypatch.setattr(encoders, "CLIP", TINY)
    with pytest.raises(
        BadInput, match=r"sd15-text-encoder: no file .*harness.weights fetch sd15-text-encoder"
    ):
        embed_text(["a"], "reference", Weights())

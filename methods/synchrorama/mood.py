"""What is known of the moods and scenes of training clips and of requests, as tensors.

The fusion of words, voice and label is a stage of its own, seconds long (`emotion.fit_fusion`), and frozen
afterwards: audio-to-motion and denoiser then speak of the same embedding, and its gates stay what they were.
"""

from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from harness.contracts import Training
from harness.types import Request
from harness.weights import Weights
from methods.nets.blocks import frozen
from methods.nets.experts import stored
from methods.nets.loop import build
from methods.synchrorama.affect import affect_of, affects_of
from methods.synchrorama.config import Config
from methods.synchrorama.emotion import Cues, EmotionFusion, cues_of, fit_fusion, labels_of
from methods.synchrorama.text import TOKENS, WIDTHS, embed_text

_CUES = "cues.safetensors"
_UNLABELLED = 4  # each fourth clip goes without its label where nothing may be drawn


def used_cues(config: Config) -> list[str]:
    """Return which cues the ablation leaves."""
    wanted = {
        "sentiment": config.text_sentiment,
        "speech": config.speech_emotion,
        "valence_arousal": config.valence_arousal,
        "label": config.label,
    }
    return [name for name, there in wanted.items() if there]


def _looked_at(config: Config) -> tuple[str | None, str | None]:
    """Return the models of words and voice; None where the ablation leaves no cue of theirs."""
    heard = config.speech_emotion or config.valence_arousal
    return config.sentiment if config.text_sentiment else None, config.speech if heard else None


def train_fusion(config: Config, training: Training, out: Path) -> EmotionFusion:
    """Teach the fusion on the training split's clips, and write the cues of all into the folder `out`."""
    data, fusion = training.data, build(training.seed, lambda: EmotionFusion(config.cross))
    affects = affects_of(data, *_looked_at(config), training.weights)
    cues = cues_of(affects, data.emotions, used_cues(config))
    mine = torch.tensor([i for i, split in enumerate(data.splits) if split == "train"])
    fit_fusion(cast(EmotionFusion, fusion), cues.rows(mine), labels_of(data.emotions)[mine], training.seed)
    save_file(cues._asdict(), out / _CUES)
    return cast(EmotionFusion, fusion)


def frozen_fusion(config: Config, training: Training) -> EmotionFusion:
    """Return the fusion that its stage left, on the CPU, where scenes are drawn."""
    fusion = EmotionFusion(config.cross)
    stored(training, "emotion", fusion)
    return cast(EmotionFusion, frozen(fusion.cpu()))


class ClipMoods:
    """Cues and texts of the training data's clips, by number; read once."""

    def __init__(self, config: Config, training: Training) -> None:
        self._cues = _cues(training)
        self._config = config
        scenes = training.data.scenes if config.scene_text else ()
        self._scenes = scenes or (None,) * len(training.data.clips)
        self._texts: dict[str, tuple[Tensor, Tensor]] = {}
        self._weights = training.weights

    def cues(self, clips: Tensor) -> Cues:
        """Return the cues of some clips."""
        return self._cues.rows(clips)

    def text(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scenes' token states (B, N, E) and which are words, (B, N) bool."""
        found = [self._text(self._scenes[int(i)] or "") for i in clips]
        tokens, read = zip(*found, strict=True)
        return torch.cat(tokens), torch.cat(read)

    def _text(self, scene: str) -> tuple[Tensor, Tensor]:
        if scene not in self._texts:
            self._texts[scene] = scene_tokens(self._config, scene, self._weights)
        return self._texts[scene]


class ClipEmotion(nn.Module):
    """Clips (B,) by number to embeddings (B, D), for `train_a2m`; every fourth goes without its label."""

    def __init__(self, config: Config, training: Training) -> None:
        super().__init__()
        fusion, cues = frozen_fusion(config, training), _cues(training)
        kept = torch.ones_like(cues.present)
        kept[::_UNLABELLED, -1] = False
        embeddings, _ = fusion(*cues.only(kept))
        self.register_buffer("embeddings", embeddings.detach(), persistent=False)

    def forward(self, clips: Tensor) -> Tensor:
        """Return the embeddings."""
        return cast(Tensor, self.embeddings)[clips]


def request_mood(config: Config, fusion: EmotionFusion, request: Request) -> tuple[Tensor, Tensor, Tensor]:
    """Return a request's embedding (1, D), that of nothing said (1, D), and the gates (1, 4)."""
    affect = affect_of(request.audio, request.text, *_looked_at(config))
    cues = cues_of([affect], [request.emotion], used_cues(config))
    device = fusion.null.device
    embedding, gates = fusion(*cues.to(device))
    return embedding, fusion.null.detach()[None], gates


def scene_tokens(config: Config, scene: str, weights: Weights | None = None) -> tuple[Tensor, Tensor]:
    """Return token states (1, N, E) of a scene's text and which are words, (1, N); N is always the same."""
    states = torch.zeros(1, TOKENS, WIDTHS[config.text_encoder])
    read = torch.zeros(1, TOKENS, dtype=torch.bool)
    if scene:
        tokens, words = embed_text([scene], config.text_encoder, weights)
        states[:, : tokens.shape[1]], read[:, : tokens.shape[1]] = tokens, words
    return states, read


def _cues(training: Training) -> Cues:
    return Cues(**load_file(training.artefacts["emotion"] / _CUES))

"""The fusion: gates, a label's say, nothing at all, and words against voice."""

from functools import cache

import numpy as np
import pytest
import torch

from harness.datasets.synthetic import SynthSpec, plan
from harness.datasets.synthetic.identity import identity_of
from harness.datasets.synthetic.speech import speak
from harness.types import EMOTIONS
from methods.synchrorama import train_speech_emotion
from methods.synchrorama.affect import Affect, affect_of
from methods.synchrorama.emotion import (
    CUES,
    UNLABELLED,
    Cues,
    EmotionFusion,
    cues_of,
    fit_fusion,
    fusion_loss,
    hidden,
    labels_of,
    with_words,
)
from methods.synchrorama.words import SENTENCES, sentiments

WIDTH = 16
VOICE = ("speech", "valence_arousal")


def made(count: int = 4) -> list[Affect]:
    rng = np.random.default_rng(1)
    return [
        Affect(
            rng.dirichlet(np.ones(3)).astype(np.float32),
            rng.dirichlet(np.ones(8)).astype(np.float32),
            rng.uniform(-1, 1, 2).astype(np.float32),
            True,
            True,
        )
        for _ in range(count)
    ]


def fused(cues: Cues, fusion: EmotionFusion | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    with torch.no_grad():
        embedding, gates = (fusion or EmotionFusion(WIDTH))(*cues)
    return embedding, gates


def test_gates_share_what_is_there() -> None:
    silent = Affect(*(np.zeros(n, np.float32) for n in (3, 8, 2)), read=False, heard=False)
    worded = Affect(made(1)[0].sentiment, silent.speech, silent.valence_arousal, read=True, heard=False)
    cues = cues_of([made(1)[0], worded, silent], [None] * 3)
    embedding, gates = fused(cues)
    assert embedding.shape == (3, WIDTH) and gates.shape == (3, len(CUES))
    assert torch.allclose(gates.sum(1), torch.tensor([1.0, 1.0, 0.0]))
    assert (gates[0, :3] > 0).all() and gates[0, 3] == 0
    assert gates[1].tolist() == [1, 0, 0, 0]


def test_a_label_has_the_only_say() -> None:
    embedding, gates = fused(cues_of(made(), ["happy", "happy", "sad", None]))
    assert gates[:3].tolist() == [[0, 0, 0, 1]] * 3
    assert torch.equal(embedding[0], embedding[1])
    assert not torch.equal(embedding[0], embedding[2])


def test_a_cue_that_is_not_used_changes_nothing() -> None:
    one, other = made(2)
    changed = Affect(one.sentiment, other.speech, other.valence_arousal, True, True)
    both = cues_of([one, changed], [None, None], used=("sentiment",))
    embedding, gates = fused(both)
    assert torch.equal(embedding[0], embedding[1]) and gates[:, 0].tolist() == [1, 1]


def test_nothing_gives_the_learned_embedding_of_nothing() -> None:
    fusion = EmotionFusion(WIDTH)
    embedding, gates = fusion(*cues_of(made(2), ["sad", None], used=()))
    assert torch.equal(embedding[0], fusion.null) and torch.equal(embedding[1], fusion.null)
    assert not gates.any()
    embedding.sum().backward()
    assert fusion.null.grad is not None and fusion.null.grad.abs().sum() > 0


def test_the_loss_reaches_every_parameter() -> None:
    fusion, cues = EmotionFusion(WIDTH), cues_of(made(32), ["happy", "sad"] * 16)
    fusion_loss(fusion, cues, labels_of(["happy", "sad"] * 16), np.random.default_rng(0)).backward()
    trained = {n for n, p in fusion.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    # The embedding of nothing tells no label; a label's own score has nobody to be weighed against.
    assert trained == {n for n, _ in fusion.named_parameters()} - {"null", "score.3.weight", "score.3.bias"}


def test_what_has_no_label_costs_nothing() -> None:
    loss = fusion_loss(
        EmotionFusion(WIDTH), cues_of(made(), [None] * 4), labels_of([None] * 4), np.random.default_rng(0)
    )
    assert loss.item() == 0
    assert labels_of([None, "happy"]).tolist() == [UNLABELLED, 1]


def test_hiding_is_drawn_from_the_generator() -> None:
    cues = cues_of(made(64), ["happy"] * 64)
    one, same, other = (hidden(cues, np.random.default_rng(s)).present for s in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert 0.3 < one.float().mean() < 0.7
    assert torch.equal(hidden(cues, np.random.default_rng(1), share=0.0).present, cues.present)


def test_our_words_go_to_labelled_clips_alone() -> None:
    cues = cues_of(made(64), [None] * 64)
    labels = labels_of(["happy", None] * 32)
    changed = (with_words(cues, labels, np.random.default_rng(0)).sentiment != cues.sentiment).any(1)
    assert not changed[1::2].any() and 8 < changed[::2].sum() < 24


def test_our_words_have_their_mood() -> None:
    negative, _, positive = np.moveaxis(sentiments().mean(1), 1, 0)
    mood = dict(zip(EMOTIONS, positive - negative, strict=True))
    assert mood["happy"] > 0.3 and abs(mood["neutral"]) < 0.05 and mood["surprise"] >= 0
    assert all(mood[e] < -0.3 for e in ("sad", "angry", "fear", "disgust", "contempt"))


@cache
def taught() -> EmotionFusion:
    """A fusion taught on drawn speakers' voices, as a stage would teach it."""
    clips = [
        train_speech_emotion.say(clip) for clip in plan(SynthSpec(speakers=8, seed=77, clips_per_speaker=12))
    ]
    names = [emotion for _, emotion, _ in clips]
    cues = cues_of([affect_of(audio, "The airplane is almost full.") for audio, _, _ in clips], names)
    torch.manual_seed(0)
    fusion = EmotionFusion(WIDTH)
    fit_fusion(fusion, cues, labels_of(names), seed=1, steps=400)
    return fusion


def read(fusion: EmotionFusion, cues: Cues) -> list[str]:
    with torch.no_grad():
        return [EMOTIONS[int(i)] for i in fusion.read(fusion(*cues)[0]).argmax(1)]


def contradictions(voice: str, count: int = 8) -> list[Affect]:
    """Speakers not heard in teaching, who say happy sentences in `voice`."""
    found = []
    for actor in range(1001, 1001 + count):
        text = SENTENCES["happy"][actor % 6]
        spoken = speak(text, identity_of(99, actor).voice, voice, 1.0, np.random.default_rng(actor))
        found.append(affect_of(spoken.audio, text))
    return found


@pytest.mark.parametrize(("code", "voice"), [("SAD", "sad"), ("ANG", "angry")])
def test_against_happy_words_the_embedding_goes_with_what_it_is_given(code: str, voice: str) -> None:
    affects, fusion = contradictions(code), taught()
    nobody = [None] * len(affects)
    heard = read(fusion, cues_of(affects, nobody, used=VOICE))
    said = read(fusion, cues_of(affects, nobody, used=("sentiment",)))
    assert heard.count(voice) >= 6
    assert said.count("happy") == len(said)


def test_the_embedding_moves_towards_the_label_of_what_it_is_given() -> None:
    affects, fusion = contradictions("SAD"), taught()
    nobody = [None] * len(affects)
    own = {e: fusion(*cues_of(affects[:1], [e]))[0][0].detach() for e in ("sad", "happy")}

    def towards_sad(*used: str) -> float:
        embedding = fusion(*cues_of(affects, nobody, used=used))[0].detach()
        near = torch.cosine_similarity(embedding, own["sad"][None]) - torch.cosine_similarity(
            embedding, own["happy"][None]
        )
        return float(near.mean())

    voice, words, both = towards_sad(*VOICE), towards_sad("sentiment"), towards_sad(*CUES)
    assert voice > 0.3 and words < -0.3
    assert words < both < voice


def test_a_label_is_read_as_itself() -> None:
    known = [e for e in EMOTIONS if e not in ("surprise", "contempt")]  # no speaker of the corpus has these
    affects = contradictions("SAD", len(known))
    assert read(taught(), cues_of(affects, known)) == known

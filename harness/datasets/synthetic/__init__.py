"""The embedded corpus: drawn, speaking, emotional faces in CREMA-D's layout, with their truth."""

from harness.datasets.crema_d import SENTENCES

from .spec import CORPUS_VERSION, ClipPlan, SynthSpec, plan
from .write import draw, render, write_corpus, write_description

__all__ = [
    "CORPUS_VERSION",
    "SENTENCES",
    "ClipPlan",
    "SynthSpec",
    "draw",
    "plan",
    "render",
    "write_corpus",
    "write_description",
]

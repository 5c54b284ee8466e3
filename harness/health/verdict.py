"""What follows for a user: what will and will not work here, in words."""

from collections.abc import Iterator, Sequence

from harness.health.finding import Finding, State
from harness.weights_table import TABLE

TOPIC = "What works here"
_REFERENCE = {
    "fid and kid as published": ("inception-2015-12-05",),
    "lpips as published": ("alexnet",),
    "lse_c and lse_d as published": ("syncnet-v2",),
    "emotion_accuracy of real faces": ("fer-mini-xception", "face-landmarker"),
    "au_mae and lmd of real faces": ("face-landmarker",),
    "identity (ArcFace)": ("arcface-w600k-r50", "face-landmarker"),
    "corpora of real faces, cropped": ("face-landmarker",),
    "synchrorama from Stable Diffusion": ("sd-vae-ft-mse", "sd15-unet", "animatediff-v15-2"),
}
"""What a user may want that needs files which are downloaded."""


def verdicts(found: Sequence[Finding]) -> Iterator[Finding]:
    """Yield a line for each thing that a user may want to do."""
    broken = [f.name for f in found if f.state == "broken"]
    yield _line("make sweep, make test, harness.evaluate", broken, "mend what is marked NO above")
    missing = {f.name for f in found if f.state != "ok"}
    for use, names in _REFERENCE.items():
        lacking = [name for name in names if name in missing and name in TABLE]
        yield _line(use, lacking, f"python -m harness.weights fetch {' '.join(lacking)}", optional=True)
    gpus = next((f for f in found if f.name == "GPUs"), None)
    if gpus is not None and gpus.state != "ok":
        yield Finding(TOPIC, "size: paper", "note", "no GPU: the papers' own sizes want one")


def _line(use: str, lacking: Sequence[str], remedy: str, optional: bool = False) -> Finding:
    state: State = "ok" if not lacking else "lacks" if optional else "broken"
    found = f"lacks {', '.join(lacking)}" if lacking else "works"
    return Finding(TOPIC, use, state, found, remedy if lacking else "")

"""The two contracts: what a Method and a Metric must offer, and the cards they show.

A method or metric is one module that exports METHOD or METRIC, a class with these members. The engine
reaches it by name through `catalog`; nothing registers itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from harness.types import Audio, Clip, Frames, Measurement, Pair, Request, Score, Split
from harness.weights import Weights

if TYPE_CHECKING:
    import torch

AT_GENERATION: dict[str, Any] = {"at": "generation"}
"""`json_schema_extra` of a config key that training never looks at: rows that differ in it share a model."""

Backbone = Literal["embedded", "reference"]
LSEProtocol = Literal["decoded", "wav2lip-lrs", "wav2lip-real", "latentsync"]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a metric is made with; a metric reads what concerns it.

    backbone, weights: which network, and where its file is found and verified.
    lse_protocol: how frames reach a sync network (see `metrics.features.sync`); None is the backbone's own,
        `wav2lip-lrs` for SyncNet and `decoded` for the embedded judge.
    openface: AUs are read from OpenFace's CSV beside each clip (same stem) instead of being estimated.
    fid_min_frames: FID is refused below as many frames a side.
    """

    backbone: Backbone
    weights: Weights
    lse_protocol: LSEProtocol | None = None
    openface: bool = False
    fid_min_frames: int = 2048


@dataclass(frozen=True, slots=True)
class MethodCard:
    """What a reader must know of a method before trusting its row.

    conditions: what it listens to, of audio, emotion, level, text, scene, reference, context.
    trained_against: metric families ("sync", "emotion", "perceptual", "au", "inception") whose judge is a
        relative of a network in this method's losses; those metrics are marked for this method. None: not
        known here, as of clips that came without their method.
    control: it shows an instrument's limits, it does not compete, and it alone is given `Request.target`.
    video_to_video: it edits a source clip; it is given the whole of it where the run's protocol offers one
        (`data.reference: source`), the first frame otherwise, as every other method.
    whole: why it can make no frame before it has heard the whole recording; empty for a method that can
        (`Live`).
    note: what its conditions do not say, for the reader of its row.
    """

    name: str
    title: str
    paper: str
    conditions: tuple[str, ...]
    trained_against: tuple[str, ...] | None = ()
    licence: str = "Apache-2.0"
    control: bool = False
    trains: bool = True
    video_to_video: bool = False
    note: str = ""
    whole: str = ""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Prepared training clips, files for `harness.prepare.load`, in a fixed order, with their labels.

    texts: the words said; scenes: descriptions (`harness.describe`), as requests have them; None where a clip
    has none, and empty where no clip has one.
    """

    clips: tuple[Path, ...]
    speakers: tuple[str | None, ...]
    emotions: tuple[str | None, ...]
    splits: tuple[Split, ...]
    size: int
    texts: tuple[str | None, ...] = ()
    scenes: tuple[str | None, ...] = ()


class Report(Protocol):
    """Called by a training loop now and then, by rank 0 and the others alike.

    `step` counts optimiser steps of this stage; `losses` are plain floats, by name; `checkpoint`, if given,
    writes everything that exact resumption needs into the folder it is handed.
    Raises FloatingPointError when a loss is NaN or infinite.
    """

    def __call__(
        self,
        step: int,
        losses: Mapping[str, float],
        checkpoint: Callable[[Path], None] | None = None,
    ) -> None:
        """Record one point of the curves, and a checkpoint when the runner wants one now."""
        ...


def keep_model(model: "torch.nn.Module") -> "torch.nn.Module":
    """Leave a model as it is: `Training.wrap` of a run with one worker."""
    return model


@dataclass(frozen=True, slots=True)
class Training:
    """All that a training loop is given, whoever runs it (plain Python, Ray Tune or Ray Train).

    artefacts: the finished folder of each earlier stage that is needed, by stage name.
    resume: a folder that `checkpoint` wrote, to go on from; None at the start.
    rank, world: this worker's share: it takes items rank::world of every global batch, which is drawn from
        the same seeded sampler on every worker, so the global batch does not depend on `world`.
    wrap: makes a model average its gradients over the workers.
    weights: where pretrained files are found and verified.
    device: "cpu", "cuda", ...; threads: intra-op threads this loop may use.
    """

    data: TrainingData
    artefacts: Mapping[str, Path]
    report: Report
    seed: int
    weights: Weights
    device: str = "cpu"
    threads: int = 1
    resume: Path | None = None
    rank: int = 0
    world: int = 1
    wrap: "Callable[[torch.nn.Module], torch.nn.Module]" = keep_model


class Method(Protocol):
    """A talking-face method.

    `Config` is a pydantic model (extra="forbid") of its YAML keys; the class is made with a valid one.
    `stages` names training steps that come before `fit`, in order, each with the earlier stages whose
    artefacts it reads. Each is run once per distinct `stage_config` and cached, so trials that differ in
    nothing it depends on share it; stages that do not need one another run side by side. `fit` is given
    the artefacts of all.
    """

    card: ClassVar[MethodCard]
    Config: ClassVar[type[BaseModel]]
    stages: ClassVar[Mapping[str, tuple[str, ...]]]

    def __init__(self, config: Any) -> None: ...

    def stage_config(self, stage: str) -> Mapping[str, Any]:
        """Return all config values that `stage` depends on, as plain JSON values."""
        ...

    def run_stage(self, stage: str, training: Training, out: Path) -> None:
        """Train `stage` and write its artefact (safetensors, JSON) into the empty folder `out`."""
        ...

    def fit(self, training: Training) -> None:
        """Train the generator itself, from `training.resume` if it is set."""
        ...

    def save(self, folder: Path) -> None:
        """Write weights and config that `load` needs to generate."""
        ...

    def load(self, folder: Path) -> None:
        """Read what `save` wrote; BadInput names the folder and the mismatch otherwise."""
        ...

    def generate(self, requests: Sequence[Request]) -> list[Clip]:
        """Return one clip per request, in order, `request.frames` long, at the reference's size."""
        ...


class NoOptions(BaseModel):
    """The config of a method without options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Untrained(ABC):
    """A base for a Method that has nothing to train here: say `card` (trains=False) and `show`.

    `Config` is NoOptions unless a subclass has keys of its own, which it finds in `self.config`.
    """

    card: ClassVar[MethodCard]
    Config: ClassVar[type[BaseModel]] = NoOptions
    stages: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __init__(self, config: Any) -> None:
        self.config = config

    @abstractmethod
    def show(self, request: Request) -> Clip:
        """Return the clip of one request. Raises Unscorable(reason) where there can be none."""

    def generate(self, requests: Sequence[Request]) -> list[Clip]:
        """Return one clip a request, in order."""
        return [self.show(request) for request in requests]

    def stage_config(self, stage: str) -> Mapping[str, Any]:
        """Return nothing: there are no stages."""
        return {}

    def run_stage(self, stage: str, training: Training, out: Path) -> None:
        """Train nothing."""

    def fit(self, training: Training) -> None:
        """Train nothing."""

    def save(self, folder: Path) -> None:
        """Write nothing: there are no weights."""

    def load(self, folder: Path) -> None:
        """Read nothing: there are no weights."""


@runtime_checkable
class Streaming(Protocol):
    """A method that also gives a clip's frames as they come, in memory that its length does not change."""

    def stream(self, request: Request) -> Iterator[Frames]:
        """Yield the frames of `Method.generate` in parts (t, H, W, 3)."""
        ...


@runtime_checkable
class Live(Protocol):
    """A method that answers sound while it arrives: each frame as soon as the sound that it needs is there.

    ahead: samples from a frame's own first one to the last that the frame needs, its own 640 among them: how
    far behind the sound the frames are, beside the time that making them takes.
    """

    ahead: ClassVar[int]

    def live(self, request: Request, sound: Iterator[Audio]) -> Iterator[Frames]:
        """Yield the frames of `Method.generate` one by one, (1, H, W, 3), nothing held back.

        request: of one frame, whose context, mask and eyes hold for all; its own sound is not listened to.
        sound: mono 16 kHz float32 pieces (n,) of any length, asked for when it is needed; as many frames are
        made as it begins, the last one's rest being silence.
        """
        ...


@dataclass(frozen=True, slots=True)
class MetricCard:
    """What a number means: shown beside it wherever it is shown.

    backbone: the exact network and weights, "none" for a formula. comparable: whether the number may stand
    beside published ones. family: matched with `MethodCard.trained_against`. domain: what footage its judge
    is valid for, "any" or "embedded-corpus". min_frames: shorter clips are unscored. paired: whether the
    reference clip is looked at; a metric that does not look at it can also score the reference itself.
    """

    name: str
    title: str
    unit: str
    higher_is_better: bool | None
    range: tuple[float, float]
    backbone: str
    variant: str
    paper: str
    comparable: bool
    family: str = "formula"
    domain: Literal["any", "embedded-corpus"] = "any"
    needs_audio: bool = False
    min_frames: int = 1
    paired: bool = True


class Metric(Protocol):
    """A metric: made once per worker with its backbone loaded, then fed pairs.

    `measure` raises Unscorable(reason) for a clip it cannot score; the engine records the reason.
    """

    card: MetricCard

    def __init__(self, setup: Setup) -> None: ...

    def measure(self, pair: Pair) -> Measurement:
        """Return this clip's value, or its features for a set metric."""
        ...

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the score over clips; unscored ones are counted, never averaged in."""
        ...

"""A corpus made ready: drawn if it is the embedded one, read, split, and every clip prepared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness import datasets, mirror, protocol
from harness.config import Data, Sweep
from harness.contracts import TrainingData
from harness.datasets import splits, synthetic
from harness.faces import policy
from harness.jobs import Executor
from harness.protocol import Ask
from harness.store import Store, digest
from harness.types import BadInput, Sample
from harness.weights import Weights
from harness.work import Draw, Prepare


@dataclass(frozen=True, slots=True)
class Corpus:
    """Samples with their split; `files` maps sample ids to prepared clips, `unusable` ids to reasons.

    `emotions`, `notes` and `population` are the reader's (`datasets.Found`). `scenes` describes training
    clips by id (`harness.describe`).
    """

    name: str
    samples: tuple[Sample, ...]
    files: Mapping[str, Path]
    unusable: Mapping[str, str]
    split_hash: str
    split_source: str
    emotions: tuple[str, ...]
    notes: tuple[str, ...]
    population: tuple[str, ...]
    size: int
    scenes: Mapping[str, str] = field(default_factory=dict)

    def training(self) -> TrainingData:
        """Return the train and val clips."""
        kept = [s for s in self.samples if s.split != "test" and s.id in self.files]
        return TrainingData(
            clips=tuple(self.files[s.id] for s in kept),
            speakers=tuple(s.speaker for s in kept),
            emotions=tuple(s.emotion for s in kept),
            splits=tuple(s.split for s in kept),
            size=self.size,
            texts=tuple(s.text for s in kept),
            scenes=tuple(self.scenes.get(s.id) for s in kept),
        )

    def training_id(self) -> str:
        """Return a digest of what is trained on: the prepared files by content, labels and split."""
        data = self.training()
        labels = [data.speakers, data.emotions, data.splits, data.texts, data.scenes]
        return digest([[p.name for p in data.clips], *labels, data.size])


def weights_of(sweep: Sweep) -> Weights:
    """Return where pretrained files are: in the folder given, or in one named `weights` beside the data."""
    root = sweep.data.root
    beside = root.parent / "weights" if isinstance(root, Path) else None
    return Weights(sweep.weights or (beside if beside is not None and beside.is_dir() else None))


def gather(pool: Executor, data: Data, seed: int, store: Store, weights: Weights) -> Corpus:
    """Return the corpus that `data` describes. Raises BadInput when nothing in it can be used."""
    root = mirror.prepared(data.root, store) if isinstance(data.root, str) else data.root
    root = root or draw(pool, data, store)
    found = datasets.read(data.reader, root)
    samples, split_hash = splits.assign(found.samples, data.split, seed)
    files, reasons = _prepared(pool, data, samples, store, weights)
    unusable = {**found.unusable, **reasons}
    if not files:
        name, reason = next(iter(unusable.items()), ("no clip", "nothing was found"))
        raise BadInput(f"{root}: no usable clip; the first: {name}: {reason}")
    return Corpus(
        name=data.reader,
        samples=tuple(samples),
        files=files,
        unusable=unusable,
        split_hash=split_hash,
        split_source=splits.source(data.split, seed),
        emotions=found.emotions,
        notes=found.notes,
        population=found.population,
        size=data.size,
    )


def asks_of(found: Corpus, data: Data, seed: int, unasked: Mapping[str, str]) -> list[Ask]:
    """Return what a run asks of every method: the tested clips that can be used, in order.

    unasked: clips without a reference picture, with their reasons. Raises BadInput where no clip is left.
    """
    usable = [s for s in found.samples if s.id in found.files]
    tested = protocol.choose_test([s for s in usable if s.id not in unasked], data.test_clips)
    if not tested:
        first = next(iter({**unasked, **found.unusable}.values()), "the split leaves none to test")
        raise BadInput(f"{found.name}: no clip of the test split can be used: {first}")
    return protocol.asks(tested, usable, found.files, data.reference, seed)


def _prepared(
    pool: Executor, data: Data, samples: Sequence[Sample], store: Store, weights: Weights
) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the prepared clips' files by id, and why others have none."""
    if data.reader == "prepared":
        return {s.id: s.video for s in samples}, {}
    job = Prepare(policy(data.faces), data.size, store, weights)
    outcomes = pool.map(job, samples, f"{data.reader}: preparing clips")
    files = {s.id: o.value for s, o in zip(samples, outcomes, strict=True) if o.value is not None}
    return files, {s.id: o.reason for s, o in zip(samples, outcomes, strict=True) if o.reason is not None}


def draw(pool: Executor, data: Data, store: Store) -> Path:
    """Return the folder of the embedded corpus, its clips drawn where they are missing."""
    if data.reader != "synthetic":
        raise BadInput(f'data.root is missing: the reader "{data.reader}" reads a folder of yours')
    spec = synthetic.SynthSpec(**data.synthetic.model_dump())
    root = store.path("corpora", [synthetic.CORPUS_VERSION, data.synthetic.model_dump()])
    synthetic.write_description(spec, root)
    outcomes = pool.map(Draw(root), synthetic.plan(spec), "embedded corpus: drawing clips")
    if broken := [o.reason for o in outcomes if o.reason]:
        raise BadInput(f"{root}: {len(broken)} clips could not be drawn; the first: {broken[0]}")
    return root

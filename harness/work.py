"""The jobs of a run: draw a clip, prepare it, train a stage, generate, measure, aggregate.

Each item is idempotent: what it made is a file with a name of its own, written whole, so an item whose
file exists is done. Paths travel, never frames.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from harness import arriving, catalog, config, media, prepare
from harness.contracts import Method, MethodCard
from harness.cost import Cost, measured
from harness.datasets import synthetic
from harness.disclosure import encode_generated
from harness.faces import FILES, Policy, open_detector
from harness.faults import writing
from harness.fit import FitSpec, run_fit, run_stage
from harness.paste import at_full_size
from harness.protocol import Ask, played, request
from harness.speed import NAMES, with_peak
from harness.store import Store, code_version, file_digest, scratch, write_whole
from harness.types import BadInput, Clip, Sample, Unscorable
from harness.weights import Weights


@dataclass(frozen=True, slots=True)
class Draw:
    """Draws clips of the embedded corpus into `root`."""

    root: Path

    def open(self) -> Callable[[synthetic.ClipPlan], None]:
        """See Job."""
        cv2.setNumThreads(1)
        return lambda plan: synthetic.render(plan, self.root)


@dataclass(frozen=True, slots=True)
class Prepare:
    """Crops clips by one face policy; an item's value is the prepared file."""

    policy: Policy
    size: int
    store: Store
    weights: Weights

    def open(self) -> Callable[[Sample], Path]:
        """See Job."""
        cv2.setNumThreads(1)
        detector = partial(open_detector, self.policy, self.weights)
        if self.policy.crops:
            # A missing detector file is one error, not one a clip.
            self.weights.path(FILES[self.policy.detector])
        code = code_version(*prepare.CODE)

        def one(sample: Sample) -> Path:
            files = [file_digest(p) for p in prepare.source_files(sample)]
            inputs = [sample.id, files, sample.cut, sample.box, asdict(self.policy), self.size, code]
            path = self.store.path("prepared", inputs, ".tar")

            def build(private: Path) -> None:
                with scratch(private.parent) as folder:  # what it keeps beside its file goes there
                    prepare.write(folder / path.name, sample, self.policy, self.size, detector)
                    os.replace(folder / path.name, private)

            with writing(self.store.root):
                return self.store.make(path, build)

        return one


@dataclass(frozen=True, slots=True)
class Train:
    """Trains; an item is (training, stage name or None for `fit` itself), its value the artefact's folder."""

    def open(self) -> Callable[[tuple[FitSpec, str | None]], Path]:
        """See Job."""

        def one(item: tuple[FitSpec, str | None]) -> Path:
            spec, stage = item
            return run_fit(spec) if stage is None else run_stage(spec, stage)

        return one


@dataclass(frozen=True, slots=True)
class Entrant:
    """A method as it enters the comparison under `title`; `model` is None for one that is not trained."""

    title: str
    method: str
    trial: str
    config: Mapping[str, Any]
    model: Path | None

    def folder(self, root: Path, kind: str) -> Path:
        """Return where this entrant's files of a kind lie in a run."""
        return root / kind / self.title / self.trial


@dataclass(frozen=True, slots=True)
class Price:
    """An item of Generate: what a trained entrant costs, on the first of `asks` that it can answer."""

    entrant: Entrant
    asks: tuple[Ask, ...]

    def measured(self) -> Cost:
        """Return the cost. Raises Unscorable where none can be answered."""
        model = self.entrant.model
        assert model is not None, f"{self.entrant.title} is not trained"
        method = _load(self.entrant)
        for ask in self.asks:
            try:
                return measured(method, model, request(ask, method.card)[0])
            except (BadInput, Unscorable):
                continue  # the same reason stands beside the clip that was not generated
        raise Unscorable(f"{self.entrant.title} can answer none of the requests")


@dataclass(slots=True)
class Generate:
    """Generates clips; an item is (entrant, ask). Its record is `work/.../<clip>.generated.json`.

    Another kind of item is a Price, whose value is a Cost: no worker idles while an entrant is priced.
    full_size: a clip that was edited from a source is also pasted back into the source's footage, as
    `full/.../<clip>.mp4`, to be watched; nothing is measured on it.
    """

    run: Path
    full_size: bool = False

    def open(self) -> Callable[[tuple[Entrant, Ask] | Price], Cost | None]:
        """See Job."""
        cv2.setNumThreads(1)
        loaded: dict[str, Method] = {}

        def one(item: tuple[Entrant, Ask] | Price) -> Cost | None:
            if isinstance(item, Price):
                return item.measured()
            entrant, ask = item
            record = entrant.folder(self.run, "work") / f"{ask.sample.id}.generated.json"
            if record.exists():
                return None
            name = f"{entrant.title} {entrant.trial}"
            if name not in loaded:
                loaded.clear()
                loaded[name] = _load(entrant)
            _write_record(record, self._one(loaded[name], entrant, ask))
            return None

        return one

    def _one(self, method: Method, entrant: Entrant, ask: Ask) -> dict[str, Any]:
        card = method.card
        asked, _ = request(ask, card)
        if asked.audio is None and "audio" in card.conditions:
            raise Unscorable(f"{ask.sample.id}: no sound track, and {card.name} is driven by sound")
        started = time.perf_counter()
        (clip,), peak = with_peak(lambda: method.generate([asked]))
        seconds = time.perf_counter() - started
        first = arriving.waited(method, asked, seconds)
        target = entrant.folder(self.run, "clips") / f"{ask.sample.id}.mp4"
        write_whole(target, partial(_write_clip, clip=clip, entrant=entrant, card=card))
        if self.full_size and card.video_to_video and ask.source is not None:
            source, order = ask.source, played(len(asked.reference), 0, len(clip.frames))
            pictures = at_full_size(source, prepare.load(ask.reference), clip.frames, order)
            full = entrant.folder(self.run, "full") / f"{ask.sample.id}.mp4"
            write_whole(full, lambda private: encode_generated(private, pictures, clip.audio, entrant.title))
        return {
            "seconds": seconds,
            "frames": len(clip.frames),
            "first_frame_ms": first,
            "peak_mb": peak,
            "notes": dict(clip.notes),
        }


def _write_clip(private: Path, clip: Clip, entrant: Entrant, card: MethodCard) -> None:
    """Write a clip as it is measured and watched; an mp4 that came as a file stays that file."""
    if clip.path is not None and clip.path.suffix.lower() == ".mp4":
        shutil.copyfile(clip.path, private)
    elif card.control:
        media.encode(private, clip.frames, clip.audio)
    else:
        encode_generated(private, clip.frames, clip.audio, entrant.title)


def generation_costs(folder: Path, clip: str) -> dict[str, float | None]:
    """Return what making a clip cost, by `speed.NAMES`; None if it was not generated, or not measured."""
    record = folder / f"{clip}.generated.json"
    if not record.exists():
        return dict.fromkeys(NAMES)
    made = json.loads(record.read_text())
    return {**{name: made.get(name) for name in NAMES}, "fps": made["frames"] / made["seconds"]}


def generation_notes(folder: Path, clip: str) -> dict[str, float]:
    """Return what the method told of a generated clip (`Clip.notes`); nothing if it was not generated."""
    record = folder / f"{clip}.generated.json"
    notes: dict[str, float] = json.loads(record.read_text())["notes"] if record.exists() else {}
    return notes


def _load(entrant: Entrant) -> Method:
    kind = catalog.method(entrant.method)
    method = kind(config.validated(kind.Config, entrant.config, entrant.method))
    if entrant.model is not None:
        method.load(entrant.model)
    return method


def _write_record(path: Path, record: Mapping[str, Any]) -> None:
    def build(private: Path) -> None:
        private.write_text(json.dumps(record), encoding="utf-8")

    write_whole(path, build)

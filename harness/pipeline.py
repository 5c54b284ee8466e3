"""The road: corpus -> prepared clips -> stages -> trials -> generated clips -> measurements -> scores.

Plain Python: how work is spread is the engine's affair, passed in. Each step skips what its files show to be
done, so the same call resumes a killed run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from pathlib import Path

from harness import catalog, corpus, external, protocol, results, scoring, tables
from harness.config import MethodEntry, Sweep
from harness.contracts import MethodCard, Setup
from harness.corpus import Corpus
from harness.datasets import splits
from harness.describe import Shot, describe, endpoint_of
from harness.fit import FitSpec, finished, read_curve
from harness.jobs import Executor, Outcome
from harness.measure import Comparison, View
from harness.protocol import Ask
from harness.record import Record
from harness.store import Store
from harness.traces import first_of_each_emotion
from harness.tracking import Watched
from harness.trials import TrialPlan, TrialResult, judged, method_params
from harness.weights import Weights
from harness.work import Entrant, Generate, Price, Train, generation_costs, generation_notes


@dataclass(frozen=True, slots=True)
class Engine:
    """How work is spread: a pool of workers for items, and a runner for trials, which needs their cores."""

    pool: Executor
    trials: Callable[[TrialPlan], list[TrialResult]]


@dataclass(frozen=True, slots=True)
class _Node:
    """One training: a stage, or `fit` itself (None), of the entries that have it in common."""

    entries: list[MethodEntry]
    spec: FitSpec
    stage: str | None

    def share(self, entry: MethodEntry) -> None:
        """Note one more entry that wants the same."""
        if entry not in self.entries:
            self.entries.append(entry)


@dataclass(slots=True)
class Run:
    """One run of a sweep, step by step, into the folder `out`."""

    sweep: Sweep
    out: Path
    engine: Engine
    record: Record
    store: Store
    watched: Watched = field(default_factory=Watched)
    entrants: list[Entrant] = field(default_factory=list)

    def go(self) -> None:
        """Do every step; the tables of `harness.results` and run.json are then written."""
        pool = self.engine.pool
        asked, trained_on = self._data(pool)
        self._train(pool, trained_on)
        pool.end()
        for entry in self.sweep.methods:
            self._trials(entry, trained_on)
        for entry in self.sweep.controls:
            self._enter(entry, entry.config, results.NO_TRIAL, None)
        failed = self._generate(pool, asked)
        self._measure(pool, asked, failed)
        self.record.finish()

    @property
    def weights(self) -> Weights:
        """Where pretrained files are looked for."""
        return corpus.weights_of(self.sweep)

    @property
    def metrics(self) -> tuple[tuple[str, Setup], ...]:
        """Each metric with what it is made with."""
        chosen, weights = self.sweep.metric_backbones, self.weights
        return tuple(
            (
                name,
                Setup(
                    chosen.get(name, self.sweep.backbones),
                    weights,
                    lse_protocol=self.sweep.lse_protocol,
                    fid_min_frames=self.sweep.fid_min_frames,
                ),
            )
            for name in self.sweep.metrics
        )

    def _data(self, pool: Executor) -> tuple[list[Ask], Corpus]:
        sweep = self.sweep
        for data in (sweep.data, sweep.training_data or sweep.data):
            if endpoint := endpoint_of(data.scenes):  # a missing key is told before anything is drawn
                self.record.scenes(endpoint)
        with self.record.phase("data"):
            tested_on = corpus.gather(pool, sweep.data, sweep.seed, self.store, self.weights)
            unasked = protocol.without_reference(tested_on.samples, tested_on.files, sweep.data.reference)
            self.record.corpus("split", tested_on, unasked)
            trained_on = tested_on
            if sweep.training_data is not None:
                trained_on = corpus.gather(pool, sweep.training_data, sweep.seed, self.store, self.weights)
                self.record.corpus("training_split", trained_on)
                if trained_on.population and trained_on.population == tested_on.population:
                    splits.check_untrained(tested_on.samples, trained_on.samples)
            asked = corpus.asks_of(tested_on, sweep.data, sweep.seed, unasked)
            self._look_outside(asked)
            asked, trained_on = self._described(pool, asked, trained_on)
            tables.write_samples(self.out, asked)
        return asked, trained_on

    def _look_outside(self, asked: Sequence[Ask]) -> None:
        """Note what folders of clips from elsewhere lack or hold beside; BadInput for a wrong one."""
        tested = [ask.sample.id for ask in asked]
        for entry in (*self.sweep.methods, *self.sweep.controls):
            if entry.name == external.NAME:
                self.record.fields["warnings"] += external.remarks(entry.title, entry.config, tested)
        self.record.write()

    def _described(
        self, pool: Executor, asked: Sequence[Ask], trained_on: Corpus
    ) -> tuple[list[Ask], Corpus]:
        """Give scenes to requests, of the reference still and the label asked for, and to training clips.

        Nothing of the target is looked at; a reference of policy `same_clip` is the target's own first frame.
        """
        tested, trained = self.sweep.data, self.sweep.training_data or self.sweep.data
        stills = [Shot(a.reference, True, a.sample.emotion, a.sample.level) for a in asked]
        shown = [s for s in trained_on.samples if s.split != "test" and s.id in trained_on.files]
        clips = [Shot(trained_on.files[s.id], False, s.emotion, s.level) for s in shown]
        texts: dict[Shot, str] = {}
        for scenes in sorted({tested.scenes, trained.scenes} - {"none"}):
            # Both at once: what an endpoint will cost is told before it is asked for anything.
            shots = [
                *(stills if tested.scenes == scenes else ()),
                *(clips if trained.scenes == scenes else ()),
            ]
            found = describe(pool, shots, endpoint_of(scenes), self.store)
            texts |= zip(shots, found, strict=True)
        asked = [replace(ask, scene=texts.get(shot)) for ask, shot in zip(asked, stills, strict=True)]
        known = {s.id: texts[shot] for s, shot in zip(shown, clips, strict=True) if shot in texts}
        return asked, replace(trained_on, scenes=known)

    def _train(self, pool: Executor, trained_on: Corpus) -> None:
        """Train what all trials of a method share, and the methods that are not swept: all side by side."""
        nodes: dict[Path, _Node] = {}
        for entry in self.sweep.methods:
            if catalog.method(entry.name).card.trains:
                self._plan(entry, self._spec(entry, trained_on).with_stages(), nodes)
        for node in nodes.values():
            self.watched.training(node.entries[0].title, node.stage, node.spec)
        found = {path: Outcome(path) for path in nodes if finished(path, self.store)}
        todo = {path: node for path, node in nodes.items() if path not in found}
        places = {path: index for index, path in enumerate(todo)}
        with self.record.phase("training"):
            items = [(node.spec, node.stage) for node in todo.values()]
            needs = [
                [places[path] for path in node.spec.artefacts.values() if path in places]
                for node in todo.values()
            ]
            found |= zip(todo, pool.map(Train(), items, "training", needs), strict=True)
        for path, node in nodes.items():
            self._trained(node, found[path])

    def _plan(self, entry: MethodEntry, spec: FitSpec, nodes: dict[Path, "_Node"]) -> None:
        """Add a method's stages, each after those that it reads, and its `fit` if it is not swept.

        What two entries have in common is trained once: a node is known by what it makes.
        """
        for stage in TopologicalSorter(catalog.method(entry.name).stages).static_order():
            node = _Node([entry], spec.for_stage(stage, spec.artefacts), stage)
            nodes.setdefault(spec.artefacts[stage], node).share(entry)
        if not self._swept(entry):
            nodes.setdefault(spec.model_path(), _Node([entry], spec, None)).share(entry)

    def _trained(self, node: "_Node", outcome: Outcome[Path]) -> None:
        for entry in node.entries:
            if node.stage is None:
                self._tried(entry, [TrialResult.of(outcome)])
            elif outcome.value is None:
                what = f"{entry.title} stage {node.stage}"
                self.record.failure(what, outcome.reason or "", outcome.crash)
            else:
                self.record.stage(entry.title, node.stage, outcome.value)

    def _swept(self, entry: MethodEntry) -> bool:
        """Whether a method's trials are Tune's: several of them, or one on more than one worker."""
        return bool(entry.search.space) or self.sweep.resources.workers > 1

    def _spec(self, entry: MethodEntry, trained_on: Corpus) -> FitSpec:
        return FitSpec(
            method=entry.name,
            config=entry.config,
            data=trained_on.training(),
            data_id=trained_on.training_id(),
            artefacts={},
            seed=self.sweep.seed,
            threads=self.sweep.resources.threads,
            device="cuda" if self.sweep.resources.gpus else "cpu",
            store=self.store,
            weights=self.weights,
        )

    def _trials(self, entry: MethodEntry, trained_on: Corpus) -> None:
        """Run a swept method's trials, or enter one that does not train; nothing where a stage failed."""
        if not catalog.method(entry.name).card.trains:
            self._enter(entry, entry.config, results.NO_TRIAL, None)
            return
        spec = self._spec(entry, trained_on).with_stages()
        if not self._swept(entry) or not all(path.exists() for path in spec.artefacts.values()):
            return
        plan = TrialPlan(
            spec=spec,
            search=entry.search,
            folder=self.out / "tune" / entry.title,
            seed=self.sweep.seed,
            workers=self.sweep.resources.workers,
            gpus=self.sweep.resources.gpus,
            retries=self.sweep.retries,
        )
        self.watched.search(entry.title, plan)
        with self.record.phase("trials"):
            found = judged(self.engine.trials(plan), entry.search.objectives)
        self._tried(entry, found)

    def _tried(self, entry: MethodEntry, found: Sequence[TrialResult]) -> None:
        """Record what became of a method's trials; those that are done enter the comparison."""
        for index, result in enumerate(found):
            trial = f"t{index:02d}"
            self.record.trial(entry.title, trial, result)
            if result.model is not None:
                self._enter(entry, {**entry.config, **method_params(result.params)}, trial, result.model)
                self.record.curve(entry.title, trial, "fit", read_curve(result.model))

    def _enter(self, entry: MethodEntry, config: dict[str, object], trial: str, model: Path | None) -> None:
        outside = entry.name == external.NAME
        known = external.Folder.model_validate(config).model_dump(mode="json") if outside else config
        card = card_of(entry.name, config)
        self.entrants.append(Entrant(entry.title, entry.name, trial, known, model))
        self.record.method(entry.title, card)

    def _generate(self, pool: Executor, asked: Sequence[Ask]) -> dict[tuple[str, str, str], str]:
        """Generate what is missing, and record what each trained method costs.

        Returns the reasons of what could not be generated, by (title, trial, clip).
        """
        items = [(entrant, ask) for entrant in self.entrants for ask in asked]
        prices = self._prices(tuple(asked))
        job = Generate(self.out, full_size=self.sweep.data.faces != "none")
        with self.record.phase("generate"):
            outcomes = pool.map(job, [*prices, *items], "generating clips")
        for price in prices:
            self.record.cost(price.entrant.title, outcomes.pop(0))
        failed = {}
        for (entrant, ask), outcome in zip(items, outcomes, strict=True):
            if outcome.reason is not None:
                failed[entrant.title, entrant.trial, ask.sample.id] = outcome.reason
            if outcome.crash is not None:
                what = f"{entrant.title} {entrant.trial} {ask.sample.id}: generating"
                self.record.failure(what, outcome.reason or "", outcome.crash)
        tables.write_notes(self.out, [note for item in items for note in self._notes(*item)])
        return failed

    def _prices(self, asked: tuple[Ask, ...]) -> list[Price]:
        """Return what is to be priced: one trial of each trained method, as their models are of one shape."""
        first: dict[str, Price] = {}
        for entrant in self.entrants:
            if entrant.model is not None:
                first.setdefault(entrant.title, Price(entrant, asked))
        return [*first.values()]

    def _notes(self, entrant: Entrant, ask: Ask) -> list[dict[str, object]]:
        notes = generation_notes(entrant.folder(self.out, "work"), ask.sample.id)
        who = {"run": self.sweep.name, "method": entrant.title, "trial": entrant.trial, "clip": ask.sample.id}
        return [{**who, "note": name, "value": value} for name, value in notes.items()]

    def _measure(self, pool: Executor, asked: Sequence[Ask], failed: dict[tuple[str, str, str], str]) -> None:
        rows = [self._row(entrant, asked, failed) for entrant in self.entrants]
        scored = scoring.score(pool, rows, self.metrics, View(), self.store, self.weights, self.record)
        tables.write_results(self.out, self.record, scored)

    def _row(
        self, entrant: Entrant, asked: Sequence[Ask], failed: dict[tuple[str, str, str], str]
    ) -> scoring.Row:
        clips, work = entrant.folder(self.out, "clips"), entrant.folder(self.out, "work")
        traced = first_of_each_emotion((ask.sample.id, ask.sample.emotion) for ask in asked)
        pairs = tuple(
            Comparison(
                clip=(name := ask.sample.id),
                generated=clips / f"{name}.mp4",
                reference=ask.truth,
                record=work / f"{name}.measured.json",
                speaker=ask.sample.speaker,
                emotion=ask.sample.emotion,
                level=ask.sample.level,
                failed=f"not generated: {reason}"
                if (reason := failed.get((entrant.title, entrant.trial, name)))
                else None,
                traced=name in traced,
            )
            for ask in asked
        )
        # A control reads its clip, and clips from elsewhere are read, too: they have no speed of generation.
        control = self.record.fields["methods"][entrant.title]["control"]
        timed = not control and entrant.method != external.NAME
        speeds = [generation_costs(work, ask.sample.id) for ask in asked] if timed else None
        return scoring.Row(entrant.title, entrant.trial, pairs, speeds)


def card_of(name: str, config: Mapping[str, object]) -> MethodCard:
    """Return the card of a method by name; that of clips from elsewhere is in their config."""
    return external.card_of(config) if name == external.NAME else catalog.method(name).card

"""One calibration from its clips to its tables. Plain Python: how work is spread is passed in.

Each step skips what its files show to be done, so the same call resumes a killed run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from harness import catalog
from harness.calibration import datasheet, tables
from harness.calibration.cases import Case, applicable
from harness.calibration.datasheet import Scored, Verdict, judge, level
from harness.calibration.faults import FAULTS, Fault
from harness.calibration.measure import NO_FAULT, MeasureFaults, Metrics, ScoreStrength, hears
from harness.calibration.strips import write_strips
from harness.contracts import Metric
from harness.jobs import Executor, Outcome
from harness.record import Record
from harness.store import Store
from harness.types import BadInput

WITHIN = 10
"""AV offset is checked for shifts of up to as many frames."""

_NEEDS = {
    "plan": "the clips are not the embedded corpus's: only its renderer can draw them again",
    "other_emotion": "no clip has a twin: the same speaker and sentence in another emotion, labelled so",
    "other_speaker": "no clip has a twin: another speaker saying the same sentence, labelled so",
}


@dataclass(slots=True)
class Calibration:
    """A run into the folder `out`: `record` is its run.json, written as it goes."""

    out: Path
    metrics: Metrics
    seed: int
    store: Store
    record: Record
    made: list[Metric] = field(init=False)

    def __post_init__(self) -> None:
        self.made = [catalog.metric(name)(setup) for name, setup in self.metrics]
        self.record.metrics({m.card.name: m.card for m in self.made}, timed=False)

    def go(self, pool: Executor, gathered: Callable[[Executor], list[Case]]) -> None:
        """Do every step; the tables and run.json are then written. Raises BadInput where a step failed."""
        with self.record.phase("clips"):
            cases = gathered(pool)
        self._describe(cases)
        faults = [f for f in FAULTS.values() if applicable(f, cases)]
        items = [(c, NO_FAULT) for c in cases] + [(c, f.name) for f in faults for c in applicable(f, cases)]
        with self.record.phase("measure"):
            job = MeasureFaults(self.out, self.metrics, self.seed, self.store)
            outcomes = pool.map(job, items, "measuring faulty clips")
        self._all_done(outcomes, [f"{fault} {case.id}" for case, fault in items])
        sets = _sets(faults, cases)
        with self.record.phase("score"):
            scoring = ScoreStrength(self.out, self.metrics, self.seed)
            outcomes = pool.map(scoring, sets, "scoring strengths")
        self._all_done(outcomes, [f"{fault} {strength:g}" for fault, strength, _ in sets])
        found = {item: o.value for item, o in zip(sets, outcomes, strict=True)}
        self._write(faults, cases, found)
        write_strips(self.out, faults, cases, self.seed)
        self.record.finish()

    def _describe(self, cases: Sequence[Case]) -> None:
        known = {c.speaker for c in cases if c.speaker is not None}
        self.record.fields["clips"] = {
            "count": len(cases),
            "speakers": len(known),
            "ids": [c.id for c in cases],
        }
        self.record.fields["faults"] = {
            f.name: {
                **{
                    k: getattr(f, k)
                    for k in ("title", "says", "unit", "arms", "unfaulted", "of_set", "touches")
                },
                "clips": len(applicable(f, cases)),
                "not_applicable": None if f.needs is None or applicable(f, cases) else _NEEDS[f.needs],
            }
            for f in FAULTS.values()
        }
        self.record.write()

    def _all_done(self, outcomes: Sequence[Outcome[Any]], names: Sequence[str]) -> None:
        """Note every crash; raise BadInput where an item has no result at all."""
        for name, outcome in zip(names, outcomes, strict=True):
            crashes = outcome.value if isinstance(outcome.value, list) else []
            lost = [outcome] if outcome.reason is not None else []
            for crash in [*crashes, *lost]:
                self.record.failure(name, crash.reason or "", crash.crash)
        broken = [(n, o) for n, o in zip(names, outcomes, strict=True) if o.reason is not None]
        if broken:
            raise BadInput(
                f"{self.out}: {len(broken)} of {len(names)} items failed, see failures in run.json; "
                f"the first: {broken[0][0]}: {broken[0][1].reason}"
            )

    def _write(self, faults: Sequence[Fault], cases: Sequence[Case], found: Mapping[Any, Any]) -> None:
        everyone = tuple(cases)
        written = tables.Tables()
        for metric in self.made:
            name = metric.card.name
            unfaulted = found[NO_FAULT, 0.0, everyone][name]
            written.unfaulted(name, unfaulted, cases)
            for fault in faults:
                if not hears(metric, fault):
                    written.verdict(name, fault.name, _deaf(name, fault))
                    continue
                chosen = tuple(applicable(fault, cases))
                base = found[NO_FAULT, 0.0, chosen][name]
                by_strength = {s: found[fault.name, s, chosen][name] for s in fault.strengths}
                speakers = [c.speaker for c in chosen]
                rows = {s: level(s, by_strength[s], base, speakers) for s in fault.strengths}
                for s in fault.strengths:
                    written.level(name, fault.name, rows[s], by_strength[s], chosen)
                written.verdict(
                    name,
                    fault.name,
                    judge(
                        (name, fault.name),
                        metric.card.higher_is_better,
                        [[rows[s] for s in arm] for arm in fault.arms],
                        base,
                        _tables_by_clip(fault, base, by_strength),
                    ),
                )
        written.write(self.out)
        self.record.fields["av_offset"] = _offset_shares(cases, found)


def _sets(faults: Sequence[Fault], cases: Sequence[Case]) -> list[tuple[str, float, tuple[Case, ...]]]:
    """Return every set to score: each strength, and the unfaulted clips of each fault's own cases."""
    chosen = {f.name: tuple(applicable(f, cases)) for f in faults}
    bases = dict.fromkeys([tuple(cases), *chosen.values()])
    return [(NO_FAULT, 0.0, base) for base in bases] + [
        (f.name, s, chosen[f.name]) for f in faults for s in f.strengths
    ]


def _tables_by_clip(
    fault: Fault, base: Scored, by_strength: Mapping[float, Scored]
) -> list[datasheet.Floats]:
    """Return for each arm the values (1 + strengths, clips); nothing where clips have no strengths."""
    if fault.of_set or base.values is None:
        return []
    found = []
    for arm in fault.arms:
        rows = [base.values, *(by_strength[s].values for s in arm)]
        found.append(np.stack([row for row in rows if row is not None]))
    return found


def _deaf(metric: str, fault: Fault) -> Verdict:
    """Return the verdict of a metric that takes in nothing of what a fault changes."""
    expected = datasheet.is_expected(metric, fault.name)
    return Verdict("blind", nan, nan, tuple(None for _ in fault.arms), False, expected)


def _offset_shares(cases: Sequence[Case], found: Mapping[Any, Any]) -> dict[str, Any] | None:
    """Return how often AV offset finds a planted shift within a frame; None where no clip has an offset.

    Drawn clips are in sync; of recorded ones that is not known, so their own offset is taken as 0.
    """
    everyone = tuple(cases)
    unfaulted = found[NO_FAULT, 0.0, everyone].get("av_offset")
    if unfaulted is None or not np.isfinite(unfaulted.values).any():
        return None
    own = unfaulted.values * 0 if all(c.plan for c in cases) else unfaulted.values
    by_shift = {
        s: found["audio_shift", float(s), everyone]["av_offset"].values if s else unfaulted.values
        for s in range(-WITHIN, WITHIN + 1)
    }
    shares = {str(s): datasheet.share_within(v - own, np.full(len(v), s)) for s, v in by_shift.items()}
    every = np.concatenate([v - own - s for s, v in by_shift.items()])
    return {"within": 1, "by_shift": shares, "share": datasheet.share_within(every, np.zeros(len(every)))}

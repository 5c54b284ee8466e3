"""The tables of a sweep that was killed: from what it had measured by then, so that it can be looked at.

Nothing is generated or measured here. A clip without a measurement is unscored, with that reason; `--resume`
goes on as if this had not been done, and writes the tables anew.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness import external, results
from harness.config import Sweep
from harness.fit import read_curve
from harness.jobs import InProcess
from harness.measure import Aggregate, Comparison, write_lost
from harness.pipeline import Engine, Run, card_of
from harness.record import Record, run_folder
from harness.scoring import Row
from harness.store import Store
from harness.tables import write_results
from harness.traces import first_of_each_emotion
from harness.trials import run_in_process
from harness.types import BadInput
from harness.work import generation_costs

_NOT_MEASURED = "not measured: the run was stopped before"
_NO_ENGINE = Engine(InProcess(), run_in_process)


def write_tables(run_dir: Path) -> None:
    """Write results.csv, per_clip.csv, curves.csv and traces.csv of a stopped sweep.

    Raises BadInput while a run is writing there, and where it was stopped before it had clips to measure.
    """
    with run_folder(run_dir, resume=True) as out, tempfile.TemporaryDirectory() as lost:
        fields = results.read_json(out / "run.json")
        if "split" not in fields or not (out / "clips.csv").exists():
            raise BadInput(
                f"{out / 'run.json'}: the run was stopped before its clips were ready, there is nothing to "
                "show; go on with --resume"
            )
        record = Record(out / "run.json", fields)
        run = Run(
            Sweep.model_validate(fields["config"]), out, _NO_ENGINE, record, Store(out.parent / ".store")
        )
        rows = list(_rows(run, results.read_rows(out / "clips.csv"), Path(lost)))
        one = Aggregate(run.metrics).open() if rows else None
        scored = [(row, one(tuple(p.record for p in row.pairs))) for row in rows] if one else []
        record.metrics(scored[0][1].cards if scored else {}, timed=any(r.speeds is not None for r in rows))
        _curves(record)
        write_results(out, record, scored)
        record.write()


def _rows(run: Run, clips: Sequence[Mapping[str, str]], lost: Path) -> Iterator[Row]:
    """Yield a row for each method and trial of which a clip was measured, in the sweep's order."""
    traced = first_of_each_emotion((clip["clip"], clip["emotion"]) for clip in clips)
    for entry in (*run.sweep.methods, *run.sweep.controls):
        for work in sorted((run.out / "work" / entry.title).glob("*")):
            if not any(work.glob("*.measured.json")):
                continue
            run.record.method(entry.title, card_of(entry.name, entry.config))
            whole = tuple(_pair(run, work, clip, lost / entry.title / work.name) for clip in clips)
            pairs = tuple(replace(pair, traced=pair.clip in traced) for pair in whole)
            control = run.record.fields["methods"][entry.title]["control"]
            timed = not control and entry.name != external.NAME
            speeds = [generation_costs(work, clip["clip"]) for clip in clips] if timed else None
            yield Row(entry.title, work.name, pairs, speeds)


def _pair(run: Run, work: Path, clip: Mapping[str, str], lost: Path) -> Comparison:
    """Return a clip with the record of its measurements, one that says that there are none where it lacks."""
    name = clip["clip"]
    measured = work / f"{name}.measured.json"
    pair = Comparison(
        clip=name,
        generated=None,
        reference=None,
        record=measured if measured.exists() else lost / measured.name,
        speaker=clip["speaker"] or None,
        emotion=clip["emotion"] or None,
        level=clip["level"] or None,
    )
    if not measured.exists():
        write_lost(pair, run.sweep.metrics, _NOT_MEASURED)
    return pair


def _curves(record: Record) -> None:
    """Add the curves of the trials that were done."""
    for trial in record.fields["trials"]:
        model = trial.get("model")
        if model is not None and (folder := record.path.parent / model).is_dir():
            record.curve(trial["method"], trial["trial"], "fit", read_curve(folder))

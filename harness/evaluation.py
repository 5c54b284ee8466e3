"""Score clips that anybody made, in folders, against reference clips: what `python -m harness.evaluate` does.

The tables, the record and the report are a sweep's. Beside the methods stands a row `reference`: the real
clips by themselves, scored by the metrics that look at one clip only (lip sync, emotion), because such a
number says little without the real clips' own.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from pydantic import Field

from harness import catalog, pairing, results, scoring, tables
from harness.config import Strict
from harness.contracts import Backbone, LSEProtocol, MethodCard, Setup
from harness.faces import PolicyName, policy
from harness.jobs import Executor
from harness.measure import Comparison, Scores, View, read_frames
from harness.pairing import Match
from harness.record import About, Record, own_modules
from harness.results import NO_TRIAL
from harness.scoring import Row
from harness.store import Store, digest, file_digest
from harness.traces import first_of_each_emotion
from harness.types import BadInput
from harness.weights import Weights

REFERENCE = "reference"
ANY_FOOTAGE: dict[Backbone, tuple[str, ...]] = {
    "embedded": ("psnr", "ssim", "lpips", "fid", "kid"),
    "reference": (
        *("psnr", "ssim", "lpips", "fid", "kid", "lse_c", "lse_d", "av_offset"),
        *("emotion_accuracy", "au_mae", "au_correlation"),
    ),
}
"""The metrics of an evaluation that names none: those whose judge is valid for any footage."""

_SYNC = {"lse_c", "lse_d", "lse_d0", "av_offset"}


class Evaluation(Strict):
    """All that an evaluation was asked for; it is kept whole in run.json."""

    generated: dict[str, Path]
    reference: Path
    metrics: list[str]
    backbones: Backbone = "embedded"
    weights: Path | None = None
    allow_unverified: bool = False
    faces: PolicyName = "none"
    resize: bool = False
    lse_protocol: LSEProtocol | None = None
    openface: bool = False
    fid_min_frames: int = Field(2048, ge=2)
    allow_missing: bool = False
    min_coverage: float = Field(0.0, ge=0, le=1)


def about(asked: Evaluation, name: str) -> About:
    """Return what the run's record says first."""
    return About(
        kind="evaluation",
        name=name,
        config=asked.model_dump(mode="json"),
        modules=own_modules(asked.metrics),
        seeds={},
        reference={"policy": "the reference clips given"},
        faces=asked.faces,
        backbones=asked.backbones,
    )


def check(asked: Evaluation) -> list[Match]:
    """Return the clips to compare; nothing is written yet.

    Raises BadInput for folders that do not fit, for metrics that do not exist, and for those whose protocol
    would not mean what it says.
    """
    try:
        catalog.require_metrics(asked.metrics)
    except BadInput as error:
        raise BadInput(f"--metrics: {error}") from error
    synced = _SYNC.intersection(asked.metrics)
    if synced and asked.faces != "none" and asked.backbones == "reference" and asked.lse_protocol is None:
        raise BadInput(
            "--faces face-v1 crops the clips, but SyncNet's own protocol (wav2lip-lrs) takes files whole: "
            "say --lse-protocol decoded (the crops) or wav2lip-real (its own face tracks)"
        )
    Weights(asked.weights)
    return pairing.match(asked.generated, asked.reference, asked.allow_missing)


def evaluate(
    pool: Executor, asked: Evaluation, matches: Sequence[Match], out: Path, record: Record
) -> list[str]:
    """Score all matches into the folder `out`; return what is below `min_coverage`, in words.

    results.csv, per_clip.csv, clips.csv, curves.csv, traces.csv and run.json are then written.
    """
    _note(record, asked, matches)
    weights = Weights(asked.weights, asked.allow_unverified)
    setup = Setup(
        backbone=asked.backbones,
        weights=weights,
        lse_protocol=asked.lse_protocol,
        openface=asked.openface,
        fid_min_frames=asked.fid_min_frames,
    )
    metrics = tuple((name, setup) for name in asked.metrics)
    rows = [_row(out, title, matches) for title in asked.generated]
    rows.append(_row(out, REFERENCE, matches))
    view = View(policy(asked.faces), asked.resize)
    scored = scoring.score(pool, rows, metrics, view, Store(out.parent / ".store"), weights, record)
    scored = [(row, scores) for row, scores in scored if scores.values]
    tables.write_results(out, record, scored)
    _write_clips(out, matches, rows[0])
    _link_clips(out, rows)
    record.finish()
    return _thin(scored, asked.min_coverage)


def _note(record: Record, asked: Evaluation, matches: Sequence[Match]) -> None:
    for title in asked.generated:
        card = MethodCard(title, "clips as given", "", (), None, licence="unknown", trains=False)
        record.fields["methods"][title] = asdict(card)
    real = MethodCard(
        REFERENCE, "the reference clips by themselves", "", (), licence="unknown", control=True, trains=False
    )
    record.fields["methods"][REFERENCE] = asdict(real)
    files = [file_digest(m.sample.video) for m in matches if m.sample is not None]
    record.fields["split"] = {"hash": digest(files), "counts": {"test": len(matches)}, "unusable": {}}
    same = [title for title, path in asked.generated.items() if path.samefile(asked.reference)]
    record.fields["warnings"] = [
        f"{title} is the reference folder itself: its clips are compared with themselves" for title in same
    ]
    record.write()


def _row(out: Path, title: str, matches: Sequence[Match]) -> Row:
    traced = first_of_each_emotion((m.clip, m.sample.emotion) for m in matches if m.sample is not None)
    whole = tuple(_pair(out, title, m) for m in matches)
    pairs = tuple(replace(pair, traced=pair.clip in traced) for pair in whole)
    return Row(title, NO_TRIAL, tuple(p for p in pairs if p.reference) if title == REFERENCE else pairs)


def _pair(out: Path, title: str, found: Match) -> Comparison:
    sample, alone = found.sample, title == REFERENCE
    reference = sample.video if sample is not None else None
    generated = reference if alone else found.generated[title]
    return Comparison(
        clip=found.clip,
        generated=generated,
        reference=reference,
        record=out / "work" / title / NO_TRIAL / f"{found.clip}.measured.json",
        speaker=sample.speaker if sample else None,
        emotion=sample.emotion if sample else None,
        level=sample.level if sample else None,
        failed=found.missing_reference or (None if generated else "no generated clip"),
        alone=alone,
    )


def _write_clips(out: Path, matches: Sequence[Match], row: Row) -> None:
    """Write clips.csv: the labels, and the frames of each reference."""
    found = [
        {
            "clip": m.clip,
            "speaker": m.sample.speaker if m.sample else None,
            "emotion": m.sample.emotion if m.sample else None,
            "level": m.sample.level if m.sample else None,
            "text": m.sample.text if m.sample else None,
            "frames": read_frames(pair.record)[1],
        }
        for m, pair in zip(matches, row.pairs, strict=True)
    ]
    results.write_rows(out / "clips.csv", results.SAMPLE_COLUMNS, found)


def _link_clips(out: Path, rows: Sequence[Row]) -> None:
    """Link the clips to where a run has its own, so that the report shows them; nothing is copied."""
    for row in rows:
        folder = out / "clips" / row.method / NO_TRIAL
        folder.mkdir(parents=True, exist_ok=True)
        for pair in row.pairs:
            if pair.generated is None:
                continue
            link = folder / (pair.clip + pair.generated.suffix.lower())
            link.unlink(missing_ok=True)
            os.symlink(pair.generated.absolute(), link)


def _thin(scored: Sequence[tuple[Row, Scores]], least: float) -> list[str]:
    found = [
        (row.method, name, s.n, s.n + s.n_unscored)
        for row, scores in scored
        for name, s in scores.values.items()
    ]
    return [
        f"{method}: {name} scored {n} of {total} clips, below --min-coverage {least:g}"
        for method, name, n, total in found
        if n < least * total
    ]

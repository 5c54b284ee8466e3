"""What a study leaves in its run directory, beside the page: RUN_DIR/study/.

votes_raw.csv     every answer, one row each: VOTE_COLUMNS
votes_clean.csv   the same without the participants who broke a rule
participants.csv  one row each: what the rules look at, and the rules that were broken
results.csv       what people said of each row of the board (cleaned), in the columns of the run's results.csv
analysis.json        all figures, raw and cleaned, and the cards of results.csv's columns
The leaderboard shows results.csv as further columns (reports.load reads it).
"""

import math
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.contracts import MetricCard
from harness.results import RESULT_COLUMNS, write_json, write_rows
from harness.study.votes import Participant, Trial, Vote
from reports.rank import HUMAN
from reports.study.agreement import MetricAgreement
from reports.study.analysis import Analysis, Found
from reports.study.judgements import Estimate

VOTE_COLUMNS = (
    "participant",
    "place",
    "kind",
    "clip",
    "left_method",
    "left_trial",
    "right_method",
    "right_trial",
    "sound",
    "hidden",
    "expected",
    "question",
    "target",
    "answer",
    "started",
    "ended",
    "played_left",
    "played_right",
    "plays",
)
_FACTS = (
    "answered",
    "attention_asked",
    "attention_failed",
    "gold_asked",
    "gold_failed",
    "seconds_median",
    "same_side_share",
)
PERSON_COLUMNS = ("participant", "created", "finished", *_FACTS, "excluded")


def write_tables(folder: Path, found: Found) -> None:
    """Write all of them into a study's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    number = {person.id: person.number for person in found.people}
    write_rows(folder / "votes_raw.csv", VOTE_COLUMNS, (_vote_row(v, number) for v in found.votes))
    write_rows(folder / "votes_clean.csv", VOTE_COLUMNS, (_vote_row(v, number) for v in found.kept))
    people = (_person_row(p, found.excluded.get(p.id, ())) for p in found.people)
    write_rows(folder / "participants.csv", PERSON_COLUMNS, people)
    columns = human_columns(found)
    write_rows(folder / "results.csv", RESULT_COLUMNS, (row for _, rows in columns for row in rows))
    write_json(folder / "analysis.json", _record(found, [card for card, _ in columns]))


def human_columns(found: Found) -> list[tuple[MetricCard, list[dict[str, Any]]]]:
    """Return what the leaderboard gains: a card and a row for each method judged, question by question."""
    several = len(found.clean.preferences) > 1
    people = f"{found.clean.participants} participants"
    columns = []
    for preference in found.clean.preferences:
        name = preference.question.name
        card = MetricCard(
            name=f"people_{name}",
            title=f"Preferred: {name}" if several else "Preferred",
            unit="log-odds",
            higher_is_better=True,
            range=(-math.inf, math.inf),
            backbone="none",
            variant=f"strength of preference, mean 0 over the methods judged, {people}",
            paper="Davidson 1970",
            comparable=False,
            family=HUMAN,
        )
        columns.append((card, _rows(found, card, preference.strengths.values)))
    for rating in found.clean.ratings:
        name = rating.question.name
        card = MetricCard(
            name=f"people_{name}",
            title=f"MOS {name.replace('_', ' ')}",
            unit="1–5",
            higher_is_better=True,
            range=(1.0, 5.0),
            backbone="none",
            variant=f"mean opinion score, {people}",
            paper="ITU-T P.910",
            comparable=False,
            family=HUMAN,
        )
        columns.append((card, _rows(found, card, rating.mos)))
    return columns


def _rows(found: Found, card: MetricCard, values: Iterable[Estimate]) -> list[dict[str, Any]]:
    return [
        {
            "run": found.study.run,
            "method": trial.method,
            "trial": trial.trial,
            "metric": card.name,
            "value": value.value,
            "ci_low": value.low,
            "ci_high": value.high,
            "n": value.n,
            "n_unscored": 0,
            "unit": card.unit,
            "higher_is_better": card.higher_is_better,
            "backbone": card.backbone,
            "comparable": card.comparable,
        }
        for trial, value in zip(found.clean.cast.methods, values, strict=True)
        if value.n
    ]


def _vote_row(vote: Vote, number: dict[int, int]) -> dict[str, Any]:
    shown = vote.assignment
    right = shown.right or Trial("", "")
    return {
        **{name: getattr(shown, name) for name in ("place", "kind", "sound", "hidden", "expected")},
        **{name: getattr(vote, name) for name in VOTE_COLUMNS if hasattr(vote, name)},
        "participant": number[shown.participant],
        "clip": shown.sample,
        "left_method": shown.left.method,
        "left_trial": shown.left.trial,
        "right_method": right.method,
        "right_trial": right.trial,
    }


def _person_row(person: Participant, broken: Iterable[str]) -> dict[str, Any]:
    return {
        "participant": person.number,
        "created": person.created,
        "finished": person.finished,
        **asdict(person.facts),
        "excluded": "; ".join(broken),
    }


def _record(found: Found, cards: list[MetricCard]) -> dict[str, Any]:
    study = found.study
    return {
        "study": {
            "name": study.name,
            "run": study.run,
            "config_hash": study.config_hash,
            "config": study.config,
        },
        "participants": len(found.people),
        "excluded": len(found.excluded),
        "metrics": {card.name: asdict(card) for card in cards},
        "raw": _figures(found.raw),
        "clean": _figures(found.clean),
    }


def _figures(found: Analysis) -> dict[str, Any]:
    names = [" ".join(part for part in (t.method, t.trial) if part != "-") for t in found.cast.methods]
    return {
        "participants": found.participants,
        "votes": found.votes,
        "methods": names,
        "preferences": {
            p.question.name: {
                "strengths": [_plain(v) for v in p.strengths.values],
                "why_none": p.strengths.reason,
                "won": [[_plain(e) for e in row] for row in p.won],
                "tied": [[_number(v) for v in row] for row in p.tied],
                "side_bias": {"left": _plain(p.side.share), "p": _number(p.side.p)},
                "alpha": {"nominal": _plain(p.reliability.nominal), "ordinal": _plain(p.reliability.ordinal)},
                "others": _plain(p.others),
                "metrics": _metrics(p.metrics),
            }
            for p in found.preferences
        },
        "ratings": {
            r.question.name: {
                "mos": [_plain(v) for v in r.mos],
                "alpha": {"nominal": _plain(r.reliability.nominal), "ordinal": _plain(r.reliability.ordinal)},
                "others": _plain(r.others),
                "metrics": _metrics(r.metrics),
            }
            for r in found.ratings
        },
        "matches": {
            m.question.name: {f"{names[i]} / {names[j]}": _plain(e) for (i, j), e in m.recognised.items()}
            for m in found.matches
        },
    }


def _metrics(found: Iterable[MetricAgreement]) -> dict[str, Any]:
    return {
        m.card.name: {
            "spearman": _plain(m.spearman),
            "kendall": _plain(m.kendall),
            "p": _number(m.p),
            "accuracy": _plain(m.accuracy),
            "unscored": m.unscored,
        }
        for m in found
    }


def _plain(found: Estimate) -> dict[str, Any]:
    return {
        "value": _number(found.value), "low": _number(found.low), "high": _number(found.high), "n": found.n
    }  # fmt: skip


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.6g}")

"""A whole study of a made-up run: read from its database, cleaned, held to the metrics, shown."""

import csv
import json
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from plotly.graph_objects import Figure
from scipy.stats import kendalltau, spearmanr
from sqlalchemy import insert

from harness import report
from harness.results import read_rows
from harness.study.begin import begin
from harness.study.config import Exclusion, StudyConfig
from harness.study.database import connect, writing
from harness.study.models import AssignmentRow, ParticipantRow, VoteRow
from harness.study.votes import Facts, Participant, Study, Trial, Vote, default_url
from harness.types import BadInput
from reports.load import Run, load
from reports.rank import rank
from reports.study import agreement
from reports.study.analysis import Found, analyse
from reports.study.exclusion import broken_rules, rules_in_words
from reports.study.judgements import Choices, cast_of, choices, compared, ratings
from tests.reports.made_up import HOSTILE, Options, make
from tests.study.voters import PREFERENCE, RATING, Crowd, Session, study

LIKED = {
    Trial("ground_truth", "-"): 1.6,
    Trial("cvae", "t01"): 0.9,
    Trial(HOSTILE, "only"): 0.3,
    Trial("wrong_audio", "-"): -0.6,
    Trial("still", "-"): -2.2,
}
ASKED = {
    "name": "pilot",
    "questions": [
        {"name": PREFERENCE, "kind": "preference", "text": "Which <b>clip</b> do you prefer?"},
        {"name": RATING, "kind": "rating", "text": "Overall naturalness"},
    ],
    "exclude": {"attention_failed": 0, "seconds_median": 4},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("run"), Options(frames=0, trials=3))


@pytest.fixture(scope="module")
def answers(run: Path) -> tuple[list[Vote], list[Participant]]:
    clips = tuple(row["clip"] for row in read_rows(run / "clips.csv"))
    return study(Crowd(LIKED, careless=0.15, seed=2), Session(30, clips, 20))


@pytest.fixture(scope="module")
def analysed(run: Path, answers: tuple[list[Vote], list[Participant]]) -> Path:
    """The run with its study in a database, analysed by the command."""
    store(run, *answers)
    assert report.main([str(run), "--study"]) == 0
    return run


@pytest.fixture(scope="module")
def found(run: Path, answers: tuple[list[Vote], list[Participant]]) -> Found:
    config = StudyConfig.model_validate(ASKED).model_dump(mode="json")
    loaded = load(run)
    return analyse(loaded, rank(loaded), Study("pilot", "made up", config, "abc", 0.0), *answers)


def store(run: Path, votes: list[Vote], people: list[Participant]) -> None:
    """Write answers as the server does."""
    url = default_url(run)
    begin(run, "made up", StudyConfig.model_validate(ASKED), url)
    shown = {v.assignment.id: v.assignment for v in votes}
    with writing(connect(url)) as connection:
        connection.execute(
            insert(ParticipantRow),
            [
                {"id": p.id, "number": p.number, "key": str(p.id), "sequence": 0, "created": 0.0,
                 "consented": 0.0, "seen": 0.0, "finished": 1.0, "code": str(p.id)}
                for p in people
            ],
        )  # fmt: skip
        connection.execute(insert(AssignmentRow), [_assignment_row(a) for a in shown.values()])
        connection.execute(
            insert(VoteRow),
            [
                {"assignment_id": v.assignment.id,
                 **{k: getattr(v, k) for k in ("question", "target", "answer", "started", "ended",
                                               "played_left", "played_right", "plays")}}
                for v in votes
            ],
        )  # fmt: skip


def _assignment_row(shown: object) -> dict[str, object]:
    row = asdict(shown)  # type: ignore[call-overload]
    left, right = row.pop("left"), row.pop("right")
    return {
        **row,
        "participant_id": row.pop("participant"),
        "left_method": left["method"],
        "left_trial": left["trial"],
        "right_method": right["method"],
        "right_trial": right["trial"],
    }


def held(run: Path, votes: list[Vote]) -> tuple[Run, Choices, agreement.Human]:
    cast = cast_of(votes, list(LIKED))
    asked = choices(votes, PREFERENCE, cast)
    values = np.array([LIKED[t] for t in cast.methods])
    return load(run), asked, agreement.by_preference(asked, values)


def with_values(run: Run, metric: str, values: dict[tuple[str, str, str], float]) -> Run:
    """Return the run with other values of a metric per clip; a clip that is not named has none."""
    table = run.per_clip[run.per_clip["metric"] != metric]
    rows = [
        {"method": m, "trial": t, "clip": c, "metric": metric, "value": v} for (m, t, c), v in values.items()
    ]
    return replace(run, per_clip=pd.concat([table, pd.DataFrame(rows)], ignore_index=True))


def test_careless_participants_are_left_out_by_the_rules_and_kept_in_the_raw_results(
    found: Found, answers: tuple[list[Vote], list[Participant]]
) -> None:
    crowd = Crowd(LIKED, careless=0.15, seed=2)
    careless = {p.id for p in answers[1] if crowd.is_careless(p.id)}
    assert careless and set(found.excluded) == careless
    assert found.raw.participants == 30 and found.clean.participants == 30 - len(careless)
    spread = [max(v.value for v in a.preferences[0].strengths.values) for a in (found.raw, found.clean)]
    assert spread[1] > spread[0]


def test_the_order_of_preference_and_of_ratings_is_recovered(found: Found) -> None:
    truth = [LIKED[t] for t in found.clean.cast.methods]
    for values in (found.clean.preferences[0].strengths.values, found.clean.ratings[0].mos):
        assert spearmanr([v.value for v in values], truth).statistic > 0.89


def test_the_matrix_counts_votes_and_ties_of_both_orders(found: Found) -> None:
    asked, names = found.clean.preferences[0], found.clean.cast.methods
    one, other = names.index(Trial("cvae", "t01")), names.index(Trial("still", "-"))
    pairs = [
        v
        for v in found.kept
        if v.assignment.kind == "pair"
        and v.target == "pair"
        and {v.assignment.left, v.assignment.right} == {names[one], names[other]}
    ]
    won = sum(
        (v.answer == "left" and v.assignment.left == names[one])
        or (v.answer == "right" and v.assignment.right == names[one])
        for v in pairs
    )
    cell = asked.won[one][other]
    assert (cell.n, cell.value) == (len(pairs), pytest.approx(won / len(pairs)))
    total = cell.value + asked.won[other][one].value + asked.tied[one][other]
    assert total == pytest.approx(1)


def test_a_metric_that_is_what_people_like_agrees_and_its_opposite_does_not(
    run: Path, answers: tuple[list[Vote], list[Participant]]
) -> None:
    loaded, asked, human = held(run, answers[0])
    liked = {(t.method, t.trial, clip): v for t, v in LIKED.items() for clip in asked.cast.clips}
    for metric, sign in (("psnr", 1), ("lpips", -1), ("ssim", -1), ("au_mae", 1)):
        loaded = with_values(loaded, metric, {key: sign * v for key, v in liked.items()})
    by_name = {m.card.name: m.accuracy for m in agreement.agreements(loaded, asked, human)}
    decided = asked[asked.score != 0.5]
    truth = np.array([LIKED[t] for t in asked.cast.methods])
    right = float(((truth[decided.left] > truth[decided.right]) == (decided.score == 1)).mean())
    assert by_name["psnr"].value == by_name["lpips"].value == pytest.approx(right)
    assert by_name["ssim"].value == by_name["au_mae"].value == pytest.approx(1 - right)
    assert by_name["psnr"].low > 0.5 > by_name["ssim"].high


def test_a_metric_that_ties_is_right_by_half_and_what_it_cannot_score_is_counted(
    run: Path, answers: tuple[list[Vote], list[Participant]]
) -> None:
    loaded, asked, human = held(run, answers[0])
    first, *others = asked.cast.clips
    flat = {(t.method, t.trial, clip): 1.0 for t in LIKED for clip in others}
    found = agreement.agreements(with_values(loaded, "psnr", flat), asked, human)[0]
    decided = asked[asked.score != 0.5]
    lost = int((decided.who.clip == asked.cast.clips.index(first)).sum())
    assert (found.accuracy.value, found.unscored) == (0.5, lost)
    assert found.accuracy.n == len(decided) - lost


def test_rank_correlations_are_those_of_scipy(
    run: Path, answers: tuple[list[Vote], list[Participant]]
) -> None:
    loaded, asked, human = held(run, answers[0])
    board = rank(loaded)
    rows = {r.key: r for r in (*board.competing, *board.controls)}
    for one in agreement.agreements(loaded, asked, human):
        sign = 1 if one.card.higher_is_better else -1
        scores = np.array([sign * rows[t.method, t.trial].value(one.card.name) for t in asked.cast.methods])
        kept = ~np.isnan(scores)
        assert one.spearman.value == pytest.approx(spearmanr(scores[kept], human.values[kept]).statistic)
        assert one.kendall.value == pytest.approx(kendalltau(scores[kept], human.values[kept]).statistic)
        assert one.spearman.low <= one.spearman.value <= one.spearman.high
        assert one.spearman.n == kept.sum()
    tied = np.array([1.0, 1.0, 2.0, 3.0]), np.array([2.0, 1.0, 3.0, 3.0])
    assert float(agreement.kendall(*tied)) == pytest.approx(kendalltau(*tied).statistic)


def test_only_metrics_with_a_direction_are_held_to_people(found: Found) -> None:
    names = {m.card.name for m in found.clean.preferences[0].metrics}
    assert names.isdisjoint({"av_offset", "fps"}) and {"psnr", "fid", "lse_c"} <= names
    fid = next(m for m in found.clean.preferences[0].metrics if m.card.name == "fid")
    assert not fid.resampled and np.isnan(fid.accuracy.value) and not np.isnan(fid.spearman.value)


def test_ratings_of_two_clips_are_a_choice(answers: tuple[list[Vote], list[Participant]]) -> None:
    votes = answers[0][:3]
    assert [v.question for v in votes] == [PREFERENCE, RATING, RATING]
    cast = cast_of(votes, [])
    implied = compared(ratings(votes, RATING, cast))
    left, right = (int(v.answer) for v in votes[1:])
    assert len(implied) == 1
    assert implied.score[0] == (np.sign(left - right) + 1) / 2
    assert cast.methods[implied.left[0]] == votes[0].assignment.left


@pytest.mark.parametrize(
    ("facts", "sides", "said"),
    [
        (Facts(20, 2, 1, 0, 0, 9.0, 0.5), 18, "failed 1 of 2 attention checks, allowed 0"),
        (Facts(20, 2, 0, 3, 2, 9.0, 0.5), 18, "failed 2 of 3 gold pairs, allowed 1"),
        (Facts(20, 0, 0, 0, 0, 1.9, 0.5), 18, "judged in 1.9 s (median), at least 2 s wanted"),
        (Facts(20, 0, 0, 0, 0, 9.0, 0.95), 18, "chose one side 95% of the time, at most 90% allowed"),
        (Facts(20, 0, 0, 0, 0, 9.0, 1.0), 3, None),
        (Facts(4, 0, 0, 0, 0, 9.0, 0.5), 4, "judged 4, at least 5 wanted"),
        (Facts(5, 0, 0, 0, 1, 2.0, float("nan")), 0, None),
    ],
)
def test_each_rule_by_itself(facts: Facts, sides: int, said: str | None) -> None:
    rules = Exclusion(seconds_median=2, same_side_share=0.9, answered=5).model_dump()
    assert broken_rules(facts, sides, rules) == (() if said is None else (said,))
    assert len(rules_in_words(rules)) == 5
    assert rules_in_words(dict.fromkeys(rules)) == []


def test_votes_on_something_that_the_run_has_not_are_refused(
    run: Path, answers: tuple[list[Vote], list[Participant]]
) -> None:
    votes, people = answers
    loaded = load(run)
    study_of = Study("pilot", "another", StudyConfig.model_validate(ASKED).model_dump(), "abc", 0.0)
    strange = replace(votes[0], assignment=replace(votes[0].assignment, left=Trial("nobody", "t9")))
    with pytest.raises(BadInput, match="nobody t9 was judged but is not in the tables"):
        analyse(loaded, rank(loaded), study_of, [strange, *votes[1:]], people)
    with pytest.raises(BadInput, match="nobody has judged anything yet"):
        analyse(loaded, rank(loaded), study_of, [], people)


def test_votes_are_exported_raw_and_clean(analysed: Path, found: Found) -> None:
    raw, clean = (read_rows(analysed / "study" / f"votes_{kind}.csv") for kind in ("raw", "clean"))
    people = read_rows(analysed / "study" / "participants.csv")
    out = {p["participant"] for p in people if p["excluded"]}
    assert len(raw) == len(found.votes) and len(people) == 30
    assert [row for row in raw if row["participant"] not in out] == clean
    assert len(out) == len(found.excluded)
    first = found.votes[0]
    assert raw[0]["clip"] == first.assignment.sample and raw[0]["answer"] == first.answer
    assert raw[0]["left_method"] == first.assignment.left.method


def test_peoples_columns_join_the_leaderboard_unranked(analysed: Path, found: Found) -> None:
    board = rank(load(analysed))
    assert [c.name for c in board.columns[:2]] == [f"people_{PREFERENCE}", f"people_{RATING}"]
    assert not any(c.name.startswith("people_") for c in board.ranked_by)
    mos = dict(zip(found.clean.cast.methods, found.clean.ratings[0].mos, strict=True))
    rows = {r.key: r for r in (*board.competing, *board.controls)}
    assert rows["cvae", "t01"].value(f"people_{RATING}") == pytest.approx(mos[Trial("cvae", "t01")].value)
    assert f"people_{RATING}" not in rows["cvae", "t02"].cells
    for view in ("leaderboard.html", "leaderboard.md"):
        text = (analysed / view).read_text()
        assert "MOS naturalness" in text and "What people said in the study" in text
        assert "not comparable" not in text.lower() or "Not comparable with published numbers: LPIPS" in text
    assert 'href="study.html"' in (analysed / "leaderboard.html").read_text()
    names = {row["metric"] for row in csv.DictReader((analysed / "study" / "results.csv").open())}
    assert names == {f"people_{PREFERENCE}", f"people_{RATING}"}


def test_the_page_has_every_number_its_plots_and_no_foreign_markup(analysed: Path, found: Found) -> None:
    html = (analysed / "study.html").read_text()
    body = html.split("<script>")[0]
    for value in (*found.clean.preferences[0].strengths.values, *found.clean.ratings[0].mos):
        assert f"{abs(value.value):.2f}" in body
    blob = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html, re.S)
    assert blob
    figures = json.loads(blob.group(1))
    assert set(figures) == {
        f"strength-{PREFERENCE}", f"matrix-{PREFERENCE}", f"mos-{RATING}",
        f"accuracy-{PREFERENCE}", f"accuracy-{RATING}",
    }  # fmt: skip
    for identity, spec in figures.items():
        Figure(spec)
        assert f'id="{identity}"' in body
        assert "<img" not in json.dumps(spec) and "<b>clip" not in json.dumps(spec)
    assert "<img src=x" not in body and "<b>clip</b>" not in body


def test_the_same_votes_give_the_same_bytes(analysed: Path) -> None:
    files = [
        analysed / "study.html",
        *sorted((analysed / "study").glob("*.csv")),
        analysed / "leaderboard.md",
    ]
    before = [f.read_bytes() for f in files]
    assert report.main([str(analysed), "--study", "--database", default_url(analysed)]) == 0
    assert [f.read_bytes() for f in files] == before


def test_a_run_without_a_study_says_how_to_begin_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make(tmp_path / "run", Options(frames=0, trials=2))
    assert report.main([str(folder), "--study"]) == 2
    assert "no study was begun there" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        report.main([str(folder), "--database", "sqlite:///x"])


def test_analysis_needs_neither_torch_nor_ray() -> None:
    code = "import sys, reports.study; print(*{m.partition('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"torch", "ray", "methods", "metrics", "fastapi"} & set(loaded.split())

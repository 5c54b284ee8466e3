"""The whole study over HTTP: from consent to the code, resumed, answered once, blind, by several replicas."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.study.votes import read_assignments, read_participants, read_study, read_votes
from tests.study.site import NAMES, SAMPLES, Site

Begin = Callable[..., Site]
CHECKS = {"attention": {"at": [2]}, "gold": {"at": [4]}}


@pytest.fixture
def site(begin_site: Begin) -> Site:
    return begin_site(**CHECKS)


def test_a_participant_goes_from_consent_to_a_code(site: Site) -> None:
    person = site.person()
    assert person.open()["state"] == "welcome"
    item = person.consent()
    seen = []
    while item["state"] == "item":
        seen.append(item)
        item = person.answer(item, "left")
    assert [i["place"] for i in seen] == list(range(9))
    assert [i["practice"] for i in seen] == [True] + 8 * [False]
    assert re.fullmatch("[A-Z2-9]{10}", item["code"])
    assert person.open() == item
    kinds = [a.kind for a in read_assignments(site.url)]
    assert kinds == ["training", "pair", "attention", "pair", "gold", *4 * ["pair"]]
    votes = read_votes(site.url)
    assert len(votes) == 8 * 11 + 1
    assert {v.answer for v in votes if v.target == "pair"} == {"left"}
    (found,) = read_participants(site.url)
    assert found.finished and found.facts.answered == 6
    assert found.facts.attention_asked == found.facts.gold_asked == 1
    assert found.facts.same_side_share == 1
    assert read_study(site.url).config["attention"]["at"] == [2]


def test_answers_are_stored_as_given_with_server_times(site: Site) -> None:
    person = site.person()
    item = person.consent()
    begun = site.clock.time
    person.watch(item)
    site.clock.time += 3
    body = person.submission(item)
    body["answers"][1]["answer"] = "4"
    body["plays"] = 2
    assert person.post("/study/answer", body).status_code == 200
    votes = read_votes(site.url)
    assert [(v.question, v.target, v.answer) for v in votes] == [
        (a["question"], a["target"], a["answer"]) for a in body["answers"]
    ]
    assert {(v.started, v.ended, v.plays) for v in votes} == {(begun, site.clock.time, 2)}
    assert votes[1].about == votes[1].assignment.left and votes[0].about is None


def test_an_answer_counts_once_however_often_it_is_sent(site: Site) -> None:
    person = site.person()
    item = person.consent()
    person.watch(item)
    body = person.submission(item, "left")
    first, second = (person.post("/study/answer", body) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.json()["confirmed"] == second.json()["confirmed"] == 0
    assert first.json()["next"]["place"] == second.json()["next"]["place"] == 1
    assert len(read_votes(site.url)) == 11
    other = person.post("/study/answer", person.submission(item, "right"))
    assert other.status_code == 409 and "already" in other.json()["message"]
    assert {v.answer for v in read_votes(site.url) if v.target == "pair"} == {"left"}


def test_who_leaves_resumes_on_any_replica(site: Site) -> None:
    person = site.person()
    item = person.answer(person.consent())
    again = site.person()
    again.client.cookies = person.client.cookies
    there = again.open()
    assert there["place"] == item["place"] == 1
    assert [c["src"] for c in there["clips"]] == [c["src"] for c in item["clips"]]
    assert len(read_participants(site.url)) == 1


def test_consenting_twice_is_consenting_once(site: Site) -> None:
    person = site.person()
    first, second = person.consent(), person.consent()
    assert first["clips"] == second["clips"]
    assert len(read_assignments(site.url)) == 9


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_an_answer_before_the_clips_could_have_played_is_refused(site: Site, seconds: float) -> None:
    person = site.person()
    item = person.consent()
    site.clock.time += seconds
    response = person.post("/study/answer", person.submission(item))
    assert response.status_code == 422 and "to the end" in response.json()["message"]
    assert read_votes(site.url) == []


@pytest.mark.parametrize(
    "played", [{"left": 0.1, "right": 0.48}, {"left": 0.48}, {"left": 900.0, "right": 0.48}]
)
def test_an_answer_with_clips_unplayed_or_impossible_times_is_refused(
    site: Site, played: dict[str, float]
) -> None:
    person = site.person()
    item = person.consent()
    person.watch(item)
    response = person.post("/study/answer", {**person.submission(item), "played": played})
    assert response.status_code == 422
    assert read_votes(site.url) == []


def test_clips_with_sounds_of_their_own_must_be_played_in_turn(begin_site: Begin) -> None:
    site = begin_site(compare=["ground_truth", "shifted_audio"], pairs=4, training=0)
    person = site.person()
    item = person.consent()
    assert item["sound"] == "each"
    site.clock.time += 0.5
    assert person.post("/study/answer", person.submission(item)).status_code == 422
    site.clock.time += 0.5
    assert person.post("/study/answer", person.submission(item)).status_code == 200


def test_equal_sounds_are_heard_from_one_clip(begin_site: Begin) -> None:
    site = begin_site(compare=["ground_truth", "cvae"], pairs=4, training=0)
    assert site.part.material.own_sound == frozenset()
    assert site.person().consent()["sound"] in ("left", "right")


@pytest.mark.parametrize("design", ["acr", "abx"])
def test_other_designs_go_through_too(begin_site: Begin, design: str) -> None:
    site = begin_site(design=design, attention={"at": [1]})
    person = site.person()
    item = person.consent()
    parts = {"acr": ["left"], "abx": ["left", "right", "hidden"]}[design]
    while item["state"] == "item":
        assert [c["part"] for c in item["clips"]] == parts
        item = person.answer(item)
    assert item["state"] == "done"
    found = read_assignments(site.url)
    assert {a.kind for a in found} == {"training", "attention", {"acr": "single", "abx": "abx"}[design]}
    assert all((a.hidden is None) == (design == "acr") for a in found)


def test_x_is_the_clip_that_the_assignment_says(begin_site: Begin) -> None:
    site = begin_site(design="abx", training=0)
    person = site.person()
    item = person.consent()
    left, right, x = (person.client.get(c["src"]).content for c in item["clips"])
    hidden = read_assignments(site.url)[0].hidden
    assert left != right and x == {"left": left, "right": right}[hidden or ""]


def test_clips_are_served_in_parts(site: Site) -> None:
    person = site.person()
    src = person.consent()["clips"][0]["src"]
    whole = person.client.get(src)
    part = person.client.get(src, headers={"Range": "bytes=100-199"})
    assert whole.status_code == 200 and whole.headers["content-type"] == "video/mp4"
    assert whole.headers["accept-ranges"] == "bytes"
    assert part.status_code == 206 and part.content == whole.content[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    assert person.client.get(src, headers={"Range": "bytes=999999999-"}).status_code == 416


@pytest.mark.parametrize("design", ["ab", "acr", "abx"])
def test_no_byte_that_a_participant_gets_names_a_method_a_sample_or_a_path(
    begin_site: Begin, run_dir: Path, design: str
) -> None:
    checks = {} if design == "acr" else CHECKS
    site = begin_site(design=design, **checks)
    person = site.person()
    item = person.consent()
    while item["state"] == "item":
        item = person.answer(item)
    for path in ("study.css", "study.js", "player.js"):
        person.received.append(person.client.get(f"/study/assets/{path}"))
    for path in (
        "/",
        "/healthz",
        "/metrics",
        "/openapi.json",
        "/study/state",
        "/nowhere",
        "/leaderboard.html",
    ):
        person.received.append(person.client.get(path))
        assert person.received[-1].status_code < 500
    forbidden = [*NAMES, *SAMPLES, str(run_dir), "t03", "made_up", "leaderboard"]
    assert len(person.received) > 20
    for response in person.received:
        heads = "\n".join(f"{k}: {v}" for k, v in response.headers.items())
        sent = f"{response.url.path}\n{heads}\n".encode() + response.content
        asked = response.request.url.path in ("/leaderboard.html",)
        for name in forbidden:
            if (asked and name == "leaderboard") or (name == "t03" and b"ftyp" in response.content):
                continue
            assert name.encode() not in sent, (name, response.url)


def test_invitations_let_in_one_person_each_on_any_device(begin_site: Begin) -> None:
    site = begin_site(access="invite", invites=2)
    stranger = site.person()
    stranger.open()
    assert stranger.post("/study/consent", {"consent": True}).status_code == 403
    from harness.study.tokens import Signer

    code = Signer(site.part.secret).invite(1)
    phone, desktop = site.person(), site.person()
    phone.invite = desktop.invite = code
    item = phone.answer(phone.consent())
    assert desktop.open()["place"] == item["place"] == 1
    for wrong in (Signer(site.part.secret).invite(2), code[:-1] + "x", "1", "0-" + code[2:]):
        stranger.invite = wrong
        stranger.open()
        assert stranger.post("/study/consent", {"consent": True, "invite": wrong}).status_code == 403
    assert len(read_participants(site.url)) == 1


def test_a_full_study_takes_nobody_else(begin_site: Begin) -> None:
    site = begin_site(participants=1)
    late = site.person()
    assert late.open()["state"] == "welcome"
    first = site.person()
    first.consent()
    assert late.post("/study/consent", {"consent": True}).status_code == 403
    assert site.person().open()["state"] == "full"
    assert first.open()["state"] == "item"

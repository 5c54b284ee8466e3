"""Whatever is sent: a plain 4xx, nothing stored, nobody else's seen, and the server goes on."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.study.tokens import Signer, Ticket
from harness.study.votes import read_assignments, read_participants, read_votes
from tests.study.site import Person, Site

Begin = Callable[..., Site]

NASTY = (
    "' OR 1=1 --",
    "'; DROP TABLE vote; --",
    "<script>alert(1)</script>",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%00",
    "\u202e\ud7ff",
    "A" * 1500,
    "{{7*7}}",
    "${jndi:ldap://x}",
)


@pytest.fixture
def site(begin_site: Begin) -> Site:
    return begin_site()


@pytest.fixture
def person(site: Site) -> Person:
    found = site.person()
    found.consent()
    return found


def plainly_refused(response: Any) -> None:
    assert 400 <= response.status_code < 500, (response.status_code, response.text)
    assert list(response.json()) == ["message"] and len(response.json()["message"]) < 120
    assert "Traceback" not in response.text and "sqlalchemy" not in response.text.lower()


def changed(item: dict[str, Any]) -> Iterator[str]:
    """Yield tickets that are almost right."""
    ticket = item["ticket"]
    yield ""
    yield "x"
    yield ticket[:-1]
    yield ("A" if ticket[0] != "A" else "B") + ticket[1:]
    yield ticket.split(".")[0] + "." + "A" * 24
    yield item["clips"][0]["src"].rpartition("/")[2].removesuffix(".mp4")
    yield "." + ticket.split(".")[1]


def test_forged_tickets_are_refused(site: Site, person: Person) -> None:
    item = person.open()
    person.watch(item)
    for ticket in changed(item):
        plainly_refused(person.post("/study/answer", {**person.submission(item), "ticket": ticket}))
    assert read_votes(site.url) == []


def test_nobody_answers_for_another_or_with_anothers_ticket(site: Site, person: Person) -> None:
    mine = person.open()
    other = site.person()
    theirs = other.consent()
    person.watch(mine)
    plainly_refused(person.post("/study/answer", person.submission(theirs)))
    plainly_refused(other.post("/study/answer", other.submission(mine)))
    assert read_votes(site.url) == []


def test_nobody_answers_what_was_not_shown(site: Site, person: Person) -> None:
    item = person.open()
    own = read_assignments(site.url)
    forged = Signer("another secret").ticket("key", Ticket(own[3].id, site.clock.time))
    plainly_refused(person.post("/study/answer", {**person.submission(item), "ticket": forged}))
    assert read_votes(site.url) == []


def test_an_old_ticket_and_one_of_the_future_are_refused(site: Site, person: Person) -> None:
    item = person.open()
    site.clock.time += 13 * 3600
    assert person.post("/study/answer", person.submission(item)).status_code == 409
    item = person.open()
    site.clock.time -= 60
    plainly_refused(person.post("/study/answer", person.submission(item)))
    assert read_votes(site.url) == []


def test_a_clip_is_its_participants_alone(site: Site, person: Person) -> None:
    src = person.open()["clips"][0]["src"]
    other = site.person()
    other.consent()
    nobody = site.client()
    assert person.client.get(src).status_code == 200
    plainly_refused(other.client.get(src))
    plainly_refused(nobody.get(src))
    name = src.rpartition("/")[2].removesuffix(".mp4")
    altered = name[:-1] + ("A" if name[-1] != "A" else "B") + ".mp4"
    for name in (*NASTY, "", ".mp4", altered, "é" * 36):
        plainly_refused(person.client.get(f"/study/media/{name}"))


@pytest.mark.parametrize("path", ["/study/answer", "/study/consent"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Study-Token": "x"}, {"X-Study-Token": ""}, {"X-Study-Token": b"\xe9\xff"}],
)
def test_without_the_pages_token_nothing_is_written(
    site: Site, person: Person, path: str, headers: dict[str, Any]
) -> None:
    item = person.open()
    person.watch(item)
    body = person.submission(item) if path.endswith("answer") else {"consent": True}
    plainly_refused(person.client.post(path, json=body, headers=headers))
    assert read_votes(site.url) == []


def test_another_sites_request_is_refused_even_with_the_token(site: Site, person: Person) -> None:
    item = person.open()
    person.watch(item)
    plainly_refused(person.post("/study/answer", person.submission(item), **{"Sec-Fetch-Site": "cross-site"}))
    form = {"content": "consent=true", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}
    plainly_refused(person.client.post("/study/consent", **form))
    assert read_votes(site.url) == []


def test_another_participants_page_token_is_refused(site: Site, person: Person) -> None:
    other = site.person()
    other.open()
    item = person.open()
    person.watch(item)
    person.token = other.token
    plainly_refused(person.post("/study/answer", person.submission(item)))


def test_made_up_cookies_begin_anew(site: Site, person: Person) -> None:
    cookie = person.client.cookies["study"]
    for value in ("x", "x.y", cookie[:-1], cookie.split(".")[0], "a" * 150, "' OR 1=1 --"):
        client = site.client()
        client.cookies.set("study", value)
        plainly_refused(client.get("/study/state"))
        page = client.get("/study")
        assert page.status_code == 200 and "HttpOnly" in page.headers["set-cookie"]
    assert len(read_participants(site.url)) == 1


@pytest.mark.parametrize("nasty", NASTY)
def test_nasty_text_in_every_field_is_refused(site: Site, person: Person, nasty: str) -> None:
    item = person.open()
    person.watch(item)
    whole = person.submission(item)
    first = whole["answers"][0]
    for key in ("question", "target", "answer"):
        plainly_refused(
            person.post("/study/answer", {**whole, "answers": [{**first, key: nasty}, *whole["answers"][1:]]})
        )
    for key in ("ticket", "played", "plays", "answers", "extra"):
        plainly_refused(person.post("/study/answer", {**whole, key: nasty}))
    plainly_refused(person.post("/study/consent", {"consent": True, "invite": nasty}))
    response = person.client.get("/study", params={"invite": nasty})
    plainly_refused(response)
    assert nasty not in response.text
    assert read_votes(site.url) == []
    assert person.post("/study/answer", whole).status_code == 200


@pytest.mark.parametrize("value", [1e400, -1.0, "0.5", None, True, [], {}])
def test_playing_times_are_numbers_in_range(site: Site, person: Person, value: Any) -> None:
    item = person.open()
    person.watch(item)
    body = person.submission(item)
    body["played"] = {"left": value, "right": 0.48}
    import json

    response = person.client.post(
        "/study/answer",
        content=json.dumps(body),
        headers={"X-Study-Token": person.token, "Content-Type": "application/json"},
    )
    plainly_refused(response)


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a[:-1],
        lambda a: [*a, a[0]],
        lambda a: [*a[1:], a[1]],
        lambda a: [{**a[0], "answer": "3"}, *a[1:]],
        lambda a: [{**a[0], "question": "attention"}, *a[1:]],
        lambda a: [],
        lambda a: a * 40,
    ],
)
def test_answers_must_be_to_all_that_was_asked(site: Site, person: Person, change: Any) -> None:
    item = person.open()
    person.watch(item)
    body = person.submission(item)
    plainly_refused(person.post("/study/answer", {**body, "answers": change(body["answers"])}))
    assert read_votes(site.url) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 5000,
        b'{"a":' * 5000,
        b'{"consent": true, "consent": 1}',
    ],
)
def test_malformed_bodies_are_refused(person: Person, content: bytes) -> None:
    headers = {"X-Study-Token": person.token, "Content-Type": "application/json"}
    for path in ("/study/consent", "/study/answer"):
        plainly_refused(person.client.post(path, content=content, headers=headers))


def test_bodies_that_are_too_large_are_refused_whatever_they_promise(person: Person) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(10_000):
            yield b" " * 4096

    headers = {"X-Study-Token": person.token, "Content-Type": "application/json"}
    assert person.client.post("/study/answer", content=endless(), headers=headers).status_code == 413
    for length in ("4294967296", "99999999999999999999", "32769"):
        response = person.client.post(
            "/study/answer", content=b"{}", headers={**headers, "Content-Length": length}
        )
        assert response.status_code == 413
    for length in ("-1", "x", "1e3"):
        response = person.client.post(
            "/study/answer", content=b"{}", headers={**headers, "Content-Length": length}
        )
        assert response.status_code == 400
    assert person.client.get("/study?" + "a" * 5000).status_code == 414


@pytest.mark.parametrize(
    "path",
    [
        "/leaderboard.html",
        "/clips/cvae/t00/1000_TIE_HAP_XX.mp4",
        "/study/votes.sqlite",
        "/study/study.json",
        "/study/assets/../config.py",
        "/study/assets/..%2fconfig.py",
        "/study/assets/study.html.j2",
        "/study/assets/%2e%2e/%2e%2e/app.py",
        "/board//leaderboard.html",
        "/board/x/leaderboard.html",
        "//etc/passwd",
        "/docs",
        "/run.json",
    ],
)
def test_nothing_else_is_served_while_a_study_runs(person: Person, path: str) -> None:
    plainly_refused(person.client.get(path))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "GET"])
def test_other_methods_are_refused(person: Person, method: str) -> None:
    plainly_refused(person.client.request(method, "/study/answer"))


def test_the_board_is_at_a_secret_place_and_serves_the_board_alone(site: Site) -> None:
    client = site.client()
    board = site.part.board
    assert client.get("/", follow_redirects=False).headers["location"] == "/study"
    page = client.get(board)
    assert page.status_code == 200 and "'sha256-" in page.headers["content-security-policy"]
    base = board.rpartition("/")[0]
    clip = client.get(f"{base}/clips/cvae/t00/1000_TIE_HAP_XX.mp4", headers={"Range": "bytes=0-9"})
    assert clip.status_code == 206
    for path in (
        "run.json",
        "study/votes.sqlite",
        "clips/../run.json",
        "clips/%2e%2e/run.json",
        "clips/..%2f..%2frun.json",
        "clips//cvae",
        "clips",
        "strips/../../x.png",
        "%00",
        "a" * 1400,
        "clips/" + "a" * 300 + ".mp4",
    ):
        plainly_refused(client.get(f"{base}/{path}"))


def test_every_answer_carries_the_security_headers(site: Site, person: Person) -> None:
    for path in (
        "/study",
        "/study/state",
        "/nowhere",
        "/healthz",
        "/study/assets/study.css",
        site.part.board,
    ):
        headers = person.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy and not re.search(r"script-src[^;]*unsafe-inline", policy)
    cookie = site.client().get("/study").headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/study" in cookie
    secure = site.client().get("https://study.example/study").headers["set-cookie"]
    assert "Secure" in secure


def test_texts_of_the_study_are_escaped(begin_site: Begin) -> None:
    nasty = "</script><script>alert(1)</script>"
    site = begin_site(title=nasty, texts={"welcome": nasty, "instructions": nasty})
    page = site.client().get("/study").text
    assert nasty not in page and "&lt;/script&gt;" in page


def test_what_fails_inside_is_told_without_its_insides(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("secret insides")

    monkeypatch.setattr("harness.study.desk.Desk.state", broken)
    response = site.client().get("/study")
    assert response.status_code == 500 and "insides" not in response.text

"""The chat endpoint, against a real HTTP server on this machine that answers as it is told to."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.describe import endpoint as chat
from harness.describe.endpoint import Endpoint, ask, from_environment
from harness.types import BadInput

FACTS = "A sad person in close-up, looking left."
KEY = "a-secret"


def completion(text: object) -> bytes:
    return json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}).encode()


@dataclass
class Answer:
    status: int = 200
    body: bytes = completion("A sad person,\n close up. ")
    wait: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0


@dataclass
class Server:
    """Gives its answers in turn, the last for ever, and notes what it was asked."""

    url: str = ""
    answers: list[Answer] = field(default_factory=lambda: [Answer()])
    asked: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.times.append(time.monotonic())
            state.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            state.paths.append(self.path)
            state.keys.append(self.headers["Authorization"])
            answer = state.next()
            time.sleep(answer.wait)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body) + answer.cut))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{listening.server_port}/v1"
    yield state
    listening.shutdown()
    listening.server_close()
    thread.join()


def endpoint(server: Server) -> Endpoint:
    return Endpoint(server.url, "tiny", KEY, seconds=0.3, tries=3, pause=0.02)


def test_it_speaks_the_protocol(server: Server) -> None:
    assert ask(endpoint(server), FACTS) == "A sad person, close up."
    (asked,) = server.asked
    assert server.paths == ["/v1/chat/completions"] and server.keys == [f"Bearer {KEY}"]
    assert asked["model"] == "tiny" and asked["stream"] is False
    assert [m["role"] for m in asked["messages"]] == ["system", "user"]
    assert asked["messages"][1]["content"] == FACTS


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_or_broken_server_is_asked_again(server: Server, status: int) -> None:
    server.answers = [Answer(status, b"busy"), Answer(status, b"busy"), Answer()]
    assert ask(endpoint(server), FACTS) == "A sad person, close up."
    first, second = server.times[1] - server.times[0], server.times[2] - server.times[1]
    assert first >= 0.02 and second >= 0.04  # it waits longer each time


@pytest.mark.parametrize("status", [429, 500])
def test_one_that_stays_so_is_named(server: Server, status: int) -> None:
    server.answers = [Answer(status, b"overloaded")]
    with pytest.raises(BadInput, match=rf"{server.url} \(model tiny\): HTTP {status} .*overloaded, 3 times"):
        ask(endpoint(server), FACTS)
    assert len(server.asked) == 3


def test_it_waits_as_long_as_it_is_told(server: Server) -> None:
    server.answers = [Answer(429, headers={"Retry-After": "1"}), Answer()]
    ask(endpoint(server), FACTS)
    assert server.times[1] - server.times[0] >= 1


def test_a_silent_server_is_asked_again_and_then_named(server: Server) -> None:
    server.answers = [Answer(wait=0.6), Answer()]
    assert ask(endpoint(server), FACTS)
    server.answers = [Answer(wait=0.6)]
    with pytest.raises(BadInput, match=rf"{server.url}.*no answer within 0.3 s, 3 times"):
        ask(endpoint(server), FACTS)


def test_an_answer_cut_off_is_asked_for_again(server: Server) -> None:
    server.answers = [Answer(cut=50), Answer()]
    assert ask(endpoint(server), FACTS) == "A sad person, close up."


def test_a_server_that_is_not_there_is_named(server: Server) -> None:
    gone = replace(endpoint(server), url="http://127.0.0.1:9/v1")
    with pytest.raises(BadInput, match=r"http://127.0.0.1:9/v1.*refused.*3 times"):
        ask(gone, FACTS)


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_wrong_question_is_not_repeated(server: Server, status: int) -> None:
    server.answers = [Answer(status, b"no such model")]
    with pytest.raises(BadInput, match=rf"HTTP {status} .*no such model; check HARNESS_CHAT_URL") as error:
        ask(endpoint(server), FACTS)
    assert len(server.asked) == 1
    assert KEY not in str(error.value) and KEY not in repr(endpoint(server))


@pytest.mark.parametrize(
    "body",
    [
        b"<html>hello</html>",
        b"{",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{"text": "x"}]}',
        b"[1]",
        b"\xff",
    ],
)
def test_malformed_answers_are_shown(server: Server, body: bytes) -> None:
    server.answers = [Answer(body=body)]
    with pytest.raises(BadInput, match=rf"{server.url}.*not a chat completion"):
        ask(endpoint(server), FACTS)


@pytest.mark.parametrize("text", [None, "", "  \n", ["part"], "word " * 200])
def test_an_answer_without_a_description_is_refused(server: Server, text: object) -> None:
    server.answers = [Answer(body=completion(text))]
    with pytest.raises(BadInput, match=rf"{server.url}.*answered with (no text|\d+ characters)"):
        ask(endpoint(server), FACTS)


@pytest.mark.parametrize("missing", ["HARNESS_CHAT_URL", "HARNESS_CHAT_MODEL", "HARNESS_CHAT_KEY"])
def test_a_missing_variable_is_named_with_the_endpoint(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"HARNESS_CHAT_URL": "http://h/v1/", "HARNESS_CHAT_MODEL": "m", "HARNESS_CHAT_KEY": KEY}
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    assert from_environment() == Endpoint("http://h/v1", "m", KEY)
    monkeypatch.delenv(missing)
    named = "" if missing == "HARNESS_CHAT_URL" else ".*http://h/v1"
    with pytest.raises(BadInput, match=rf"lacks {missing}{named}.*scenes: template"):
        from_environment()


def test_a_url_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(chat._VARIABLES.values(), ("file:///etc", "m", "k"), strict=True):
        monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match="file:///etc does not begin with http"):
        from_environment()


def test_what_differs_is_kept_apart(server: Server, tmp_path: Path) -> None:
    from harness.store import Store

    one, store = endpoint(server), Store(tmp_path)
    places = {
        one.cached(store, FACTS),
        one.cached(store, FACTS + "!"),
        replace(one, model="other").cached(store, FACTS),
        replace(one, url="http://other").cached(store, FACTS),
    }
    assert len(places) == 4
    assert replace(one, key="new", seconds=9).cached(store, FACTS) in places

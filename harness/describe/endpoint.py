"""A language model behind an OpenAI-compatible chat-completions endpoint, which words a scene's facts anew.

Three variables say which: HARNESS_CHAT_URL (such as http://localhost:8000/v1), HARNESS_CHAT_MODEL and
HARNESS_CHAT_KEY (any word where the server asks for none). Only the facts in words are sent, no picture.
What was answered is kept by its content, so a run that is repeated asks nothing again. What cannot be had is
an error that names the endpoint; another description never takes its place.
"""

import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from harness.store import Store
from harness.types import BadInput

_VARIABLES = {"url": "HARNESS_CHAT_URL", "model": "HARNESS_CHAT_MODEL", "key": "HARNESS_CHAT_KEY"}
_SYSTEM = (
    "You describe one shot of a talking person for a video generator. Reword the facts that you are given as "
    "one or two plain English sentences of at most 40 words. Add nothing to them and answer with these "
    "sentences only."
)
_MAX_TOKENS = 120
_MAX_CHARACTERS = 600
_CHARACTERS_A_TOKEN = 4
_AGAIN = frozenset({408, 429, *range(500, 600)})
_LONGEST_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to ask and how patiently.

    seconds: one answer's time limit. tries: how often to ask where the server is busy, broken or silent.
    pause: seconds before the second try, doubled before each further one; a Retry-After that is longer wins.
    """

    url: str
    model: str
    key: str = field(repr=False)
    seconds: float = 60.0
    tries: int = 5
    pause: float = 1.0

    @property
    def name(self) -> str:
        """What errors call it; the key is never shown."""
        return f"scenes: endpoint {self.url} (model {self.model})"

    def cached(self, store: Store, facts: str) -> Path:
        """Return where the answer to `facts` is or will be."""
        return store.path("scenes", [self.url, self.model, _SYSTEM, _MAX_TOKENS, facts], ".txt")


def from_environment() -> Endpoint:
    """Return the endpoint that the environment names. BadInput says which variable is missing or wrong."""
    found = {name: os.environ.get(variable, "").strip() for name, variable in _VARIABLES.items()}
    if missing := [variable for name, variable in _VARIABLES.items() if not found[name]]:
        where = f" for the endpoint {found['url']}" if found["url"] else ""
        raise BadInput(
            f"data.scenes: endpoint, but the environment lacks {', '.join(missing)}{where}; export what is "
            "missing, or choose scenes: template"
        )
    if not found["url"].startswith(("http://", "https://")):
        raise BadInput(f"{_VARIABLES['url']}: {found['url']} does not begin with http:// or https://")
    return Endpoint(found["url"].rstrip("/"), found["model"], found["key"])


def price(facts: list[str]) -> str:
    """Return what asking about each of `facts` once will cost, in calls and tokens."""
    sent = sum(len(_SYSTEM) + len(text) for text in facts) // _CHARACTERS_A_TOKEN
    return f"{len(facts)} calls, about {sent} tokens sent and at most {_MAX_TOKENS * len(facts)} answered"


def ask(endpoint: Endpoint, facts: str) -> str:
    """Return the endpoint's words for `facts`. BadInput, naming it, where it gives none."""
    body = json.dumps(
        {
            "model": endpoint.model,
            "messages": [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": facts}],
            "temperature": 0,
            "max_tokens": _MAX_TOKENS,
            "stream": False,
        }
    ).encode()
    return _content(_posted(endpoint, body), endpoint)


def _posted(endpoint: Endpoint, body: bytes) -> bytes:
    """Return the server's answer, asked again while it is busy, broken or silent."""
    for turn in range(endpoint.tries):
        try:
            return _post(endpoint, body)
        except urllib.error.HTTPError as error:
            told = error.read(300).decode("utf-8", "replace").strip()
            reason, wanted = f"HTTP {error.code} {error.reason}: {told}", _retry_after(error)
            if error.code not in _AGAIN:
                raise BadInput(
                    f"{endpoint.name}: {reason}; check {', '.join(_VARIABLES.values())}"
                ) from error
        except TimeoutError:
            reason, wanted = f"no answer within {endpoint.seconds:g} s", 0.0
        except (OSError, HTTPException) as error:  # refused, reset, cut off, unknown host
            reason, wanted = f"{type(error).__name__}: {error}", 0.0
        if turn + 1 < endpoint.tries:
            time.sleep(min(_LONGEST_PAUSE, max(wanted, endpoint.pause * 2**turn)))
    raise BadInput(
        f"{endpoint.name}: {reason}, {endpoint.tries} times; run again when it answers (what it has answered "
        "is kept), or choose scenes: template"
    )


def _post(endpoint: Endpoint, body: bytes) -> bytes:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {endpoint.key}"}
    request = urllib.request.Request(f"{endpoint.url}/chat/completions", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=endpoint.seconds) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):  # while connecting it comes wrapped
            raise error.reason from error
        raise


def _retry_after(error: urllib.error.HTTPError) -> float:
    wanted = str(error.headers.get("Retry-After", ""))
    return float(wanted) if wanted.isdecimal() else 0.0


def _content(answer: bytes, endpoint: Endpoint) -> str:
    try:
        found: Any = json.loads(answer)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        shown = answer[:200].decode("utf-8", "replace")
        raise BadInput(
            f"{endpoint.name}: not a chat completion ({type(error).__name__}: {error}): {shown!r}; does "
            f"{_VARIABLES['url']} name the folder of /chat/completions?"
        ) from error
    text = " ".join(found.split()) if isinstance(found, str) else ""
    if not text or len(text) > _MAX_CHARACTERS:
        what = f"{len(text)} characters, at most {_MAX_CHARACTERS} were asked for" if text else "no text"
        raise BadInput(f"{endpoint.name}: answered with {what}; use another model")
    return text

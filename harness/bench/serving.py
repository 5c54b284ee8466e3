"""How many votes of a study one replica stores in a second of one core.

    python -m harness.bench serving

A made-up study is asked as browsers ask it, request by request through the whole application (guard, routes,
signatures, SQLite with synchronous=FULL), in this process: people open the page, consent, and answer every
item. A vote is one item's answers, confirmed as durable. Time is this process's CPU time, so neither the
clips' playing, nor the network, nor Ray Serve's proxy is in it.
Exit codes: 0 done; 2 bad input.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness import media, results
from harness.bench.rows import Row, What, alone
from harness.study.app import begun, create_app
from harness.study.config import StudyConfig
from harness.types import SAMPLES_PER_FRAME, BadInput

METHODS, CLIPS, FRAMES, SIDE = ("ground_truth", "still"), 10, 12, 32
ROUNDS, PEOPLE, ITEMS = 3, 10, 10
_MINUTE = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: this table has no arguments of its own."""


def rows(_: argparse.Namespace) -> Iterator[Row]:
    """Print and give the row."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        run = _made_up(Path(scratch) / "run")
        study = StudyConfig.model_validate({"name": "bench", "pairs": ITEMS, "participants": 1000})
        clock = _Clock()
        app = create_app(run, begun(run, study, None), now=clock)
        asyncio.run(_votes(app, clock, 1))  # the first person meets what is begun once
        rates = [_rate(app, clock) for _ in range(ROUNDS)]
    row = alone(
        What("serving", "votes of a study", "votes/s"), rates, note="one replica on one core, no network"
    )
    print(f"{row.ours:.0f} votes/s of one replica's CPU time ({row.low:.0f} to {row.high:.0f})", flush=True)
    yield row


@dataclass
class _Clock:
    """A clock that is set forward by as long as clips play."""

    time: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time


@dataclass
class _Browser:
    """What one person's browser keeps."""

    app: Any
    headers: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, body: Any = None) -> str:
        """Return the body of an answer. Raises BadInput where it is no success."""
        sent = b"" if body is None else json.dumps(body).encode()
        headers = {"host": "bench", "content-length": str(len(sent)), "content-type": "application/json"}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(k.encode(), v.encode()) for k, v in {**headers, **self.headers}.items()],
            "client": ("127.0.0.1", 1),
            "server": ("bench", 80),
        }
        answer: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": sent, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            answer.append(message)

        await self.app(scope, receive, send)
        text = b"".join(part.get("body", b"") for part in answer[1:]).decode()
        if answer[0]["status"] != 200:
            raise BadInput(f"serving: {method} {path} was answered with {answer[0]['status']}: {text[:200]}")
        for name, value in answer[0]["headers"]:
            if name == b"set-cookie":
                self.headers["cookie"] = value.decode().partition(";")[0]
        return text


def _rate(app: Any, clock: _Clock) -> float:
    begun_at = time.process_time()
    votes = asyncio.run(_votes(app, clock, PEOPLE))
    return votes / (time.process_time() - begun_at)


async def _votes(app: Any, clock: _Clock, people: int) -> int:
    return sum([await _answered(_Browser(app), clock) for _ in range(people)])


async def _answered(browser: _Browser, clock: _Clock) -> int:
    """Let one person answer everything; return how many votes were confirmed."""
    page = await browser.ask("GET", "/study")
    browser.headers["x-study-token"] = json.loads(page.split('id="data">')[1].split("</script>")[0])["token"]
    item = json.loads(await browser.ask("POST", "/study/consent", {"consent": True}))
    votes = 0
    while item["state"] == "item":
        clock.time += _MINUTE
        found = json.loads(await browser.ask("POST", "/study/answer", _submission(item)))
        votes, item = votes + 1, found["next"]
    return votes


def _submission(item: dict[str, Any]) -> dict[str, Any]:
    answers = [
        {"question": asked["name"], "target": target, "answer": asked["answers"][0]}
        for asked in item["questions"]
        for target in asked["targets"]
    ]
    played = {clip["part"]: clip["seconds"] for clip in item["clips"]}
    return {"ticket": item["ticket"], "answers": answers, "played": played, "plays": 1}


def _made_up(run: Path) -> Path:
    """Write what a study reads of a run."""
    run.mkdir()
    rng = np.random.default_rng(1)
    clips = [f"10{i:02d}_TIE_HAP_XX" for i in range(CLIPS)]
    results.write_json(run / "run.json", {"kind": "sweep", "name": "made_up"})
    rows = [{"run": "made_up", "method": m, "trial": "-", "metric": "psnr", "value": 1.0} for m in METHODS]
    results.write_rows(run / "results.csv", results.RESULT_COLUMNS, rows)
    results.write_rows(run / "clips.csv", results.SAMPLE_COLUMNS, [{"clip": clip} for clip in clips])
    (run / "leaderboard.html").write_text("<title>made up</title>")
    for method in METHODS:
        folder = run / "clips" / method / "-"
        folder.mkdir(parents=True)
        for clip in clips:
            sound = rng.normal(0, 0.1, FRAMES * SAMPLES_PER_FRAME).astype(np.float32)
            media.encode(
                folder / f"{clip}.mp4", rng.integers(0, 255, (FRAMES, SIDE, SIDE, 3), np.uint8), sound
            )
    return run

"""Simulated participants over HTTP against a running study: how many durable votes a second, and how fast.

    python -m tests.study.load http://127.0.0.1:8000 --people 150 --connections 16 [--rate 50]

A client of asyncio alone, so that on two cores most of them is the server's. Each person waits as long as the
clips play. What fails is sent again, as a browser's user would; only what was confirmed is counted.
"""

import argparse
import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_PATIENCE = 90.0


@dataclass
class Http:
    """One connection, kept open; opened anew where it was lost."""

    host: str
    port: int
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    async def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body; OSError where the connection breaks."""
        try:
            if self.writer is None:
                self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
            assert self.reader is not None
            lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}", f"Content-Length: {len(body)}"]
            lines += [f"{k}: {v}" for k, v in headers.items()]
            self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            found = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
            whole = await self.reader.readexactly(int(found.get("content-length", "0")))
            return int(head[0].split()[1]), found, whole
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            self.close()
            raise OSError(str(error)) from error

    def close(self) -> None:
        """Give the connection up."""
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


@dataclass
class Somebody:
    """A participant: their cookie and token, and what they are to answer next."""

    name: int
    cookie: str = ""
    token: str = ""
    item: dict[str, Any] = field(default_factory=dict)
    shown: float = 0.0

    def headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie, "X-Study-Token": self.token, "Content-Type": "application/json"}

    def submission(self) -> bytes:
        """Return answers that depend on the person and the place alone, so that a repeat is the same."""
        answers = [
            {
                "question": q["name"],
                "target": target,
                "answer": q["answers"][(self.name + self.item["place"]) % len(q["answers"])],
            }
            for q in self.item["questions"]
            for target in q["targets"]
        ]
        played = {clip["part"]: clip["seconds"] for clip in self.item["clips"]}
        ticket = self.item["ticket"]
        return json.dumps({"ticket": ticket, "answers": answers, "played": played, "plays": 1}).encode()

    def ready(self) -> float:
        """Return when the clips have been played."""
        return self.shown + sum(clip["seconds"] for clip in self.item["clips"]) + 0.02


@dataclass
class Outcome:
    """What came of a load: confirmed (person, place), each one's milliseconds, and how often one failed."""

    confirmed: list[tuple[int, int]] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def percentile(self, share: float) -> float:
        return sorted(self.milliseconds)[int(share * (len(self.milliseconds) - 1))]

    def __str__(self) -> str:
        speed = len(self.confirmed) / self.seconds
        times = f"p50 {self.percentile(0.5):.1f} ms, p95 {self.percentile(0.95):.1f} ms"
        tries = f"{len(self.failed)} tries failed"
        return f"{len(self.confirmed)} votes in {self.seconds:.1f} s: {speed:.0f}/s, {times}, {tries}"


async def _patiently(http: Http, outcome: Outcome, *request: Any) -> tuple[int, dict[str, str], bytes]:
    """Ask until there is an answer that is not the server's failure."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            found = await http.ask(*request)
            if found[0] < 500:
                return found
            outcome.failed.append(str(found[0]))
        except OSError as error:
            outcome.failed.append(str(error))
        if time.monotonic() > until:
            raise TimeoutError(f"no answer for {_PATIENCE} s: {outcome.failed[-1]}")
        await asyncio.sleep(0.25)


async def enter(http: Http, person: Somebody, outcome: Outcome) -> None:
    """Open the page, consent where that was not done before, and see what comes next."""
    cookie = {"Cookie": person.cookie} if person.cookie else {}
    status, headers, body = await _patiently(http, outcome, "GET", "/study", cookie)
    assert status == 200, body
    person.cookie = headers.get("set-cookie", person.cookie).partition(";")[0]
    data = json.loads(body.decode().split('id="data">')[1].split("</script>")[0])
    person.token, person.item = data["token"], data["now"]
    if person.item["state"] == "welcome":
        consent = b'{"consent": true}'
        status, _, body = await _patiently(http, outcome, "POST", "/study/consent", person.headers(), consent)
        assert status == 200, body
        person.item = json.loads(body)
    person.shown = time.time()


async def load(
    address: str,
    people: list[Somebody],
    connections: int,
    rate: float | None = None,
    seconds: float = 1e9,
    outcome: Outcome | None = None,
) -> Outcome:
    """Let people answer until they are done or time is over; `rate` votes a second at most."""
    parts = urlsplit(address)
    outcome = Outcome() if outcome is None else outcome
    https = [Http(parts.hostname or "", parts.port or 80) for _ in range(connections)]
    for begin in range(0, len(people), connections):
        group = people[begin : begin + connections]
        await asyncio.gather(*(enter(h, p, outcome) for h, p in zip(https, group, strict=False)))
    queue: asyncio.PriorityQueue[tuple[float, int]] = asyncio.PriorityQueue()
    for index, person in enumerate(people):
        if person.item["state"] == "item":
            queue.put_nowait((person.ready(), index))
    begun = time.monotonic()
    turns = {"next": begun}
    left = {"people": queue.qsize()}

    async def work(http: Http) -> None:
        while left["people"] and time.monotonic() - begun < seconds:
            try:
                ready, index = queue.get_nowait()
            except asyncio.QueueEmpty:
                await asyncio.sleep(0.02)
                continue
            await asyncio.sleep(max(0.0, ready - time.time()))
            if rate is not None:
                turns["next"] = max(turns["next"], time.monotonic()) + 1 / rate
                await asyncio.sleep(max(0.0, turns["next"] - time.monotonic()))
            await _vote(http, people[index], outcome)
            if people[index].item["state"] == "item":
                queue.put_nowait((people[index].ready(), index))
            else:
                left["people"] -= 1

    await asyncio.gather(*(work(http) for http in https))
    outcome.seconds = time.monotonic() - begun
    for http in https:
        http.close()
    return outcome


async def _vote(http: Http, person: Somebody, outcome: Outcome) -> None:
    place = person.item["place"]
    asked = time.perf_counter()
    request = ("POST", "/study/answer", person.headers(), person.submission())
    status, _, body = await _patiently(http, outcome, *request)
    assert status == 200, (status, body)
    outcome.milliseconds.append(1000 * (time.perf_counter() - asked))
    found = json.loads(body)
    assert found["confirmed"] == place
    outcome.confirmed.append((person.name, place))
    person.item, person.shown = found["next"], time.time()


async def together(address: str, people: list[Somebody]) -> tuple[float, int]:
    """Let everybody fetch their first clip at once; return the seconds that took in all, and the bytes."""
    parts = urlsplit(address)
    https = [Http(parts.hostname or "", parts.port or 80) for _ in people]
    for http, person in zip(https, people, strict=True):
        await enter(http, person, Outcome())
    begun = time.perf_counter()
    asked = (
        h.ask("GET", p.item["clips"][0]["src"], {"Cookie": p.cookie})
        for h, p in zip(https, people, strict=True)
    )
    found = await asyncio.gather(*asked)
    took = time.perf_counter() - begun
    assert all(status == 200 for status, _, _ in found)
    for http in https:
        http.close()
    return took, sum(len(body) for _, _, body in found)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.study.load", description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--people", type=int, default=150)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--seconds", type=float, default=1e9)
    options = parser.parse_args()
    people = [Somebody(name) for name in range(options.people)]
    print(asyncio.run(load(options.address, people, options.connections, options.rate, options.seconds)))
    took, size = asyncio.run(together(options.address, [Somebody(name) for name in range(20)]))
    print(f"20 clips of {size / 20e6:.2f} MB at once in {took:.2f} s")


if __name__ == "__main__":
    main()

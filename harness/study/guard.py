"""What stands before every route: size and time limits, security headers, plain errors.

A body is counted as it comes, so neither a promised nor an endless one is ever held in memory. Nothing that
goes wrong is told in more than a sentence; what is unexpected goes to the log.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOG = logging.getLogger("harness.study")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
_LONGEST_QUERY = 2048
_BODY_SECONDS = 20.0


@dataclass
class Guard:
    """An ASGI application round another one.

    limits: the largest body in bytes, by the beginning of a path, the longest that fits counts; "/" is every
    other path's. headers: replacements of security headers, likewise by the beginning of a path.
    """

    app: ASGIApp
    limits: Mapping[str, int]
    headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    answered: dict[int, int] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, within limits."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        passing = _Passing(receive, send, self._limit(scope["path"]), self._headers(scope["path"]))
        try:
            if (early := self._refusal(scope, passing.limit)) is not None:
                await passing.refuse(*early)
            else:
                await self.app(scope, passing.receive, passing.send)
        except Exception:  # noqa: BLE001 the last line: said plainly to the visitor, whole to the log
            _LOG.exception("%s failed", scope["method"])
            await passing.refuse(500, "Something went wrong here. Please try again.")
        status = passing.status
        self.answered[status] = self.answered.get(status, 0) + 1

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let lifespan events pass, and refuse web sockets, of which there are none."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _limit(self, path: str) -> int:
        return self.limits[max((p for p in self.limits if path.startswith(p)), key=len, default="/")]

    def _headers(self, path: str) -> dict[str, str]:
        found = dict(_HEADERS)
        for begin in sorted((p for p in self.headers if path.startswith(p)), key=len):
            found |= self.headers[begin]
        return found

    def _refusal(self, scope: Scope, limit: int) -> tuple[int, str] | None:
        """Return what is wrong with a request before its body has come."""
        if len(scope["query_string"]) > _LONGEST_QUERY:
            return 414, "That address is too long."
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        if any(not value.isdigit() for value in lengths) or len(set(lengths)) > 1:
            return 400, "The length of the body is not a number."
        if lengths and (len(lengths[0]) > 15 or int(lengths[0]) > limit):
            return 413, "That is too large."
        return None


class _Passing:
    """One request on its way: counts what comes, completes what goes."""

    def __init__(self, receive: Receive, send: Send, limit: int, headers: Mapping[str, str]) -> None:
        self._receive, self._send = receive, send
        self.limit, self._headers = limit, headers
        self._came = 0
        self._whole = False
        self.status = 0

    async def receive(self) -> Message:
        """Return the next piece of the body, within size and time."""
        if self._whole:
            return await self._receive()  # nothing but the end of the connection comes now
        try:
            message = await asyncio.wait_for(self._receive(), _BODY_SECONDS)
        except TimeoutError as error:
            raise HTTPException(408) from error
        self._came += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._came > self.limit:
            raise HTTPException(413)
        return message

    async def send(self, message: Message) -> None:
        """Send a piece of the answer; its head gets the security headers that it has not set itself."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                headers.setdefault(name, value)
        await self._send(message)

    async def refuse(self, status: int, message: str) -> None:
        """Answer with one sentence, unless an answer has begun."""
        if self.status:
            return
        body = json.dumps({"message": message}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

"""Signed tokens: what a participant holds proves itself, and says nothing about what it stands for.

Every token is bound to one participant and one purpose by an HMAC-SHA-256 under the study's secret, so none
can be made up, handed on, or used for anything else. Tokens are compared in constant time.
"""

import base64
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass
from typing import Literal, get_args

Part = Literal["left", "right", "hidden"]
"""Which clip of an assignment; `hidden` is ABX's X."""

_PARTS: tuple[Part, ...] = get_args(Part)
_MAC = 18
_NONCE = 18


@dataclass(frozen=True, slots=True)
class Ticket:
    """The server's word that it showed an assignment at a time (seconds since 1970)."""

    assignment: int
    shown: float


@dataclass(frozen=True, slots=True)
class Signer:
    """Makes and reads tokens under one secret."""

    secret: str

    def cookie(self) -> str:
        """Return a new visitor's cookie: a random key, signed so that nobody chooses their own."""
        key = _text(secrets.token_bytes(_NONCE))
        return f"{key}.{self._mac('cookie', key)}"

    def key(self, cookie: str | None) -> str | None:
        """Return the key of a cookie, None where it is not one of ours."""
        key, dot, mac = (cookie or "").partition(".")
        return key if dot and self._equal(mac, "cookie", key) else None

    def form(self, key: str) -> str:
        """Return the token that shows a request to come from a page of ours."""
        return self._mac("form", key)

    def is_form(self, key: str, token: str | None) -> bool:
        """Whether this is the holder's form token."""
        return self._equal(token or "", "form", key)

    def media(self, key: str, assignment: int, part: Part) -> str:
        """Return the name under which a participant fetches a clip of an assignment."""
        body = _text(struct.pack(">QB", assignment, _PARTS.index(part)))
        return body + self._mac("media", key, body)

    def media_of(self, key: str, token: str) -> tuple[int, Part] | None:
        """Return the assignment and the clip that a token of this participant names, None for any other."""
        body, mac = token[:12], token[12:]
        if not self._equal(mac, "media", key, body):
            return None
        assignment, part = struct.unpack(">QB", _bytes(body))
        return assignment, _PARTS[part]

    def ticket(self, key: str, ticket: Ticket) -> str:
        """Return what an answer must bring along."""
        body = _text(struct.pack(">Qd", ticket.assignment, ticket.shown))
        return f"{body}.{self._mac('ticket', key, body)}"

    def ticket_of(self, key: str, token: str) -> Ticket | None:
        """Return the ticket in a token of this participant, None for any other."""
        body, dot, mac = token.partition(".")
        if not dot or not self._equal(mac, "ticket", key, body):
            return None
        return Ticket(*struct.unpack(">Qd", _bytes(body)))

    def invite(self, number: int) -> str:
        """Return the code of an invitation."""
        return f"{number}-{self._mac('invite', str(number))[:16]}"

    def invited(self, code: str, invites: int) -> bool:
        """Whether a code is one of the first `invites` invitations."""
        number = code.partition("-")[0]
        if not number.isascii() or not number.isdigit() or len(number) > 6 or int(number) >= invites:
            return False
        return hmac.compare_digest(self.invite(int(number)).encode(), code.encode())

    def invited_cookie(self, code: str) -> str:
        """Return the cookie of who holds an invitation: the same on every device."""
        key = self._mac("invited", code)
        return f"{key}.{self._mac('cookie', key)}"

    def board(self) -> str:
        """Return the secret part of the leaderboard's address while a study runs."""
        return self._mac("board")

    def _mac(self, *parts: str) -> str:
        message = "\0".join(parts).encode()
        return _text(hmac.digest(self.secret.encode(), message, hashlib.sha256)[:_MAC])

    def _equal(self, mac: str, *parts: str) -> bool:
        return hmac.compare_digest(mac.encode("utf-8", "surrogatepass"), self._mac(*parts).encode())


def stored(key: str) -> str:
    """Return what the database keeps of a key: its hash, so that a leaked database lets nobody in."""
    return hashlib.sha256(key.encode()).hexdigest()


def completion_code() -> str:
    """Return a code that a participant shows to be paid; without letters and digits that look alike."""
    return "".join(secrets.choice("ABCDEFGHJKMNPQRSTUVWXYZ23456789") for _ in range(10))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

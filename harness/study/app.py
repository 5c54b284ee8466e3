"""The web application of a run: leaderboard, study, health. Any ASGI server runs it; several may at once.

The demo's seam: `harness/demo` gives a `Part` (its router, its largest bodies, its headers) to `create_app`.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from harness.study.begin import begin
from harness.study.board import board_router, described
from harness.study.config import StudyConfig
from harness.study.database import connect
from harness.study.desk import Desk
from harness.study.guard import Guard
from harness.study.items import Refused
from harness.study.material import Material, gather
from harness.study.routes import study_router
from harness.study.tokens import Signer
from harness.study.votes import default_url

_LARGEST_BODY = 32 * 1024
_PLAIN = {
    404: "There is no such page.",
    405: "That cannot be done here.",
    408: "That took too long to arrive.",
    413: "That is too large.",
}


@dataclass(frozen=True)
class StudyPart:
    """Everything a replica needs to know of a study; plain data, so that it travels."""

    config: StudyConfig
    material: Material
    database: str
    secret: str

    @property
    def board(self) -> str:
        """The path of the leaderboard, which no participant may know."""
        return f"/board/{Signer(self.secret).board()}/leaderboard.html"

    def invitations(self) -> list[str]:
        """Return the codes of all invitations."""
        return [Signer(self.secret).invite(number) for number in range(self.config.invites)]


@dataclass(frozen=True)
class Part:
    """Another part of the site: its routes, its largest bodies in bytes and its headers by path."""

    router: APIRouter
    limits: Mapping[str, int] = field(default_factory=dict)
    headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def begun(run_dir: Path, study: StudyConfig, database: str | None) -> StudyPart:
    """Gather what a study shows and begin it, or go on with it. Raises BadInput."""
    material = gather(run_dir, study)
    url = database or default_url(run_dir)
    signer = begin(run_dir, material.run, study, url)
    return StudyPart(study, material, url, signer.secret)


def create_app(
    run_dir: Path,
    study: StudyPart | None,
    parts: Sequence[Part] = (),
    now: Callable[[], float] = time.time,
) -> Guard:
    """Return the site of a run as an ASGI application; `now` gives seconds since 1970."""
    app = FastAPI(title="Talking faces", docs_url=None, redoc_url=None, redirect_slashes=False)
    desk = None if study is None else _desk(study, now)
    secret = None if desk is None else desk.signer.board()
    headers: dict[str, Mapping[str, str]] = {}
    limits = {"/": _LARGEST_BODY}
    for part in parts:
        headers |= part.headers
        limits |= part.limits
        app.include_router(part.router)
    guard = Guard(app, limits, headers)
    app.include_router(_health(desk, guard))
    if desk is not None:
        app.include_router(study_router(desk))
    app.include_router(board_router(run_dir, secret))
    _explain_plainly(app)
    return guard


def _desk(study: StudyPart, now: Callable[[], float]) -> Desk:
    return Desk(connect(study.database), Signer(study.secret), study.config, study.material, now)


def _health(desk: Desk | None, guard: Guard) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> str:
        """Say whether this replica can do its work."""
        if desk is not None:
            desk.counts()
        return "ok\n"

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> str:
        """Return counts for Prometheus; those of responses are one replica's."""
        return described({} if desk is None else desk.counts(), guard.answered, os.getpid())

    return router


def _explain_plainly(app: FastAPI) -> None:
    """Let every refusal be one sentence, and never repeat what was sent."""

    @app.exception_handler(Refused)
    async def _refused(_: Request, refused: Any) -> JSONResponse:
        return JSONResponse({"message": refused.message}, refused.status)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: Any) -> JSONResponse:
        malformed = any(e["type"] == "json_invalid" for e in error.errors())
        return JSONResponse({"message": "That is not what was asked for."}, 400 if malformed else 422)

    @app.exception_handler(HTTPException)
    async def _failed(_: Request, error: Any) -> JSONResponse:
        message = _PLAIN.get(error.status_code, "That request cannot be answered.")
        return JSONResponse({"message": message}, error.status_code, error.headers)

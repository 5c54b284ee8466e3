"""The study's pages and requests. Every request that changes something carries the page's own token.

A visitor gets a signed random cookie, and a participant is whoever consented with it. No page, address,
header or file name tells whose clips are shown.
The database is asked where the event loop runs, see `sending`.
"""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Cookie, Depends, Header, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import Field

from harness.study.desk import Desk
from harness.study.items import Refused, Strictly, Submission
from harness.study.pages import asset, study_page
from harness.study.sending import FilePart

COOKIE = "study"
_COOKIE_SECONDS = 90 * 24 * 3600
_INVITE = r"^[A-Za-z0-9_-]{1,40}$"
_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": what}
    for status, what in {
        400: "malformed",
        401: "no study was begun in this browser",
        403: "not allowed",
        404: "no such thing",
        409: "answered before, or shown too long ago",
        413: "too large",
        422: "not an answer to what was asked",
    }.items()
}


class Consent(Strictly):
    """A person's yes."""

    consent: bool
    invite: str | None = Field(None, max_length=40, pattern=_INVITE)


def study_router(desk: Desk) -> APIRouter:
    """Return the routes of a study."""
    router = APIRouter(prefix="/study", responses=_REFUSALS)
    _showing(router, desk)
    _taking_part(router, desk)
    return router


class _Door:
    """Who a request comes from: the holder of a cookie of ours, on a page of ours where something changes."""

    def __init__(self, desk: Desk) -> None:
        self._signer = desk.signer

    async def visitor(self, study: Annotated[str | None, Cookie(max_length=200)] = None) -> str:
        """Return the key of the cookie's holder."""
        key = self._signer.key(study)
        if key is None:
            raise Refused(401, "Please open the study's first page in this browser.")
        return key

    async def writer(
        self,
        request: Request,
        study: Annotated[str | None, Cookie(max_length=200)] = None,
        x_study_token: Annotated[str | None, Header(max_length=100)] = None,
    ) -> str:
        """Return the visitor of a request that surely comes from a page of ours."""
        key = await self.visitor(study)
        elsewhere = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        if elsewhere or not self._signer.is_form(key, x_study_token):
            raise Refused(403, "This request did not come from the study's own page. Please reload it.")
        return key


def _showing(router: APIRouter, desk: Desk) -> None:
    """Add the page, its files and the clips."""
    door = _Door(desk)

    @router.get("", response_class=HTMLResponse)
    async def page(
        request: Request,
        study: Annotated[str | None, Cookie(max_length=200)] = None,
        invite: Annotated[str | None, Query(max_length=40, pattern=_INVITE)] = None,
    ) -> Response:
        """Show the study from where this visitor left it."""
        cookie = study if desk.signer.key(study) else None
        if invite is not None and desk.signer.invited(invite, desk.study.invites):
            cookie = desk.signer.invited_cookie(invite)
        fresh = cookie or desk.signer.cookie()
        key = fresh.partition(".")[0]
        response = HTMLResponse(study_page(desk.study, desk.state(key), desk.signer.form(key), invite))
        if fresh != study:
            _set_cookie(response, fresh, request.url.scheme == "https")
        return response

    @router.get("/media/{name}", response_class=Response)
    async def media(
        name: str,
        key: Annotated[str, Depends(door.visitor)],
        range_: Annotated[str | None, Header(alias="Range", max_length=200)] = None,
    ) -> Response:
        """Return a clip, or a part of it (Range)."""
        token = name.removesuffix(".mp4")
        clip = desk.clip(key, token if len(token) == 36 and token.isascii() else "")
        return FilePart(clip.path, range_, "private, max-age=86400")

    @router.get("/assets/{name}")
    async def assets(name: str) -> Response:
        """Return the style sheet or the script."""
        found: Path | None = asset(name)
        if found is None:
            raise Refused(404, "There is no such file.")
        return FilePart(found, cache="public, max-age=300")


def _taking_part(router: APIRouter, desk: Desk) -> None:
    """Add how a visitor consents, sees what is next and answers."""
    door = _Door(desk)

    @router.get("/state")
    async def state(key: Annotated[str, Depends(door.visitor)]) -> dict[str, Any]:
        """Return what is to be shown now."""
        return desk.state(key)

    @router.post("/consent")
    async def consent(body: Consent, key: Annotated[str, Depends(door.writer)]) -> dict[str, Any]:
        """Take part."""
        if not body.consent:
            raise Refused(422, "Without consent nobody takes part.")
        return desk.join(key, body.invite)

    @router.post("/answer")
    async def answer(body: Submission, key: Annotated[str, Depends(door.writer)]) -> dict[str, Any]:
        """Answer what is shown; confirmed only when it is stored for good."""
        return await desk.answer(key, body)


def _set_cookie(response: Response, value: str, secure: bool) -> None:
    response.set_cookie(
        COOKIE,
        value,
        max_age=_COOKIE_SECONDS,
        path="/study",
        httponly=True,
        samesite="lax",
        secure=secure,
    )

"""The demo over HTTP: an order is begun, filled with a picture and a sound, placed, watched and fetched.

    POST /demo/orders                     -> 201 {"order": NAME}
    PUT  /demo/orders/NAME/picture        the file itself as the body -> 204
    PUT  /demo/orders/NAME/sound          the same
    POST /demo/orders/NAME                {"models": [...], "emotion": ..., "level": ...} -> 202
    GET  /demo/orders/NAME                how far each clip is
    GET  /demo/orders/NAME/<n>.mp4        a clip, with HTTP Range

Wrong input is a 4xx with {"message": one plain sentence}.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from harness.demo import uploads
from harness.demo.making import Model
from harness.demo.orders import Order, Orders
from harness.study.app import Part
from harness.study.guard import POLICY
from harness.study.items import Refused
from harness.types import EMOTIONS, LEVELS, BadInput

ASSETS = Path(__file__).parent / "assets"
_KINDS = {"page.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
_MOST_CLIPS = 6
_PER_MINUTE = 120
_WAITING = 40
_SHOWN_OF_A_MODEL = ("name", "label", "emotions", "paper", "conditions")
_SHOWN = "neutral"
"""What the page asks the picture to show."""

_HEADERS = {
    "Content-Security-Policy": POLICY.replace("img-src 'self' data:", "img-src 'self' data: blob:"),
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=(self)",
}

Submit = Callable[[str, int], Awaitable[None]]
"""Has clip `index` of an order made, some time; returns at once."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the demo offers: a run's models, example faces and voices, and what a visitor must know."""

    models: Sequence[Model]
    examples: Path
    example_count: int
    note: str


class Asked(BaseModel):
    """The body that places an order."""

    model_config = ConfigDict(extra="forbid")

    models: tuple[str, ...] = Field(min_length=1, max_length=_MOST_CLIPS)
    emotion: str | None = None
    level: str | None = None
    text: str | None = Field(None, max_length=500)


def demo_part(offer: Offer, orders: Orders, submit: Submit) -> Part:
    """Return the demo as a part of a run's site."""
    limits = {"/demo/orders/": uploads.LARGEST_BYTES}
    router = APIRouter(prefix="/demo", tags=["demo"])
    _offering(router, offer)
    _filling(router, orders)
    _making(router, {model.name: model for model in offer.models}, orders, submit)
    return Part(router, limits, {"/demo": _HEADERS})


def _offering(router: APIRouter, offer: Offer) -> None:
    """Add the page and what it shows before anything is ordered."""

    @router.get("", include_in_schema=False)
    def page() -> FileResponse:
        return _asset("page.html")

    @router.get("/assets/{name}", include_in_schema=False)
    def asset(name: str) -> FileResponse:
        return _asset(name)

    @router.get("/offer")
    def offered() -> dict[str, Any]:
        shown = [{key: getattr(m, key) for key in _SHOWN_OF_A_MODEL} for m in offer.models]
        limits = {"seconds": uploads.MOST_SECONDS, "clips": _MOST_CLIPS}
        return {
            "models": shown,
            "levels": LEVELS,
            "examples": offer.example_count,
            "note": offer.note,
            **limits,
        }

    @router.get("/examples/{name}")
    def example(name: str) -> FileResponse:
        names = {f"{n}.{kind}" for n in range(offer.example_count) for kind in ("png", "wav")}
        if name not in names:
            raise Refused(404, "There is no such example.")
        return FileResponse(offer.examples / name)


def _filling(router: APIRouter, orders: Orders) -> None:
    """Add how an order is begun and given a picture and a sound."""
    visits = _Visits()

    @router.post("/orders", status_code=201)
    def begin() -> dict[str, str]:
        visits.count()
        return {"order": orders.begin()}

    @router.put("/orders/{order}/picture", status_code=204)
    async def picture(order: str, request: Request) -> Response:
        visits.count()
        content = await request.body()
        await _kept(uploads.keep_picture, content, _open(orders, order) / "picture.png")
        return Response(status_code=204)

    @router.put("/orders/{order}/sound", status_code=204)
    async def sound(order: str, request: Request) -> Response:
        visits.count()
        content = await request.body()
        await _kept(uploads.keep_sound, content, _open(orders, order) / "sound.wav")
        return Response(status_code=204)


def _making(router: APIRouter, known: dict[str, Model], orders: Orders, submit: Submit) -> None:
    """Add how an order is placed, watched and fetched."""

    @router.post("/orders/{order}", status_code=202)
    async def place(order: str, asked: Asked) -> dict[str, Any]:
        folder = _open(orders, order)
        _check(asked, known, folder)
        if orders.waiting() >= _WAITING:
            raise Refused(429, "Many clips are waiting; try again in a minute.")
        orders.place(order, Order(asked.models, asked.emotion, asked.level, asked.text, _SHOWN))
        for index in range(len(asked.models)):
            await submit(order, index)
        return {"order": order, "clips": len(asked.models)}

    @router.get("/orders/{order}")
    def progress(order: str) -> dict[str, Any]:
        placed = _found(orders, order)
        clips = [asdict(orders.progress(order, i)) for i in range(len(placed.models))]
        return {"clips": [{"model": m, **c} for m, c in zip(placed.models, clips, strict=True)]}

    @router.get("/orders/{order}/{index}.mp4")
    def clip(order: str, index: int) -> FileResponse:
        placed = _found(orders, order)
        path = orders.folder(order) / f"{index}.mp4"
        if not 0 <= index < len(placed.models) or not path.exists():
            raise Refused(404, "There is no such clip, or it is not made yet.")
        return FileResponse(
            path, media_type="video/mp4", filename=f"clip-{index}.mp4", content_disposition_type="inline"
        )


class _Visits:
    """At most `_PER_MINUTE` begun orders and uploads a minute, whoever they come from.

    Behind a proxy all visitors have its address, so a limit for each would be none.
    """

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def count(self) -> None:
        """Count one more. Raises Refused where it is too many."""
        now = time.monotonic()
        while self._times and self._times[0] < now - 60:
            self._times.popleft()
        if len(self._times) >= _PER_MINUTE:
            raise Refused(429, "Too many orders in a minute; wait a little.")
        self._times.append(now)


def _asset(name: str) -> FileResponse:
    if name not in _KINDS:
        raise Refused(404, "There is no such file.")
    return FileResponse(ASSETS / name, media_type=_KINDS[name])


async def _kept(keep: Callable[[bytes, Path], None], content: bytes, path: Path) -> None:
    try:
        await run_in_threadpool(keep, content, path)
    except BadInput as error:
        raise Refused(400, f"Not usable: {error}.") from error


def _open(orders: Orders, name: str) -> Path:
    """Return the folder of an order that is begun and not yet placed."""
    try:
        folder = orders.folder(name)
    except KeyError:
        folder = None
    if folder is None or not folder.is_dir():
        raise Refused(404, "There is no such order; begin one.")
    if (folder / "order.json").exists():
        raise Refused(409, "This order is placed already; begin another.")
    return folder


def _found(orders: Orders, name: str) -> Order:
    try:
        return orders.read(name)
    except KeyError as error:
        raise Refused(404, "There is no such order.") from error


def _check(asked: Asked, known: dict[str, Model], folder: Path) -> None:
    """Refuse an order that no model could answer."""
    for name, what in (("picture.png", "picture"), ("sound.wav", "recording")):
        if not (folder / name).exists():
            raise Refused(400, f"This order has no {what} yet.")
    if any(name not in known for name in asked.models):
        raise Refused(400, "There is no such model here.")
    if asked.emotion is not None and asked.emotion not in EMOTIONS:
        raise Refused(400, f"emotion is one of {', '.join(EMOTIONS)}.")
    if asked.level is not None and asked.level not in LEVELS:
        raise Refused(400, f"level is one of {', '.join(LEVELS)}.")
    for name in asked.models:
        taught = known[name].emotions
        if taught and asked.emotion not in taught:
            raise Refused(400, f"{known[name].label} can show {', '.join(taught)}.")

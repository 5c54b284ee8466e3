"""The run's own leaderboard and clips, as files; while a study runs, under a secret address only.

The leaderboard names the methods, so a participant must not find it: with a study, `/` leads to the study
and the board is at `/board/<secret>/`, which harness.serve prints.
"""

import base64
import hashlib
import re
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from fastapi.responses import RedirectResponse

from harness.study.items import Refused
from harness.study.sending import FilePart
from harness.types import BadInput

_PAGES = ("leaderboard.html", "study.html", "leaderboard.md", "results.csv", "per_clip.csv", "clips.csv")
_FOLDERS = {"clips": {".mp4", ".m4v", ".mov", ".webm", ".png"}, "strips": {".png"}}
_INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def board_router(run_dir: Path, secret: str | None) -> APIRouter:
    """Return the routes of the board. `secret` None: no study runs, so it is at `/` itself."""
    router = APIRouter()
    base = "" if secret is None else f"/board/{secret}"

    @router.get("/", include_in_schema=False)
    async def front() -> Response:
        """Lead to what there is."""
        return RedirectResponse("/leaderboard.html" if secret is None else "/study", status_code=303)

    @router.get(f"{base}/{{path:path}}", include_in_schema=False)
    async def file(
        path: str, range_: Annotated[str | None, Header(alias="Range", max_length=200)] = None
    ) -> Response:
        """Return one of the board's files."""
        found = board_file(run_dir, path or "leaderboard.html")
        if found is None:
            raise Refused(404, "There is no such page.")
        answer = FilePart(found, range_, "private, max-age=60")
        if found.suffix == ".html":
            answer.headers["Content-Security-Policy"] = page_policy(found)
        return answer

    return router


def board_file(run_dir: Path, path: str) -> Path | None:
    """Return the file of the board at a relative path; None for anything that is not the board's."""
    if "\0" in path or "\\" in path or len(path) > 1000:
        return None
    parts = path.split("/")
    if any(part in ("", ".", "..") or len(part.encode("utf-8", "replace")) > 255 for part in parts):
        return None
    named = path in _PAGES if len(parts) == 1 else Path(path).suffix.lower() in _FOLDERS.get(parts[0], ())
    file = run_dir.joinpath(*parts)
    return file if named and file.is_file() else None


def check_board(run_dir: Path) -> None:
    """Raise BadInput where a run has no leaderboard to serve."""
    page = run_dir / "leaderboard.html"
    if not page.is_file():
        raise BadInput(f"{page}: no such page; make it with python -m harness.report {run_dir}")


def page_policy(page: Path) -> str:
    """Return a page's content security policy: its own inline scripts, by their hashes, and no others."""
    digests = (hashlib.sha256(code).digest() for code in _INLINE.findall(page.read_bytes()))
    scripts = " ".join(f"'sha256-{base64.b64encode(d).decode()}'" for d in digests)
    return (
        f"default-src 'none'; script-src {scripts or chr(39) + 'none' + chr(39)}; style-src 'unsafe-inline'; "
        "img-src 'self' data: blob:; media-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def described(counts: dict[str, int], answered: dict[int, int], replica: int) -> str:
    """Return the metrics in Prometheus's text format."""
    lines: list[Any] = []
    for name, value in counts.items():
        lines += [f"# TYPE study_{name} gauge", f"study_{name} {value}"]
    lines.append("# TYPE http_responses_total counter")
    lines += [
        f'http_responses_total{{replica="{replica}",status="{status}"}} {n}'
        for status, n in sorted(answered.items())
    ]
    return "\n".join(lines) + "\n"

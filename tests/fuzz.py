"""Requests made at random from an API's own OpenAPI document."""

from collections.abc import Mapping, Sequence
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings


def fuzz(app: Any, headers: Sequence[Mapping[str, str]] = ({},)) -> set[str]:
    """Send each operation a dozen requests with each of `headers`; return the paths that were tried.

    Fails where one brings a server error or tells of the inside.
    """
    tried = set()
    settled = settings(
        max_examples=12,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    def send(case: Any) -> None:
        for given_headers in headers:
            response = case.call(headers=dict(given_headers))
            assert response.status_code < 500, (case.method, case.path, response.text)
            assert "Traceback" not in response.text
        tried.add(case.path)

    for found in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations():
        settled(given(case=found.ok().as_strategy())(send))()
    return tried

"""Whatever is made from the API's own OpenAPI document: never a server error, never an inside told."""

from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings

from harness.study.app import create_app
from tests.study.site import Site


def test_no_request_made_from_the_document_brings_a_server_error(begin_site: Callable[..., Site]) -> None:
    site = begin_site()
    app = create_app(site.run_dir, site.part, now=site.clock)
    person = site.person()
    person.consent()
    cookie = f"study={person.client.cookies['study']}"
    inside = {"Cookie": cookie, "X-Study-Token": person.token}
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    tried = []
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=12,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def fuzz(case: Any) -> None:
            for headers in ({}, inside):
                response = case.call(headers=headers)
                assert response.status_code < 500, (case.method, case.path, response.text)
                assert "Traceback" not in response.text
            tried.append(case.path)

        _given(operation, fuzz)
    assert {"/study", "/study/consent", "/study/answer", "/study/media/{name}"} <= set(tried)


def _given(operation: Any, fuzz: Callable[[Any], None]) -> None:
    from hypothesis import given

    given(case=operation.as_strategy())(fuzz)()

"""Whatever is made from the API's own OpenAPI document: never a server error, never an inside told."""

from collections.abc import Callable

from harness.study.app import create_app
from tests.fuzz import fuzz
from tests.study.site import Site


def test_no_request_made_from_the_document_brings_a_server_error(begin_site: Callable[..., Site]) -> None:
    site = begin_site()
    app = create_app(site.run_dir, site.part, now=site.clock)
    person = site.person()
    person.consent()
    cookie = f"study={person.client.cookies['study']}"
    tried = fuzz(app, ({}, {"Cookie": cookie, "X-Study-Token": person.token}))
    assert {"/study", "/study/consent", "/study/answer", "/study/media/{name}"} <= tried

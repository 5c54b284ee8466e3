"""Whatever is made from the demo's own OpenAPI document: never a server error, never an inside told."""

from tests.demo.conftest import Place
from tests.fuzz import fuzz


def test_no_request_made_from_the_document_brings_a_server_error(place: Place) -> None:
    order = "/demo/orders/{order}"
    wanted = {
        "/demo/offer",
        "/demo/orders",
        order,
        f"{order}/picture",
        f"{order}/sound",
        f"{order}/{{index}}.mp4",
    }
    assert wanted <= fuzz(place.app)

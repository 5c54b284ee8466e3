"""A real browser makes clips at the demo, at desktop and phone size."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import SIZES, chromium, needs_chromium, serving, visit
from tests.demo.conftest import Place

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.mark.parametrize("size", SIZES)
def test_a_browser_makes_a_clip(browser: Any, place: Place, size: str) -> None:
    page, wrong = visit(browser, size)
    with serving(place.app) as address:
        page.goto(f"{address}/demo")
        assert page.locator("#make").is_disabled()
        page.locator("#faces button").first.click()
        page.locator("#voices button").first.click()
        page.locator("label", has_text="happy").click()
        page.locator("#make:not([disabled])").click()
        video = page.locator(".made video")
        video.wait_for(timeout=60_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
        assert page.locator(".made a", has_text="Download").get_attribute("href").endswith("/0.mp4")
        assert video.evaluate("v => v.play().then(() => v.videoWidth)") == 64
    page.context.close()
    assert wrong == []


def test_a_recorded_voice_is_heard(browser: Any, place: Place) -> None:
    """The browser's own fake microphone beeps: what MediaRecorder makes of it is a recording."""
    page, wrong = visit(browser, "desktop")
    page.context.grant_permissions(["microphone"])
    with serving(place.app) as address:
        page.goto(f"{address}/demo")
        page.locator("#faces button").first.click()
        page.locator("#record").click()
        page.wait_for_timeout(1200)
        page.locator("#record").click()
        page.locator("#make:not([disabled])").click()
        page.locator(".made video").wait_for(timeout=60_000)
    page.context.close()
    assert wrong == []

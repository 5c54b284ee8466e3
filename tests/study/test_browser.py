"""A real browser takes a whole study, at desktop and phone size, by hand and by keyboard."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.study.app import create_app
from harness.study.votes import read_participants, read_votes
from tests.browser import SIZES, chromium, needs_chromium, serving, visit
from tests.study.site import Site

pytestmark = needs_chromium
sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


def play(page: Any) -> None:
    """Play until the questions open; on a slow machine once more."""
    for _ in range(6):
        page.locator("#play:not([disabled])").click(timeout=30_000)
        try:
            page.locator("#questions:not([disabled])").wait_for(timeout=5_000)
            return
        except sync_api.TimeoutError:
            continue
    raise AssertionError(page.locator("#hint").text_content())


def answer_by_hand(page: Any) -> None:
    names = page.eval_on_selector_all("#questions input", "all => [...new Set(all.map(e => e.name))]")
    for name in names:
        page.locator(f'input[name="{name}"]').first.check()
    page.locator("#submit").click()


def answer_by_keys(page: Any) -> None:
    page.keyboard.press("r")
    for _ in range(page.locator(".scale").count()):
        page.keyboard.press("4")
    page.keyboard.press("Enter")


@pytest.mark.parametrize("size", SIZES)
def test_a_browser_takes_a_whole_study(browser: Any, begin_site: Callable[..., Site], size: str) -> None:
    site = begin_site(pairs=2, attention={"at": [2]})
    width, phone = SIZES[size][0], size == "phone"
    page, wrong = visit(browser, size)
    with serving(create_app(site.run_dir, site.part)) as address:
        page.goto(f"{address}/study")
        page.locator("#agree").check()
        page.locator("#consent button").click()
        page.locator("#begin").click()
        for number in range(4):
            page.locator(
                "#progress-text", has_text="Practice" if number == 0 else f"{number} of 3"
            ).wait_for()
            assert page.locator("#submit").is_disabled()
            assert page.locator("#questions").evaluate("field => field.disabled")
            play(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if number == 1:
                page.reload()  # who leaves comes back to the same
                page.locator("#progress-text", has_text="1 of 3").wait_for()
                play(page)
            answer_by_keys(page) if number % 2 and not phone else answer_by_hand(page)
        page.locator("#done:not([hidden])").wait_for()
        code = page.locator("#code").text_content()
    page.context.close()
    assert wrong == []
    assert len(code or "") == 10
    (person,) = read_participants(site.url)
    assert person.finished is not None
    assert len(read_votes(site.url)) == 3 * 11 + 1


def test_clips_play_in_step_and_sound_comes_from_one(browser: Any, begin_site: Callable[..., Site]) -> None:
    site = begin_site(pairs=2, training=0, compare=["ground_truth", "cvae"])
    page, _ = visit(browser, "desktop")
    with serving(create_app(site.run_dir, site.part)) as address:
        page.goto(f"{address}/study")
        page.locator("#agree").check()
        page.locator("#consent button").click()
        page.locator("#begin").click()
        page.locator("#play:not([disabled])").wait_for()
        assert sorted(page.eval_on_selector_all("video", "all => all.map(v => v.muted)")) == [False, True]
        play(page)
        times = page.eval_on_selector_all("video", "all => all.map(v => v.currentTime)")
        page.context.close()
    assert abs(times[0] - times[1]) < 0.08

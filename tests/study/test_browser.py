"""A real browser takes a whole study, at desktop and phone size, by hand and by keyboard."""

import asyncio
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from harness.study.app import create_app
from harness.study.votes import read_participants, read_votes
from tests.study.site import Site

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")


@contextmanager
def serving(site: Site) -> Iterator[str]:
    """Serve a study on a port of this machine, by the clock on the wall."""
    app = create_app(site.run_dir, site.part)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([sock])))
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


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
def test_a_browser_takes_a_whole_study(chromium: Any, begin_site: Callable[..., Site], size: str) -> None:
    site = begin_site(pairs=2, attention={"at": [2]})
    width, height = SIZES[size]
    phone = size == "phone"
    context = chromium.new_context(
        viewport={"width": width, "height": height}, has_touch=phone, is_mobile=phone
    )
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security" in said.text else None)
    with serving(site) as address:
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
    context.close()
    assert wrong == []
    assert len(code or "") == 10
    (person,) = read_participants(site.url)
    assert person.finished is not None
    assert len(read_votes(site.url)) == 3 * 11 + 1


def test_clips_play_in_step_and_sound_comes_from_one(chromium: Any, begin_site: Callable[..., Site]) -> None:
    site = begin_site(pairs=2, training=0, compare=["ground_truth", "cvae"])
    page = chromium.new_context().new_page()
    with serving(site) as address:
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

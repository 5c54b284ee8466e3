"""A real browser opens the report from disk: at desktop and phone width, in light and dark."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reports import write_views
from tests.browser import SIZES, chromium, needs_chromium, visit
from tests.reports.made_up import Options, make

pytestmark = needs_chromium

# What plotly leaves in an element that it has drawn, and nothing else does.
_DRAWN = "all => all.filter(e => e.querySelector('svg.main-svg .plot, svg.main-svg .subplot')).length"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a small run with films."""
    folder = make(tmp_path_factory.mktemp("run"), Options(frames=12, trials=3))
    write_views(folder)
    return folder / "leaderboard.html"


def walk(page: Any) -> None:
    """Scroll through all of a page; two frames a screen, in which its observers are told."""
    page.evaluate(
        """async () => {
            const frame = () => new Promise(requestAnimationFrame);
            for (let top = 0; top < document.documentElement.scrollHeight; top += innerHeight) {
                scrollTo({ top, behavior: "instant" });
                await frame();
                await frame();
            }
        }"""
    )


def plays(page: Any, video: str) -> bool:
    """Whether a film runs when it is started."""
    return bool(
        page.eval_on_selector(
            video,
            """async video => {
                await video.play();
                for (let i = 0; i < 100 && video.currentTime === 0; i++)
                    await new Promise(done => setTimeout(done, 50));
                return video.currentTime > 0 && video.videoWidth > 0;
            }""",
        )
    )


@pytest.mark.parametrize(
    ("size", "scheme"),
    [
        ("desktop", "light"),
        ("phone", "dark"),
        pytest.param("desktop", "dark", marks=pytest.mark.slow),
        pytest.param("phone", "light", marks=pytest.mark.slow),
    ],
)
def test_every_plot_is_drawn_and_clips_play(browser: Any, board: Path, size: str, scheme: str) -> None:
    page, wrong = visit(browser, size, scheme)
    page.goto(board.as_uri())
    plots = page.locator(".plot:visible").count()
    assert page.evaluate("typeof Plotly") == "undefined", "plotly.js runs before a plot is near"
    walk(page)
    page.wait_for_function(f"({_DRAWN})([...document.querySelectorAll('.plot')]) === {plots}", timeout=60_000)
    assert plots > 40
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    shown = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (shown == "rgb(247, 248, 250)") == (scheme == "light")
    assert plays(page, "#clips video[data-player='1']")
    assert plays(page, "#ends video")
    missing = page.eval_on_selector_all("img", "all => all.filter(i => i.complete && !i.naturalWidth).length")
    page.context.close()
    assert missing == 0
    assert wrong == []


def test_a_chooser_shows_one_view_and_draws_it_when_it_is_shown(browser: Any, board: Path) -> None:
    page, wrong = visit(browser, "phone")
    page.goto(board.as_uri())
    for chooser, views in (("traced", "#traced-clips > div"), ("surface", "#surfaces > div")):
        page.locator(f"#{chooser}").scroll_into_view_if_needed()
        assert page.locator(f"{views}:visible").count() == 1
        assert page.locator(views).count() == page.locator(f"#{chooser} option").count() > 5
        page.locator(f"#{chooser}").select_option(index=3)
        assert page.locator(views).nth(3).is_visible() and page.locator(f"{views}:visible").count() == 1
    assert page.locator("#surfaces caption:visible").first.inner_text().count("FD ") == 1
    chosen = page.locator("#traced-clips > div").nth(3)
    chosen.scroll_into_view_if_needed()
    chosen.locator("svg.main-svg .subplot").first.wait_for(state="attached", timeout=60_000)
    assert not page.locator("#traced-clips > div").nth(1).locator("svg").count()
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES["phone"][0]
    page.context.close()
    assert wrong == []


def test_worst_and_best_clips_follow_the_chosen_metric(browser: Any, board: Path) -> None:
    page, wrong = visit(browser, "desktop")
    page.goto(board.as_uri())
    page.locator("#order").scroll_into_view_if_needed()
    page.locator("#ends .ends").first.wait_for()
    assert page.locator("#ends .ends").count() == 2
    assert page.locator("#ends .ends").first.locator("video").count() == 6
    before = page.locator("#ends").inner_text()
    page.locator("#order").select_option(label="PSNR ↑")
    assert page.locator("#ends").inner_text() != before
    page.locator("#ends .beside").last.click()
    chosen = page.locator("#clip").input_value()
    label = page.locator(f"#clip option[value='{chosen}']").inner_text()
    assert page.locator("#ends small").last.inner_text() == label
    page.context.close()
    assert wrong == []

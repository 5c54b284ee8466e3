"""How long the report of a large made-up run takes, and how soon its page answers.

By CPU time, as a machine that others use has no wall clock to trust.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports import VIEWS
from reports.differences import Key, of_clips
from tests.browser import chromium, needs_chromium, visit
from tests.reports.large import make_large

_CODE = """
import resource, sys
from harness import report
code = report.main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
print(code, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_large(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


def written(run: Path) -> tuple[float, float]:
    """Write a run's views and return the CPU seconds and the GiB at most that it took."""
    done = subprocess.run(
        [sys.executable, "-c", _CODE, str(run)], capture_output=True, text=True, check=True, timeout=300
    )
    code, seconds, size = done.stdout.splitlines()[-1].split()
    assert code == "0"
    return float(seconds), float(size)


@pytest.mark.slow
def test_the_report_of_50_trials_of_500_clips_takes_30_seconds_and_1_5_gigabytes(large: Path) -> None:
    seconds, size = written(large)
    assert seconds <= 30
    assert size <= 1.5
    made = {name: (large / name).read_bytes() for name in VIEWS}
    for name in VIEWS:
        (large / name).unlink()
    written(large)
    assert {name: (large / name).read_bytes() for name in VIEWS} == made


@pytest.mark.slow
@needs_chromium
def test_the_page_of_50_trials_of_500_clips_answers_within_2_seconds(large: Path, browser: Any) -> None:
    written(large)
    assert opened(browser, large / "leaderboard.html") <= 2


def opened(browser: Any, path: Path) -> float:
    """Return the CPU seconds that a page takes until it can be used: parsed, laid out, shown, answering."""
    page, wrong = visit(browser, "desktop")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(path.as_uri())
    page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    page.context.close()
    assert wrong == []
    return float(metrics["TaskDuration"])


def test_pairs_that_lack_different_clips_share_their_flips() -> None:
    """Pairs of 30 rows, each with clips of its own missing, cost little more than pairs with none missing."""
    rng = np.random.default_rng(0)
    speakers = [f"s{i // 4}" for i in range(120)]
    whole: dict[Key, Any] = {("m", f"t{i}"): rng.normal(i / 30, 1, 120) for i in range(30)}
    gaps = {key: np.where(rng.random(120) < 0.02, np.nan, values) for key, values in whole.items()}
    took = {}
    for name, values in (("whole", whole), ("gaps", gaps)):
        started = time.process_time()
        found = of_clips(values, speakers)
        took[name] = time.process_time() - started
        assert len(found) == 435 and {d.how for d in found} == {"flips"}
    assert took["gaps"] < 4 * took["whole"] + 0.5


def test_a_pair_has_the_same_p_whatever_other_pairs_lack() -> None:
    rng = np.random.default_rng(1)
    speakers = [f"s{i // 4}" for i in range(80)]
    values: dict[Key, Any] = {("m", name): rng.normal(0.2 * i, 1, 80) for i, name in enumerate("abc")}
    before = {(d.first, d.second): d.p for d in of_clips(values, speakers)}
    values["m", "c"][3] = np.nan
    after = {(d.first, d.second): d.p for d in of_clips(values, speakers)}
    pair = ("m", "a"), ("m", "b")
    assert after[pair] == before[pair]
    assert after[("m", "a"), ("m", "c")] != before[("m", "a"), ("m", "c")]

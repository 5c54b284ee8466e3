"""README and reports/docs: every block runs or is parsed by its own command; no page drifts from the code."""

import argparse
import importlib
import re
import shlex
from collections.abc import Iterator
from itertools import dropwhile, pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import config, docs, weights
from harness.study import power
from harness.types import BadInput

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "tests" / "examples"
PAGES = [ROOT / "README.md", *sorted((ROOT / "reports" / "docs").glob("*.md"))]
SHELL = {  # what is no command of this project, and is not run here
    ". .venv/bin/activate",
    "export RAY_AUTH_MODE=token",
    "ray get-auth-token --generate",
    "ray start --head --port 6379 --dashboard-host 127.0.0.1",
    "ray start --address HEAD:6379",
    "frames.rgb",  # what is written into
    "python -m pip install -e '.[tensorboard]'",
    "tensorboard --logdir reports/runs/loss_weights/tensorboard",
    "ffmpeg -i voice.wav -ac 1 -ar 16000 -f s16le -",
    "export HARNESS_CHAT_URL=http://localhost:8000/v1 HARNESS_CHAT_MODEL=NAME HARNESS_CHAT_KEY=KEY",
}
OUTPUTS = {"mine                       theirs": "what harness.evaluate prints"}
NEEDS_DATA = {"sweeps/real_clips.yaml"}  # its shards are the user's: read as YAML only


def blocks() -> Iterator[tuple[str, str, str]]:
    for page in PAGES:
        for language, text in re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.M | re.S):
            yield page.name, language, text


def lines() -> list[tuple[str, str]]:
    """Every command of every shell block: continued lines joined, pipes parted, comments left out."""
    found = []
    for page, language, text in blocks():
        if language == "sh":
            joined = text.replace("\\\n", " ")
            told = [line.split("  #")[0].split(" # ")[0] for line in joined.splitlines()]
            found += [(page, part.strip()) for line in told for part in re.split(r" \| | && | > ", line)]
    return [(page, line) for page, line in found if line]


class Parsed(Exception):
    """Raised once a command's own parser has taken its arguments."""


@pytest.fixture
def parse_only(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = argparse.ArgumentParser.parse_args

    def stop(self: argparse.ArgumentParser, *given: Any) -> None:
        raise Parsed(whole(self, *given))

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)


def test_every_block_is_accounted_for() -> None:
    examples = {
        file.read_text() for file in EXAMPLES.rglob("*") if file.is_file() and "__pycache__" not in str(file)
    }
    assert {language for _, language, _ in blocks()} == {"sh", "python", "yaml", ""}
    for page, language, text in blocks():
        if language in ("python", "yaml"):
            assert text in examples, f"{page}: a {language} block that is no file of tests/examples:\n{text}"
        elif language == "":
            assert any(start in text.splitlines()[0] for start in OUTPUTS), f"{page}: {text}"


@pytest.mark.parametrize(("page", "line"), dict.fromkeys(lines()))
def test_a_command_of_the_documents_is_taken_by_its_own_parser(
    page: str, line: str, parse_only: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if line in SHELL:
        return
    words = [*dropwhile(lambda word: re.match(r"[A-Z_]+=", word), shlex.split(line))]
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.M), f"{page}: {line}"
        return
    if words[:3] == ["ray", "job", "submit"]:
        words = words[words.index("--") + 1 :]
    assert words[:2] == ["python", "-m"], f"{page}: {line}: neither a command nor listed in SHELL"
    for word in words:
        _check_sweep(word, words)
    with pytest.raises(Parsed):
        importlib.import_module(words[2]).main(words[3:])


def _check_sweep(word: str, words: list[str]) -> None:
    if not word.startswith("sweeps/") or not word.endswith(".yaml") or words[2] not in ("harness.sweep",):
        return
    if word in NEEDS_DATA:
        assert yaml.safe_load((ROOT / word).read_text())["data"]["reader"] == "prepared"
        return
    keys = [b for a, b in pairwise(words) if a == "--set"]
    here = [key for key in keys if not key.startswith("weights=")]
    assert config.load(ROOT / word, here).metrics


def test_cheap_commands_of_the_documents_really_run(capsys: pytest.CaptureFixture[str]) -> None:
    told = [shlex.split(line)[2:] for _, line in lines() if line.startswith("python -m harness.")]
    (study,) = [words[1:] for words in told if words[0] == "harness.study.power"]
    assert power.main(study) == 0
    assert "power of" in capsys.readouterr().out
    assert weights.main(["list"]) == 0
    assert "licence" in capsys.readouterr().out


def test_pages_that_the_code_makes_are_what_it_says_today() -> None:
    for name, text in docs.pages().items():
        assert (docs.FOLDER / name).read_text() == text, f"{name}: run python -m harness.docs"


def test_a_page_that_differs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "FOLDER", tmp_path / "docs")
    monkeypatch.setattr(docs, "pages", lambda: {"a.md": "as it is\n"})
    assert docs.main(["--check"]) == 1
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    (tmp_path / "docs" / "a.md").write_text("as it was\n")
    assert docs.main(["--check"]) == 1


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_messages_of_the_troubleshooting_page_are_the_codes_own() -> None:
    sources = "\n".join(f.read_text() for p in ("harness", "metrics") for f in (ROOT / p).rglob("*.py"))
    whole = re.sub(r'"\s*\n\s*f?"', "", sources)  # strings that go on in the next line
    page = (ROOT / "reports" / "docs" / "troubleshooting.md").read_text()
    messages = re.findall(r"^\| (?:Ray: )?`([^`]+)`", page, re.M)
    assert len(messages) > 15
    for message in messages:
        parts = [p.strip() for p in re.split(r'\.\.\.|\bN(?:AME)?\b|"[^"]*"|\b2048\b|;|\b0\b', message)]
        for part in filter(lambda p: len(p) > 5, parts):
            assert part in whole, f"no message says: {part}"


def test_a_block_with_a_slip_fails(parse_only: None) -> None:
    """The test itself can fail: an option that is not there is refused by the parser."""
    with pytest.raises(SystemExit):
        importlib.import_module("harness.evaluate").main(["mine", "--referenz", "ref", "--out", "x"])
    with pytest.raises(BadInput):
        config.load(ROOT / "sweeps" / "loss_weights.yaml", ["data.sise=3"])

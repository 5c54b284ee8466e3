"""Describing many shots, and a sweep whose requests and training clips have scenes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness import config, prepare, results
from harness.corpus import gather
from harness.datasets.synthetic import SynthSpec, draw, plan, write_corpus
from harness.describe import Shot, describe
from harness.describe.endpoint import Endpoint
from harness.describe.template import LOOKS
from harness.jobs import InProcess
from harness.pipeline import Engine, Run
from harness.prepare import PreparedClip
from harness.record import Record, about_sweep
from harness.store import Store
from harness.trials import run_in_process
from harness.types import BadInput
from harness.weights import Weights
from tests.describe.test_endpoint import Answer, Server, completion, endpoint, server  # noqa: F401


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two drawn clips, the second dark."""
    folder = tmp_path_factory.mktemp("clips")
    paths = []
    for index, clip in enumerate(plan(SynthSpec(speakers=1, size=64, seed=3, clips_per_speaker=2))):
        _, _, shown = draw(clip)
        frames = shown.frames // (3 if index else 1)
        mask = np.zeros(frames.shape[:3], bool)
        paths.append(folder / f"{index}.tar")
        prepare.save(paths[-1], PreparedClip(frames, None, shown.landmarks, mask))
    return paths


def shots(clips: Sequence[Path], still: bool = True) -> list[Shot]:
    return [Shot(path, still, "sad", None) for path in clips]


def test_the_template_says_what_is_measured(clips: list[Path], tmp_path: Path) -> None:
    bright, dark = describe(InProcess(), shots(clips), None, Store(tmp_path))
    assert "sad" in bright and "darkly lit" in dark and "dark" not in bright
    moving = describe(InProcess(), shots(clips, still=False), None, Store(tmp_path))
    assert all("moving" in text for text in moving)
    assert not list(tmp_path.iterdir())


def test_a_still_is_the_first_frame_alone(clips: list[Path], tmp_path: Path) -> None:
    whole = prepare.load(clips[0])
    other = tmp_path / "other.tar"
    frames = np.concatenate([whole.frames[:1], np.zeros_like(whole.frames[1:])])
    prepare.save(other, PreparedClip(frames, None, whole.landmarks, whole.mask))
    one, same = describe(InProcess(), shots([clips[0], other]), None, Store(tmp_path))
    assert one == same


def test_shots_of_the_same_facts_cost_one_call_and_a_second_run_none(
    clips: list[Path],
    tmp_path: Path,
    server: Server,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.answers = [Answer(body=completion(f"Scene {i}.")) for i in range(9)]
    asked = shots([clips[0], clips[1], clips[0]])
    found = describe(InProcess(), asked, endpoint(server), Store(tmp_path))
    assert found == ["Scene 0.", "Scene 1.", "Scene 0."] and len(server.asked) == 2
    told = capsys.readouterr().err
    assert server.url in told and "3 shots, 2 different; 2 calls, about" in told
    assert describe(InProcess(), asked, endpoint(server), Store(tmp_path)) == found
    assert len(server.asked) == 2
    assert "0 calls, about 0 tokens" in capsys.readouterr().err


def test_what_was_answered_before_a_failure_is_kept(
    clips: list[Path],
    tmp_path: Path,
    server: Server,  # noqa: F811
) -> None:
    server.answers = [Answer(), Answer(401, b"quota used up")]
    with pytest.raises(BadInput, match=rf"{server.url}.*quota used up.*\(1 of 2 scenes"):
        describe(InProcess(), shots(clips), endpoint(server), Store(tmp_path))
    server.answers = [Answer()]
    describe(InProcess(), shots(clips), endpoint(server), Store(tmp_path))
    assert len(server.asked) == 3


def test_a_dead_endpoint_is_not_asked_for_every_shot(clips: list[Path], tmp_path: Path) -> None:
    dead = Endpoint("http://127.0.0.1:9/v1", "m", "k", seconds=0.2, tries=1)
    with pytest.raises(BadInput, match=r"127.0.0.1:9.*\(2 of 2 scenes"):
        describe(InProcess(), shots(clips), dead, Store(tmp_path))


SECRET = "a-key-that-nobody-may-read"
SWEEP = """
name: scenes
data: {{reader: crema_d, root: {root}, test_clips: 2, scenes: {scenes},
       split: {{train: 0.34, val: 0.33, test: 0.33}}}}
methods: [{{name: tests.describe.listener}}]
metrics: [psnr]
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    write_corpus(SynthSpec(speakers=3, size=64, seed=5, clips_per_speaker=3), root)
    return root


def run(corpus: Path, folder: Path, scenes: str) -> Record:
    path = folder / "sweep.yaml"
    path.write_text(SWEEP.format(root=corpus, scenes=scenes))
    chosen = config.load(path)
    out = folder / scenes
    out.mkdir()
    record = Record.begin(out, about_sweep(chosen), ["test"], False)
    Run(chosen, out, Engine(InProcess(), run_in_process), record, Store(folder / ".store")).go()
    return record


def described(out: Path) -> list[tuple[str, str]]:
    """Emotion and scene of every request."""
    emotions = {row["clip"]: row["emotion"] for row in results.read_rows(out / "clips.csv")}
    scenes = results.read_rows(out / "scenes.csv")
    assert tuple(scenes[0]) == results.SCENE_COLUMNS and {row["clip"] for row in scenes} == set(emotions)
    return [(emotions[row["clip"]], row["scene"]) for row in scenes]


def test_scenes_reach_requests_and_training_and_say_the_label(corpus: Path, tmp_path: Path) -> None:
    record = run(corpus, tmp_path, "template")
    assert not record.fields["failures"], record.fields["failures"]
    for emotion, scene in described(tmp_path / "template"):
        assert LOOKS[emotion] in scene
        assert "moving" not in scene  # the reference is a still
    (model,) = (tmp_path / ".store" / "models").iterdir()
    trained = (model / "scenes.txt").read_text().splitlines()
    assert len(trained) == 6 and all("moving" in text for text in trained)


def test_what_is_trained_with_scenes_is_another_model(corpus: Path, tmp_path: Path) -> None:
    data = config.Data(reader="crema_d", root=corpus)
    plain = gather(InProcess(), data, 1, Store(tmp_path), Weights())
    first = next(s.id for s in plain.samples if s.split == "train")
    told = replace(plain, scenes={first: "A person."})
    assert told.training_id() != plain.training_id()
    assert plain.training().scenes == (None,) * len(plain.training().clips)
    assert [scene for scene in told.training().scenes if scene] == ["A person."]


def test_a_missing_key_is_told_before_anything_is_done(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HARNESS_CHAT_KEY", raising=False)
    with pytest.raises(BadInput, match=r"lacks .*HARNESS_CHAT_KEY"):
        run(corpus, tmp_path, "endpoint")
    assert not (tmp_path / ".store").exists()


def test_the_endpoints_words_reach_requests(
    corpus: Path,
    tmp_path: Path,
    server: Server,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in (("URL", server.url), ("MODEL", "tiny"), ("KEY", SECRET)):
        monkeypatch.setenv(f"HARNESS_CHAT_{name}", value)
    record = run(corpus, tmp_path, "endpoint")
    assert not record.fields["failures"]
    assert {scene for _, scene in described(tmp_path / "endpoint")} == {"A sad person, close up."}
    told = [line for line in capsys.readouterr().err.splitlines() if "calls, about" in line]
    assert len(told) == 1 and "8 shots" in told[0]  # two requests and six training clips, before any call
    assert record.fields["scenes"] == {"url": server.url, "model": "tiny"}
    assert SECRET not in (tmp_path / "endpoint" / "run.json").read_text()

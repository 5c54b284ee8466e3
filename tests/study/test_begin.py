"""What a study is made from: its YAML, its clips, its database; and what is said where they do not fit."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from harness import media
from harness.serve import main
from harness.study import config
from harness.study.begin import migrate
from harness.study.config import StudyConfig
from harness.study.database import connect
from harness.study.material import copy_bare, gather
from harness.study.models import Base
from harness.study.votes import default_url, read_participants, read_votes
from harness.types import BadInput
from tests.study.running import free_port
from tests.study.site import SAMPLES, Site, make_site


def read(tmp_path: Path, text: str) -> StudyConfig:
    file = tmp_path / "study.yaml"
    file.write_text(text)
    return config.load(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\npears: 3", 'unknown key "pears": did you mean "pairs"?'),
        ("name: a\npairs: 0", 'key "pairs"'),
        ("name: a\ndesign: ac", 'key "design"'),
        ("name: a\nquestions: [natural]", 'did you mean "naturalness"?'),
        ("name: a\ndesign: acr\nquestions: [preference]", "design acr cannot ask preference"),
        ("name: a\nquestions: [emotion, emotion]", "emotion asked twice"),
        ("name: a\nquestions: []", "asks at least one"),
        ("name: a\npairs: 3\nattention: {at: [5]}", "place 5 is outside 1 to 4"),
        ("name: a\nattention: {at: [2]}\ngold: {at: [2]}", "one place cannot hold two checks"),
        ("name: a\ndesign: acr\ngold: {at: [1]}", "a gold pair's known answer"),
        ("name: a\naccess: invite", "how many links"),
        ("- a", "a study is a mapping"),
        ("a: [", "not YAML"),
        ("name: '../a'", 'key "name"'),
    ],
)
def test_a_wrong_study_file_is_refused_by_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput) as error:
        read(tmp_path, text)
    assert "study.yaml" in str(error.value) and said in str(error.value)


def test_the_example_is_a_study() -> None:
    study = config.load(Path(__file__).parents[2] / "sweeps" / "study.yaml")
    assert study.length == 24 and [q.kind for q in study.questions] == ["preference", *5 * ["rating"]]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"compare": ["cvea"]}, 'no row "cvea"'),
        ({"compare": ["cvae", "cvae/t00"]}, "named twice"),
        ({"compare": ["cvae"]}, "no clips to judge"),
        ({"samples": ["nobody"]}, 'no test clip "nobody"'),
        ({"pairs": 41}, "only 40 different ones"),
        ({"gold": {"at": [1], "worse": "worst"}}, "key gold"),
    ],
)
def test_a_study_that_the_run_cannot_give_is_refused(run_dir: Path, keys: dict[str, Any], said: str) -> None:
    study = StudyConfig.model_validate({"name": "a", "pairs": 1, **keys})
    with pytest.raises(BadInput, match=said):
        gather(run_dir, study)


def test_a_copy_has_the_same_pictures_and_sound_and_no_metadata(tmp_path: Path, run_dir: Path) -> None:
    source = run_dir / "clips" / "cvae" / "t00" / f"{SAMPLES[0]}.mp4"
    named = tmp_path / "named.mp4"
    with av.open(str(source)) as old, av.open(str(named), "w") as new:
        new.metadata["title"] = new.metadata["comment"] = "made by cvae in /home/me"
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                new.mux(packet)
    bare = tmp_path / "bare.mp4"
    copy_bare(named, bare)
    assert b"cvae" in named.read_bytes() and b"cvae" not in bare.read_bytes()
    first, second = media.read_clip(source), media.read_clip(bare)
    assert np.array_equal(first.frames, second.frames)
    assert first.audio is not None and second.audio is not None
    assert np.array_equal(first.audio, second.audio)
    whole = bare.read_bytes()
    assert whole.index(b"moov") < whole.index(b"mdat"), "it plays before all of it has come"


def test_clips_from_elsewhere_are_encoded_alike(tmp_path: Path, run_dir: Path) -> None:
    from harness import results

    folder = tmp_path / "run"
    shutil.copytree(run_dir, folder, ignore=shutil.ignore_patterns("study"))
    record = results.read_json(folder / "run.json")
    results.write_json(folder / "run.json", {**record, "kind": "evaluation"})
    study = StudyConfig.model_validate({"name": "a", "pairs": 1, "compare": ["cvae", "still"]})
    ours = gather(run_dir, study)
    theirs = gather(folder, study)
    for key, clip in theirs.clips.items():
        assert clip.path.read_bytes() != ours.clips[key].path.read_bytes()
        assert b"crf=10" in clip.path.read_bytes()


def test_a_study_that_was_begun_cannot_be_changed(begin_site: Callable[..., Site]) -> None:
    site = begin_site()
    site.person().consent()
    assert len(read_participants(begin_site(replicas=3).url)) == 1
    for changed in ({"seed": 2}, {"exclude": {"gold_failed": 3}}, {"questions": ["preference"]}):
        with pytest.raises(BadInput, match="begun with another"):
            begin_site(**changed)


def test_migrations_make_the_tables_that_the_models_say(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/a.sqlite")
    migrate(engine)
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://x/y", "sqlite://", "postgresql://nobody:pw@127.0.0.1:1/x"]
)
def test_a_database_that_cannot_be_used_is_told_without_its_password(run_dir: Path, url: str) -> None:
    with pytest.raises(BadInput) as error:
        make_site(run_dir, url)
    assert ":pw@" not in str(error.value)


def test_nothing_is_read_where_no_study_was(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no study was begun"):
        read_votes(default_url(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere/leaderboard.html: no such page"),
        (["{run}", "--study", "none.yaml"], "none.yaml: no such study file"),
    ],
)
def test_the_command_says_what_is_wrong_and_exits_with_2(
    run_dir: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main([a.format(run=run_dir) for a in arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[str]:
    """A PostgreSQL server of this test's own; skipped where there is none, or where it may not run."""
    if shutil.which("initdb") is None or shutil.which("postgres") is None:
        pytest.skip("PostgreSQL is not installed")
    user = ["setpriv", "--reuid=nobody", "--clear-groups"] if os.getuid() == 0 else []
    home = Path("/tmp") / f"harness-postgresql-{os.getpid()}"
    home.mkdir()
    if user:
        shutil.chown(home, "nobody")
    port = free_port()
    try:
        made = subprocess.run(
            [*user, "initdb", "-D", str(home / "data"), "-U", "study", "--auth=trust", "-N"],
            capture_output=True,
            text=True,
        )
        if made.returncode:
            pytest.skip(f"PostgreSQL cannot be set up here: {made.stderr[-200:]}")
        serving = [*user, "postgres", "-D", str(home / "data"), "-p", str(port), "-k", str(home)]
        server = subprocess.Popen([*serving, "-c", "listen_addresses=127.0.0.1"], stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                ready = subprocess.run(
                    ["pg_isready", "-h", "127.0.0.1", "-p", str(port)], capture_output=True
                )
                if ready.returncode == 0:
                    break
                subprocess.run(["sleep", "0.2"], check=True)
            yield f"postgresql://study@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # at once, whoever is connected
            server.wait()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def test_postgresql_keeps_the_same(run_dir: Path, postgresql: str) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    site = make_site(run_dir, postgresql, pairs=2)
    person = site.person()
    item = person.consent()
    person.watch(item)
    body = person.submission(item)
    assert [person.post("/study/answer", body).status_code for _ in range(2)] == [200, 200]
    item = person.open()
    while item["state"] == "item":
        item = person.answer(item)
    assert len(read_votes(postgresql)) == 33
    assert read_participants(postgresql)[0].finished is not None
    assert len(read_participants(make_site(run_dir, postgresql, pairs=2).url)) == 1

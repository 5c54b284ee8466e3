from pathlib import Path

import pytest

from harness.store import Store, code_version, digest, write_whole


def test_an_artefact_is_made_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = []

    def build(path: Path) -> None:
        made.append(path)
        path.write_text("x")

    path = store.path("things", {"a": 1, "b": [2.0]}, ".txt")
    assert store.make(path, build) == store.make(path, build)
    assert len(made) == 1
    assert path.read_text() == "x"


def test_ids_follow_content_not_key_order() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def build(path: Path) -> None:
        path.mkdir()
        (path / "half").write_text("x")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write_whole(tmp_path / "thing", build)
    assert list(tmp_path.iterdir()) == []


def test_the_second_maker_of_a_folder_gives_way(tmp_path: Path) -> None:
    def build(path: Path) -> None:
        path.mkdir()
        (tmp_path / "thing").mkdir(exist_ok=True)
        (tmp_path / "thing" / "first").write_text("x")

    write_whole(tmp_path / "thing", build)
    assert [p.name for p in tmp_path.iterdir()] == ["thing"]


def test_code_version_is_of_the_named_source() -> None:
    assert code_version("harness.types") != code_version("harness.audio")
    assert code_version("harness.types") == code_version("harness.types")

"""harness/weights.py: search order, verification, fetching, and what its errors say."""

import hashlib
from pathlib import Path

import pytest
import torch

from harness import weights as weights_module
from harness.types import BadInput
from harness.weights import Weights, cache_folder, fetch, main
from harness.weights_table import TABLE, WeightsFile, known


@pytest.fixture(autouse=True)
def private_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)


def entry_of(content: bytes, monkeypatch: pytest.MonkeyPatch, digits: int = 64, **extra: str) -> WeightsFile:
    digest = hashlib.sha256(content).hexdigest()[:digits]
    entry = WeightsFile("small", "small.pth", digest, "MIT", "nobody", ("test",), **extra)  # type: ignore[arg-type]
    monkeypatch.setitem(TABLE, "small", entry)
    return entry


def put(folder: Path, content: bytes, name: str = "small.pth") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_folder_comes_before_environment_before_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry_of(b"content", monkeypatch)
    cached = put(cache_folder(), b"content")
    assert Weights().path("small") == cached
    named = put(tmp_path / "environment", b"content")
    monkeypatch.setenv("HARNESS_WEIGHTS", str(named.parent))
    assert Weights().path("small") == named
    given = put(tmp_path / "given", b"content")
    assert Weights(given.parent).path("small") == given


def test_alias_is_found(tmp_path: Path) -> None:
    entry = WeightsFile("n", "published", "00", "MIT", "c", (), aliases=("other",))
    put(tmp_path, b"", "other")
    assert weights_module.locate(entry, tmp_path) == tmp_path / "other"


def test_random_file_under_a_published_name_is_refused_with_both_hashes(tmp_path: Path) -> None:
    put(tmp_path, b"random", "alexnet-owt-7be5be79.pth")
    found = hashlib.sha256(b"random").hexdigest()
    with pytest.raises(BadInput, match=f"expected 7be5be79, found {found}"):
        Weights(tmp_path).path("alexnet")


def test_unverified_file_is_used_only_when_allowed_and_remembered(tmp_path: Path) -> None:
    path = put(tmp_path, b"random", "alexnet-owt-7be5be79.pth")
    weights = Weights(tmp_path, allow_unverified=True)
    assert weights.path("alexnet") == path
    assert weights.path("lpips-alex-heads").is_file()
    assert weights.unverified == {"alexnet"}
    assert weights.sha256("alexnet") == hashlib.sha256(b"random").hexdigest()


@pytest.mark.parametrize(
    ("stated", "digest", "same"),
    [
        ("ab12..9f", "ab12" + "0" * 58 + "9f", True),
        ("ab12..9f", "ab12" + "0" * 58 + "9e", False),
        ("ab12", "ab12" + "0" * 60, True),
        ("ab12", "ab13" + "0" * 60, False),
    ],
)
def test_partial_hashes_compare_all_that_is_known(stated: str, digest: str, same: bool) -> None:
    assert WeightsFile("n", "f", stated, "MIT", "c", ()).matches(digest) is same


def test_missing_file_says_which_file_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        Weights(tmp_path).path("syncnet-v2")
    message = str(caught.value)
    for part in (
        "syncnet_v2.model",
        str(tmp_path),
        str(cache_folder()),
        "harness.weights fetch syncnet-v2",
        "http",
    ):
        assert part in message


def test_missing_weights_folder_and_unknown_name_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        Weights(tmp_path / "nowhere")
    with pytest.raises(BadInput, match='no weights "alexnett"'):
        Weights().path("alexnett")


def test_fetch_downloads_verifies_and_then_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = put(tmp_path / "server", b"content")
    entry_of(b"content", monkeypatch, digits=8, url=source.as_uri())
    target = fetch("small", tmp_path / "into")
    assert target.read_bytes() == b"content"
    source.unlink()
    assert fetch("small", tmp_path / "into") == target


def test_fetch_refuses_a_wrong_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = put(tmp_path / "server", b"tampered")
    entry_of(b"content", monkeypatch, url=source.as_uri())
    with pytest.raises(BadInput, match="SHA-256 expected"):
        fetch("small", tmp_path / "into")
    assert list((tmp_path / "into").iterdir()) == []


def test_fetch_offline_names_url_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = (tmp_path / "gone.pth").as_uri()
    entry_of(b"content", monkeypatch, url=url)
    with pytest.raises(BadInput) as caught:
        fetch("small", tmp_path / "into")
    message = str(caught.value)
    assert url in message and str(tmp_path / "into" / "small.pth") in message and "\n" not in message


def test_state_dict_runs_no_pickled_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"weight": torch.ones(2)}, tmp_path / "good.pth")
    torch.save({"code": Path("/")}, tmp_path / "bad.pth")
    entry_of((tmp_path / "good.pth").read_bytes(), monkeypatch)
    put(tmp_path, (tmp_path / "good.pth").read_bytes())
    assert torch.equal(Weights(tmp_path).state_dict("small")["weight"], torch.ones(2))
    put(tmp_path, (tmp_path / "bad.pth").read_bytes())
    with pytest.raises(BadInput, match="not a PyTorch state dict"):
        Weights(tmp_path, allow_unverified=True).state_dict("small")


def test_files_that_packages_carry_are_there_and_verified() -> None:
    weights = Weights()
    for name in (name for name, entry in TABLE.items() if entry.package):
        assert weights.path(name).is_file()
    assert not weights.unverified


def test_table_is_consistent() -> None:
    for name, entry in TABLE.items():
        assert entry.name == name
        assert (entry.url is None) != (entry.package is None)
        assert entry.twin is None or known(entry.twin).package is not None


def test_command_line_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert all(entry.name in listed and entry.file in listed for entry in TABLE.values())
    assert main(["verify", "--weights", str(tmp_path)]) == 0
    assert main(["verify", "alexnet"]) == 1
    put(tmp_path, b"random", "alexnet-owt-7be5be79.pth")
    assert main(["verify", "--weights", str(tmp_path)]) == 1
    assert main(["fetch"]) == 2
    assert main(["fetch", "lpips-alex-heads"]) == 2
    assert "comes with the Python package lpips" in capsys.readouterr().err

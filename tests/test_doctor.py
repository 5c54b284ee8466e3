"""The doctor: what is missing is a line with its remedy, never a trace, and the exit code is the verdict."""

import builtins
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import doctor, health
from harness.health import libraries, machine
from harness.weights_table import TABLE


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user who fetched nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return tmp_path


def findings(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, dict[str, Any]]]:
    code = doctor.main(["--no-ray", "--json", *options])
    told = json.loads(capsys.readouterr().out)
    assert told["works"] is (code == 0)
    return code, {found["name"]: found for found in told["findings"]}


def test_without_any_download_the_default_works_and_each_file_has_its_command(
    bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = findings(capsys)
    assert code == 0
    assert found["make sweep, make test, harness.evaluate"]["state"] == "ok"
    for entry in TABLE.values():
        if entry.package is None:
            assert found[entry.name]["state"] == "lacks"
            assert f"harness.weights fetch {entry.name} " in found[entry.name]["remedy"]
    assert "inception-2015-12-05" in found["fid and kid as published"]["remedy"]
    assert found["PyAV"]["state"] == "ok"


def test_a_file_that_is_there_is_found_and_one_that_is_cut_short_is_not_believed(
    bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = bare / "weights"
    folder.mkdir()
    (folder / "syncnet_v2.model").write_bytes(b"any size is believed: none is published")
    (folder / "face_landmarker.task").write_bytes(b"short")
    _, found = findings(capsys, "--weights", str(folder))
    assert found["syncnet-v2"]["state"] == "ok"
    assert found["lse_c and lse_d as published"]["state"] == "ok"
    assert "has 5 bytes instead of" in found["face-landmarker"]["found"]
    assert "harness.weights verify" in found["face-landmarker"]["remedy"]
    assert found["corpora of real faces, cropped"]["state"] == "lacks"


def test_a_taken_port_is_told(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        _, found = findings(capsys, "--port", str(number))
    assert found[f"port {number}"]["state"] == "lacks"
    assert "--port" in found[f"port {number}"]["remedy"]


def test_ray_is_tried_in_a_process_of_its_own(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.ray().state == "ok"
    monkeypatch.setattr(machine, "_RAY", "raise SystemExit('no room in /dev/shm')")
    found = machine.ray()
    assert found.state == "broken" and "no room in /dev/shm" in found.found
    monkeypatch.setattr(machine, "_RAY", "import time; time.sleep(9)")
    monkeypatch.setattr(machine, "_RAY_SECONDS", 0.3)
    assert "within 0.3 s" in machine.ray().found
    monkeypatch.setenv("RAY_ADDRESS", "somewhere:6379")
    assert machine.ray().state == "note"


def test_a_missing_package_is_a_line_and_code_1(
    bare: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    true = libraries.version

    def version(name: str) -> str:
        if name in ("mediapipe", "psycopg"):
            raise libraries.PackageNotFoundError(name)
        return "0.1" if name == "pandas" else true(name)

    monkeypatch.setattr(libraries, "version", version)
    code, found = findings(capsys)
    assert code == 1
    assert found["mediapipe"]["state"] == "broken" and "pip install" in found["mediapipe"]["remedy"]
    assert found["psycopg"]["state"] == "lacks"
    assert found["pandas"]["found"].startswith("0.1, and not >=2.2")
    assert "mediapipe" in found["make sweep, make test, harness.evaluate"]["found"]
    assert doctor.main(["--no-ray"]) == 1
    assert "will not run here until this is mended: mediapipe" in capsys.readouterr().out


def test_even_numpy_may_be_missing(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "from harness import doctor\nraise SystemExit(doctor.main(['--no-ray']))"
    )
    root = Path(__file__).resolve().parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("NO numpy: not installed") and "make setup" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_broken_pyav_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    true = builtins.__import__

    def broken(name: str, *rest: Any) -> Any:
        if name == "av":
            raise ImportError("libavcodec.so: cannot open shared object file")
        return true(name, *rest)

    monkeypatch.setattr(builtins, "__import__", broken)
    (found,) = libraries.codecs()
    assert found.state == "broken" and "libavcodec" in found.found


def test_a_folder_that_cannot_be_written_to_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine.os, "access", lambda *_: False)
    monkeypatch.chdir(tmp_path)
    states = {found.name: found for found in machine.facts()}
    assert states["disk"].state == "broken" and "cannot be written to" in states["disk"].found


@pytest.mark.parametrize("options", [["--port", "0"], ["--port", "99999"], ["--weights", "/nowhere"]])
def test_a_slip_is_code_2(capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    assert doctor.main(options) == 2
    assert options[0] in capsys.readouterr().err


def test_the_page_for_a_person_marks_each_line(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--no-ray"]) == 0
    told = capsys.readouterr().out
    for topic in dict.fromkeys(f.topic for f in health.examine(None, 8000, start_ray=False)):
        assert f"\n{topic}\n" in told
    assert "  no syncnet-v2: not here" in told
    assert "The default sweep, the tests and the evaluation of clips work here." in told

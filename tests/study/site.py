"""A made-up run with clips, its study with a clock of its own, and a person who takes part."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from fastapi.testclient import TestClient

from harness import media, results
from harness.study.app import StudyPart, begun, create_app
from harness.study.config import StudyConfig

METHODS = (("ground_truth", "-"), ("still", "-"), ("shifted_audio", "-"), ("cvae", "t00"), ("eskimez", "t03"))
SAMPLES = tuple(f"10{i:02d}_TIE_HAP_XX" for i in range(4))
SECONDS = 0.48
NAMES = tuple(m for m, _ in METHODS)


def make_run(folder: Path, methods: tuple[tuple[str, str], ...] = METHODS, side: int = 32) -> Path:
    """Write what a study reads of a run: 12 frames a clip, `shifted_audio` with a sound of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    results.write_json(folder / "run.json", {"kind": "sweep", "name": "made_up"})
    rows = [{"run": "made_up", "method": m, "trial": t, "metric": "psnr", "value": 1.0} for m, t in methods]
    results.write_rows(folder / "results.csv", results.RESULT_COLUMNS, rows)
    results.write_rows(folder / "clips.csv", results.SAMPLE_COLUMNS, [{"clip": s} for s in SAMPLES])
    (folder / "leaderboard.html").write_text("<title>board of eskimez</title><script>let a = 1;</script>")
    for sample in SAMPLES:
        sound = rng.normal(0, 0.1, 12 * 640).astype(np.float32)
        for method, trial in methods:
            path = folder / "clips" / method / trial / f"{sample}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            frames = rng.integers(0, 255, (12, side, side, 3), dtype=np.uint8)
            media.encode(path, frames, np.roll(sound, 3200) if method == "shifted_audio" else sound)
    return folder


@dataclass
class Clock:
    """A clock that tests set forward."""

    time: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time


@dataclass
class Site:
    """A running study."""

    run_dir: Path
    part: StudyPart
    clock: Clock = field(default_factory=Clock)

    @property
    def url(self) -> str:
        return self.part.database

    def client(self) -> TestClient:
        """Return a browser that has been nowhere, on a replica of its own."""
        app = create_app(self.run_dir, self.part, now=self.clock)
        return TestClient(app, base_url="http://study.example", raise_server_exceptions=False)

    def person(self) -> "Person":
        return Person(self.client(), self.clock)


def make_site(folder: Path, database: str | None = None, **keys: Any) -> Site:
    """Make a run (unless it is there) and begin a study of it."""
    if not (folder / "run.json").exists():
        make_run(folder)
    study = StudyConfig.model_validate({"name": "test", "pairs": 6, **keys})
    return Site(folder, begun(folder, study, database))


def data_of(page: str) -> dict[str, Any]:
    """Return the data that a page hands its script."""
    import json

    text = page.split('<script type="application/json" id="data">')[1].split("</script>")[0]
    found: dict[str, Any] = json.loads(text)
    return found


@dataclass
class Person:
    """Somebody who takes part; `choose(question, target, answers)` decides."""

    client: TestClient
    clock: Clock
    token: str = ""
    invite: str | None = None
    received: list[Any] = field(default_factory=list)

    def open(self) -> dict[str, Any]:
        """Open the study's page and return its state."""
        query = f"?invite={self.invite}" if self.invite else ""
        response = self.client.get(f"/study{query}")
        assert response.status_code == 200, response.text
        self.received.append(response)
        data = data_of(response.text)
        self.token = data["token"]
        now: dict[str, Any] = data["now"]
        return now

    def post(self, path: str, body: Any, **headers: str) -> Any:
        response = self.client.post(path, json=body, headers={"X-Study-Token": self.token, **headers})
        self.received.append(response)
        return response

    def consent(self) -> dict[str, Any]:
        self.open()
        response = self.post("/study/consent", {"consent": True, "invite": self.invite})
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def submission(self, item: dict[str, Any], answer: str | None = None) -> dict[str, Any]:
        """Return well-formed answers: the first that can be chosen, or `answer` where it can be."""
        answers = [
            {
                "question": q["name"],
                "target": target,
                "answer": answer if answer in q["answers"] else q["answers"][0],
            }
            for q in item["questions"]
            for target in q["targets"]
        ]
        played = {clip["part"]: clip["seconds"] for clip in item["clips"]}
        return {"ticket": item["ticket"], "answers": answers, "played": played, "plays": 1}

    def watch(self, item: dict[str, Any]) -> None:
        """Fetch the clips and let the time pass that playing them takes."""
        for clip in item["clips"]:
            self.received.append(self.client.get(clip["src"]))
            self.clock.time += clip["seconds"]

    def answer(self, item: dict[str, Any], answer: str | None = None) -> dict[str, Any]:
        """Watch and answer; return what comes next."""
        self.watch(item)
        response = self.post("/study/answer", self.submission(item, answer))
        assert response.status_code == 200, response.text
        following: dict[str, Any] = response.json()["next"]
        return following

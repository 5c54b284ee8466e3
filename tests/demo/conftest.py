"""A made-up run with one trained model, and its demo, served without Ray."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from harness import media
from harness.datasets import synthetic
from harness.demo.examples import write_examples
from harness.demo.making import Maker, models
from harness.demo.orders import Orders
from harness.demo.routes import Offer, demo_part
from harness.study.app import create_app
from harness.study.guard import Guard
from harness.weights import Weights
from methods.cvae.config import Config
from methods.cvae.network import Generator
from methods.nets.saved import write_model

CARD = {"paper": "A paper", "conditions": ["audio", "emotion"]}


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder: one real clip, one trained model, one trial that failed, one control."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    (plan,) = synthetic.plan(synthetic.SynthSpec(speakers=1, size=96, seed=11, clips_per_speaker=1))
    speech, _, drawn = synthetic.draw(plan)
    (folder / "clips/ground_truth/-").mkdir(parents=True)
    whole = np.stack([cv2.resize(f, (128, 128)) for f in drawn.frames[:20]])
    media.encode(folder / "clips/ground_truth/-/1001_IEO_NEU_XX.mp4", whole, speech.audio[:12_800])
    config = Config()
    saved = {"method": "cvae", **config.model_dump(mode="json")}
    write_model(folder.parent / ".store/models/abc", Generator(config), saved)
    trials = [
        {
            "method": "mine",
            "trial": "t00",
            "params": {"alpha": 0.1},
            "status": "done",
            "model": "../.store/models/abc",
        },
        {"method": "mine", "trial": "t01", "params": {"alpha": 9.0}, "status": "failed", "model": None},
    ]
    record = {
        "config": {"methods": [{"name": "cvae", "label": "mine"}]},
        "methods": {"mine": CARD, "still": CARD},
        "trials": trials,
    }
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "leaderboard.html").write_text("<title>board</title>")
    (folder / "clips.csv").write_text("clip,speaker,emotion\n1001_IEO_NEU_XX,1001,neutral\n")
    return folder


@dataclass
class Place:
    """A served demo: what is asked for is made in this process."""

    app: Guard
    client: TestClient
    orders: Orders
    maker: Maker

    def order(self, picture: bytes | None, sound: bytes | None) -> str:
        name = str(self.client.post("/demo/orders").json()["order"])
        for what, content in (("picture", picture), ("sound", sound)):
            if content is not None:
                assert self.client.put(f"/demo/orders/{name}/{what}", content=content).status_code == 204
        return name


@pytest.fixture
def place(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr("harness.demo.making.face_policy", lambda weights: "face-v1-embedded")
    orders = Orders(tmp_path / "demo")
    maker = Maker(run, orders, Weights(), seconds=60)
    count = write_examples(run, tmp_path / "examples")

    async def submit(name: str, index: int) -> None:
        maker(name, index)

    part = demo_part(Offer(models(run), tmp_path / "examples", count, "a note"), orders, submit)
    app = create_app(run, None, [part])
    with TestClient(app) as client:
        yield Place(app, client, orders, maker)

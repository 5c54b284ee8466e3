"""What is measured of drawn shots is what they were drawn with; the same facts give the same words."""

from dataclasses import replace

import numpy as np
import pytest

from harness.datasets.synthetic import SynthSpec, draw, plan
from harness.datasets.synthetic.expression import AU_NAMES, Performance
from harness.datasets.synthetic.face import Drawn
from harness.describe.facts import Facts, facts_of, gaze
from harness.describe.template import sentence
from harness.types import EMOTIONS, LEVELS

PLAIN = Facts("happy", "high", 0.0, 0.0, 0.0, None, 0.0, 0.45, 0.58)
PITCH, YAW, ROLL = range(3)


@pytest.fixture(scope="module")
def drawn() -> list[tuple[Performance, Drawn]]:
    return [draw(clip)[1:] for clip in plan(SynthSpec(speakers=3, size=128, seed=3, clips_per_speaker=2))]


def measured(one: Drawn) -> Facts:
    return facts_of(one.frames, one.landmarks, "sad", None)


def test_pose_and_motion_are_the_drawn_heads(drawn: list[tuple[Performance, Drawn]]) -> None:
    for performance, shot in drawn:
        facts = measured(shot)
        assert facts.yaw == pytest.approx(performance.pose[:, YAW].mean(), abs=2)
        assert facts.roll == pytest.approx(performance.pose[:, ROLL].mean(), abs=2)
        assert facts.motion == pytest.approx(np.sqrt(performance.pose.var(0).sum()), rel=0.3)


def test_gaze_follows_the_drawn_eyes(drawn: list[tuple[Performance, Drawn]]) -> None:
    found, truth = [], []
    for performance, shot in drawn:
        opened = performance.units[:, AU_NAMES.index("AU43")] < 0.3
        found.append(
            np.array([gaze(*seen) for seen in zip(shot.frames, shot.landmarks, strict=True)])[opened]
        )
        truth.append(performance.gaze[opened, 0])
    assert np.corrcoef(np.concatenate(found), np.concatenate(truth))[0, 1] > 0.6


def test_a_mirrored_shot_has_mirrored_facts(drawn: list[tuple[Performance, Drawn]]) -> None:
    _, shot = drawn[0]
    points = np.array(shot.landmarks)
    points[..., 0] = shot.frames.shape[2] - 1 - points[..., 0]
    sides = [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)]
    sides += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    points[:, : len(sides)] = points[:, sides]
    one, other = measured(shot), facts_of(shot.frames[:, :, ::-1], points, "sad", None)
    assert other.yaw == pytest.approx(-one.yaw, abs=0.2)
    assert other.roll == pytest.approx(-one.roll, abs=0.2)
    assert other.gaze == pytest.approx(-one.gaze, abs=0.03)
    assert other.motion == pytest.approx(one.motion, abs=0.1)


def test_light_and_framing_are_those_of_the_picture(drawn: list[tuple[Performance, Drawn]]) -> None:
    _, shot = drawn[0]
    facts = measured(shot)
    darker = facts_of(shot.frames // 2, shot.landmarks, None, None)
    assert darker.brightness == pytest.approx(facts.brightness / 2, abs=0.01)
    wide = np.pad(shot.frames, ((0, 0), (64, 64), (64, 64), (0, 0)))
    farther = facts_of(wide, shot.landmarks + 64, None, None)
    assert farther.face == pytest.approx(facts.face / 2, rel=1e-3)
    assert farther.yaw == pytest.approx(facts.yaw, abs=0.01)


def test_a_still_has_no_motion_and_a_closed_eye_no_gaze(drawn: list[tuple[Performance, Drawn]]) -> None:
    _, shot = drawn[0]
    assert facts_of(shot.frames[:1], shot.landmarks[:1], "sad", None).motion is None
    closed = shot.landmarks[0].copy()
    closed[36:48] = closed[36]
    assert gaze(np.full_like(shot.frames[0], 90), closed) == 0
    assert gaze(shot.frames[0], closed - 1000) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "A very happy person in close-up, facing the camera, looking ahead, evenly lit."),
        ({"level": None}, "A happy person in"),
        ({"level": "low", "emotion": "fear"}, "A slightly frightened person"),
        ({"level": None, "emotion": "angry"}, "An angry person"),
        ({"emotion": "neutral"}, "A calm person in"),
        ({"emotion": None}, "A person in close-up"),
        ({"yaw": 9.0}, "head turned right, "),
        ({"yaw": -9.0, "roll": 8.0}, "head turned left and tilted right, "),
        ({"pitch": -25.0}, "head lowered, "),
        ({"gaze": -0.3}, "looking left, "),
        ({"brightness": 0.2}, "darkly lit."),
        ({"brightness": 0.7}, "brightly lit."),
        ({"face": 0.4}, "in a head shot, "),
        ({"face": 0.1}, "in a wide shot, "),
        ({"motion": 0.5}, "evenly lit, hardly moving."),
        ({"motion": 2.0}, "moving a little."),
        ({"motion": 6.0}, "moving a lot."),
    ],
)
def test_each_fact_has_its_words(change: dict[str, object], words: str) -> None:
    assert words in sentence(replace(PLAIN, **change))  # type: ignore[arg-type]


def test_every_label_has_words_and_a_still_says_nothing_of_motion() -> None:
    said = {sentence(replace(PLAIN, emotion=e, level=level)) for e in EMOTIONS for level in LEVELS}
    assert len(said) == (len(EMOTIONS) - 1) * len(LEVELS) + 1  # neutral has no degrees
    assert "moving" not in sentence(PLAIN)

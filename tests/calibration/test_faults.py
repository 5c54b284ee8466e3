import numpy as np
import pytest
from numpy.typing import NDArray

from harness.calibration import faults
from harness.calibration.cases import DrawTruth, _plans
from harness.calibration.faults import FAULTS, Subject
from harness.prepare import PreparedClip, load
from harness.store import Store
from harness.types import Clip, Unscorable

SEED = (1, 2, 3)
COUNT = 20


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    draw = DrawTruth(Store(tmp_path_factory.mktemp("store"))).open()
    plans = _plans(3, 64, 1)
    return Subject(load(draw(plans[1])), plans[1], draw(plans[0]), draw(plans[2]))


@pytest.fixture
def frames() -> NDArray[np.uint8]:
    """Frame i is grey level 10 i."""
    values = np.arange(COUNT, dtype=np.uint8) * 10
    return np.broadcast_to(values[:, None, None, None], (COUNT, 8, 8, 3)).copy()


def strongest(name: str) -> float:
    return FAULTS[name].arms[0][-1]


def made(subject: Subject, name: str, strength: float, seed: tuple[int, ...] = SEED) -> Clip:
    return FAULTS[name].apply(subject, strength, seed)


@pytest.mark.parametrize("name", FAULTS)
def test_no_fault_is_the_clip_itself_and_a_fault_changes_what_it_says(subject: Subject, name: str) -> None:
    fault = FAULTS[name]
    same = made(subject, name, fault.unfaulted)
    assert np.array_equal(same.frames, subject.clip.frames)
    assert np.array_equal(same.audio, subject.clip.audio)
    faulty = made(subject, name, strongest(name))
    assert np.array_equal(faulty.frames, subject.clip.frames) == (fault.touches == "sound")
    assert np.array_equal(faulty.audio, subject.clip.audio) == (fault.touches == "picture")


@pytest.mark.parametrize("name", ["noise", "shake", "frame_drop", "h264", "reencode"])
def test_the_same_seed_gives_the_same_clip(subject: Subject, name: str) -> None:
    one, two = (made(subject, name, strongest(name)) for _ in range(2))
    assert np.array_equal(one.frames, two.frames)
    assert np.array_equal(one.audio, two.audio)


def test_another_seed_gives_other_noise(subject: Subject) -> None:
    one, two = (made(subject, "noise", 8.0, (1, 2, k)) for k in (3, 4))
    assert not np.array_equal(one.frames, two.frames)


@pytest.mark.parametrize("shift", [-12, -1, 1, 7])
def test_a_shift_moves_the_sound_by_640_samples_a_frame(subject: Subject, shift: int) -> None:
    audio = subject.clip.audio
    assert audio is not None
    moved = made(subject, "audio_shift", shift).audio
    assert moved is not None and len(moved) == len(audio)
    k = 640 * abs(shift)
    if shift > 0:  # the sound leads: it is heard earlier
        assert np.array_equal(moved[:-k], audio[k:]) and not moved[-k:].any()
    else:
        assert np.array_equal(moved[k:], audio[:-k]) and not moved[:k].any()


def test_a_clip_without_sound_cannot_be_shifted(subject: Subject) -> None:
    clip = subject.clip
    silent = Subject(PreparedClip(clip.frames, None, clip.landmarks, clip.mask))
    with pytest.raises(Unscorable, match="no sound"):
        made(silent, "audio_shift", 1)


def test_noise_has_the_deviation_that_it_says() -> None:
    grey = np.full((4, 64, 64, 3), 128, np.uint8)
    noisy = faults.noise(grey, 8.0, np.random.default_rng(0)).astype(float) - 128
    assert abs(noisy.std() - 8.0) < 0.1
    assert abs(noisy.mean()) < 0.1
    louder = faults.noise(grey, 16.0, np.random.default_rng(0)).astype(float) - 128
    assert np.abs(louder - 2 * noisy).max() <= 1.5  # the same noise, louder; both are rounded


def test_a_shake_moves_each_frame_by_the_deviation_that_it_says() -> None:
    frames = np.zeros((200, 65, 65, 3), np.uint8)
    frames[:, 28:37, 28:37] = 200
    across = faults.shake(frames, 1.5, np.random.default_rng(0)).sum(axis=(1, 3)).astype(float)
    places = across @ np.arange(65) / across.sum(axis=1) - 32
    assert abs(places.std() - 1.5) < 0.2 and abs(places.mean()) < 0.3
    assert abs(np.corrcoef(places[1:], places[:-1])[0, 1]) < 0.2


def test_blur_keeps_the_mean_and_widens_a_point_by_sigma() -> None:
    point = np.zeros((1, 65, 65, 3), np.uint8)
    point[0, 32, 32] = 255
    spread = faults.blur(np.repeat(point, 2, axis=0), 1.2)[0, :, :, 0].astype(float)
    across = spread.sum(axis=0) / spread.sum()
    variance = (across * (np.arange(65) - 32.0) ** 2).sum()
    assert abs(variance**0.5 - 1.2) < 0.1


@pytest.mark.parametrize("name", ["jpeg", "h264", "blur", "noise", "shake", "reencode"])
def test_a_stronger_fault_of_the_picture_is_farther_from_the_truth(subject: Subject, name: str) -> None:
    truth = subject.clip.frames.astype(float)
    (arm,) = FAULTS[name].arms
    errors = [np.square(made(subject, name, s).frames - truth).mean() for s in arm]
    assert errors == sorted(errors) and errors[0] > 0


def test_dropped_frames_bring_the_later_ones_forward(frames: NDArray[np.uint8]) -> None:
    few, many = (
        faults.drop_frames(frames, share, np.random.default_rng(5))[:, 0, 0, 0] // 10 for share in (0.1, 0.4)
    )
    assert len(few) == len(many) == COUNT
    assert few[0] == many[0] == 0
    assert len(set(few)) == COUNT - 2 and len(set(many)) == COUNT - 8
    assert set(many) - {many[-1]} <= set(few)  # more lost, and all that was lost before
    assert (np.diff(many.astype(int)) >= 0).all()


def test_a_frozen_picture_stands_still_in_the_middle(frames: NDArray[np.uint8]) -> None:
    levels = faults.freeze(frames, 0.5)[:, 0, 0, 0] // 10
    assert levels.tolist() == [*range(5), *[4] * 10, *range(15, 20)]
    assert (faults.freeze(frames, 1.0) == frames[0]).all()


def test_a_frozen_mouth_follows_the_head_and_nothing_else_is_touched() -> None:
    """A face of random texture that moves by whole pixels and changes about the mouth."""
    generator = np.random.default_rng(0)
    face = generator.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    frames, landmarks = np.empty((4, 64, 64, 3), np.uint8), np.empty((4, 68, 2), np.float32)
    points = generator.uniform(8, 28, (68, 2)).astype(np.float32)
    points[48:68] = generator.uniform((26, 40), (38, 46), (20, 2))
    points[6:11] = generator.uniform((28, 46), (36, 50), (5, 2))
    for i, (dx, dy) in enumerate([(0, 0), (2, 0), (3, 1), (1, -2)]):
        shown = face.copy()
        shown[38:52, 24:40] = generator.integers(0, 256, (14, 16, 3)) if i else shown[38:52, 24:40]
        frames[i] = np.roll(shown, (dy, dx), axis=(0, 1))
        landmarks[i] = points + np.float32((dx, dy))
    frozen = faults.freeze_mouth(frames, landmarks, 1.0)
    for i, (dx, dy) in enumerate([(0, 0), (2, 0), (3, 1), (1, -2)]):
        mouth = np.s_[42 + dy : 45 + dy, 29 + dx : 35 + dx]
        assert np.abs(frozen[i][mouth].astype(int) - face[42:45, 29:35]).max() <= 1
        assert np.array_equal(frozen[i][:30], frames[i][:30])
    assert np.array_equal(faults.freeze_mouth(frames, landmarks, 0.0), frames)


def test_gain_moves_the_brows_and_keeps_speech_and_eyes_closing(subject: Subject) -> None:
    from harness.datasets.synthetic import draw
    from harness.datasets.synthetic.expression import AU_NAMES

    assert subject.plan is not None
    speech, acted, drawn = draw(subject.plan)
    quiet_speech, quiet, _ = draw(subject.plan, 0.0)
    assert np.array_equal(drawn.frames, subject.clip.frames)
    assert np.array_equal(speech.audio, quiet_speech.audio)
    for kept in ("AU18", "AU25", "AU26"):
        column = AU_NAMES.index(kept)
        assert np.array_equal(acted.units[:, column], quiet.units[:, column])
    assert np.array_equal(acted.mouth, quiet.mouth) and np.array_equal(acted.pose, quiet.pose)
    emotion = [AU_NAMES.index(name) for name in ("AU6", "AU12")]
    assert acted.units[:, emotion].max() > 0.3 and not quiet.units[:, emotion].any()


def test_twins_are_put_in_whole(subject: Subject) -> None:
    assert subject.other_emotion is not None
    other = load(subject.other_emotion)
    clip = made(subject, "wrong_emotion", 1.0)
    assert np.array_equal(clip.frames, other.frames) and np.array_equal(clip.audio, other.audio)
    with pytest.raises(Unscorable, match="no clip of the same sentence"):
        made(Subject(subject.clip), "identity_swap", 1.0)
    with pytest.raises(Unscorable, match="cannot be drawn again"):
        made(Subject(subject.clip), "au_gain", 0.0)

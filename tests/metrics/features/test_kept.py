from pathlib import Path

import numpy as np

from harness.store import Store
from harness.types import Clip, Pair
from metrics.features.kept import content_digest, kept
from tests.metrics.frames import moving_frames


class Counted:
    """A feature extractor that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> np.ndarray:
        self.calls += 1
        return np.full(3, self.calls, np.float32)


def made(store: Store | None, shared: bool = True) -> Pair:
    frames = moving_frames(3)
    return Pair("a", Clip(frames, None), Clip(frames, None, shared=shared), store=store)


def test_a_second_method_finds_what_the_first_computed_of_the_reference(tmp_path: Path) -> None:
    extractor, store = Counted(), Store(tmp_path)
    for _ in range(2):
        pair = made(store)
        found = [kept(pair, "reference", "net", pair.reference.frames, extractor) for _ in range(2)]
        np.testing.assert_array_equal(found, np.ones((2, 3)))
    assert extractor.calls == 1


def test_nothing_is_kept_of_a_clip_that_only_one_method_has_nor_without_a_store(tmp_path: Path) -> None:
    extractor = Counted()
    for pair in (made(Store(tmp_path), shared=False), made(None), made(Store(tmp_path))):
        kept(pair, "generated", "net", pair.generated.frames, extractor)
        kept(pair, "generated", "net", pair.generated.frames, extractor)
    assert extractor.calls == 3
    assert not list(tmp_path.rglob("*.npy"))


def test_sound_is_kept_and_other_instruments_or_contents_never_meet(tmp_path: Path) -> None:
    extractor, sound = Counted(), np.zeros(640, np.float32)
    for name, content in (("net", sound), ("net", sound), ("other", sound), ("net", sound + 1)):
        kept(made(Store(tmp_path)), "sound", name, content, extractor)
    assert extractor.calls == 3


def test_the_digest_knows_type_and_shape() -> None:
    zeros = np.zeros(4, np.uint8)
    same = [zeros, zeros.reshape(2, 2), np.zeros(1, np.float32)]
    assert len({content_digest(a) for a in same}) == 3

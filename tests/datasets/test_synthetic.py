import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from harness import data
from harness.datasets.synthetic import ClipPlan, SynthSpec, plan, render, write_corpus
from harness.datasets.synthetic.expression import intensity_of, perform
from harness.datasets.synthetic.face import Drawn, face_of
from harness.datasets.synthetic.identity import identity_of
from harness.datasets.synthetic.spec import CORPUS_VERSION, EMOTION_CODES, SENTENCES
from harness.datasets.synthetic.speech import speak
from harness.media import audio_16k, read_clip
from harness.types import BadInput

SPEC = SynthSpec(speakers=2, size=64, seed=11, clips_per_speaker=2)


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    write_corpus(SPEC, root)
    return root


def sound(path: Path) -> NDArray[np.float32]:
    samples = audio_16k(path)
    assert samples is not None
    return samples


def act(
    actor: int, emotion: str, level: str = "XX", sentence: str = "IWL", size: int = 64, seed: int = 11
) -> Drawn:
    clip = ClipPlan(seed, size, actor, sentence, emotion, level)
    identity = identity_of(seed, actor)
    intensity = intensity_of(emotion, level, clip.generator("intensity"))
    speech = speak(SENTENCES[sentence], identity.voice, emotion, intensity, clip.generator("prosody"))
    performance = perform(speech, emotion, intensity, identity.articulation, clip.generator("act"))
    return face_of(seed, actor, size).draw(performance)


def test_layout_is_crema_ds(corpus: Path) -> None:
    names = {clip.name for clip in plan(SPEC)}
    for folder, suffix in (("VideoFlash", ".mp4"), ("AudioWAV", ".wav"), ("Truth", ".npz")):
        assert {path.stem for path in (corpus / folder).iterdir()} == names
        assert {path.suffix for path in (corpus / folder).iterdir()} == {suffix}
    described = json.loads((corpus / "corpus.json").read_text())
    assert described["version"] == CORPUS_VERSION
    assert described["clips"] == 4 and described["spec"]["seed"] == 11


def test_same_bytes_on_two_workers(corpus: Path, tmp_path: Path) -> None:
    write_corpus(SPEC, tmp_path, workers=2)
    assert digests(tmp_path) == digests(corpus)


def test_a_clip_does_not_depend_on_the_others(corpus: Path, tmp_path: Path) -> None:
    last = plan(SPEC)[-1]
    render(last, tmp_path)
    assert digests(tmp_path).items() <= digests(corpus).items()


def test_render_leaves_finished_clips_alone_and_restores_missing_files(corpus: Path, tmp_path: Path) -> None:
    clip = plan(SPEC)[0]
    render(clip, tmp_path)
    before = digests(tmp_path)
    video = tmp_path / "VideoFlash" / f"{clip.name}.mp4"
    stamp = video.stat().st_mtime_ns
    render(clip, tmp_path)
    assert video.stat().st_mtime_ns == stamp
    video.unlink()
    render(clip, tmp_path)
    assert digests(tmp_path) == before


def test_sound_and_picture_last_equally_long(corpus: Path) -> None:
    for clip in plan(SPEC):
        decoded = read_clip(corpus / "VideoFlash" / f"{clip.name}.mp4")
        audio = sound(corpus / "AudioWAV" / f"{clip.name}.wav")
        assert decoded.frames.shape[1:] == (64, 64, 3)
        assert len(audio) == len(decoded.frames) * 640


def test_truth_is_whole(corpus: Path) -> None:
    for clip in plan(SPEC):
        truth = np.load(corpus / "Truth" / f"{clip.name}.npz", allow_pickle=False)
        frames = len(read_clip(corpus / "VideoFlash" / f"{clip.name}.mp4").frames)
        assert truth["au"].shape == (frames, len(truth["au_names"])) and truth["au"].dtype == np.float32
        assert truth["au"].min() >= 0 and truth["au"].max() <= 1
        assert truth["landmarks"].shape == (frames, 68, 2)
        assert truth["pose"].shape == (frames, 3) and np.abs(truth["pose"]).max() < 20
        assert truth["jaw_open"].shape == truth["viseme"].shape == (frames,)
        assert truth["viseme"].max() < len(truth["viseme_names"])
        assert len(truth["phonemes"]) == len(truth["phoneme_start"]) == len(truth["phoneme_end"])
        inside = truth["landmarks"][:, 17:]
        assert inside.min() > 0 and inside.max() < 63


def test_truth_follows_the_visemes(corpus: Path) -> None:
    opening: dict[str, list[float]] = {"aa": [], "p_b_m": []}
    for clip in plan(SPEC):
        truth = np.load(corpus / "Truth" / f"{clip.name}.npz")
        gap = truth["landmarks"][:, 66, 1] - truth["landmarks"][:, 62, 1]
        for name, found in opening.items():
            found += gap[truth["viseme"] == list(truth["viseme_names"]).index(name)].tolist()
    assert np.median(opening["aa"]) > 3 > 0.5 > np.median(opening["p_b_m"])


def test_the_jaw_is_in_step_with_the_sound(corpus: Path) -> None:
    """Loudness and jaw opening agree best at a lag of at most one frame, over all clips together."""
    lags = np.arange(-5, 6)
    total = np.zeros(len(lags))
    for clip in plan(SPEC):
        audio = sound(corpus / "AudioWAV" / f"{clip.name}.wav")
        jaw = np.load(corpus / "Truth" / f"{clip.name}.npz")["jaw_open"]
        energy = np.sqrt((audio.reshape(-1, 640) ** 2).mean(1))
        total += [np.corrcoef(np.roll(jaw, -lag)[6:-6], energy[6:-6])[0, 1] for lag in lags]
    assert abs(lags[total.argmax()]) <= 1


def test_drawn_mouth_is_where_the_landmarks_say() -> None:
    """The dark of an open mouth lies between the inner lips."""
    drawn = act(1003, "NEU", size=128)
    gap = drawn.landmarks[:, 66, 1] - drawn.landmarks[:, 62, 1]
    wide, shut = int(gap.argmax()), int(gap.argmin())
    assert gap[wide] > 6 > 1 > gap[shut]
    x, y = drawn.landmarks[wide, [62, 66]].mean(0).round().astype(int)
    assert drawn.frames[wide, y, x].mean() < 0.7 * drawn.frames[shut, y + 12, x].mean()


def mouth_corners(drawn: Drawn) -> float:
    """Return how far the corners are above the lips' middle, in px."""
    marks = drawn.landmarks
    middle = (marks[:, 62, 1] + marks[:, 66, 1]) / 2
    return float((middle - marks[:, [48, 54], 1].mean(1)).mean())


def test_emotions_move_the_face_as_facs_says() -> None:
    played = {emotion: act(1002, emotion) for emotion in EMOTION_CODES}
    assert mouth_corners(played["HAP"]) > mouth_corners(played["NEU"]) > mouth_corners(played["SAD"])

    def above_eye(points: list[int], emotion: str) -> float:
        marks = played[emotion].landmarks
        return float((marks[:, [36, 39, 42, 45], 1].mean(1) - marks[:, points, 1].mean(1)).mean())

    inner, outer = [21, 22], [18, 25]
    assert above_eye(inner, "SAD") > above_eye(inner, "NEU") > above_eye(inner, "ANG")
    assert above_eye(outer, "FEA") > above_eye(outer, "NEU")


def test_a_higher_level_is_a_stronger_expression() -> None:
    low, high = (mouth_corners(act(1001, "HAP", level, "IEO")) for level in ("LO", "HI"))
    assert high > low + 0.5


def test_another_seed_is_another_look() -> None:
    one, other = (act(1001, "NEU", seed=seed).frames[0].astype(int) for seed in (1, 2))
    assert np.abs(one - other).mean() > 10


def test_a_corpus_is_not_mixed_with_another(corpus: Path) -> None:
    with pytest.raises(BadInput, match=r"corpus\.json"):
        write_corpus(SPEC.model_copy(update={"seed": 12}), corpus)


def test_command_line_writes_and_names_bad_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["synth", str(tmp_path), "--speakers", "1", "--size", "64", "--clips-per-speaker", "1"]
    assert data.main(words) == 0
    assert "1 clips of 1 speakers" in capsys.readouterr().out
    assert data.main([*words, "--size", "63"]) == 2
    assert "--size 63" in capsys.readouterr().err

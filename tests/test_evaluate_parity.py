"""harness.evaluate with reference backbones gives the peers' own numbers, clip by clip, in per_clip.csv.

Random weights in the published layouts stand in for the files that cannot be shipped: they prove the wiring.
"""

import json
from pathlib import Path

import pytest

from harness import evaluate, media, results
from harness.datasets.synthetic import SynthSpec, write_corpus
from metrics.bench import random_weights, suite_peers

TOLERANCE = {"psnr": 1e-9, "ssim": 1e-9, "lpips": 1e-6, "lse_c": 1e-4, "lse_d": 1e-4}
FRAMES = 30
METRICS = [*TOLERANCE, "fid", "av_offset"]


def embedded(folder: Path) -> list[Path]:
    write_corpus(SynthSpec(speakers=1, size=64, seed=21, clips_per_speaker=2), folder)
    return sorted((folder / "VideoFlash").glob("*.mp4"))


def real(shared: Path) -> list[Path]:
    return [shared / "clips" / name for name in ("LRS3_0Fi83BHQsMA_00002.mp4", "GRID_bbaf2n.mpg")]


def compared(clips: list[Path], root: Path) -> tuple[dict[str, dict[str, float]], Path]:
    """Score the clips, encoded once more, against themselves by the peers and by us; theirs, our folder."""
    for name in ("mine", "real", "weights"):
        (root / name).mkdir()
    for clip in clips:
        sound = clip.parents[1] / "AudioWAV" / f"{clip.stem}.wav"
        whole = media.read_clip(clip, sound if sound.exists() else None)
        frames, name = whole.frames[:FRAMES], f"{clip.stem}.mp4"
        media.encode(root / "real" / name, frames, whole.audio)
        media.encode(root / "mine" / name, frames // 2 + 50, whole.audio)
    random_weights.write(root / "weights")
    suite_peers.main(root / "mine", root / "real", root / "weights", root / "peers.json")
    options = ["--reference", str(root / "real"), "--out", str(root / "runs" / "out"), "--workers", "2"]
    options += ["--backbones", "reference", "--weights", str(root / "weights"), "--allow-unverified"]
    options += ["--metrics", ",".join(METRICS), "--fid-min-frames", "2"]
    assert evaluate.main([str(root / "mine"), *options]) == 0
    return json.loads((root / "peers.json").read_text()), root / "runs" / "out"


@pytest.mark.parametrize("kind", ["embedded", "real"])
def test_the_command_gives_the_peers_numbers(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    clips = embedded(tmp_path / "corpus") if kind == "embedded" else real(request.getfixturevalue("shared"))
    peers, out = compared(clips, tmp_path)
    rows = [r for r in results.read_rows(out / "per_clip.csv") if r["method"] == "mine"]
    for metric, tolerance in TOLERANCE.items():
        ours = {r["clip"]: float(r["value"]) for r in rows if r["metric"] == metric}
        theirs = {clip: peers[metric][clip] for clip in ours}
        assert ours == pytest.approx(theirs, rel=0, abs=tolerance), metric
    table = {r["metric"]: r for r in results.read_rows(out / "results.csv") if r["method"] == "mine"}
    assert float(table["fid"]["value"]) == pytest.approx(peers["fid"]["all"], rel=1e-5)
    for metric in ("lpips", "fid", "lse_c"):
        assert "[unverified]" in table[metric]["backbone"]
        assert table[metric]["comparable"] == "false"

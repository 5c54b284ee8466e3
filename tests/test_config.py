from pathlib import Path

import pytest

from harness import config
from harness.types import BadInput

MINIMAL = """
name: small
data: {reader: synthetic}
methods: [{name: cvae, config: {size: tiny}}]
metrics: [psnr, ssim]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "sweep.yaml"
    path.write_text(text)
    return path


def test_defaults_and_overrides(tmp_path: Path) -> None:
    sweep = config.load(written(tmp_path, MINIMAL), ["data.size=96", "seed=9", "methods.0.config.alpha=0.5"])
    assert (sweep.data.size, sweep.seed, sweep.methods[0].config["alpha"]) == (96, 9, 0.5)
    assert [c.name for c in sweep.controls] == list(config.CONTROLS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("seed", "sead: 1\nx"), ["sweep.yaml", 'unknown key "sead"', 'did you mean "seed"']),
        (("reader:", "readr: a, reader:"), ['"data.readr"', 'did you mean "reader"']),
        (("name: cvae", "name: cvea"), ["sweep.yaml", '"cvea"', 'did you mean "cvae"']),
        (("ssim", "sim"), ["sweep.yaml", '"sim"', 'did you mean "ssim"']),
        (("size: tiny", "sise: tiny"), ["sweep.yaml", '"sise"', 'did you mean "size"']),
        (("size: tiny", "size: huge"), ["sweep.yaml", '"size"', "huge"]),
        (
            ("metrics:", "controls: [{name: still}]\nmetrics:"),
            ["ground_truth", "no leaderboard without them"],
        ),
    ],
)
def test_a_mistake_is_named_with_its_fix(tmp_path: Path, change: tuple[str, str], said: list[str]) -> None:
    text = MINIMAL.replace(*change) if change[0] in MINIMAL else MINIMAL + change[1].replace("\nx", "\n")
    with pytest.raises(BadInput) as error:
        config.load(written(tmp_path, text))
    for words in said:
        assert words in str(error.value)


@pytest.mark.parametrize("seeds", ["[1, 1]", "[]", "[a]", "[-1]", "{low: 1, high: 3}"])
def test_seeds_are_different_whole_numbers(tmp_path: Path, seeds: str) -> None:
    with pytest.raises(BadInput, match="different whole numbers"):
        config.load(written(tmp_path, MINIMAL), [f"methods.0.search.space={{seed: {seeds}}}"])
    sweep = config.load(written(tmp_path, MINIMAL), ["methods.0.search.space={seed: [1, 2]}"])
    assert sweep.methods[0].search.space == {"seed": [1, 2]}


def test_asha_with_several_workers_is_refused_with_the_reason(tmp_path: Path) -> None:
    text = MINIMAL.replace("config: {size: tiny}", "search: {algorithm: asha, space: {alpha: [0.0, 1.0]}}")
    with pytest.raises(BadInput, match="placement group"):
        config.load(written(tmp_path, text), ["resources.workers=2"])


def test_the_judges_own_corpus_cannot_be_trained_on(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="judges"):
        config.load(written(tmp_path, MINIMAL), [f"data.synthetic.seed={config.JUDGE_SEEDS.start}"])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("data.size", "key=value"),
        ("methods.cvae.config.alpha=1", "a number from 0 to 0"),
        ("methods.3.name=cvae", "a number from 0 to 0"),
        ("data.size.x=1", "not keys"),
        ("metrics=[psnr", "not YAML"),
    ],
)
def test_an_override_that_fits_nowhere_is_told(tmp_path: Path, override: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        config.load(written(tmp_path, MINIMAL.replace("reader: synthetic", "size: 64")), [override])


def test_a_method_that_enters_twice_needs_a_label(tmp_path: Path) -> None:
    twice = MINIMAL.replace("[{name: cvae", "[{name: cvae}, {name: cvae")
    with pytest.raises(BadInput, match="label"):
        config.load(written(tmp_path, twice))
    config.load(written(tmp_path, twice), ["methods.1.label=other"])


def test_every_sweep_of_the_project_is_valid(tmp_path: Path) -> None:
    # What a sweep on shards says of itself is in the shards' folder.
    (tmp_path / "prepared.json").write_text('{"size": 64, "faces": {"name": "face-v1"}}')
    (tmp_path / "index.parquet").touch()
    for path in sorted((Path(__file__).parents[1] / "sweeps").glob("*.yaml")):
        if path.name == "study.yaml":  # harness.serve's
            continue
        shards = "reader: prepared" in path.read_text()
        assert config.load(path, [f"data.root={tmp_path}"] if shards else []).metrics

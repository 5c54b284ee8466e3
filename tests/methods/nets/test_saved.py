import json
from pathlib import Path

import pytest
import torch
from torch import nn

from harness.types import BadInput
from methods.nets.saved import read_model, write_model


def test_what_was_written_is_read(tmp_path: Path) -> None:
    layer = nn.Linear(3, 2)
    write_model(tmp_path / "model", layer, {"method": "m", "width": 4, "rate": 1.0})
    weights = read_model(tmp_path / "model", "m", {"width": 4})
    assert torch.equal(weights["weight"], layer.weight) and torch.equal(weights["bias"], layer.bias)


def test_folder_and_mismatch_are_named(tmp_path: Path) -> None:
    write_model(tmp_path, nn.Linear(3, 2), {"method": "m", "width": 4})
    with pytest.raises(BadInput, match=f"{tmp_path}: width is 4 there, 8 in this config"):
        read_model(tmp_path, "m", {"width": 8})
    with pytest.raises(BadInput, match="method is 'm' there, 'n' in this config"):
        read_model(tmp_path, "n", {"width": 4})


@pytest.mark.parametrize("harm", ["missing", "no json", "no weights"])
def test_what_is_no_model_is_refused(tmp_path: Path, harm: str) -> None:
    write_model(tmp_path, nn.Linear(3, 2), {"method": "m"})
    if harm == "no json":
        (tmp_path / "config.json").write_text("{")
    elif harm == "no weights":
        (tmp_path / "model.safetensors").write_bytes(json.dumps({}).encode())
    with pytest.raises(BadInput, match="not a saved m"):
        read_model(tmp_path / "nowhere" if harm == "missing" else tmp_path, "m", {})

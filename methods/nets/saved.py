"""A model on disk: a folder of model.safetensors and config.json, checked when it is read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from harness.types import BadInput
from methods.nets.experts import WEIGHTS

_CONFIG = "config.json"


def write_model(folder: Path, module: nn.Module, config: Mapping[str, Any]) -> None:
    """Write a module's weights and the config that describes it into `folder`, made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    save_file(state, folder / WEIGHTS)
    (folder / _CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")


def read_model(folder: Path, method: str, wanted: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the weights in `folder`; BadInput unless its config holds `method` and all of `wanted`."""
    try:
        found = json.loads((folder / _CONFIG).read_text())
        weights: dict[str, Tensor] = load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise BadInput(f"{folder}: not a saved {method} ({error}); fit and save it again") from error
    for key, value in {"method": method, **wanted}.items():
        if found.get(key) != value:
            raise BadInput(
                f"{folder}: {key} is {found.get(key)!r} there, {value!r} in this config; use equal ones"
            )
    return weights

"""Where a run's demo lies, made ready once before it is served."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from harness import results
from harness.demo.examples import write_examples
from harness.demo.making import face_policy, models
from harness.weights import Weights

_DRAWN = "These models were trained on drawn faces: try the examples; a photograph comes out strange. "
_FEW = (
    "Only drawn faces are found here: python -m harness.weights fetch face-landmarker brings the detector "
    "for photographs."
)


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo of a run needs, as plain data: its folder, how many examples lie there, and a note.

    mark: whether the pictures of its clips say that they are generated.
    """

    folder: Path
    examples: int
    note: str
    mark: bool = False

    @property
    def orders(self) -> Path:
        """Where orders lie."""
        return self.folder / "orders"


def forget(orders: Path) -> None:
    """Delete all that visitors sent."""
    if orders.exists():
        shutil.rmtree(orders)


def set_up(run_dir: Path, mark: bool = False) -> Demo:
    """Forget earlier visitors, write the examples and return the demo.

    Raises BadInput where the run trained no model.
    """
    models(run_dir)
    folder = run_dir.absolute() / "demo"
    forget(folder / "orders")
    count = write_examples(run_dir, folder / "examples")
    drawn = results.read_json(run_dir / "run.json")["config"].get("data", {}).get("reader") == "synthetic"
    found = face_policy(Weights()) == "face-v1"
    return Demo(folder, count, (_DRAWN * drawn + _FEW * (not found)).strip(), mark)

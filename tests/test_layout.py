"""The house rules that a machine can check: who may import whom, and no module runs Ray unasked."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RAY_FILES = {"harness/execute.py", "harness/serving.py", "harness/train.py", "harness/tune.py"}
COMMANDS = {f"harness/{name}.py" for name in ("sweep", "report", "evaluate", "calibrate", "data")}


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
    return found


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def tops(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(file)}


def test_ray_is_imported_in_its_own_files_only() -> None:
    users = {
        str(f.relative_to(ROOT))
        for package in ("harness", "methods", "metrics", "reports")
        for f in sources(package)
        if "ray" in tops(f)
    }
    assert users == RAY_FILES


def test_the_engine_knows_no_method_metric_or_report() -> None:
    for file in sources("harness"):
        allowed = {"reports"} if str(file.relative_to(ROOT)) in COMMANDS else set()
        assert not tops(file) & {"methods", "metrics", "reports"} - allowed, file


def test_reports_read_results_alone() -> None:
    for file in sources("reports"):
        assert not tops(file) & {"torch", "ray", "methods", "metrics"}, file


def test_methods_and_metrics_do_not_know_each_other() -> None:
    for file in sources("methods"):
        assert not tops(file) & {"metrics", "reports"}, file
    for file in sources("metrics"):
        assert not tops(file) & {"methods", "reports"}, file

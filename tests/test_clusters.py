"""The files for clusters: valid by the schemas of those who read them, and true to the project."""

import json
import shlex
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from harness import config

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "sweeps" / "clusters"


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def dependencies() -> list[str]:
    found: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return found


def test_the_cluster_file_is_valid_by_rays_own_schema() -> None:
    spec = find_spec("ray")
    assert spec is not None and spec.origin is not None
    schema = json.loads((Path(spec.origin).parent / "autoscaler" / "ray-schema.json").read_text())
    cluster = read("aws.yaml")
    jsonschema.validate(cluster, schema)
    assert cluster["head_node_type"] in cluster["available_node_types"]
    starts = cluster["head_start_ray_commands"][1], cluster["worker_start_ray_commands"][1]
    assert all("RAY_AUTH_MODE=token" in start for start in starts)


def test_the_jobs_environment_has_the_projects_packages_and_ray_takes_it() -> None:
    from ray.runtime_env import RuntimeEnv

    environment = read("runtime_env.yaml")
    taken = RuntimeEnv(working_dir="https://example.org/project.zip", **environment)
    assert {"excludes", "env_vars", "pip"} <= set(taken)
    # Ray itself is there before the job is: another in its environment would not talk to it.
    assert environment["pip"]["packages"] == [d for d in dependencies() if not d.startswith("ray")]


def test_the_kuberay_job_starts_a_sweep_that_is_there_on_machines_that_fit_it() -> None:
    job = read("rayjob.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]
    cluster = spec["rayClusterSpec"]
    (pinned,) = [d.partition("==")[2] for d in dependencies() if d.startswith("ray")]
    assert cluster["rayVersion"].startswith(pinned.removesuffix("*"))
    assert cluster["authOptions"] == {"mode": "token"}

    words = shlex.split(spec["entrypoint"])
    assert words[:3] == ["python", "-m", "harness.sweep"]
    sweep = config.load(ROOT / Path(words[3]).relative_to("/project"))
    out = Path(words[words.index("--out") + 1])
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for pod in [group["template"]["spec"] for group in groups]:
        (container,) = pod["containers"]
        (mount,) = container["volumeMounts"]
        assert out.is_relative_to(mount["mountPath"])
        assert mount["name"] in {volume["name"] for volume in pod["volumes"]}
    limits = container["resources"]["limits"]
    assert int(limits["cpu"]) >= sweep.resources.threads
    assert int(limits["nvidia.com/gpu"]) >= sweep.resources.gpus
    assert isinstance(yaml.safe_load(spec["runtimeEnvYAML"])["env_vars"], dict)

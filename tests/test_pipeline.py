"""The pipeline from end to end at the size of the profile `test`, in clones of the project."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from alpasim_factory import evaluated_run
from hdf5_factory import episodes

from avvla.config import Params
from avvla.params import load_params

ROOT = Path(__file__).resolve().parents[1]
PROFILES = sorted(path.stem for path in (ROOT / "conf/profile").glob("*.yaml"))
STAGES = (
    "download",
    "label",
    "fit_actions",
    "build_dataset",
    "train",
    "evaluate",
    "latency",
    "report",
)


def tool(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


stage_deps = tool(ROOT / ".ci/stage_deps.py")


class Clone:
    """A copy of the project's files with raw logs, work folder and DVC state of its own."""

    def __init__(self, folder, backend="local"):
        self.root = folder / "project"
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for name in listed:
            if (ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.root / name)
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            "AVVLA_BACKEND": backend,
            "AVVLA_DATA": str(folder / "raw"),
            "AVVLA_WORK": str(folder / "work"),
            "AVVLA_WORKERS": "2",
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(folder / "site"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        for command in (["git", "init", "-q"], ["git", "add", "-A"]):
            subprocess.run(command, cwd=self.root, check=True)
        self.run(sys.executable, "conf/compose.py", "test")

    def run(self, *command, check=True):
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=check,
        )

    def kill_while_running(self, stage, after_s):
        """Start a stage and end it and all that it started with SIGKILL."""
        process = subprocess.Popen(
            ["dvc", "repro", "-s", stage],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(after_s)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def read(self, name):
        return (self.root / name).read_bytes()

    def changed(self):
        """Stages of the root's pipeline that DVC would run again."""
        status = json.loads(self.run("dvc", "status", "--json", "dvc.yaml").stdout)
        return {name for name in status if name in STAGES}


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    clone = Clone(tmp_path_factory.mktemp("first"))
    result = clone.run("dvc", "repro", check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    return clone


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_run_on_ray_that_is_killed_in_every_stage_ends_with_the_same_bytes(clone, tmp_path):
    other = Clone(tmp_path, "ray")
    for place, stage in enumerate(STAGES):
        other.kill_while_running(stage, after_s=3.0 + 1.5 * place)
        result = other.run("dvc", "repro", "-s", stage, check=False)
        assert result.returncode == 0, f"{stage}: {result.stderr[-3000:]}"
    assert other.read("dvc.lock") == clone.read("dvc.lock")
    assert other.read("results/report.html") == clone.read("results/report.html")


@pytest.mark.slow
def test_the_run_leaves_a_report_and_its_metrics(clone):
    assert b"<html" in clone.read("results/report.html")
    metrics = json.loads(clone.read("results/evaluate/metrics.json"))
    assert metrics["open_loop"]["ade_6.4s"] > 0
    families = metrics["closed_loop"]["families"]
    for family in ("lane_keeping", "lead", "lane_change", "turn", "stop"):
        assert {"success", "off_road", "collision", "n"} <= families[family].keys()
    for other in ("constant_velocity", "blind"):
        assert metrics["closed_loop"][other]["families"].keys() == families.keys()


@pytest.mark.slow
def test_nothing_runs_again_without_a_change(clone):
    assert clone.changed() == set()


@pytest.mark.slow
def test_a_learning_rate_concerns_training_alone(clone):
    path = clone.root / "params.yaml"
    before = path.read_text()
    changed = yaml.safe_load(before)
    changed["train"]["lr"] *= 2
    path.write_text(yaml.safe_dump(changed, sort_keys=False))
    try:
        # The report prints the parameters, so it follows them too.
        assert clone.changed() == {"train", "report"}
    finally:
        path.write_text(before)


@pytest.mark.slow
@pytest.mark.parametrize(
    "module", ["avvla/labels/table.py", "avvla/policy/modeling_field_agent.py"]
)
def test_a_module_concerns_exactly_the_stages_that_import_it(clone, module):
    path = clone.root / module
    before = path.read_text()
    path.write_text(before + "\n# changed\n")
    scripts = {stage: clone.root / f"stages/{stage}.py" for stage in STAGES}
    using = {
        stage
        for stage, script in scripts.items()
        if module in stage_deps.code_of(script, clone.root)
    }
    try:
        assert using
        assert clone.changed() == using
    finally:
        path.write_text(before)


def test_stages_list_the_code_that_they_import():
    assert stage_deps.differences(ROOT) == {}


def test_imports_are_followed_through_modules_and_packages(tmp_path):
    files = {
        "stages/go.py": "from helper import x\nfrom avvla.a import f\n",
        "stages/helper.py": "x = 1\n",
        "avvla/__init__.py": "",
        "avvla/a.py": "def f():\n    import avvla.sub.b\n",
        "avvla/sub/__init__.py": "",
        "avvla/sub/b.py": "import json\n",
        "avvla/sub/unused.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = stage_deps.code_of(tmp_path / "stages/go.py", tmp_path)
    assert found == sorted(files.keys() - {"avvla/sub/unused.py"})


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_is_valid(profile, tmp_path):
    tool(ROOT / "conf/compose.py").compose(profile, tmp_path / "params.yaml")
    load_params(tmp_path / "params.yaml")


def test_the_embedded_profile_is_the_default_and_the_committed_params_yaml(tmp_path):
    tool(ROOT / "conf/compose.py").compose("embedded", tmp_path / "params.yaml")
    assert load_params(tmp_path / "params.yaml") == Params()
    # The file in the tree may hold another profile: `make repro PROFILE=...` writes it there.
    committed = subprocess.run(
        ["git", "show", "HEAD:params.yaml"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert committed == (tmp_path / "params.yaml").read_text()


@pytest.mark.slow
def test_a_run_of_alpasim_is_collected_apart_from_the_roots_pipeline(tmp_path):
    clone = Clone(tmp_path)
    before = clone.read("dvc.lock")
    repro = ("dvc", "repro", "pipelines/alpasim/dvc.yaml")
    refused = clone.run(*repro, check=False)
    assert refused.returncode != 0
    assert "error: AVVLA_ALPASIM_RUN is not set" in refused.stderr
    clone.environment["AVVLA_ALPASIM_RUN"] = str(evaluated_run(tmp_path / "run"))
    done = clone.run(*repro, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(clone.read("results/alpasim/metrics.json"))["run"]["uuid"] == "1"
    assert b"<html" in clone.read("results/alpasim/report.html")
    assert clone.read("dvc.lock") == before
    again = clone.run(*repro)
    assert "'pipelines/alpasim/dvc.yaml:report' didn't change, skipping" in again.stdout


@pytest.mark.slow
def test_an_experiment_imports_builds_and_trains_on_hdf5_episodes(tmp_path):
    clone = Clone(tmp_path)
    episodes(tmp_path / "episodes", 4)
    clone.environment["AVVLA_HDF5"] = str(tmp_path / "episodes")
    author = ("-c", "user.name=avvla", "-c", "user.email=avvla@localhost")
    clone.run("git", *author, "commit", "-qm", "all")  # an experiment begins at a commit
    changes = {
        "build.image_size": 64,
        "build.validation": 0.25,
        "policy.backbone.vision_width": 32,
        "policy.backbone.text_width": 32,
        "train.steps": 3,
        "train.batch_size": 4,
        "train.processes": 1,
    }
    settings = [f"-S={name}={value}" for name, value in changes.items()]
    result = clone.run(
        "dvc", "exp", "run", "train", "-S=profile=insertion_sim", *settings, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]
    metrics = json.loads(clone.read("results/train/metrics.json"))
    assert metrics["steps"] == 3
    assert metrics["validation_action_error"] > 0
    config = json.loads(clone.read("models/field_agent/config.json"))
    assert (config["type"], config["chunk_size"], config["num_steps"]) == ("smolvla", 50, 10)
    assert sorted(config["input_features"]) == [
        *(f"observation.images.camera{i}" for i in (1, 2, 3)),
        "observation.state",
    ]
    evaluated = clone.run("dvc", "repro", "-s", "evaluate", check=False)
    assert evaluated.returncode != 0
    assert "no closed loop in the embedded world" in evaluated.stderr

"""download, label, fit_actions and build_dataset as DVC runs them: processes in a folder."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from factory import contents

from avvla.dataset import split
from avvla.physical_ai import layout, manifest

ROOT = Path(__file__).parents[2]
PARAMS = {
    "dataset": {
        "synthetic": {
            "clips": 6,
            "clips_per_chunk": 2,
            "video_s": 3.5,
            "camera_width": 64,
            "camera_height": 36,
        }
    },
    "build": {"image_size": 32, "validation": 0.2},
}


class Project:
    """A folder with params.yaml and folders of its own for data and work."""

    def __init__(
        self, folder: Path, workers: int, backend: str = "local", **sections: object
    ) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS | sections))
        self.environment = os.environ | {
            "AVVLA_DATA": str(folder / "raw"),
            "AVVLA_WORK": str(folder / "work"),
            "AVVLA_BACKEND": backend,
            "AVVLA_WORKERS": str(workers),
            "HF_HUB_OFFLINE": "1",
            "PYTHONHASHSEED": "0",
        }

    def start(self, stage: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, ROOT / "stages" / f"{stage}.py"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, stage: str) -> None:
        process = self.start(stage)
        _, errors = process.communicate()
        assert process.returncode == 0, errors

    def counters(self, stage: str) -> tuple[int, int]:
        """Chunks that the last run of a stage computed and reused."""
        run = self.json(f"work/{stage}/last_run.json")
        return run["computed"], run["reused"]

    def refuse(self, stage: str) -> str:
        """The one line on standard error of a stage that ends with code 1."""
        process = self.start(stage)
        _, errors = process.communicate()
        assert process.returncode == 1
        assert errors.count("\n") == 1
        return errors

    def outputs(self) -> dict[str, bytes]:
        return contents(self.folder, "data", "results")

    def json(self, name: str) -> dict:
        return json.loads((self.folder / name).read_text())


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "project", 1)


def test_bad_parameters_are_one_line(tmp_path):
    project = Project(tmp_path / "project", 1, dataset={"sorce": "synthetic"})
    assert project.refuse("download") == (
        "error: params.yaml: unknown parameter `dataset.sorce`; did you mean `source`?\n"
    )


@pytest.mark.parametrize("stage", ["label", "fit_actions"])
def test_a_missing_manifest_is_one_line(project, stage):
    assert "data/manifest.json is missing: make it again" in project.refuse(stage)


def test_an_unknown_command_is_one_line(tmp_path):
    label = {"source": "fixed", "command": "Turn lft"}
    project = Project(tmp_path / "project", 1, label=label)
    project.run("download")
    assert "did you mean 'Turn left'?" in project.refuse("label")
    assert list((project.folder / "data").iterdir()) == [project.folder / "data/manifest.json"]


def test_the_reasoning_of_the_data_set_is_read_as_commands(tmp_path):
    project = Project(tmp_path / "project", 1, label={"source": "ood_reasoning"})
    project.run("download")
    project.run("label")
    metrics = project.json("results/label/metrics.json")
    assert metrics["n"] == metrics["confidence"]["certain"] == 6 * 4
    assert metrics["unknown_sentences"] == {"different": 0, "examples": {}, "rows": 0}

    listing = manifest.load(project.folder / "data/manifest.json")
    files = tuple(file for file in listing.files if file.path != layout.REASONING)
    manifest.save(
        listing.model_copy(update={"files": files}), project.folder / "data/manifest.json"
    )
    assert f"the manifest lists no {layout.REASONING}" in project.refuse("label")


def test_a_killed_download_goes_on(tmp_path):
    killed, whole = Project(tmp_path / "killed", 2), Project(tmp_path / "whole", 2)
    process = killed.start("download")
    deadline = time.monotonic() + 60
    while not list(killed.folder.glob("raw/*/chunks/chunk_*")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert not (killed.folder / "data").exists()
    for project in (killed, whole):
        project.run("download")
    assert killed.outputs() == whole.outputs()
    listing = manifest.load(killed.folder / "data/manifest.json")
    assert manifest.verify(listing, killed.folder / "raw") == []


def test_stages_that_are_killed_twenty_times_leave_the_bytes_of_an_undisturbed_run(tmp_path):
    project = Project(tmp_path / "project", 1)
    script = [sys.executable, Path(__file__).with_name("kill_stages.py"), ROOT / "stages"]
    run = subprocess.run(
        [*script, "4", "5", "11"],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    digests = run.stdout.split()
    assert len(digests) == 5
    assert len(set(digests)) == 1


@pytest.mark.slow
def test_the_stages_give_the_same_bytes_on_any_backend(tmp_path, ray_running):
    import ray

    project, remote = Project(tmp_path / "local", 1), Project(tmp_path / "ray", 2, "ray")
    remote.environment["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address
    for stage in ("download", "label", "fit_actions", "build_dataset"):
        for each in (project, remote):
            each.run(stage)
            assert each.counters(stage) == (3, 0)
    assert project.outputs() == remote.outputs()
    before = project.outputs()
    for stage in ("label", "fit_actions", "build_dataset"):  # whose outputs are there already
        project.run(stage)
        assert project.counters(stage) == (0, 3)
    assert project.outputs() == before

    metrics = {
        stage: project.json(f"results/{stage}/metrics.json")
        for stage in ("label", "fit_actions", "build_dataset")
    }
    assert metrics["label"]["n"] == metrics["fit_actions"]["n"] == 6 * 4
    assert sum(metrics["label"]["commands"].values()) == 24
    assert metrics["fit_actions"]["ade_max"] < 0.01
    labels = metrics["fit_actions"]["statistics"]["synthetic"]
    assert labels["acceleration"]["released_std"] == 0.68104
    assert labels["curvature"]["std_ratio"] > 0
    picture = (project.folder / "results/fit_actions/fits.svg").read_text()
    assert picture.count('class="title"') == 12
    built = metrics["build_dataset"]
    assert built["train"]["frames"] + built["validation"]["frames"] == sum(
        built["commands"].values()
    )
    parts = split.load(project.folder / "data/lerobot")
    assert built["validation"]["episodes"] == len(parts.validation.clips) == 1
    for chunk in range(3):
        labels = pq.read_table(project.folder / f"data/labels/chunk_{chunk:04d}.parquet")
        fits = pq.read_table(project.folder / f"data/actions/chunk_{chunk:04d}.parquet")
        assert labels.select(["clip_id", "t0_us"]).to_pydict() == (
            fits.select(["clip_id", "t0_us"]).to_pydict()
        )

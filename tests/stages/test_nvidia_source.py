"""The pipeline's data stages over the loopback hub: one of them asks it, an added chunk is alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from factory import REVISION, contents, data_set, recordings
from loopback_hub import LoopbackHub

from avvla.physical_ai import manifest

ROOT = Path(__file__).parents[2]
REPO = "nvidia/PhysicalAI-Autonomous-Vehicles"
STAGES = ("download", "label", "fit_actions", "build_dataset")


class Project:
    """The stages as DVC runs them: with the environment of their command in dvc.yaml."""

    def __init__(self, folder: Path, hub: LoopbackHub) -> None:
        self.folder, self.hub = folder, hub
        folder.mkdir()
        pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text())
        variables = {name: text for group in pipeline["vars"] for name, text in group.items()}
        self._commands = {}
        for name in STAGES:
            command = pipeline["stages"][name]["cmd"]
            for variable, text in variables.items():
                command = command.replace(f"${{{variable}}}", text)
            self._commands[name] = command.split()

    def run(self, stage: str, tree: Path | None = None, **nvidia: object) -> str:
        """Run a stage; its one line on standard error if it refuses."""
        params = {
            "dataset": {"source": "nvidia", "nvidia": {"revision": REVISION, **nvidia}},
            "label": {"source": "kinematic"},
            "build": {"image_size": 32, "validation": 0.2},
        }
        (self.folder / "params.yaml").write_text(yaml.safe_dump(params))
        *prefix, _, script = self._commands[stage]
        online = {
            name: text for name, text in os.environ.items() if not name.startswith("HF_HUB_OFFLINE")
        }
        result = subprocess.run(
            [*prefix, f"PYTHONPATH={ROOT}", sys.executable, ROOT / script],
            cwd=self.folder,
            env=online
            | {
                "AVVLA_DATA": str(self.folder / "raw"),
                "AVVLA_WORK": str(self.folder / "work"),
                "AVVLA_WORKERS": "1",
                "HF_ENDPOINT": self.hub.endpoint,
                "HF_HOME": str(self.folder / "home"),
                "NO_PROXY": "127.0.0.1,localhost",
            }
            | ({} if tree is None else {"AVVLA_NVIDIA_TREE": str(tree)}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if result.returncode:
            assert result.returncode == 1
            assert result.stderr.count("\n") == 1, result.stderr
            return result.stderr
        return ""

    def computed(self, stage: str) -> int:
        return json.loads((self.folder / f"work/{stage}/last_run.json").read_text())["computed"]

    def outputs(self) -> dict[str, bytes]:
        return contents(self.folder, "data", "results")


@pytest.fixture
def hub(tmp_path):
    listing = data_set(tmp_path / "upstream", recordings(6, seed=4))
    tree = manifest.root(listing, tmp_path / "upstream")
    with LoopbackHub.of_folder(tree, REPO, REVISION) as served:
        yield served


def test_only_download_asks_the_hub_and_an_added_chunk_is_computed_alone(hub, tmp_path):
    grown, whole = Project(tmp_path / "grown", hub), Project(tmp_path / "whole", hub)
    for chunks in ([0, 1], [0, 1, 2]):
        assert grown.run("download", chunks=chunks) == ""
        asked = len(hub.log)
        for stage in STAGES[1:]:
            assert grown.run(stage, chunks=chunks) == ""
            assert grown.computed(stage) == len(chunks) - (0 if chunks == [0, 1] else 2)
        assert len(hub.log) == asked
    for stage in STAGES:
        assert whole.run(stage, chunks=[0, 1, 2]) == ""
    assert grown.outputs() == whole.outputs()


def test_a_plain_tree_gives_the_same_results(hub, tmp_path):
    served, plain = Project(tmp_path / "served", hub), Project(tmp_path / "plain", hub)
    for stage in STAGES:
        assert served.run(stage, clip_count=3) == ""
    tree = next((tmp_path / "upstream").glob("*/snapshots/*"))
    asked = len(hub.log)
    for stage in STAGES:
        assert plain.run(stage, tree, clip_count=3) == ""
    assert len(hub.log) == asked
    assert plain.outputs() == served.outputs()


def test_bad_input_is_one_line(hub, tmp_path):
    project = Project(tmp_path / "project", hub)
    hub.token = "hf_good"
    assert "is gated (or missing) and there is no token" in project.run("download")
    hub.token = None
    assert "dataset.nvidia.clips: clip nobody is not in" in project.run("download", clips=["nobody"])
    assert "dataset.nvidia.revision is 'main'" in project.run("download", revision="main")
    assert "data/manifest.json is missing" in project.run("label")
    assert not (project.folder / "data").exists()

"""The pipeline's data stages over the loopback hub, which download alone asks."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from factory import REVISION, contents, data_set, recordings
from huggingface_hub import constants
from loopback_hub import LoopbackHub, reached

from avvla.config import Params
from avvla.physical_ai import manifest

ROOT = Path(__file__).parents[2]
REPO = "nvidia/PhysicalAI-Autonomous-Vehicles"
RUNS = {
    "download": "download",
    "label": "label_all",
    "fit_actions": "fit_all",
    "build_dataset": "build_all",
}


def parameters(**nvidia):
    return {
        "dataset": {"source": "nvidia", "nvidia": {"revision": REVISION, **nvidia}},
        "label": {"source": "kinematic"},
        "build": {"image_size": 32, "validation": 0.2},
    }


class Project:
    """The stages in a folder, in this process; all but the first with the hub out of reach."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, patch
        folder.mkdir()

    def run(self, **nvidia: object) -> list[int]:
        """Run all stages; the chunks that each computed."""
        self._patch.chdir(self.folder)
        for name in ("data", "work"):
            self._patch.setenv(f"AVVLA_{name.upper()}", str(self.folder / "host" / name))
        computed = []
        for stage, function in RUNS.items():
            self._patch.setattr(constants, "HF_HUB_OFFLINE", stage != "download")
            getattr(importlib.import_module(stage), function)(
                Params.model_validate(parameters(**nvidia))
            )
            run = json.loads((self.folder / f"host/work/{stage}/last_run.json").read_text())
            computed.append(run["computed"])
        return computed

    def outputs(self) -> dict[str, bytes]:
        return contents(self.folder, "data", "results")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("upstream")
    return manifest.root(data_set(root, recordings(6, seed=4)), root)


@pytest.fixture
def hub(tree, monkeypatch):
    with LoopbackHub.of_folder(tree, REPO, REVISION) as served, reached(served, monkeypatch):
        yield served


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "stages")
    monkeypatch.setenv("AVVLA_WORKERS", "1")
    return lambda name: Project(tmp_path / name, monkeypatch)


def test_an_added_chunk_is_computed_alone(hub, make):
    grown, whole = make("grown"), make("whole")
    assert grown.run(chunks=[0, 1]) == [2] * 4
    assert grown.run() == [1] * 4
    assert whole.run() == [3] * 4
    assert grown.outputs() == whole.outputs()


def test_a_plain_tree_gives_the_same_results(hub, make, tree, monkeypatch):
    served, plain = make("served"), make("plain")
    served.run(clip_count=3)
    asked = len(hub.log)
    monkeypatch.setenv("AVVLA_NVIDIA_TREE", str(tree))
    plain.run(clip_count=3)
    assert len(hub.log) == asked
    assert plain.outputs() == served.outputs()


def commands():
    """The words of each stage's command in dvc.yaml."""
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    files = [yaml.safe_load((ROOT / path).read_text()) for path in pipeline["vars"]]
    variables = {name: text for file in files for name, text in file.items()}
    resolved = {}
    for name, stage in pipeline["stages"].items():
        text = stage["cmd"]
        for variable, value in variables.items():
            text = text.replace(f"${{{variable}}}", value)
        resolved[name] = text.split()
    return resolved


def test_every_other_stage_is_offline():
    offline = {name: "HF_HUB_OFFLINE=1" in words for name, words in commands().items()}
    assert offline.pop("download") is False
    assert all(offline.values())


def test_download_as_dvc_runs_it(hub, tmp_path):
    *prefix, _, script = commands()["download"]
    environment = {name: text for name, text in os.environ.items() if name != "HF_HUB_OFFLINE"} | {
        "AVVLA_DATA": str(tmp_path / "raw"),
        "AVVLA_WORK": str(tmp_path / "work"),
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(tmp_path / "home"),
    }

    def run(**nvidia):
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(parameters(**nvidia)))
        return subprocess.run(
            [*prefix, f"PYTHONPATH={ROOT}", sys.executable, ROOT / script],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,  # a prompt would fail
            capture_output=True,
            text=True,
        )

    hub.token = "hf_good"
    refused = run()
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")
    assert "is gated (or missing) and there is no token" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()
    hub.token = None
    assert run(chunks=[1]).stdout == "download: 1 chunks computed, 0 kept from earlier runs\n"
    assert manifest.load(tmp_path / "data/manifest.json").chunks == (1,)

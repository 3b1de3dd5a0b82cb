"""The profile l2d from download to report, on a small data set of L2D's schema."""

import importlib
import importlib.util
import json
import shutil
from pathlib import Path

import pytest
import yaml
from l2d_factory import DATA, DRIVES, REPO, REVISION, Copy
from loopback_hub import LoopbackHub, reached

from avvla.dataset import split
from avvla.dataset.frames import load
from avvla.errors import UserError
from avvla.l2d import layout
from avvla.labels.directions import NO_MANOEUVRE
from avvla.params import load_params

ROOT = Path(__file__).parents[2]
STAGES = {
    "download": "download",
    "label": "label_all",
    "fit_actions": "fit_all",
    "build_dataset": "build_all",
    "train": "train",
    "evaluate": "evaluate",
    "report": "report",
}
SMALL = {
    "dataset": {"l2d": {"revision": REVISION, "drives": 3}},
    "build": {"image_size": 32, "validation": 0.34},
    "policy": {
        "backbone": {"vision_width": 32, "vision_layers": 1, "text_width": 32, "text_layers": 2}
    },
    "train": {"steps": 4, "batch_size": 4, "processes": 1, "log_every": 2, "warmup_steps": 1},
}


def compose(path, overrides):
    """params.yaml of the profile l2d with some parameters changed."""
    place = ROOT / "conf/compose.py"
    spec = importlib.util.spec_from_file_location("compose", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.compose("l2d", path)
    params = yaml.safe_load(path.read_text())

    def merge(into, changes):
        for name, value in changes.items():
            if isinstance(value, dict):
                merge(into[name], value)
            else:
                into[name] = value

    merge(params, overrides)
    path.write_text(yaml.safe_dump(params))


@pytest.fixture
def project(tmp_path, l2d_hub, monkeypatch):
    """A folder with the small profile; runs stages by name, on what the loopback hub has in raw."""
    shutil.copytree(l2d_hub, tmp_path / "raw")
    monkeypatch.syspath_prepend(ROOT / "stages")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AVVLA_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("AVVLA_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("AVVLA_WORKERS", "1")
    compose(Path("params.yaml"), SMALL)

    def run(*stages):
        for name in stages:
            stage = getattr(importlib.import_module(name), STAGES[name])
            if name == "download":
                folder = Copy(tmp_path / "raw").snapshot
                hub = LoopbackHub.of_folder(folder, REPO, REVISION)
                with hub, reached(hub, monkeypatch):
                    stage(load_params())
            else:
                stage(load_params())

    return run


def metrics(stage):
    return json.loads(Path(f"results/{stage}/metrics.json").read_text())


def test_the_profile_runs_end_to_end(project):
    project(*STAGES)
    manifest = json.loads(Path("data/manifest.json").read_text())
    assert manifest["reading"] == {
        "drives": {drive.session: number for number, drive in enumerate(DRIVES[:3])},
        "hfov_deg": 90.0,
        "policies": ["EXPERT"],
    }
    labels = metrics("label")
    assert labels["n"] == 3 * 15
    assert labels["commands"] == {"Go straight": 30, "Turn left": 15}
    assert metrics("fit_actions")["valid"] == labels["n"]
    assert metrics("fit_actions")["ade_max"] < 0.05
    built = metrics("build_dataset")
    assert built["assumptions"] == {"camera_hfov_deg": 90.0}
    parts = split.load(Path("data/lerobot"))
    sides = [
        {clip.rpartition(".")[0] for clip in part.clips} for part in (parts.train, parts.validation)
    ]
    assert sides[0].isdisjoint(sides[1])
    assert len(sides[1]) == 1
    samples = load(Path("data/lerobot"), (*parts.train.episodes, *parts.validation.episodes))
    assert len(samples.state) == sum(built[side]["frames"] for side in ("train", "validation"))
    evaluated = metrics("evaluate")
    assert set(evaluated) == {"open_loop", "comfort"}
    assert evaluated["open_loop"]["ade_6.4s"] > 0
    assert sorted(path.name for path in Path("results/evaluate/plots").iterdir()) == [
        "displacement.tsv"
    ]
    page = Path("results/report.html").read_text()
    assert "not driven in closed loop (evaluate.roads is 0)" in page
    assert 'id="closed-loop"' not in page
    assert 'id="drives"' not in page
    assert "assumptions, camera hfov deg" in page


def test_an_instruction_that_is_no_manoeuvre_is_counted(project):
    copy = Copy(Path("raw").absolute())

    def reword(table):
        table.loc[table[layout.EPISODE] < 4, layout.INSTRUCTION] = "Sing and dance"
        return table

    copy.change(DATA, reword)
    project("download", "label")
    labels = metrics("label")
    assert labels["no_command"] == {NO_MANOEUVRE: 15}
    assert labels["unknown_sentences"]["examples"] == {"Sing and dance": 15}


def test_a_revision_that_is_not_set_ends_in_one_line(project):
    compose(Path("params.yaml"), {})
    with pytest.raises(UserError, match=r"dataset\.l2d\.revision is not set"):
        project("download")
    assert not Path("data").exists()

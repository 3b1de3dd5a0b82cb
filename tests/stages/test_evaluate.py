import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from factory import samples

from avvla.evaluation import suite
from avvla.evaluation.drives import load_drives
from avvla.evaluation.examples import load_examples
from avvla.params import load_params
from avvla.policy.checkpoint import make_field_agent, processors_of, save_checkpoint

SIZE = 64
PARAMS = {
    "build": {"image_size": SIZE},
    "policy": {
        "backbone": {"vision_width": 32, "vision_layers": 1, "text_width": 32, "text_layers": 2}
    },
    "evaluate": {"roads": 1, "duration_s": 1.0, "replan_ticks": 60, "max_clips": 2},
}
FAMILIES = ("lane_keeping", "stop", "lead")
FILES = [
    "bands.json",
    "drives.npz",
    "examples.npz",
    "metrics.json",
    "plots/agent.tsv",
    "plots/blind.tsv",
    "plots/constant_velocity.tsv",
    "plots/displacement.tsv",
    "timeline.parquet",
]


@pytest.fixture
def stage(make_stage, monkeypatch):
    """The stage's module, in a folder with parameters, an untrained model and a data set."""
    module = make_stage("evaluate", PARAMS, train=(0,), validation=(1, 2, 3))
    agent = make_field_agent(load_params(), "cpu").eval()
    save_checkpoint(Path("models/field_agent"), agent, *processors_of(agent))
    monkeypatch.setattr(suite, "JUDGED", FAMILIES)
    monkeypatch.setattr(module, "load", lambda root, episodes: samples(episodes, each=2))
    monkeypatch.setattr(module, "load_motion", lambda root, episodes: samples(episodes, each=2))
    return module


def test_the_stage_writes_metrics_plots_drives_and_examples_the_same_each_time(stage):
    stage.evaluate(load_params())
    folder = Path("results/evaluate")
    first = {name: (folder / name).read_bytes() for name in FILES}
    metrics = json.loads(first["metrics.json"])
    assert set(metrics) == {"open_loop", "closed_loop", "comfort"}
    open_loop, closed_loop = metrics["open_loop"], metrics["closed_loop"]
    assert open_loop["n"] == 4  # two clips at most, of two samples each
    for driver in (open_loop, open_loop["blind"], open_loop["constant_velocity"]):
        assert driver["ade_6.4s"] < driver["fde_6.4s"]
    assert open_loop["blind"]["ade_6.4s"] != open_loop["ade_6.4s"]
    for driver in (closed_loop, closed_loop["blind"], closed_loop["constant_velocity"]):
        assert list(driver["families"]) == sorted(FAMILIES)
        assert all(rates["n"] == 1 for rates in driver["families"].values())
    drives = load_drives(folder / "drives.npz")
    assert list(drives) == ["agent", "blind", "constant_velocity"]
    own, twin = (drives[driver][0].states for driver in ("agent", "blind"))
    assert own.shape != twin.shape or np.abs(own - twin).max() > 1e-6
    assert {example.clip for example in load_examples(folder / "examples.npz")} == {
        "clip-1",
        "clip-2",
    }
    stage.evaluate(load_params())
    assert {name: (folder / name).read_bytes() for name in FILES} == first


def test_without_roads_only_the_plans_are_judged(stage):
    params = {**PARAMS, "evaluate": {**PARAMS["evaluate"], "roads": 0}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    stage.evaluate(load_params())
    folder = Path("results/evaluate")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics) == {"open_loop", "comfort"}
    assert metrics["open_loop"]["ade_6.4s"] > 0
    assert [path.name for path in (folder / "plots").iterdir()] == ["displacement.tsv"]
    assert load_drives(folder / "drives.npz") == {}
    assert load_examples(folder / "examples.npz")


def line_of(stage) -> str:
    """What the stage says when it gives up."""
    with pytest.raises(SystemExit) as ended:
        stage.run(stage.evaluate)
    assert not Path("results").exists()
    line = str(ended.value)
    assert line.startswith("error: ")
    assert "\n" not in line
    return line


def test_a_missing_model_ends_in_one_line(stage):
    Path("models/field_agent/config.json").unlink()
    assert "config.json is missing: expected a folder written by `dvc repro train`" in line_of(
        stage
    )


def test_a_model_of_another_policy_ends_in_one_line(stage):
    path = Path("models/field_agent/config.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "type": "act"}))
    assert "is of a policy of type 'act', expected 'field_agent'" in line_of(stage)


def test_an_empty_validation_split_ends_in_one_line(stage):
    path = Path("data/lerobot/split.json")
    parts = json.loads(path.read_text())
    path.write_text(json.dumps({**parts, "validation": {"clips": [], "episodes": []}}))
    assert "split.json: validation.clips" in line_of(stage)


def test_images_of_another_size_end_in_one_line(stage, monkeypatch):
    Path("params.yaml").write_text(yaml.safe_dump({**PARAMS, "build": {"image_size": 32}}))
    monkeypatch.setattr(stage, "load", lambda root, episodes: samples(episodes, size=32))
    assert "the image is 32 px wide, expected 64 px" in line_of(stage)

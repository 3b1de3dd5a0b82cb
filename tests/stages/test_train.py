import json
from pathlib import Path

import pytest
from factory import contents, samples

from avvla.params import load_params
from avvla.policy.driver import FieldAgent

SIZE = 64
PARAMS = {
    "build": {"image_size": SIZE},
    "policy": {
        "backbone": {"vision_width": 32, "vision_layers": 1, "text_width": 32, "text_layers": 2}
    },
    "train": {"steps": 4, "batch_size": 2, "processes": 1, "log_every": 2, "warmup_steps": 1},
}


@pytest.fixture
def stage(make_stage, monkeypatch):
    """The stage's module, in a folder with params.yaml and a data set of three episodes."""
    module = make_stage("train", PARAMS, train=(0, 2), validation=(1,))
    monkeypatch.setattr(module, "load", lambda root, episodes: samples(episodes))
    return module


def test_the_stage_writes_a_model_metrics_and_curves_the_same_each_time(stage):
    stage.train(load_params())
    first = contents(Path(), "models", "results")
    metrics = json.loads(Path("results/train/metrics.json").read_text())
    assert metrics["steps"] == 4
    assert metrics["parameters"] >= metrics["parameters_trained"] > 10_000
    assert {"loss_flow", "gradient_norm", "learning_rate", "validation_loss_flow"} < set(metrics)
    lines = Path("results/train/plots/loss_flow.tsv").read_text().splitlines()
    assert lines[0] == "step\tloss_flow"
    assert [line.split("\t")[0] for line in lines[1:]] == ["2", "4"]
    assert float(lines[2].split("\t")[1]) == pytest.approx(metrics["loss_flow"], rel=1e-4)
    curve = Path("results/train/plots/validation_loss_flow.tsv").read_text().splitlines()
    assert len(curve) == 2
    assert FieldAgent(Path("models/field_agent"), "cpu").image_size == SIZE
    stage.train(load_params())
    assert contents(Path(), "models", "results") == first


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "split.json is missing"),
        (
            '{"train": {"clips": ["a"], "episodes": [0]}, "validation": {}}',
            "split.json: validation",
        ),
    ],
)
def test_a_data_set_without_a_split_ends_in_one_line(stage, text, told):
    path = Path("data/lerobot/split.json")
    path.unlink()
    if text:
        path.write_text(text)
    with pytest.raises(SystemExit) as ended:
        stage.run(stage.train)
    assert str(ended.value).startswith("error: ")
    assert told in str(ended.value)
    assert "\n" not in str(ended.value)
    assert not Path("models").exists()

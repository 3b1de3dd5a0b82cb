import json
from types import SimpleNamespace

import pytest
from torch import nn

from avvla.dataset.split import Part, Split
from avvla.training import summary
from avvla.training.loop import Trained

SPLIT = Split(
    train=Part(clips=("a", "b"), episodes=(0, 2)), validation=Part(clips=("c",), episodes=(1,))
)


@pytest.fixture
def trained(spike):
    policy = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    policy[0].requires_grad_(False)
    rows = [
        {"step": 10, "loss": 0.9, "learning_rate": 1e-3, "validation_loss": 0.7},
        {"step": 15, "loss": 0.5, "learning_rate": 1e-4},
    ]
    return Trained(SimpleNamespace(policy=policy), rows, [spike])


def test_metrics_are_the_last_values_and_the_number_of_weights(trained):
    assert summary.metrics(trained) == {
        "steps": 15,
        "spikes": 1,
        "parameters": 11,
        "parameters_trained": 3,
        "loss": 0.5,
        "learning_rate": 1e-4,
        "validation_loss": 0.7,
    }
    assert trained.rows[-1]["step"] == 15


def test_the_files_that_people_and_dvc_look_for(trained, tmp_path):
    summary.write(trained, SPLIT, tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text())["steps"] == 15
    assert (tmp_path / "plots/loss.tsv").read_text() == "step\tloss\n10\t0.9\n15\t0.5\n"
    assert (
        tmp_path / "plots/validation_loss.tsv"
    ).read_text() == "step\tvalidation_loss\n10\t0.7\n"
    assert (tmp_path / "loss_spikes.csv").read_text().count("\n") == 2
    assert (tmp_path / "loss_spikes.txt").read_text().startswith("[SPIKE] step 70")
    held_out = (tmp_path / "validation_episodes.txt").read_text()
    assert held_out == "1 of 3 episodes are held out\n1 c\n"

"""Fine-tuning on the robot workload: from a run's checkpoint, with or without its past."""

import json
import shutil

import pytest
import torch
from hdf5_factory import PARAMS

from avvla.config import Params
from avvla.errors import UserError
from avvla.policy import base
from avvla.training.episodes import train

SIMULATION = {"steps": 4, "log_every": 1, "lr": 1e-3, "final_lr": 0.1}


def params(policy=None, **changes):
    sections = {"policy": policy or {}, "train": {**SIMULATION, **changes}}
    return Params.model_validate(
        {**PARAMS, **{name: {**PARAMS[name], **section} for name, section in sections.items()}}
    )


@pytest.fixture
def bases(tmp_path, monkeypatch):
    monkeypatch.setenv("AVVLA_BASE", str(tmp_path / "bases"))
    return tmp_path / "bases"


@pytest.fixture
def simulated(root, new_run, bases, tmp_path):
    """A run on simulation, imported as a base: its hash, checkpoint and last run."""
    run = new_run()
    trained = train(params(), root, "cpu", tmp_path / "model", run)
    checkpoint = run.folder / "checkpoints/last/pretrained_model"
    return base.keep(bases, checkpoint, checkpoint / "backbone"), trained, checkpoint


def fine_tune(root, run, digest, tmp_path, **changes):
    policy = {"warm_start": digest, **changes.pop("policy", {})}
    tuned = params(policy, **{"steps": 3, "lr": 1e-4, **changes})
    return train(tuned, root, "cpu", tmp_path / "model", run)


def rates(trained):
    return [row["learning_rate"] for row in trained.rows if "learning_rate" in row]


def test_a_fresh_schedule_begins_at_its_peak(root, new_run, simulated, tmp_path):
    digest, before, _ = simulated
    tuned = fine_tune(root, new_run(), digest, tmp_path)
    assert max(rates(tuned)) > 5e-5
    assert tuned.rows[0]["loss"] < before.rows[0]["loss"]


def test_without_reset_optimiser_and_schedule_go_on(root, new_run, simulated, tmp_path):
    digest, _, _ = simulated
    run = new_run()
    fresh = fine_tune(root, new_run(), digest, tmp_path)
    going = fine_tune(root, run, digest, tmp_path, reset_scheduler=False)
    assert rates(going) == pytest.approx([1e-5] * 3)  # at the end of the schedule, of the new rate
    assert going.rows[0]["loss"] == fresh.rows[0]["loss"]
    state = run.folder / "checkpoints/last/training_state"
    assert json.loads((state / "scheduler_state.json").read_text())["last_epoch"] == 4 + 3
    again = new_run()
    shutil.copytree(run.folder, again.folder, symlinks=True)
    shutil.rmtree(again.folder / "checkpoints/000003")
    assert fine_tune(root, again, digest, tmp_path, reset_scheduler=False).rows == going.rows


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"policy": {"warm_start": ""}}, "policy.warm_start is not set: there is nothing to go on"),
        (
            {"policy": {"max_dim": 13, "unmatched": ["model.state_proj.*", "model.action_*"]}},
            r"its weights have other shapes\): .* set train.reset_scheduler=true",
        ),
    ],
)
def test_a_past_of_something_else_is_refused(root, new_run, simulated, tmp_path, changes, told):
    digest, _, _ = simulated
    with pytest.raises(UserError, match=told):
        fine_tune(root, new_run(), digest, tmp_path, reset_scheduler=False, **changes)


def test_a_base_without_its_past_cannot_be_gone_on_with(root, new_run, bases, simulated, tmp_path):
    _, _, checkpoint = simulated
    alone = shutil.copytree(checkpoint, tmp_path / "alone/pretrained_model")
    digest = base.keep(bases, alone, alone / "backbone")
    with pytest.raises(UserError, match=r"came without its training_state: import it from the run"):
        fine_tune(root, new_run(), digest, tmp_path, reset_scheduler=False)
    assert fine_tune(root, new_run(), digest, tmp_path).rows


def test_adapters_go_on_with_the_same_bits(root, new_run, simulated, tmp_path):
    digest, _, _ = simulated
    lora = {"policy": {"lora": {"rank": 2}}, "steps": 6, "save_every": 3, "lr": 1e-3}
    whole, run = fine_tune(root, new_run(), digest, tmp_path, **lora), new_run()
    fine_tune(root, run, digest, tmp_path, **lora)
    shutil.rmtree(run.folder / "checkpoints/000006")
    resumed = fine_tune(root, run, digest, tmp_path, **lora)
    assert resumed.rows == whole.rows
    ours, theirs = (trained.checkpoint.policy.state_dict() for trained in (resumed, whole))
    assert any("lora" in name for name in ours)
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name

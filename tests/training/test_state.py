"""A training that is gone on with, on the Field Agent and on a policy of one weight."""

import errno
import json
import os
import shutil
import time

import pytest
import torch
from lerobot.common.train_utils import load_training_state
from safetensors.torch import load_file

from avvla.errors import UserError
from avvla.training import loop, state
from avvla.training.drives import train
from avvla.training.state import Run, run_of


class Killed(BaseException):
    """As kill -9: nothing after it runs."""


def settings(params, **changes):
    return params.model_copy(update={"train": params.train.model_copy(update=changes)})


def stop_after(monkeypatch, step):
    """End the training when a step is done, before it is saved."""
    advance = state.Progress.advance

    def killed(self, *rest):
        advance(self, *rest)
        if self.step == step:
            raise Killed

    monkeypatch.setattr(state.Progress, "advance", killed)


def agent(params, samples, run, **changes):
    return train(settings(params, **changes), samples, samples, "cpu", run)


def test_twenty_steps_are_ten_a_kill_and_ten(params, samples, new_run, monkeypatch):
    whole = agent(params, samples, new_run(), steps=20, save_every=10, log_every=3)
    run = new_run()
    with monkeypatch.context() as patch:
        stop_after(patch, 13)
        with pytest.raises(Killed):
            agent(params, samples, run, steps=20, save_every=10, log_every=3)
    assert [path.name for path in run.folder.glob("checkpoints/0*")] == ["000010"]
    resumed = agent(params, samples, run, steps=20, save_every=10, log_every=3)
    assert resumed.rows == whole.rows
    ours, theirs = (part.checkpoint.policy.state_dict() for part in (resumed, whole))
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


@pytest.mark.parametrize("stop", [1, 3, 5, 8, 9])
def test_a_kill_at_any_step_changes_nothing(params, samples, new_run, monkeypatch, stop):
    changes = {"steps": 10, "save_every": 2, "heading_dropout": 0.5, "mirror": 0.5}
    whole, run = agent(params, samples, new_run(), **changes), new_run()
    with monkeypatch.context() as patch:
        stop_after(patch, stop)
        with pytest.raises(Killed):
            agent(params, samples, run, **changes)
    assert agent(params, samples, run, **changes).rows == whole.rows


def test_a_finished_training_is_not_done_again(params, samples, new_run, monkeypatch):
    run = new_run()
    first = agent(params, samples, run)
    monkeypatch.setattr(loop._Training, "step", None)
    again = agent(params, samples, run)
    assert again.rows == first.rows
    assert not again.checkpoint.policy.training


def test_the_newest_checkpoints_stay_and_lerobot_opens_them(params, samples, new_run):
    run = new_run()
    trained = agent(params, samples, run, steps=7, save_every=2)
    kept = sorted(path.name for path in (run.folder / "checkpoints").iterdir())
    assert kept == ["000006", "000007", "last"]
    last = run.folder / "checkpoints/last"
    weights = load_file(last / "pretrained_model/model.safetensors")
    policy = trained.checkpoint.policy
    assert all(torch.equal(policy.state_dict()[name], value) for name, value in weights.items())
    optimiser = torch.optim.AdamW(policy.get_optim_params())
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda _: 1.0)
    step, optimiser, schedule = load_training_state(last, optimiser, schedule)
    assert step == schedule.last_epoch == 7
    assert all(values["step"] == 7 for values in optimiser.state_dict()["state"].values())


def test_a_full_disk_leaves_the_last_good_checkpoint(params, samples, new_run, monkeypatch):
    run, write = new_run(), state._write

    def full(folder, *rest):
        if rest[1].step == 4:
            (folder / "half").touch()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(folder, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(state, "_write", full)
        with pytest.raises(
            UserError, match=r"of step 4 cannot be written in .* \(No space left on"
        ):
            agent(params, samples, run)
    assert sorted(path.name for path in (run.folder / "checkpoints").iterdir()) == [
        "000002",
        "last",
    ]
    assert agent(params, samples, run).rows == agent(params, samples, new_run()).rows


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "training_state/progress.json").write_text("{"),
        lambda folder: (folder / "training_state/progress.json").write_text("{}"),
        lambda folder: (folder / "training_state/optimizer_state.safetensors").write_bytes(b"x"),
        lambda folder: os.truncate(folder / "pretrained_model/model.safetensors", 5000),
        lambda folder: (folder / "training_state/rng_state.safetensors").unlink(),
    ],
)
def test_a_damaged_checkpoint_is_named(params, samples, new_run, damage):
    run = new_run()
    agent(params, samples, run)
    damage(run.folder / "checkpoints/000004")
    with pytest.raises(UserError, match=r"checkpoints/000004 cannot be gone on from \(") as told:
        agent(params, samples, run)
    assert "\n" not in str(told.value)
    shutil.rmtree(run.folder / "checkpoints/000004")
    assert agent(params, samples, run).rows[-1]["step"] == 4


def test_two_do_not_train_the_same_at_once(params, samples, new_run):
    run = new_run()
    with (
        run.locked(),
        pytest.raises(UserError, match=r"another process trains the same in .*: wait for it"),
    ):
        agent(params, samples, run)


def test_only_trainings_that_nobody_went_on_with_go(tmp_path):
    folders = [tmp_path / name for name in ("now", "recent", "old")]
    for folder in folders:
        (folder / "checkpoints").mkdir(parents=True)
    past = time.time() - 15 * 86400
    os.utime(folders[2], (past, past))
    Run(folders[0], 1).prune()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["now", "recent"]


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data/meta").mkdir(parents=True)
    (tmp_path / "data/meta/info.json").write_text("{}")
    return tmp_path / "data"


MODULE = "avvla.training.drives"


@pytest.mark.parametrize(
    ("same", "section", "changes"),
    [
        (True, "train", {"wandb": "offline"}),
        (True, "train", {"save_every": 7}),
        (True, "evaluate", {"roads": 3}),
        (False, "train", {"lr": 0.5}),
        (False, "train", {"processes": 2}),
        (False, "policy", {"chunk_size": 7}),
        (False, "action", {"integrator": "trapezoid"}),
    ],
)
def test_what_shapes_the_weights_names_the_run(params, data, tmp_path, same, section, changes):
    other = params.model_copy(update={section: getattr(params, section).model_copy(update=changes)})
    ours, theirs = (run_of(tmp_path, given, data, MODULE) for given in (params, other))
    assert (ours.folder == theirs.folder) == same


def test_another_data_set_or_workload_is_another_run(params, data, tmp_path):
    before = run_of(tmp_path, params, data, MODULE)
    assert run_of(tmp_path, params, data, "avvla.training.episodes").folder != before.folder
    (data / "meta/info.json").write_text('{"fps": 2}')
    assert run_of(tmp_path, params, data, MODULE).folder != before.folder


def test_progress_is_plain_json(params, samples, new_run):
    run = new_run()
    agent(params, samples, run)
    path = run.folder / "checkpoints/last/training_state/progress.json"
    record = json.loads(path.read_text())
    assert record["step"] == 4
    assert len(record["recent"]["0"]) == 4

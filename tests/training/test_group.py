"""Processes that train together; each of these tests starts a second one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from avvla.config import Train
from avvla.errors import UserError
from avvla.training import group

CAPTURED = {"capture_output": True, "text": True}


@pytest.fixture
def work(monkeypatch):
    """A module that the other process imports by name."""
    import group_work

    yield group_work
    sys.modules.pop("group_work", None)


def settings(processes, **train):
    return Train(processes=processes, **train)


def test_alone_there_is_one_place(work):
    values, shares = group.run(settings(1), "cpu", work.gather)
    assert values == [[1.0, 0.5]]
    assert shares == [[[0, 2, 4], [1, 3]]]


def test_two_processes_know_each_other_and_share_a_batch(work):
    values, shares = group.run(settings(2), "cpu", work.gather)
    assert values == [[1.0, 0.5], [2.0, 0.5]]
    assert shares == [[[0, 4], [1]], [[2], [3]]]


def test_a_process_that_ends_early_is_told(work):
    with pytest.raises(UserError, match=r"a training process ended early \(exit code 3\)"):
        group.run(settings(2), "cpu", work.leave)


def test_bad_input_of_another_process_is_told_by_this_one(work):
    with pytest.raises(UserError, match="the second one's data are bad"):
        group.run(settings(2), "cpu", work.refuse)


def test_a_launched_group_of_another_size_is_refused(work, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "5")
    monkeypatch.setenv("RANK", "1")
    assert not group.leads()
    with pytest.raises(UserError, match=r"5 processes were launched, but train.processes is 2"):
        group.run(settings(2), "cpu", work.gather)
    monkeypatch.setenv("RANK", "0")
    assert group.leads()


def test_processes_that_torchrun_starts_are_one_group():
    script = Path(__file__).with_name("launched.py")
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", script]
    run = subprocess.run(launch, env={**os.environ, "OMP_NUM_THREADS": "1"}, **CAPTURED)
    assert run.stdout == "[[1.0, 0.5], [2.0, 0.5]]\n", run.stderr

import sys
from types import SimpleNamespace

import pytest

from avvla.errors import UserError
from avvla.training.tracker import Tracker

ROW = {"step": 4, "loss": 0.5, "loss_flow": 0.4, "loss_temporal": 0.1, "learning_rate": 1e-4}


class Service:
    """A double of the module wandb, which records what it is given."""

    Error = type("Error", (Exception,), {})

    def __init__(self, refuses=False):
        self.logged, self.begun, self.refuses = [], [], refuses

    def init(self, **settings):
        if self.refuses:
            raise self.Error("api_key not\nconfigured")
        self.begun.append(settings)
        return SimpleNamespace(
            log=lambda values, step=None: self.logged.append((step, values)),
            finish=lambda exit_code: self.logged.append(("end", exit_code)),
        )

    def Table(self, columns, data):  # noqa: N802
        return [columns, *data]


@pytest.fixture
def service(monkeypatch):
    double = Service()
    monkeypatch.setitem(sys.modules, "wandb", double)
    return double


def test_off_nothing_is_imported(monkeypatch, tmp_path, spike):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with Tracker("off", tmp_path, {}) as tracker:
        tracker.log(ROW)
        tracker.spike(spike)
        tracker.summary([spike])


def test_keys_are_those_of_the_guide(service, tmp_path, spike):
    with Tracker("offline", tmp_path, {"lr": 1.0}) as tracker:
        tracker.log(ROW)
        tracker.log({"step": 4, "validation_loss": 0.6, "validation_ade_1s": 0.2})
        tracker.spike(spike)
        tracker.summary([spike])
    (begun,) = service.begun
    assert (begun["mode"], begun["dir"], begun["id"]) == ("offline", tmp_path, tmp_path.name)
    (step, row), (_, validation), (_, spike), (_, table), end = service.logged
    assert step == 4
    assert row.pop("system/ram_gb") > 0
    assert row == {
        "train/loss": 0.5,
        "train/action_loss": 0.4,
        "train/temporal_loss": 0.1,
        "train/learning_rate": 1e-4,
        "system/vram_allocated_gb": 0.0,
    }
    assert (validation["val/loss"], validation["val/ade_1s"]) == (0.6, 0.2)
    assert spike == {
        "spike/loss": 4.0,
        "spike/moving_avg": 0.5,
        "spike/ratio": 8.0,
        "spike/step": 70,
    }
    assert table["spike/all"][1][0] == 70
    assert end == ("end", 0)


def test_a_failed_training_ends_as_failed(service, tmp_path):
    with pytest.raises(ZeroDivisionError), Tracker("offline", tmp_path, {}):
        raise ZeroDivisionError
    assert service.logged == [("end", 1)]


def test_a_service_that_refuses_is_told_in_one_line(service, tmp_path):
    service.refuses = True
    with (
        pytest.raises(UserError, match=r"cannot begin \(api_key not configured\): log in with"),
        Tracker("online", tmp_path, {}),
    ):
        pass


def test_wandb_itself_writes_offline(tmp_path, monkeypatch, spike):
    monkeypatch.setenv("WANDB_SILENT", "true")
    with Tracker("offline", tmp_path, {}) as tracker:
        tracker.log(ROW)
        tracker.summary([spike])
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))

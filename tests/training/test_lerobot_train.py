"""The first twenty losses are those of LeRobot's own trainer, on the same data and seed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hdf5_factory import PARAMS
from lerobot_trainer import arguments, save_untrained

from avvla.config import Params
from avvla.dataset import split
from avvla.training.episodes import Episodes, train

BENCH = Path(__file__).parents[2] / "bench"


def test_the_losses_are_lerobot_train_s(root, new_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a robot's checkpoint names its backbone from here
    model = Path("models/field_agent")
    train_params = {"steps": 20, "log_every": 1, "lr": 1e-3, "final_lr": 0.025, "warmup_steps": 3}
    params = Params.model_validate({**PARAMS, "train": {**PARAMS["train"], **train_params}})
    settings = params.train
    save_untrained(Episodes(params, root, model, "cpu").checkpoint, model)
    given = arguments(
        model,
        root,
        list(split.load(root).train.episodes),
        tmp_path / "out",
        steps=20,
        batch_size=settings.batch_size,
        num_workers=0,
        seed=settings.seed,
        policy__optimizer_lr=settings.lr,
        policy__optimizer_weight_decay=settings.weight_decay,
        policy__optimizer_grad_clip_norm=settings.grad_clip,
        policy__scheduler_warmup_steps=settings.warmup_steps,
        policy__scheduler_decay_steps=settings.steps,
        policy__scheduler_decay_lr=settings.lr * settings.final_lr,
    )
    subprocess.run(
        [sys.executable, BENCH / "lerobot_trainer.py", "record.json", *given],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
    )
    theirs = json.loads(Path("record.json").read_text())["losses"]
    ours = [row["loss"] for row in train(params, root, "cpu", model, new_run()).rows]
    assert len(theirs) == 20
    assert ours == pytest.approx(theirs, abs=1e-6)

"""The stages up to train on HDF5 episodes, as DVC runs them: scripts in a folder."""

import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from factory import contents
from hdf5_factory import PARAMS, TASK, episodes, put, put_jpeg, truncate

from avvla import cli
from avvla.params import load_params

STAGES = Path(__file__).parents[2] / "stages"


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs a stage in a folder with params.yaml and four episodes of 8 to 11 frames."""
    monkeypatch.syspath_prepend(STAGES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AVVLA_HDF5", str(tmp_path / "episodes"))
    monkeypatch.setenv("AVVLA_DATA", str(tmp_path / "raw"))
    monkeypatch.setenv("AVVLA_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("AVVLA_WORKERS", "1")
    episodes(tmp_path / "episodes", 4)
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS))
    functions = {
        "download": "download",
        "label": "label_all",
        "fit_actions": "fit_all",
        "build_dataset": "build_all",
        "train": "train",
        "evaluate": "evaluate",
    }

    def run_stage(name):
        module = importlib.import_module(name)
        module.run(getattr(module, functions[name]))

    return run_stage


def refused(run, stage):
    """The one line of a stage that ends with code 1."""
    with pytest.raises(SystemExit) as ended:
        run(stage)
    line = str(ended.value)
    assert line.startswith("error: ")
    assert "\n" not in line
    return line


def change(section, **values):
    params = yaml.safe_load(Path("params.yaml").read_text())
    for key, value in values.items():
        params[section][key] = value
    Path("params.yaml").write_text(yaml.safe_dump(params))
    load_params()


def test_from_files_to_a_policy_the_same_each_time(run):
    stages = ("download", "label", "fit_actions", "build_dataset", "train")
    for stage in stages:
        run(stage)
    first = contents(Path(), "data", "models", "results")
    metrics = {
        stage: json.loads(Path(f"results/{stage}/metrics.json").read_text()) for stage in stages[1:]
    }
    assert metrics["label"] == {"n": 38, "commands": {TASK: 38}}
    assert metrics["fit_actions"]["valid"] == 38
    assert metrics["build_dataset"]["train"]["episodes"] == 3
    assert metrics["train"]["steps"] == 4
    assert metrics["train"]["validation_action_error"] > 0
    assert Path("results/fit_actions/fits.svg").read_text().startswith("<svg")
    assert Path("results/train/plots/validation_action_error.tsv").exists()
    assert not [name for name, content in first.items() if str(Path.cwd()).encode() in content]
    for stage in stages:
        run(stage)
    assert contents(Path(), "data", "models", "results") == first
    assert json.loads(Path("work/build_dataset/last_run.json").read_text())["computed"] == 0
    line = refused(run, "evaluate")
    assert "no closed loop in the embedded world" in line
    assert "results/train/metrics.json" in line
    assert not Path("results/evaluate").exists()


def test_from_simulation_to_a_policy_fine_tuned_on_real_episodes(
    run, monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("AVVLA_BASE", str(tmp_path / "bases"))
    change("train", save_every=2, val_every=2)
    for stage in ("download", "label", "fit_actions", "build_dataset", "train"):
        run(stage)
    (checkpoint,) = Path("work/train").glob("*/checkpoints/last/pretrained_model")
    assert cli.main(["policy", "import-base", "--folder", str(checkpoint)]) == 0
    (base,) = Path("bases").iterdir()
    shutil.rmtree("episodes")
    episodes(Path("episodes"), 3, frames=12)
    change("policy", warm_start=base.name)
    change("train", steps=2, lr=1e-4, reset_scheduler=False)
    for stage in ("download", "label", "fit_actions", "build_dataset", "train"):
        run(stage)
    told = capsys.readouterr().out
    assert f"warm start from {base.name[:12]}: " in told
    assert "[VAL] step 2 " in told
    results = Path("results/train")
    assert json.loads((results / "metrics.json").read_text())["steps"] == 2
    assert (results / "validation_episodes.txt").read_text().startswith("1 of 3 episodes are held")
    assert (results / "loss_spikes.csv").read_text().startswith("step,loss,action_loss,")
    assert (results / "loss_spikes.txt").exists()
    assert len(list(Path("work/train").iterdir())) == 2  # the simulation's run is left alone


def test_faulty_frames_are_counted_and_left_out_on_the_way(run, capsys):
    path = Path("episodes/day_0/episode_20250101_000000.h5")
    put_jpeg(path, "side_camera", 2, b"\0")
    put(path, "observations/ee_pose", (5, 1), np.nan)
    assert "2 of 38 frames cannot be used" in refused(run, "download")
    assert not Path("data").exists()
    change("dataset", hdf5={"max_faulty": 0.1})
    for stage in ("download", "label", "fit_actions", "build_dataset"):
        run(stage)
    told = capsys.readouterr().out
    assert "left out: day_0/episode_20250101_000000.h5 frame 2: side_camera has a single" in told
    assert "left out: day_0/episode_20250101_000000.h5 frame 5: a number of the state" in told
    found = json.loads(Path("results/fit_actions/metrics.json").read_text())
    assert found["invalid"] == {"image": 1, "state": 1, "action": 0}
    built = json.loads(Path("results/build_dataset/metrics.json").read_text())
    assert built["dropped"] == {"no image": 1, "no state": 1}
    assert built["train"]["frames"] + built["validation"]["frames"] == 36
    rows = pq.read_table("data/actions/chunk_0000.parquet").to_pylist()
    assert [row["reason"] for row in rows[:6]] == ["", "", "image", "", "", "state"]


def test_a_truncated_file_stops_the_import(run):
    truncate(Path("episodes/day_1/episode_20250101_000003.h5"))
    line = refused(run, "download")
    assert "1 of 4 files cannot be used: day_1/episode_20250101_000003.h5 cannot be opened" in line
    assert not Path("data").exists()
    assert not Path("raw").exists()


def test_no_folder_is_told(run, monkeypatch):
    monkeypatch.setenv("AVVLA_HDF5", "/nowhere/at/all")
    assert "AVVLA_HDF5 is '/nowhere/at/all', which is no folder" in refused(run, "download")
    monkeypatch.delenv("AVVLA_HDF5")
    assert "AVVLA_HDF5 is not set" in refused(run, "download")


def test_commands_of_drives_are_told_not_to_fit(run):
    run("download")
    change("label", source="scenario")
    assert "label.source is 'scenario', but HDF5 episodes hold no commands" in refused(run, "label")
    assert not Path("data/labels").exists()


def test_another_task_makes_labels_and_data_set_anew_and_no_actions(run):
    for stage in ("download", "label", "fit_actions"):
        run(stage)
    change("label", command="Pull the needle out")
    run("label")
    run("fit_actions")
    computed = {
        stage: json.loads(Path(f"work/{stage}/last_run.json").read_text())["computed"]
        for stage in ("label", "fit_actions")
    }
    assert computed == {"label": 2, "fit_actions": 0}


@pytest.mark.parametrize("choice", ["recorded", "ee_pose_difference"])
def test_the_tables_hold_the_chosen_actions(run, choice):
    change("dataset", hdf5={"action": choice})
    run("download")
    run("fit_actions")
    names = json.loads(Path("results/fit_actions/metrics.json").read_text())["statistics"]
    assert next(iter(names)) == ("q1" if choice == "recorded" else "drx")

"""Training by RLlib, on the session's Ray: checkpoints, resuming, the same actions without Ray."""

import json
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import yaml
from rl_factory import CONTINUOUS, SMALL, merged

from avvla import cli
from avvla.errors import UserError
from avvla.rl.driver import WEIGHTS, load_driver
from avvla.rl.evaluation import baseline, evaluate
from avvla.rl.reading import settings_of
from avvla.rl.run_folder import RunFolder
from avvla.rl.settings import Stop
from avvla.rl.training import _over, task_of, train

# RLlib registers its environment anew for every algorithm of a process.
pytestmark = pytest.mark.filterwarnings("ignore:.*Overriding environment:UserWarning")

PICTURES = np.random.default_rng(0).integers(0, 256, (64, 24, 24, 3), np.uint8)


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def run(ray_running, tmp_path_factory, told) -> RunFolder:
    """A short training by deep Q-learning."""
    run = RunFolder(tmp_path_factory.mktemp("runs") / "dqn")
    train(settings_of(SMALL), run, "never", say=told.append)
    return run


def test_it_tells_its_progress_and_why_it_stopped(run, told) -> None:
    assert told[0].startswith("[100%] step 1")
    assert "return" in told[0]
    assert "steps/s" in told[0]
    assert told[-1].startswith("stopped: 1")
    assert str(run.newest().folder) in told[-1]


def test_figures_of_episodes_are_in_the_progress(run) -> None:
    (row,) = run.newest().progress.rows
    figures = {"return", "success", "collision", "off_road", "heading_deviation_rad", "loss"}
    assert figures <= set(row)
    assert row["steps"] == run.newest().progress.steps >= 1000
    assert 0 < row["heading_deviation_rad"] < 1.6
    assert list((run.folder / "tensorboard").iterdir())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_exported_network_acts_as_rllib_does(run) -> None:
    from avvla.rl.rllib_driver import ModuleDriver

    _, plain = load_driver(run.newest().driver)
    np.testing.assert_array_equal(plain.act(PICTURES), ModuleDriver(run.newest()).act(PICTURES))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_command_exports_and_drives_with_ray_and_without(run, tmp_path, capsys) -> None:
    exported = tmp_path / "driver"
    assert cli.main(["rl", "export", str(run.folder), str(exported)]) == 0
    told = []
    for options in ([str(run.folder), "--ray"], [str(run.folder)], [str(exported)]):
        capsys.readouterr()
        output = tmp_path / "figures.json"
        assert cli.main(["rl", "infer", *options, "--episodes", "2", "--output", str(output)]) == 0
        told.append((capsys.readouterr().out, output.read_bytes()))
    assert told[0] == told[1] == told[2]
    assert json.loads(told[0][1])["n"] == 2


def test_it_goes_on_and_ends_where_it_is_told(run, tmp_path) -> None:
    import shutil

    shutil.copytree(run.folder, tmp_path / "run")
    copy, told = RunFolder(tmp_path / "run"), []
    before = copy.newest()
    longer = settings_of(merged(SMALL, {"stop": {"steps": before.progress.steps + 500}}))
    last = train(longer, copy, "must", say=told.append)
    assert told[0] == f"going on from {before.folder}, step {before.progress.steps}"
    assert last.progress.rows[0] == before.progress.rows[0]
    assert len(last.progress.rows) == 2
    assert last.progress.steps >= before.progress.steps + 500
    weights = [(checkpoint.driver / WEIGHTS).read_bytes() for checkpoint in (before, last)]
    assert weights[0] != weights[1]
    # A training that has reached its end is not trained on.
    again = train(longer, copy, "must", say=told.append)
    assert again.progress == last.progress


def test_a_checkpoint_of_another_network_is_refused(run) -> None:
    other = settings_of(merged(SMALL, {"experiment": {"view": {"frames": 2}}}))
    told = r"another network \(picture \(24, 24, 3\) there, \(24, 24, 6\) here\)"
    with pytest.raises(UserError, match=told):
        train(other, run, "auto")


def test_the_same_seed_gives_the_same_bytes(run, tmp_path) -> None:
    again = RunFolder(tmp_path / "again")
    train(settings_of(SMALL), again, "never", say=lambda line: None)
    first, second = run.newest(), again.newest()
    assert first.progress == second.progress
    assert (first.driver / WEIGHTS).read_bytes() == (second.driver / WEIGHTS).read_bytes()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_continuous_actions_are_learned_by_ppo(ray_running, tmp_path) -> None:
    from avvla.rl.rllib_driver import ModuleDriver

    run = RunFolder(tmp_path / "ppo")
    last = train(settings_of(CONTINUOUS), run, "never", say=lambda line: None)
    assert last.progress.steps >= 1000
    _, plain = load_driver(last.driver)
    np.testing.assert_array_equal(plain.act(PICTURES), ModuleDriver(last).act(PICTURES))


def test_evaluation_repeats_and_chance_is_beside_it(run, small) -> None:
    _, driver = load_driver(run.newest().driver)
    first, second = evaluate(small, driver), evaluate(small, driver)
    assert first == second
    assert first["n"] == baseline(small)["n"] == 2
    assert baseline(small) == baseline(small) != first


def test_stop_rules(monkeypatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(percent=50.0))
    stop = Stop(steps=10, minutes=2, ram_percent=60)
    assert _over(stop, 9, 119.0) is None
    assert _over(stop, 10, 0.0) == "10 steps"
    assert _over(stop, 0, 120.0) == "2 minutes"
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(percent=60.0))
    assert "60 % of the memory" in _over(stop, 0, 0.0)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"experiment": {"class": "avvla.rl.lane:ContinuousLane"}},
            "learn.algorithm is dqn, which needs discrete actions",
        ),
        ({"learn": {"algorithm": "ppo"}}, "learn.learning_starts"),
        ({"learn": {"network": {"conv": [[4, 25, 1]]}}}, "too much for a picture of 24 x 24"),
        (
            {"world": {"backend": "embedded", "families": ["parking"]}},
            "world.families is 'parking'",
        ),
    ],
)
def test_what_cannot_be_trained_is_told_before_ray_starts(changes, told) -> None:
    with pytest.raises(UserError, match=told):
        task_of(settings_of(merged(SMALL, changes)))


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL))
    return str(path)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--overwrite", "--resume", "auto"], "--overwrite starts anew, --resume auto does not"),
        (["--name", "a/b"], "--name is 'a/b', expected the name of a folder"),
        (["--name", ".."], "--name is '..', expected the name of a folder"),
        (["--name", ""], "--name is '', expected the name of a folder"),
        (
            ["--tensorboard", "6006", "--tensorboard-host", "192.0.2.1"],
            "--tensorboard cannot serve at 192.0.2.1:6006",
        ),
        (["--address", "ray://head:1"], "RAY_ADDRESS is 'ray://head:1', expected the host:port"),
        (["--tensorboard", "70000"], "--tensorboard is 70000, expected a port"),
        (["--resume", "must"], "has no whole checkpoint"),
    ],
)
def test_wrong_options_end_in_one_line(config, options, told, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "")  # the command changes it, and the test puts it back
    assert cli.main(["rl", "train", config, "--directory", str(tmp_path / "r"), *options]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_an_older_run_stays_where_no_cluster_can_be_joined(config, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "")
    monkeypatch.setattr("ray.is_initialized", lambda: False)  # as in a process of its own
    monkeypatch.setattr("ray.shutdown", lambda: None)
    older = tmp_path / "r/small/settings.yaml"
    older.parent.mkdir(parents=True)
    older.write_text("older")
    options = ["--overwrite", "--directory", str(tmp_path / "r"), "--address", "127.0.0.1:1"]
    assert cli.main(["rl", "train", config, *options]) == 1
    assert "cannot be joined" in capsys.readouterr().err
    assert older.read_text() == "older"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["infer", "nowhere"], "nowhere has neither driver.json nor a whole checkpoint"),
        (["infer", "nowhere", "--episodes", "0"], "--episodes is 0, expected 1 or more"),
        (["export", "nowhere", "x"], "nowhere has no whole checkpoint"),
        (["train", "nowhere.yaml"], "nowhere.yaml is missing"),
    ],
)
def test_wrong_folders_end_in_one_line(command, told, capsys) -> None:
    assert cli.main(["rl", *command]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_without_ray_the_way_to_it_is_told(config, monkeypatch, capsys) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cli.main(["rl", "train", config]) == 1
    assert "RLlib is not installed: run `make setup`" in capsys.readouterr().err

import pickle
from pathlib import Path
from types import SimpleNamespace

import devkit_double
import numpy as np
import pytest
from devkit_double import SceneFilter, SceneLoader, Trajectory, TrajectorySampling

from avvla.navsim import submission as made
from avvla.navsim.agent import AvvlaAgent

TEAM = {key: f"the {key}" for key in made.TEAM}


def trajectory(speed=10.0):
    poses = np.zeros((8, 3), np.float32)
    poses[:, 0] = speed * np.arange(1, 9) / 2
    return Trajectory(poses, TrajectorySampling())


def test_a_submission_of_one_stage_is_v1s_and_of_two_v2s():
    one, two = {"b": trajectory(), "a": trajectory()}, {"c": trajectory()}
    found = made.submission(TEAM, [one])
    assert list(found) == [*TEAM, "predictions"]
    assert [list(stage) for stage in found["predictions"]] == [["a", "b"]]
    found = made.submission(TEAM, [one, two])
    assert list(found)[-2:] == ["first_stage_predictions", "second_stage_predictions"]
    assert [list(stage) for stage in found["second_stage_predictions"]] == [["c"]]


@pytest.mark.parametrize(
    ("team", "stages", "told"),
    [
        (
            {**TEAM, "email": " "},
            [{"a": trajectory()}],
            "email is ' ', expected a text: add email=",
        ),
        ({}, [{"a": trajectory()}], "team_name is None"),
        (
            {**TEAM, "country / region": None},
            [{"a": trajectory()}],
            r"region is None, .* add country=",
        ),
        (TEAM, [], "there are 0 stages, expected 1"),
        (TEAM, [{}], "predictions holds no scene"),
        (TEAM, [{"a": trajectory(np.nan)}], "predictions: the poses of a hold NaN"),
    ],
)
def test_what_the_server_would_refuse_is_refused(team, stages, told):
    with pytest.raises(ValueError, match=told):
        made.submission(team, stages)


def test_the_same_submission_has_the_same_bytes_and_no_half_of_it_stays(tmp_path):
    path = tmp_path / "out" / made.FILE
    made.write(path, made.submission(TEAM, [{"a": trajectory(), "b": trajectory()}]))
    first = path.read_bytes()
    made.write(path, made.submission(TEAM, [{"b": trajectory(), "a": trajectory()}]))
    assert path.read_bytes() == first
    found = pickle.loads(first)
    np.testing.assert_array_equal(found["predictions"][0]["a"].poses, trajectory().poses)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        made.write(path, {"predictions": lambda: None})
    assert path.read_bytes() == first
    assert [entry.name for entry in path.parent.iterdir()] == [made.FILE]


class Config(dict):
    """A double of hydra's DictConfig."""

    __getattr__ = dict.__getitem__


@pytest.fixture
def config(devkit, settings, tmp_path, monkeypatch):
    """Of the devkit's run, v1.1."""
    monkeypatch.setattr(SceneLoader, "lost", ())
    monkeypatch.setattr(SceneLoader, "dark", ())
    hydra, utils = (SimpleNamespace(), SimpleNamespace(instantiate=lambda made: made))
    monkeypatch.setitem(__import__("sys").modules, "hydra", hydra)
    monkeypatch.setitem(__import__("sys").modules, "hydra.utils", utils)
    return Config(
        dict.fromkeys(made.TEAM.values(), "us"),
        agent=AvvlaAgent(TrajectorySampling(), **settings),
        train_test_split=SimpleNamespace(scene_filter=SceneFilter(["b", "a"])),
        navsim_log_path="logs",
        sensor_blobs_path="blobs",
        output_dir=str(tmp_path),
    )


V2 = dict.fromkeys(made.V2_PATHS, "v2")


def test_every_scene_of_the_split_is_in_it(config):
    found = made._submission(config)
    assert list(found["predictions"][0]) == ["a", "b"]
    assert found["predictions"][0]["a"].poses[-1].tolist() == [40.0, 0.0, 0.0]


def test_both_stages_of_v2_are_in_it(config, monkeypatch):
    del config["sensor_blobs_path"]
    config.update(V2)
    config.train_test_split.scene_filter = SceneFilter(["a"], True, ["d", "c"])
    asked = {}
    monkeypatch.setattr(
        devkit_double.SceneLoader,
        "get_agent_input_from_token",
        lambda self, token: asked.update(self.paths) or devkit_double.agent_input(),
    )
    found = made._submission(config)
    assert list(found["first_stage_predictions"][0]) == ["a"]
    assert list(found["second_stage_predictions"][0]) == ["c", "d"]
    assert asked == {name: Path("v2") for name in made.V2_PATHS}


def test_v2_has_no_leaderboard_of_one_stage(config):
    config.update(V2)
    with pytest.raises(ValueError, match=r"two stages alone.* branch v1\.1"):
        made._submission(config)


def test_a_split_without_names_of_scenes_is_refused(config):
    config.train_test_split.scene_filter = SceneFilter()
    with pytest.raises(ValueError, match="names no scenes"):
        made._submission(config)


def test_scenes_that_are_lost_or_fail_are_named_and_nothing_is_left_out(config, monkeypatch):
    monkeypatch.setattr(SceneLoader, "dark", ("a",))
    with pytest.raises(ValueError, match=r"1 of 2 scenes failed, a first \(a.jpg\): nothing"):
        made._submission(config)
    monkeypatch.setattr(SceneLoader, "lost", ("b",))
    with pytest.raises(ValueError, match="the logs lack 1 of 2 scenes, b first"):
        made._submission(config)


def test_a_team_without_a_name_is_told_before_the_driver_starts(config):
    config["email"] = None
    with pytest.raises(ValueError, match="email is None"):
        made._submission(config)
    assert config.agent._process is None

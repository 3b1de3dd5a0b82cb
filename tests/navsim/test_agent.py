import ast
import gc
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from devkit_double import Camera, TrajectorySampling, agent_input

from avvla.navsim.agent import AvvlaAgent, stride

PACKAGE = Path(__file__).parents[2] / "avvla"
INSIDE = ("agent", "wire", "submission")


@pytest.fixture
def made(devkit, settings):
    def make(sampling=TrajectorySampling(), **changes):  # noqa: B008  # it is frozen
        return AvvlaAgent(sampling, **{**settings, **changes})

    return make


def test_the_devkit_gets_eight_poses_of_half_a_second(made):
    agent = made()
    agent.initialize()
    found = agent.compute_trajectory(agent_input(speed=8.0))
    assert found.poses.dtype == np.float32
    np.testing.assert_allclose(found.poses[:, 0], 8.0 * np.arange(1, 9) / 2, rtol=1e-6)
    np.testing.assert_array_equal(found.poses[:, 1:], 0)
    assert found.trajectory_sampling == TrajectorySampling()


def test_the_devkit_gets_forty_poses_where_it_asks_for_them(made):
    agent = made(TrajectorySampling(4, 0.1))
    agent.initialize()
    found = agent.compute_trajectory(agent_input(speed=8.0))
    np.testing.assert_allclose(found.poses[:, 0], 0.8 * np.arange(1, 41), rtol=1e-6)


def test_it_has_what_the_devkit_asks_an_agent_for(made):
    agent = made()
    assert agent.requires_scene is False
    assert agent.name() == "avvla constant_velocity"
    sensors = vars(agent.get_sensor_config())
    assert sensors.pop("cam_f0") == [3]
    assert not any(sensors.values())


@pytest.mark.parametrize(
    ("poses", "interval_s", "told"),
    [
        (6, 0.5, "6 poses every 0.5 s end at 3 s, expected 4 s"),
        (64, 0.1, "64 poses every 0.1 s end at 6.4 s, expected 4 s"),
        (16, 0.25, "interval_length is 0.25 s, expected a multiple of 0.1 s"),
        (8, 0.0, "interval_length is 0.0 s"),
    ],
)
def test_another_sampling_is_refused(poses, interval_s, told):
    with pytest.raises(ValueError, match=told):
        stride(poses, interval_s)


def test_strides_are_whole_steps():
    assert [stride(8, 0.5), stride(40, 0.1), stride(20, 0.2), stride(4, 1.0)] == [5, 1, 2, 10]


def test_a_scene_that_is_refused_does_not_end_the_next(made):
    agent = made()
    agent.initialize()
    with pytest.raises(RuntimeError, match=r"poses is float32 \(3, 3\), expected"):
        agent.compute_trajectory(agent_input(frames=3))
    unseen = agent_input()
    unseen.cameras[-1].cam_f0 = Camera()
    with pytest.raises(ValueError, match="image is None, expected an array"):
        agent.compute_trajectory(unseen)
    assert agent.compute_trajectory(agent_input()).poses.shape == (8, 3)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"driver": ["/no/such/python"]}, "cannot be started .*avvla navsim config"),
        ({"policy": "replay"}, "the agent's yaml: policy is 'replay': Input should be"),
        ({"commands": ["Turn left"]}, "the agent's yaml: commands is"),
        (
            {"commands": ["Turn left", "Go strait", "Turn right", "Stop"]},
            "command straight: unknown command 'Go strait'; did you mean 'Go straight'",
        ),
        ({"driver": [sys.executable, "-c", "raise SystemExit(3)"]}, "ended with code 3"),
    ],
)
def test_a_driver_that_cannot_plan_is_told_before_the_first_scene(made, changes, told):
    agent = made(**changes)
    with pytest.raises(RuntimeError, match=told):
        agent.initialize()


def test_a_scene_before_initialize_is_told(made):
    with pytest.raises(RuntimeError, match=r"initialize\(\) comes first"):
        made().compute_trajectory(agent_input())


def test_the_driver_ends_with_its_agent(made):
    agent = made()
    agent.initialize()
    process = agent._process
    del agent
    gc.collect()
    assert process.poll() == 0


def test_the_driver_has_no_path_of_the_devkits_python(made, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code = "import os; assert 'PYTHONPATH' not in os.environ; raise SystemExit(7)"
    with pytest.raises(RuntimeError, match="ended with code 7"):
        made(driver=[sys.executable, "-c", code]).initialize()


@pytest.mark.parametrize("name", ["__init__", *(f"navsim/{part}" for part in INSIDE)])
def test_the_modules_inside_the_devkit_are_python_3_9(name):
    ast.parse((PACKAGE / f"{name}.py").read_text(), feature_version=(3, 9))


def test_the_modules_inside_the_devkit_need_numpy_alone():
    script = (
        "import json, sys\n"
        "import avvla.navsim.agent, avvla.navsim.submission\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=PACKAGE.parent,
    )
    names = json.loads(done.stdout)
    assert [name for name in names if name.startswith("avvla")] == [
        "avvla",
        "avvla.navsim",
        *sorted(f"avvla.navsim.{part}" for part in INSIDE),
    ]
    assert not {name.split(".")[0] for name in names} & {"torch", "navsim", "nuplan", "hydra"}

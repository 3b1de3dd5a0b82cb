"""Experiments in CARLA's arena, at the double of a server."""

import importlib.util

import numpy as np
import pytest
from rl_factory import SMALL, merged

from avvla.errors import UserError
from avvla.rl.environment import ROAD, make_environment
from avvla.rl.reading import settings_of


def in_carla(**world: object) -> dict:
    given = {"backend": "carla", "camera": {"enabled": False}, **world}
    return merged(SMALL, {"world": given, "runners": {"envs": 1}})


@pytest.mark.skipif(
    importlib.util.find_spec("carla") is None, reason="CARLA's client is not installed"
)
def test_an_experiment_drives_there_and_a_road_is_a_seed() -> None:
    from carla_double.server import Double

    seen = []
    with Double() as server:
        environment = make_environment(settings_of(in_carla(server={"port": server.port})))
        for _ in range(2):
            first, _ = environment.reset(options={ROAD: 7})
            pays = [environment.step(20)[1] for _ in range(10)]
            seen.append((first, pays))
        environment.close()
    (first, pays), (again, paid) = seen
    assert first.shape == (24, 24, 3)
    assert first.std() > 0
    np.testing.assert_array_equal(first, again)
    assert pays == pytest.approx(paid, abs=1e-3)
    assert sum(pays) > 0


@pytest.mark.parametrize("runners", [{"envs": 2}, {"envs": 1, "count": 2}])
def test_a_server_has_one_drive_at_a_time(runners: dict) -> None:
    with pytest.raises(UserError, match="a CARLA server has one drive at a time"):
        settings_of(merged(in_carla(), {"runners": runners}))


def test_its_keys_are_checked_like_the_rest() -> None:
    with pytest.raises(UserError, match=r"unknown parameter `world\.twn`; did you mean `town`"):
        settings_of(in_carla(twn="Town05"))

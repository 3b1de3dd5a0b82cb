from dataclasses import replace

import numpy as np
import pytest

from avvla.evaluation.drive import Drive
from avvla.evaluation.judges import JUDGED, JUDGES, OBEDIENCE, judged
from avvla.world.scenario import FAMILIES, draw_scenario


def drive(family, lateral=0.0, speed=10.0, yaw=0.0, s=None, **changes):
    ticks = 60
    states = np.zeros((ticks, 4))
    states[:, 2], states[:, 3] = yaw, speed
    road = np.zeros((ticks, 3))
    road[:, 0] = np.linspace(0.0, 50.0, ticks) if s is None else s
    road[:, 1] = lateral
    known = Drive(
        family=family,
        seed=0,
        states=states,
        road=road,
        commands=("Follow the lane",) * ticks,
        collided=False,
        off_road=False,
        finished=False,
        gap_m=10.0,
    )
    return replace(known, **changes)


def verdict(done):
    found = judged(done, draw_scenario(done.family, 4, 0))
    return found.success, found.obeyed


def test_every_judged_family_can_be_drawn():
    assert set(JUDGED) <= set(FAMILIES)
    assert set(OBEDIENCE) <= set(JUDGES)


@pytest.mark.parametrize("family", JUDGED)
def test_who_hits_something_or_leaves_the_road_has_not_succeeded(family):
    for fault in ({"collided": True}, {"off_road": True}):
        assert not verdict(drive(family, **fault))[0]


@pytest.mark.parametrize(
    ("family", "done", "expected"),
    [
        ("lane_keeping", {}, (True, True)),
        ("lane_keeping", {"lateral": 1.8}, (False, True)),
        ("lane_keeping", {"speed": 2.0}, (False, True)),
        ("stop", {"speed": 0.0}, (True, True)),
        ("stop", {"speed": 0.0, "lateral": 2.0}, (False, True)),
        ("stop", {"speed": 1.0}, (False, False)),
        ("slow_down", {"speed": 5.5}, (True, True)),
        ("slow_down", {"speed": 8.0}, (False, False)),
        ("lane_change", {"lateral": 0.5}, (True, True)),
        ("lane_change", {"lateral": 1.2}, (False, True)),
        ("lane_change", {"lateral": 3.5}, (False, False)),
        ("merge", {"lateral": 3.5}, (False, False)),
        ("lead", {"gap_m": 29.0}, (True, True)),
        ("cut_in", {"gap_m": 31.0}, (False, True)),
        ("lead_braking", {"lateral": 1.9}, (False, True)),
        ("stopped_obstacle", {"speed": 0.1}, (True, True)),
        ("stopped_obstacle", {"speed": 0.1, "gap_m": 25.0}, (False, True)),
        ("stopped_obstacle", {"speed": 3.0}, (False, True)),
    ],
)
def test_geometry_decides(family, done, expected):
    assert verdict(drive(family, **done)) == expected


def test_an_exit_is_taken_in_its_direction_however_well():
    scenario = draw_scenario("turn", 4, 0)
    end = scenario.route.junction[1]
    yaw = scenario.route.curve.at(end + 5.0)[2]
    s = np.linspace(end - 30.0, end + 30.0, 60)
    assert verdict(drive("turn", yaw=yaw, s=s)) == (True, True)
    assert verdict(drive("turn", yaw=yaw + 0.3, s=s, lateral=2.5)) == (False, True)
    assert verdict(drive("turn", yaw=yaw + 1.5, s=s))[1] is False
    assert verdict(drive("turn", yaw=yaw, s=s - 40.0)) == (False, False)

"""The lane experiments on a scripted arena: actions, reward terms, ends."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rl_factory import SMALL, merged

from avvla.errors import UserError
from avvla.rl.experiment import BaseExperiment
from avvla.rl.lane import ContinuousLane, DiscreteLane, LaneExperiment, LaneSettings
from avvla.rl.reading import experiment_of, settings_of
from avvla.world.interface import Metrics, View

START = Metrics(0.0, 50.0, 0.0, 0.0, False, False, False)


@dataclass
class Scripted:
    """An arena whose next measures are given; a picture is its number of steps."""

    measures: Metrics = START
    heading_error_rad: float = 0.0
    speed_mps: float = 10.0
    steps: int = 0

    def observe(self):
        return View(np.zeros((2, 2, 3), np.uint8), self.speed_mps, 0.0, "Follow the lane")

    def birds_eye(self, size_px, radius_m):
        return np.full((size_px, size_px, 3), self.steps, np.uint8)

    def metrics(self):
        return self.measures

    def move(self, way_m=1.0, heading=0.0, **changes):
        self.steps += 1
        self.heading_error_rad = heading
        self.measures = replace(self.measures, s_m=self.measures.s_m + way_m, **changes)


def lane(kind=DiscreteLane, **sections) -> LaneExperiment:
    return kind(LaneSettings.model_validate(sections))


def stepped(experiment, arena, **move):
    """Reward, terminated and truncated of one step."""
    arena.move(**move)
    experiment.update(arena)
    experiment.get_observation(arena)
    return experiment.compute_reward(arena), *experiment.get_done_status(arena)


def begun(**sections):
    experiment, arena = lane(**sections), Scripted()
    experiment.reset(arena)
    return experiment, arena


def test_there_are_29_different_actions_and_the_first_two_are_coast_and_brake() -> None:
    experiment = lane()
    actions = experiment.get_actions()
    assert len(set(actions.values())) == len(actions) == experiment.get_action_space().n == 29
    assert actions[0] == (0.0, 0.0)
    assert actions[1] == (-5.0, 0.0)
    assert {steer for _, steer in actions.values()} == {0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75}


def test_an_action_is_driven_with_drag_and_a_curvature_that_the_speed_bounds() -> None:
    experiment, _ = begun()
    full_left = experiment.actions.index((1.0, 0.0, 0.75))
    acceleration, curvature = experiment.compute_action(full_left)
    assert acceleration == pytest.approx(3.0 - 0.15 * 10.0)
    assert curvature == pytest.approx(0.75 * 6.0 / 100.0)
    slow = Scripted(speed_mps=2.0)
    experiment.reset(slow)
    assert experiment.compute_action(full_left)[1] == pytest.approx(0.75 * 0.2)


def test_braking_does_not_reverse() -> None:
    experiment = lane()
    experiment.reset(Scripted(speed_mps=0.2))
    assert experiment.compute_action(1)[0] == pytest.approx(-2.0)


@pytest.mark.parametrize("action", [-1, 29, 1000])
def test_an_action_beyond_the_last_is_refused(action) -> None:
    experiment, _ = begun()
    with pytest.raises(UserError, match=f"action is {action}, expected a whole number below 29"):
        experiment.compute_action(action)


def test_continuous_shares_are_brake_or_throttle_and_steering() -> None:
    experiment = lane(ContinuousLane)
    experiment.reset(Scripted())
    assert experiment.compute_action([1.0, 0.0]) == pytest.approx((1.5, 0.0))
    assert experiment.compute_action([-1.0, -1.0]) == pytest.approx((-6.5, -0.06))


@pytest.mark.parametrize("action", [[math.nan, 0.0], [0.0, 1.1], [-2.0, 0.0], [0.0, math.inf]])
def test_shares_that_are_none_are_refused(action) -> None:
    experiment = lane(ContinuousLane)
    experiment.reset(Scripted())
    with pytest.raises(UserError, match=r"expected two numbers in \[-1, 1\]"):
        experiment.compute_action(action)


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 40))
def test_curvature_never_exceeds_its_bounds(pedal, steer, speed) -> None:
    experiment = lane(ContinuousLane)
    experiment.reset(Scripted(speed_mps=speed))
    acceleration, curvature = experiment.compute_action([pedal, steer])
    assert abs(curvature) <= 0.2
    assert abs(curvature) * speed**2 <= 6.0 + 1e-9 or speed < 1.0
    assert speed + acceleration * 0.1 >= -1e-9


def test_metres_are_paid() -> None:
    experiment, arena = begun()
    assert stepped(experiment, arena, way_m=1.2) == (pytest.approx(1.2), False, False)
    assert stepped(experiment, arena, way_m=-0.5)[0] == pytest.approx(-0.5)


def test_speed_won_is_paid_while_slow() -> None:
    experiment, arena = lane(), Scripted(speed_mps=4.0)
    experiment.reset(arena)
    assert stepped(experiment, arena, way_m=0.5)[0] == pytest.approx(0.5 + 0.05 * 3.6)
    assert stepped(experiment, arena, way_m=0.6)[0] == pytest.approx(0.6 + 0.05 * 3.6)
    assert stepped(experiment, arena, way_m=0.7)[0] == pytest.approx(0.7)  # 6 m/s are 21.6 km/h


def test_the_wrong_way_and_turning_away_cost() -> None:
    experiment, arena = begun()
    assert stepped(experiment, arena, heading=0.5)[0] == pytest.approx(1.0 - 0.05)
    assert stepped(experiment, arena, heading=0.45)[0] == pytest.approx(1.0)
    assert stepped(experiment, arena, heading=-0.6)[0] == pytest.approx(1.0 - 0.05)
    assert stepped(experiment, arena, heading=3.0)[0] == pytest.approx(1.0 - 0.5)


def test_a_collision_ends_the_episode_by_default_and_off_road_costs() -> None:
    experiment, arena = begun(reward={"collision": -7.0})
    assert stepped(experiment, arena, collided=True) == (pytest.approx(-6.0), True, False)
    experiment, arena = begun()
    assert stepped(experiment, arena, off_road=True) == (pytest.approx(0.5), True, False)
    assert experiment.summary()["off_road"] == 1.0
    assert experiment.summary()["heading_deviation_rad"] == pytest.approx(math.pi)


def test_in_2021_neither_ended_it_and_the_time_limit_was_paid_and_terminated() -> None:
    experiment, arena = begun(preset="legacy_2021", episode={"duration_s": 0.2})
    harmed = {"collided": True, "off_road": True}
    assert stepped(experiment, arena, **harmed) == (pytest.approx(0.5), False, False)
    assert stepped(experiment, arena, **harmed) == (pytest.approx(100.5), True, False)
    assert experiment.summary()["success"] == 0.0


def test_the_time_limit_and_the_end_of_the_map_truncate() -> None:
    experiment, arena = begun(episode={"duration_s": 0.2})
    assert stepped(experiment, arena)[1:] == (False, False)
    assert stepped(experiment, arena)[1:] == (False, True)
    assert experiment.summary()["success"] == 1.0
    experiment, arena = begun()
    assert stepped(experiment, arena, finished=True) == (pytest.approx(1.0), False, True)


def test_standing_too_long_terminates_and_costs() -> None:
    experiment, arena = begun(episode={"idle_s": 0.2})
    experiment.reset(arena)
    ends = [stepped(experiment, arena, way_m=0.0)[1] for _ in range(2)]
    assert ends == [False, False]
    assert stepped(experiment, arena, way_m=0.0) == (pytest.approx(-100.0), True, False)
    assert experiment.summary()["idle"] == 1.0


def test_frames_are_stacked_the_newest_last() -> None:
    experiment, arena = begun(view={"frames": 3, "size_px": 16})
    first, _ = experiment.get_observation(arena)
    assert first.shape == experiment.get_observation_space().shape == (16, 16, 9)
    assert first[0, 0].tolist() == [0] * 9
    for _ in range(3):
        arena.move()
        experiment.update(arena)
        seen, _ = experiment.get_observation(arena)
    assert seen[0, 0].tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    experiment.reset(Scripted(steps=7))
    assert experiment.get_observation(Scripted(steps=7))[0][0, 0].tolist() == [7] * 9


def test_the_summary_tells_return_way_and_length() -> None:
    experiment, arena = begun()
    paid = [stepped(experiment, arena, way_m=way, heading=0.2)[0] for way in (1.0, 2.0)]
    summary = experiment.summary()
    assert summary["return"] == pytest.approx(sum(paid))
    assert (summary["way_m"], summary["length"]) == (pytest.approx(3.0), 2.0)
    assert summary["heading_deviation_rad"] == pytest.approx(0.2)


def test_a_base_experiment_alone_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="abstract"):
        BaseExperiment(LaneSettings())


def test_experiments_of_ones_own_are_found_by_name() -> None:
    changed = merged(SMALL, {"experiment": {"class": "rl_own:SlowLane"}})
    settings = settings_of(merged(changed, {"experiment": {"gain": 0.5}}))
    experiment = experiment_of(settings)
    assert type(experiment).__name__ == "SlowLane"
    assert settings.experiment.gain == 0.5
    assert settings_of(settings.model_dump(mode="json", by_alias=True)) == settings
    with pytest.raises(UserError, match=r"experiment\.gian`; did you mean `gain`"):
        settings_of(merged(changed, {"experiment": {"gian": 0.5}}))

import numpy as np
import pytest

from avvla.actions.unicycle import rollout
from avvla.evaluation import ride
from avvla.policy.interface import Plan


def plan_of(acceleration, curvature, speed):
    action = np.zeros((1, 64, 2))
    action[0, :, 0], action[0, :, 1] = acceleration, curvature
    return Plan(action, rollout(np.array([speed]), action))


def test_signals_of_a_plan_are_its_actions():
    plan = plan_of(0.5, 0.02, 8.0)
    speed = np.concatenate([[[8.0]], plan.trajectory[..., 3]], 1)
    found = ride.signals(speed, np.concatenate([[[0.0]], plan.trajectory[..., 2]], 1))
    np.testing.assert_allclose(found["lon_accel"], 0.5)
    np.testing.assert_allclose(found["lat_accel"], 0.02 * speed[:, :-1] ** 2)
    np.testing.assert_allclose(found["yaw_rate"], 0.02 * speed[:, :-1])
    np.testing.assert_allclose(found["lon_jerk"], 0.0, atol=1e-9)


@pytest.mark.parametrize(
    ("acceleration", "curvature", "speed", "broken"),
    [
        (2.5, 0.0, 5.0, "lon_accel"),
        (-4.2, 0.0, 40.0, "lon_accel"),
        (0.0, 0.05, 10.0, "lat_accel"),
        (0.0, 0.25, 4.0, "yaw_rate"),
        (np.where(np.arange(64) < 30, 0.0, 0.5), 0.0, 5.0, "lon_jerk"),
        (0.0, np.where(np.arange(64) < 30, 0.0, 0.04), 6.0, "yaw_accel"),
    ],
)
def test_a_bound_is_broken_where_it_should_be(acceleration, curvature, speed, broken):
    plan = plan_of(acceleration, curvature, speed)
    found = ride.metrics(plan, np.array([speed]), np.array([[0.0, 0.0]]))
    assert found[f"plan_{broken}"] == 0.0
    assert found["plan"] == 0.0
    gentle = ride.metrics(plan_of(0.3, 0.001, 8.0), np.array([8.0]), np.array([[0.3, 0.001]]))
    assert gentle["plan"] == gentle["tracked"] == gentle["tracked_navsim"] == 1.0


def test_navsim_sees_no_lateral_acceleration():
    bend = plan_of(0.0, 0.06, 10.0)
    found = ride.metrics(bend, np.array([10.0]), np.array([[0.0, 0.06]]))
    assert found["plan_lateral_mps2"] == pytest.approx(6.0)
    assert found["tracked_lateral_mps2"] == pytest.approx(6.0, abs=0.3)
    assert found["tracked_navsim_lateral_mps2"] == 0.0
    assert (found["tracked"], found["tracked_navsim"]) == (0.0, 1.0)


def test_vehicles_that_begin_apart_are_tracked_apart():
    plans = [plan_of(0.5, 0.0, 4.0), plan_of(0.0, 0.02, 9.0)]
    together = Plan(
        *(np.concatenate([getattr(p, n) for p in plans]) for n in ("action", "trajectory"))
    )
    speed, present = np.array([4.0, 9.0]), np.array([[0.5, 0.0], [0.0, 0.02]])
    both = ride._tracked(together, speed, present)
    for place, plan in enumerate(plans):
        alone = ride._tracked(plan, speed[place : place + 1], present[place : place + 1])
        np.testing.assert_allclose(both[place], alone[0], atol=1e-9)

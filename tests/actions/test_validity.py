import numpy as np
import pytest

from avvla.actions.validity import REASONS, at_bounds, first_reason, judge_path, slips

T = 80


def straight(speed=5.0):
    xy = np.zeros((1, T, 2))
    xy[0, :, 0] = np.arange(T) * speed * 0.1
    return xy, np.zeros((1, T)), np.full((1, T), speed)


def spoil(reason):
    xy, yaw, speed = straight()
    if reason == "gap":
        xy[0, 30:33] = yaw[0, 30:33] = np.nan
    elif reason == "too short":
        xy[0, 70:] = yaw[0, 70:] = np.nan
    elif reason == "nan":
        yaw[0, 4] = np.inf
    elif reason == "teleport":
        xy[0, 40:, 1] += 8.0
    elif reason == "side slip":
        yaw += 0.4
    return xy, yaw, speed


@pytest.mark.parametrize("reason", ["", *REASONS[:5]])
def test_each_reason(reason):
    assert judge_path(*spoil(reason), 0.1) == [reason]


def test_the_first_reason_wins():
    xy, yaw, speed = straight()
    xy[0, 50:] *= 100
    yaw += 1.0
    assert judge_path(xy, yaw, speed, 0.1) == ["teleport"]
    xy[0, 3, 0] = np.nan
    assert judge_path(xy, yaw, speed, 0.1) == ["nan"]
    xy[0, :2] = yaw[0, :2] = np.nan
    assert judge_path(xy, yaw, speed, 0.1) == ["too short"]
    xy[0, 10] = yaw[0, 10] = np.nan
    assert judge_path(xy, yaw, speed, 0.1) == ["gap"]


def test_nothing_at_all_is_too_short():
    xy, yaw, _ = straight()
    assert judge_path(xy * np.nan, yaw * np.nan, None, 0.1) == ["too short"]


def test_heading_may_wrap_but_not_jump():
    xy, yaw, speed = straight(0.0)
    yaw[0, 20:] = 2 * np.pi
    assert judge_path(xy, yaw, speed, 0.1) == [""]
    yaw[0, 20:] = 0.5
    assert judge_path(xy, yaw, speed, 0.1) == ["teleport"]


def test_absurd_values_are_judged_without_a_warning():
    xy, yaw, speed = straight()
    assert judge_path(np.where(xy > 20, 1e308, -1e308), yaw, speed, 0.1) == ["teleport"]
    assert judge_path(xy, yaw, np.full((1, T), 1e300), 0.1) == ["teleport"]


def test_reversing_is_no_slip():
    xy, yaw, _ = straight(-5.0)
    assert judge_path(xy, yaw, None, 0.1) == [""]
    angles = np.array([0.0, 0.3, 0.4, 1.5, np.pi - 0.4, np.pi - 0.3, np.pi])
    for yaw in (0.0, 2.0, -3.0):
        for side in (-1, 1):
            off = slips(np.cos(yaw + side * angles), np.sin(yaw + side * angles), np.full(7, yaw))
            assert off.tolist() == [False, False, True, True, True, False, False]


def test_position_noise_at_standstill_is_no_slip():
    xy, yaw, _ = straight(0.0)
    xy += np.random.default_rng(0).normal(size=xy.shape) * 0.05
    assert judge_path(xy, yaw, None, 0.1) == [""]


def test_bounds():
    action = np.zeros((3, 64, 2))
    action[0, 7] = [9.79, 0.329]
    action[1, 5] = [-9.8, 0.0]
    action[2, 60] = [9.7, 0.33]
    assert at_bounds(action).tolist() == [False, True, True]


def test_reasons_keep_their_order():
    a, b = np.array([True, False, False]), np.array([True, True, False])
    assert first_reason({"gap": a, "nan": b}) == ["gap", "nan", ""]

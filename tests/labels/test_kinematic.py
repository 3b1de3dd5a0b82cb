import numpy as np
import pytest
from drives import turned, window
from hypothesis import given
from hypothesis import strategies as st

from avvla.actions.unicycle import HORIZON
from avvla.labels.instruction import AMBIGUOUS, CERTAIN, LIKELY, NEUTRAL, UNKNOWN
from avvla.labels.kinematic import REVERSES, consistent, label_windows, motion
from avvla.labels.taxonomy import command

STEP = np.arange(HORIZON)
BEND = np.where((STEP > 20) & (STEP < 45), 0.1, 0.0)
LANE_CHANGE = 0.006 * np.sin(2 * np.pi * STEP / HORIZON)
CASES = {
    "steady": (window(10.0), "Follow the lane", CERTAIN),
    "gentle curve": (window(10.0, 0.0, 0.005), "Follow the lane", AMBIGUOUS),
    "long bend": (window(15.0, 0.0, 0.02), "Follow the lane", AMBIGUOUS),
    "lane change": (window(10.0, 0.0, LANE_CHANGE), "Follow the lane", AMBIGUOUS),
    "left": (window(6.0, 0.0, 0.1), "Turn left", LIKELY),
    "right": (window(6.0, 0.0, -0.1), "Turn right", LIKELY),
    "junction": (window(6.0, 0.0, BEND), "Turn left", LIKELY),
    "small turn": (window(0.6, 0.0, 0.045), "Follow the lane", CERTAIN),
    "braking": (window(10.0, -0.5), "Slow down", CERTAIN),
    "to a stop": (window(5.0, np.where(STEP < 50, -1.0, 0.0)), "Stop", CERTAIN),
    "standing": (window(0.0), "Stop", CERTAIN),
    "start": (window(0.0, 0.5), "Speed up", CERTAIN),
    "barely faster": (window(10.0, 0.13), "Follow the lane", CERTAIN),
    "turn while braking": (window(9.0, -0.8, 0.08), "Turn left", LIKELY),
    "reverse": (window(-1.0), "Follow the lane", UNKNOWN),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("angle", [0.0, 3.0])
def test_rules_in_any_frame(case, angle):
    path, text, confidence = CASES[case]
    [one] = label_windows(motion(*turned(*path, angle)))
    assert (one.command.text, one.confidence) == (text, confidence)
    assert one.reason == (REVERSES if confidence == UNKNOWN else "")


def test_windows_do_not_see_each_other_nor_the_history():
    batch = [np.concatenate(arrays) for arrays in zip(*(c[0] for c in CASES.values()), strict=True)]
    told = label_windows(motion(*batch))
    assert [one.command.text for one in told] == [case[1] for case in CASES.values()]
    batch[0][:, :15] = 1e6
    batch[1][:, :15] = 2.0
    assert label_windows(motion(*batch)) == told


@given(
    st.lists(st.floats(-2, 2), min_size=64, max_size=64),
    st.lists(st.floats(-0.2, 0.2), min_size=64, max_size=64),
    st.floats(-1, 20),
)
def test_low_confidence_asks_for_no_manoeuvre(acceleration, curvature, v0):
    [one] = label_windows(motion(*window(v0, np.array(acceleration), np.array(curvature))))
    assert one.confidence >= LIKELY or one.command == NEUTRAL


def test_heading_noise_at_standstill_is_a_stop():
    xy, yaw, speed = window(0.0)
    yaw = np.linspace(0.0, 0.5, 80)[None]
    assert motion(xy, yaw, speed).turn[0] == 0
    assert label_windows(motion(xy, yaw, speed))[0].command.text == "Stop"


@given(st.floats(1, 15), st.floats(-0.3, 0.3))
def test_mirrored_paths_get_mirrored_turns(v0, curvature):
    right, left = (motion(*window(v0, 0.0, k)).turn[0] for k in (-curvature, curvature))
    assert right == -left


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_unknown(value):
    xy, yaw, speed = window(10.0)
    yaw[0, 40] = value
    [one] = label_windows(motion(xy, yaw, speed))
    assert (one.command, one.confidence, one.reason) == (NEUTRAL, UNKNOWN, REVERSES)


def test_no_window():
    does = motion(np.zeros((0, 80, 2)), np.zeros((0, 80)), np.zeros((0, 80)))
    assert label_windows(does) == []
    assert consistent([], does).shape == (0,)


@pytest.mark.parametrize(
    ("text", "contradicted_by"),
    [
        ("Turn left", {"right", "reverse"}),
        ("Turn right", {"left", "junction", "turn while braking", "reverse"}),
        ("Go straight", {"left", "right", "junction", "turn while braking", "reverse"}),
        ("Stop", {"start", "reverse"}),
        ("Slow down", {"start", "reverse"}),
        ("Speed up", {"braking", "to a stop", "standing", "turn while braking", "reverse"}),
        ("Follow the lane", {"reverse"}),
        ("Change lane left", {"right", "reverse"}),
        ("Nudge right", {"left", "junction", "turn while braking", "reverse"}),
    ],
)
def test_consistency(text, contradicted_by):
    got = {
        case
        for case, (path, _, _) in CASES.items()
        if not consistent([command(text)], motion(*path))[0]
    }
    assert got == contradicted_by

import numpy as np
import pytest
from drives import turned, window
from hypothesis import given
from hypothesis import strategies as st

from avvla.actions.unicycle import HORIZON
from avvla.labels.kinematic import AMBIGUOUS, CERTAIN, UNKNOWN, consistent, label_windows, motion

STEP = np.arange(HORIZON)
BEND = np.where((STEP > 20) & (STEP < 45), 0.1, 0.0)
LANE_CHANGE = 0.006 * np.sin(2 * np.pi * STEP / HORIZON)
CASES = {
    "steady": (window(10.0), "Follow the lane", CERTAIN),
    "gentle curve": (window(10.0, 0.0, 0.005), "Follow the lane", AMBIGUOUS),
    "long bend": (window(15.0, 0.0, 0.02), "Follow the lane", AMBIGUOUS),
    "lane change": (window(10.0, 0.0, LANE_CHANGE), "Follow the lane", AMBIGUOUS),
    "left": (window(6.0, 0.0, 0.1), "Turn left", AMBIGUOUS),
    "right": (window(6.0, 0.0, -0.1), "Turn right", AMBIGUOUS),
    "junction": (window(6.0, 0.0, BEND), "Turn left", AMBIGUOUS),
    "small turn": (window(0.6, 0.0, 0.045), "Follow the lane", CERTAIN),
    "braking": (window(10.0, -0.5), "Slow down", CERTAIN),
    "to a stop": (window(5.0, np.where(STEP < 50, -1.0, 0.0)), "Stop", CERTAIN),
    "standing": (window(0.0), "Stop", CERTAIN),
    "start": (window(0.0, 0.5), "Speed up", CERTAIN),
    "barely faster": (window(10.0, 0.13), "Follow the lane", CERTAIN),
    "turn while braking": (window(9.0, -0.8, 0.08), "Turn left", AMBIGUOUS),
    "reverse": (window(-1.0), "Follow the lane", UNKNOWN),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("angle", [0.0, 3.0])
def test_rules_in_any_frame(case, angle):
    path, text, confidence = CASES[case]
    texts, confidences = label_windows(*turned(*path, angle))
    assert (texts[0], confidences[0]) == (text, confidence)


def test_windows_do_not_see_each_other_nor_the_history():
    batch = [np.concatenate(arrays) for arrays in zip(*(c[0] for c in CASES.values()), strict=True)]
    texts, _ = label_windows(*batch)
    assert texts.tolist() == [case[1] for case in CASES.values()]
    batch[0][:, :15] = 1e6
    batch[1][:, :15] = 2.0
    assert label_windows(*batch)[0].tolist() == texts.tolist()


def test_heading_noise_at_standstill_is_a_stop():
    xy, yaw, speed = window(0.0)
    yaw = np.linspace(0.0, 0.5, 80)[None]
    assert motion(xy, yaw, speed).turn[0] == 0
    assert label_windows(xy, yaw, speed)[0][0] == "Stop"


@given(st.floats(1, 15), st.floats(-0.3, 0.3))
def test_mirrored_paths_get_mirrored_turns(v0, curvature):
    right, left = (motion(*window(v0, 0.0, k)).turn[0] for k in (-curvature, curvature))
    assert right == -left


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_unknown(value):
    xy, yaw, speed = window(10.0)
    yaw[0, 40] = value
    texts, confidence = label_windows(xy, yaw, speed)
    assert (texts[0], confidence[0]) == ("Follow the lane", UNKNOWN)


def test_no_window():
    texts, confidence = label_windows(np.zeros((0, 80, 2)), np.zeros((0, 80)), np.zeros((0, 80)))
    assert len(texts) == len(confidence) == 0


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
        ("Change lane left", {"reverse"}),
    ],
)
def test_consistency(text, contradicted_by):
    got = {
        case
        for case, (path, _, _) in CASES.items()
        if not consistent(np.array([text]), motion(*path))[0]
    }
    assert got == contradicted_by

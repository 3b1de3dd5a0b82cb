import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_factory import agent, moved, rectangle, scene, straight

from avvla.errors import UserError
from avvla.evaluation.pdm.case import Scene, checked
from avvla.evaluation.pdm.scores import Scorer, names

TWO, ONE = "epdms_v2.2", "pdms_v1.1"


def scores(case, variant=TWO, **options):
    made = checked(Scene, case)
    return Scorer(made, variant, **options).score(made.prediction).scores[0]


def test_driving_as_the_reference_does_is_perfect():
    found = scores(scene())
    assert set(found) == set(names(TWO))
    assert found["epdms_if_ec_1"] == found["pdm_score"] == 1.0
    assert found["epdms_if_ec_0"] == pytest.approx(14 / 16)
    assert scores(scene(), ONE)["score"] == 1.0
    assert set(scores(scene(), ONE)) == set(names(ONE))


def test_half_the_way_of_the_reference_is_half_the_progress():
    found = scores(scene(prediction=straight(5.0)))
    # A bicycle cannot halve its speed at once, so a little more than half.
    assert 0.5 < found["ego_progress"] < 0.65
    total = 5 * found["ego_progress"] + 5 + 2 * found["lane_keeping"] + 2 * found["history_comfort"]
    assert found["pdm_score"] == pytest.approx(total / 14)


@pytest.mark.parametrize(
    ("kind", "speed", "nc"),
    [
        ("VEHICLE", 0.0, 0.0),
        ("TRAFFIC_CONE", 0.0, 0.5),
        ("BARRIER", 0.0, 0.5),
        ("PEDESTRIAN", 0.0, 0.0),
    ],
)
def test_driving_into_what_stands_ahead_is_at_fault(kind, speed, nc):
    found = scores(scene(agents=[agent(25.0, 0.1, speed, kind)]))
    assert found["no_at_fault_collisions"] == nc
    assert found["time_to_collision_within_bound"] == 0.0
    assert found["multiplicative_metrics_prod"] == nc


def test_being_hit_from_behind_is_not_at_fault():
    found = scores(scene(agents=[agent(-20.0, 0.1, 20.0)]))
    assert found["no_at_fault_collisions"] == 1.0


def test_being_hit_from_behind_between_two_lanes_is_not_at_fault_either():
    between = scene(prediction=straight(10.0, y=1.75), agents=[agent(-18.0, 1.8, 18.0)])
    assert scores(between)["no_at_fault_collisions"] == 1.0


def test_touching_sideways_is_at_fault_between_two_lanes_only():
    beside = agent(-1.0, 2.9, 10.0)
    beside["states"][0][2] = 6.0  # it comes closer in the first half second
    assert (
        scores(scene(agents=[beside], prediction=straight(10.0, y=1.2)))["no_at_fault_collisions"]
        == 0.0
    )
    own_lane = agent(-1.0, 1.9, 10.0)
    own_lane["states"][0][2] = 6.0
    assert scores(scene(agents=[own_lane]))["no_at_fault_collisions"] == 1.0


def test_a_leader_of_the_same_speed_is_no_danger():
    found = scores(scene(agents=[agent(20.0, 0.1, 10.0)]))
    assert found["no_at_fault_collisions"] == found["time_to_collision_within_bound"] == 1.0


def test_what_touches_the_ego_at_first_is_left_out_in_the_second_version_only():
    beside = scene(agents=[agent(6.0, 0.1)])
    assert scores(beside)["no_at_fault_collisions"] == 1.0
    assert scores(beside, ONE)["no_at_fault_collisions"] == 0.0


def test_leaving_the_road_costs_the_whole_score():
    found = scores(scene(prediction=straight(10.0, y=-3.0)))
    assert found["drivable_area_compliance"] == 0.0
    assert found["pdm_score"] == 0.0


def test_the_lane_beside_the_route_is_the_oncoming_one():
    case = scene(prediction=straight(10.0, y=3.5))
    assert scores(case)["driving_direction_compliance"] == 1.0
    case["map"]["route_lane_ids"] = ["A"]
    found = scores(case)
    assert found["driving_direction_compliance"] == 0.0
    assert found["lane_keeping"] == 0.0
    assert scores(case, ONE)["driving_direction_compliance"] == 0.0


@pytest.mark.parametrize(("times", "kept"), [([0.0, 0.5, 1.0], 1.0), ([2.0, 2.5, 3.0], 0.0)])
def test_a_light_counts_while_it_is_red(times, kept):
    light = {"lane_connector_id": "A", "polygon": rectangle(25, 35, -2, 2), "times_s": times}
    assert scores(scene(red_lights=[light]))["traffic_light_compliance"] == kept
    other = {**light, "lane_connector_id": "elsewhere"}
    assert scores(scene(red_lights=[other]))["traffic_light_compliance"] == 1.0


def test_the_filter_forgives_what_the_human_did_too():
    off = straight(10.0, y=-3.0)
    made = checked(Scene, scene(prediction=off, human_trajectory=off))
    scored = Scorer(made, TWO).score(made.prediction)
    assert scored.scores[0]["pdm_score"] == 0.0
    (filtered,) = scored.filtered
    assert filtered["drivable_area_compliance"] == filtered["lane_keeping"] == 1.0
    assert filtered["epdms_if_ec_1"] > 0.5
    assert filtered["pdm_score"] == 0.0
    assert Scorer(made, ONE).score(made.prediction).filtered is None


def test_corrected_comfort_sees_the_sideways_push_of_a_bend():
    radius, speed = 33.3, 15.0
    turn = [speed * 0.1 * (i + 1) / radius for i in range(40)]
    poses = [[radius * math.sin(a), radius * (1 - math.cos(a)), a] for a in turn]
    bend = {"interval_s": 0.1, "poses": poses}
    case = scene(speed, prediction=bend)
    assert scores(case, ONE)["comfort"] == 1.0  # 6.8 m/s^2 to the side, which its bicycle lacks
    assert scores(case, ONE, corrected=True)["comfort"] == 0.0


@settings(max_examples=20, deadline=None)
@given(
    yaw=st.floats(-math.pi, math.pi),
    x=st.floats(-1e4, 1e4),
    y=st.floats(-1e4, 1e4),
    lateral=st.floats(-2.0, 4.0).filter(lambda d: abs(d) > 0.01),
    speed=st.floats(2.0, 14.0),
    ahead=st.floats(8.0, 60.0),
)
def test_a_scene_may_be_turned_and_shifted(yaw, x, y, lateral, speed, ahead):
    case = scene(prediction=straight(speed, y=0.3 * lateral), agents=[agent(ahead, lateral, 3.0)])
    for variant in (TWO, ONE):
        before, after = scores(case, variant), scores(moved(case, x, y, yaw), variant)
        assert after == pytest.approx(before, abs=1e-4)


def test_many_plans_at_once_are_scored_as_one_by_one():
    case = scene(agents=[agent(30.0, 0.5, 4.0), agent(15.0, 3.4, 8.0, token="b")])
    made = checked(Scene, case)
    plans = np.array(
        [straight(speed, y=y)["poses"] for speed in (3.0, 8.0, 12.0) for y in (-1.0, 0.0, 2.0)]
    )
    for variant in (TWO, ONE):
        scorer = Scorer(made, variant)
        together = scorer.score(plans, 0.1)
        for i, plan in enumerate(plans):
            alone = scorer.score(plan[None], 0.1)
            assert together.scores[i] == pytest.approx(alone.scores[0], abs=1e-9)
            np.testing.assert_allclose(together.states[i], alone.states[0], atol=1e-9)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"points": [[0, 0], [1, 1], [1, 0], [0, 1]]}, "RB is not valid .Self-intersection"),
        ({"points": [[0, 0], [1, 1], [2, 2]]}, "RB is not valid"),
    ],
)
def test_a_map_that_cannot_be_used_is_told(change, told):
    case = scene()
    case["map"]["polygons"][0] |= change
    with pytest.raises(UserError, match=told):
        scores(case)


def test_a_route_that_is_not_on_the_map_is_told():
    case = scene()
    case["map"]["route_lane_ids"] = ["Z"]
    with pytest.raises(UserError, match="none of them is a lane of the map"):
        scores(case)

import numpy as np
import pytest

from avvla.config import Synthetic
from avvla.evaluation import plan_scores
from avvla.evaluation.drive import SCORES
from avvla.evaluation.pdm.road import Road
from avvla.evaluation.pdm.scores import Scorer
from avvla.world import expert
from avvla.world.embedded import EmbeddedWorld
from avvla.world.recording import synthetic_camera
from avvla.world.scenario import FAMILIES, draw_scenario


def driven(family, ticks=20, seed=1):
    """A world under the expert's hand, and the states before."""
    world = EmbeddedWorld(synthetic_camera(Synthetic()))
    world.reset(draw_scenario(family, 9, seed), 9, seed)
    past = []
    for _ in range(ticks):
        past.append((world.x, world.y, world.yaw, world.speed))
        world.step(*expert.act(world))
    return world, past


def experts_plan(world):
    ahead, actions = world.fork(), []
    for _ in range(64):
        actions.append(expert.act(ahead))
        ahead.step(*actions[-1])
    return np.array(actions)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_the_experts_plan_scores_best_and_the_world_is_left_alone(family):
    world, past = driven(family)
    before = (world.x, world.speed, world.s, len(world._headings), world.vehicles)
    now = plan_scores.moment(world, experts_plan(world), past)
    assert (world.x, world.speed, world.s, len(world._headings), world.vehicles) == before
    scores = plan_scores.score(now, now, 0.1)
    assert set(scores) == set(SCORES)
    assert all(0.85 < value <= 1.0 for value in scores.values())


def test_leaving_the_road_and_hitting_a_vehicle_score_nothing():
    world, past = driven("stopped_obstacle", 30)
    aside, ahead = np.zeros((2, 64, 2))
    aside[:, 1] = 0.05
    ahead[:, 0] = 2.0
    for action in (aside, ahead):
        now = plan_scores.moment(world, action, past)
        assert plan_scores.score(now, None, 0.3)["pdms"] == 0.0


def test_a_scene_has_the_lanes_the_ego_drives_in_and_its_speed():
    world, past = driven("lane_keeping")
    now = plan_scores.moment(world, np.zeros((64, 2)), past)
    road = Road(now.scene.map)
    areas = road.areas(now.scene.ego.state()[None, None, :3])
    assert not areas.oncoming.any()
    assert not areas.non_drivable.any()
    assert len(road.route) == world.scenario.route.lanes
    assert now.scene.ego.velocity == (world.speed, 0.0)
    assert len(now.scene.ego_history) == 15


def test_others_are_where_they_would_be_were_the_plan_driven():
    world, past = driven("lead_braking")
    stand = np.zeros((64, 2))
    stand[:8, 0] = -world.speed / 0.8
    scene = plan_scores.moment(world, stand, past).scene
    ahead = world.fork()
    for action in stand[:20]:
        ahead.step(*action)
    box = ahead.boxes()[0]
    expected = box.x + box.length / 2 * np.cos(box.yaw)
    assert scene.agents[0].states[4][:2] == pytest.approx((2.0, expected), abs=1e-6)


def test_extended_comfort_takes_the_next_plan():
    world, past = driven("lane_keeping")
    plan = experts_plan(world)
    now = plan_scores.moment(world, plan, past)
    past.append((world.x, world.y, world.yaw, world.speed))
    world.step(*plan[0])
    brake = plan.copy()
    brake[:, 0] = -3.0
    other = plan_scores.moment(world, brake, past)
    same = plan_scores.moment(world, experts_plan(world), past)
    kept, lost = (plan_scores.score(now, after, 0.1)["epdms"] for after in (same, other))
    assert lost == pytest.approx(kept - 2 / 16)


def test_a_junctions_area_is_an_intersection():
    world, past = driven("turn")
    now = plan_scores.moment(world, experts_plan(world), past)
    layers = {polygon.layer for polygon in now.scene.map.polygons}
    assert layers == {"LANE", "ROADBLOCK", "INTERSECTION"}
    assert Scorer(now.scene, "epdms_v2.2").score(now.scene.prediction).scores


def test_plans_near_the_maps_end_are_not_scored():
    world, _ = driven("straight", 40)
    assert plan_scores.on_the_map(world)
    for _ in range(100):
        world.step(*expert.act(world))
    assert not plan_scores.on_the_map(world)

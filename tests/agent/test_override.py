import math

import numpy as np
import pytest
from driving import (
    BODY,
    around,
    drive,
    moved,
    obstacle,
    on_the_road,
    random_plan,
    random_scene,
    touches,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from avvla.agent import envelope
from avvla.agent.motion import NOTHING, Action, State
from avvla.agent.override import Memory, guard

ANY = st.floats(allow_nan=True, allow_infinity=True)


def steady(acceleration=0.0, curvature=0.0, ticks=30):
    return np.tile([acceleration, curvature], (ticks, 1))


def test_a_good_plan_is_driven_as_it_is():
    plan = steady(0.3, 0.004)
    state = State(0.0, 0.0, 0.0, 10.0)
    result = guard(state, plan, NOTHING, Memory(before=Action(0.2, 0.0035), state=state))
    assert result.action == Action(0.3, 0.004)
    assert result.reasons == ()


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (None, "no plan"),
        (np.zeros((0, 2)), "no plan"),
        (np.zeros((4, 3)), "no plan"),
        (np.zeros(4), "no plan"),
        (steady(math.nan), "plan not finite"),
        (np.concatenate([steady(), steady(0.0, math.inf)]), "plan not finite"),
    ],
)
def test_without_a_usable_plan_it_brakes_gently_in_its_bend(plan, reason):
    state, before = State(0.0, 0.0, 0.0, 10.0), Action(-2.0, 0.01)
    result = guard(state, plan, NOTHING, Memory(before=before, state=state))
    assert result.reasons[0] == reason
    assert result.action == Action(-2.5, 0.01)


def test_a_state_that_is_no_state_is_replaced_by_the_last_one():
    known = State(5.0, 0.0, 0.0, 10.0)
    memory = Memory(before=Action(0.0, 0.0), state=known)
    result = guard(State(math.nan, 0.0, 0.0, math.inf), steady(), NOTHING, memory)
    assert "state" in result.reasons
    assert result.memory.state == known
    assert envelope.inside(result.action, 10.0, memory.before)


@settings(max_examples=300)
@given(st.lists(st.tuples(ANY, ANY), max_size=5), st.lists(ANY, min_size=4, max_size=4), ANY, ANY)
def test_no_input_leads_out_of_the_envelope(plan, pose, a, k):
    state = State(*pose)
    before, _ = envelope.bounded(
        Action(a if math.isfinite(a) else 0.0, k if math.isfinite(k) else 0.0),
        10.0,
        Action(0.0, 0.0),
    )
    memory = Memory(before=before, state=State(0.0, 0.0, 0.0, 10.0))
    result = guard(state, np.array(plan, float).reshape(-1, 2), NOTHING, memory)
    speed = state.speed if state.sane else 10.0
    assert envelope.inside(result.action, max(speed, 0.0), before)


@pytest.mark.parametrize("seed", range(40))
def test_no_policy_leaves_the_envelope_or_hits_what_stands(seed):
    draw = np.random.default_rng(seed)
    state, scene = random_scene(draw)
    memory = Memory()
    plan = random_plan(draw)
    for _ in range(60):
        if draw.uniform() < 0.5:
            plan = random_plan(draw)
        result = guard(state, plan, scene, memory, BODY)
        assert envelope.inside(result.action, state.speed, memory.before)
        memory, state = result.memory, moved(state, result.action)
        assert not touches(state, scene.obstacles)
        assert scene.drivable is None or on_the_road(state, scene.drivable)


def test_it_slows_early_before_it_has_to_stop_hard():
    there = around(obstacle(60.0, 0.0))
    states, results = drive(State(0, 0, 0, 12.0), lambda *_: steady(0.0), there, 120)
    hardest = min(result.action.acceleration for result in results)
    assert hardest > -3.0
    assert states[-1].speed < 0.2
    assert 60.0 - 2.3 - 3.6 - states[-1].x == pytest.approx(2.0, abs=1.6)
    assert {reason for r in results for reason in r.reasons} <= {"slowing", "jerk", "braking"}


def test_what_appears_late_is_braked_for_hard_and_released_after_it_has_gone():
    def scene(tick):
        return around(obstacle(26.0, 0.0)) if 5 <= tick < 25 else NOTHING

    states, results = drive(State(0, 0, 0, 12.0), lambda *_: steady(0.5), scene, 60)
    told = [result.reasons for result in results]
    assert told[5]
    assert min(result.action.acceleration for result in results[5:15]) < -5.0
    assert not any(touches(one, scene(10).obstacles) for one in states[:26])
    assert not any(told[40:])
    assert states[-1].speed > states[30].speed


def test_a_slower_vehicle_is_followed_without_contact():
    state, memory, lead = State(0.0, 0.0, 0.0, 14.0), Memory(), 40.0
    for tick in range(150):
        there = around(obstacle(lead, 0.0, vx=6.0))
        result = guard(state, steady(0.5), there, memory)
        memory, state, lead = result.memory, moved(state, result.action), lead + 0.6
        assert not touches(state, around(obstacle(lead, 0.0)).obstacles), tick
    assert state.speed == pytest.approx(6.0, abs=1.5)


def test_the_same_inputs_give_the_same_result():
    state, there = State(0, 0, 0, 12.0), around(obstacle(30.0, 0.5))
    assert guard(state, steady(), there, Memory()) == guard(state, steady(), there, Memory())

import math
from dataclasses import replace

import numpy as np
import pytest
from agent_factory import numbered, plan_of, seen

from avvla.agent.loop import Loop, Settings
from avvla.agent.motion import NOTHING, Action, State

FREE = Settings(override=False)
HERE = State(0.0, 0.0, 0.0, 10.0)


def drive(loop, now_s, state=HERE):
    return loop.drive(now_s, state, NOTHING)


def planned(loop, now_s, plan=None, picture=0):
    """See, ask and answer at once."""
    loop.see(seen(now_s, picture))
    request = loop.ask(now_s)
    loop.answer(request, plan or numbered(), now_s)
    return request


def test_a_plan_is_retimed_to_now():
    loop = Loop(FREE)
    planned(loop, 0.0)
    driven = [drive(loop, now).driven.acceleration for now in (0.0, 0.1, 0.25, 0.3)]
    assert driven == pytest.approx([0.0, 0.01, 0.02, 0.03])


def test_what_was_driven_meanwhile_is_left_out_of_a_late_plan():
    loop = Loop(FREE)
    loop.see(seen(0.0))
    request = loop.ask(0.0)
    drive(loop, 0.0)
    drive(loop, 0.1)
    loop.answer(request, numbered(), 0.2)
    tick = drive(loop, 0.2)
    assert tick.driven.acceleration == pytest.approx(0.02)
    assert tick.plan_age_s == tick.latency_s == pytest.approx(0.2)


def test_one_plan_is_asked_for_at_a_time_and_from_what_is_new():
    loop = Loop(FREE)
    assert loop.ask(0.0) is None
    loop.see(seen(0.0, 1))
    request = loop.ask(0.0)
    assert request.seen.time_s == 0.0
    loop.see(seen(0.1, 2))
    assert loop.ask(0.1) is None
    assert not loop.due(0.1)
    loop.answer(request, numbered(), 0.15)
    assert loop.ask(0.2).seen.time_s == 0.1
    assert loop.ask(0.2) is None


def test_replanning_keeps_its_distance():
    loop = Loop(replace(FREE, replan_s=0.3))
    asked = []
    for tick in range(10):
        now = tick * 0.1
        if loop.due(now):
            loop.see(seen(now, tick))
        request = loop.ask(now)
        if request:
            asked.append(tick)
            loop.answer(request, numbered(), now)
        drive(loop, now)
    assert asked == [0, 3, 6, 9]


def test_a_command_counts_from_the_next_plan_on():
    loop = Loop(FREE)
    assert planned(loop, 0.0).command == "Follow the lane"
    loop.tell(0.05, "Turn left")
    assert planned(loop, 0.1, picture=1).command == "Turn left"
    assert drive(loop, 0.1).command == "Turn left"
    loop.tell(0.15, "Drive off the cliff")
    tick = drive(loop, 0.2)
    assert tick.command == "Turn left"
    assert tick.faults[0].startswith("Commander: unknown command 'Drive off the cliff'")
    assert drive(loop, 0.3).faults == ()


def test_a_plan_continues_the_one_before_over_the_measured_delay():
    loop = Loop(replace(FREE, chunking=True))
    loop.see(seen(0.0, 1))
    first = loop.ask(0.0)
    assert (first.left, first.delay) == (None, 0)
    loop.answer(first, numbered(), 0.25)
    loop.see(seen(0.3, 2))
    second = loop.ask(0.3)
    np.testing.assert_allclose(second.left[:, 0], np.arange(3, 64) / 100)
    assert (second.delay, second.horizon) == (3, 10)


def test_a_stale_plan_means_controlled_braking_in_the_bend():
    loop = Loop(Settings())
    loop.drive(0.0, HERE, NOTHING)
    planned(loop, 0.0, plan_of(0.0, 0.01))
    ticks = [drive(loop, 0.1 * n) for n in range(12)]
    fresh, stale = ticks[:6], ticks[6:]
    assert all(not tick.reasons for tick in fresh[1:])
    assert all(tick.reasons[0] == "stale plan" for tick in stale)
    assert stale[-1].driven == Action(-2.5, pytest.approx(0.01))


def test_a_slow_planner_is_not_stale_while_its_plans_keep_coming():
    loop = Loop(Settings())
    request, due = None, None
    for tick in range(60):
        now = tick * 0.1
        if request and now >= due - 1e-9:
            loop.answer(request, plan_of(), now)
            request = None
        if loop.due(now):
            loop.see(seen(now, tick))
        if request is None and (request := loop.ask(now)):
            due = now + 0.4
        entry = drive(loop, now)
        assert entry.reasons == ()


def test_before_the_first_plan_nothing_is_changed_for_a_moment():
    loop = Loop(Settings())
    ticks = [drive(loop, 0.1 * n) for n in range(8)]
    assert [tick.driven.acceleration == 0.0 for tick in ticks] == [True] * 5 + [False] * 3
    assert math.isnan(ticks[0].planned.acceleration)
    assert ticks[-1].reasons == ("no plan",)


@pytest.mark.parametrize("jump", [-5.0, 30.0])
def test_a_jump_of_the_clock_begins_anew(jump):
    loop = Loop(Settings())
    drive(loop, 10.0)
    loop.tell(10.0, "Turn left")
    planned(loop, 10.0, plan_of(0.1))
    drive(loop, 10.1)
    now = 10.1 + jump
    tick = drive(loop, now)
    assert "clock jumped" in tick.faults
    assert tick.command == "Follow the lane"
    planned(loop, now, plan_of(0.1), picture=3)
    recovered = [drive(loop, now + 0.1 * n) for n in range(1, 4)]
    assert recovered[-1].driven.acceleration == pytest.approx(0.1)
    assert all(not entry.reasons for entry in recovered[1:])


def test_a_fault_of_the_planner_is_told_and_the_next_plan_counts():
    loop = Loop(FREE)
    loop.see(seen(0.0, 1))
    request = loop.ask(0.0)
    loop.answer(request, None, 0.05, "policy: MemoryError: out of memory")
    assert drive(loop, 0.1).faults == ("policy: MemoryError: out of memory",)
    assert planned(loop, 0.1, plan_of(0.2), picture=2) is not None
    assert drive(loop, 0.1).driven.acceleration == pytest.approx(0.2)


def test_the_plan_of_a_request_that_was_given_up_is_left_out():
    loop = Loop(FREE)
    loop.see(seen(0.0, 1))
    old = loop.ask(0.0)
    loop.give_up()
    planned(loop, 0.1, plan_of(0.2), picture=2)
    loop.answer(old, plan_of(-5.0), 0.15)
    assert drive(loop, 0.2).driven.acceleration == pytest.approx(0.2)


def test_an_old_observation_is_not_planned_from():
    loop = Loop(FREE)
    loop.see(seen(0.0, 1))
    assert loop.ask(0.6) is None

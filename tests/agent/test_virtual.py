import numpy as np
import pytest
from agent_factory import Continuing, Plain, Steady, numbered, plan_of
from driving import around, obstacle

from avvla.agent import virtual
from avvla.agent.commander import Fixed
from avvla.agent.loop import Loop, Settings
from avvla.agent.virtual import Times

FREE = Settings(override=False)


def drive(policy, ticks=20, settings=FREE, count=1, place=Plain, **options):
    places = [place() for _ in range(count)]
    noted = [[] for _ in places]
    virtual.run(
        places,
        [Loop(settings) for _ in places],
        policy,
        ticks,
        note=lambda index, tick: noted[index].append(tick),
        **options,
    )
    return places, noted


def test_without_latency_every_tick_drives_a_fresh_plan():
    policy = Steady(numbered())
    _, (ticks,) = drive(policy, 5)
    assert [tick.driven.acceleration for tick in ticks] == [0.0] * 5
    assert [tick.plan_age_s for tick in ticks] == pytest.approx([0.0] * 5)
    assert len(policy.asked) == 5


def test_a_latency_is_the_age_of_what_is_driven():
    _, (ticks,) = drive(Steady(numbered()), 30, times=Times(lambda tick: 0.25))
    ages = [tick.plan_age_s for tick in ticks[3:]]
    assert min(ages) == pytest.approx(0.3)
    assert max(ages) == pytest.approx(0.5)
    driven = [tick.driven.acceleration for tick in ticks[3:]]
    np.testing.assert_allclose(driven, np.round(ages, 6) / 10, atol=1e-9)


def test_vehicles_in_step_are_planned_in_one_batch_and_alike():
    policy = Steady(numbered())
    _, noted = drive(policy, 4, count=3)
    assert [len(observation.command) for observation in policy.asked] == [3] * 4
    assert noted[0] == noted[1] == noted[2]


def test_a_plan_is_continued_where_the_policy_can():
    policy = Continuing(numbered())
    drive(policy, 10, Settings(override=False, chunking=True), times=Times(lambda tick: 0.15))
    lefts = [(len(left[0]), delay) for left, delay, _ in policy.continued_]
    assert lefts[0] == (62, 2)
    assert all(delay == 2 for _, delay in lefts)
    assert drive(Steady(numbered()), 10, Settings(override=False, chunking=True))  # one that cannot


def test_a_slow_commander_is_heard_late_and_never_waited_for():
    times = Times(command_every_s=1.0, command_s=0.7)
    policy = Steady()
    _, (ticks,) = drive(policy, 20, times=times, commanders=[Fixed("Turn left")])
    first = [tick.command for tick in ticks].index("Turn left")
    assert first == 7
    assert len(ticks) == 20
    assert policy.asked[first].command == ("Turn left",)


def test_a_commander_that_answers_nonsense_is_a_fault_and_the_lane_is_followed():
    _, (ticks,) = drive(Steady(), 10, commanders=[Fixed("Jump")], times=Times(command_every_s=0.5))
    assert {tick.command for tick in ticks} == {"Follow the lane"}
    assert sum(bool(tick.faults) for tick in ticks) == 2


@pytest.mark.parametrize("latency_s", [0.02, 0.1, 0.4])
@pytest.mark.parametrize("every_s", [0.5, 5.0])
def test_it_is_deterministic(latency_s, every_s):
    def once():
        times = Times(lambda tick: latency_s * (1 + tick % 3) / 2, every_s, every_s / 2)
        return drive(Continuing(plan_of(0.3, 0.001)), 40, Settings(chunking=True), times=times)[1]

    assert once() == once()


def test_a_place_that_is_over_is_left_alone_while_others_drive():
    class Short(Plain):
        @property
        def over(self):
            return self.looks >= 3

    places = [Short(), Plain()]
    noted = []
    virtual.run(
        places,
        [Loop(FREE), Loop(FREE)],
        Steady(),
        6,
        note=lambda index, tick: noted.append(index),
    )
    assert noted.count(0) == 3
    assert noted.count(1) == 6


def test_the_override_knows_what_is_around():
    places, (ticks,) = drive(
        Steady(plan_of(0.5)),
        120,
        Settings(),
        place=lambda: Plain(12.0, around(obstacle(70.0, 0.0))),
    )
    assert places[0].now.speed < 0.3
    assert places[0].now.x < 70.0 - 2.3 - 3.6
    assert any("slowing" in tick.reasons for tick in ticks)

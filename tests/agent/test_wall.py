import threading
import time

import pytest
from agent_factory import Plain, Steady, plan_of

from avvla.agent import wall
from avvla.agent.commander import CommanderError, Fixed
from avvla.agent.loop import Loop, Settings
from avvla.agent.wall import Clock, Worker


def drive(policy, ticks=30, commander=None, settings=None, speed_up=2.0, **options):
    """On a clock that runs `speed_up` times as fast as the real one."""
    noted, place, begin = [], Plain(), time.monotonic()
    clock = Clock(
        lambda: (time.monotonic() - begin) * speed_up,
        lambda s: time.sleep(max(s, 0.0) / speed_up),
    )
    loop = Loop(settings or Settings())
    late = wall.run(
        place,
        loop,
        policy,
        commander or Fixed(),
        ticks,
        note=noted.append,
        clock=clock,
        **options,
    )
    return noted, place, late


def reasons(ticks):
    return {reason for tick in ticks for reason in tick.reasons}


def test_plans_and_commands_come_from_their_threads():
    policy = Steady(plan_of(0.1))
    ticks, _, late = drive(policy, commander=Fixed("Turn left"), command_every_s=0.3)
    assert len(ticks) == late.ticks == 30
    assert ticks[-1].command == "Turn left"
    assert ticks[-1].driven.acceleration == pytest.approx(0.1)
    assert reasons(ticks) <= {"jerk"}


def test_a_policy_that_fails_is_told_and_the_vehicle_brakes_then_recovers():
    class Failing(Steady):
        def plan(self, observation):
            if 5 <= len(self.asked) < 20:
                self.asked.append(observation)
                raise MemoryError("no memory left")
            return super().plan(observation)

    ticks, _, _ = drive(Failing(plan_of(0.1)), 60)
    faults = {fault for tick in ticks for fault in tick.faults}
    assert faults == {"policy: MemoryError: no memory left"}
    assert "stale plan" in reasons(ticks)
    assert min(tick.driven.acceleration for tick in ticks) == pytest.approx(-2.5)
    assert ticks[-1].driven.acceleration == pytest.approx(0.1)


def test_a_policy_that_hangs_is_replaced(monkeypatch):
    monkeypatch.setattr(wall, "HUNG_S", 0.8)
    released = threading.Event()

    class Hanging(Steady):
        def plan(self, observation):
            if len(self.asked) == 3:
                self.asked.append(observation)
                released.wait(20)
            return super().plan(observation)

    try:
        ticks, _, _ = drive(Hanging(plan_of(0.1)), 60)
    finally:
        released.set()
    assert "policy: no plan for 0.8 s, given up" in {f for tick in ticks for f in tick.faults}
    assert "stale plan" in reasons(ticks)
    assert ticks[-1].driven.acceleration == pytest.approx(0.1)


def test_a_commander_that_hangs_or_fails_is_never_waited_for(monkeypatch):
    monkeypatch.setattr(wall, "HUNG_S", 0.1)
    released = threading.Event()

    class Bad:
        def __init__(self):
            self.asked = 0

        def command(self, situation):
            self.asked += 1
            if self.asked == 1:
                raise CommanderError("no answer (ReadTimeout)")
            released.wait(20)
            return "Stop"

    try:
        ticks, _, late = drive(Steady(plan_of(0.1)), 30, Bad(), command_every_s=0.2)
    finally:
        released.set()
    told = [fault for tick in ticks for fault in tick.faults]
    assert "Commander: no answer (ReadTimeout)" in told
    assert "Commander: no command for 0.5 s, given up" in told
    assert {tick.command for tick in ticks} == {"Follow the lane"}
    assert late.ticks == 30
    assert "stale plan" not in reasons(ticks)


def test_late_ticks_are_counted():
    class Slow(Plain):
        def look(self, now_s):
            time.sleep(0.05)
            return super().look(now_s)

    late = wall.run(Slow(), Loop(Settings()), Steady(), Fixed(), 4, clock=Clock())
    assert (late.ticks, late.late) == (4, 0)


def test_the_result_of_a_thread_that_was_left_is_left_too():
    go = threading.Event()

    def work(task):
        if task == "hangs":
            go.wait(10)
        return task

    worker = Worker(work, "test", time.monotonic)
    worker.ask("hangs", 0.0)
    worker.replace()
    worker.ask("next", 0.0)
    assert worker.results.get(timeout=5)[:3] == ("next", "next", "")
    go.set()
    time.sleep(0.1)
    assert worker.results.empty()
    worker.end()

"""Each fault for two seconds of a drive: slowed in the lane, named, and over when it ends."""

import math
from dataclasses import replace

import numpy as np
import pytest
from agent_factory import Plain, Steady, plan_of

from avvla.agent import virtual
from avvla.agent.commander import CommanderError, Fixed
from avvla.agent.loop import Loop, Settings
from avvla.agent.motion import State

BEGIN, END = 20, 40
CURVATURE = 0.002


class Faulty(Plain):
    """A place whose senses fail between two ticks."""

    def __init__(self, fault):
        super().__init__()
        self._fault, self._tick, self._kept = fault, -1, None

    @property
    def failing(self):
        return BEGIN <= self._tick < END

    def look(self, now_s):
        self._tick = round(now_s / 0.1)
        seen = super().look(now_s)
        if not self.failing:
            self._kept = seen
            return seen
        if self._fault == "black":
            return replace(seen, image=np.zeros_like(seen.image))
        if self._fault == "frozen":
            return replace(seen, image=self._kept.image)
        if self._fault == "missing":
            return self._kept
        if self._fault == "out of order":
            return replace(seen, time_s=now_s - 1.0)
        if self._fault == "NaN":
            return replace(seen, speed_mps=math.nan)
        return seen

    def state(self):
        if self._fault == "NaN" and self.failing:
            return State(math.nan, math.nan, math.nan, math.nan)
        return super().state()


def drive(place, policy=None, commanders=None, times=virtual.Times()):  # noqa: B008
    ticks = []
    virtual.run(
        [place],
        [Loop(Settings())],
        policy or Steady(plan_of(0.2, CURVATURE)),
        80,
        times=times,
        commanders=commanders,
        note=lambda index, tick: ticks.append(tick),
    )
    return ticks


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("black", "camera black"),
        ("frozen", "camera frozen"),
        ("missing", "observation out of order"),
        ("out of order", "observation out of order"),
        ("NaN", "state is not finite"),
    ],
)
def test_senses_that_fail_slow_the_vehicle_in_its_lane_and_it_recovers(fault, told):
    ticks = drive(Faulty(fault))
    during = [tick for tick in ticks if BEGIN <= round(tick.time_s / 0.1) < END]
    assert told in {one for tick in during for one in tick.faults}
    assert any("stale plan" in tick.reasons for tick in during)
    assert min(tick.driven.acceleration for tick in during) == pytest.approx(-2.5)
    assert all(tick.driven.curvature == pytest.approx(CURVATURE, abs=1e-6) for tick in during)
    after = ticks[END + 10 :]
    assert all(not tick.reasons and not tick.faults for tick in after)
    assert after[-1].driven.acceleration == pytest.approx(0.2)
    assert all(math.isfinite(tick.driven.acceleration) for tick in ticks)


@pytest.mark.parametrize("answer", ["Accelerate!", "Arrête-toi", '{"command": "Stop"}', ""])
def test_a_commander_that_talks_nonsense_is_named_and_the_lane_is_followed(answer):
    ticks = drive(Plain(), commanders=[Fixed(answer)])
    assert all(tick.command == "Follow the lane" for tick in ticks)
    assert all(tick.faults[0].startswith("Commander: unknown command") for tick in ticks)
    assert all(not tick.reasons for tick in ticks[1:])


def test_a_commander_that_is_gone_leaves_its_last_command_for_five_seconds():
    class Gone:
        asked = 0

        def command(self, situation):
            self.asked += 1
            if self.asked > 1:
                raise CommanderError("no answer (ConnectError)")
            return "Slow down"

    ticks = drive(Plain(), commanders=[Gone()], times=virtual.Times(command_every_s=0.5))
    told = [tick.command for tick in ticks]
    assert told == ["Slow down"] * 51 + ["Follow the lane"] * 29
    assert sum("ConnectError" in fault for tick in ticks for fault in tick.faults) == 15


def test_a_planner_that_says_nan_is_not_driven():
    ticks = drive(Plain(), Steady(plan_of(math.nan)))
    assert all("plan not finite" in tick.reasons for tick in ticks)
    assert ticks[-1].speed_mps == 0.0

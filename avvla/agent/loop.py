"""The Field Agent's loop without threads, clocks or I/O: what comes in, what is driven.

A runner (`avvla.agent.virtual`, `avvla.agent.wall`) tells it the time with every call:

    see      an observation came                 tell    a command came
    ask      -> what to plan now, if anything    answer  a plan came, or a fault
    drive    -> the action of this tick, with the reasons for what is not the plan's

A plan is re-timed: begun at its observation, what is driven at `now` is its step
(now - begin) / DT_S. It is stale when it is older than STALE_S plus the delay with which it came.
The delay that the next plan will have is the longest of the last DELAYS measured ones.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S
from avvla.agent.commander import HOLD_S, Orders
from avvla.agent.motion import Action, Body, State, Surroundings
from avvla.agent.override import GENTLE, Memory, guard
from avvla.agent.senses import Seen, Senses
from avvla.policy.interface import Observation, Plan

STALE_S = 0.5
GRACE_S = 0.5
"""After the start, for the first plan to come; until then nothing is changed."""
DELAYS = 10
JUMP_S = 1.0
EPSILON_S, HALF_TICK_S = 1e-6, DT_S / 2
"""Tolerances: of sums of tenths, and of ticks on a wall clock."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """How the loop works.

    Args:
        replan_s: least time from one observation that is planned from to the next [s].
        chunking: whether a plan continues the one before (`avvla.policy.chunking`). A flow that
            begins at zero gives plans that agree by themselves, and binding them makes the agent
            slow to see what is new (docs/agent.md), so it is for policies that draw their plans.
        horizon: steps in which it does.
        override: whether `avvla.agent.override` stands between plan and vehicle.
        hold_s: how long a command is in force [s].
    """

    replan_s: float = DT_S
    chunking: bool = False
    horizon: int = 10
    override: bool = True
    hold_s: float = HOLD_S
    body: Body = field(default_factory=Body)


@dataclass(frozen=True)
class Request:
    """What is to be planned."""

    seen: Seen
    command: str
    left: Array | None
    """(K, 2) what is left of the plan in force at the observation's time; None: plan freely."""
    delay: int
    """Steps that will have been driven when the plan is there, as far as is known."""
    horizon: int
    asked_s: float

    @property
    def observation(self) -> Observation:
        """A batch of one."""
        return Observation(
            image=self.seen.image[None],
            speed_mps=np.array([self.seen.speed_mps]),
            heading_change_rad=np.array([self.seen.heading_change_rad]),
            command=(self.command,),
        )


@dataclass(frozen=True)
class Tick:
    """One tick, for the record."""

    time_s: float
    command: str
    plan_age_s: float
    """Of the plan in force; NaN without one."""
    latency_s: float
    """From the last plan's request to its arrival; NaN before the first."""
    speed_mps: float
    planned: Action
    """What the plan says; NaN without one."""
    driven: Action
    reasons: tuple[str, ...]
    """Of the override."""
    faults: tuple[str, ...]
    """Since the tick before."""


@dataclass(frozen=True)
class _InForce:
    action: Array
    begin_s: float
    delay_s: float

    def left(self, now_s: float) -> Array:
        return self.action[max(math.floor((now_s - self.begin_s) / DT_S + EPSILON_S), 0) :]


class Loop:
    """See the module's docstring."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._faults: list[str] = []
        self._memory = Memory()
        self._latency_s = math.nan
        self._forget()

    def _forget(self) -> None:
        """Begin anew, but for the action before."""
        self.orders = Orders(self._settings.hold_s)
        self._senses = Senses()
        self._plan: _InForce | None = None
        self._asked: Request | None = None
        self._planned_from = -math.inf
        self._delays: deque[float] = deque(maxlen=DELAYS)
        self._begin_s = math.nan
        self._now_s = -math.inf

    @property
    def overrides(self) -> bool:
        """Whether what is around matters."""
        return self._settings.override

    def due(self, now_s: float) -> bool:
        """Whether an observation made now would be planned from."""
        waits = self._asked is not None
        return not waits and now_s - self._planned_from >= self._settings.replan_s - HALF_TICK_S

    def see(self, seen: Seen) -> None:
        """An observation came."""
        self._note(self._senses.take(seen))

    def tell(self, now_s: float, text: str) -> None:
        """A command came; it is in force from the next plan on."""
        self._note(self.orders.tell(now_s, text))

    def fault(self, reason: str) -> None:
        """Something outside went wrong."""
        self._note(reason)

    def ask(self, now_s: float) -> Request | None:
        """What to plan now; None while a plan is awaited or there is nothing new."""
        seen = self._senses.newest
        if self._asked is not None or seen is None:
            return None
        if seen.time_s - self._planned_from < self._settings.replan_s - HALF_TICK_S:
            return None
        if now_s - seen.time_s > STALE_S:
            return None
        left = None
        if self._settings.chunking and self._plan is not None:
            left = self._plan.left(seen.time_s)
            left = left if len(left) else None
        delay = math.ceil(max(self._delays, default=0.0) / DT_S - EPSILON_S)
        self._asked = Request(
            seen, self.orders.now(now_s), left, delay, self._settings.horizon, now_s
        )
        self._planned_from = seen.time_s
        return self._asked

    def answer(self, request: Request, plan: Plan | None, now_s: float, fault: str = "") -> None:
        """The plan of a request came, or why there is none; one given up is left out."""
        self._note(fault)
        if request is not self._asked:
            return
        self._asked = None
        if plan is None:
            return
        delay = max(now_s - request.seen.time_s, 0.0)
        self._delays.append(delay)
        self._latency_s = now_s - request.asked_s
        self._plan = _InForce(plan.action[0], request.seen.time_s, delay)

    def give_up(self) -> None:
        """Stop waiting for the plan that was asked for."""
        self._asked = None

    def drive(self, now_s: float, state: State, around: Surroundings) -> Tick:
        """The action for the tick that begins now."""
        if now_s < self._now_s - EPSILON_S or now_s - self._now_s > JUMP_S:
            if math.isfinite(self._now_s):
                self._note("clock jumped")
                self._forget()
            self._begin_s = now_s
        self._now_s = now_s
        left, age = self._left(now_s)
        before, waiting = self._memory.before, now_s - self._begin_s < GRACE_S
        plan = left
        if left is None and waiting:
            plan = np.array([[0.0, before.curvature]])
        if self._settings.override:
            result = guard(state, plan, around, self._memory, self._settings.body)
            self._memory, driven, reasons = result.memory, result.action, result.reasons
        else:
            driven = Action(GENTLE, before.curvature) if plan is None else Action(*plan[0].tolist())
            self._memory, reasons = replace(self._memory, before=driven), ()
        if left is None and self._plan is not None:
            reasons = tuple("stale plan" if one == "no plan" else one for one in reasons)
        planned = Action(math.nan, math.nan) if left is None else Action(*left[0].tolist())
        faults, self._faults = tuple(self._faults), []
        return Tick(
            now_s,
            self.orders.now(now_s),
            age,
            self._latency_s,
            state.speed,
            planned,
            driven,
            reasons,
            faults,
        )

    def _left(self, now_s: float) -> tuple[Array | None, float]:
        """What is left of the plan in force, and its age; None where it is stale."""
        if self._plan is None:
            return None, math.nan
        age = now_s - self._plan.begin_s
        left = self._plan.left(now_s)
        stale = age > STALE_S + self._plan.delay_s + EPSILON_S or not len(left)
        return (None if stale else left), age

    def _note(self, fault: str) -> None:
        if fault:
            self._faults.append(fault)

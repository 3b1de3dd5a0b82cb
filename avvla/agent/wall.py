"""A loop on the wall clock: ticks at 10 Hz, the policy and the Commander in threads of their own.

The thread of the ticks never waits for either. A plan that takes longer than HUNG_S is given up
and another thread takes over; the one that hangs is left alone, as a thread cannot be ended.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from avvla.actions.unicycle import DT_S
from avvla.agent import virtual
from avvla.agent.commander import Commander, CommanderError, Situation
from avvla.agent.loop import Loop, Request, Tick
from avvla.agent.motion import NOTHING
from avvla.agent.place import Place
from avvla.policy.interface import Plan, Policy

HUNG_S = 2.0
ON_TIME_S = 0.005
"""A tick that begins so much late, or less, is on time."""


@dataclass(frozen=True)
class Clock:
    """What time it is, and waiting."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Late:
    """How well the ticks kept their times."""

    ticks: int
    late: int
    """Of them, more than ON_TIME_S late."""
    worst_s: float


class Worker[In, Out]:
    """A thread that does one thing at a time; what comes while it is busy waits for nothing.

    Args:
        work: done in the thread; what it raises is answered as a fault.
        name: of the thread.
        now: the time, for when a result came.
    """

    def __init__(self, work: Callable[[In], Out], name: str, now: Callable[[], float]) -> None:
        self._work, self._name, self._now = work, name, now
        self.results: queue.SimpleQueue[tuple[In, Out | None, str, float]] = queue.SimpleQueue()
        self._begin()

    def _begin(self) -> None:
        self.busy_since: float | None = None
        self._todo: queue.SimpleQueue[In | None] = queue.SimpleQueue()
        thread = threading.Thread(
            target=self._run, args=(self._todo,), name=self._name, daemon=True
        )
        thread.start()

    def ask(self, task: In, now_s: float) -> None:
        """Begin a task; the worker is not busy."""
        self.busy_since = now_s
        self._todo.put(task)

    def replace(self) -> None:
        """Leave the thread to what it hangs in, and go on with a new one."""
        self._todo.put(None)
        self._begin()

    def end(self) -> None:
        """End the thread once it is idle."""
        self._todo.put(None)

    def _run(self, todo: queue.SimpleQueue[In | None]) -> None:
        while (task := todo.get()) is not None:
            result: Out | None = None
            fault = ""
            try:
                result = self._work(task)
            # Whatever goes wrong in there, out of memory included, the vehicle goes on braking.
            except Exception as error:
                first = str(error).strip().partition("\n")[0]
                fault = f"{self._name}: {type(error).__name__}: {first}"
            if todo is self._todo:
                self.results.put((task, result, fault, self._now()))


def run(
    place: Place,
    loop: Loop,
    policy: Policy,
    commander: Commander,
    ticks: int,
    *,
    command_every_s: float = 1.0,
    note: Callable[[Tick], None] = lambda tick: None,
    clock: Clock = Clock(),
) -> Late:
    """Drive one place until it is over, for at most so many ticks.

    Args:
        place: where.
        loop: decides.
        policy: plans, in a thread.
        commander: commands, in a thread.
        ticks: of DT_S.
        command_every_s: between two questions to the Commander.
        note: told each tick before it is driven.
        clock: the time; a test has its own.
    """

    def plan(request: Request) -> Plan:
        return virtual.planned(policy, [request])[0]

    planner: Worker[Request, Plan] = Worker(plan, "policy", clock.now)
    told: Worker[Situation, str] = Worker(commander.command, "Commander", clock.now)
    late, worst, done, next_command = 0, 0.0, 0, 0.0
    try:
        begin = clock.now()
        for tick in range(ticks):
            behind = clock.now() - begin - tick * DT_S
            if behind < 0:
                clock.sleep(-behind)
            behind = max(clock.now() - begin - tick * DT_S, 0.0)
            late, worst = late + (behind > ON_TIME_S), max(worst, behind)
            if place.over:
                break
            now = clock.now() - begin
            _take_plans(planner, loop, now, begin)
            if loop.due(now):
                loop.see(place.look(now))
            _take_commands(told, loop, now)
            if told.busy_since is None and now >= next_command:
                next_command = now + command_every_s
                told.ask(place.situation(loop.orders.recent), now)
            request = loop.ask(now)
            if request is not None:
                planner.ask(request, now)
            around = place.around() if loop.overrides else NOTHING
            entry = loop.drive(now, place.state(), around)
            note(entry)
            place.step(entry.driven)
            done += 1
        return Late(done, late, worst)
    finally:
        planner.end()
        told.end()


def _take_plans(planner: Worker[Request, Plan], loop: Loop, now: float, begin: float) -> None:
    while not planner.results.empty():
        request, plan, fault, at = planner.results.get()
        planner.busy_since = None
        loop.answer(request, plan, min(at - begin, now) if plan is not None else now, fault)
    if planner.busy_since is not None and now - planner.busy_since > HUNG_S:
        planner.replace()
        loop.give_up()
        loop.fault(f"policy: no plan for {HUNG_S:g} s, given up")


def _take_commands(told: Worker[Situation, str], loop: Loop, now: float) -> None:
    while not told.results.empty():
        _, text, fault, _ = told.results.get()
        told.busy_since = None
        if text is None or fault:
            loop.fault(fault.replace(f"{CommanderError.__name__}: ", ""))
        else:
            loop.tell(now, text)
    if told.busy_since is not None and now - told.busy_since > 5 * HUNG_S:
        told.replace()
        loop.fault(f"Commander: no command for {5 * HUNG_S:g} s, given up")

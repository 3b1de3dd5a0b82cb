"""Loops on a virtual clock: deterministic, with latencies that are given instead of measured.

N vehicles drive in step, so that what they ask for at one tick is planned in one batch. Their
plans and commands arrive after the latency of `Times`, in simulated time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from avvla.actions.unicycle import DT_S
from avvla.agent.commander import Commander, CommanderError, Given
from avvla.agent.loop import Loop, Request, Tick
from avvla.agent.motion import NOTHING
from avvla.agent.place import Place
from avvla.policy.interface import Observation, Plan, Policy


@runtime_checkable
class Continuing(Protocol):
    """A policy that can continue a plan."""

    def continued(
        self, observation: Observation, left: NDArray[np.float64], delay: int, horizon: int
    ) -> Plan:
        """See `avvla.policy.driver.FieldAgent.continued`."""
        ...


@dataclass(frozen=True)
class Times:
    """Simulated times [s].

    Args:
        plan_s: from a request to its plan, given the number of the tick.
        command_every_s: between two questions to the Commander.
        command_s: from a question to its command.
    """

    plan_s: Callable[[int], float] = field(default=lambda tick: 0.0)
    command_every_s: float = DT_S
    command_s: float = 0.0


Note = Callable[[int, Tick], None]
"""Told each tick of each vehicle, by its index, before it is driven."""


def planned(policy: Policy, requests: Sequence[Request]) -> list[Plan]:
    """The plan of each request; those that are free are planned in one batch."""
    free = [r for r in requests if r.left is None or not isinstance(policy, Continuing)]
    plans: dict[int, Plan] = {}
    if free:
        parts = [request.observation for request in free]
        together = policy.plan(
            Observation(
                image=np.concatenate([part.image for part in parts]),
                speed_mps=np.concatenate([part.speed_mps for part in parts]),
                heading_change_rad=np.concatenate([part.heading_change_rad for part in parts]),
                command=tuple(part.command[0] for part in parts),
            )
        )
        for place, request in enumerate(free):
            row = slice(place, place + 1)
            plans[id(request)] = Plan(together.action[row], together.trajectory[row])
    for request in requests:
        if id(request) not in plans:
            assert isinstance(policy, Continuing)
            assert request.left is not None
            plans[id(request)] = policy.continued(
                request.observation, request.left[None], request.delay, request.horizon
            )
    return [plans[id(request)] for request in requests]


def run(
    places: Sequence[Place],
    loops: Sequence[Loop],
    policy: Policy,
    ticks: int,
    *,
    times: Times = Times(),
    commanders: Sequence[Commander] | None = None,
    note: Note = lambda index, tick: None,
    noted: Callable[[int, Plan], None] = lambda index, plan: None,
) -> None:
    """Drive all places until they are over, for at most so many ticks.

    Args:
        places: where each drives.
        loops: one for each.
        policy: who plans, for all.
        ticks: of DT_S.
        times: latencies.
        commanders: one for each; None: the worlds' own, asked at every tick.
        note: told each tick before it is driven.
        noted: told each plan when it is made.
    """
    asked = list(commanders) if commanders is not None else [Given() for _ in places]
    plans: list[tuple[float, int, Request, Plan]] = []
    commands: list[tuple[float, int, str, str]] = []
    next_command = 0.0
    for tick in range(ticks):
        now = tick * DT_S
        active = [i for i, place in enumerate(places) if not place.over]
        if not active:
            return
        plans = _arrived(plans, now, loops)
        for i in active:
            if loops[i].due(now):
                loops[i].see(places[i].look(now))
        if now >= next_command - 1e-9:
            next_command += times.command_every_s
            for i in active:
                commands.append((now + times.command_s, i, *_told(asked[i], places[i], loops[i])))
        commands = _obeyed(commands, now, loops)
        requests = [(i, request) for i in active if (request := loops[i].ask(now)) is not None]
        if requests:
            found = planned(policy, [request for _, request in requests])
            due = now + times.plan_s(tick)
            for (i, request), plan in zip(requests, found, strict=True):
                noted(i, plan)
                plans.append((due, i, request, plan))
        plans = _arrived(plans, now, loops)
        for i in active:
            around = places[i].around() if loops[i].overrides else NOTHING
            done = loops[i].drive(now, places[i].state(), around)
            note(i, done)
            places[i].step(done.driven)


def _told(commander: Commander, place: Place, loop: Loop) -> tuple[str, str]:
    """A command, or the fault of its not coming."""
    try:
        return commander.command(place.situation(loop.orders.recent)), ""
    except CommanderError as error:
        return "", f"Commander: {error}"


def _arrived(
    plans: list[tuple[float, int, Request, Plan]], now: float, loops: Sequence[Loop]
) -> list[tuple[float, int, Request, Plan]]:
    for due, i, request, plan in plans:
        if due <= now + 1e-9:
            loops[i].answer(request, plan, due)
    return [entry for entry in plans if entry[0] > now + 1e-9]


def _obeyed(
    commands: list[tuple[float, int, str, str]], now: float, loops: Sequence[Loop]
) -> list[tuple[float, int, str, str]]:
    for due, i, text, fault in commands:
        if due <= now + 1e-9:
            if fault:
                loops[i].fault(fault)
            else:
                loops[i].tell(now, text)
    return [entry for entry in commands if entry[0] > now + 1e-9]

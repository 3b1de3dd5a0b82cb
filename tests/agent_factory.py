"""What the loop's tests drive with: a straight plan, a place that is a plain, observations."""

import numpy as np
from driving import moved

from avvla.actions.unicycle import rollout
from avvla.agent.commander import Situation
from avvla.agent.motion import NOTHING, Action, State
from avvla.agent.senses import Seen
from avvla.policy.interface import Plan


def plan_of(acceleration=0.0, curvature=0.0, speed=10.0, batch=1) -> Plan:
    action = np.tile([acceleration, curvature], (batch, 64, 1)).astype(float)
    return Plan(action, rollout(np.full(batch, speed), action))


def numbered(batch=1) -> Plan:
    """A plan whose i-th acceleration is i / 100."""
    action = np.zeros((batch, 64, 2))
    action[..., 0] = np.arange(64) / 100
    return Plan(action, rollout(np.full(batch, 10.0), action))


def seen(time_s=0.0, picture=0, speed=10.0, heading=0.0) -> Seen:
    image = np.random.default_rng(picture).integers(20, 255, (8, 8, 3)).astype(np.uint8)
    return Seen(time_s, image, speed, heading)


class Steady:
    """Plans the same for everyone, and remembers what it was asked."""

    def __init__(self, plan=None):
        self.plan_ = plan or plan_of()
        self.asked = []

    def plan(self, observation):
        self.asked.append(observation)
        batch = len(observation.command)
        return Plan(
            np.repeat(self.plan_.action, batch, 0), np.repeat(self.plan_.trajectory, batch, 0)
        )


class Continuing(Steady):
    """The same, and told what it continues."""

    def __init__(self, plan=None):
        super().__init__(plan)
        self.continued_ = []

    def continued(self, observation, left, delay, horizon):
        self.continued_.append((left, delay, horizon))
        return self.plan(observation)


class Plain:
    """A vehicle on an endless plain; its camera shows another picture at each look."""

    over = False

    def __init__(self, speed=10.0, around=NOTHING):
        self.now, self.surroundings, self.looks = State(0.0, 0.0, 0.0, speed), around, 0
        self.given = "Follow the lane"

    def look(self, now_s):
        self.looks += 1
        return seen(now_s, self.looks, self.now.speed)

    def state(self):
        return self.now

    def around(self):
        return self.surroundings

    def situation(self, recent):
        return Situation(None, self.now.speed, 0.0, recent, self.given)

    def step(self, action: Action):
        self.now = moved(self.now, action)

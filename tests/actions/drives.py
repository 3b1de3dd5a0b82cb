"""Drives of the Euler vehicle: by a simple expert, with the true actions, and by given actions."""

import numpy as np

from avvla.actions.fit import T0, WINDOW
from avvla.actions.unicycle import DT_S, rollout, step

KINDS = ("cruise", "curve", "lane change", "turn", "brake", "stop", "stop and go", "turn from stop")


def drive(kind, seed):
    """States (80, 4) and the actions (79, 2) between them, any frame."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    onset_s, side = rng.uniform(0.5, 4), rng.choice([-1, 1])
    limit, radius = rng.uniform(6, 14), side * rng.uniform(7, 25)
    standing = kind == "turn from stop"
    state = np.array([*rng.normal(size=2) * 100, rng.uniform(-9, 9), 0 if standing else limit])
    line_m = limit * onset_s + limit**2 / 4 * rng.uniform(0.8, 1.2) + 3
    states, actions, travelled, steering = [state], [], 0.0, 0.0
    for i in range(WINDOW - 1):
        t, v = i * DT_S, state[3]
        late = t > onset_s
        a = 1.5 * (1 - (v / limit) ** 4)
        if kind == "stop" or (kind == "stop and go" and t < 6):
            wanted = 2 + v + v * v / 3.5
            a -= 1.5 * (wanted / max(line_m - travelled, 0.3)) ** 2
        if kind == "turn":
            a = 0.8 * (5 - v)
        if kind == "brake" and late:
            a = -5.0
        if standing and not late:
            a = 0.0
        target = {"curve": 1 / (8 * radius), "turn": late / radius, "turn from stop": late / radius}
        k = target.get(kind, 0.0)
        if kind == "lane change" and 0 < t - onset_s < 4:
            k = side * 8 * np.sin(np.pi * (t - onset_s) / 2) / v**2 * 0.4
        steering += np.clip(k - steering, -0.02, 0.02)
        action = np.array([max(np.clip(a, -6, 2), -v / DT_S), steering])
        travelled += v * DT_S
        state = step(state, action)
        states.append(state)
        actions.append(action)
    return np.array(states), np.array(actions)


def drives(kind, n=20):
    """States (n, 80, 4) and actions (n, 79, 2) of `n` drives."""
    states, actions = zip(*(drive(kind, seed) for seed in range(n)), strict=True)
    return np.stack(states), np.stack(actions)


def window(v0, acceleration=0.0, curvature=0.0):
    """xy (1, 80, 2), yaw (1, 80), speed (1, 80): steady until t0, then as given (scalar or 64)."""
    action = np.zeros((WINDOW - 1, 2))
    action[T0:, 0] = acceleration
    action[T0:, 1] = curvature
    states = np.concatenate([[[0.0, 0.0, 0.0, v0]], rollout(v0, action)])[None]
    return states[..., :2], states[..., 2], states[..., 3]


def turned(xy, yaw, speed, angle):
    """The same windows in another frame."""
    cos, sin = np.cos(angle), np.sin(angle)
    return xy @ np.array([[cos, sin], [-sin, cos]]) + 50.0, yaw + angle, speed

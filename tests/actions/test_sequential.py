"""Parity with the reference, written down independently in bench/dense_actions.py."""

from pathlib import Path

import dense_actions
import numpy as np
import pytest
import torch
from drives import KINDS, drives

from avvla.actions.fit import T0, fit_actions, to_local
from avvla.actions.unicycle import DT_S, rollout

REAL = Path(__file__).parents[2].parent / "shared/cases/real_trajectories/segments_10hz.npz"


def unicycle_paths(n=64):
    """xy (n, 80, 2), yaw and speed (n, 80): smooth drives, integrated at 1 ms."""
    rng = np.random.default_rng(5)
    t = np.arange(7901) * 1e-3
    v0 = rng.uniform(0, 30, n)
    a, k = np.zeros((2, n, len(t)))
    for _ in range(4):
        f, g, p, q = rng.uniform([[0.05], [0.03], [0], [0]], [[0.4], [0.3], [6], [6]], (4, n))
        a += rng.normal(0, 0.8, (n, 1)) * np.sin(2 * np.pi * f[:, None] * t + p[:, None])
        k += rng.normal(0, 0.01, (n, 1)) * np.sin(2 * np.pi * g[:, None] * t + q[:, None])
    k *= np.minimum(1, 10 / np.maximum(v0, 1))[:, None]
    v = np.maximum(v0[:, None] + np.cumsum(a, -1) * 1e-3, 0)
    yaw = np.cumsum(k * v, -1) * 1e-3
    xy = np.cumsum(v[..., None] * np.stack([np.cos(yaw), np.sin(yaw)], -1), 1) * 1e-3
    return xy[:, ::100], yaw[:, ::100], v[:, ::100]


@pytest.mark.parametrize("measured", [True, False])
def test_parity_on_unicycle_paths(measured):
    xy, yaw, speed = unicycle_paths()
    speed = speed if measured else None
    label = fit_actions(xy, yaw, speed, DT_S, "trapezoid", 10.0, "sequential")
    position, heading = map(torch.tensor, to_local(xy, yaw))
    given = None if speed is None else torch.tensor(speed[:, T0])
    v0, action = dense_actions.encode(position, heading, given)
    action = dense_actions.guard(v0, action).numpy()
    np.testing.assert_allclose(label.v0, v0.numpy(), atol=1e-5)
    # A speed that is 0.6 m/s up to rounding of the fit may fall to either side of the rule.
    differs = np.abs(label.action - action).max(-1) > 1e-5
    assert differs.mean() < 1e-3
    assert label.ade.mean() < 0.004
    path = dense_actions.decode(v0, torch.tensor(label.action)).numpy()
    np.testing.assert_allclose(label.trajectory, path, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_parity_on_drives_with_edges(kind):
    states, _ = drives(kind, 8)
    xy, yaw, speed = states[..., :2], states[..., 2], states[..., 3]
    label = fit_actions(xy, yaw, speed, DT_S, "trapezoid", 10.0, "sequential")
    position, heading = map(torch.tensor, to_local(xy, yaw))
    _, action = dense_actions.encode(position, heading, torch.tensor(speed[:, T0]))
    bounds = [9.8, 0.33]
    expected = np.clip(action.numpy(), -np.array(bounds), bounds)
    turning = label.action[..., 1] != 0
    np.testing.assert_allclose(label.action[..., 0], expected[..., 0], atol=1e-5)
    np.testing.assert_allclose(label.action[turning, 1], expected[turning, 1], atol=1e-5)


@pytest.mark.skipif(not REAL.exists(), reason="the recorded windows are not here")
@pytest.mark.parametrize(
    ("suffix", "ade_m", "max_ade_m", "fde_m"),
    [("", 0.8680, 1.043, 1.7169), ("_al", 0.0553, 0.111, 0.0930)],
)
def test_the_published_errors_on_recorded_driving(suffix, ade_m, max_ade_m, fde_m):
    with np.load(REAL, allow_pickle=False) as data:
        xy = np.stack([data["x" + suffix], data["y" + suffix]], -1)
        yaw, speed = data["yaw" + suffix], data["v" + suffix]
    label = fit_actions(xy, yaw, None, DT_S, "trapezoid", 10.0, "sequential")
    assert label.ade.mean() == pytest.approx(ade_m, rel=0.01)
    assert label.ade.max() == pytest.approx(max_ade_m, rel=0.01)
    assert label.fde.mean() == pytest.approx(fde_m, rel=0.01)
    np.testing.assert_allclose(label.v0, speed[:, T0], atol=0.3)


def test_the_guard_is_strict_at_60_cm_a_second():
    speeds = np.array([0.0, 0.3, 0.55, 0.65, 2.0])
    action = np.tile([0.0, 0.1], (5, 79, 1))
    states = rollout(speeds, action, DT_S, "trapezoid")
    start = np.zeros((5, 1, 4))
    start[:, 0, 3] = speeds
    states = np.concatenate([start, states], 1)
    label = fit_actions(
        states[..., :2], states[..., 2], states[..., 3], DT_S, "trapezoid", 1.0, "sequential"
    )
    assert (label.action[:3, :, 1] == 0).all()
    assert (label.action[3:, :, 1] > 0).all()

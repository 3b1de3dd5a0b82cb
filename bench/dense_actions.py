"""Alpamayo's encoder and decoder as published, in torch: the reference of bench/actions.py.

UnicycleAccelCurvatureActionSpace (arXiv 2511.00088) solves each of its four ridge problems with
dense normal equations and a batched Cholesky factorisation. Nothing of avvla is used here, so that
the two can check each other. Tensors keep their dtype; dt is 0.1 s.
"""

from __future__ import annotations

import torch
from torch import Tensor

DT = 0.1


def decode(v0: Tensor, action: Tensor) -> Tensor:
    """(N, T, 3) x, y, yaw after each step of actions (N, T, 2) from speeds (N,)."""
    a, k = action.unbind(-1)
    v = torch.cat([v0[:, None], v0[:, None] + DT * a.cumsum(-1)], -1)
    turn = k * (v[:, :-1] * DT + a * DT**2 / 2)
    yaw = torch.cat([torch.zeros_like(v0)[:, None], turn.cumsum(-1)], -1)
    velocity = v[..., None] * torch.stack([yaw.cos(), yaw.sin()], -1)
    position = (DT / 2 * (velocity[:, :-1] + velocity[:, 1:])).cumsum(1)
    return torch.cat([position, yaw[:, 1:, None]], -1)


def encode(position: Tensor, yaw: Tensor, v0: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Speeds (N,) at t0 and actions (N, 64, 2) of windows (N, 80, 2), (N, 80) local at sample 15.

    Where `v0` (N,) is not given, it is estimated from the history.
    """
    if v0 is None:
        v0 = _speeds(position[:, :16], yaw[:, :16])[:, -1]
    future, target = position[:, 15:], yaw[:, 15:]
    n = target.shape[-1]
    identity = torch.eye(n, dtype=yaw.dtype)
    start = torch.zeros_like(v0)
    heading = _ridge(identity, target, 3, 1e-6, 1e-8, first=start)
    speed = _speeds(future, heading, first=v0)
    a = _ridge(identity[1:, 1:], speed.diff() / DT, 2, 1e-4, 1e-4)
    arc = speed[:, :-1] * DT + a * DT**2 / 2
    k = _ridge(torch.diag_embed(arc), heading.diff(), 2, 1e-4, 1e-4)
    return v0, torch.stack([a, k], -1)


def guard(v0: Tensor, action: Tensor) -> Tensor:
    """The action within the bounds of the curvature and without a turn at standstill."""
    a, k = action.unbind(-1)
    fast = torch.cat([v0[:, None], v0[:, None] + DT * a.cumsum(-1)], -1).abs() >= 0.6
    return torch.stack([a, k.clamp(-0.33, 0.33) * (fast[:, :-1] & fast[:, 1:])], -1)


def refit(position: Tensor, yaw: Tensor, v0: Tensor, action: Tensor, w_yaw: float = 10.0) -> Tensor:
    """(N, 129) v0, accelerations, curvatures: the joint refit, eight dense Gauss-Newton steps."""
    future, target = position[:, 16:], yaw[:, 16:]
    wanted = torch.cat([future[..., 0], future[..., 1], w_yaw**0.5 * target], -1)
    second = torch.eye(64, dtype=yaw.dtype).diff(n=2, dim=0)
    second = second.mT @ second / DT**4
    penalty = torch.zeros(129, 129, dtype=yaw.dtype)
    penalty[0, 0] = 10
    penalty[1:65, 1:65] = 1e-4 * second + 1e-4 * torch.eye(64)
    penalty[65:, 65:] = 1e-2 * second + 1e-3 * torch.eye(64)

    def drive(z: Tensor) -> Tensor:
        path = decode(z[None, 0], torch.stack([z[1:65], z[65:]], -1)[None])[0]
        return torch.cat([path[:, 0], path[:, 1], w_yaw**0.5 * path[:, 2]])

    found = []
    for i in range(len(v0)):
        z = torch.cat([v0[i, None], *action[i].unbind(-1)])
        prior = torch.cat([v0[i, None], torch.zeros(128, dtype=z.dtype)])
        for _ in range(8):
            jacobian = torch.func.jacfwd(drive)(z)
            slope = jacobian.mT @ (drive(z) - wanted[i]) + penalty @ (z - prior)
            normal = jacobian.mT @ jacobian + penalty + 1e-6 * torch.eye(129)
            z = z - torch.linalg.solve(normal, slope)
        found.append(z)
    return torch.stack(found)


def _speeds(position: Tensor, yaw: Tensor, first: Tensor | None = None) -> Tensor:
    """Speeds (N, n) whose trapezoids lead along the positions (N, n, 2) at the headings (N, n)."""
    unit = torch.stack([yaw.cos(), yaw.sin()], -1)
    rows = torch.diag_embed(unit.movedim(-1, 1))[:, :, :-1]
    rows = rows + torch.diag_embed(unit[:, 1:].movedim(-1, 1), offset=1)[:, :, :-1]
    data = position.diff(dim=1).movedim(-1, 1) * (2 / DT)
    return _ridge(rows.flatten(1, 2), data.flatten(1, 2), 3, 1e-6, 1e-4, first)


def _ridge(
    rows: Tensor,
    data: Tensor,
    order: int,
    smooth: float,
    ridge: float,
    first: Tensor | None = None,
) -> Tensor:
    """Z of least |rows z - data|^2 + smooth / dt^2k |D_k z|^2 + ridge |z|^2, with z[0] = first."""
    n = rows.shape[-1]
    difference = torch.eye(n, dtype=rows.dtype).diff(n=order, dim=0)
    penalty = smooth / DT ** (2 * order) * difference.mT @ difference
    normal = rows.mT @ rows + penalty + ridge * torch.eye(n, dtype=rows.dtype)
    right = (data[:, None] @ rows)[:, 0]
    if first is not None:
        column = normal[..., 1:, 0]
        right = right[:, 1:] - column * first[:, None]
        normal = normal[..., 1:, 1:]
    factor = torch.linalg.cholesky(normal.expand(len(right), *normal.shape[-2:]))
    z = torch.cholesky_solve(right[..., None], factor)[..., 0]
    return z if first is None else torch.cat([first[:, None], z], -1)

"""Accuracy and speed of the action fits and rollouts, against the reference's dense algorithm.

.venv/bin/python bench/actions.py [--recorded segments_10hz.npz] [--threads 1]

The reference (bench/dense_actions.py) is Alpamayo's encoder, decoder and joint refit. Windows are
made drives with noise and side slip, 1024 of them, and where a file is given those recorded in it
(arrays x, y, yaw, v and x_al, ... as aligned; see docs/actions.md). Every figure of a speed is the
median of rounds in which all candidates take turns, so that the load of the machine falls on all
alike. `ratio` is the joint fit's speed over that of the reference's sequential fit.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--recorded", type=Path, help="npz of recorded windows")
parser.add_argument("--threads", type=int, default=1, help="threads of torch and of BLAS")
ARGUMENTS = parser.parse_args()
# Libraries read these when they are imported.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(ARGUMENTS.threads)

import dense_actions  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from made_drives import made_windows  # noqa: E402

from avvla.actions import unicycle_torch  # noqa: E402
from avvla.actions.fit import METHODS, T0, fit_actions, to_local  # noqa: E402
from avvla.actions.unicycle import DT_S, INTEGRATORS, rollout  # noqa: E402

BATCH = 1024
ROUNDS = 7
REFITS = 16
Windows = tuple[np.ndarray, np.ndarray, np.ndarray]


def main() -> None:
    torch.set_num_threads(ARGUMENTS.threads)
    threads = f"{ARGUMENTS.threads} threads of {os.cpu_count()} cores"
    print(f"{threads}, load {os.getloadavg()[0]:.1f}; joint and sequential run on one core\n")
    sets = {"made": made_windows(BATCH)}
    if ARGUMENTS.recorded is not None:
        sets |= recorded(ARGUMENTS.recorded)
    print(f"{'windows':<18}{'method':<24}{'ADE mean':>9}{'max':>8}{'FDE':>8}{'yaw MAE':>9}", end="")
    print(f"{'jerk':>7}{'max |a|':>9}{'max |k|':>9}{'valid':>7}")
    figures: dict[str, object] = {"threads": ARGUMENTS.threads, "batch": BATCH}
    for name, windows in sets.items():
        figures[name] = accuracy(name, windows)
    speeds = throughput(sets["made"])
    print(f"\n{'windows/s, batch 1024':<42}{'this':>12}{'reference':>12}{'ratio':>8}")
    for name, (this, reference) in speeds.items():
        print(f"{name:<42}{this:>12,.0f}{reference:>12,.0f}{this / reference:>8.2f}")
    figures["per_s"] = {name: round(this) for name, (this, _) in speeds.items()}
    figures["ratios"] = {name: round(a / b, 2) for name, (a, b) in speeds.items()}
    ratio = speeds["joint, euler"][0] / speeds["joint, euler"][1]
    print(json.dumps({**figures, "ratio": round(ratio, 2)}))


def recorded(path: Path) -> dict[str, Windows]:
    """The windows of a file, as they are and aligned."""
    with np.load(path, allow_pickle=False) as data:
        return {
            f"recorded, {name}": (
                np.stack([data["x" + suffix], data["y" + suffix]], -1),
                data["yaw" + suffix],
                data["v" + suffix],
            )
            for name, suffix in (("raw", ""), ("aligned", "_al"))
        }


def accuracy(name: str, windows: Windows) -> dict[str, dict[str, float]]:
    """Errors of each method, v0 estimated from the history as the reference does."""
    xy, yaw, _ = windows
    position, heading = (torch.tensor(part) for part in to_local(xy, yaw))
    v0, action = dense_actions.encode(position, heading)
    found = {"reference sequential": (v0, action, dense_actions.decode(v0, action), 1.0)}
    few = slice(0, REFITS)
    z = dense_actions.refit(position[few], heading[few], v0[few], action[few])
    again = torch.stack([z[:, 1:65], z[:, 65:]], -1)
    path = dense_actions.decode(z[:, 0], again)
    found[f"reference refit (first {REFITS})"] = (z[:, 0], again, path, 1.0)
    for integrator in INTEGRATORS[::-1]:
        for method in METHODS[::-1]:
            label = fit_actions(xy, yaw, None, DT_S, integrator, 1.0, method)
            parts = (torch.tensor(part) for part in (label.v0, label.action, label.trajectory))
            found[f"{method}, {integrator}"] = (*parts, label.valid.mean())
    rows = {}
    for method, (_, labels, path, valid) in found.items():
        n = len(labels)
        error = (path[..., :2] - position[:n, T0 + 1 :]).norm(dim=-1)
        row = {
            "ade": error.mean(),
            "ade_max": error.mean(-1).max(),
            "fde": error[:, -1].mean(),
            "yaw_mae": (path[..., 2] - heading[:n, T0 + 1 :]).abs().mean(),
            "jerk": labels[..., 0].diff().abs().mean() / DT_S,
            "max_a": labels[..., 0].abs().max(),
            "max_k": labels[..., 1].abs().max(),
            "valid": valid,
        }
        rows[method] = {key: round(float(value), 4) for key, value in row.items()}
        print(f"{name:<18}{method:<24}", end="")
        for value, form in zip(
            rows[method].values(),
            ("9.4f", "8.3f", "8.4f", "9.4f", "7.2f", "9.2f", "9.3f", "7.3f"),
            strict=True,
        ):
            print(f"{value:>{form}}", end="")
        print()
    return rows


def throughput(windows: Windows) -> dict[str, tuple[float, float]]:
    """Windows a second of this project and of the reference at the same job."""
    xy, yaw, speed = windows
    position, heading = (torch.tensor(part, dtype=torch.float32) for part in to_local(xy, yaw))
    fitted = fit_actions(xy, yaw, speed, DT_S, "trapezoid", 1.0)
    v0, action = fitted.v0.astype(np.float32), fitted.action.astype(np.float32)
    v0_t, action_t = torch.tensor(v0), torch.tensor(action)
    jobs: dict[str, Callable[[], object]] = {
        "encode": lambda: dense_actions.encode(position, heading),
        "decode": lambda: dense_actions.decode(v0_t, action_t),
    }
    against = {}
    for method in METHODS:
        for integrator in INTEGRATORS:
            jobs[f"{method}, {integrator}"] = lambda i=integrator, m=method: fit_actions(
                xy, yaw, None, DT_S, i, 1.0, m
            )
            against[f"{method}, {integrator}"] = "encode"
    for integrator in INTEGRATORS:
        jobs[f"rollout, {integrator}, numpy float32"] = lambda i=integrator: rollout(
            v0, action, DT_S, i
        )
        jobs[f"rollout, {integrator}, torch float32"] = lambda i=integrator: unicycle_torch.rollout(
            v0_t, action_t, DT_S, i
        )
        jobs[f"rollout, {integrator}, numpy float64"] = lambda i=integrator: rollout(
            fitted.v0, fitted.action, DT_S, i
        )
    against |= {name: "decode" for name in jobs if name.startswith("rollout")}
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            repeats = 20 if against.get(name, name) == "decode" else 1
            job()
            begin = time.perf_counter()
            for _ in range(repeats):
                job()
            taken[name].append((time.perf_counter() - begin) / repeats)
    rate = {name: BATCH / float(np.median(times)) for name, times in taken.items()}
    return {name: (rate[name], rate[reference]) for name, reference in against.items()}


if __name__ == "__main__":
    sys.exit(main())

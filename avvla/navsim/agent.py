"""NAVSIM's agent interface on one side, the driver's process on the other.

The devkit makes an `AvvlaAgent` from `avvla_agent.yaml`. It has the methods of the devkit's
`AbstractAgent` (autonomousvision/navsim, branch v1.1 at 3e8291b and main at 0a380a9) without being
one, because that class brings torch and this one needs none. Python 3.9 reads this module.
"""

from __future__ import annotations

import json
import os
import subprocess
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from avvla.navsim import wire

HISTORY_FRAMES = 4
"""Of an agent's input, 0.5 s apart; the last is now."""
STEP_S = 0.1
HORIZON_S = 4.0
"""Planned by an agent; the two-stage score starts its second stage at the last pose."""


class AvvlaAgent:
    """A driver of avvla, as the devkit calls it.

    Args:
        trajectory_sampling: the devkit's, of 4 s: 8 poses 0.5 s apart, or any multiple of 0.1 s.
        driver: command that starts the driver, `avvla navsim serve` in avvla's environment.
        policy, checkpoint, device, commands: see `avvla.navsim.driver.Settings`.

    Raises:
        ValueError: the sampling is another one.
    """

    requires_scene = False

    def __init__(
        self,
        trajectory_sampling: Any,
        driver: Sequence[str],
        policy: str,
        checkpoint: str,
        device: str,
        commands: Sequence[str],
    ) -> None:
        self._trajectory_sampling = trajectory_sampling
        self._stride = stride(trajectory_sampling.num_poses, trajectory_sampling.interval_length)
        self._command = list(driver)
        self._settings = {
            "policy": policy,
            "checkpoint": checkpoint,
            "device": device,
            "commands": list(commands),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def name(self) -> str:
        """As it stands in the devkit's logs."""
        return f"avvla {self._settings['policy']}"

    def initialize(self) -> None:
        """Start the driver and wait until its weights are loaded.

        Raises:
            RuntimeError: it cannot start, or refuses the settings.
        """
        # They are of the devkit's Python and would lead the driver's to the devkit's packages.
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("PYTHONPATH", "PYTHONHOME")
        }
        try:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
            )
        except OSError as error:
            raise RuntimeError(
                f"the driver {self._command} cannot be started ({error}): write the agent's yaml"
                " again with `avvla navsim config` on this machine"
            ) from None
        weakref.finalize(self, _stop, self._process)
        self._ask(settings=json.dumps(self._settings))

    def get_sensor_config(self) -> Any:
        """The devkit's `SensorConfig`: the front camera now, nothing else."""
        from navsim.common.dataclasses import SensorConfig

        config = SensorConfig.build_no_sensors()
        config.cam_f0 = [HISTORY_FRAMES - 1]
        return config

    def compute_trajectory(self, agent_input: Any) -> Any:
        """The devkit's `Trajectory` for its `AgentInput`: rear axle, frame `local`, over 4 s.

        Raises:
            RuntimeError: the driver refuses the input, or has ended.
            ValueError: a sensor or a status is missing.
        """
        from navsim.common.dataclasses import Trajectory

        camera = agent_input.cameras[-1].cam_f0
        now = agent_input.ego_statuses[-1]
        reply = self._ask(
            image=camera.image,
            intrinsics=camera.intrinsics,
            distortion=camera.distortion,
            poses=[status.ego_pose for status in agent_input.ego_statuses],
            velocity=now.ego_velocity,
            driving_command=now.driving_command,
        )
        poses = reply["poses"][self._stride - 1 :: self._stride]
        return Trajectory(poses.astype(np.float32), self._trajectory_sampling)

    def _ask(self, **message: Any) -> dict[str, Any]:
        if self._process is None:
            raise RuntimeError("the driver is not running: initialize() comes first")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            wire.send(self._process.stdin, **message)
            reply = wire.receive(self._process.stdout)
        except OSError:
            reply = None
        if reply is None:
            raise RuntimeError(
                f"the driver ended with code {self._process.wait()}; its last lines above say why"
            )
        if "error" in reply:
            raise RuntimeError(str(reply["error"]))
        return reply


def stride(num_poses: int, interval_s: float) -> int:
    """Steps of 0.1 s from one pose of a sampling to the next: pose i is step (i + 1) stride - 1.

    Raises:
        ValueError: the poses do not end at 4 s, or lie between steps.
    """
    steps = round(interval_s / STEP_S)
    if steps < 1 or abs(steps * STEP_S - interval_s) > 1e-6:
        raise ValueError(f"interval_length is {interval_s} s, expected a multiple of {STEP_S} s")
    if num_poses * steps != round(HORIZON_S / STEP_S):
        raise ValueError(
            f"{num_poses} poses every {interval_s} s end at {num_poses * interval_s:g} s, expected"
            f" {HORIZON_S:g} s: set time_horizon: 4 in the agent's yaml"
        )
    return steps


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Let the driver see the end of its requests, at which it ends."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except OSError:
                continue  # it is gone already, with a request in the pipe
    process.wait()

"""Time from a picture to a plan, batch 1, one request after the other.

A request is what a vehicle makes: the square picture as bytes, speed, heading change and command
in, 64 actions and their path out, the device waited for. What is new at every start (lazy
initialisation, compilation) is warmed up before.
"""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from avvla.agent.commander import FOLLOW
from avvla.policy.interface import Observation, Policy

PERCENTILES = (50, 95, 99)


def request(image_size: int, seed: int) -> Observation:
    """A picture of noise, at 10 m/s: a plan takes the same time whatever is seen."""
    draw = np.random.default_rng(seed)
    return Observation(
        image=draw.integers(0, 256, (1, image_size, image_size, 3), np.uint8),
        speed_mps=np.array([10.0]),
        heading_change_rad=np.zeros(1),
        command=(FOLLOW,),
    )


def measure(policy: Policy, image_size: int, requests: int, warm_up: int) -> NDArray[np.float64]:
    """(requests,) seconds of each request, after `warm_up` that do not count."""
    taken = np.empty(warm_up + requests)
    for index in range(len(taken)):
        observation = request(image_size, index)
        begin = time.perf_counter()
        # The plan is numpy's, so the device has finished when it is there.
        policy.plan(observation)
        taken[index] = time.perf_counter() - begin
    return taken[warm_up:]


def metrics(taken: NDArray[np.float64], device: str) -> dict[str, Any]:
    """Percentiles [ms] and what they were measured on."""
    return {
        "n": len(taken),
        **{f"p{q}_ms": float(np.percentile(taken, q) * 1e3) for q in PERCENTILES},
        "device": device_name(device),
        "threads": torch.get_num_threads(),
    }


def device_name(device: str) -> str:
    """The name of a torch device, as its maker has it where that is told."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()

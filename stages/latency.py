"""models/field_agent -> results/latency: time from picture to plan on this machine.

No two runs measure the same, so the file is in no hash and nothing depends on it.
"""

from __future__ import annotations

from pathlib import Path

import torch
from _run import run

from avvla import host
from avvla.config import Params
from avvla.evaluation import latency
from avvla.policy.driver import FieldAgent
from avvla.results import write_metrics

MODEL = Path("models/field_agent")
RESULTS = Path("results/latency")


def measure(params: Params) -> None:
    device = host.device()
    torch.set_num_threads(params.latency.threads)
    agent = FieldAgent(MODEL, device)
    taken = latency.measure(
        agent, agent.image_size, params.latency.requests, params.latency.warm_up
    )
    write_metrics(RESULTS / "metrics.json", latency.metrics(taken, device))


if __name__ == "__main__":
    run(measure)

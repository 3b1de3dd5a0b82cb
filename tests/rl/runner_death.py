"""A script: training on two Ray nodes of the loopback, one of which is killed meanwhile.

    python runner_death.py FOLDER

It has a cluster of its own, which ends with it. Its last line is the steps of the last checkpoint.
"""

import os
import sys
import threading
import time
from pathlib import Path

os.environ.update(
    RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0",
    RAY_USAGE_STATS_ENABLED="0",
    RAY_health_check_initial_delay_ms="0",
    RAY_health_check_period_ms="500",
    RAY_health_check_timeout_ms="2000",
    RAY_health_check_failure_threshold="3",
)

import psutil
from ray.cluster_utils import Cluster
from rl_factory import SMALL, merged

from avvla.rl.reading import settings_of
from avvla.rl.run_folder import RunFolder
from avvla.rl.training import train

STEPS = 5_000
CHANGES = {"runners": {"count": 2, "envs": 4}, "stop": {"steps": STEPS}}


def kill(node) -> None:
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    for process in (raylet, *raylet.children(recursive=True)):  # as a power cut does
        process.kill()


def main() -> None:
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    told = threading.Event()

    def kill_when_told(node) -> None:
        told.wait()
        kill(node)

    def say(line: str) -> None:
        print(line, flush=True)
        told.set()  # the first iteration is done

    try:
        doomed = cluster.add_node(num_cpus=1)
        threading.Thread(target=kill_when_told, args=(doomed,), daemon=True).start()
        os.environ["RAY_ADDRESS"] = cluster.address
        run = RunFolder(Path(sys.argv[1]) / "run")
        begin = time.monotonic()
        last = train(settings_of(merged(SMALL, CHANGES)), run, "never", say=say)
        print(f"{time.monotonic() - begin:.0f} s", flush=True)
        print(last.progress.steps)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()

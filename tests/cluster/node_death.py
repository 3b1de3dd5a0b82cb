"""A script: two Ray nodes on the loopback work on chunks, and one of them is killed meanwhile.

    python node_death.py FOLDER

It has a cluster of its own, which ends with it. Its last line is what `map_chunks` returned.
"""

import os
import sys
import threading
import time
from functools import partial
from pathlib import Path

os.environ.update(
    AVVLA_BACKEND="ray",
    RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0",
    RAY_USAGE_STATS_ENABLED="0",
    RAY_health_check_initial_delay_ms="0",
    RAY_health_check_period_ms="300",
    RAY_health_check_timeout_ms="1000",
    RAY_health_check_failure_threshold="2",
)

import psutil
from chunk_steps import DOOMED, STARTED, write_in_two_goes
from ray.cluster_utils import Cluster

from avvla.cluster.chunk_map import map_chunks

CHUNKS = 8


def kill_when_busy(node, folder: Path) -> None:
    while not list(folder.glob(f"*{STARTED}")):
        time.sleep(0.02)
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    for process in (raylet, *raylet.children(recursive=True)):  # as a power cut does
        process.kill()


def main() -> None:
    folder = Path(sys.argv[1])
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    try:
        doomed = cluster.add_node(num_cpus=1)
        (folder / DOOMED).write_text(doomed.node_id)
        threading.Thread(target=kill_when_busy, args=(doomed, folder), daemon=True).start()
        os.environ["RAY_ADDRESS"] = cluster.address
        print(map_chunks(partial(write_in_two_goes, folder), range(CHUNKS), 2, "write"))
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()

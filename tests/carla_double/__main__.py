"""The double as a process: `python -m carla_double`."""

import argparse
import os
import time

from carla_double.server import Double
from carla_double.world import Faults


def main():
    """Serve in a process of its own until it is told to end."""
    parser = argparse.ArgumentParser(description=Double.__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--version", default="0.9.16")
    parser.add_argument("--dies-frame", type=int, default=-1)
    given = parser.parse_args()
    faults = Faults(dies_frame=given.dies_frame)
    double = Double(given.port, given.host, given.version, faults)
    print(double.port, flush=True)
    while double.is_open:
        time.sleep(0.05)
    os._exit(1)


if __name__ == "__main__":
    main()

"""carla-driver-interface, a client that we did not write, in a process of its own.

Its generated messages register the package `egodriver` in protobuf's default pool.
"""

import importlib.util
import re
import subprocess
import sys

import pytest

from avvla.driver import canaries

MODULE = "carla_driver_interface"


@pytest.mark.skipif(
    importlib.util.find_spec(MODULE) is None,
    reason="carla-driver-interface is not installed: the external client was not run",
)
def test_the_route_follower_keeps_the_lane_under_it(server):
    with server(canaries.RouteFollower(10.0)) as port:
        script = f"import runpy; runpy.run_module('{MODULE}', run_name='__main__')"
        arguments = ["demo", "--driver", f"127.0.0.1:{port}", "--steps", "50"]
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    offset = re.search(r"offset\D*([\d.]+)", done.stdout)
    assert offset, done.stdout
    assert float(offset[1]) < 0.5

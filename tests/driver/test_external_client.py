"""carla-driver-interface, a client that we did not write, in a process of its own.

Its generated messages register the package `egodriver` in protobuf's default pool. It drives a
straight road without a controller and fills field 5 of the egomotion only: a second opinion on the
wire, not a simulation.
"""

import importlib.util
import re
import subprocess
import sys

import pytest
from driver_client import FRONT
from driver_process import driver_process

MODULE = "carla_driver_interface"
STEPS = 50

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec(MODULE) is None,
    reason=f"{MODULE} is not installed: the external client was not run",
)


def told(port: int, *options: str) -> dict[str, str]:
    """What the client says after a session, by name."""
    target = ["--driver", f"127.0.0.1:{port}", "--steps", str(STEPS)]
    done = subprocess.run(
        [sys.executable, "-m", f"{MODULE}.cli", "demo", *target, *options],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^(.+?) *: (.*)$", done.stdout, re.M)
    return dict(rows)


def metres(text: str) -> float:
    return float(text.removesuffix(" m"))


def test_the_route_follower_keeps_the_lane_under_it():
    with driver_process("--policy", "route_follower") as (process, port):
        found = told(port)
        process.terminate()
        _, log = process.communicate(timeout=30)
    assert (found["steps"], found["terminated by policy"]) == (str(STEPS), "False")
    # From standstill to 10 m/s at 1.5 m/s^2: 18.4 m in 49 steps of 0.1 s.
    assert metres(found["distance travelled"]) == pytest.approx(18.4, abs=1.0)
    assert metres(found["max lateral offset"]) < 0.05
    assert "egomotion with speeds in field 5" in log
    assert "along the route" in log
    assert f"closed after {STEPS} drives" in log
    assert "refused" not in log


def test_the_learned_agent_completes_a_session_under_it(checkpoint):
    """Of drawn weights it drives anywhere; whether it sees, plans and answers is what is asked."""
    camera = ("--camera-id", FRONT, "--camera-fov", "100", "--camera-width", "480")
    with driver_process("--policy", "smolvla", "--checkpoint", str(checkpoint)) as (process, port):
        found = told(port, *camera, "--camera-height", "270")
        process.terminate()
        _, log = process.communicate(timeout=30)
    assert (found["steps"], found["terminated by policy"]) == (str(STEPS), "False")
    assert ": planned" in log
    assert f"closed after {STEPS} drives" in log
    assert "refused" not in log

"""carla-driver-interface, a client that we did not write, in a process of its own.

Its generated messages register the package `egodriver` in protobuf's default pool. It drives a
straight road without a controller and fills field 5 of the egomotion only: a second opinion on the
wire, not a simulation.
"""

import importlib.util
import json
import math
import re
import subprocess
import sys

import pytest
from driver_client import FRONT
from driver_process import driver_process

from avvla.driver.field_agent import FieldAgent
from avvla.driver.sight import Sight

MODULE = "carla_driver_interface"
STEPS = 30

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec(MODULE) is None,
    reason=f"{MODULE} is not installed: the external client was not run",
)


def told(port: int) -> dict[str, str]:
    """What the client says after a session, by name."""
    target = ["--driver", f"127.0.0.1:{port}", "--steps", str(STEPS)]
    done = subprocess.run(
        [sys.executable, "-m", f"{MODULE}.cli", "demo", *target],
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
    # It takes the mean speed of a step for that at its end, so 1.5 m/s^2 become half of it.
    assert metres(found["distance travelled"]) == pytest.approx(0.75 / 2 * 2.9**2, abs=0.2)
    assert metres(found["max lateral offset"]) < 0.05
    assert "egomotion with speeds in field 5" in log
    assert "along the route" in log
    assert f"closed after {STEPS} drives" in log
    assert "refused" not in log


ROLLING = f"""
import json, sys
from {MODULE}.testing import FakeCamera, FakeLoop
camera = FakeCamera(logical_id={FRONT!r}, width=480, height=270, fov_deg=100.0)
with FakeLoop(sys.argv[1], [camera], initial_speed_mps=5.0) as loop:
    found = loop.run({STEPS})
print(json.dumps([found.steps, found.terminated_by_policy, *found.ego.poses[-1].position.tolist()]))
"""


def test_the_learned_agent_completes_a_session_under_it(server, agent, caplog):
    """Of drawn weights it drives anywhere; whether it sees, plans and answers is what is asked.

    A plan begins at the present speed, and this client drives the first step of each alone: so it
    is given a speed, which it then keeps.
    """
    caplog.set_level("INFO", "avvla.driver")
    sight = Sight(FRONT, agent.crop, agent.image_size)
    with server(FieldAgent(agent), sight=sight) as port:
        done = subprocess.run(
            [sys.executable, "-c", ROLLING, f"127.0.0.1:{port}"],
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    steps, terminated, x, y, _ = json.loads(done.stdout)
    assert (steps, terminated) == (STEPS, False)
    assert math.hypot(x, y) == pytest.approx(5.0 * 0.1 * (STEPS - 1), rel=0.1)
    assert ": planned" in caplog.text
    assert f"closed after {STEPS} drives" in caplog.text
    assert "refused" not in caplog.text

"""A simulator on the other host: does what each line of its standard input says, and answers.

    start NAME, step NAME, close NAME    of a session; a step has egomotion, pictures and a drive
    probe                                what `avvla alpasim check --probe` asks

The channel stays open over all of them, as that of Alpasim's runtime does over its rollouts.
"""

import sys

import driver_client as sim
import grpc
import numpy as np
from driver_client import FRONT, STEP_US

from avvla.alpasim import driver_probe
from avvla.errors import UserError

TIMEOUT_S = 3.0
PICTURE = np.random.default_rng(0).bytes(500_000)
CAMERAS = [FRONT, "camera_cross_left_120fov", "camera_cross_right_120fov"]


def step(client: sim.Client, name: str, now: int) -> int:
    """Poses of the plan."""
    motion = sim.egomotion(name, [(now, 8e-6 * now, 0.0, 0.0, 8.0)], old=False)
    calls = [client.future("submit_egomotion_observation", motion, TIMEOUT_S)]
    for camera in CAMERAS:
        image = sim.image(name, now, PICTURE, camera)
        calls.append(client.future("submit_image_observation", image, TIMEOUT_S))
    for call in calls:
        call.result()
    return len(client.call("drive", sim.drive(name, now), TIMEOUT_S).trajectory.poses)


def main() -> None:
    host, port = sys.argv[1:]
    client, now = sim.Client(int(port), host), 0
    for line in sys.stdin:
        verb, *rest = line.split()
        now += STEP_US
        try:
            if verb == "probe":
                told = driver_probe.ask(f"{host}:{port}").version
            elif verb == "step":
                told = f"{step(client, rest[0], now)} poses"
            else:
                request = (
                    sim.close(rest[0])
                    if verb == "close"
                    else sim.start(rest[0], dict.fromkeys(CAMERAS, (1920, 1080)))
                )
                client.call(f"{verb}_session", request, TIMEOUT_S)
                told = "done"
        except grpc.RpcError as error:
            told = error.code().name
        except UserError as error:
            told = str(error)
        print(told, flush=True)


if __name__ == "__main__":
    main()

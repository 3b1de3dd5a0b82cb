"""A simulator's side of whole sessions, run in a container: goes round a bend as it is planned.

    python canary_session.py HOST:PORT [--steps N] [--pause S] [--sessions N]

Prints a line for each session. A session that the driver loses is told with its gRPC status, and
the next one begins. Exit code 1 where none was driven to its end.
"""

import argparse
import math
import sys
import time

import driver_client as sim
import grpc
import numpy as np

SPEED_MPS, RADIUS_M = 8.0, 60.0


def ahead(x: float, y: float, yaw: float) -> np.ndarray:
    """The circle of the lane from the nearest point on, (N, 2) in the rig."""
    begin = math.atan2(x, RADIUS_M - y)
    angle = begin + np.arange(0.0, 60.0, 2.0) / RADIUS_M
    there = np.stack([RADIUS_M * np.sin(angle) - x, RADIUS_M * (1 - np.cos(angle)) - y], -1)
    turn = np.array([[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]])
    return there @ turn


def session(call, name: str, steps: int, pause_s: float) -> float:
    """The largest distance from the lane [m]."""
    call("start_session", sim.start(name, {}))
    x = y = yaw = worst = 0.0
    speed = SPEED_MPS
    for step in range(steps):
        now = step * sim.STEP_US
        motion = sim.egomotion(name, [(now, x, y, yaw, speed)], old=False)
        call("submit_egomotion_observation", motion)
        call("submit_route", sim.route(name, now, ahead(x, y, yaw)))
        times, planned = sim.poses(call("drive", sim.drive(name, now)))
        assert times[1] - times[0] == sim.STEP_US, times
        speed = math.dist(planned[1, :2], planned[0, :2]) / 0.1
        x, y, yaw = planned[1].tolist()
        worst = max(worst, abs(math.hypot(x, y - RADIUS_M) - RADIUS_M))
        if step % 10 == 9:
            print(f"{name}: step {step + 1}", flush=True)
        time.sleep(pause_s)
    call("close_session", sim.close(name))
    return worst


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--sessions", type=int, default=1)
    arguments = parser.parse_args()
    channel, kinds = grpc.insecure_channel(arguments.address), sim.messages()

    def call(name: str, request):
        answer = kinds[name][1].FromString
        made = channel.unary_unary(sim.PATH + name, response_deserializer=answer)
        first = name == "start_session"
        return made(request.SerializeToString(), timeout=90, wait_for_ready=first)

    done = 0
    for number in range(arguments.sessions):
        name = f"session {number + 1}"
        try:
            worst = session(call, name, arguments.steps, arguments.pause)
        except grpc.RpcError as error:
            print(f"{name}: lost, {error.code().name}", flush=True)
        else:
            done += 1
            print(f"{name}: {arguments.steps} steps, at most {worst:.2f} m off", flush=True)
    return int(not done)


if __name__ == "__main__":
    sys.exit(main())

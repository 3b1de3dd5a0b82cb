"""The driver service beside the policy: time of a drive, many sessions at once, memory.

The server is a process of its own; it decodes, crops and batches for a policy that takes no time.
`drive` is from the request to the plan at the client, after 4 cameras of 1920x1080 as JPEG have
been submitted at once, as a simulator does; `step` has their submission as well. `get_version`,
which does nothing, shows what of it is gRPC and how busy the machine is.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time

import cv2
import driver_client as sim
import grpc
import numpy as np
import psutil
from driver_client import FRONT, STEP_US

NAMES = (FRONT, "camera_cross_left_120fov", "camera_cross_right_120fov", "camera_front_tele_30fov")
CAMERAS = dict.fromkeys(NAMES, (1920, 1080))
STEPS, SESSIONS, MANY = 200, 64, 1000
WARM = 20


def serve() -> None:
    """The server: tells its port on standard output, ends when it is told to shut down."""
    from avvla.driver.field_agent import FieldAgent
    from avvla.driver.server import serve
    from avvla.driver.sight import Sight
    from avvla.physical_ai.camera import Crop
    from avvla.policy.interface import ConstantVelocity

    cv2.setNumThreads(1)
    planner = FieldAgent(ConstantVelocity())
    sight = Sight(FRONT, Crop(10.0, 33.0, 50.0), 96)
    asyncio.run(
        serve(
            planner,
            "127.0.0.1",
            0,
            sight=sight,
            exit_on_shut_down=True,
            ready=lambda port, stop: print(port, flush=True),
        )
    )


def frames(count: int, width: int, height: int) -> list[bytes]:
    """Different pictures with the detail, and so the size, of a camera's."""
    draw, found = np.random.default_rng(0), []
    for _ in range(count):
        coarse = draw.integers(0, 256, (height // 16, width // 16, 3), np.uint8)
        frame = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        noise = draw.normal(0, 4, frame.shape)
        frame = np.clip(frame + noise, 0, 255).astype(np.uint8)
        quality = [cv2.IMWRITE_JPEG_QUALITY, 90]
        found.append(cv2.imencode(".jpg", frame, quality)[1].tobytes())
    return found


def motion(session: str, now: int) -> bytes:
    row = (now, 8e-6 * now, 0.0, 0.0, 8.0)
    return sim.egomotion(session, [row], old=False).SerializeToString()


def route(session: str, now: int) -> bytes:
    points = np.stack([np.linspace(0, 80, 20), np.zeros(20)], -1)
    return sim.route(session, now, points).SerializeToString()


def paced(client: sim.Client, pictures: list[bytes]) -> dict[str, np.ndarray]:
    """Milliseconds of each drive, of each whole step, and of a bare call after it, at 10 Hz."""
    client.call("start_session", sim.start("paced", CAMERAS))
    drives, steps, bare = [], [], []
    due = time.perf_counter()
    for number in range(WARM + STEPS):
        now = number * STEP_US
        requests = [
            ("submit_image_observation", sim.image("paced", now, pictures[(number + i) % 8], name))
            for i, name in enumerate(CAMERAS)
        ]
        data = [(name, request.SerializeToString()) for name, request in requests]
        data += [("submit_egomotion_observation", motion("paced", now))]
        data += [("submit_route", route("paced", now))]
        time.sleep(max(due - time.perf_counter(), 0))
        due = max(due + STEP_US / 1e6, time.perf_counter())
        begin = time.perf_counter()
        for call in [client.future(*one) for one in data]:
            call.result()
        asked = time.perf_counter()
        client.call("drive", sim.drive("paced", now))
        end = time.perf_counter()
        drives.append(end - asked)
        steps.append(end - begin)
        client.call("get_version")
        bare.append(time.perf_counter() - end)
    client.call("close_session", sim.close("paced"))
    taken = {"drive": drives, "step": steps, "get_version": bare}
    return {name: np.array(part[WARM:]) * 1e3 for name, part in taken.items()}


async def many(port: int, steps: int) -> tuple[list[float], float]:
    """Seconds of each drive of SESSIONS at once, and of it all; as fast as they go."""
    kinds = sim.messages()
    taken: list[float] = []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        calls = {
            name: channel.unary_unary(sim.PATH + name, response_deserializer=kind[1].FromString)
            for name, kind in kinds.items()
        }

        async def drive(number: int) -> None:
            name = f"many {number}"
            start = sim.start(name, {FRONT: (64, 36)})
            await calls["start_session"](start.SerializeToString())
            for step in range(steps):
                now = step * STEP_US
                await asyncio.gather(
                    calls["submit_egomotion_observation"](motion(name, now)),
                    calls["submit_route"](route(name, now)),
                )
                begin = time.perf_counter()
                await calls["drive"](sim.drive(name, now).SerializeToString())
                taken.append(time.perf_counter() - begin)
            await calls["close_session"](sim.close(name).SerializeToString())

        begin = time.perf_counter()
        await asyncio.gather(*[drive(number) for number in range(SESSIONS)])
        return taken, time.perf_counter() - begin


def memory(client: sim.Client, process: psutil.Process, picture: bytes) -> list[float]:
    """MiB of the server after each 100 of MANY sessions with pictures, poses and a drive."""
    found = []
    for number in range(MANY):
        name = f"memory {number}"
        client.call("start_session", sim.start(name, {FRONT: (480, 270)}))
        for step in range(18):
            now = step * STEP_US
            client.call("submit_egomotion_observation", motion(name, now))
        for step in (16, 17):
            client.call("submit_image_observation", sim.image(name, step * STEP_US, picture))
        client.call("drive", sim.drive(name, 17 * STEP_US))
        client.call("close_session", sim.close(name))
        if number % 100 == 99:
            found.append(process.memory_info().rss / 2**20)
    return found


def main() -> None:
    cv2.setNumThreads(1)
    child = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout
    port = int(child.stdout.readline())
    client = sim.Client(port)
    pictures = frames(8, 1920, 1080)
    measured = paced(client, pictures)
    print(f"{'':<26}{'p50':>8}{'p99':>8}  ms, {len(pictures[0]) // 1000} kB a picture")
    for name, part in measured.items():
        print(f"{name:<26}{np.percentile(part, 50):>8.2f}{np.percentile(part, 99):>8.2f}")
    taken, whole_s = asyncio.run(many(port, 30))
    rate = len(taken) / whole_s
    print(f"{SESSIONS} sessions at once: {rate:.0f} drives/s, {rate / SESSIONS:.1f} Hz each")
    held = memory(client, psutil.Process(child.pid), frames(1, 480, 270)[0])
    print(f"memory after each 100 sessions [MiB]: {' '.join(f'{m:.1f}' for m in held)}")
    client.call("shut_down")
    client.close()
    child.wait(30)
    print(
        json.dumps(
            {
                **{
                    f"{name}_p{q}_ms": round(float(np.percentile(part, q)), 2)
                    for name, part in measured.items()
                    for q in (50, 99)
                },
                "sessions": SESSIONS,
                "drives_per_s": round(rate),
                "drive_at_once_p99_ms": round(float(np.percentile(taken, 99)) * 1e3, 1),
                "memory_growth_mib": round(held[-1] - held[0], 1),
                "load": round(os.getloadavg()[0], 1),
            }
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="be the server")
    serve() if parser.parse_args().serve else main()

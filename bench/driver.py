"""The driver service beside the policy: time of a drive, many sessions at once, memory.

The server is a process of its own; it decodes, crops and batches for a policy that takes no time.
`drive` is from the request to the plan at the client, after 4 cameras of 1920x1080 as JPEG have
been submitted at once, as a simulator does; `step` has their submission as well. `get_version`,
which does nothing, shows what of it is gRPC and how busy the machine is: `ratio` is its p99 over
that of a drive. Processor time of the server, which other work on the machine changes little, is
told beside the rate of many sessions: of a step (egomotion, route, drive at constant velocity), and
of an empty call; `own` is the processor time of single drives and pictures within the service,
without the transport.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import driver_client as sim
import grpc
import numpy as np
import psutil
from driver_client import FRONT, STEP_US

from avvla.driver.sight import Sight
from avvla.physical_ai.camera import Crop
from avvla.policy.interface import ConstantVelocity

NAMES = (FRONT, "camera_cross_left_120fov", "camera_cross_right_120fov", "camera_front_tele_30fov")
SIGHT = Sight(FRONT, Crop(10.0, 33.0, 50.0), 96)
CAMERAS = dict.fromkeys(NAMES, (1920, 1080))
STEPS, SESSIONS, ROUNDS, MANY, EMPTY = 200, 64, 30, 1000, 500
WARM = 20


def serve(blind: bool) -> None:
    """The server: tells its port on standard output, ends when it is told to shut down."""
    from avvla.driver import canaries
    from avvla.driver.field_agent import FieldAgent
    from avvla.driver.server import serve

    cv2.setNumThreads(1)
    planner = canaries.ConstantVelocity() if blind else FieldAgent(ConstantVelocity())
    asyncio.run(
        serve(
            planner,
            "127.0.0.1",
            0,
            sight=SIGHT,
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


def server_ms(process: psutil.Process, call: Callable[[], object], count: int) -> float:
    """Milliseconds of the server's processor time for each of `count` things that a call does."""
    before = process.cpu_times()
    call()
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) * 1e3 / count


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


@contextmanager
def served(how: str) -> Iterator[tuple[int, psutil.Process]]:
    """The port of a server, and its process."""
    command = [sys.executable, __file__, "--serve", how]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    port = int(child.stdout.readline())
    try:
        yield port, psutil.Process(child.pid)
        client = sim.Client(port)
        client.call("shut_down")
        client.close()
        child.wait(30)
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


async def own() -> dict[str, float]:
    """Milliseconds of processor time that the service itself takes for a drive and a picture.

    The policy sees and takes no time.
    """
    from avvla.driver import wire
    from avvla.driver.batcher import Batcher
    from avvla.driver.field_agent import FieldAgent
    from avvla.driver.service import Service

    batcher = Batcher(FieldAgent(ConstantVelocity()), 16)
    service = Service(batcher, SIGHT, lambda: None)
    kinds = {method.name: method.input_type.full_name for method in wire.methods(wire.DRIVER)}
    taken: dict[str, list[float]] = {name: [] for name in kinds}

    async def call(name: str, data: bytes) -> None:
        begin = time.process_time()
        response = await getattr(service, name)(wire.read(kinds[name], data))
        response.SerializeToString()
        taken[name].append((time.process_time() - begin) * 1e3)

    pictures = frames(8, 1920, 1080)
    await call("start_session", sim.start("own", CAMERAS).SerializeToString())
    for number in range(WARM + STEPS):
        now = number * STEP_US
        image = sim.image("own", now, pictures[number % 8], FRONT)
        await call("submit_image_observation", image.SerializeToString())
        await call("submit_egomotion_observation", motion("own", now))
        await call("submit_route", route("own", now))
        await call("drive", sim.drive("own", now).SerializeToString())
    batcher.close()
    service.close()
    of = {"drive": "drive", "picture": "submit_image_observation"}
    return {
        f"own_{name}_p{q}_ms": round(float(np.percentile(taken[call][WARM:], q)), 2)
        for name, call in of.items()
        for q in (50, 99)
    }


def at_once() -> dict[str, float]:
    """Figures of SESSIONS sessions at constant velocity."""
    with served("constant_velocity") as (port, process):
        client, found = sim.Client(port), []
        step_ms = server_ms(process, lambda: found.append(asyncio.run(many(port, ROUNDS))),
                            SESSIONS * ROUNDS)  # fmt: skip
        empty_ms = server_ms(
            process, lambda: [client.call("get_version") for _ in range(EMPTY)], EMPTY
        )
        client.close()
    taken, whole_s = found[0]
    rate = len(taken) / whole_s
    print(f"{SESSIONS} sessions at once: {rate:.0f} drives/s, {rate / SESSIONS:.1f} Hz each")
    print(f"the server's processor time: {step_ms:.2f} ms a step, {empty_ms:.2f} ms an empty call")
    return {
        "sessions": SESSIONS,
        "drives_per_s": round(rate),
        "drive_at_once_p99_ms": round(float(np.percentile(taken, 99)) * 1e3, 1),
        "step_cpu_ms": round(step_ms, 3),
        "empty_call_cpu_ms": round(empty_ms, 3),
        "step_cpu_empty_calls": round(step_ms / empty_ms, 2),
    }


def paced_and_memory() -> dict[str, float]:
    """Figures of a policy that sees: drives at 10 Hz, and memory."""
    with served("seeing") as (port, process):
        client, pictures = sim.Client(port), frames(8, 1920, 1080)
        measured = paced(client, pictures)
        held = memory(client, process, frames(1, 480, 270)[0])
        client.close()
    print(f"{'':<26}{'p50':>8}{'p99':>8}  ms, {len(pictures[0]) // 1000} kB a picture")
    for name, part in measured.items():
        print(f"{name:<26}{np.percentile(part, 50):>8.2f}{np.percentile(part, 99):>8.2f}")
    print(f"memory after each 100 sessions [MiB]: {' '.join(f'{m:.1f}' for m in held)}")
    of = {
        f"{name}_p{q}_ms": round(float(np.percentile(part, q)), 2)
        for name, part in measured.items()
        for q in (50, 99)
    }
    ratio = of["get_version_p99_ms"] / of["drive_p99_ms"]
    return {**of, "ratio": round(ratio, 2), "memory_growth_mib": round(held[-1] - held[0], 1)}


def main() -> None:
    cv2.setNumThreads(1)
    figures = asyncio.run(own())
    for name, value in figures.items():
        print(f"{name}: {value}")
    figures |= at_once() | paced_and_memory()
    print(json.dumps(figures | {"load": round(os.getloadavg()[0], 1)}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", choices=("seeing", "constant_velocity"), help="be the server")
    how = parser.parse_args().serve
    serve(how == "constant_velocity") if how else main()

"""Synchronous ticks per second of our side of CARLA's wire, on the tests' double of a server.

No CARLA runs here: the double moves one car and draws nothing, so what is left is the client's
library, the child process that holds it, and our own work in a tick. `client` is the library alone
(apply_control, tick, in the process that measures); `world` is `CarlaWorld.step` through the child;
`camera` has a front camera of the policy's size and looks at it in every step. `ratio` is `world`
to the 1,000 ticks a second that are aimed at.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
AIM = 1000.0
TICKS, ROUNDS, WARM = 1000, 5, 100


@contextmanager
def double():
    process = subprocess.Popen(
        [sys.executable, "-m", "carla_double"],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def rate(tick):
    """Ticks a second, the median of some rounds."""
    for _ in range(WARM):
        tick()
    found = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for _ in range(TICKS):
            tick()
        found.append(TICKS / (time.perf_counter() - begin))
    return statistics.median(found)


def client_alone(port):
    import carla

    client = carla.Client("127.0.0.1", port)
    client.set_timeout(10.0)
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.1
    world.apply_settings(settings)
    blueprint = world.get_blueprint_library().find("vehicle.lincoln.mkz_2017")
    car = world.spawn_actor(blueprint, world.get_map().get_spawn_points()[0])
    control = carla.VehicleControl(throttle=0.2)

    def tick():
        car.apply_control(control)
        world.tick()

    found = rate(tick)
    car.destroy()
    settings.synchronous_mode, settings.fixed_delta_seconds = False, None
    world.apply_settings(settings)
    return found


def ours(port, camera):
    from avvla.carla.settings import parse_settings
    from avvla.carla.world import CarlaWorld

    given = {"server": {"port": port}, "camera": {"enabled": camera}}
    world = CarlaWorld(parse_settings(given, "bench"))
    try:
        world.reset(world.settings.trip, 0)

        def tick():
            world.step(0.0, 0.0)
            if camera:
                world.observe()

        return rate(tick)
    finally:
        world.close()


def main():
    figures = {}
    for name, measure in (
        ("client", client_alone),
        ("world", lambda port: ours(port, False)),
        ("camera", lambda port: ours(port, True)),
    ):
        with double() as port:
            figures[f"{name}_ticks_per_s"] = round(measure(port), 1)
    figures["ratio"] = round(figures["world_ticks_per_s"] / AIM, 3)
    figures["server"] = "double"
    print(json.dumps(figures))
    # The client's library has threads that may abort an orderly exit.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

"""Coverage-guided fuzzing of what comes from outside: logs, calls of a simulator, its pictures.

Each target is a process of its own, whose inputs atheris makes from a few whole ones, guided by
the lines and comparisons of avvla that they reach. Native code (protobuf, OpenCV) is run, not
guided. What is asked: bad input is refused as such, and nothing else is ever raised.

    logs       a file as .asl, raw or as the messages behind a whole beginning
    calls      a simulator's calls one after the other, on the driver service without its transport
    pictures   a CameraSpec and the bytes of a frame, to the policy's picture

    python bench/fuzz.py --runs 100000 [--target logs]

An input that is not dealt with ends its target; it is kept and named, and the exit code is 1.
"""

import argparse
import asyncio
import json
import re
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

Target = Callable[[bytes], None]
HEAD = struct.Struct(">BH")
"""Of a call in an input: which, and the length of its message."""


def one_line(error: Exception) -> None:
    """What is told to the other side."""
    assert "\n" not in str(error)


def logs() -> tuple[Target, list[bytes]]:
    """What reads an .asl file."""
    from alpasim_factory import log, metadata, picture

    with atheris.instrument_imports(include=["avvla"]):
        from avvla.alpasim.asl import Log
        from avvla.alpasim.export import export
        from avvla.alpasim.summary import Progress
        from avvla.alpasim.wire import DamagedError
        from avvla.errors import UserError

    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    path, numbers = place / "rollout.asl", iter(range(1 << 62))
    begin = metadata(2)

    def target(data: bytes) -> None:
        framed = data[:1] == b"f"
        path.write_bytes(begin + struct.pack(">I", len(data) - 1) + data[1:] if framed else data)
        with path.open("rb") as file:
            read = Log(file, range(64))
            sizes = []
            for entry in read:
                sizes.append(entry.size + 4)
                try:
                    if entry.content is not None:
                        entry.message()
                except DamagedError:
                    continue
        assert sum(sizes) == read.end <= path.stat().st_size
        assert bool(read.problem) == (read.end < path.stat().st_size)
        progress = Progress(path)
        progress.advance()
        assert 0 <= progress.size <= read.end
        assert progress.steps >= 0
        assert progress.duration_s >= 0
        if len(data) % 8:
            return  # tables are slow to write
        output = place / str(next(numbers))
        try:
            export(path, output, video=False)
        except UserError:
            return
        for table in output.iterdir():
            table.unlink()
        output.rmdir()

    small = log(2, {"wide": picture(90)})
    return target, [small, log(1), small[:-5], b"f" + small[len(begin) + 4 :]]


def calls() -> tuple[Target, list[bytes]]:
    """What takes a simulator's calls."""
    import cv2
    import driver_client as sim
    import numpy as np

    with atheris.instrument_imports(include=["avvla"]):
        from avvla.driver import canaries, wire
        from avvla.driver.batcher import Batcher
        from avvla.driver.field_agent import FieldAgent
        from avvla.driver.refusal import RefusalError
        from avvla.driver.service import Service
        from avvla.driver.sight import Sight
        from avvla.physical_ai.camera import Crop
        from avvla.policy.interface import ConstantVelocity

    methods = [(m.name, m.input_type.full_name) for m in wire.methods(wire.DRIVER)]
    numbers = {name: number for number, (name, _) in enumerate(methods)}
    planners = (
        (canaries.RouteFollower(10.0), None),
        (canaries.Replay(), None),
        (FieldAgent(ConstantVelocity()), Sight(sim.FRONT, Crop(10.0, 33.0, 50.0), 16)),
    )
    loop = asyncio.new_event_loop()

    def parts(data: bytes) -> Iterator[tuple[int, bytes]]:
        at = 1
        while at + HEAD.size <= len(data):
            number, length = HEAD.unpack_from(data, at)
            at += HEAD.size + length
            yield number % len(methods), data[at - length : at]

    async def session(data: bytes) -> None:
        planner, sight = planners[data[0] % len(planners)]
        batcher = Batcher(planner, 4)
        service = Service(batcher, sight, lambda: None)
        try:
            for number, message in parts(data):
                name, kind = methods[number]
                try:
                    request = wire.read(kind, message)
                except ValueError:
                    continue
                try:
                    response = await getattr(service, name)(request)
                except RefusalError as refusal:
                    one_line(refusal)
                    continue
                response.SerializeToString()
                if name == "drive":
                    times, path = sim.poses(response)
                    assert len(times) == 65
                    assert (np.diff(times) > 0).all()
                    assert np.isfinite(path).all()
        finally:
            batcher.close()
            service.close()

    def target(data: bytes) -> None:
        if data:
            loop.run_until_complete(session(data))

    frame = cv2.imencode(".png", np.full((36, 64, 3), 90, np.uint8))[1].tobytes()
    route = np.stack([np.linspace(0, 80, 20), np.linspace(0, 9, 20)], -1)
    route[15:] = np.nan
    truth = [(i * sim.STEP_US, 0.8 * i, 0.0, 0.0) for i in range(20)]
    told = [
        ("get_version", b""),
        ("start_session", sim.start("a", {sim.FRONT: (64, 36)})),
        ("submit_recording_ground_truth", sim.truth("a", 0, truth)),
        *[
            ("submit_egomotion_observation", sim.egomotion("a", [(t, 8e-6 * t, 0, 0, 8)], old=old))
            for old, t in ((i % 2 == 0, i * sim.STEP_US) for i in range(17))
        ],
        ("submit_image_observation", sim.image("a", 16 * sim.STEP_US, frame)),
        ("submit_route", sim.route("a", 16 * sim.STEP_US, route)),
        ("drive", sim.drive("a", 16 * sim.STEP_US)),
        ("close_session", sim.close("a")),
        ("shut_down", b""),
    ]
    data = b""
    for name, request in told:
        message = request if isinstance(request, bytes) else request.SerializeToString()
        data += HEAD.pack(numbers[name], len(message)) + message
    return target, [bytes([which]) + data for which in range(len(planners))]


def pictures() -> tuple[Target, list[bytes]]:
    """What makes the policy's picture of a camera and a frame."""
    import cv2
    import driver_client as sim
    import numpy as np

    with atheris.instrument_imports(include=["avvla"]):
        from avvla.driver import wire
        from avvla.driver.frame import decoded
        from avvla.driver.lens import lens, picture
        from avvla.driver.refusal import RefusalError
        from avvla.physical_ai.camera import Crop

    crop, spec = Crop(10.0, 33.0, 50.0), "nre.grpc.protos.sensorsim.CameraSpec"

    def target(data: bytes) -> None:
        length = int.from_bytes(data[:2])
        try:
            message = wire.read(spec, data[2 : 2 + length])
        except ValueError:
            return
        try:
            camera = lens(message)
            seen = picture(camera, decoded(data[2 + length :]), crop, 16)
        except RefusalError as refusal:
            one_line(refusal)
            return
        assert (seen.shape, seen.dtype) == ((16, 16, 3), np.uint8)

    frame = np.random.default_rng(0).integers(0, 255, (36, 64, 3), np.uint8)
    flat = {"principal_point_x": 32.0, "principal_point_y": 18.0, "radial_coeffs": [0.1, 0.01]}
    flat |= {"focal_length_x": 40.0, "focal_length_y": 40.0}
    back = {**sim.f_theta(64, 36), "angle_to_pixeldist_poly": []}
    seeds = []
    for suffix in (".jpg", ".png"):
        image = cv2.imencode(suffix, frame)[1].tobytes()
        for kind in ({}, {"ftheta_param": back}, {"opencv_pinhole_param": flat}):
            cameras = sim.start("a", {"c": (64, 36)}, **kind).rollout_spec.vehicle.available_cameras
            message = cameras[0].intrinsics.SerializeToString()
            seeds.append(len(message).to_bytes(2) + message + image)
    return target, seeds


TARGETS = {made.__name__: made for made in (logs, calls, pictures)}


def child(name: str, runs: int, corpus: Path) -> None:
    """Fuzz one target; does not return."""
    target, seeds = TARGETS[name]()
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = ["-seed=1", "-max_len=8192", "-rss_limit_mb=6144", f"-artifact_prefix={name}-"]
    atheris.Setup([sys.argv[0], f"-atheris_runs={runs}", *options, str(corpus)], target)
    atheris.Fuzz()


def fuzzed(name: str, runs: int) -> dict[str, float]:
    """Figures of a target; what it did not deal with is printed."""
    with tempfile.TemporaryDirectory() as corpus:
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, __file__, "--child", name, "--runs", str(runs), "--corpus", corpus],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        spent_s = time.perf_counter() - begin
        kept = len(list(Path(corpus).iterdir()))
    points = [int(found) for found in re.findall(r"\bcov: (\d+)", done.stdout)]
    finished = re.findall(r"Done (\d+) in", done.stdout)
    if done.returncode:
        print(f"{name}: not dealt with:", *done.stdout.splitlines()[-40:], sep="\n")
    ran = int(finished[-1]) if finished else 0
    print(f"{name}: {ran} inputs in {spent_s:.0f} s, {points[-1] if points else 0} points reached,"
          f" {kept} inputs kept")  # fmt: skip
    return {
        f"{name}_inputs": ran,
        f"{name}_points": points[-1] if points else 0,
        f"{name}_found": int(done.returncode != 0),
        f"{name}_s": round(spent_s, 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100_000, help="inputs of each target")
    parser.add_argument("--target", choices=TARGETS, action="append", help="only this one")
    parser.add_argument("--child", choices=TARGETS, help=argparse.SUPPRESS)
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.runs, arguments.corpus)
    figures: dict[str, float] = {}
    for name in arguments.target or TARGETS:
        figures |= fuzzed(name, arguments.runs)
    print(json.dumps(figures))
    return 1 if any(figures[key] for key in figures if key.endswith("_found")) else 0


if __name__ == "__main__":
    sys.exit(main())

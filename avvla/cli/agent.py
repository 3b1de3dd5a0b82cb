"""`avvla agent`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from avvla.cli.command import add_command, add_group, only_beside
from avvla.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from avvla.agent.commander import Commander
    from avvla.agent.loop import Loop, Tick
    from avvla.agent.place import Place, Tour
    from avvla.cli.command import Group
    from avvla.config import Params, Synthetic
    from avvla.physical_ai.camera import Crop
    from avvla.policy.interface import Policy

COMMANDERS = ("given", "fixed", "vlm", "local")
ONLY = (
    ("carla", None, "world", ("carla",)),
    ("family", "lane_keeping", "world", ("embedded",)),
    ("checkpoint", Path("models/field_agent"), "policy", ("field_agent",)),
    ("command", "Follow the lane", "commander", ("fixed",)),
    ("url", None, "commander", ("vlm",)),
    ("model", None, "commander", ("vlm", "local")),
    ("goal", "", "commander", ("vlm", "local")),
)


def add(top: Group) -> None:
    """The group."""
    agent = add_group(top, "agent", "the Field Agent in real time, under a Commander")
    run = add_command(
        agent,
        "run",
        "drive in a world: a Commander of 1 Hz, an agent of 10 Hz, the safety override",
        _run,
    )
    run.add_argument(
        "--world",
        choices=("embedded", "carla"),
        default="embedded",
        help="where: the embedded world, or a CARLA server (default: %(default)s)",
    )
    run.add_argument(
        "--carla", type=Path, metavar="FILE", help="settings of a drive in CARLA (docs/carla.md)"
    )
    run.add_argument(
        "--family",
        help="of the embedded world's scenarios (default: lane_keeping)",
    )
    run.add_argument("--road", type=int, default=0, metavar="N", help="the first road (default: 0)")
    run.add_argument(
        "--checkpoint",
        type=Path,
        metavar="DIR",
        help="the Field Agent (default: models/field_agent)",
    )
    run.add_argument(
        "--policy",
        choices=("field_agent", "route_follower", "constant_velocity"),
        default="field_agent",
        help="who plans (default: %(default)s)",
    )
    run.add_argument(
        "--commander",
        choices=COMMANDERS,
        default="given",
        help="who commands: the world's scenario, a text, a vision-language model behind a chat API"
        " or one on this machine (default: %(default)s)",
    )
    run.add_argument("--command", help="of the fixed Commander (default: Follow the lane)")
    run.add_argument("--url", metavar="URL", help="of the chat API, up to /v1")
    run.add_argument("--model", metavar="NAME", help="of the chat API, or its folder here")
    run.add_argument("--goal", metavar="TEXT", help="where to go, for such a model")
    run.add_argument(
        "--command-every",
        type=float,
        default=1.0,
        metavar="S",
        help="between two questions to the Commander (default: 1.0)",
    )
    run.add_argument(
        "--clock",
        choices=("wall", "virtual"),
        default="wall",
        help="real time, or simulated with a given latency (default: %(default)s)",
    )
    run.add_argument(
        "--latency-ms", type=float, default=0.0, metavar="MS", help="of a plan, virtual clock only"
    )
    run.add_argument(
        "--duration", type=float, default=20.0, metavar="S", help="of the drive (default: 20)"
    )
    run.add_argument(
        "--chunking",
        action="store_true",
        help="bind each plan to the one before (see docs/agent.md)",
    )
    run.add_argument("--no-override", action="store_true", help="drive the plan as it is")
    run.add_argument("--live", action="store_true", help="show it in the terminal")
    run.add_argument("--output", type=Path, metavar="FILE", help="record of all ticks (Parquet)")


def _run(arguments: argparse.Namespace) -> int:
    from contextlib import ExitStack

    from avvla.params import load_params

    _check(arguments)
    params = load_params()
    commander = _commander(arguments)
    with ExitStack() as held:
        if arguments.policy == "route_follower":
            from avvla.driver.route_policy import RoutePolicy
            from avvla.physical_ai.camera import Crop

            build = params.build
            place = _tour(arguments, params, Crop.of(build), build.image_size, held)
            return _run_in(arguments, place, RoutePolicy(lambda: place), commander)
        policy, crop, image_size = _policy(arguments, params)
        place = _tour(arguments, params, crop, image_size, held)
        return _run_in(arguments, place, policy, commander)


def _run_in(
    arguments: argparse.Namespace, place: Tour, policy: Policy, commander: Commander
) -> int:
    """Drive, record and tell."""
    from contextlib import nullcontext

    from rich.live import Live

    from avvla.agent import live, telemetry
    from avvla.agent.loop import Loop, Settings

    loop = Loop(Settings(chunking=arguments.chunking, override=not arguments.no_override))
    view = Live(refresh_per_second=10) if arguments.live else None
    seen: list[Tick] = []
    with telemetry.recording(arguments.output) as recorder, view or nullcontext():

        def note(tick: Tick) -> None:
            seen.append(tick)
            recorder.note(tick)
            if view is not None:
                view.update(live.view(list(recorder.ring)))

        try:
            timing = _drive(arguments, place, loop, policy, commander, note)
        except KeyboardInterrupt:
            # What was driven until then is recorded.
            timing = "interrupted"
    for name, value in telemetry.summary(seen).items():
        print(f"{name.replace('_', ' ')}: {value:g}")
    for fault, count in telemetry.faults(seen).most_common(5):
        print(f"fault in {count} ticks: {fault}")
    print(f"roads: {place.roads}\n{timing}")
    return 130 if timing == "interrupted" else 0


def _check(arguments: argparse.Namespace) -> None:
    from avvla.actions.unicycle import DT_S

    for name in ("duration", "command_every"):
        if not 0 < getattr(arguments, name) < float("inf"):
            option = name.replace("_", "-")
            raise UserError(f"--{option} is {getattr(arguments, name):g}, expected more than 0 s")
    if arguments.duration < DT_S:
        raise UserError(f"--duration is {arguments.duration:g}, expected {DT_S} s or more, a tick")
    if arguments.road < 0:
        raise UserError(f"--road is {arguments.road}, expected 0 or more")
    if not 0 <= arguments.latency_ms < float("inf"):
        raise UserError(f"--latency-ms is {arguments.latency_ms:g}, expected 0 ms or more")
    if arguments.latency_ms and arguments.clock == "wall":
        raise UserError("--latency-ms is for --clock virtual: the wall clock measures its own")
    only_beside(arguments, ONLY)
    if arguments.policy == "route_follower" and arguments.world != "carla":
        raise UserError("--policy route_follower is for --world carla: no other tells it a route")


def _drive(
    arguments: argparse.Namespace,
    place: Tour,
    loop: Loop,
    policy: Policy,
    commander: Commander,
    note: Callable[[Tick], None],
) -> str:
    """Drive, and tell how the times were."""
    from avvla.agent import virtual, wall

    ticks = round(arguments.duration * 10)
    if arguments.clock == "wall":
        kept = wall.run(
            place, loop, policy, commander, ticks,
            command_every_s=arguments.command_every, note=note,
        )  # fmt: skip
        return f"{kept.late} of {kept.ticks} ticks late, worst {kept.worst_s * 1e3:.1f} ms"
    virtual.run(
        [place], [loop], policy, ticks,
        times=virtual.Times(lambda tick: arguments.latency_ms / 1e3, arguments.command_every),
        commanders=[commander],
        note=lambda index, tick: note(tick),
    )  # fmt: skip
    return f"virtual clock, {arguments.latency_ms:g} ms a plan"


def _commander(arguments: argparse.Namespace) -> Commander:
    from avvla import host
    from avvla.agent.chat import Chat
    from avvla.agent.commander import Fixed, Given
    from avvla.labels.taxonomy import command

    if arguments.commander == "fixed":
        return Fixed(command(arguments.command).text)
    if arguments.commander == "vlm":
        if not arguments.url or not arguments.model:
            raise UserError("--commander vlm needs --url and --model: say where which model is")
        return Chat(arguments.url, arguments.model, host.commander_token())
    if arguments.commander == "local":
        from avvla.agent.local_model import LocalModel

        if not arguments.model:
            raise UserError("--commander local needs --model: the folder of an image-text model")
        return LocalModel(Path(arguments.model), host.device())
    return Given()


def _policy(arguments: argparse.Namespace, params: Params) -> tuple[Policy, Crop, int]:
    """Who plans, and what is seen of the camera: its crop, as a square of so many pixels."""
    if arguments.policy == "constant_velocity":
        from avvla.physical_ai.camera import Crop
        from avvla.policy.interface import ConstantVelocity

        return ConstantVelocity(), Crop.of(params.build), params.build.image_size
    import torch

    from avvla import host
    from avvla.policy.driver import FieldAgent

    torch.set_num_threads(1)
    agent = FieldAgent(arguments.checkpoint, host.device())
    return agent, agent.crop, agent.image_size


def _tour(
    arguments: argparse.Namespace, params: Params, crop: Crop, image_size: int, held: ExitStack
) -> Tour:
    from avvla.agent.place import Tour

    if arguments.world == "carla":
        return Tour(_in_carla(arguments, crop, image_size, held))
    return Tour(_embedded(arguments, params.dataset.synthetic, crop, image_size))


def _embedded(
    arguments: argparse.Namespace, synthetic: Synthetic, crop: Crop, image_size: int
) -> Callable[[int], Place]:
    from avvla.agent.place import EmbeddedPlace
    from avvla.errors import one_of
    from avvla.world.embedded import EmbeddedWorld
    from avvla.world.recording import synthetic_camera
    from avvla.world.scenario import FAMILIES, PLAYED_KEY, draw_scenario

    family = one_of("--family", arguments.family, tuple(FAMILIES))
    camera = synthetic_camera(synthetic)

    def road(index: int) -> EmbeddedPlace:
        key = PLAYED_KEY, arguments.road + index
        world = EmbeddedWorld(camera, synthetic.randomisation)
        world.reset(draw_scenario(family, *key), *key)
        return EmbeddedPlace(world, crop, image_size, arguments.goal)

    return road


def _in_carla(
    arguments: argparse.Namespace, crop: Crop, image_size: int, held: ExitStack
) -> Callable[[int], Place]:
    from avvla.carla.place import CarlaPlace, roads_of
    from avvla.carla.settings import CarlaSettings, load_settings
    from avvla.carla.world import CarlaWorld

    settings = load_settings(arguments.carla) if arguments.carla else CarlaSettings()
    world = CarlaWorld(settings)
    held.callback(world.close)
    roads = roads_of(world)

    def road(index: int) -> CarlaPlace:
        world.reset(settings.trip, arguments.road + index)
        return CarlaPlace(world, crop, image_size, roads, arguments.goal)

    return road

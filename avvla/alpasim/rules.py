"""The rules of one run folder: where the driver is, what it is asked, when.

Each rule is a function of the folder that yields findings. What a rule rests on was measured with
Alpasim's own programs, and says which version it is about where that matters (docs/alpasim.md).
"""

from __future__ import annotations

from collections.abc import Iterator

from avvla.alpasim.configuration import PORT
from avvla.alpasim.finding import Finding, error, warning
from avvla.alpasim.parity import cameras_match
from avvla.alpasim.run_folder import (
    COMPOSE,
    DRIVER,
    NETWORK,
    WIZARD,
    Role,
    RunFolder,
    driver_services,
    split_address,
)
from avvla.alpasim.views import Simulation
from avvla.alpasim.yaml_file import read
from avvla.errors import UserError

DRIVER_PORT = 6000
"""Where `avvla driver serve` listens unless told otherwise."""
CLIP_S = 24.0
"""A scene's recording is about that long; a folder does not say it."""
_HERE = ("localhost", "127.0.0.1", "::1")
_CONFIGURE = "`avvla alpasim configure {} --driver-host HOST:6000`"


def check(folder: RunFolder, role: Role | None = None) -> list[Finding]:
    """All findings, in the order of the files; `role` is the host that the folder is on.

    Raises:
        UserError: a file is missing or damaged.
    """
    folder.layout  # noqa: B018  a folder of no known layout has no rules
    found = [*driver_address(folder), *resident_driver(folder), *scenes(folder)]
    found += [*scene_set(folder), *timing(folder)]
    found += cameras_match(folder)
    if role != "sim":
        found += driver_host(folder)
    return found


def is_local(address: str) -> bool:
    """Whether a driver's address is of this host or of a container beside the runtime."""
    try:
        host, _ = split_address(address)
    except UserError:
        return False
    return host in _HERE or host.startswith("driver-")


def driver_address(folder: RunFolder) -> Iterator[Finding]:
    """Every driver is a host:port of its own, the port the one that the driver listens on."""
    key = f"driver.{folder.layout.network}"
    fix = _CONFIGURE.format(folder.path)
    addresses = folder.driver_addresses
    if not addresses:
        yield error(NETWORK, key, "no address", "host:port", fix)
    others = {
        place: name
        for name, service in folder.network.services.items()
        if name != "driver"
        for place in service.places
    }
    for address in addresses:
        try:
            _, port = split_address(address)
        except UserError:
            yield error(NETWORK, key, repr(address), "host:port", fix)
            continue
        if address in others:
            yield error(
                NETWORK, key, address, f"an address of its own, not that of {others[address]}", fix
            )
        if port != DRIVER_PORT:
            yield warning(
                NETWORK,
                key,
                address,
                f"port {DRIVER_PORT}",
                f"{fix}, or serve the driver with --port {port}",
            )
        if is_local(address) and port in _metrics_ports(folder):
            yield error(
                NETWORK,
                key,
                address,
                "a port that prometheus does not take on this host",
                "keep the wizard's port and serve the driver there",
            )
    for place in folder.network.services["driver"].endpoints or ():
        if place.managed and not is_local(place.address):
            yield error(
                NETWORK,
                f"{key}.managed",
                f"true for {place.address}",
                "false for a driver that Alpasim does not start",
                fix,
            )


def resident_driver(folder: RunFolder) -> Iterator[Finding]:
    """A driver on another host outlives the run, so the run must not end it."""
    away = any(not is_local(address) for address in folder.driver_addresses)
    for file, user in zip(folder.user_files, folder.users, strict=True):
        if user.endpoints.do_shutdown:
            kind = error if away else warning
            yield kind(
                file.path.name,
                "endpoints.do_shutdown",
                "true",
                "false for a driver that stays up (the stock one exits after the run)",
                _CONFIGURE.format(folder.path),
            )


def scenes(folder: RunFolder) -> Iterator[Finding]:
    """Every simulation has a scene, each scene once."""
    fix = f"`avvla alpasim scenes register {folder.path} SCENE`"
    for file, user in zip(folder.user_files, folder.users, strict=True):
        key = "scenarios.scene_id" if user.scenarios is not None else "scenes.scene_id"
        if not user.scene_ids or not all(user.scene_ids):
            yield error(file.path.name, key, "none", "a scene for each simulation", fix)
        for scene in sorted({name for name in user.scene_ids if name}):
            if user.scene_ids.count(scene) > 1:
                times = user.scene_ids.count(scene)
                yield warning(
                    file.path.name, key, f"{scene} {times} times", "n_rollouts to repeat one", fix
                )


def scene_set(folder: RunFolder) -> Iterator[Finding]:
    """Renderer and physics have the scenes: they read a set of links that the wizard made."""
    path = folder.path / WIZARD
    section = read(path).plain.get("scenes") if path.exists() else None
    made = section.get("scene_ids") if isinstance(section, dict) else None
    if not isinstance(made, list) or not made:
        return  # a whole suite, or a folder without the wizard's own file: nothing to compare
    for file, user in zip(folder.user_files, folder.users, strict=True):
        for scene in sorted({name for name in user.scene_ids if name} - set(map(str, made))):
            yield warning(
                file.path.name,
                "scene_id",
                scene,
                f"one that {WIZARD} made the scene set for, or one that was linked into it",
                f"`avvla alpasim scenes link {folder.path} {scene}` if it was not",
            )


def timing(folder: RunFolder) -> Iterator[Finding]:
    """Frames and poses fall on control steps, and the driver's context is full before it drives."""
    context = folder.driver.inference
    for file, user in zip(folder.user_files, folder.users, strict=True):
        for where, made in user.simulations:
            yield from _frames(file.path.name, where, made, older=user.scenarios is not None)
            intervals = [camera.frame_interval_us for camera in made.cameras]
            needed_us = (
                (context.context_length - 1) * context.subsample_factor * max(intervals, default=0)
            )
            if needed_us > made.force_gt_duration_us:
                yield error(
                    file.path.name,
                    f"{where}.force_gt_duration_us",
                    made.force_gt_duration_us,
                    f"{needed_us} or more, for {context.context_length} frames of context",
                    f"raise it, or lower inference.context_length in {DRIVER}",
                )
            length_s = made.n_sim_steps * made.control_timestep_us / 1e6
            if length_s > CLIP_S:
                yield warning(
                    file.path.name,
                    f"{where}.n_sim_steps",
                    f"{made.n_sim_steps} ({length_s:g} s)",
                    f"at most the clip's length, about {CLIP_S:g} s",
                    f"`avvla alpasim configure {folder.path}"
                    f" --steps {int(CLIP_S * 1e6 // made.control_timestep_us)}`",
                )


def driver_host(folder: RunFolder) -> Iterator[Finding]:
    """The stock driver's container listens where the network configuration says, and is reached."""
    names = driver_services(folder.compose)
    ports = {int(address.rpartition(":")[2]) for address in _valid(folder.driver_addresses)}
    for name in names[:1]:
        container = folder.compose.services[name]
        key = f"services.{name}"
        given = PORT.search(container.command_line)
        got = int(given[1]) if given else folder.driver.port
        if got not in ports:
            listed = " or ".join(map(str, sorted(ports))) or "one of the network configuration"
            yield error(
                COMPOSE,
                f"{key}.command",
                f"port={got}" if got else "no port=",
                f"port={listed}, as in {NETWORK}",
                f"{_CONFIGURE.format(folder.path)} on both hosts",
            )
        published = {str(place).split(":")[0] for place in container.ports}
        if container.network_mode != "host" and str(got) not in published:
            yield error(
                COMPOSE,
                f"{key}.network_mode",
                container.network_mode or "a bridge that publishes no port",
                "host",
                "write the folder with wizard.debug_flags.use_localhost=True",
            )


def _frames(file: str, where: str, made: Simulation, *, older: bool) -> Iterator[Finding]:
    step_us = made.control_timestep_us
    # Versions with scenarios refuse a decision on anything older than the step itself.
    exact = older and made.assert_zero_decision_delay
    intervals = [
        (f"{where}.cameras[{number}].frame_interval_us", camera.frame_interval_us)
        for number, camera in enumerate(made.cameras)
    ]
    if made.egopose_interval_us is not None:
        intervals.append((f"{where}.egopose_interval_us", made.egopose_interval_us))
    for key, interval_us in intervals:
        fix = f"set it to {step_us}"
        if step_us % interval_us and (exact or interval_us % step_us):
            part = "a whole part of it" if exact else "a multiple or a whole part of it"
            yield error(file, key, interval_us, f"control_timestep_us {step_us} or {part}", fix)
        elif interval_us != step_us:
            yield warning(file, key, interval_us, f"control_timestep_us {step_us}", fix)
    for number, camera in enumerate(made.cameras):
        offset_us, shutter_us = camera.first_frame_offset_us, camera.shutter_duration_us
        if exact and offset_us is not None and offset_us != -shutter_us:
            yield error(
                file,
                f"{where}.cameras[{number}].first_frame_offset_us",
                offset_us,
                f"{-shutter_us}, so that a frame ends at the control step",
                f"set it to {-shutter_us}",
            )


def _metrics_ports(folder: RunFolder) -> set[int]:
    """Ports of prometheus in the user configuration."""
    found = set()
    for file in folder.user_files:
        section = file.plain.get("prometheus")
        if isinstance(section, dict):
            workers = section.get("worker_ports")
            found |= (
                {port for port in workers or () if isinstance(port, int)}
                if isinstance(workers, list)
                else set()
            )
            tail = str(section.get("url", "")).rstrip("/").rpartition(":")[2]
            found |= {int(tail)} if tail.isascii() and tail.isdecimal() else set()
    return found


def _valid(addresses: tuple[str, ...]) -> Iterator[str]:
    for address in addresses:
        try:
            split_address(address)
        except UserError:
            continue
        yield address

"""What has to be the same twice: cameras of runtime and driver, and the files of both hosts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from avvla.alpasim.finding import Finding, error
from avvla.alpasim.run_folder import DRIVER, NETWORK, RunFolder
from avvla.alpasim.views import User


def cameras_match(folder: RunFolder) -> Iterator[Finding]:
    """The runtime sends the cameras that the driver uses, no more and no less, in any order.

    The stock driver raises on an image that it does not use and waits for one that never comes;
    avvla's leaves out the first and refuses the session on the second.
    """
    used = folder.driver.inference.use_cameras
    yield from _once(DRIVER, "inference.use_cameras", used)
    for file, user in zip(folder.user_files, folder.users, strict=True):
        for where, made in user.simulations:
            sent = [camera.logical_id for camera in made.cameras]
            name, key = file.path.name, f"{where}.cameras"
            yield from _once(name, f"{key}.logical_id", sent)
            fix = (
                f"`avvla alpasim configure {folder.path} --cameras {' '.join(dict.fromkeys(used))}`"
            )
            for camera in sorted(set(used) - set(sent)):
                yield error(name, key, "no " + camera, f"it, since {DRIVER} uses it", fix)
            fix = (
                f"`avvla alpasim configure {folder.path} --cameras {' '.join(dict.fromkeys(sent))}`"
            )
            for camera in sorted(set(sent) - set(used)):
                yield error(
                    DRIVER, "inference.use_cameras", "no " + camera, f"it, since {name} has it", fix
                )


def folders_match(one: RunFolder, other: RunFolder) -> Iterator[Finding]:
    """The folders of both hosts say the same about all that both sides go by."""
    fix = f"run the same `avvla alpasim configure` on {one.path} and {other.path}"
    for file, key, ours, theirs in _compared(one, other):
        if ours != theirs:
            yield error(file, key, _told(ours), f"{_told(theirs)}, as in {other.path}", fix)


def _compared(one: RunFolder, other: RunFolder) -> Iterator[tuple[str, str, object, object]]:
    yield "the folder", "layout", one.layout, other.layout
    yield NETWORK, "driver", one.driver_addresses, other.driver_addresses
    for name in ("context_length", "subsample_factor"):
        pair = (getattr(folder.driver.inference, name) for folder in (one, other))
        yield DRIVER, f"inference.{name}", *pair
    yield (
        DRIVER,
        "inference.use_cameras",
        sorted(one.driver.inference.use_cameras),
        sorted(other.driver.inference.use_cameras),
    )
    yield "user configuration", "files", len(one.user_files), len(other.user_files)
    for file, ours, theirs in zip(one.user_files, one.users, other.users, strict=False):
        yield file.path.name, "scenes", sorted(ours.scene_ids), sorted(theirs.scene_ids)
        yield file.path.name, "simulation", _simulated(ours), _simulated(theirs)


def _simulated(user: User) -> list[dict[str, object]]:
    """What is simulated, cameras by name: their order is without meaning."""
    found = []
    for _, made in user.simulations:
        kept = made.model_dump(exclude={"cameras", "scene_id"}, exclude_none=True)
        sent = sorted(made.cameras, key=lambda camera: camera.logical_id)
        found.append(
            kept
            | {
                camera.logical_id: f"{camera.width}x{camera.height} every"
                f" {camera.frame_interval_us} us"
                for camera in sent
            }
        )
    return found


def _told(value: object) -> str:
    if isinstance(value, tuple | list):
        return "; ".join(map(_told, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)


def _once(file: str, key: str, names: Iterable[str]) -> Iterator[Finding]:
    names = list(names)
    for name in sorted(set(names)):
        if names.count(name) > 1:
            yield error(
                file, key, f"{name} {names.count(name)} times", "each camera once", "remove one"
            )
    if not names:
        yield error(file, key, "none", "a camera", "name one with `configure --cameras`")

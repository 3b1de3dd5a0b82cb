"""The cameras of a user configuration as a list, whatever form they were written in.

Two forms are known: the wizard's list (`logical_id`, `frame_interval_us`) and a shorthand that
people write by hand, a mapping from the name, or a list, with `frequency_hz`.
"""

from __future__ import annotations

import copy
import math
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from avvla.errors import UserError

SHUTTER_US = 30_000
"""The exposure that the wizard writes for every camera [microseconds]."""


def listed(cameras: Any, where: str, *, offsets: bool) -> CommentedSeq:
    """The cameras as the wizard's list; one that is in this form already comes back itself.

    `offsets`: this version of Alpasim reads first_frame_offset_us, which must then be minus the
    exposure so that a frame ends exactly at a control step.

    Raises:
        UserError: an entry is no mapping, has no name, or a rate that is no whole interval.
    """
    if isinstance(cameras, CommentedMap):
        found = CommentedSeq()
        for name, camera in cameras.items():
            if not isinstance(camera, CommentedMap):
                raise UserError(
                    f"{where}.{name} is {camera!r:.60}, expected width, height and frequency_hz or"
                    " frame_interval_us"
                )
            entry = CommentedMap({"logical_id": name})
            entry.update((key, value) for key, value in camera.items() if key != "logical_id")
            found.append(entry)
    elif isinstance(cameras, CommentedSeq):
        found = cameras
    else:
        raise UserError(f"{where} is {cameras!r:.60}, expected a list of cameras")
    for number, camera in enumerate(found):
        _complete(camera, f"{where}[{number}]", offsets=offsets)
    return found


def chosen(cameras: CommentedSeq, names: tuple[str, ...], where: str) -> CommentedSeq:
    """The named cameras in the order of the file, then those that were not there.

    A new camera is like the first one of the file in all but its name.

    Raises:
        UserError: a new one is asked for and the file has none to go by.
    """
    there = {camera["logical_id"]: camera for camera in cameras}
    new = [name for name in names if name not in there]
    if new and not there:
        raise UserError(f"{where} is empty: nothing tells the size of {', '.join(new)}")
    for name in [name for name in there if name not in names]:
        cameras.remove(there[name])
    for name in new:
        made = copy.deepcopy(next(iter(there.values())))
        made["logical_id"] = name
        cameras.append(made)
    return cameras


def _complete(camera: Any, where: str, *, offsets: bool) -> None:
    if not isinstance(camera, CommentedMap) or not isinstance(camera.get("logical_id"), str):
        raise UserError(f"{where} is {camera!r:.60}, expected a camera with a logical_id")
    if "frequency_hz" in camera:
        interval_us = _interval_us(camera["frequency_hz"], f"{where}.frequency_hz")
        if camera.setdefault("frame_interval_us", interval_us) != interval_us:
            raise UserError(
                f"{where} has frequency_hz {camera['frequency_hz']} and frame_interval_us"
                f" {camera['frame_interval_us']}, which differ: remove one of them"
            )
        del camera["frequency_hz"]
    if "shutter_duration_us" not in camera:
        camera["shutter_duration_us"] = SHUTTER_US
    if offsets and "first_frame_offset_us" not in camera:
        shutter_us = camera["shutter_duration_us"]
        camera["first_frame_offset_us"] = -shutter_us if type(shutter_us) is int else -SHUTTER_US


def _interval_us(frequency_hz: Any, where: str) -> int:
    fine = isinstance(frequency_hz, int | float) and not isinstance(frequency_hz, bool)
    if not fine or not math.isfinite(frequency_hz) or frequency_hz <= 0:
        raise UserError(f"{where} is {frequency_hz!r}, expected frames per second above 0")
    interval_us = round(1e6 / float(frequency_hz))
    if not math.isclose(interval_us * frequency_hz, 1e6, rel_tol=1e-9):
        raise UserError(
            f"{where} is {frequency_hz}, whose interval is no whole number of microseconds: give"
            " frame_interval_us"
        )
    return interval_us

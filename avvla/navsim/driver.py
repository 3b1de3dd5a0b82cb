"""The driver's process: settings first, then a plan for each request, until the requests end.

    {settings: JSON}                       -> {ready: 1} or {error: text}, which ends it
    {image, intrinsics, ..., see observe}  -> {poses: (40, 3)} or {error: text}

A request that is refused is one scene's failure: the next one is answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

from pydantic import Field, ValidationError

from avvla.errors import UserError
from avvla.labels.taxonomy import command
from avvla.navsim import wire
from avvla.navsim.observation import DRIVING_COMMANDS, observe, poses
from avvla.physical_ai.camera import Crop
from avvla.policy.interface import ConstantVelocity, Policy
from avvla.record import Record

_CANARYS = Crop(10.0, 10.0, 10.0), 8  # nothing looks at it


class Settings(Record):
    """How to drive: the agent's yaml, without what is the devkit's."""

    policy: Literal["field_agent", "constant_velocity"]
    checkpoint: str
    """Folder of the Field Agent, absolute; not looked at otherwise."""
    device: str
    """Torch's."""
    commands: Annotated[tuple[str, ...], Field(min_length=4, max_length=4)]
    """Texts of the taxonomy for left, straight, right and unknown."""


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer until `requests` end.

    Raises:
        UserError: the settings are refused, or a message is none of ours; the other side is told.
    """
    try:
        settings = _settings(_receive(requests))
        policy, crop, size = _driver(settings)
    except UserError as error:
        wire.send(replies, error=str(error))
        raise
    wire.send(replies, ready=1)
    while (request := _receive(requests)) is not None:
        try:
            plan = policy.plan(observe(request, crop, size, settings.commands))
        except UserError as error:
            wire.send(replies, error=str(error))
        else:
            wire.send(replies, poses=poses(plan))


def _receive(requests: BinaryIO) -> dict[str, Any] | None:
    try:
        return wire.receive(requests)
    except ValueError as error:
        raise UserError(
            f"{error}: expected an agent of NAVSIM on the other side, which starts `avvla navsim"
            " serve` itself (docs/navsim.md)"
        ) from None


def _settings(message: Mapping[str, Any] | None) -> Settings:
    if message is None or set(message) != {"settings"}:
        raise UserError(
            f"the first message holds {sorted(message or {})}, expected settings: `avvla navsim"
            " serve` is started by the agent inside NAVSIM (docs/navsim.md)"
        )
    try:
        settings = Settings.model_validate_json(str(message["settings"]))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the text"
        raise UserError(
            f"the agent's yaml: {where} is {first['input']!r}: {first['msg']}; write it again with"
            " `avvla navsim config`"
        ) from None
    for name, text in zip(DRIVING_COMMANDS, settings.commands, strict=True):
        try:
            command(text)
        except UserError as error:
            raise UserError(f"the agent's yaml: text of the command {name}: {error}") from None
    return settings


def _driver(settings: Settings) -> tuple[Policy, Crop, int]:
    """A policy, what it sees of the camera, and the side of that image [px]."""
    if settings.policy == "constant_velocity":
        return ConstantVelocity(), *_CANARYS
    from avvla.policy.driver import FieldAgent  # torch, which the canary does without

    agent = FieldAgent(Path(settings.checkpoint), settings.device)
    return agent, agent.crop, agent.image_size

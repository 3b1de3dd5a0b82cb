"""The YAML file of a training, read and checked.

An unknown key is refused with the nearest known one, and a key of carla-simulator/rllib-integration
with its name here.
"""

from __future__ import annotations

import difflib
import importlib
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from avvla.errors import UserError
from avvla.rl.experiment import BaseExperiment, ExperimentSettings
from avvla.rl.legacy import LEGACY
from avvla.rl.settings import Settings


def load_settings(path: Path) -> Settings:
    """Read and check a configuration.

    Raises:
        UserError: the file is missing, is no YAML mapping, or has an unknown key or a bad value.
    """
    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path} is missing: expected a configuration, see docs/rl.md") from None
    except (OSError, ValueError, KeyError, AttributeError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path} holds {type(raw).__name__}, expected a mapping: see docs/rl.md")
    try:
        return settings_of(raw)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def settings_of(plain: Mapping[str, Any]) -> Settings:
    """Check a configuration of plain values.

    Raises:
        UserError: an unknown key or a bad value.
    """
    given = plain.get("experiment", {})
    kind: type[ExperimentSettings] = ExperimentSettings
    if isinstance(given, Mapping):
        default = ExperimentSettings.model_fields["path"].default
        kind = _experiment_class(given.get("class", default)).settings_type
    problems: list[str] = []
    experiment = _checked(kind, given, ("experiment",), problems)
    rest = {**plain, "experiment": experiment or ExperimentSettings()}
    whole = _checked(Settings, rest, (), problems)
    if whole is None or problems:
        raise UserError("; ".join(problems))
    return whole


def plain_of(settings: Settings) -> dict[str, Any]:
    """The configuration as plain values, from which `settings_of` makes an equal one."""
    return settings.model_dump(mode="json", by_alias=True)


def experiment_of(settings: Settings) -> BaseExperiment:
    """A new experiment of the configured class.

    Raises:
        UserError: the class cannot be had.
    """
    return _experiment_class(settings.experiment.path)(settings.experiment)


def _experiment_class(path: Any) -> type[BaseExperiment]:
    what = f"experiment.class is {path!r}"
    module, _, name = str(path).partition(":")
    if not module or not name:
        raise UserError(f"{what}, expected module:Name, as avvla.rl.lane:DiscreteLane")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UserError(f"{what}, which cannot be imported ({error})") from None
    if not (isinstance(found, type) and issubclass(found, BaseExperiment)):
        raise UserError(f"{what}, expected a class derived from avvla.rl.experiment.BaseExperiment")
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        raise UserError(f"{what}, which lacks {', '.join(missing)}")
    return found


def _checked[M: BaseModel](
    kind: type[M], given: Any, above: tuple[str, ...], problems: list[str]
) -> M | None:
    """The model, or None and its problems in words."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        problems += [_sentence(kind, detail, above) for detail in error.errors()]
    return None


def _sentence(kind: type[BaseModel], detail: Any, above: tuple[str, ...]) -> str:
    """One pydantic error as a sentence with the value got and the nearest known key."""
    location, got = detail["loc"], detail["input"]
    named, holder = _walk(kind, location)
    name = " ".join(".".join((*above, *named)).split()) or "the file"
    if detail["type"] == "value_error":
        # A check of ours has its own words; a whole section would only be repeated before them.
        told = str(detail["ctx"]["error"])
        whole = f"{name}: " if named else ""
        return f"{whole if isinstance(got, dict) else f'{name} is {got!r}: '}{told}"
    if detail["type"] != "extra_forbidden":
        return f"{name} is {got!r}: {detail['msg'].lower()}"
    last = str(location[-1])
    if last in LEGACY:
        return f"`{name}` is a key of rllib-integration: {LEGACY[last]}"
    known = [field.alias or key for key, field in holder.model_fields.items()]
    near = difflib.get_close_matches(last, known, n=1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(known)}"
    return f"unknown parameter `{name}`; {hint}"


def _walk(
    kind: type[BaseModel], location: Sequence[str | int]
) -> tuple[list[str], type[BaseModel]]:
    """Names on the way to a place, without the tags of unions, and the model that holds it."""
    named: list[str] = []
    holder, field, parts = kind, None, list(location)
    for part in parts:
        members = _models(field.annotation) if field is not None else [holder]
        tagged = [member for member in members if _tag(member, field) == part]
        if tagged:
            holder, field = tagged[0], None
            continue
        if field is not None and members:
            holder = members[0]
        named.append(str(part))
        field = holder.model_fields.get(str(part))
    return named, holder


def _models(annotation: Any) -> list[type[BaseModel]]:
    if get_origin(annotation) in (Union, types.UnionType):
        return [model for member in get_args(annotation) for model in _models(member)]
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return [annotation] if is_model else []


def _tag(member: type[BaseModel], field: FieldInfo | None) -> str | None:
    """What a union's discriminator is in this member."""
    if field is None or not isinstance(field.discriminator, str):
        return None
    annotation = member.model_fields[field.discriminator].annotation
    return str(get_args(annotation)[0]) if get_origin(annotation) is Literal else None

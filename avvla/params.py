"""Parameter files, read and checked: params.yaml, and whatever else people write as YAML.

An unknown key is refused with the nearest known one, a value out of range with the range.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from avvla.config import Params
from avvla.config.section import Section
from avvla.errors import UserError


def load_params(path: Path = Path("params.yaml")) -> Params:
    """The parameters of the root's pipeline.

    Raises:
        UserError: see `load`.
    """
    return load(Params, path)


def load[P: Section](kind: type[P], path: Path) -> P:
    """Read and check a parameter file.

    Raises:
        UserError: the file is missing, is no YAML mapping, or has an unknown key or a bad value.
    """
    raw = read_mapping(path, f"run from the project's root, or `git checkout {path}`")
    try:
        return checked(kind, raw)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def read_mapping(path: Path, advice: str) -> dict[Any, Any]:
    """The mapping of a YAML file; `advice` says what to do where it is missing.

    Raises:
        UserError: the file is missing or is no YAML mapping.
    """
    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {advice}") from None
    except (OSError, ValueError, KeyError, AttributeError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path} holds {type(raw).__name__}, expected a mapping of names to values")
    return raw


def checked[P: BaseModel](
    kind: type[P],
    given: Any,
    *,
    above: Sequence[str] = (),
    renamed: Mapping[str, str] = MappingProxyType({}),
) -> P:
    """The model of plain values.

    Args:
        kind: the model.
        given: the values.
        above: keys that lead to them in their file.
        renamed: keys of another program, and what is said to who writes them.

    Raises:
        UserError: an unknown key or a bad value.
    """
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        told = [_sentence(kind, detail, above, renamed) for detail in error.errors()]
        raise UserError("; ".join(told)) from None


def _sentence(
    kind: type[BaseModel], detail: Any, above: Sequence[str], renamed: Mapping[str, str]
) -> str:
    """One pydantic error as a sentence with the value got and the nearest known key."""
    location, got = detail["loc"], detail["input"]
    named, holder = _walk(kind, location)
    name = " ".join(".".join((*above, *named)).split())
    if detail["type"] == "value_error":
        # A check of ours has its own words; a whole section would only be repeated before them.
        told = str(detail["ctx"]["error"])
        if isinstance(got, Mapping):
            return f"{name}: {told}" if name else told
        return f"{name} is {got!r}: {told}"
    if detail["type"].startswith("union_tag_"):
        return _untagged(detail, name)
    if detail["type"] != "extra_forbidden":
        return f"{name or 'the file'} is {got!r}: {detail['msg'].lower()}"
    last = str(location[-1])
    if last in renamed:
        return f"`{name}` {renamed[last]}"
    known = [field.alias or key for key, field in holder.model_fields.items()]
    near = difflib.get_close_matches(last, known, n=1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(known)}"
    return f"unknown parameter `{name}`; {hint}"


def _untagged(detail: Any, name: str) -> str:
    """A section of several kinds that does not say which one it is, or says one that is none."""
    key = detail["ctx"]["discriminator"].strip("'")
    if detail["type"] == "union_tag_not_found":
        return f"{name} has no `{key}`: say which kind it is"
    expected = detail["ctx"]["expected_tags"].replace(", ", " or ")
    return f"{name}.{key} is {detail['ctx']['tag']!r}, expected {expected}"


def _walk(
    kind: type[BaseModel], location: Sequence[str | int]
) -> tuple[list[str], type[BaseModel]]:
    """Names on the way to a place, without the tags of unions, and the last model on it."""
    named: list[str] = []
    holder, ahead, discriminator = kind, [kind], None
    for part in location:
        tagged = [model for model in ahead if _tag(model, discriminator) == part]
        if tagged:
            ahead, discriminator = tagged, None
            continue
        named.append(str(part))
        if not ahead:
            continue
        holder = ahead[0]
        field = holder.model_fields.get(str(part))
        if field is None:  # an alias, an item of a list or dictionary, or an unknown key
            continue
        ahead, discriminator = list(_models(field.annotation)), field.discriminator
        holder = ahead[0] if ahead else holder
    return named, holder


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a value may be of, or that the items of a container are of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType, dict, list, tuple):
        for inner in get_args(annotation):
            yield from _models(inner)


def _tag(model: type[BaseModel], discriminator: object) -> str | None:
    """What a union's discriminator is in this model."""
    if not isinstance(discriminator, str):
        return None
    annotation = model.model_fields[discriminator].annotation
    return str(get_args(annotation)[0]) if get_origin(annotation) is Literal else None

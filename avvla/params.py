"""Parameter files, read and checked: params.yaml, and those of the pipelines beside the root's.

An unknown key is refused with the nearest known one, a value out of range with the range.
"""

from __future__ import annotations

import difflib
from pathlib import Path

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
    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing: run from the project's root, or `git checkout {path}`"
        ) from None
    except (OSError, ValueError, KeyError, AttributeError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path} holds {type(raw).__name__}, expected a mapping: see avvla/config/")
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise UserError(
            f"{path}: " + "; ".join(_sentence(kind, detail) for detail in error.errors())
        ) from None


def _sentence(kind: type[Section], detail: object) -> str:
    """One pydantic error as a sentence with the value got and the nearest known key."""
    assert isinstance(detail, dict)
    location, got = detail["loc"], detail["input"]
    name = " ".join(".".join(str(part) for part in location).split())
    if detail["type"] != "extra_forbidden":
        return f"{name} is {got!r}: {detail['msg'].lower()}"
    known = list(_section_at(kind, location[:-1]).model_fields)
    near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(known)}"
    return f"unknown parameter `{name}`; {hint}"


def _section_at(kind: type[Section], location: tuple[str | int, ...]) -> type[BaseModel]:
    section: type[BaseModel] = kind
    for part in location:
        annotation = section.model_fields[str(part)].annotation
        assert isinstance(annotation, type)
        assert issubclass(annotation, BaseModel)
        section = annotation
    return section

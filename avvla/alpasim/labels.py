"""What is to be seen in a scene: its labels.json, in whatever shape, and a search over them.

The shape of the file is not documented, so any is taken: a scalar or a list, a bool or its text, a
mapping of names to bools (those that are true), mappings inside mappings (their names joined by a
dot). Everything becomes lower-case text.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from avvla.alpasim.nearest import nearest
from avvla.errors import UserError

FILE = "labels.json"
Labels = dict[str, tuple[str, ...]]
"""Values of each category, sorted."""


def read(path: Path) -> Labels:
    """The labels of a scene.

    Raises:
        UserError: the file is damaged or holds no object.
    """
    try:
        found = json.loads(path.read_bytes())
    except RecursionError:
        found = None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read as JSON ({error}): remove it and fetch it again"
        ) from None
    if not isinstance(found, dict):
        raise UserError(f"{path} holds no object of labels: remove it and fetch it again")
    labels: Labels = {}
    _collect(found, "", labels)
    return dict(sorted(labels.items()))


def conditions(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Category and value of each key=value, in lower case.

    Raises:
        UserError: one is in another form.
    """
    found = []
    for text in texts:
        key, equals, value = text.partition("=")
        if not key.strip() or not equals or not value.strip():
            raise UserError(f"the condition is {text!r}, expected key=value, as weather=rain")
        found.append((key.strip().lower(), value.strip().lower()))
    return found


def search(
    scenes: Mapping[str, Labels], wanted: Sequence[tuple[str, str]], *, any_of: bool = False
) -> list[str]:
    """Names of the scenes that meet all conditions, or with `any_of` one, sorted.

    Raises:
        UserError: no scene has such a category, or such a value in it.
    """
    known = counts(scenes)
    for key, value in wanted:
        if key not in known:
            raise UserError(f"no scene has labels for {key!r}{nearest(key, list(known))}")
        if value not in known[key]:
            raise UserError(f"no scene has {key}={value}{nearest(value, list(known[key]))}")
    meets = any if any_of and wanted else all
    return sorted(
        name
        for name, labels in scenes.items()
        if meets(value in labels.get(key, ()) for key, value in wanted)
    )


def counts(scenes: Mapping[str, Labels]) -> dict[str, Counter[str]]:
    """In how many scenes each value of each category occurs."""
    found: dict[str, Counter[str]] = {}
    for labels in scenes.values():
        for key, values in labels.items():
            found.setdefault(key, Counter()).update(values)
    return dict(sorted(found.items()))


def _collect(value: Any, name: str, labels: Labels) -> None:
    if isinstance(value, dict):
        truths = {str(key).lower(): _truth(item) for key, item in value.items()}
        if name and truths and None not in truths.values():
            _add(labels, name, [key for key, truth in truths.items() if truth])
            return
        for key, item in value.items():
            _collect(item, f"{name}.{key}".lstrip(".").lower(), labels)
    elif isinstance(value, list):
        _add(labels, name, [_text(item) for item in value if not isinstance(item, dict | list)])
        for item in value:
            if isinstance(item, dict):
                _collect(item, name, labels)
    else:
        _add(labels, name, [] if value is None else [_text(value)])


def _add(labels: Labels, name: str, values: Sequence[str]) -> None:
    labels[name] = tuple(sorted({*labels.get(name, ()), *values}))


def _truth(value: Any) -> bool | None:
    text = _text(value)
    return {"true": True, "false": False}.get(text)


def _text(value: Any) -> str:
    return str(value).strip().lower()

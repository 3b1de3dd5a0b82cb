"""The YAML file of a training, read and checked.

An unknown key is refused with the nearest known one, and a key of carla-simulator/rllib-integration
with its name here.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avvla.errors import UserError
from avvla.params import checked, read_mapping
from avvla.rl.experiment import BaseExperiment, ExperimentSettings
from avvla.rl.legacy import LEGACY
from avvla.rl.settings import Settings


def load_settings(path: Path) -> Settings:
    """Read and check a configuration.

    Raises:
        UserError: the file is missing, is no YAML mapping, or has an unknown key or a bad value.
    """
    raw = read_mapping(path, "expected a configuration, see docs/rl.md")
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
    experiment = checked(kind, given, above=("experiment",), renamed=LEGACY)
    return checked(Settings, {**plain, "experiment": experiment}, renamed=LEGACY)


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

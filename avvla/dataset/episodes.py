"""A LeRobot data set of robot episodes, opened for training: a frame and the actions that follow.

Sample i has the pictures and the state of its frame and the chunk of actions from it on. Past the
episode's end LeRobot repeats the last action, and `action_is_pad` masks it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lerobot.datasets import LeRobotDataset
from lerobot.utils.constants import ACTION, OBS_STATE
from numpy.typing import NDArray

from avvla.dataset import split
from avvla.dataset.episode_shard import ROBOT
from avvla.dataset.frames import open_data_set
from avvla.errors import UserError

STATISTICS = "meta/stats.json"
LEAST_DEVIATION = 1e-6
"""Below it a component counts as constant, in the units of the data."""
_NORMALISED = ("mean", "std")


def of_robot(root: Path) -> bool:
    """Whether the data set at `root` is one of robot episodes.

    Raises:
        UserError: there is no data set.
    """
    return bool(_info(root, "robot_type") == ROBOT)


def open_episodes(root: Path, episodes: Sequence[int], chunk_size: int) -> LeRobotDataset:
    """The samples of some episodes, each with `chunk_size` actions.

    Raises:
        UserError: files are missing or damaged.
    """
    fps = _info(root, "fps")
    ahead_s = [step / fps for step in range(chunk_size)]
    return open_data_set(root, sorted(episodes), delta_timestamps={ACTION: ahead_s})


def statistics(
    root: Path, features: Mapping[str, Any]
) -> dict[str, dict[str, NDArray[np.float32]]]:
    """Mean and standard deviation of state and action, from meta/stats.json.

    Args:
        root: of the data set.
        features: LeRobot's description of its frames.

    Raises:
        UserError: they are missing, are of another dimension than the data, are no numbers, or a
            component never moves.
    """
    path = root / STATISTICS
    try:
        stored = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({type(error).__name__}): {split.REMAKE}") from None
    return {name: _checked(path, stored, name, features[name]) for name in (OBS_STATE, ACTION)}


def _info(root: Path, name: str) -> Any:
    path = root / "meta/info.json"
    try:
        return json.loads(path.read_text())[name]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"{path} cannot be read ({type(error).__name__}): {split.REMAKE}") from None


def _checked(
    path: Path, stored: Any, name: str, feature: Mapping[str, Any]
) -> dict[str, NDArray[np.float32]]:
    found: dict[str, NDArray[np.float32]] = {}
    for statistic in _NORMALISED:
        try:
            found[statistic] = np.asarray(stored[name][statistic], np.float32)
        except (LookupError, TypeError, ValueError):
            raise UserError(f"{path} has no {statistic} of {name}: {split.REMAKE}") from None
        if found[statistic].shape != tuple(feature["shape"]):
            raise UserError(
                f"{path}: the {statistic} of {name} has the shape {found[statistic].shape}, the"
                f" data have {tuple(feature['shape'])}: {split.REMAKE}"
            )
        if not np.isfinite(found[statistic]).all():
            raise UserError(f"{path}: the {statistic} of {name} is not finite: {split.REMAKE}")
    still = np.flatnonzero(found["std"] < LEAST_DEVIATION)
    if len(still):
        names = feature["names"] or range(len(found["std"]))
        told = ", ".join(str(names[i]) for i in still)
        raise UserError(
            f"{path}: {told} of {name} never moves (standard deviation below {LEAST_DEVIATION:g}):"
            " dividing by it would blow up its noise; use another dataset.hdf5.state or .action, or"
            " episodes in which it moves"
        )
    return found

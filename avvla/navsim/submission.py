"""The file for the leaderboard, made inside the devkit and complete or not at all.

    python -m avvla.navsim.submission train_test_split=navtest agent=avvla_agent team_name=... ...

takes what the devkit's run_create_submission_pickle.py takes and writes the same. That one leaves
out scenes on which the agent fails or whose logs are missing, which the server then counts against
the whole; this one names them and writes nothing. It is written as a pickle because the server
reads one; nothing here reads any. Python 3.9 reads this module.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

CONFIG_NAME = "default_run_create_submission_pickle"
FILE = "submission.pkl"
"""The name that the server asks for."""
TEAM = {
    "team_name": "team_name",
    "authors": "authors",
    "email": "email",
    "institution": "institution",
    "country / region": "country",
}
"""Keys of a submission, and the devkit's names for them."""
PREDICTIONS = {1: ("predictions",), 2: ("first_stage_predictions", "second_stage_predictions")}
"""Keys by number of stages: v1.1 has one, v2.2 two."""
V1_PATHS = ("sensor_blobs_path",)
V2_PATHS = ("original_sensor_path", "synthetic_sensor_path", "synthetic_scenes_path")
_PROTOCOL = 4  # Python 3.8 and later


def main() -> None:
    """Make a submission from hydra's overrides on the command line.

    Raises:
        SystemExit: it is not complete; the line says why.
    """
    import hydra
    from navsim.planning.script.config import pdm_scoring

    def run(config: Any) -> None:
        path = Path(config.output_dir) / FILE
        try:
            write(path, _submission(config))
        except ValueError as error:
            raise SystemExit(f"avvla: {error}") from None
        print(path)  # noqa: T201  # a command, though not one of `avvla`

    folder = str(Path(pdm_scoring.__file__).parent)
    hydra.main(version_base=None, config_path=folder, config_name=CONFIG_NAME)(run)()


def submission(team: Mapping[str, str], stages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the server reads.

    Args:
        team: a text for each key of `TEAM`.
        stages: trajectories (the devkit's `Trajectory`) by token, one stage for v1.1, two for v2.2.

    Raises:
        ValueError: see `check_team`; or a stage is empty or holds poses that are not finite.
    """
    check_team(team)
    if len(stages) not in PREDICTIONS:
        raise ValueError(f"there are {len(stages)} stages, expected 1 (v1.1) or 2 (v2.2)")
    found: dict[str, Any] = {key: team[key] for key in TEAM}
    for key, stage in zip(PREDICTIONS[len(stages)], stages):  # noqa: B905  # Python 3.9 has no strict
        if not stage:
            raise ValueError(f"{key} holds no scene, expected those of the split")
        for token in sorted(stage):
            if not np.isfinite(stage[token].poses).all():
                raise ValueError(f"{key}: the poses of {token} hold NaN or infinity")
        found[key] = [{token: stage[token] for token in sorted(stage)}]
    return found


def check_team(team: Mapping[str, Any]) -> None:
    """Refuse a team that the server would not take.

    Raises:
        ValueError: a text is missing or empty.
    """
    for key, name in TEAM.items():
        text = team.get(key)
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{key} is {text!r}, expected a text: add {name}=... to the command")


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a submission, whole or not at all; the same content gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            pickle.dump(dict(content), file, protocol=_PROTOCOL)
        temporary.replace(path)
    finally:
        if temporary.exists():
            temporary.unlink()


def predict(agent: Any, loader: Any, tokens: Sequence[str]) -> dict[str, Any]:
    """The agent's trajectories by token.

    Args:
        agent: an initialised agent.
        loader: the devkit's `SceneLoader`.
        tokens: of all scenes.

    Raises:
        ValueError: the logs lack a scene, or the agent failed on one; every scene is tried first.
    """
    from tqdm import tqdm

    absent = sorted(set(tokens) - set(loader.tokens))
    if absent:
        raise ValueError(
            f"the logs lack {len(absent)} of {len(tokens)} scenes, {absent[0]} first: download the"
            " split again"
        )
    found, failed = {}, {}
    for token in tqdm(sorted(tokens)):
        try:
            found[token] = agent.compute_trajectory(loader.get_agent_input_from_token(token))
        except (OSError, RuntimeError, ValueError) as error:
            failed[token] = error
    if failed:
        token = min(failed)
        raise ValueError(
            f"{len(failed)} of {len(tokens)} scenes failed, {token} first"
            f" ({' '.join(str(failed[token]).split())}): nothing is written"
        )
    return found


def _submission(config: Any) -> dict[str, Any]:
    from hydra.utils import instantiate

    team = {key: config.get(name) for key, name in TEAM.items()}
    check_team(team)
    scenes = instantiate(config.train_test_split.scene_filter)
    if scenes.tokens is None:
        raise ValueError(
            "train_test_split names no scenes: choose one of a leaderboard, such as navtest"
        )
    stages = [list(scenes.tokens)]
    if getattr(scenes, "include_synthetic_scenes", False):
        stages.append(list(scenes.reactive_synthetic_initial_tokens))
    if V2_PATHS[0] in config and len(stages) == 1:
        raise ValueError(
            "NAVSIM v2 has leaderboards of two stages alone: choose such a split, or submit navtest"
            " with the branch v1.1"
        )
    agent = instantiate(config.agent)
    loader = _loader(config, scenes, agent.get_sensor_config())
    agent.initialize()
    return submission(team, [predict(agent, loader, tokens) for tokens in stages])


def _loader(config: Any, scenes: Any, sensors: Any) -> Any:
    """The devkit's `SceneLoader`."""
    from navsim.common.dataloader import SceneLoader

    names = V2_PATHS if V2_PATHS[0] in config else V1_PATHS
    return SceneLoader(
        data_path=Path(config.navsim_log_path),
        scene_filter=scenes,
        sensor_config=sensors,
        **{name: Path(config[name]) for name in names},
    )


if __name__ == "__main__":
    main()

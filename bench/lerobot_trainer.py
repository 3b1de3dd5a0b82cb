"""LeRobot's own trainer with a record of each step: what `avvla.training` is held against.

    python bench/lerobot_trainer.py RECORD.json <arguments of lerobot-train>

The record has the loss of every step and the time at which the step was done. lerobot-train has no
hooks and rounds what it logs, so its function for a step is wrapped; it runs unchanged.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from lerobot.scripts import lerobot_train

# Registers the Field Agent too.
from avvla.policy.checkpoint import Checkpoint, save_checkpoint


def arguments(
    checkpoint: Path, root: Path, episodes: list[int], output: Path, **settings: Any
) -> list[str]:
    """Arguments of lerobot-train that go on from untrained weights on a data set of avvla's.

    Args:
        checkpoint: folder of the policy, see `save_untrained`.
        root: of the data set.
        episodes: those to train on.
        output: folder that does not exist.
        settings: further arguments, `policy__optimizer_lr=1e-4` for --policy.optimizer_lr.
    """
    fixed = {
        "policy.path": checkpoint,
        "policy.device": "cpu",
        "policy.push_to_hub": "false",
        "dataset.repo_id": "avvla/data",
        "dataset.root": root,
        "dataset.episodes": json.dumps(episodes),
        "dataset.video_backend": "pyav",
        "output_dir": output,
        "save_checkpoint": "false",
        "env_eval_freq": 0,
    }
    given = {name.replace("__", "."): value for name, value in settings.items()}
    return [f"--{name}={value}" for name, value in (fixed | given).items()]


def save_untrained(checkpoint: Checkpoint, folder: Path) -> None:
    """Write a policy that lerobot-train can begin with."""
    save_checkpoint(folder, *checkpoint)


def main() -> None:
    record, sys.argv[1:] = Path(sys.argv[1]), sys.argv[2:]
    losses, times_s = [], []
    update = lerobot_train.update_policy

    def recorded(tracker, *rest, **named):  # type: ignore[no-untyped-def]
        result = update(tracker, *rest, **named)
        losses.append(tracker.loss.val)
        times_s.append(time.perf_counter())
        return result

    lerobot_train.update_policy = recorded
    lerobot_train.main()
    record.write_text(json.dumps({"losses": losses, "times_s": times_s}))


if __name__ == "__main__":
    main()

"""What is logged of an episode: the experiment's figures, as means over a window of episodes."""

from __future__ import annotations

from typing import Any

from ray.rllib.callbacks.callbacks import RLlibCallback

EPISODES = "episodes"
"""Key of the figures in the results of the environment runners."""
WINDOW = 100


class EpisodeFigures(RLlibCallback):  # type: ignore[misc]
    """Logs the summary that the last step of an episode brings."""

    def on_episode_end(self, *, episode: Any, metrics_logger: Any, **_: Any) -> None:
        """An episode is over."""
        for name, value in episode.get_infos(-1).items():
            metrics_logger.log_value((EPISODES, name), float(value), window=WINDOW)

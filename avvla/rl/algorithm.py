"""RLlib's algorithm for a configuration (new API stack)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gymnasium import spaces
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.algorithms.algorithm_config import AlgorithmConfig
from ray.rllib.algorithms.dqn import DQN, DQNConfig
from ray.rllib.algorithms.ppo import PPO, PPOConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.tune.registry import register_env

from avvla.rl.callbacks import EpisodeFigures
from avvla.rl.environment import from_plain
from avvla.rl.modules import Catalog, GaussianModule, QModule
from avvla.rl.network import Shape
from avvla.rl.reading import plain_of
from avvla.rl.settings import Dqn, Epsilon, Ppo, Settings

ENVIRONMENT = "avvla_arena"
SETTINGS, LOGS = "settings", "logs"
"""Keys of the environment's configuration."""
Spaces = tuple[spaces.Space[Any], spaces.Space[Any]]
PROBE_S, RESTORE_S = 2.0, 2.0
"""Seconds that an iteration waits for a silent process, and for its replacement."""


def build(
    settings: Settings, shape: Shape, spaces_: Spaces, logs: Path, device: str, warm_up: int
) -> Algorithm:
    """A new algorithm; Ray runs already.

    Args:
        settings: the configuration.
        shape: of the network.
        spaces_: observation and action space.
        logs: folder for what RLlib itself writes.
        device: torch device of the learner.
        warm_up: environment steps before which nothing is learned.
    """
    register_env(ENVIRONMENT, lambda context: from_plain(context[SETTINGS]))
    learn = settings.learn
    config = _dqn(learn, shape, warm_up) if isinstance(learn, Dqn) else _ppo(learn, shape)
    config = (
        config.environment(
            ENVIRONMENT,
            env_config={SETTINGS: plain_of(settings), LOGS: str(logs)},
            observation_space=spaces_[0],
            action_space=spaces_[1],
        )
        .framework("torch")
        .env_runners(
            num_env_runners=settings.runners.count,
            num_envs_per_env_runner=settings.runners.envs,
            num_gpus_per_env_runner=settings.runners.gpus,
            rollout_fragment_length=settings.runners.fragment,
            sample_timeout_s=60.0,
        )
        .learners(num_learners=0, num_gpus_per_learner=int(device.startswith("cuda")))
        .callbacks(EpisodeFigures)
        .fault_tolerance(
            restart_failed_env_runners=True,
            env_runner_health_probe_timeout_s=PROBE_S,
            env_runner_restore_timeout_s=RESTORE_S,
        )
        .debugging(seed=settings.seed, log_level="ERROR")
    )
    return config.build_algo()


class _LogsBeside:
    """RLlib would make a folder in the user's home."""

    config: AlgorithmConfig

    def _setup_logdir(self) -> None:
        self._logdir = self.config.env_config[LOGS]
        Path(self._logdir).mkdir(parents=True, exist_ok=True)


class QLearning(_LogsBeside, DQN):  # type: ignore[misc]
    """Deep Q-learning that writes into the run's folder."""


class PolicyOptimisation(_LogsBeside, PPO):  # type: ignore[misc]
    """Proximal policy optimisation that writes into the run's folder."""


def _dqn(learn: Dqn, shape: Shape, warm_up: int) -> AlgorithmConfig:
    explore = learn.exploration
    schedule: list[tuple[int, float]] | float = 0.0
    temperature: float | None = None
    if isinstance(explore, Epsilon):
        schedule = [(0, explore.first), (explore.steps, explore.last)]
    else:
        temperature = explore.temperature
    model = {"shape": shape.model_dump_json(), "temperature": temperature}
    return (
        DQNConfig(QLearning)
        .training(
            lr=learn.learning_rate,
            gamma=learn.discount,
            train_batch_size_per_learner=learn.batch_size,
            replay_buffer_config={
                "type": "PrioritizedEpisodeReplayBuffer",
                "capacity": learn.buffer_size,
                "alpha": 0.6,
                "beta": 0.4,
            },
            num_steps_sampled_before_learning_starts=warm_up,
            target_network_update_freq=learn.target_update,
            training_intensity=learn.intensity,
            n_step=learn.n_step,
            epsilon=schedule,
            double_q=True,
            grad_clip=40.0,
        )
        .rl_module(
            rl_module_spec=RLModuleSpec(
                module_class=QModule, model_config=model, catalog_class=Catalog
            )
        )
        .reporting(min_sample_timesteps_per_iteration=1_000)
    )


def _ppo(learn: Ppo, shape: Shape) -> AlgorithmConfig:
    return (
        PPOConfig(PolicyOptimisation)
        .training(
            lr=learn.learning_rate,
            gamma=learn.discount,
            lambda_=learn.gae_lambda,
            train_batch_size_per_learner=learn.batch_size,
            minibatch_size=learn.minibatch_size,
            num_epochs=learn.epochs,
            clip_param=learn.clip,
            entropy_coeff=learn.entropy,
            vf_clip_param=float("inf"),
            grad_clip=0.5,
        )
        .rl_module(
            rl_module_spec=RLModuleSpec(
                module_class=GaussianModule, model_config={"shape": shape.model_dump_json()}
            )
        )
    )

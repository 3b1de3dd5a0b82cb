"""Keys of carla-simulator/rllib-integration's YAML files, and what is said to who writes them."""

from __future__ import annotations

_NOT_ENV = "its sections stand at the top here: `world`, `experiment`"

_ADVICE = {
    "framework": "drop it, torch is the only one",
    "num_workers": "write `runners.count`",
    "num_gpus_per_worker": "write `runners.gpus`",
    "num_cpus_per_worker": "drop it, a process is given one CPU",
    "num_gpus": "drop it, `$AVVLA_DEVICE` chooses the learner's device",
    "recreate_failed_workers": "drop it, they always are",
    "ignore_worker_failures": "drop it, dead runners are always replaced",
    "rollout_fragment_length": "write `runners.fragment`",
    "timesteps_per_iteration": "write `checkpoints.every`",
    "num_envs_per_worker": "write `runners.envs`",
    "train_batch_size": "write `learn.batch_size`",
    "learning_starts": "write `learn.learning_starts`",
    "buffer_size": "write `learn.buffer_size`",
    "prioritized_replay": "drop it, the buffer always is",
    "target_network_update_freq": "write `learn.target_update`",
    "training_intensity": "write `learn.intensity`",
    "lr": "write `learn.learning_rate`",
    "gamma": "write `learn.discount`",
    "n_step": "write `learn.n_step`",
    "hiddens": "write `learn.network.hidden`",
    "exploration_config": "write `learn.exploration` with `kind: softmax` or `epsilon`",
    "model": "write `learn.network`",
    "conv_filters": "write `learn.network.conv`",
    "double_q": "drop it, double Q-learning is always on",
    "num_atoms": "drop it, returns are learned as a mean",
    "env_config": _NOT_ENV,
    "env": _NOT_ENV,
    "carla": "write `world` with `backend: carla`",
    "host": "write `world` with `backend: carla` and its `server.host`",
    "timestep": "drop it, a step is 0.1 s",
    "hero": "write it into `world` with `backend: carla`",
    "background_activity": "write it into `world` with `backend: carla`",
    "town": "write it into `world` with `backend: carla`",
    "weather": "write it into `world` with `backend: carla`",
    "others": "write `experiment.view`, `experiment.episode`",
    "framestack": "write `experiment.view.frames`",
    "max_time_idle": "write `experiment.episode.idle_s`, in seconds: ticks times 0.05",
    "max_time_episode": "write `experiment.episode.duration_s`, in seconds: ticks times 0.05",
    "size": "write `experiment.view.size_px`",
    "radius": "write `experiment.view.radius_m`",
}

LEGACY = {key: f"is a key of rllib-integration: {advice}" for key, advice in _ADVICE.items()}
"""What follows the key's name in a message."""

"""The configuration of a training by reinforcement, as one YAML file has it.

What an experiment can be told is its own (`avvla.rl.experiment.ExperimentSettings`), every other
section is here. `avvla.rl.reading` reads the file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SerializeAsAny, model_validator

from avvla.carla.settings import CarlaSettings
from avvla.config import Count, Fraction, NonNegative, Positive, Randomisation, Section
from avvla.rl.experiment import ExperimentSettings

Seed = Annotated[int, Field(ge=0, lt=2**31)]
Convolution = tuple[Count, Count, Count]


class Embedded(Section):
    """The world that needs no simulator."""

    backend: Literal["embedded"] = "embedded"
    families: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        ("lane_keeping",), description="scenario families that drives are drawn from"
    )
    randomisation: Randomisation | None = Field(
        None, description="widths of the domain randomisation; null: none"
    )


class InCarla(CarlaSettings):
    """A CARLA server, with all that `avvla.carla.settings` can be told."""

    backend: Literal["carla"] = "carla"


class Network(Section):
    """Convolutions over the picture, then dense layers."""

    conv: Annotated[tuple[Convolution, ...], Field(min_length=1)] = Field(
        ((16, 8, 4), (32, 4, 2), (32, 3, 1)),
        description="channels, side of the kernel and stride of each convolution",
    )
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = Field(
        (256,), description="widths of the dense layers"
    )


class Epsilon(Section):
    """Exploration by a random action with a probability that falls linearly."""

    kind: Literal["epsilon"] = "epsilon"
    first: Fraction = Field(1.0, description="probability at the start")
    last: Fraction = Field(0.05, description="probability after `steps`")
    steps: Count = Field(12_000, description="environment steps over which it falls")


class Softmax(Section):
    """Exploration by drawing actions with probabilities softmax(Q / temperature) (SoftQ)."""

    kind: Literal["softmax"] = "softmax"
    temperature: Positive = Field(1.0, description="of the softmax [unit of the reward]")


class Dqn(Section):
    """Double deep Q-learning with a prioritised replay buffer, for discrete actions."""

    algorithm: Literal["dqn"] = "dqn"
    network: Network = Network()
    dueling: bool = Field(True, description="value and advantage apart")
    learning_rate: Positive = Field(5e-4, description="of Adam")
    discount: Fraction = Field(0.97, description="of the reward one step later")
    batch_size: Count = Field(64, description="transitions of an update")
    buffer_size: Count = Field(20_000, description="transitions that are held")
    learning_starts: Count = Field(2_000, description="environment steps before the first update")
    target_update: Count = Field(1_000, description="environment steps between target networks")
    intensity: Positive = Field(1.0, description="transitions learned per environment step")
    n_step: Count = Field(3, description="steps whose rewards a target sums before it bootstraps")
    exploration: Annotated[Epsilon | Softmax, Field(discriminator="kind")] = Epsilon()


class Ppo(Section):
    """Proximal policy optimisation, for continuous actions."""

    algorithm: Literal["ppo"] = "ppo"
    network: Network = Network()
    learning_rate: Positive = Field(3e-4, description="of Adam")
    discount: Fraction = Field(0.97, description="of the reward one step later")
    gae_lambda: Fraction = Field(0.95, description="of the generalised advantage estimate")
    batch_size: Count = Field(2_048, description="steps that are collected for an update")
    minibatch_size: Count = Field(256, description="steps of one gradient")
    epochs: Count = Field(4, description="passes over a batch")
    clip: Positive = Field(0.2, description="of the ratio of probabilities")
    entropy: NonNegative = Field(0.0, description="weight of the entropy in the loss")
    first_std: Positive = Field(0.5, description="standard deviation of a new policy's actions")

    @model_validator(mode="after")
    def _whole(self) -> Ppo:
        if self.minibatch_size > self.batch_size:
            raise ValueError(
                f"minibatch_size {self.minibatch_size} is above batch_size {self.batch_size}"
            )
        return self


class Runners(Section):
    """Who collects experience."""

    count: Annotated[int, Field(ge=0)] = Field(
        0, description="processes that collect; 0: the trainer itself does"
    )
    envs: Count = Field(8, description="environments that a process steps together")
    fragment: Count = Field(16, description="steps of each environment between two updates")
    gpus: NonNegative = Field(0.0, description="share of a GPU that a process is given")


class Stop(Section):
    """When a training is over: at the first of these."""

    steps: Count = Field(40_000, description="environment steps, those before a resume included")
    minutes: Positive | None = Field(None, description="of this process; null: no limit")
    ram_percent: Annotated[float, Field(gt=0, le=100)] = Field(
        85.0, description="of the machine's memory in use, against what leaks"
    )


class Checkpoints(Section):
    """What is kept of a training on the way."""

    every: Count = Field(5_000, description="environment steps between two checkpoints")
    keep: Count = Field(3, description="newest checkpoints that stay")


class Evaluation(Section):
    """How what was learned is measured."""

    episodes: Count = Field(20, description="episodes, each on a road of its own")


class Settings(Section):
    """The whole of the file."""

    seed: Seed = Field(0, description="of roads, weights and exploration")
    world: Annotated[Embedded | InCarla, Field(discriminator="backend")] = Embedded()
    experiment: SerializeAsAny[ExperimentSettings]
    learn: Annotated[Dqn | Ppo, Field(discriminator="algorithm")] = Dqn()
    runners: Runners = Runners()
    stop: Stop = Stop()
    checkpoints: Checkpoints = Checkpoints()
    evaluation: Evaluation = Evaluation()

    @model_validator(mode="after")
    def _one_drive_a_server(self) -> Settings:
        if isinstance(self.world, InCarla) and (self.runners.envs > 1 or self.runners.count > 1):
            raise ValueError(
                f"runners.envs is {self.runners.envs} and runners.count {self.runners.count}:"
                " a CARLA server has one drive at a time, expected 1 and at most 1"
            )
        return self

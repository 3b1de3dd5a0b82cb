"""Parameters of the policy, its training and its evaluation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from avvla.config.section import Count, Fraction, NonNegative, Positive, Section

Precision = Literal["fp32", "bf16"]
WandbMode = Literal["off", "offline", "online"]


class Backbone(Section):
    """Vision-language backbone of SmolVLA where none comes with a base: a tiny or a named one."""

    name: str = Field("tiny", description="`tiny`, or a hub id or folder of a SmolVLM")
    vision_width: Count = Field(96, description="width of the tiny vision encoder")
    vision_layers: Count = Field(3, description="layers of the tiny vision encoder")
    patch_size: Count = Field(16, description="side of an image patch [px]")
    text_width: Count = Field(64, description="width of the tiny language model")
    text_layers: Count = Field(2, description="layers of the tiny language model")
    init_std: Positive = Field(0.1, description="standard deviation of the tiny backbone's weights")


class Lora(Section):
    """Low-rank adapters beside frozen weights of a base (LoRA, arXiv 2106.09685)."""

    rank: Annotated[int, Field(ge=0)] = Field(
        0, description="rank of the adapters; 0: none, the weights themselves are trained"
    )
    alpha: Count = Field(16, description="what an adapter gives counts alpha / rank times")
    targets: tuple[str, ...] = Field(
        (
            "model.vlm_with_expert.lm_expert.*.q_proj",
            "model.vlm_with_expert.lm_expert.*.v_proj",
            "model.state_proj",
            "model.action_*",
        ),
        description="modules with an adapter, by names with * and ?",
    )
    whole: tuple[str, ...] = Field(
        (), description="modules that are trained in full instead, by names with * and ?"
    )


class PolicyParams(Section):
    """The Field Agent."""

    backbone: Backbone = Backbone()
    warm_start: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = Field(
        "",
        description="hash of the base to start from, which `avvla policy import-base` tells; empty:"
        " weights drawn anew",
    )
    unmatched: tuple[str, ...] = Field(
        (), description="keys that policy and base need not share, by names with * and ?"
    )
    lora: Lora = Lora()
    chunk_size: Count | None = Field(
        None, description="actions that are planned; null: 64 of a drive (the most), 50 of a robot"
    )
    max_dim: Count = Field(
        2, description="padded state and action width; 2 trains from scratch, 32 fits hub weights"
    )
    train_expert_only: bool = Field(False, description="train the action expert alone")
    freeze_vision: bool = Field(False, description="keep the vision encoder's weights")
    train_state_proj: bool = Field(True, description="train the projection of the state")
    horizon_decay_s: NonNegative = Field(
        2.0,
        description="time after which a planned step weighs 1/e in the loss [s]; 0: all alike",
    )
    trajectory_loss: NonNegative = Field(
        0.0, description="weight of the integrated path's error in the loss [1/m]"
    )
    temporal_loss: NonNegative = Field(
        0.0, description="weight of the planned chunk's roughness in the loss"
    )
    flow_steps: Count = Field(2, description="Euler steps of the flow at inference")
    speed_scale: Positive = Field(10.0, description="speed that the network sees as 1 [m/s]")
    heading_scale: Positive = Field(
        0.2, description="heading change that the network sees as 1 [rad]"
    )
    acceleration_scale: Positive = Field(
        1.0, description="acceleration that the network sees as 1 [m/s^2]"
    )
    curvature_scale: Positive = Field(
        0.008, description="curvature companding: the network sees asinh(curvature / scale) [1/m]"
    )


class Train(Section):
    """Optimisation."""

    seed: Annotated[int, Field(ge=0)] = Field(7, description="seed of weights, order and noise")
    steps: Count = Field(6000, description="optimiser steps")
    batch_size: Count = Field(32, description="samples a step, over all processes")
    processes: Count = Field(2, description="processes that share a batch; changes rounding only")
    accumulate: Count = Field(
        1, description="parts in which each takes its share, for less memory; rounding only"
    )
    precision: Precision = Field(
        "fp32", description="of the arithmetic; bf16 by autocast, weights stay float32"
    )
    lr: Positive = Field(1.5e-3, description="peak learning rate of AdamW")
    final_lr: Fraction = Field(
        0.02, description="learning rate at the end of the cosine, as a share of the peak"
    )
    warmup_steps: Annotated[int, Field(ge=0)] = Field(50, description="linear warm-up [steps]")
    reset_scheduler: bool = Field(
        True,
        description="with a warm start, begin optimiser and schedule anew; false: go on with the"
        " base's, at the new rate",
    )
    weight_decay: NonNegative = Field(1e-4, description="AdamW weight decay")
    grad_clip: Positive = Field(10.0, description="largest gradient norm")
    log_every: Count = Field(50, description="steps between two points of the loss curve")
    val_every: Count = Field(1000, description="steps between two validations; the last step too")
    val_samples: Count = Field(256, description="held-out samples of a validation, at most")
    save_every: Count = Field(1000, description="steps between two checkpoints to go on from")
    keep_checkpoints: Count = Field(2, description="checkpoints that stay, the newest ones")
    spike_ratio: Annotated[float, Field(gt=1)] = Field(
        3.0, description="a loss so many times the mean of the last 100 is recorded as a spike"
    )
    skip_spikes: bool = Field(False, description="leave out the update of a step with a spike")
    wandb: WandbMode = Field("off", description="Weights & Biases, beside DVC's plots")
    heading_dropout: Fraction = Field(
        0.8, description="share of samples whose heading change is another sample's"
    )
    mirror: Fraction = Field(
        0.5, description="share of samples seen in a mirror; junctions, with their rule, are not"
    )
    blind: bool = Field(
        False, description="blank the camera in training: the twin that cannot look"
    )


class Evaluate(Section):
    """Open loop on held-out clips, closed loop in the embedded world."""

    roads: Annotated[int, Field(ge=0)] = Field(
        40, description="unseen roads per scenario family; 0: no closed loop"
    )
    duration_s: Positive = Field(25.0, description="length of a lane-keeping drive [s]")
    replan_ticks: Count = Field(3, description="ticks of 0.1 s driven on one plan")
    pdm_every_s: Positive = Field(
        6.0, description="time from one plan that gets NAVSIM's scores to the next [s]"
    )
    max_clips: Count = Field(200, description="validation clips used in open loop, at most")


class Latency(Section):
    """Time from picture to plan."""

    requests: Count = Field(300, description="requests that are timed, one after the other")
    warm_up: Annotated[int, Field(ge=0)] = Field(20, description="requests before, not counted")
    threads: Count = Field(1, description="threads of the arithmetic on a CPU")

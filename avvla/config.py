"""The typed form of params.yaml: every parameter of the pipeline with its unit and default.

Nothing machine-dependent belongs here: host settings are the `AVVLA_*` variables read by
`avvla.host`. The file is read by `avvla.params`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Precision = Literal["fp32", "bf16"]
WandbMode = Literal["off", "offline", "online"]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class Section(BaseModel):
    """A frozen section of params.yaml that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Randomisation(Section):
    """Domain randomisation of the embedded world: widths of ranges around nominal."""

    light: Fraction = Field(0.15, description="relative change of brightness")
    colours: Fraction = Field(0.06, description="relative change of each surface's colour")
    background: bool = Field(True, description="random horizon, sky and roadside colours")
    camera_jitter_m: NonNegative = Field(0.02, description="camera position [m]")
    camera_jitter_rad: NonNegative = Field(0.002, description="camera pitch, yaw and roll [rad]")
    image_noise: NonNegative = Field(2.0, description="standard deviation of pixel noise [0..255]")
    speed_noise: NonNegative = Field(0.01, description="relative error of the measured speed")
    dynamics: Fraction = Field(
        0.05, description="relative error of the realised acceleration and curvature"
    )


class Synthetic(Section):
    """The embedded data set: an expert's drives in the embedded world, in NVIDIA's layout."""

    clips: Count = Field(2000, description="number of clips")
    clips_per_chunk: Count = Field(100, description="clips in one chunk")
    video_s: Positive = Field(4.0, description="length of the camera video of a clip [s]")
    camera_fps: Count = Field(2, description="camera frames a second; a frame is a training sample")
    camera_width: Count = Field(192, description="width of the camera image [px]")
    camera_height: Count = Field(108, description="height of the camera image [px]")
    perturbed: Fraction = Field(
        0.7, description="share of clips whose start is off the lane centre"
    )
    randomisation: Randomisation = Randomisation()


class Nvidia(Section):
    """A data set on the hub, and what of it; all filters hold at once."""

    repo_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")] = Field(
        "nvidia/PhysicalAI-Autonomous-Vehicles", description="data set on the hub"
    )
    revision: Commit | None = Field(
        None, description="commit of the data set, 40 hexadecimal digits; has to be set"
    )
    features: tuple[str, ...] = Field(
        (), description="features fetched beside the camera, egomotion and calibration"
    )
    chunks: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (), description="numbers of chunks; empty: any"
    )
    clips: tuple[str, ...] = Field((), description="ids of clips; empty: any")
    split: str | None = Field(None, description="split, as the data set names it; null: any")
    countries: tuple[str, ...] = Field((), description="countries of recording; empty: any")
    hours: tuple[Annotated[int, Field(ge=0, le=23)], ...] = Field(
        (), description="hours of the day of recording; empty: any"
    )
    sensors: tuple[str, ...] = Field((), description="features that a clip must have")
    chunk_count: Count | None = Field(None, description="chunks at most, the first ones")
    clip_count: Count | None = Field(None, description="clips at most, the first ones")


class L2D(Section):
    """Yaak's open data set L2D: 10 Hz, six cameras, instructions in words."""

    repo_id: str = Field("yaak-ai/L2D", description="the data set on the hub")
    revision: Commit | None = Field(
        None, description="its commit, 40 hexadecimal digits; has to be set"
    )
    drives: Count = Field(8, description="number of drives, the first that give a sample")
    sessions: tuple[str, ...] = Field(
        (), description="drives (session_id) to use instead of the first ones"
    )
    student: bool = Field(False, description="use drives of learners too, not of experts alone")
    hfov_deg: Annotated[float, Field(gt=0, le=180)] = Field(
        90.0,
        description="field of view of the front camera over its width, a guess: L2D has no"
        " intrinsics [degree]",
    )


class Hdf5(Section):
    """Episodes of a robot arm in HDF5 files, from the folder $AVVLA_HDF5."""

    state: Literal["ee_pose", "qpos", "both"] = Field(
        "ee_pose", description="pose of the end effector, joint positions, or the one and the other"
    )
    action: Literal["recorded", "ee_pose_difference"] = Field(
        "recorded", description="as in the file, or the way to the next pose of the end effector"
    )
    cameras: dict[str, Annotated[str, Field(pattern=r"^\w+$")]] = Field(
        {}, description="camera of the files: its name; none: all, sorted, camera1, camera2, ..."
    )
    fps: Count = Field(15, description="frames a second; the files have no clock that can be used")
    max_faulty: Fraction = Field(
        0.01, description="largest share of frames without a picture or a number; more is an error"
    )
    episodes_per_chunk: Count = Field(8, description="episodes in one chunk")


class Dataset(Section):
    """What the download stage fetches or makes."""

    source: Literal["synthetic", "nvidia", "l2d", "hdf5"] = Field(
        "synthetic", description="where the raw logs come from"
    )
    camera: str = Field(
        "camera_front_wide_120fov", description="camera feature, in the naming of the source"
    )
    t0_start_s: Positive = Field(2.0, description="first t0 of a clip [s]; needs 1.5 s of history")
    t0_stride_s: Positive = Field(0.5, description="time between two t0 of a clip [s]")
    synthetic: Synthetic = Synthetic()
    nvidia: Nvidia = Nvidia()
    l2d: L2D = L2D()
    hdf5: Hdf5 = Hdf5()


class Label(Section):
    """Where the command of each t0 comes from."""

    source: Literal[
        "scenario", "ood_reasoning", "alpamayo", "instruction", "kinematic", "fixed"
    ] = Field(
        "scenario",
        description="the expert's command, the data set's Chain-of-Causation texts, Alpamayo's, the"
        " data set's instructions for the way, rules on the driven path, or one command",
    )
    command: str = Field(
        "Follow the lane",
        description="the command of the source `fixed`; any text where a robot is told its task",
    )
    texts: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = Field(
        "", description="hash of the tables of the source `alpamayo`; its stage tells it"
    )


class Action(Section):
    """Fit of (acceleration, curvature) to a driven path."""

    method: Literal["joint", "sequential"] = Field(
        "joint", description="close and smooth, or as Alpamayo fits"
    )
    integrator: Literal["euler", "trapezoid"] = Field("euler", description="unicycle integrator")
    max_error_m: Positive = Field(
        1.0, description="a label further than this from its path is invalid [m]"
    )


class Build(Section):
    """The LeRobot data set."""

    image_size: Count = Field(96, description="side of the square policy image [px]")
    crop_up_deg: Positive = Field(10.0, description="field of view kept above the horizon [degree]")
    crop_down_deg: Positive = Field(
        33.0, description="field of view kept below the horizon [degree]"
    )
    crop_side_deg: Positive = Field(
        50.0, description="field of view kept to either side of the axis [degree]"
    )
    aspect: Literal["stretch", "pad"] = Field(
        "stretch",
        description="fit into the square: fill it, or keep the proportions and pad with black",
    )
    validation: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.05, description="share of clips held out"
    )


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
    chunk_size: Count = Field(50, description="actions of a robot's plan; a drive's has 64")
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
    max_clips: Count = Field(200, description="validation clips used in open loop, at most")


class Params(Section):
    """The whole of params.yaml."""

    seed: Annotated[int, Field(ge=0)] = Field(
        7, description="seed of the data, its split and its roads"
    )
    dataset: Dataset = Dataset()
    label: Label = Label()
    action: Action = Action()
    build: Build = Build()
    policy: PolicyParams = PolicyParams()
    train: Train = Train()
    evaluate: Evaluate = Evaluate()

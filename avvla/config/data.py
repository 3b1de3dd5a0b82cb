"""Parameters of the raw logs and of what is made of them before training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from avvla.config.section import Count, Fraction, NonNegative, Positive, Section

Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


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

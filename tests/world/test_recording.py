"""Recorded drives: reproducible, kinematically consistent, with commands that the labels read."""

import math
from collections import Counter
from uuid import UUID

import numpy as np
import pytest

from avvla.actions.unicycle import DT_S, rollout
from avvla.config import Randomisation, Synthetic
from avvla.labels.coc import parse
from avvla.labels.events import told
from avvla.physical_ai.writer import ClipRecording
from avvla.training.drives import JUNCTION
from avvla.world import expert, recording
from avvla.world.embedded import EmbeddedWorld
from avvla.world.recording import (
    EGOMOTION_US,
    FUTURE_S,
    LEAD_S,
    MIX,
    RELEASE_S,
    clip_id,
    family_of,
    record,
    synthetic_camera,
)
from avvla.world.road_map import LANE_M
from avvla.world.scenario import FAMILIES
from avvla.world.traffic import leader

PARAMS = Synthetic(clips=60, video_s=6.5, camera_width=64, camera_height=36)
EACH = pytest.mark.parametrize("family", list(MIX))


def index_of(family: str) -> int:
    return next(i for i in range(PARAMS.clips) if family_of(i) == family)


@pytest.fixture(scope="module")
def clips() -> dict[str, ClipRecording]:
    return {family: record(PARAMS, 7, index_of(family)) for family in MIX}


def test_the_same_key_records_the_same_bytes(clips: dict[str, ClipRecording]) -> None:
    clip, again = clips["lead"], record(PARAMS, 7, index_of("lead"))
    for name in (
        "frame_us",
        "frames",
        "egomotion_us",
        "pose",
        "speed",
        "acceleration",
        "curvature",
    ):
        assert getattr(clip, name).tobytes() == getattr(again, name).tobytes(), name
    assert (clip.clip_id, clip.events, clip.vehicle) == (again.clip_id, again.events, again.vehicle)
    other = record(PARAMS, 8, index_of("lead"))
    assert other.clip_id != clip.clip_id
    assert other.pose.tobytes() != clip.pose.tobytes()


@EACH
def test_times_and_shapes(family: str, clips: dict[str, ClipRecording]) -> None:
    clip, camera = clips[family], synthetic_camera(PARAMS)
    np.testing.assert_array_equal(clip.frame_us, np.arange(14) * 500_000)
    assert clip.frames.shape == (14, camera.height, camera.width, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.egomotion_us[0] == -round(LEAD_S * 1e6)
    assert clip.egomotion_us[-1] == round((PARAMS.video_s + FUTURE_S) * 1e6)
    assert set(np.diff(clip.egomotion_us)) == {EGOMOTION_US}
    assert clip.pose.shape == (len(clip.egomotion_us), 3)
    anchor = clip.pose[np.flatnonzero(clip.egomotion_us == 0)[0]]
    np.testing.assert_allclose(anchor, 0.0, atol=1e-12)


@EACH
def test_egomotion_is_the_unicycle_driven_by_its_actions(
    family: str, clips: dict[str, ClipRecording]
) -> None:
    clip = clips[family]
    pose, speed = clip.pose[::10], clip.speed[::10]
    action = np.stack([clip.acceleration[::10], clip.curvature[::10]], axis=-1)[:-1]
    driven = rollout(speed[0], action)
    x0, y0, yaw0 = pose[0]
    cos, sin = math.cos(yaw0), math.sin(yaw0)
    xy = (pose[1:, :2] - (x0, y0)) @ np.array([[cos, -sin], [sin, cos]])
    np.testing.assert_allclose(driven[:, :2], xy, atol=0.02)
    np.testing.assert_allclose(driven[:, 2], pose[1:, 2] - yaw0, atol=2e-3)
    np.testing.assert_allclose(driven[:, 3], speed[1:], atol=1e-9)


@EACH
def test_between_the_ticks_egomotion_is_linear(
    family: str, clips: dict[str, ClipRecording]
) -> None:
    clip = clips[family]
    middle = (clip.pose[:-10:10] + clip.pose[10::10]) / 2
    np.testing.assert_allclose(clip.pose[5::10], middle, atol=1e-9)


@EACH
def test_events_are_commands_with_reasons_from_the_start_on(
    family: str, clips: dict[str, ClipRecording]
) -> None:
    clip = clips[family]
    assert clip.events[0][0] == clip.egomotion_us[0]
    times = [time_us for time_us, _ in clip.events]
    assert times == sorted(set(times))
    assert all(parse(text).cause for _, text in clip.events)
    found = told(clip.clip_id, clip.events, clip.frame_us)
    texts = {instruction.command.text for instruction in found}
    wanted = {
        "stop": "Stop",
        "slow_down": "Slow down",
        "lane_change": "Change lane",
        "turn": "Turn",
        "straight": "Go straight",
    }.get(family, "Follow the lane")
    if family != "roundabout":
        assert any(text.startswith(wanted) for text in texts), texts


def test_speed_commands_begin_at_the_release_or_at_once() -> None:
    begins = set()
    for index in range(PARAMS.clips):
        if family_of(index) == "stop":
            clip = record(PARAMS.model_copy(update={"video_s": 0.5}), 7, index)
            begins.add(next(time_us for time_us, text in clip.events if text.startswith("Stop")))
    assert begins <= {-round(LEAD_S * 1e6), round(RELEASE_S * 1e6)}


def test_a_perturbed_clip_is_driven_clean_from_the_release_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[float, float, float, bool]] = []
    act = expert.act

    def spy(
        world: EmbeddedWorld, bias_m: float = 0.0, heedless_mps: float | None = None
    ) -> tuple[float, float]:
        offset = world.lateral - world.target_lane * LANE_M
        seen.append((world.time - LEAD_S, bias_m, offset, heedless_mps is not None))
        return act(world, bias_m, heedless_mps)

    monkeypatch.setattr(recording.expert, "act", spy)
    record(PARAMS.model_copy(update={"perturbed": 1.0}), 7, index_of("lane_keeping"))
    time, bias, offset, heedless = np.array(seen).T
    released = time > RELEASE_S - 0.01
    assert (bias[released] == 0.0).all()
    assert (bias[~released] != 0.0).all()
    np.testing.assert_array_equal(heedless, ~released)
    assert abs(offset[0]) == abs(bias[0])
    assert np.abs(offset[time > RELEASE_S + 6.0]).max() < 0.2
    seen.clear()
    record(PARAMS.model_copy(update={"perturbed": 0.0}), 7, index_of("lane_keeping"))
    assert {(bias, heedless) for _, bias, _, heedless in seen} == {(0.0, False)}


class Ghost(EmbeddedWorld):
    """A world without pictures, the last one of which can be asked."""

    last: "Ghost"

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        Ghost.last = self
        self.needed: list[float] = []
        self.places: list[float] = []
        self.commands: list[str] = []
        self.offsets: list[float] = []

    def render(self) -> np.ndarray:
        return np.zeros((2, 2, 3), np.uint8)

    def step(self, acceleration: float, curvature: float) -> None:
        gap, speed = leader(self.as_vehicle(), self.lane, self.vehicles)
        self.needed.append(max(self.speed - speed, 0.0) ** 2 / (2.0 * gap))
        self.places.append(self.s)
        self.commands.append(self.command)
        self.offsets.append(self.lateral)
        super().step(acceleration, curvature)


def ghosts(monkeypatch: pytest.MonkeyPatch, family: str, clips: int) -> list[Ghost]:
    monkeypatch.setattr(recording, "EmbeddedWorld", Ghost)
    driven = []
    for index in range(clips):
        if family_of(index) == family:
            record(PARAMS.model_copy(update={"clips": clips}), 7, index)
            driven.append(Ghost.last)
    return driven


def braking_needed(worlds: list[Ghost]) -> np.ndarray:
    """At the release, to come to the leader's speed before it [m/s^2]."""
    release = round((LEAD_S + RELEASE_S) / DT_S)
    return np.array([world.needed[release] for world in worlds])


def test_leaders_are_met_late_but_never_hit(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds = ghosts(monkeypatch, "lead", 250)
    assert not any(world.collided or world.off_road for world in worlds)
    needed = braking_needed(worlds)
    assert needed.max() > expert.FULL_MPS2
    monkeypatch.setattr(recording, "LATE", 0.0)
    by_gap = braking_needed(ghosts(monkeypatch, "lead", 250))
    assert np.mean(needed > 1.0) > np.mean(by_gap > 1.0) + 0.1


def test_turns_are_released_anywhere_from_the_approach_to_the_exit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worlds = ghosts(monkeypatch, "turn", 250)
    assert not any(world.collided or world.off_road for world in worlds)
    share = []
    for world in worlds:
        begin, end = world.scenario.route.junction or (0.0, 0.0)
        share.append((world.places[round((LEAD_S + RELEASE_S) / DT_S)] - begin) / (end - begin))
    before, first, second, behind = np.histogram(share, [-9.0, 0.0, 0.5, 1.0, 9.0])[0] / len(share)
    assert 0.3 < before < 0.7
    assert min(first, second, behind) > 0.04


@pytest.mark.parametrize("family", ["turn", "straight", "roundabout"])
def test_samples_at_a_junction_begin_under_its_command(
    monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    """Training takes a road on which no command of a junction was given for a one-way road."""
    for world in ghosts(monkeypatch, family, 250):
        assert world.commands[round((LEAD_S + RELEASE_S) / DT_S) + 1].startswith(JUNCTION)


def test_the_way_back_from_the_oncoming_lane_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    release = round((LEAD_S + RELEASE_S) / DT_S)
    beside = [world.offsets[release] for world in ghosts(monkeypatch, "turn", 250)]
    assert max(beside) > LANE_M / 2
    assert min(beside) > -LANE_M / 2


def test_swerves_turn_the_car_just_before_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    few = PARAMS.model_copy(update={"clips": 20, "perturbed": 1.0, "video_s": 0.5})
    release, begin = (round((LEAD_S + RELEASE_S - back) / DT_S) * 10 for back in (0.0, 0.5))

    def headings() -> list[np.ndarray]:
        return [record(few, 7, index).pose[:, 2] for index in range(few.clips)]

    swerved = headings()
    monkeypatch.setattr(recording, "SWERVE_RAD", 0.0)
    beside = np.array([a - b for a, b in zip(swerved, headings(), strict=True)])
    np.testing.assert_array_equal(beside[:, : begin + 1], 0.0)
    assert 0.05 < beside[:, release].std() < 0.12
    assert abs(beside[:, release].mean()) < 0.05


def test_without_randomisation_the_frames_are_clean() -> None:
    still = Randomisation(
        light=0, colours=0, background=False, camera_jitter_m=0, camera_jitter_rad=0,
        image_noise=0, speed_noise=0, dynamics=0,
    )  # fmt: skip
    clip = record(PARAMS.model_copy(update={"randomisation": still}), 7, index_of("straight"))
    assert len(np.unique(clip.frames[0, :10].reshape(-1, 3), axis=0)) == 1


@pytest.mark.parametrize("clips", [100, 800])
def test_the_shares_of_the_mix_are_kept(clips: int) -> None:
    assert sum(MIX.values()) == pytest.approx(1.0)
    assert set(MIX) <= set(FAMILIES)
    counts = Counter(family_of(index) for index in range(clips))
    for family, share in MIX.items():
        assert abs(counts[family] - share * clips) <= 2.0, family


def test_any_run_of_clips_is_mixed() -> None:
    for first in range(0, 700, 100):
        run = {family_of(index) for index in range(first, first + 100)}
        assert run == set(MIX)


def test_clip_ids_are_distinct_uuids() -> None:
    ids = [clip_id(seed, index) for seed in range(3) for index in range(50)]
    assert len(set(ids)) == 150
    assert all(str(UUID(one)) == one and UUID(one).version == 4 for one in ids)
    assert clip_id(7, 3) == clip_id(7, 3)

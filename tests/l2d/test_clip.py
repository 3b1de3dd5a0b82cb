"""Stretches without a gap, clips of 20 s in them, and what makes a clip unusable."""

import numpy as np
import pytest
from l2d_factory import Drive, gps, state

from avvla.errors import UserError
from avvla.l2d.clip import CLIP_US, GPS_DISAGREES, NOT_FINITE, cut
from avvla.l2d.frames import Frames

DRIVE = Drive("d", speed_kmh=43.2, heading_deg=350.0, turn_deg_s=1.5)
EPOCH_US = 1_685_725_291_000_000


def frames_at(time_s, texts=None, drive=DRIVE):
    """Frames of a drive at times (N,) [s]."""
    exact = state(drive, time_s)
    heading = (drive.heading_deg + drive.turn_deg_s * time_s) % 360.0
    positions = gps(np.stack([exact["x"], exact["y"]], axis=-1))
    return Frames(
        time_us=EPOCH_US + np.round(time_s * 1e6).astype(np.int64),
        vehicle=np.stack([np.full_like(time_s, drive.speed_kmh), heading, *positions], axis=-1),
        instruction=np.array(texts or ["Go on"] * len(time_s), object),
        episode=np.zeros(len(time_s), np.int64),
        number=np.arange(len(time_s)),
    )


def steps(seconds):
    return np.arange(round(seconds * 10)) / 10


def test_a_long_stretch_is_cut_and_costs_no_t0():
    clips = cut("d", frames_at(steps(50.0)))
    assert list(clips) == ["d.0000", "d.0001", "d.0002"]
    assert [len(clip.frame_us) for clip in clips.values()] == [200, 200, 100]
    t0_us = [clip.frames.time_us[0] - EPOCH_US + clip.t0_grid(0.5, 0.5) for clip in clips.values()]
    # Each cut leaves out the t0 at the clip's own start alone.
    found = np.concatenate(t0_us)
    wanted = np.arange(1_500_000, 43_500_000 + 1, 500_000)
    assert set(wanted) - set(found) == {CLIP_US, 2 * CLIP_US}
    assert set(found) <= set(wanted)


def test_windows_follow_the_arc_across_a_cut():
    clip = cut("d", frames_at(steps(50.0)))["d.0001"]
    t0_us = clip.t0_grid(0.5, 0.5)
    xy, yaw, speed = clip.ego_windows(t0_us)
    assert xy.shape == (len(t0_us), 80, 2)
    np.testing.assert_allclose(speed, 12.0)
    times = 20.0 + t0_us[:, None] / 1e6 + np.arange(-15, 65) / 10
    exact = state(DRIVE, times.ravel())
    turned = exact["yaw"].reshape(yaw.shape)
    np.testing.assert_allclose(yaw - yaw[:, :1], turned - turned[:, :1], atol=1e-9)
    x, y = exact["x"].reshape(yaw.shape), exact["y"].reshape(yaw.shape)
    np.testing.assert_allclose(xy[..., 0] - xy[:, :1, 0], x - x[:, :1], atol=0.01)
    np.testing.assert_allclose(xy[..., 1] - xy[:, :1, 1], y - y[:, :1], atol=0.01)


def test_a_gap_ends_a_stretch_and_a_lost_frame_does_not():
    time_s = np.delete(steps(40.0), [55, *range(200, 205)])
    clips = list(cut("d", frames_at(time_s)).values())
    assert [clip.frame_us[0] + clip.frames.time_us[0] - EPOCH_US for clip in clips] == [
        0,
        20_500_000,
    ]
    before, after = clips
    assert before.t0_grid(0.5, 0.5)[-1] <= 19_900_000 - 6_400_000
    assert after.t0_grid(0.5, 0.5)[0] == 1_500_000
    windows, _, _ = before.ego_windows(np.array([5_000_000]))
    steady = np.hypot(*np.diff(windows[0], axis=0).T)
    np.testing.assert_allclose(steady, 1.2, atol=0.01)


def test_a_t0_is_the_time_of_a_frame():
    time_s = steps(20.0) + 0.004 * np.sin(np.arange(200))
    clip = cut("d", frames_at(time_s - time_s[0]))["d.0000"]
    t0_us = clip.t0_grid(0.5, 0.5)
    assert set(t0_us) <= set(clip.frame_us)
    assert np.abs(t0_us - np.round(t0_us / 5e5) * 5e5).max() <= 10_000
    np.testing.assert_array_equal(clip.frame_us[clip.latest(t0_us)], t0_us)


def test_a_stride_below_a_frame_repeats_none():
    clip = cut("d", frames_at(steps(12.0)))["d.0000"]
    assert clip.t0_grid(0.5, 0.05).tolist() == clip.t0_grid(0.5, 0.1).tolist()


@pytest.mark.parametrize("seconds", [0.1, 0.2, 7.8])
def test_a_short_stretch_has_no_t0(seconds):
    clip = cut("d", frames_at(steps(seconds)))["d.0000"]
    assert clip.t0_grid(0.5, 0.5).size == 0
    assert clip.ego_windows(np.zeros(0, np.int64))[0].shape == (0, 80, 2)


def test_no_frames_are_no_clips():
    assert cut("d", frames_at(np.zeros(0))) == {}


@pytest.mark.parametrize("column", [0, 1])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_clip_that_reaches_a_value_that_is_not_finite_is_not_usable(column, bad):
    frames = frames_at(steps(80.0))
    frames.vehicle[215, column] = bad  # in the second clip, in the future of the first
    problems = [clip.problem for clip in cut("d", frames).values()]
    assert problems == [NOT_FINITE, NOT_FINITE, "", ""]
    for clip in cut("d", frames).values():
        assert np.isfinite(clip.motion.xy).all()


def test_a_clip_whose_gps_disagrees_is_not_usable():
    frames = frames_at(steps(60.0))
    frames.vehicle[200:400, 0] *= 3.6
    problems = [clip.problem for clip in cut("d", frames).values()]
    assert problems == ["", GPS_DISAGREES, ""]


def test_events_tell_the_text_at_the_start_and_its_changes():
    texts = ["a"] * 120 + ["b"] * 30 + [""] * 100
    clips = cut("d", frames_at(steps(25.0), texts))
    assert clips["d.0000"].events() == [(0, "a"), (12_000_000, "b"), (15_000_000, "")]
    assert clips["d.0001"].events() == [(0, "")]


def test_what_lies_outside_is_refused_in_one_line():
    clip = cut("d", frames_at(steps(20.0)))["d.0000"]
    with pytest.raises(UserError, match=r"d\.0000: its driving spans 0\.\.19900000 us"):
        clip.ego_windows(np.array([1_000_000]))
    for t0_us in (-1, 20_000_000):
        with pytest.raises(UserError, match=r"d\.0000: its frames span 0\.\.19900000 us"):
            clip.latest(np.array([t0_us]))

"""Overlapping episodes give each frame once, learners' driving is left out, damage is one line."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from l2d_factory import DATA, DRIVES, EPISODES, EPOCH_NS, FRONT, STEP_NS

from avvla.errors import UserError
from avvla.l2d import layout
from avvla.l2d.frames import read_frames
from avvla.l2d.metadata import read_drives, read_info

LEFT = DRIVES[1]


def frames_of(copy, session=LEFT.session, policies=(layout.EXPERT,)):
    drives = read_drives(copy.snapshot, [EPISODES], FRONT)
    info = read_info(copy.snapshot, FRONT)
    return read_frames(copy.snapshot, drives[session], info, policies)


def test_every_frame_of_the_drive_comes_once(whole):
    rows = pq.read_table(whole.snapshot / DATA, columns=[layout.EPISODE])
    assert len(rows) == len(DRIVES) * 240  # windows of 60 frames, every 30 frames
    frames = frames_of(whole)
    wanted = (EPOCH_NS + np.arange(150) * STEP_NS) // 1000
    np.testing.assert_array_equal(frames.time_us, wanted)


def test_the_later_of_two_windows_is_kept(whole):
    frames = frames_of(whole)
    assert frames.episode.tolist() == [0] * 30 + [1] * 30 + [2] * 30 + [3] * 60
    assert frames.number[:60].tolist() == [*range(30), *range(30)]
    assert frames.instruction[29] == LEFT.instructions[0]
    assert frames.instruction[30] == LEFT.instructions[1]


def test_windows_a_little_out_of_step_share_no_frame_either(copy):
    def shift(table):
        later = table[layout.EPISODE] % 2 == 1
        table.loc[later, layout.TIMESTAMP] += 30_000_000  # ns
        return table

    copy.change(DATA, shift)
    frames = frames_of(copy)
    assert len(frames.time_us) == 150
    assert np.diff(frames.time_us).min() >= 50_000


def test_a_window_inside_another_leaves_its_end(copy):
    # The second window is cut to 1 s: the first one goes on after it.
    second = 5
    copy.change(
        DATA,
        lambda table: table[(table[layout.EPISODE] != second) | (table[layout.FRAME] < 10)],
    )
    frames = frames_of(copy)
    assert frames.episode[:60].tolist() == [0] * 30 + [1] * 10 + [0] * 20
    assert len(frames.time_us) == 150


def test_learners_are_left_out_unless_asked_for(whole):
    student = DRIVES[3].session
    assert len(frames_of(whole, student).time_us) == 0
    assert len(frames_of(whole, student, (layout.EXPERT, layout.STUDENT)).time_us) == 150


def test_a_drive_of_both_keeps_the_experts_frames(copy):
    def hand_over(table):
        table.loc[table[layout.EPISODE] == 7, layout.POLICY] = layout.STUDENT
        return table

    copy.change(DATA, hand_over)
    assert frames_of(copy).episode.tolist() == [0] * 30 + [1] * 30 + [2] * 60


def test_the_state_is_float32_as_it_is_stored(whole):
    frames = frames_of(whole)
    np.testing.assert_array_equal(frames.vehicle[:, 0], 28.0)
    np.testing.assert_allclose(frames.vehicle[[0, 1, 10], 1], [3.0, 2.6, 359.0], atol=1e-4)
    apart = np.diff(np.unique(frames.vehicle[:, 2]))
    assert apart.min() == pytest.approx(2.0**-18)  # of a degree: 0.42 m


@pytest.mark.parametrize("name", layout.STATE_COLUMNS)
def test_a_missing_column_is_named(copy, name):
    copy.change(DATA, lambda table: table.drop(columns=[name]))
    with pytest.raises(
        UserError, match=rf"{DATA} lacks the columns {name}: set dataset\.l2d\.revision"
    ):
        frames_of(copy)


def test_times_that_do_not_rise_are_refused(copy):
    def swap(table):
        rows = table.index[table[layout.EPISODE] == 6][[10, 11]]
        table.loc[rows, layout.TIMESTAMP] = table.loc[rows[::-1], layout.TIMESTAMP].to_numpy()
        return table

    copy.change(DATA, swap)
    with pytest.raises(UserError, match=r"time stamps of episode 6 do not rise in data/"):
        frames_of(copy)


def test_a_frame_without_time_is_refused(copy):
    def forget(table):
        times = table[layout.TIMESTAMP].astype("Int64")
        times.iloc[300] = None
        return table.assign(**{layout.TIMESTAMP: times})

    copy.change(DATA, forget)
    with pytest.raises(UserError, match=r"frames without a time stamp"):
        frames_of(copy)


def test_a_state_of_other_width_is_refused(copy):
    copy.change(
        DATA, lambda table: table.assign(**{layout.VEHICLE: [v[:7] for v in table[layout.VEHICLE]]})
    )
    with pytest.raises(UserError, match=r"other than 8 values of observation.state.vehicle"):
        frames_of(copy)


@pytest.mark.parametrize("damage", ["cut", "text", "missing"])
def test_a_damaged_table_is_one_line(copy, damage):
    path = copy.snapshot / DATA
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"no parquet")
    with pytest.raises(UserError, match=rf"{DATA} cannot be read .*avvla data fetch") as told:
        frames_of(copy)
    assert "\n" not in str(told.value)


def test_damage_inside_a_table_is_one_line(copy):
    path = copy.snapshot / DATA
    content = bytearray(path.read_bytes())
    middle = len(content) // 3
    content[100:middle] = bytes(middle - 100)
    path.write_bytes(content)
    with pytest.raises(UserError, match=DATA) as told:
        frames_of(copy)
    assert "\n" not in str(told.value)

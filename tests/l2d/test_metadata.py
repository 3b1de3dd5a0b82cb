"""info.json and the table of episodes, and every way in which they can be of no use."""

import json

import numpy as np
import pytest
from l2d_factory import DATA, DRIVES, EPISODES, FRONT, HEIGHT, VIDEO, WIDTH

from avvla.errors import UserError
from avvla.l2d import layout
from avvla.l2d.metadata import Episode, files_of, read_drives, read_info


def edit(copy, change):
    path = copy.snapshot / layout.INFO
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))


def test_places_and_size_are_read_by_name(copy):
    info = read_info(copy.snapshot, FRONT)
    assert (info.speed, info.heading, info.latitude, info.longitude, info.values) == (0, 1, 3, 4, 8)
    assert (info.width, info.height) == (WIDTH, HEIGHT)
    axes = ["longitude", "heading", "latitude", "speed"]
    edit(copy, lambda it: it["features"][layout.VEHICLE].update(names=axes))
    info = read_info(copy.snapshot, FRONT)
    assert (info.speed, info.heading, info.latitude, info.longitude, info.values) == (3, 1, 2, 0, 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda it: it.update(codebase_version="v2.1"), r"version v2\.1, expected v3.*revision"),
        (lambda it: it.update(fps=30), r"30 frames a second, expected 10: set .*revision"),
        (lambda it: it["features"].pop(FRONT), r"dataset\.camera is .*front_left', .* has .*rear"),
        (
            lambda it: it["features"].pop(layout.POLICY),
            r"lacks the features task\.policy: set .*revision",
        ),
        (lambda it: it.pop("features"), r"info\.json cannot be read"),
        (lambda it: it["features"][layout.VEHICLE].update(names=["speed"]), r"cannot be read"),
        (lambda it: it["features"][layout.VEHICLE].update(names=None), r"cannot be read"),
        (lambda it: it["features"][FRONT].update(shape=[3]), r"cannot be read"),
        (lambda it: it.update(features=[]), r"cannot be read"),
        (lambda it: it.update(codebase_version=3), r"cannot be read"),
    ],
)
def test_an_info_of_no_use_is_one_line(copy, change, message):
    edit(copy, change)
    with pytest.raises(UserError, match=message) as told:
        read_info(copy.snapshot, FRONT)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("content", [None, b"", b"[1]", b"{", b"\xff"])
def test_a_damaged_info_is_one_line(copy, content):
    path = copy.snapshot / layout.INFO
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"info\.json cannot be read"):
        read_info(copy.snapshot, FRONT)


def test_drives_come_in_the_order_of_the_data_set(whole):
    drives = read_drives(whole.snapshot, [EPISODES], FRONT)
    assert list(drives) == [drive.session for drive in DRIVES]
    second = drives[DRIVES[1].session]
    assert second[0] == Episode(4, DATA, VIDEO, 24.0)
    assert [episode.index for episode in second] == [4, 5, 6, 7]
    assert files_of(second) == [DATA, VIDEO]


def test_tables_of_episodes_are_joined(copy):
    other = "meta/episodes/chunk-000/file-001.parquet"
    (copy.snapshot / other).write_bytes((copy.snapshot / EPISODES).read_bytes())
    copy.change(EPISODES, lambda table: table.iloc[6:])
    copy.change(other, lambda table: table.iloc[:6])
    drives = read_drives(copy.snapshot, [EPISODES, other], FRONT)
    assert drives == read_drives(copy.snapshot, [other, EPISODES], FRONT)
    assert [episode.index for episode in drives[DRIVES[1].session]] == [4, 5, 6, 7]


@pytest.mark.parametrize("session", [None, ""])
def test_an_episode_without_its_drive_is_refused(copy, session):
    def forget(table):
        table.loc[5, layout.SESSION] = session
        return table

    copy.change(EPISODES, forget)
    with pytest.raises(
        UserError, match=r"episode 5 .* lacks its session_id.*would leak: set .*revision"
    ):
        read_drives(copy.snapshot, [EPISODES], FRONT)


def test_an_episode_without_its_video_is_refused(copy):
    start = f"videos/{FRONT}/from_timestamp"

    def forget(table):
        table.loc[7, start] = np.nan
        return table

    copy.change(EPISODES, forget)
    with pytest.raises(UserError, match=r"episode 7 .* lacks its session_id, file or time"):
        read_drives(copy.snapshot, [EPISODES], FRONT)


def test_an_episode_without_its_number_is_refused(copy):
    def forget(table):
        numbers = table[layout.EPISODE].astype("Int64")
        numbers.iloc[3] = None
        return table.assign(**{layout.EPISODE: numbers})

    copy.change(EPISODES, forget)
    with pytest.raises(UserError, match=r"episode <NA> .* lacks its session_id, file or time"):
        read_drives(copy.snapshot, [EPISODES], FRONT)


def test_a_release_without_drives_is_refused(copy):
    copy.change(EPISODES, lambda table: table.drop(columns=[layout.SESSION]))
    with pytest.raises(UserError, match=rf"{EPISODES} lacks the columns session_id"):
        read_drives(copy.snapshot, [EPISODES], FRONT)
    with pytest.raises(UserError, match="no tables in meta/episodes, expected"):
        read_drives(copy.snapshot, [], FRONT)

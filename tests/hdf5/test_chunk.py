import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hdf5_factory import episodes, put, put_jpeg

from avvla.cluster.fingerprint import ROOT, imports
from avvla.config import Hdf5
from avvla.hdf5 import source, summary
from avvla.hdf5.chunk import ACTIONS, LABELS, action_chunk, frame_numbers, label_chunk, times_us
from avvla.hdf5.episode import Episode
from avvla.hdf5.values import JOINTS


@pytest.fixture
def logs(tmp_path):
    """Two episodes of 8 and 9 frames; the first lacks a picture, the second a number."""
    paths = episodes(tmp_path / "episodes", 2)
    put_jpeg(paths[0], "side_camera", 3, b"\0")
    put(paths[1], "action", (0, 1), np.nan)
    settings = Hdf5(max_faulty=0.5)
    found = source.survey(tmp_path / "episodes", settings, tmp_path / "work", 1)
    listing = source.link(found, settings, tmp_path / "raw")
    return {"listing": listing, "data_root": tmp_path / "raw"}


def test_the_steps_of_a_chunk_have_no_way_to_the_parameters():
    files = imports(ROOT / "avvla/hdf5/chunk.py", ROOT).files
    used = [path.relative_to(ROOT).as_posix() for path in files]
    assert not [path for path in used if path.startswith(("avvla/cluster", "avvla/config"))]


def test_labels_have_a_row_for_each_frame(logs, tmp_path):
    label_chunk(0, tmp_path / "labels.parquet", command="Insert", fps=15, **logs)
    table = pq.read_table(tmp_path / "labels.parquet")
    assert table.schema.equals(LABELS)
    assert len(table) == 17
    assert table["t0_us"].to_pylist()[:3] == [0, 66_667, 133_333]
    assert summary.labels([tmp_path / "labels.parquet"]) == {"n": 17, "commands": {"Insert": 17}}


@pytest.mark.parametrize("choice", ["recorded", "ee_pose_difference"])
def test_actions_have_a_row_for_each_frame_and_say_what_it_lacks(logs, tmp_path, choice):
    path = tmp_path / "actions.parquet"
    action_chunk(0, path, hdf5=Hdf5(action=choice), **logs)
    table = pq.read_table(path)
    assert table.schema.equals(ACTIONS)
    with Episode.open(tmp_path / "episodes/day_0/episode_20250101_000000.h5", "a") as episode:
        np.testing.assert_array_equal(summary.action_array(table)[:8], episode.action(choice))
    wrong = table.filter(pc.invert(table["valid"]))
    told = wrong.select(["clip_id", "t0_us", "reason"]).to_pylist()
    first = {"clip_id": "day_0/episode_20250101_000000", "t0_us": 200_000, "reason": "image"}
    second = {"clip_id": "day_0/episode_20250101_000001", "t0_us": 0, "reason": "action"}
    assert told == ([first, second] if choice == "recorded" else [first])
    assert "side_camera has a single byte" in wrong["detail"][0].as_py()


def test_statistics_are_of_the_usable_frames(logs, tmp_path):
    path = tmp_path / "actions.parquet"
    action_chunk(0, path, hdf5=Hdf5(), **logs)
    table = pq.read_table(path)
    found = summary.actions([path], JOINTS)
    assert (found["n"], found["valid"]) == (17, 15)
    assert found["invalid"] == {"image": 1, "state": 0, "action": 1}
    usable = summary.action_array(table)[table["valid"].to_numpy()]
    for i, name in enumerate(JOINTS):
        statistics = found["statistics"][name]
        assert statistics["mean"] == pytest.approx(usable[:, i].mean(), abs=1e-6)
        assert statistics["std"] == pytest.approx(usable[:, i].std(), abs=1e-6)
        assert statistics["min"] == usable[:, i].min()


def test_times_are_the_frame_number_over_the_rate():
    assert times_us(4, 15).tolist() == [0, 66_667, 133_333, 200_000]
    assert times_us(3, 30).dtype == np.int64


@pytest.mark.parametrize("fps", [1, 7, 15, 30, 120, 1000])
def test_a_time_leads_back_to_its_frame(fps):
    frames = np.arange(100_000)
    np.testing.assert_array_equal(frame_numbers(times_us(100_000, fps), fps), frames)

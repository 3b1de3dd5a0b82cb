"""Written episodes are what LeRobot's own recorder writes."""

import json

import av
import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from lerobot.datasets import LeRobotDataset, aggregate_datasets
from lerobot_recorder import record

from avvla.dataset.writer import EpisodeWriter

CAMERA, FPS, SIZE = "observation.images.front", 10, 32
OTHER = "observation.images.side"
FEATURES = {
    CAMERA: {"dtype": "video", "shape": (SIZE, SIZE, 3), "names": ["height", "width", "channels"]},
    "observation.state": {"dtype": "float32", "shape": (2,), "names": ["v", "theta"]},
    "action": {"dtype": "float32", "shape": (4, 2), "names": ["acceleration", "curvature"]},
    "clock_us": {"dtype": "int64", "shape": (1,), "names": None},
}
VIDEO = f"videos/{CAMERA}/chunk-000/file-000.mp4"


def _episode(length, seed, tasks=("Yield", "Stop")):
    """Images, values and tasks.

    All episodes show the same scene: a new one would begin with a key frame without being asked to.
    """
    scene = np.random.default_rng(8).integers(60, 180, (SIZE // 8, SIZE // 8, 3), np.uint8)
    scene = scene.repeat(8, axis=0).repeat(8, axis=1)
    images = np.stack([np.roll(scene, i, axis=1) + np.uint8(i) for i in range(length)])
    rng = np.random.default_rng([8, seed])
    values = {
        "observation.state": rng.normal(size=(length, 2)).astype(np.float32),
        "action": rng.normal(size=(length, 4, 2)).astype(np.float32),
        "clock_us": rng.integers(0, 1 << 40, (length, 1)),
    }
    return images, values, tuple(tasks[i % len(tasks)] for i in range(length))


# Odd and even lengths: key frames are counted from the start of each episode.
EPISODES = [
    _episode(5, 0),
    _episode(2, 1, ["Stop"]),
    _episode(7, 2, ["Turn left", "Stop"]),
    _episode(4, 3),
]


def _write(root, episodes=EPISODES, **begin):
    tasks = {task for *_, tasks in episodes for task in tasks}
    begin = {"fps": FPS, "features": FEATURES, "tasks": tasks, "robot_type": "ego"} | begin
    with EpisodeWriter(root, "avvla/test", **begin) as writer:
        for images, values, commands in episodes:
            writer.add({CAMERA: images}, values, commands)
    return root


def _record(root):
    """The same by LeRobot: frame by frame, an encoder and a video for each episode."""
    datasets.disable_progress_bars()
    tasks = {task for *_, tasks in EPISODES for task in tasks}
    seen = [({CAMERA: images}, values, commands) for images, values, commands in EPISODES]
    record(root, "avvla/test", FPS, FEATURES, tasks, seen, "ego")
    return root


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return _record(tmp_path_factory.mktemp("recorded") / "lerobot")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return _write(tmp_path_factory.mktemp("written") / "lerobot")


def _open(root, **options):
    return LeRobotDataset("avvla/test", root=root, video_backend="pyav", **options)


def _assert_same_items(left, right):
    assert len(left) == len(right)
    for i in range(len(left)):
        ours, theirs = left[i], right[i]
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            if isinstance(value, torch.Tensor):
                assert ours[name].dtype == value.dtype, name
                torch.testing.assert_close(ours[name], value, rtol=0, atol=0, msg=name)
            else:
                assert ours[name] == value, name


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_uint8": True, "episodes": [1, 2]},
        {"delta_timestamps": {CAMERA: [-0.1, 0.0], "action": [0.0, 0.1, 0.2]}},
    ],
)
def test_every_item_is_the_recorder_s(written, recorded, options):
    _assert_same_items(_open(written, **options), _open(recorded, **options))


def test_the_files_are_the_recorder_s(written, recorded):
    def names(root):
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    assert names(written) == names(recorded)
    for name in ("meta/info.json", "meta/tasks.parquet"):
        assert (written / name).read_bytes() == (recorded / name).read_bytes(), name


def test_episodes_and_their_statistics_are_the_recorder_s(written, recorded):
    name = "meta/episodes/chunk-000/file-000.parquet"
    ours, theirs = pq.read_table(written / name), pq.read_table(recorded / name)
    assert ours.schema.equals(theirs.schema)
    for column in theirs.column_names:
        mine, other = ours[column].to_pylist(), theirs[column].to_pylist()
        if column == "tasks":  # LeRobot lists a set
            assert mine == [sorted(tasks) for tasks in other]
        elif column.endswith("_timestamp"):  # LeRobot adds up durations
            np.testing.assert_allclose(mine, other, rtol=0, atol=1e-12)
        elif column.startswith(f"stats/{CAMERA}/"):  # float32 sums, quantiles within their bins
            bins = 7 / 5000 if column[-3] == "q" else 0.0
            np.testing.assert_allclose(mine, other, rtol=2e-5, atol=1e-7 + bins)
        else:
            assert mine == other, column


def test_total_statistics_are_the_recorder_s(written, recorded):
    ours, theirs = (
        json.loads((root / "meta/stats.json").read_text()) for root in (written, recorded)
    )
    assert ours.keys() == theirs.keys() == {*FEATURES, *_open(written).features}
    for name, feature in theirs.items():
        assert ours[name].keys() == feature.keys()
        for statistic, value in feature.items():
            # LeRobot merges episode by episode, here all at once; quantiles as above.
            bins = 7 / 5000 if name == CAMERA and statistic[0] == "q" else 0.0
            np.testing.assert_allclose(
                ours[name][statistic],
                value,
                rtol=2e-5,
                atol=1e-7 + bins,
                err_msg=f"{name} {statistic}",
            )


def test_rows_are_plain_lists_with_a_row_group_for_each_episode(written, recorded):
    name = "data/chunk-000/file-000.parquet"
    ours, theirs = pq.ParquetFile(written / name), pq.ParquetFile(recorded / name)
    assert [ours.metadata.row_group(i).num_rows for i in range(4)] == [5, 2, 7, 4]
    ours_info, theirs_info = (
        json.loads(file.schema_arrow.metadata[b"huggingface"])["info"] for file in (ours, theirs)
    )
    assert ours_info == theirs_info
    assert ours.schema_arrow.names == theirs.schema_arrow.names
    for field in theirs.schema_arrow:
        storage = getattr(field.type, "storage_type", field.type)
        assert ours.schema_arrow.field(field.name).type == storage


def test_episodes_begin_with_a_key_frame(written, recorded):
    def keys(root):
        with av.open(root / VIDEO) as video:
            return [frame.key_frame for frame in video.decode(video=0)]

    assert keys(written) == keys(recorded)
    assert [keys(written)[first] for first in (0, 5, 7, 14)] == [True] * 4


def test_two_parts_are_joined_by_lerobot(tmp_path, recorded):
    parts = [
        _write(tmp_path / "a", EPISODES[:1]),
        _write(tmp_path / "b", EPISODES[1:]),
    ]
    for together in (False, True):
        root = tmp_path / f"joined_{together}"
        aggregate_datasets(
            ["avvla/test"] * 2,
            "avvla/test",
            roots=parts,
            aggr_root=root,
            concatenate_videos=together,
            concatenate_data=together,
        )
        joined, whole = _open(root), _open(recorded)
        for i in range(len(whole)):
            for name, value in whole[i].items():
                if isinstance(value, torch.Tensor) and name != "task_index":
                    torch.testing.assert_close(joined[i][name], value, rtol=0, atol=0, msg=name)
            assert joined[i]["task"] == whole[i]["task"]


def test_two_data_sets_have_the_same_bytes(tmp_path, written):
    again = _write(tmp_path / "again")
    for path in written.rglob("*"):
        if path.is_file() and path.name != "stats.json":  # LeRobot writes it in the order of a set
            assert path.read_bytes() == (again / path.relative_to(written)).read_bytes(), path
    assert b"Lavf" not in (again / VIDEO).read_bytes()


def test_an_interrupted_data_set_cannot_be_opened(tmp_path):
    def images():
        yield EPISODES[2][0][0]
        raise KeyboardInterrupt

    half = (images(), *EPISODES[2][1:])
    with pytest.raises(KeyboardInterrupt):
        _write(tmp_path / "lerobot", [EPISODES[0], half])
    info = json.loads((tmp_path / "lerobot/meta/info.json").read_text())
    assert info["total_episodes"] == 0
    assert not (tmp_path / "lerobot/meta/stats.json").exists()
    assert not (tmp_path / "lerobot/meta/episodes").exists()


def _changed(name, change):
    images, values, tasks = EPISODES[0]
    return images, values | {name: change(values[name])}, tasks


@pytest.mark.parametrize(
    ("episode", "complaint"),
    [
        (_episode(1, 0), "got 1 frames, expected at least 2"),
        ((EPISODES[0][0][1:], *EPISODES[0][1:]), "got 4 images, expected 5"),
        ((EPISODES[0][0][:, 1:], *EPISODES[0][1:]), r"got uint8 \(31, 32, 3\), expected uint8"),
        ((EPISODES[0][0] / 255, *EPISODES[0][1:]), r"got float64 \(32, 32, 3\), expected uint8"),
        ((*EPISODES[0][:2], ["Stop"] * 4), r"is float32 \(5, 2\), expected float32 \(4, 2\)"),
        (_changed("action", lambda a: a[:, :3]), r"action is float32 \(5, 3, 2\), expected"),
        (_changed("action", lambda a: a.astype(float)), r"action is float64 .* expected float32"),
        (_changed("clock_us", lambda a: a[:, 0]), r"clock_us is int64 \(5,\), expected int64"),
        ((EPISODES[0][0], {}, EPISODES[0][2]), r"got features \[\], expected \['action', "),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, episode, complaint):
    with pytest.raises(ValueError, match=complaint):
        _write(tmp_path / "lerobot", [episode])


def test_a_task_not_named_at_the_beginning_is_refused(tmp_path):
    with pytest.raises(KeyError, match="Yield"):
        _write(tmp_path / "lerobot", tasks=["Stop"])


def test_no_episode_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has no episode"):
        _write(tmp_path / "lerobot", [])


def test_a_camera_is_expected(tmp_path):
    features = {name: feature for name, feature in FEATURES.items() if name != CAMERA}
    with pytest.raises(ValueError, match="expected a feature of dtype video"):
        _write(tmp_path / "lerobot", features=features)
    assert not (tmp_path / "lerobot").exists()


def test_images_of_every_camera_are_expected(tmp_path):
    features = FEATURES | {OTHER: FEATURES[CAMERA]}
    with pytest.raises(ValueError, match=r"got images of .*front'\], expected .*front'.*side'"):
        _write(tmp_path / "lerobot", features=features)


def test_several_cameras_are_the_recorder_s(tmp_path):
    features = {OTHER: {**FEATURES[CAMERA], "shape": (SIZE, 2 * SIZE, 3)}, **FEATURES}
    both = [
        ({CAMERA: images, OTHER: np.concatenate([images, images[::-1]], 2)}, values, commands)
        for images, values, commands in EPISODES
    ]
    tasks = {task for *_, tasks in EPISODES for task in tasks}
    with EpisodeWriter(tmp_path / "ours", "avvla/test", FPS, features, tasks, "ego") as writer:
        for episode in both:
            writer.add(*episode)
    datasets.disable_progress_bars()
    record(tmp_path / "theirs", "avvla/test", FPS, features, tasks, both, "ego")
    _assert_same_items(_open(tmp_path / "ours"), _open(tmp_path / "theirs"))
    info = "meta/info.json"
    assert (tmp_path / "ours" / info).read_bytes() == (tmp_path / "theirs" / info).read_bytes()
    name = "meta/episodes/chunk-000/file-000.parquet"
    ours, theirs = (pq.read_table(tmp_path / side / name) for side in ("ours", "theirs"))
    assert ours.schema.equals(theirs.schema)

"""A log as tables and videos: what is in them, and nothing half made."""

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from alpasim_factory import entry, fixed, log, metadata, part, picture, pose, step

from avvla.alpasim.export import export
from avvla.errors import UserError


def rows(path, name):
    return pq.read_table(path / f"{name}.parquet").to_pylist()


def test_tables(write, tmp_path):
    content = log(2, {"wide": b"image"})
    done = export(write(content), tmp_path / "out", video=False)
    assert done.rows == {"poses": 6, "plans": 9, "frames": 3}
    assert done.frames == {"wide": 3}
    assert not done.problem
    poses = rows(tmp_path / "out", "poses")
    assert poses[4]["timestamp_us"] == 1_200_000
    assert poses[4]["actor_id"] == "EGO"
    assert [poses[5][axis] for axis in ("actor_id", "x", "y", "z", "qw")] == ["car", 2, 3, 0, 1]
    plans = rows(tmp_path / "out", "plans")
    assert [(plan["drive"], plan["timestamp_us"]) for plan in plans[3:5]] == [
        (1, 1_100_000),
        (1, 1_200_000),
    ]
    assert plans[4]["x"] == pytest.approx(1.1)
    for frame in rows(tmp_path / "out", "frames"):
        assert content[frame["offset"] : frame["offset"] + frame["bytes"]] == b"image"


@pytest.mark.parametrize("kind", [".jpg", ".png"])
def test_a_video_in_the_order_of_time(write, tmp_path, kind):
    values = [30, 90, 150, 210]
    steps = [step(at, {"wide": picture(value, kind=kind)}) for at, value in enumerate(values)]
    content = metadata(4) + steps[1] + steps[0] + steps[3] + steps[2]
    export(write(content), tmp_path / "out", video=True)
    with av.open(str(tmp_path / "out/wide.mp4")) as video:
        frames = list(video.decode(video=0))
    assert [round(float(frame.time), 3) for frame in frames] == [0.0, 0.1, 0.2, 0.3]
    seen = [frame.to_ndarray(format="rgb24").mean() for frame in frames]
    assert np.allclose(seen, values, atol=6)


def test_the_same_bytes_again(write, tmp_path):
    path = write(log(3, {"wide": picture(90, 17, 13)}))
    for name in ("one", "two"):
        export(path, tmp_path / name, video=True)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["frames.parquet", "plans.parquet", "poses.parquet", "wide.mp4"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_cut_log_gives_what_lies_before(write, tmp_path):
    done = export(write(log(3)[:-5]), tmp_path / "out", video=False)
    assert done.problem.startswith("cut at byte")
    assert done.rows["poses"] == 8


@pytest.mark.parametrize("content", [b"", b"services:\n", bytes(3)])
def test_what_is_no_log_leaves_nothing(write, tmp_path, content):
    with pytest.raises(UserError, match=r"has no entry \(.*\), expected an .asl log"):
        export(write(content), tmp_path / "out", video=False)
    assert [path.name for path in tmp_path.iterdir()] == ["rollout.asl"]


def test_an_image_that_is_none_leaves_nothing(write, tmp_path):
    path = write(log(1, {"wide": b"no image"}))
    with pytest.raises(UserError, match=r"wide: the image at 1000000 us .* cannot be decoded"):
        export(path, tmp_path / "out", video=True)
    assert [one.name for one in tmp_path.iterdir()] == ["rollout.asl"]


def test_a_truncated_image_is_told(write, tmp_path):
    path = write(log(1, {"wide": picture(90)[:20]}))
    with pytest.raises(UserError, match="cannot be decoded"):
        export(path, tmp_path / "out", video=True)


def test_images_of_two_sizes(write, tmp_path):
    steps = [step(at, {"wide": picture(9, width=16 + 4 * at)}) for at in range(2)]
    with pytest.raises(UserError, match=r"is 20x12, expected 16x12 as the first"):
        export(write(metadata(2) + b"".join(steps)), tmp_path / "out", video=True)


def test_a_camera_named_by_an_enemy(write, tmp_path):
    export(write(log(1, {"../../evil": picture(9)})), tmp_path / "out", video=True)
    assert (tmp_path / "out/______evil.mp4").exists()


def test_a_folder_that_is_there_stays(write, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="is there already"):
        export(write(log(1)), tmp_path / "out", video=False)


@pytest.mark.parametrize(
    "content",
    [
        entry(2, fixed(1, 1 << 63)),
        entry(5, part(2, part(1, part(1, pose(1.0, 2.0)) + fixed(2, (1 << 64) - 1)))),
        entry(11, part(3, fixed(2, 1 << 63) + fixed(3, 5) + part(4, b"image") + part(5, "wide"))),
    ],
)
def test_a_time_that_no_column_holds_is_damage(write, tmp_path, content):
    """Found by fuzzing."""
    done = export(write(log(1) + content + step(2, {})), tmp_path / "out", video=False)
    assert "(a time of" in done.problem
    assert done.rows == {"poses": 4, "plans": 6, "frames": 0}

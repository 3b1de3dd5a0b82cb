"""Filters over NVIDIA's metadata: what is left, and what is refused."""

from __future__ import annotations

import pandas as pd
import pytest
from factory import CAMERA
from hypothesis import given
from hypothesis import strategies as st

from avvla.config import Nvidia
from avvla.errors import UserError
from avvla.hub.selection import Selection, read_clips, select
from avvla.physical_ai import layout

LIDAR = "lidar_top_360fov"


@pytest.fixture
def metadata(tmp_path):
    """Four chunks of three clips, a0, b0, c0, a1, ...; c1 is not valid, c3 has no camera."""
    names = [f"{letter}{chunk}" for chunk in (2, 0, 3, 1) for letter in "cab"]
    index = pd.Index(names, name="clip_id")
    chunk = [int(name[1]) for name in names]
    tables = {
        layout.CLIP_INDEX: {
            "chunk": chunk,
            "split": ["val" if name[0] == "a" else "train" for name in names],
            "clip_is_valid": [name != "c1" for name in names],
        },
        layout.DATA_COLLECTION: {
            "country": ["France" if number < 2 else "Germany" for number in chunk],
            "hour_of_day": [6 * number for number in chunk],
        },
        layout.FEATURE_PRESENCE: {
            CAMERA: [name != "c3" for name in names],
            layout.EGOMOTION: [True] * len(names),
            LIDAR: [name in ("a0", "b2") for name in names],
        },
    }
    for path, columns in tables.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        pd.DataFrame(columns, index=index).to_parquet(tmp_path / path)
    return tmp_path


@pytest.fixture
def chosen(metadata):
    def choose(**wanted):
        paths = [path.relative_to(metadata).as_posix() for path in metadata.rglob("*.parquet")]
        return select(read_clips(metadata, paths), Nvidia(**wanted), CAMERA)

    return choose


def test_without_a_filter_all_chunks_are_whole(chosen):
    assert chosen() == Selection((0, 1, 2, 3), None)


@pytest.mark.parametrize(
    ("wanted", "chunks", "clips"),
    [
        ({"chunks": [3, 1]}, (1, 3), None),
        ({"chunk_count": 2}, (0, 1), None),
        ({"clips": ["b2", "a0"]}, (0, 2), ("a0", "b2")),
        ({"clips": ["a1", "b1"]}, (1,), None),  # the third of the chunk does not count
        ({"clip_count": 4}, (0, 1), ("a0", "a1", "b0", "c0")),
        ({"split": "val"}, (0, 1, 2, 3), ("a0", "a1", "a2", "a3")),
        ({"split": "val", "chunk_count": 2}, (0, 1), ("a0", "a1")),
        ({"countries": ["Germany"]}, (2, 3), None),
        ({"hours": [0, 6]}, (0, 1), None),
        ({"sensors": [LIDAR]}, (0, 2), ("a0", "b2")),
        ({"sensors": [LIDAR], "countries": ["Germany"], "split": "train"}, (2,), ("b2",)),
    ],
)
def test_filters(chosen, wanted, chunks, clips):
    assert chosen(**wanted) == Selection(chunks, clips)


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"chunks": [4]}, r"\.chunks: there is no chunk 4, only 0 to 3"),
        ({"clips": ["z9"]}, r"\.clips: clip z9 is not in clip_index\.parquet"),
        ({"clips": ["a0", "c1"]}, r"\.clips: clip c1 is not valid, or lacks the camera"),
        ({"clips": ["c3"]}, r"\.clips: clip c3 is not valid, or lacks the camera"),
        ({"split": "test"}, r"\.split: the data set has no 'test'; it has train, val"),
        ({"countries": ["Spain"]}, r"no 'Spain'; it has France, Germany"),
        ({"hours": [7]}, r"no 7; it has 0, 12, 18, 6"),
        ({"sensors": ["radar"]}, rf"no 'radar'; it has {CAMERA}, egomotion, {LIDAR}"),
        ({"chunks": [1], "countries": ["Germany"]}, r"\.countries leaves none of 2 clips"),
    ],
)
def test_what_leaves_nothing_is_named(chosen, wanted, problem):
    with pytest.raises(UserError, match=problem) as caught:
        chosen(**wanted)
    assert "\n" not in str(caught.value)


def test_a_camera_that_no_clip_has(metadata, chosen):
    (metadata / layout.FEATURE_PRESENCE).unlink()
    with pytest.raises(UserError, match=r"the data set has none of metadata/feature_presence"):
        chosen()
    index = pd.read_parquet(metadata / layout.CLIP_INDEX).index
    old = pd.DataFrame({CAMERA: False, "note": "x"}, index=index)
    old.to_parquet(metadata / layout.PRESENCE[1])  # as in revisions before 26.03
    with pytest.raises(UserError, match=f"none of 12 clips is valid with {CAMERA} and egomotion"):
        chosen()


def test_the_splits_file_goes_before_the_index(metadata, chosen):
    index = pd.read_parquet(metadata / layout.CLIP_INDEX).index
    (metadata / layout.SPLITS).parent.mkdir()
    pd.DataFrame({"split": "test"}, index=index).to_parquet(metadata / layout.SPLITS)
    assert chosen(split="test") == Selection((0, 1, 2, 3), None)


@pytest.mark.parametrize("column", ["country", "hour_of_day"])
def test_a_column_that_is_missing_matters_to_its_filter_alone(metadata, chosen, column):
    path = metadata / layout.DATA_COLLECTION
    pd.read_parquet(path).drop(columns=column).to_parquet(path)
    assert chosen(chunks=[0]).chunks == (0,)
    wanted = {"countries": ["France"]} if column == "country" else {"hours": [6]}
    with pytest.raises(UserError, match=f"needs the column {column} of metadata/data_collection"):
        chosen(**wanted)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"PAR1", "clip_index.parquet cannot be read"),
        ({"chunk": [0]}, "clip_index.parquet has no column split, clip_is_valid"),
        ({"chunk": [0, 0], "split": "x", "clip_is_valid": True}, "lists clip a0 twice"),
    ],
)
def test_a_damaged_index_is_one_line(metadata, chosen, content, problem):
    if isinstance(content, bytes):
        (metadata / layout.CLIP_INDEX).write_bytes(content)
    else:
        rows = len(content["chunk"])
        table = pd.DataFrame(content, index=pd.Index(["a0"] * rows, name="clip_id"))
        table.to_parquet(metadata / layout.CLIP_INDEX)
    with pytest.raises(UserError, match=problem):
        chosen()


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), min_size=1),
    st.none() | st.integers(1, 7),
    st.none() | st.integers(1, 4),
)
def test_the_manifest_names_clips_exactly_where_chunks_are_not_whole(rows, clip_count, chunk_count):
    clips = pd.DataFrame(rows, columns=["chunk", "clip_is_valid", f"has {CAMERA}"])
    clips["split"] = "train"
    clips.index = [f"clip-{number:03d}" for number in range(len(rows))]
    usable = clips[clips["clip_is_valid"] & clips[f"has {CAMERA}"]]
    wanted = Nvidia(clip_count=clip_count, chunk_count=chunk_count)
    if usable.empty:
        with pytest.raises(UserError):
            select(clips, wanted, CAMERA)
        return
    found = select(clips, wanted, CAMERA)
    in_chunks = set(usable.index[usable["chunk"].isin(found.chunks)])
    named = in_chunks if found.clips is None else set(found.clips)
    assert found.clips is None or named < in_chunks
    assert {clips.at[clip, "chunk"] for clip in named} == set(found.chunks)
    assert len(named) <= (clip_count or len(rows))
    assert len(found.chunks) <= (chunk_count or len(rows))

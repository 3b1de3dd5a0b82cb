"""Samples: which rows become one, and what it holds."""

import numpy as np
import pytest
from factory import arc, camera, recordings

from avvla.dataset.samples import join, samples
from avvla.errors import UserError
from avvla.physical_ai.camera import Crop, square_crop
from avvla.physical_ai.reader import Clips


@pytest.fixture
def files(make_inputs):
    inputs = make_inputs(2)
    return inputs.labels / "chunk_0000.parquet", inputs.actions / "chunk_0000.parquet"


def test_rows_are_joined_by_clip_and_time(files, edit):
    edit(files[0], lambda table: table.sample(frac=1, random_state=3))
    rows = join(*files)
    assert rows.table["clip_id"].is_monotonic_increasing
    assert rows.table.groupby("clip_id")["t0_us"].apply(list).map(len).tolist() == [4, 4]
    assert rows.action.shape == (8, 64, 2)
    assert rows.dropped == {"invalid action": 0, "inconsistent label": 0, "single sample": 0}
    # A circle at constant acceleration: each clip has one curvature, and not the other's.
    curvature = rows.action[..., 1].mean(-1)
    assert np.ptp(curvature[:4]) < 1e-3
    assert abs(curvature[0] - curvature[4]) > 1e-3


def test_what_cannot_be_learned_from_is_left_out_and_counted(files, edit):
    rows = join(*files)
    edit(files[1], lambda table: table.assign(valid=[False, True] * 4))
    edit(files[0], lambda table: table.assign(consistent=[False] * 2 + [True] * 4 + [False] * 2))
    fewer = join(*files)
    assert fewer.dropped == {"invalid action": 4, "inconsistent label": 2, "single sample": 2}
    assert len(fewer.table) == 0
    edit(files[0], lambda table: table.assign(consistent=[False] * 2 + [True] * 6))
    fewer = join(*files)
    assert fewer.dropped == {"invalid action": 4, "inconsistent label": 1, "single sample": 1}
    np.testing.assert_array_equal(fewer.action, rows.action[[5, 7]])
    assert fewer.table["t0_us"].tolist() == rows.table["t0_us"].iloc[[5, 7]].tolist()


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.iloc[1:],
        lambda table: table.assign(t0_us=table["t0_us"] + 1),
        lambda table: table.iloc[[0, *range(len(table))]],
        lambda table: table.iloc[[0, 0, *range(2, len(table))]],
    ],
)
@pytest.mark.parametrize("which", [0, 1])
def test_tables_of_different_rows_are_refused(files, edit, change, which):
    edit(files[which], change)
    with pytest.raises(UserError, match=r"expected each once in both: run `dvc repro --force"):
        join(*files)


@pytest.mark.parametrize(("which", "stage"), [(0, "label"), (1, "fit_actions")])
def test_a_missing_or_damaged_table_is_told(files, which, stage):
    content = files[which].read_bytes()
    for damaged in (content[:-20], b"", content[:300]):
        files[which].write_bytes(damaged)
        with pytest.raises(UserError, match=rf"cannot be read .*`dvc repro --force {stage}`"):
            join(*files)
    files[which].unlink()
    with pytest.raises(UserError, match=rf"is missing: .*`dvc repro --force {stage}`"):
        join(*files)


def test_a_table_without_a_column_is_told(files):
    files[0].write_bytes(files[1].read_bytes())
    with pytest.raises(UserError, match=r"cannot be read .*command"):
        join(*files)


def test_samples_hold_what_was_driven_and_seen(make_inputs):
    inputs = make_inputs(2)
    rows = join(inputs.labels / "chunk_0000.parquet", inputs.actions / "chunk_0000.parquet")
    build = inputs.params.build
    parts = list(samples(Clips(inputs.listing, inputs.data_root), rows, build))
    recorded = {clip.clip_id: clip for clip in recordings(2)}
    assert [part.clip_id for part in parts] == sorted(recorded)
    for part in parts:
        clip = recorded[part.clip_id]
        curvature, acceleration = clip.curvature[0], clip.acceleration[0]
        speed0 = clip.speed[0] + acceleration  # egomotion begins 1 s before the clip
        t0 = part.t0_us / 1e6
        speed = speed0 + acceleration * t0
        turned = curvature * (speed * 1.5 - acceleration * 1.5**2 / 2)
        np.testing.assert_allclose(part.state, np.stack([speed, turned], -1), atol=1e-4)
        ahead = np.arange(1, 65) * 0.1
        distance = speed[:, None] * ahead + acceleration * ahead**2 / 2
        driven = np.stack(arc(distance, curvature), axis=-1)
        np.testing.assert_allclose(part.trajectory, driven, atol=1e-3)
        assert part.command == ("Follow the lane",) * 4
        assert part.image.shape == (4, 32, 32, 3)
        frames = Clips(inputs.listing, inputs.data_root).frames(part.clip_id, part.t0_us)
        seen = square_crop(
            frames[3],
            camera(),
            Crop.of(build),
            32,
        )
        np.testing.assert_array_equal(part.image[3], seen)
        assert {array.dtype for array in (part.state, part.action, part.trajectory)} == {
            np.dtype(np.float32)
        }

"""The windows of a chunk, against the reader."""

import numpy as np
import pytest
from factory import data_set, recordings

from avvla.errors import UserError
from avvla.logs.windows import windows
from avvla.physical_ai.reader import Clips


def test_each_clip_gives_its_windows(tmp_path):
    clips = Clips(data_set(tmp_path, recordings(2)), tmp_path)
    parts = list(windows(clips, 0, 2.0, 0.5))
    assert [part.clip_id for part in parts] == clips.clip_ids(0)
    assert parts[0].t0_us.tolist() == [2_000_000, 2_500_000, 3_000_000, 3_500_000]
    xy, yaw, speed = clips.ego_windows(parts[0].clip_id, parts[0].t0_us)
    np.testing.assert_array_equal(parts[0].xy, xy)
    np.testing.assert_array_equal(parts[0].yaw, yaw)
    np.testing.assert_array_equal(parts[0].speed, speed)


def test_a_chunk_without_any_is_refused(tmp_path):
    clips = Clips(data_set(tmp_path, recordings(2)), tmp_path)
    with pytest.raises(UserError, match=r"none of 2 clips has a t0 from 9.0 s on"):
        list(windows(clips, 0, 9.0, 0.5))

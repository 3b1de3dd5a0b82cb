"""The encoded trajectory is what protobuf itself would read out of its own."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from avvla.driver import wire
from avvla.driver.answer import encoded

ROWS = st.integers(0, 70)
NUMBER = st.floats(width=32, allow_nan=False)


@given(st.data())
def test_a_trajectory_is_read_back_as_it_was_encoded(data):
    count = data.draw(ROWS)
    poses = data.draw(arrays(np.float64, (count, 7), elements=NUMBER))
    times = data.draw(arrays(np.int64, count, elements=st.integers(0, 2**63 - 1)))
    found = wire.message("common.Trajectory").FromString(encoded(times, poses)).poses
    rows = [
        (p.vec.x, p.vec.y, p.vec.z, p.quat.w, p.quat.x, p.quat.y, p.quat.z)
        for p in (entry.pose for entry in found)
    ]
    assert [entry.timestamp_us for entry in found] == times.tolist()
    np.testing.assert_array_equal(np.array(rows).reshape(-1, 7), poses)

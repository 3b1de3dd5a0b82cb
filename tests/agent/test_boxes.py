import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from avvla.agent import boxes

box = st.tuples(
    st.floats(-5, 5), st.floats(-5, 5), st.floats(-7, 7), st.floats(0.1, 8), st.floats(0.1, 8)
)


@given(box, box)
def test_boxes_overlap_where_their_polygons_do(one, other):
    first, second = (shapely.Polygon(boxes.corners(np.array(b))) for b in (one, other))
    area = first.intersection(second).area
    found = bool(boxes.overlap(np.array(one), np.array(other)))
    if area > 1e-6:
        assert found
    elif first.distance(second) > 1e-6:
        assert not found


def test_corners_are_those_of_the_box():
    found = boxes.corners(np.array([1.0, 2.0, np.pi / 2, 4.0, 2.0]))
    expected = [[0, 4], [2, 4], [2, 0], [0, 0]]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_box_that_is_not_there_overlaps_nothing():
    there = np.array([0.0, 0, 0, 4, 2])
    assert not boxes.overlap(there, np.full(5, np.nan))
    gone = np.array([np.nan, np.nan, 0, 4, 2])
    assert boxes.overlap(there[None], np.stack([there, gone])).tolist() == [True, False]

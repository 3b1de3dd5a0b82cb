import xml.etree.ElementTree as ElementTree

import numpy as np
import pyarrow as pa
import pytest

from avvla.evaluation.channels import EPISODES, sheet
from avvla.hdf5.chunk import ACTIONS
from avvla.hdf5.values import JOINTS


def table(episodes, frames=4):
    count = episodes * frames
    rng = np.random.default_rng(0)
    return pa.table(
        {
            "clip_id": [f"day/<{i // frames}>" for i in range(count)],
            "t0_us": np.arange(count) % frames * 66_667,
            "action": rng.normal(size=(count, 6)).astype(np.float32).tolist(),
            "valid": [i != 1 for i in range(count)],
            "reason": [""] * count,
            "detail": [""] * count,
        },
        schema=ACTIONS,
    )


@pytest.mark.parametrize(("episodes", "rows"), [(1, 1), (EPISODES + 3, EPISODES), (0, 0)])
def test_a_row_of_two_charts_for_each_of_the_first_episodes(episodes, rows):
    drawn = sheet(table(episodes), JOINTS)
    root = ElementTree.fromstring(drawn)
    texts = [element.text for element in root.iter() if element.get("class") == "title"]
    assert texts == [f"day/<{i}>" for i in range(rows)]
    lines = [element for element in root.iter() if element.tag.endswith("polyline")]
    assert len(lines) == 6 * rows
    assert drawn == sheet(table(episodes), JOINTS)


def test_frames_that_cannot_be_used_are_not_drawn():
    root = ElementTree.fromstring(sheet(table(1), JOINTS))
    (line, *_) = [element for element in root.iter() if element.tag.endswith("polyline")]
    assert len(line.get("points").split()) == 3

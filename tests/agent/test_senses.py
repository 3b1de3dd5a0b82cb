import math
from dataclasses import replace

import numpy as np
import pytest
from agent_factory import seen

from avvla.agent.senses import Senses


def test_the_newest_observation_is_kept():
    senses = Senses()
    assert senses.take(seen(0.0, 1)) == senses.take(seen(0.1, 2)) == ""
    assert senses.newest.time_s == 0.1


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (seen(0.05, 3), "observation out of order"),
        (seen(0.1, 3), "observation out of order"),
        (seen(math.nan, 3), "observation without a time"),
        (replace(seen(0.2), image=np.zeros((8, 8, 3), np.uint8)), "camera black"),
        (replace(seen(0.2), image=np.full((8, 8, 3), 90.0)), "camera picture has another form"),
        (replace(seen(0.2), image=np.full((8, 8), 90, np.uint8)), "camera picture has another"),
        (seen(0.2, 3, speed=math.nan), "state is not finite"),
        (seen(0.2, 3, heading=math.inf), "state is not finite"),
    ],
)
def test_what_cannot_be_planned_from_is_left_out_and_named(bad, fault):
    senses = Senses()
    good = seen(0.1, 1)
    senses.take(good)
    assert senses.take(bad).startswith(fault)
    assert senses.newest is good
    assert senses.take(seen(0.3, 4)) == ""


def test_a_camera_that_shows_the_same_while_driving_is_frozen_until_it_moves_again():
    senses = Senses()
    told = [senses.take(seen(0.1 * tick, 1)) for tick in range(6)]
    assert told == ["", "", "", "camera frozen", "camera frozen", "camera frozen"]
    assert senses.newest.time_s == pytest.approx(0.2)
    assert senses.take(seen(0.6, 2)) == ""


def test_a_standing_vehicle_may_see_the_same():
    senses = Senses()
    assert not any(senses.take(seen(0.1 * tick, 1, speed=0.0)) for tick in range(20))

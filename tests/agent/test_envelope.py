import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.agent import envelope
from avvla.agent.motion import STANDSTILL, Action

number = st.floats(-1e6, 1e6)
speed = st.floats(0, 60)


@given(speed, number, number, number, number)
def test_whatever_is_wanted_ends_inside(v, a, k, a_before, k_before):
    before, _ = envelope.bounded(Action(a_before, k_before), v, STANDSTILL)
    kept, reasons = envelope.bounded(Action(a, k), v, before)
    assert envelope.inside(kept, v, before)
    assert v + 0.1 * kept.acceleration >= -1e-9
    assert abs(kept.curvature) * v**2 <= envelope.A_LAT + 1e-6
    assert (kept == Action(a, k)) == (not reasons)


@given(speed, st.floats(-1, 1), st.floats(-0.01, 0.01))
def test_what_is_inside_is_left_alone(v, a, k):
    before = Action(max(a, -v / 0.1), k if abs(k) * max(v, 0.1) ** 2 < envelope.A_LAT else 0.0)
    assert envelope.bounded(before, v, before) == (before, ())


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (Action(100.0, 0.0), "acceleration"),
        (Action(2.5, 0.0), "jerk"),
        (Action(0.0, 3.0), "curvature"),
        (Action(0.0, 0.1), "lateral acceleration"),
        (Action(0.0, 0.04), "curvature rate"),
    ],
)
def test_the_reason_is_the_bound(wanted, reason):
    assert envelope.bounded(wanted, 10.0, STANDSTILL)[1] == (reason,)


def test_a_jump_of_the_speed_gives_way_to_the_lateral_bound():
    kept, _ = envelope.bounded(Action(0.0, 0.2), 30.0, Action(0.0, 0.2))
    assert kept.curvature == pytest.approx(envelope.A_LAT / 900)

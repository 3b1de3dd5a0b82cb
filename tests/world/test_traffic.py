"""Car following that never hits, lane changes that never cut in."""

import itertools
import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from avvla.world.road_map import LANE_M
from avvla.world.traffic import (
    COMFORT_BRAKING,
    HARDEST_BRAKING,
    HEADWAY_S,
    MAX_ACCELERATION,
    SAFE_BRAKING,
    STANDSTILL_GAP_M,
    Event,
    Vehicle,
    advance,
    follow,
    idm,
    leader,
)

FAR_AWAY = Vehicle(-1e4, 0, 0.0, 0.0, 0.0)


def vehicle(s: float, lane: int = 0, speed: float = 10.0, wished: float = 12.0, **more) -> Vehicle:
    return Vehicle(s, lane, lane * LANE_M, speed, wished, **more)


def test_on_a_free_road_the_wished_speed_is_kept_and_approached() -> None:
    assert idm(12.0, 12.0, math.inf, 0.0) == 0.0
    assert idm(8.0, 12.0, math.inf, 0.0) > 0.5
    assert idm(15.0, 12.0, math.inf, 0.0) < -0.5


@given(st.floats(0, 20), st.floats(1, 20), st.floats(0.1, 100), st.floats(-10, 10))
def test_a_wider_gap_never_brakes_harder(
    speed: float, wished: float, gap: float, closing: float
) -> None:
    nearer, wider = idm(speed, wished, gap, closing), idm(speed, wished, 1.2 * gap, closing)
    assert -HARDEST_BRAKING <= nearer <= wider <= idm(speed, wished, math.inf, 0.0) + 1e-9


def test_the_equilibrium_gap_is_standstill_and_headway() -> None:
    gap = STANDSTILL_GAP_M + HEADWAY_S * 10.0
    assert idm(10.0, 1e3, gap, 0.0) == pytest.approx(0.0, abs=1e-6)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(0.0, 14.0), st.floats(0.0, 60.0)), min_size=1, max_size=5))
def test_a_column_stops_behind_a_stopped_leader_without_touching(
    followers: list[tuple[float, float]],
) -> None:
    column = [vehicle(500.0, speed=0.0, wished=0.0)]
    for speed, spare in followers:
        # Room to stop at the hardest braking: no law of following can do with less.
        room = STANDSTILL_GAP_M + speed**2 / (2 * HARDEST_BRAKING) * 1.3 + spare
        s = column[-1].rear - room - 3.6
        column.append(vehicle(s, speed=speed, wished=14.0))
    for tick in range(900):
        column = advance(column, FAR_AWAY, 1, 0.0, 0.1)
        for ahead, behind in itertools.pairwise(column):
            assert ahead.rear - behind.front > 0.0
            assert behind.speed >= 0.0
        if tick > 100 and max(v.speed for v in column) < 0.2:
            break
    assert max(v.speed for v in column) < 0.2
    assert column[0].rear - column[1].front == pytest.approx(STANDSTILL_GAP_M, abs=2.0)


def test_the_ego_is_a_leader_too() -> None:
    behind, ego = vehicle(0.0, speed=12.0), vehicle(12.0, speed=0.0)
    (moved,) = advance([behind], ego, 2, 0.0, 0.1)
    assert moved.speed == pytest.approx(12.0 - HARDEST_BRAKING * 0.1)


def test_a_vehicle_between_two_lanes_leads_in_both() -> None:
    between = Vehicle(40.0, 1, 0.5 * LANE_M, 10.0, 10.0)
    assert leader(vehicle(0.0, 0), 0, [between])[0] < math.inf
    assert leader(vehicle(0.0, 1), 1, [between])[0] < math.inf
    assert leader(vehicle(0.0, 2), 2, [between])[0] == math.inf


positions = st.tuples(st.integers(0, 2), st.floats(-60, 60), st.floats(0, 14))


@settings(max_examples=120)
@given(st.lists(positions, min_size=1, max_size=6), st.integers(0, 2), st.floats(4, 14))
def test_mobil_changes_only_into_safe_gaps(
    others: list[tuple[int, float, float]], lane: int, speed: float
) -> None:
    changer = vehicle(0.0, lane, speed, 14.0, changes_lane=True)
    around = [vehicle(s, k, v, max(v, 1.0)) for k, s, v in others]
    (moved, *_) = advance([changer, *around], FAR_AWAY, 3, 0.0, 0.1)
    assert 0 <= moved.lane < 3
    assert abs(moved.lane - lane) <= 1
    if moved.lane == lane:
        return
    for other in around:
        if other.lane == moved.lane:
            apart = max(other.rear - changer.front, changer.rear - other.front)
            assert apart > 0.0
            if other.s <= changer.s:
                gap = changer.rear - other.front
                assert gap >= STANDSTILL_GAP_M
                if all(
                    not other.s < third.s <= 0.0 for third in around if third.lane == other.lane
                ):
                    after = idm(other.speed, other.wished_speed, gap, other.speed - speed)
                    assert after >= -SAFE_BRAKING


def test_a_slow_leader_is_overtaken_where_the_next_lane_is_free() -> None:
    changer = vehicle(0.0, 0, 12.0, 13.0, changes_lane=True)
    vehicles = [changer, vehicle(30.0, 0, 5.0, 5.0)]
    offsets = []
    for _ in range(60):
        vehicles = advance(vehicles, FAR_AWAY, 2, 0.0, 0.1)
        offsets.append(vehicles[0].offset)
    assert vehicles[0].lane == 1
    assert offsets[-1] == pytest.approx(LANE_M)
    steps = [b - a for a, b in zip([0.0, *offsets[:-1]], offsets, strict=True)]
    assert 0.0 <= min(steps) <= max(steps) <= 0.11


def test_who_does_not_change_lanes_stays_behind() -> None:
    vehicles = [vehicle(0.0, 0, 12.0, 13.0), vehicle(30.0, 0, 5.0, 5.0)]
    for _ in range(60):
        vehicles = advance(vehicles, FAR_AWAY, 2, 0.0, 0.1)
    assert vehicles[0].lane == 0
    assert follow(vehicles[0], 0, vehicles) < 0.5


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 5), st.floats(6, 14), st.booleans()),
        min_size=2,
        max_size=6,
        unique_by=lambda drawn: drawn[:2],
    )
)
def test_traffic_that_starts_apart_never_overlaps(
    drawn: list[tuple[int, int, float, bool]],
) -> None:
    vehicles = [
        vehicle(30.0 * slot, lane, speed, speed, changes_lane=changes)
        for lane, slot, speed, changes in drawn
    ]
    assume(len(vehicles) > 1)
    for _ in range(250):
        vehicles = advance(vehicles, FAR_AWAY, 3, 0.0, 0.1)
        for i, one in enumerate(vehicles):
            for other in vehicles[:i]:
                apart = max(one.rear - other.front, other.rear - one.front)
                aside = abs(one.offset - other.offset) - (one.width + other.width) / 2
                assert max(apart, aside) > 0.0


def test_the_acceleration_is_that_of_the_paper() -> None:
    speed, wished, gap, closing = 10.0, 20.0, 30.0, 2.0
    desired = STANDSTILL_GAP_M + HEADWAY_S * speed
    desired += speed * closing / (2 * math.sqrt(MAX_ACCELERATION * COMFORT_BRAKING))
    wanted = MAX_ACCELERATION * (1 - (speed / wished) ** 4 - (desired / gap) ** 2)
    assert idm(speed, wished, gap, closing) == pytest.approx(wanted)


@pytest.mark.parametrize(("gap", "lane"), [(STANDSTILL_GAP_M - 0.6, 0), (STANDSTILL_GAP_M + 3, 1)])
def test_not_even_a_crawling_follower_is_cut_off_closely(gap: float, lane: int) -> None:
    changer = vehicle(0.0, 0, 5.0, 13.0, changes_lane=True)
    follower = vehicle(changer.rear - gap - 3.6, 1, 0.0, 1.0)
    slow = vehicle(12.0, 0, 1.0, 1.0)
    assert advance([changer, follower, slow], FAR_AWAY, 2, 0.0, 0.1)[0].lane == lane


def test_a_vehicle_does_its_events_in_their_turn() -> None:
    told = Vehicle(
        0.0, 0, 0.0, 10.0, 10.0, events=(Event(0.5, 1, 10.0), Event(1.0, 1, 0.0, braking=2.0))
    )
    moved = [told]
    for tick in range(80):
        moved += advance([moved[-1]], FAR_AWAY, 2, tick * 0.1, 0.1)
    assert [one.lane for one in moved[:8]] == [0] * 6 + [1] * 2
    assert moved[10].speed == pytest.approx(10.0)
    assert moved[12].speed == pytest.approx(10.0 - 2 * 0.2)
    assert moved[-1].speed == pytest.approx(0.0, abs=0.2)
    assert moved[-1].offset == pytest.approx(LANE_M, abs=0.3)
    assert moved[-1].events == ()


def test_an_event_at_a_tick_is_not_a_tick_late() -> None:
    told = Vehicle(0.0, 0, 0.0, 10.0, 10.0, events=(Event(0.3, 1, 10.0),))
    time_s = 0.1 + 0.2 - 1e-9
    assert advance([told], FAR_AWAY, 2, time_s, 0.1)[0].lane == 1

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.evaluation.charts import HEIGHT, LEFT, WIDTH, Line, line_chart

numbers = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
points = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=20)


def polylines(svg: str) -> list[list[tuple[float, float]]]:
    root = ElementTree.fromstring(svg)
    return [
        [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
        for line in root.iter("polyline")
    ]


def ticks(svg: str) -> list[str]:
    return re.findall(r'class="tick"[^>]*>([^<]*)<', svg)


@given(st.lists(points, min_size=1, max_size=4))
def test_every_point_of_every_curve_is_drawn_inside(curves):
    svg = line_chart([Line(f"n{i}", curve) for i, curve in enumerate(curves)], "x [s]", "y [m]")
    drawn = polylines(svg)
    assert [len(line) for line in drawn] == [len(curve) for curve in curves]
    for x, y in (point for line in drawn for point in line):
        assert LEFT - 0.1 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    assert svg == line_chart(
        [Line(f"n{i}", curve) for i, curve in enumerate(curves)], "x [s]", "y [m]"
    )


def test_larger_values_are_higher_and_later_ones_further_right():
    (line,) = polylines(line_chart([Line("a", [(0, 0), (1, 2), (2, 8)])], "x", "y"))
    assert [x for x, _ in line] == sorted(x for x, _ in line)
    assert [y for _, y in line] == sorted((y for _, y in line), reverse=True)


def test_logarithmic_values_are_evenly_spaced_by_decade():
    svg = line_chart([Line("a", [(0, 0.01), (1, 0.1), (2, 1.0)])], "x", "y", log=True)
    (((_, low), (_, middle), (_, high)),) = polylines(svg)
    assert math.isclose(low - middle, middle - high, abs_tol=0.2)
    assert {"0.01", "0.1", "1"} <= set(ticks(svg))


def test_ticks_are_round_numbers_within_the_axis():
    svg = line_chart([Line("a", [(0, 0), (64, 7.3)])], "x", "y")
    assert ticks(svg)[:4] == ["0", "2", "4", "6"]
    assert ticks(svg)[4:8] == ["0", "20", "40", "60"]


def test_several_curves_have_a_legend_and_differ_in_more_than_colour():
    svg = line_chart([Line("agent", [(0, 1)]), Line("blind", [(0, 2)])], "x", "y")
    assert {"agent", "blind"} <= set(ticks(svg))
    dashes = {line.get("stroke-dasharray") for line in ElementTree.fromstring(svg).iter("polyline")}
    assert len(dashes) == 2


@pytest.mark.parametrize("name", ["<script>", 'a "b" & c'])
def test_names_are_escaped(name):
    lines = [Line(name, [(0, 1)]), Line("b", [(0, 2)])]
    assert name in ticks_as_text(line_chart(lines, name, name))


def ticks_as_text(svg: str) -> list[str | None]:
    return [text.text for text in ElementTree.fromstring(svg).iter("text")]

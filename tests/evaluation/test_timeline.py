import xml.etree.ElementTree as ET

import pytest

from avvla.errors import UserError
from avvla.evaluation import timeline
from avvla.policy.interface import ConstantVelocity


def tick(time_s, command="Follow the lane", reasons=(), age=0.1):
    return {
        "time_s": time_s,
        "command": command,
        "plan_age_s": age,
        "latency_s": 0.1,
        "speed_mps": 10.0,
        "planned_acceleration": float("nan"),
        "driven_acceleration": -1.0,
        "reasons": list(reasons),
    }


def test_the_same_drive_is_written_each_time_and_read_back(params, tmp_path):
    paths = [tmp_path / name for name in ("a.parquet", "b.parquet")]
    for path in paths:
        timeline.record(ConstantVelocity(), params, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    ticks = timeline.read(paths[0])
    assert ticks[0]["command"] == "Follow the lane"
    assert "Change lane left" in {one["command"] for one in ticks}


def test_the_strip_has_a_bar_for_each_command_and_a_mark_for_each_intervention():
    ticks = [tick(0.1 * n, reasons=("jerk",) if n == 3 else ()) for n in range(10)]
    ticks += [tick(0.1 * n, "Turn <left>", ("slowing", "jerk")) for n in range(10, 15)]
    root = ET.fromstring(timeline.strip(ticks))
    texts = [element.text for element in root.iter("text")]
    assert texts.count("Turn <left>") == 1
    assert {"jerk", "slowing", "0 s"} <= set(texts)
    assert len(list(root.iter("rect"))) == 2 + 6 + 5
    quiet = [text.text for text in ET.fromstring(timeline.strip([tick(0.0)])).iter("text")]
    assert "no intervention" in quiet


def test_charts_leave_out_what_was_not_planned():
    ticks = [tick(0.1 * n) for n in range(10)]
    charts = timeline.charts(ticks)
    assert [ET.fromstring(chart).tag for chart in charts] == ["svg"] * 3
    assert charts[1].count("polyline") == 2


def test_bad_files_end_in_one_line(tmp_path):
    path = tmp_path / "timeline.parquet"
    with pytest.raises(UserError, match="is missing: run `dvc repro evaluate`"):
        timeline.read(path)
    path.write_bytes(b"PAR1 no table")
    with pytest.raises(UserError, match="cannot be read"):
        timeline.read(path)

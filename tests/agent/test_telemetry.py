import io
import math

import pyarrow.parquet as pq
import pytest
from agent_factory import Plain, Steady
from rich.console import Console

from avvla.agent import telemetry, virtual
from avvla.agent.live import curve, view
from avvla.agent.loop import Loop, Settings
from avvla.agent.virtual import Times


@pytest.fixture
def ticks():
    noted = []
    virtual.run(
        [Plain()],
        [Loop(Settings())],
        Steady(),
        30,
        times=Times(lambda tick: 0.2),
        note=lambda index, tick: noted.append(tick),
    )
    return noted


def test_all_ticks_are_in_the_file_and_the_last_ones_in_the_ring(ticks, tmp_path, monkeypatch):
    monkeypatch.setattr(telemetry, "PART", 7)
    monkeypatch.setattr(telemetry, "RING", 5)
    paths = [tmp_path / name for name in ("a.parquet", "b.parquet")]
    for path in paths:
        with telemetry.recording(path) as recorder:
            for tick in ticks:
                recorder.note(tick)
            assert not path.exists()
        assert list(recorder.ring) == ticks[-5:]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    table = pq.read_table(paths[0])
    assert table.schema.equals(telemetry.SCHEMA)
    assert table["time_s"].to_pylist() == [tick.time_s for tick in ticks]
    assert table["reasons"].to_pylist() == [list(tick.reasons) for tick in ticks]


def test_without_a_file_only_the_ring_is_kept(ticks):
    with telemetry.recording(None) as recorder:
        for tick in ticks:
            recorder.note(tick)
    assert len(recorder.ring) == 30


def test_a_drive_without_a_tick_is_a_file_too(tmp_path):
    with telemetry.recording(tmp_path / "none.parquet"):
        pass
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0
    assert telemetry.summary([])["ticks"] == 0


def test_the_summary_counts_and_measures(ticks):
    found = telemetry.summary(ticks)
    assert found["ticks"] == 30
    assert found["latency_p50_ms"] == pytest.approx(200)
    assert found["plan_age_p99_ms"] <= 400
    assert found["interventions"] == sum(bool(tick.reasons) for tick in ticks)


def test_the_live_view_shows_figures_and_events(ticks):
    console = Console(width=160, file=io.StringIO())
    console.print(view(ticks))
    text = console.file.getvalue()
    assert "Follow the lane" in text
    assert "10.0 m/s" in text


def test_a_curve_is_scaled_and_survives_nan():
    assert curve([0.0, 5.0, 10.0, math.nan]) == "▁▅█ "
    assert curve([]) == ""


def drive_that_fails(path, ticks):
    with telemetry.recording(path) as recorder:
        for tick in ticks:
            recorder.note(tick)
        raise OSError("the disk is full")


def test_nothing_half_written_stays_where_a_drive_fails(ticks, tmp_path):
    with pytest.raises(OSError, match="full"):
        drive_that_fails(tmp_path / "a.parquet", ticks)
    assert list(tmp_path.iterdir()) == []

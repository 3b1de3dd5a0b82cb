"""The loop in a terminal, live."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from avvla.agent.loop import Tick

BARS = "▁▂▃▄▅▆▇█"
SHOWN = 60
"""Ticks of a curve."""
EVENTS = 6


def view(ticks: Sequence[Tick]) -> Group:
    """The last tick in figures, the speed as a curve, and the last interventions and faults."""
    now = ticks[-1]
    figures = Table.grid(padding=(0, 3))
    figures.add_row("time", "command", "speed", "acceleration", "curvature", "plan age", "latency")
    figures.add_row(
        f"{now.time_s:.1f} s",
        now.command,
        f"{now.speed_mps:.1f} m/s",
        f"{now.driven.acceleration:+.2f} m/s²",
        f"{now.driven.curvature:+.4f} 1/m",
        _milliseconds(now.plan_age_s),
        _milliseconds(now.latency_s),
    )
    events = [
        Text(f"{tick.time_s:7.1f} s  {', '.join((*tick.reasons, *tick.faults))}")
        for tick in ticks
        if tick.reasons or tick.faults
    ]
    speeds = [tick.speed_mps for tick in ticks][-SHOWN:]
    return Group(figures, Text(curve(speeds)), *events[-EVENTS:])


def curve(values: Sequence[float]) -> str:
    """Values as bars, 0 at the bottom."""
    top = max((value for value in values if math.isfinite(value)), default=0.0) or 1.0
    return "".join(
        BARS[min(int(value / top * len(BARS)), len(BARS) - 1)] if math.isfinite(value) else " "
        for value in values
    )


def _milliseconds(value_s: float) -> str:
    return f"{value_s * 1e3:.0f} ms" if math.isfinite(value_s) else "-"

"""Rows of the report's tables: figures as texts, dashes where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from avvla.evaluation.bands import BENDS, SPEEDS
from avvla.evaluation.names import AGENT, BLIND, CONSTANT_VELOCITY, DRIVERS
from avvla.evaluation.open_loop import HORIZONS_S
from avvla.evaluation.verdict import ABSENT, metres, percent

Rows = list[tuple[str, str]]

KINDS = {"command": "Command", "speed": "Speed at t0", "bend": "Bend"}
"""Of bands, with the name of their table."""
ORDER = {name: place for names in (SPEEDS, BENDS) for place, name in enumerate(names)}
RIDES = (
    ("plan", "plan"),
    ("tracked", "tracked"),
    ("tracked_navsim", "tracked, NAVSIM"),
)
LATERALS = (
    ("plan_lateral_mps2", "plan"),
    ("tracked_lateral_mps2", "tracked"),
    ("tracked_navsim_lateral_mps2", "tracked, NAVSIM"),
)


def open_loop(found: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """For each driver ADE and FDE [m] at each horizon, and the agent's intervals below them."""
    names = [f"{kind}_{horizon:g}s" for kind in ("ade", "fde") for horizon in HORIZONS_S]
    rows = [
        (DRIVERS[driver], [metres(row[name]) for name in names]) for driver, row in _each(found)
    ]
    interval = [found["interval"][name] for name in names]
    rows.insert(
        1, ("95 % interval", [f"{metres(i['low'])} to {metres(i['high'])}" for i in interval])
    )
    return rows


def other_errors(found: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """For each driver the share of misses, errors of heading and speed, and the best of six."""
    return [
        (
            DRIVERS[driver],
            [
                percent(row["miss_rate"]),
                f"{row['heading_error']:.3f}",
                metres(row["speed_error"]),
                metres(row.get("min_ade")),
            ],
        )
        for driver, row in _each(found)
    ]


def bands(found: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, int, list[str]]]]]:
    """For each kind of band its bands: samples, ADE over 6.4 s [m] of some drivers."""
    told = (BLIND, CONSTANT_VELOCITY)
    tables = []
    for kind, title in KINDS.items():
        rows = []
        for name in sorted(found[kind], key=lambda name: (ORDER.get(name, 0), name)):
            band = found[kind][name]
            own = band[AGENT]
            cells = [
                metres(own["ade_6.4s"]),
                f"{metres(own['low'])} to {metres(own['high'])}",
                *(metres(band[driver]["ade_6.4s"]) for driver in told),
            ]
            rows.append((name, band["n"], cells))
        tables.append((title, rows))
    return tables


def comfort(found: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """For each driver the comfortable shares of RIDES and the largest accelerations of LATERALS."""
    return [
        (
            DRIVERS[driver],
            [
                *(percent(found[driver][name]) for name, _ in RIDES),
                *(metres(found[driver][name]) for name, _ in LATERALS),
            ],
        )
        for driver in DRIVERS
    ]


def flat(metrics: Mapping[str, Any], prefix: str = "") -> Rows:
    """Nested figures as (name, value) rows, names joined by `, `; single figures come first."""
    rows: Rows = []
    for name, value in sorted(metrics.items(), key=lambda item: isinstance(item[1], Mapping)):
        label = f"{prefix}, {name}" if prefix else name
        if isinstance(value, Mapping):
            rows += flat(value, label.replace("_", " "))
        else:
            rows.append((label.replace("_", " "), _value(value)))
    return rows


def described(section: BaseModel, prefix: str = "") -> list[tuple[str, str, str]]:
    """Every parameter: its name, its value and what it means."""
    rows: list[tuple[str, str, str]] = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            rows += described(value, f"{prefix}{name}.")
        else:
            rows.append((prefix + name, _value(value), field.description or ""))
    return rows


def _each(found: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(driver, found if driver == AGENT else found[driver]) for driver in DRIVERS]


def _value(value: Any) -> str:
    if value is None:
        return ABSENT
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)

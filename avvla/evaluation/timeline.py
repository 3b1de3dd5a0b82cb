"""One closed-loop drive as the Commander, the Field Agent and the override lived it, over time.

The drive is the agent's loop in full on the virtual clock: plans that come PLAN_S late, a Commander
that is asked once a second and answers COMMAND_S later, the override.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from avvla.actions.unicycle import DT_S
from avvla.agent import virtual
from avvla.agent.commander import Given
from avvla.agent.loop import Loop, Settings
from avvla.agent.place import EmbeddedPlace
from avvla.agent.telemetry import SCHEMA, recording
from avvla.agent.virtual import Times
from avvla.config import Params
from avvla.errors import UserError
from avvla.evaluation.charts import Line, line_chart
from avvla.evaluation.drive import road_key
from avvla.physical_ai.camera import Crop
from avvla.policy.interface import Policy
from avvla.world.embedded import EmbeddedWorld
from avvla.world.recording import synthetic_camera
from avvla.world.scenario import draw_scenario

FAMILY, ROAD, DURATION_S = "merge", 0, 18.0
PLAN_S, COMMAND_EVERY_S, COMMAND_S = 0.1, 1.0, 0.3

WIDTH, ROW, LEFT = 1032, 30, 96
COLOURS = ("#0b62a8", "#00795c", "#a8478a", "#7a5c00", "#b3460a", "#4a5a70")


def record(policy: Policy, params: Params, path: Path) -> None:
    """Drive it and write its ticks (Parquet, `avvla.agent.telemetry.SCHEMA`)."""
    synthetic = params.dataset.synthetic
    world = EmbeddedWorld(synthetic_camera(synthetic), synthetic.randomisation)
    world.reset(draw_scenario(FAMILY, *road_key(ROAD)), *road_key(ROAD))
    with recording(path) as recorder:
        virtual.run(
            [EmbeddedPlace(world, Crop.of(params.build), params.build.image_size)],
            [Loop(Settings())],
            policy,
            round(DURATION_S / DT_S),
            times=Times(lambda tick: PLAN_S, COMMAND_EVERY_S, COMMAND_S),
            commanders=[Given()],
            note=lambda index, tick: recorder.note(tick),
        )


def read(path: Path) -> list[dict[str, Any]]:
    """The ticks of a file.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run `dvc repro evaluate`") from None
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} cannot be read ({reason}): run `dvc repro -f evaluate`") from None
    if not table.schema.equals(SCHEMA):
        raise UserError(f"{path} has other columns: run `dvc repro -f evaluate`")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def strip(ticks: Sequence[dict[str, Any]]) -> str:
    """An SVG element: what was commanded, and where the override stepped in, over time."""
    names = list(dict.fromkeys(tick["command"] for tick in ticks))
    reasons = list(dict.fromkeys(reason for tick in ticks for reason in tick["reasons"]))
    end = ticks[-1]["time_s"] + DT_S
    scale = (WIDTH - LEFT - 8) / end
    height = ROW * (1 + max(len(reasons), 1)) + 26
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="commands and '
        'interventions over time">',
        f'<text x="0" y="{ROW - 10}">command</text>',
    ]
    for command, group in groupby(ticks, key=lambda tick: tick["command"]):
        part = list(group)
        x, width = LEFT + part[0]["time_s"] * scale, len(part) * DT_S * scale
        colour = COLOURS[names.index(command) % len(COLOURS)]
        parts.append(
            f'<rect x="{x:.1f}" y="4" width="{width:.1f}" height="{ROW - 8}" rx="3" '
            f'fill="{colour}"/><text x="{x + 6:.1f}" y="{ROW - 10}" style="fill:#fff">'
            f"{escape(command)}</text>"
        )
    for row, reason in enumerate(reasons, 1):
        y = row * ROW
        parts.append(f'<text x="0" y="{y + ROW - 10}">{escape(reason)}</text>')
        for tick in ticks:
            if reason in tick["reasons"]:
                x = LEFT + tick["time_s"] * scale
                parts.append(
                    f'<rect x="{x:.1f}" y="{y + 6}" width="{DT_S * scale:.1f}" '
                    f'height="{ROW - 12}" fill="#b3460a"/>'
                )
    if not reasons:
        parts.append(f'<text x="0" y="{2 * ROW - 10}">no intervention</text>')
    for second in range(0, int(end) + 1, 2):
        x = LEFT + second * scale
        parts.append(f'<text x="{x:.1f}" y="{height - 6}" text-anchor="middle">{second} s</text>')
    return "".join([*parts, "</svg>"])


def charts(ticks: Sequence[dict[str, Any]]) -> list[str]:
    """SVG elements: speed, acceleration planned and driven, age of the plan and its delay."""

    def line(name: str, column: str, factor: float = 1.0) -> Line:
        points = [
            (tick["time_s"], factor * tick[column])
            for tick in ticks
            if tick[column] == tick[column]  # no NaN
        ]
        return Line(name, points)

    drawn = (
        ([line("speed", "speed_mps")], "speed [m/s]"),
        (
            [line("planned", "planned_acceleration"), line("driven", "driven_acceleration")],
            "acceleration [m/s²]",
        ),
        ([line("age", "plan_age_s", 1e3), line("delay", "latency_s", 1e3)], "plan [ms]"),
    )
    return [line_chart(lines, "time [s]", label) for lines, label in drawn]

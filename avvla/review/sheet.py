"""A page of labels to judge: camera frame with the driven path, command, text, keys for verdicts.

One HTML file with everything in it; the same labels and logs give the same bytes. The verdicts
leave it as the CSV that `avvla.review.verdicts` reads.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from avvla.actions.fit import T0, to_local
from avvla.actions.unicycle import DT_S
from avvla.evaluation.charts import Line, line_chart
from avvla.evaluation.pictures import jpeg_uri, scaled
from avvla.logs.interface import Logs
from avvla.page import environment
from avvla.physical_ai.camera import FThetaCamera, RigExtrinsics
from avvla.review.verdicts import COLUMNS, VERDICTS
from avvla.world.birdseye import overlay_plan

TEMPLATES = Path(__file__).parent / "templates"
FRAME_WIDTH_PX = 768
MAP_SIZE, CAPTION = 240, 24
LEAST_SPAN_M = 20.0
MARGIN_M = 2.0


@dataclass(frozen=True)
class Card:
    """A label with what a person needs to judge it."""

    clip_id: str
    t0_us: int
    command: str
    facts: tuple[tuple[str, str], ...]
    """What the label says besides its command, as (name, value)."""
    frame: str
    """The frame at t0, with the driven path if it can be placed, as a `data:` address."""
    path: Markup
    """The 6.4 s after t0 from above, as SVG."""
    speed: Markup
    """Speed from 1.5 s before to 6.4 s after t0, as SVG."""


def cards(logs: Logs, rows: pd.DataFrame) -> list[Card]:
    """The cards of label rows (`avvla.review.samples.COLUMNS`), in their order.

    Raises:
        UserError: a clip cannot be read.
    """
    made = {}
    # Clip by clip, because the reader keeps only the last one open.
    for clip_id, part in rows.groupby("clip_id", sort=True):
        for card in _of_clip(logs, str(clip_id), part):
            made[card.clip_id, card.t0_us] = card
    return [made[key] for key in zip(rows["clip_id"], rows["t0_us"].tolist(), strict=True)]


def render(shown: Sequence[Card], total: int) -> str:
    """The page of cards out of `total` labels."""
    asked = "\n".join(f"{card.clip_id} {card.t0_us} {card.command}" for card in shown)
    return (
        environment(TEMPLATES)
        .get_template("sheet.html.j2")
        .render(
            cards=shown,
            total=total,
            columns=COLUMNS,
            verdicts=VERDICTS,
            key=sha256(asked.encode()).hexdigest()[:16],
        )
    )


def with_path(
    frame: NDArray[np.uint8],
    camera: FThetaCamera,
    extrinsics: RigExtrinsics | None,
    ahead: NDArray[np.float64],
) -> NDArray[np.uint8]:
    """The frame (H, W, 3) at FRAME_WIDTH_PX, with the path (T, 2) [m, local] on the ground.

    Without a path where the camera's place is not known.
    """
    zoom = FRAME_WIDTH_PX / camera.width
    large = scaled(camera, zoom)
    method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    image = cv2.resize(frame, (large.width, large.height), interpolation=method)
    if extrinsics is None:
        return np.asarray(image, np.uint8)
    return overlay_plan(np.asarray(image, np.uint8), large, extrinsics, ahead)


def path_chart(ahead: NDArray[np.float64]) -> str:
    """An SVG of a path (T, 2) [m, local] from above: forward is up, both axes alike in scale."""
    points = np.concatenate([np.zeros((1, 2)), ahead])
    up, across = points[:, 0], -points[:, 1]
    span = max(float(np.ptp(up)), float(np.ptp(across)), LEAST_SPAN_M) + 2 * MARGIN_M
    scale = MAP_SIZE / span
    column = MAP_SIZE / 2 + (across - (across.max() + across.min()) / 2) * scale
    row = MAP_SIZE / 2 - (up - (up.max() + up.min()) / 2) * scale
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(column, row, strict=True))
    x, y = column[0], row[0]
    return (
        f'<svg class="map" viewBox="0 0 {MAP_SIZE} {MAP_SIZE + CAPTION}" role="img" '
        f'aria-label="driven path from above">'
        f'<polyline class="driven" points="{line}"/>'
        f'<path class="ego" d="M{x:.1f} {y - 9:.1f}l6 15h-12z"/>'
        f'<text x="{MAP_SIZE / 2:g}" y="{MAP_SIZE + CAPTION - 8}" text-anchor="middle">'
        f"{span:.0f} m across, ahead is up</text></svg>"
    )


def _of_clip(logs: Logs, clip_id: str, rows: pd.DataFrame) -> Iterator[Card]:
    t0_us = rows["t0_us"].to_numpy()
    xy, yaw, speed = logs.ego_windows(clip_id, t0_us)
    position, _ = to_local(xy, yaw)
    camera, extrinsics = logs.camera(clip_id), logs.extrinsics(clip_id)
    time_s = (np.arange(speed.shape[1]) - T0) * DT_S
    for row, frame, local, speeds in zip(
        rows.to_dict("records"), logs.frames(clip_id, t0_us), position, speed, strict=True
    ):
        ahead = local[T0 + 1 :]
        line = Line("speed", list(zip(time_s.tolist(), speeds.tolist(), strict=True)))
        yield Card(
            clip_id=clip_id,
            t0_us=int(row["t0_us"]),
            command=row["command"],
            facts=_facts(row),
            frame=jpeg_uri(with_path(frame, camera, extrinsics, ahead)),
            path=Markup(path_chart(ahead)),
            speed=Markup(line_chart([line], "time after t0 [s]", "speed [m/s]")),
        )


def _facts(row: Mapping[Hashable, Any]) -> tuple[tuple[str, str], ...]:
    facts = {name: row[name] for name in ("text", "cause", "object", "reason") if row[name]}
    facts["source"] = f"{row['source']}, confidence {row['confidence']:g}"
    if not row["consistent"]:
        facts["motion"] = "contradicts the command"
    return tuple(facts.items())

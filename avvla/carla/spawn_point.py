"""Places as people write them: "x,y,z" or "x,y,z,roll,pitch,yaw" in metres and degrees.

CARLA's own axes (x forward, y right, z up; yaw clockwise seen from above), because its maps and
guides give them so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from avvla.errors import UserError


@dataclass(frozen=True)
class SpawnPoint:
    """Location [m]; rotation roll, pitch, yaw [degree], None where the lane gives it."""

    location: tuple[float, float, float]
    rotation: tuple[float, float, float] | None


def parse(text: str) -> SpawnPoint:
    """The place that a text says.

    Raises:
        UserError: it is not 3 or 6 numbers.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (3, 6) or not all(map(math.isfinite, numbers)):
        raise UserError(
            f"{text!r} is no place: expected 3 numbers x,y,z or 6 numbers x,y,z,roll,pitch,yaw"
        )
    x, y, z, *turn = numbers
    return SpawnPoint((x, y, z), (turn[0], turn[1], turn[2]) if turn else None)

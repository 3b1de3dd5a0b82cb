"""The driven windows of a clip: what labels, actions and samples are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.logs.interface import Logs


@dataclass(frozen=True, eq=False)
class Windows:
    """K windows of 80 samples at 10 Hz of one clip, t0 at sample 15, in a frame of its own.

    Shapes: t0_us (K,) int64 [us], xy (K, 80, 2) [m], yaw (K, 80) [rad], speed (K, 80) [m/s].
    """

    clip_id: str
    t0_us: NDArray[np.int64]
    xy: NDArray[np.float64]
    yaw: NDArray[np.float64]
    speed: NDArray[np.float64]


def windows(logs: Logs, chunk: int, t0_start_s: float, t0_stride_s: float) -> Iterator[Windows]:
    """The windows of each clip of a chunk, by clip id; clips without any are left out.

    The parameters `dataset.t0_start_s` and `dataset.t0_stride_s` say where the t0 of a clip are.

    Raises:
        UserError: no clip of the chunk has one.
    """
    clip_ids = logs.clip_ids(chunk)
    empty = True
    for clip_id in clip_ids:
        t0_us = logs.t0_grid(clip_id, t0_start_s, t0_stride_s)
        if len(t0_us):
            empty = False
            yield Windows(clip_id, t0_us, *logs.ego_windows(clip_id, t0_us))
    if empty:
        raise UserError(
            f"none of {len(clip_ids)} clips has a t0 from {t0_start_s} s on with a camera"
            " frame, 1.5 s of egomotion before it and 6.4 s after it: lower dataset.t0_start_s or"
            " use longer clips"
        )

"""What a reader of raw logs offers, whatever the source: clips by chunk, all times in a clip.

A clip is a stretch of one drive with its own time, int64 microseconds from its first frame on. It
has egomotion, which may reach beyond its video on both sides, and the frames of one camera. Work
clip by clip: a reader keeps what it decoded of the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from avvla.physical_ai.camera import FThetaCamera, RigExtrinsics


class Logs(Protocol):
    """The clips of a manifest. Every method raises UserError for files missing or damaged."""

    @property
    def assumptions(self) -> Mapping[str, float]:
        """What is assumed where the data set does not tell, by name with unit; empty if nothing."""

    def clip_ids(self, chunk: int) -> list[str]:
        """Usable clips of a chunk, sorted."""

    def missing(self, chunk: int) -> dict[str, str]:
        """The other clips of a chunk with the reason, sorted."""

    def group(self, clip_id: str) -> str:
        """What must stay on one side of a split: clips of one drive share it."""

    def facts(self, chunk: int, *, events: bool = False) -> dict[str, Any]:
        """What a result made of a chunk depends on, as JSON holds it; with its clips' events."""

    def t0_grid(self, clip_id: str, start_s: float, stride_s: float) -> NDArray[np.int64]:
        """Times t0 (K,) [us] from `start_s` every `stride_s` that have all a sample needs.

        A t0 has a camera frame at or before it and another at or after it, and egomotion from
        1.5 s before to 6.4 s after it. K may be 0.
        """

    def ego_windows(
        self, clip_id: str, t0_us: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Driven windows of 80 samples at 10 Hz around each t0 (K,), t0 at sample 15.

        Returns: xy (K, 80, 2) [m] and yaw (K, 80) [rad, unwrapped] in a frame of the clip's own,
        and speed (K, 80) [m/s] along the vehicle, negative in reverse.
        """

    def frames(self, clip_id: str, t0_us: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The latest camera frame at or before each t0 (K,): (K, H, W, 3) uint8 RGB."""

    def camera(self, clip_id: str) -> FThetaCamera:
        """Intrinsics of the clip's camera; see `assumptions`."""

    def extrinsics(self, clip_id: str) -> RigExtrinsics | None:
        """Pose of the clip's camera in the rig, None where the data set does not tell it."""

    def events(self, clip_id: str) -> list[tuple[int, str]]:
        """Texts recorded with a clip (time [us], text) by time; none if it has none."""

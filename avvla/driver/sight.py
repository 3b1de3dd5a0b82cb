"""What a policy sees of a simulator's cameras. A driver that sees nothing does without OpenCV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avvla.driver.frame import decoded
from avvla.driver.lens import Lens, lens, picture
from avvla.driver.refusal import invalid, shown
from avvla.physical_ai.camera import Crop


@dataclass(frozen=True)
class Sight:
    """A camera's crop as a square of `size` pixels."""

    camera: str
    crop: Crop
    size: int

    def lens(self, cameras: Any) -> Lens:
        """The lens of the camera among those of a session.

        Raises:
            RefusalError: the session has no such camera, or its intrinsics make none.
        """
        for camera in cameras:
            if self.camera in (camera.logical_id, camera.intrinsics.logical_id):
                return lens(camera.intrinsics)
        names = ", ".join(shown(camera.logical_id) for camera in cameras[:16])
        raise invalid(
            f"the session has no camera {self.camera!r}, which the policy sees; it has"
            f" {names or 'none'}"
        )

    def picture(self, data: bytes, through: Lens) -> NDArray[np.uint8]:
        """The policy's picture (size, size, 3) RGB of a frame's bytes.

        Raises:
            RefusalError: see `decoded`.
        """
        return picture(through, decoded(data), self.crop, self.size)

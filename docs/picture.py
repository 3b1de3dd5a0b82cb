"""Draw docs/drive.png from results/: two drives from above, and two plans in the camera picture.

.venv/bin/python docs/picture.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avvla.evaluation.drives import load_drives
from avvla.evaluation.examples import load_examples
from avvla.evaluation.names import AGENT
from avvla.evaluation.pictures import camera_picture, drive_picture
from avvla.params import load_params

RESULTS = Path("results/evaluate")
OUTPUT = Path("docs/drive.png")
DRIVES = {"lane_keeping_tight": 2, "turn": 1}
"""Family and which of its successes, from 0 on."""
PLANS = ("25 of 100", "75 of 100")
HEIGHT_PX = 300
GAP_PX = 12


def main() -> None:
    """The drives of DRIVES above, the examples of PLANS below."""
    params = load_params()
    drives = load_drives(RESULTS / "drives.npz")[AGENT]
    examples = {example.rank: example for example in load_examples(RESULTS / "examples.npz")}
    synthetic = params.dataset.synthetic
    chosen = [
        [drive for drive in drives if drive.family == family and drive.success][place]
        for family, place in DRIVES.items()
    ]
    above = [drive_picture(drive, synthetic) for drive in chosen]
    below = [camera_picture(examples[rank], params.build, synthetic) for rank in PLANS]
    picture = _stacked([_row(above), _row(below)])
    cv2.imwrite(str(OUTPUT), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    print(OUTPUT)


def _row(images: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    scaled = [
        cv2.resize(
            image,
            (round(image.shape[1] * HEIGHT_PX / image.shape[0]), HEIGHT_PX),
            interpolation=cv2.INTER_AREA,
        )
        for image in images
    ]
    gap = np.full((HEIGHT_PX, GAP_PX, 3), 255, np.uint8)
    return np.hstack([scaled[0], *(part for image in scaled[1:] for part in (gap, image))])


def _stacked(rows: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    width = min(row.shape[1] for row in rows)
    fitted = [
        cv2.resize(
            row, (width, round(row.shape[0] * width / row.shape[1])), interpolation=cv2.INTER_AREA
        )
        for row in rows
    ]
    gap = np.full((GAP_PX, width, 3), 255, np.uint8)
    return np.vstack([fitted[0], *(part for row in fitted[1:] for part in (gap, row))])


if __name__ == "__main__":
    main()

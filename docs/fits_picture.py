"""Draw docs/fits.svg: recorded windows and their labels, the worst first.

.venv/bin/python docs/fits_picture.py segments_10hz.npz

The file has the arrays x_al, y_al, yaw_al and v_al, (N, 80) each: windows whose heading is aligned
with the direction of travel.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from avvla.actions.fit import fit_actions
from avvla.actions.unicycle import DT_S
from avvla.config import Action
from avvla.evaluation.fits import examples_of, sheet

OUTPUT = Path("docs/fits.svg")
ROWS = 3


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("fits_picture: expected one argument, an npz of recorded windows")
    with np.load(sys.argv[1], allow_pickle=False) as data:
        xy = np.stack([data["x_al"], data["y_al"]], -1)
        yaw, speed = data["yaw_al"], data["v_al"]
    wanted = Action()
    fit = fit_actions(xy, yaw, speed, DT_S, wanted.integrator, wanted.max_error_m, wanted.method)
    titles = [f"window {number}" for number in range(len(xy))]
    OUTPUT.write_text(sheet(examples_of(titles, xy, yaw, speed, fit, wanted.integrator)[:ROWS]))
    print(OUTPUT)


if __name__ == "__main__":
    main()

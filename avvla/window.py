"""The window of a t0: 80 samples at 10 Hz, 15 of history, t0 itself, 64 of what follows."""

from __future__ import annotations

import numpy as np

STEP_US = 100_000
HISTORY_STEPS = 15  # before t0, which is sample 15 of a window
FUTURE_STEPS = 64
WINDOW_US = np.arange(-HISTORY_STEPS, FUTURE_STEPS + 1, dtype=np.int64) * STEP_US
"""(80,) times of the samples after t0 [us]."""

"""Labels: the driving command of each t0, from the recording, from the driven path, or fixed."""
